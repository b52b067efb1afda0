"""How a fit is measured."""

import numpy as np
import pytest

from benchmarks.run.fit import Fit
from benchmarks.run.folds import labels_of, rows_of
from benchmarks.run.jobs import make_jobs
from benchmarks.run.measure import measure
from benchmarks.run.unit import make_units, run_unit
from tests.benchmarks.helpers import noisy_job


class Parrot:
    """Predicts what it was told about each row."""

    def __init__(self, labels, classes):
        self.labels, self.classes_ = labels, classes

    def predict_proba(self, X):
        return np.eye(len(self.classes_))[self.labels[X.index]]


def test_memorized_labels_are_counted(iris):
    job, classes = noisy_job(iris, 0.5), np.unique(iris.y)
    given, y = labels_of(iris, job), np.asarray(iris.y)
    learned, _ = measure(iris, Fit(job, Parrot(given, classes)))
    assert learned["wrong_error"] == 0 and learned["train_error"] == 0
    test = rows_of(iris, job)[1]
    assert learned["error"] == pytest.approx((given[test] != y[test]).mean())
    right, _ = measure(iris, Fit(job, Parrot(y, classes)))
    assert right["wrong_error"] == 1 and right["error"] == 0
    assert (
        "wrong_error"
        not in measure(iris, Fit(noisy_job(iris, 0.0), Parrot(y, classes)))[0]
    )


def test_forests_learn_the_wrong_labels_too(iris):
    jobs = make_jobs(iris, ["forest"], [], protocol=None, folds=2, noise=0.5)
    (outcome,) = run_unit(make_units(iris, jobs)[0])
    assert outcome.row["noise"] == 0.5
    assert outcome.row["wrong_error"] < 0.1 < outcome.row["error"]
