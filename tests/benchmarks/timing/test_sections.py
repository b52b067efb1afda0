"""What `benchmarks.speed` measures: each section does its work, in a small setting."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.preprocessing import OneHotEncoder

from benchmarks.timing import columns, cores, floor, large
from benchmarks.timing.contest import KINDS, cpu_seconds, make_rows
from benchmarks.timing.measurements import turn
from benchmarks.timing.sections import SECTIONS
from skmixup import MixupClassifier


def costs_of(section):
    """Each competitor's first turn in each contest of a section."""
    return {
        (contest.setting, name): turn(work)
        for contest in SECTIONS[section](quick=True)
        for name, work in contest.competitors.items()
    }


@pytest.mark.parametrize(
    "section",
    [
        *("levels", "ids", "cores", "busy"),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("growth", "predict")),
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("large", "readme")),
    ],
)
def test_a_quick_turn_of_each(section):
    costs = costs_of(section)
    assert costs
    assert not [cost["message"] for cost in costs.values() if cost["message"]]
    assert all(cost["value"] >= 0 for cost in costs.values())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_of_their_kind(kind):
    X, y = make_rows(400, 20, kind)
    assert X.shape == (400, 20) and X.dtype == np.float32 and len(y) == 400
    share = (X == 0).mean()
    low, high = {"half zeros": (0.49, 0.51), "counts": (0.6, 0.95)}.get(kind, (0, 0))
    assert low <= share <= high
    assert np.isfinite(X).all()
    if kind == "heavy tails":
        assert np.abs(X).max() > 1000 * np.median(np.abs(X))


def test_n_jobs_is_used_where_it_is_there(monkeypatch):
    class Parallel(MixupClassifier):
        def __init__(self, *, max_epochs=100, n_jobs=None, random_state=None):
            super().__init__(max_epochs=max_epochs, random_state=random_state)
            self.n_jobs = n_jobs

    monkeypatch.setattr(cores, "MixupClassifier", Parallel)
    assert cores.default(n_jobs=2).n_jobs == 2
    ((contest,)) = cores.core_contests(quick=True)
    assert list(contest.competitors) == ["n_jobs=1", "n_jobs=2"]
    assert turn(contest.competitors["n_jobs=2"])["value"] > 0


def test_the_floor_is_of_the_steps_that_a_fit_takes():
    X, y = load_iris(return_X_y=True)
    clf = MixupClassifier((32, 16), n_estimators=3, max_epochs=2, random_state=0)
    steps = floor.steps_of(clf.fit(X, y), X)
    n_inputs = clf.encoder_.transform(X).shape[1]
    assert steps.layers[:2] == ((n_inputs, 32), (32, 16)) and len(steps.layers) == 3
    assert (steps.n_members, steps.batch_size) == (3, 16)
    n_rows = len(np.unique(np.c_[X, y], axis=0))
    assert steps.n_steps in [2 * -(-n // 16) for n in range(n_rows - 60, n_rows)]
    assert steps.n_weights >= 3 * (n_inputs * 32 + 32 * 16 + 16 * 3)


def test_the_floor_grows_with_the_work():
    small = floor.Steps(10, 2, 16, ((20, 32), (32, 16)), 2 * 20 * 32)
    large_ones = floor.Steps(10, 2, 256, ((800, 512), (512, 16)), 2 * 800 * 512)
    assert 0 < floor.floor_of(small) * 20 < floor.floor_of(large_ones)


def test_sparse_rows_have_the_inputs_that_they_hold():
    X, y = columns.rows_with_levels(300, 20)
    clf = MixupClassifier(
        preprocess=OneHotEncoder(), max_epochs=1, n_estimators=1, random_state=0
    )
    steps = floor.steps_of(clf.fit(X[["level0", "level1"]], y), X[["level0", "level1"]])
    assert clf.net_.module__n_features == 40
    assert steps.layers[0][0] == 2 * 2  # mixed with another row's


def test_members_that_rest_take_no_steps():
    net = SimpleNamespace(
        history=[{"train_batch_count": 7}] * 4,
        member_losses_={
            "mixed_loss": np.array([[4.0, 3, 2, 1], [4, 3, 3, 3], [4, 4, 4, 4]]).T
        },
    )
    assert floor._steps_taken(net) == round(7 * (4 + 2 + 1) / 3)


def test_levels_tell_the_class():
    X, y = columns.rows_with_levels(5000, 10)
    means = [y[X["level0"] == level].mean() for level in X["level0"].unique()]
    assert max(means) - min(means) > 0.3
    assert X.shape == (5000, 13)


def test_the_added_columns_are_all_distinct():
    X, _ = columns.rows_with_levels(50, 3)
    X = columns.with_id_and_text(X)
    assert (X[["order_id", "remark"]].nunique() == 50).all()


def test_a_turn_that_measures_nothing_that_can_be_kept():
    for cost in ({"value": 1.0, "error": 2.0}, {"value": float("nan")}, {}):
        assert turn(lambda cost=cost: cost)["status"] == "failed"


def test_seconds_of_the_processor_are_not_those_of_waiting():
    import time

    assert cpu_seconds(partial(time.sleep, 0.05)) < 0.04


@pytest.mark.slow
def test_a_fresh_process_tells_time_and_memory():
    found = large.fit_of(300, 2)
    assert found["epochs"] == 2 and found["seconds"] > 0 and found["fit"] > 0
