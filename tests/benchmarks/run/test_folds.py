"""Folds, and wrong labels."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.data.tables import Table
from benchmarks.run.folds import labels_of, rare_classes, split
from benchmarks.run.jobs import make_jobs
from tests.benchmarks.helpers import ONE_FOLD, noisy_job, run_job


def test_folds_are_stratified_and_shared_by_all_models(iris):
    jobs = make_jobs(iris, ["mixup", "dummy"], [0.0, 0.5], **ONE_FOLD)
    assert len(jobs) == len(set(jobs)) == 9
    y = np.asarray(iris.y)
    folds, again = split(y, 3, seed=1), split(y, 3, seed=1)
    for (train, test), (_, same) in zip(folds, again, strict=True):
        assert list(test) == list(same)
        assert set(train).isdisjoint(test)
        assert set(np.bincount(y[test])) <= {16, 17}
    assert list(folds[0][1]) != list(split(y, 3, seed=2)[0][1])


@pytest.mark.parametrize("counts", [(9, 2, 1), (2, 2, 2)])
def test_rare_classes_neither_crash_nor_get_lost(counts):
    y = np.repeat(["a", "b", "c"], counts)
    folds = split(y, 3, seed=0)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    assert rare_classes(y, 3).endswith("b, c")
    table = Table("rare", pd.DataFrame({"x": np.arange(len(y))}), pd.Series(y))
    for job in make_jobs(table, ["dummy"], [], **ONE_FOLD):
        row = run_job(table, job)
        assert row["status"] == "ok"
        assert np.isfinite(row["log_loss"])


def test_no_warning_where_no_class_is_rare():
    assert rare_classes(np.repeat(["a", "b"], 3), 3) is None


def test_labels_are_replaced_by_any_class(iris):
    y = np.asarray(iris.y)
    shares = {}
    for noise in (0.0, 0.2, 0.5, 1.0):
        given = labels_of(iris, noisy_job(iris, noise))
        shares[noise] = (given != y).mean()
        assert set(given) <= set(y)
    assert shares[0.0] == 0
    # A third of the labels drawn are right.
    assert shares[1.0] == pytest.approx(2 / 3, abs=0.1)
    assert shares[0.2] < 0.2 and shares[0.2] < shares[0.5] < shares[1.0]
    assert np.array_equal(np.asarray(iris.y), y)  # the table's own are untouched


def test_more_noise_adds_wrong_labels_and_keeps_the_old(iris):
    some, more = (labels_of(iris, noisy_job(iris, noise)) for noise in (0.2, 0.5))
    wrong = some != np.asarray(iris.y)
    assert wrong.any()
    assert np.array_equal(some[wrong], more[wrong])
