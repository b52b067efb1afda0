"""Successive halving: candidates that fall behind are trained no further."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import FitFailedWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer

from skmixup import (
    MixupClassifier,
    MixupRandomizedSearchCV,
    MixupRegressor,
    MixupSearchCV,
)

from .helpers import WINE

X, y = WINE
QUICK = MixupClassifier(
    n_estimators=2,
    early_stopping=True,
    n_iter_no_change=100,
    max_epochs=18,
    random_state=0,
)
# Of these, each is much worse than the one before.
GRID = {"lr": [1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10]}
HOW = {"cv": 2, "scoring": "neg_log_loss", "factor": 3, "min_resources": 2}


def test_the_best_train_to_the_end_and_the_others_as_long_as_they_keep_up():
    search = MixupSearchCV(QUICK, GRID, **HOW).fit(X, y)
    assert search.cv_results_["n_resources"].tolist() == [18, 6, 6] + [2] * 6
    assert search.cv_results_["iter"].tolist() == [2, 1, 1] + [0] * 6
    assert search.best_params_ == {"lr": 1e-2}


def test_who_is_not_dropped_is_what_a_full_search_would_have_trained():
    whole = MixupSearchCV(QUICK, GRID, **HOW | {"factor": None}).fit(X, y)
    search = MixupSearchCV(QUICK, GRID, **HOW).fit(X, y)
    found, expected = (s.cv_results_["mean_test_score"] for s in (search, whole))
    assert_allclose(found[0], expected[0], atol=1e-5)
    assert (found[1:] != expected[1:]).any()
    assert_array_equal(search.predict(X), whole.predict(X))
    assert "n_resources" not in whole.cv_results_


def test_who_is_dropped_is_as_it_was_then():
    """As a search that ends there leaves it, with the same schedule of rates."""
    own = clone(QUICK).set_params(lr_schedule="constant")
    search = MixupSearchCV(own, GRID, **HOW).fit(X, y)
    short = MixupSearchCV(own, GRID, **HOW | {"factor": None})
    short.estimator = clone(own).set_params(max_epochs=2)
    found, expected = (
        s.fit(X, y).cv_results_["mean_test_score"][3:] for s in (search, short)
    )
    assert_allclose(found, expected, atol=1e-5)


def test_the_best_is_among_those_that_were_not_dropped():
    """Not one that was better when it was dropped, by what it was scored by."""
    how = HOW | {"scoring": lambda estimator, X, y: -estimator.lr}
    search = MixupSearchCV(QUICK, GRID, **how).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_index_ == 0
    assert search.best_score_ == scores[0] == scores.min()
    how["refit"] = lambda results: int(np.argmax(results["mean_test_score"]))
    assert MixupSearchCV(QUICK, GRID, **how).fit(X, y).best_index_ == 8


@pytest.mark.parametrize("max_members", [4, 8])
def test_several_stacks_are_compared(max_members):
    """All folds of a candidate are in one stack; later ones meet those before."""
    search = MixupSearchCV(QUICK, GRID, **HOW, max_members=max_members).fit(X, y)
    epochs = search.cv_results_["n_resources"]
    assert epochs[0] == 18
    assert (epochs[3:] < 18).all()
    backwards = {"lr": GRID["lr"][::-1]}
    search = MixupSearchCV(QUICK, backwards, **HOW, max_members=max_members)
    assert search.fit(X, y).best_params_ == {"lr": 1e-2}


@pytest.mark.slow
def test_processes():
    search = MixupSearchCV(QUICK, GRID, **HOW, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"lr": 1e-2}
    assert (search.cv_results_["n_resources"] == 18).sum() <= 2


def test_pipelines_folds_that_are_kept_and_settings_drawn_at_random():
    pipe = make_pipeline(StandardScaler(), QUICK)
    grid = {"mixupclassifier__lr": GRID["lr"]}
    search = MixupSearchCV(pipe, grid, **HOW, keep_folds=True).fit(X, y)
    assert search.best_params_ == {"mixupclassifier__lr": 1e-2}
    assert search.score(X, y) < 0
    drawn = MixupRandomizedSearchCV(QUICK, GRID, n_iter=9, random_state=0, **HOW)
    assert drawn.fit(X, y).best_params_ == {"lr": 1e-2}
    assert_array_equal(sorted(drawn.cv_results_["n_resources"]), [2] * 6 + [6, 6, 18])


def test_only_what_can_be_compared_is():
    """Losses of other classes' weights, or other losses, tell nothing of each other."""
    grid = {"class_weight": [None, {0: 1e-3, 1: 1e-3, 2: 1e-3}], "lr": GRID["lr"][:3]}
    epochs = MixupSearchCV(QUICK, grid, **HOW).fit(X, y).cv_results_["n_resources"]
    assert epochs.tolist() == [18, 2, 2] * 2
    rows, target = load_diabetes(return_X_y=True)
    same = "n_estimators", "early_stopping", "n_iter_no_change", "max_epochs"
    params = {name: getattr(QUICK, name) for name in same}
    reg = MixupRegressor(**params, random_state=0)
    grid = {"loss": ["squared_error", "absolute_error"], "lr": GRID["lr"][:3]}
    how = HOW | {"scoring": "r2"}
    search = MixupSearchCV(reg, grid, **how).fit(rows, target)
    assert (search.cv_results_["n_resources"] == 18).sum() == 2


def test_a_long_training_that_ends_early_by_itself():
    own = clone(QUICK).set_params(n_iter_no_change=1, max_epochs=60)
    search = MixupSearchCV(own, {"lr": [0.3, 0.5]}, **HOW | {"min_resources": 20})
    epochs = search.fit(X, y).cv_results_["n_resources"]
    assert (epochs < 20).all()
    assert (search.cv_results_["iter"] == 0).all()


def test_what_fails_is_no_survivor():
    grid = {"lr": [1e-2, 1e-3], "hidden_layer_sizes": [(8,), (0,)]}
    with (
        pytest.warns(FitFailedWarning, match="4 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = MixupSearchCV(QUICK, grid, **HOW).fit(X, y)
    failed = np.isnan(search.cv_results_["mean_test_score"])
    assert (search.cv_results_["iter"][failed] == 0).all()
    assert search.cv_results_["iter"][~failed].max() > 0


def test_what_cannot_be_halved():
    grid = {"early_stopping": [True, False]}
    with pytest.raises(ValueError, match="factor=3 drops candidates by their loss"):
        MixupSearchCV(QUICK, grid, **HOW).fit(X, y)
    for bad in ({"factor": 1}, {"factor": "3"}, {"min_resources": 0}):
        with pytest.raises(ValueError, match=f"The '{next(iter(bad))}' parameter"):
            MixupSearchCV(QUICK, GRID, **HOW | bad).fit(X, y)
    # Callbacks: each is fitted alone, to the end.
    heard = clone(QUICK).set_params(callbacks=[EpochTimer()], max_epochs=4)
    search = MixupSearchCV(heard, {"lr": GRID["lr"][:3]}, **HOW).fit(X, y)
    assert (search.cv_results_["iter"] == 0).all()
    assert (search.cv_results_["n_resources"] == 4).all()
