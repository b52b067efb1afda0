"""Units fit, score and fail as their jobs would alone."""

import json
import math
import os
import signal
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose

from benchmarks.data.tables import load_all
from benchmarks.models import registry
from benchmarks.models.registry import make_model
from benchmarks.run.fit import Fit
from benchmarks.run.folds import rows_of
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.measure import measure
from benchmarks.run.results import Results, read_rows
from benchmarks.run.runner import run_units
from benchmarks.run.unit import Interrupted, make_units, run_unit
from tests.benchmarks.conftest import pretend
from tests.benchmarks.helpers import ONE_FOLD, run_job


@pytest.mark.parametrize("score", [math.nan, math.inf, -1.0, None])
def test_a_score_that_is_no_number_is_a_failure(tmp_path, monkeypatch, score):
    """It ended the whole run, since no file could hold it."""

    def spoil(table, fit: Fit):
        measures, predictions = measure(table, fit)
        return measures | {"log_loss": score}, predictions

    ((iris,), _) = load_all(["iris"])
    jobs = make_jobs(iris, ["dummy"], [], protocol="paper", folds=2)
    outcomes = run_unit(make_units(iris, jobs, measure=spoil)[0])
    rows = [outcome.row for outcome in outcomes]
    assert all(row["status"] == "failed" for row in rows)
    assert "log_loss is" in rows[0]["message"]
    Results(tmp_path).append(rows)
    assert read_rows(tmp_path) == rows


def test_models_of_a_fold_share_their_rows_and_seed(iris, monkeypatch):
    """One fold is one split and one seed, whatever the model; other folds, others."""
    seen = {}

    class Spy(registry.DummyClassifier):
        def fit(self, X, y):
            key = (tuple(X.index), self.random_state)
            seen.setdefault(key, []).append(self.name)
            return super().fit(X, y)

    def spy_for(name):
        def spy(seed, **_):
            model = Spy(random_state=seed)
            model.name = name
            return model

        return spy

    models = ["mlp", "forest"]
    for name in models:
        pretend(monkeypatch, name, spy_for(name))
    for job in make_jobs(iris, models, [], **ONE_FOLD | {"repeats": 2}):
        assert run_job(iris, job)["status"] == "ok"
    assert len(seen) == len({seed for _, seed in seen}) == 6
    assert all(names == models for names in seen.values())


def alone(table, job):
    """What the job's model predicts when it is fitted by itself."""
    train, test = rows_of(table, job)
    model = make_model(
        job.model, alpha=job.alpha, protocol=job.protocol, seed=job.fold_seed
    )
    model.fit(table.X.iloc[train], np.asarray(table.y)[train])
    return model, model.predict_proba(table.X.iloc[test])


@pytest.mark.parametrize(
    ("models", "alphas"),
    [
        (["mixup"], [0.0, 0.5]),
        (["cutmix"], [0.2, 0.5]),
        (["mixup_search", "mixup_folds"], [0.0]),
    ],
)
def test_a_unit_predicts_what_separate_fits_predict(iris, models, alphas):
    jobs = make_jobs(iris, models, alphas, **ONE_FOLD)
    if len(models) == 2:
        jobs = jobs[:2]
    (unit,) = make_units(iris, jobs)
    assert sorted(unit.jobs, key=jobs.index) == jobs
    for job, outcome in zip(unit.jobs, run_unit(unit, True), strict=True):
        assert Job.of(outcome.row) == job
        model, expected = alone(iris, job)
        found = np.column_stack([outcome.predictions[f"p_{i}"] for i in range(3)])
        assert_allclose(found, expected, atol=1e-5)
        assert list(outcome.predictions["row"]) == list(rows_of(iris, job)[1])
        assert outcome.row["stack_size"] == (len(jobs) if len(models) == 1 else 1)
        chosen = getattr(model, "best_params_", {}).get("alpha")
        assert outcome.row["chosen_alpha"] == chosen


def test_stacks_are_whole_folds_and_not_too_large(iris):
    cross_validation = ONE_FOLD | {"folds": 10, "repeats": 2}
    jobs = make_jobs(iris, ["mixup", "mlp"], list(range(8)), **cross_validation)
    units = make_units(iris, jobs)
    stacks = [unit for unit in units if unit.jobs[0].model == "mixup"]
    assert sorted(len(unit.jobs) for unit in stacks) == [8, 8, *[24] * 6]
    for unit in stacks:
        assert len({job.repeat for job in unit.jobs}) == 1
        assert len(unit.jobs) == 8 * len({job.fold for job in unit.jobs})
    assert sorted(job.name for unit in units for job in unit.jobs) == sorted(
        job.name for job in jobs
    )


def test_row_says_all_that_is_needed(iris):
    (job, *_) = make_jobs(iris, ["dummy"], [], **ONE_FOLD)
    row = run_job(iris, job)
    assert Job.of(json.loads(json.dumps(row))) == job
    assert row["table"] == "iris"
    assert (row["n_rows"], row["n_classes"]) == (150, 3)
    assert row["error"] == row["majority_error"]
    assert_allclose(row["log_loss"], np.log(3), rtol=1e-3)
    assert row["fit_seconds"] > 0
    assert set(row["versions"]) == {"python", "numpy", "scikit-learn"}


def test_rows_of_mixup_say_which_torch(iris):
    (job, *_) = make_jobs(iris, ["mixup"], [0.5], **ONE_FOLD)
    assert {"skmixup", "torch"} <= set(run_job(iris, job)["versions"])


def test_a_job_has_one_thread(iris, monkeypatch):
    import torch

    seen = []

    class Spy(registry.DummyClassifier):
        def fit(self, X, y):
            seen.append(torch.get_num_threads())
            return super().fit(X, y)

    pretend(monkeypatch, "dummy", Spy)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_job(iris, make_jobs(iris, ["dummy"], [], **ONE_FOLD)[0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [1]


def test_an_interrupt_ends_the_run_and_leaves_no_half_trained_model():
    """scikit-learn's MLPClassifier, interrupted, returns what it has."""
    ((table,), _) = load_all(["digits"])
    jobs = make_jobs(
        table, ["mlp"], [0.0], protocol="default", folds=2, repeats=1, seed=0
    )
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(Interrupted):
        list(run_units(make_units(table, jobs), n_jobs=1))
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
