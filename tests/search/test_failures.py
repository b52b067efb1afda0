"""Candidates that fail, searches that cannot be, and interrupts."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback, EarlyStopping

from skmixup import MixupSearchCV, fit_many
from skmixup.mixing import ManifoldMixup

from .helpers import ALPHAS, IRIS, SHORT, WINE, mixed_table


def test_one_bad_candidate_does_not_spoil_the_rest():
    grid = {"lr": [1e-3, 1e30], "alpha": [0.2, 0.4]}
    good = MixupSearchCV(SHORT, ALPHAS, refit=False).fit(*WINE).cv_results_
    with (
        pytest.warns(FitFailedWarning, match="Training diverged"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = MixupSearchCV(SHORT, grid, cv=5).fit(*WINE)
    score = search.cv_results_["mean_test_score"]
    assert np.isnan(score[search.cv_results_["param_lr"] == 1e30]).all()
    assert np.isfinite(score[search.cv_results_["param_lr"] == 1e-3]).all()
    assert score[0] != good["mean_test_score"][1]
    with pytest.raises(ValueError, match="Training diverged"):
        MixupSearchCV(SHORT, grid, error_score="raise").fit(*WINE)
    with pytest.warns(FitFailedWarning, match="'alpha' parameter"):
        search = MixupSearchCV(SHORT, {"alpha": [-1, 0.2]}, error_score=0.0).fit(*WINE)
    assert search.cv_results_["mean_test_score"][0] == 0
    grid = {"mixing": [ManifoldMixup(layers=["head"]), "input"]}
    with pytest.warns(FitFailedWarning, match="are not submodules"):
        search = MixupSearchCV(SHORT, grid, error_score=0.0).fit(*WINE)
    assert search.cv_results_["mean_test_score"][1] > 0
    grid = {"device": ["cpu", "tpu"]}
    with pytest.warns(FitFailedWarning, match="'tpu' is not a torch device"):
        search = MixupSearchCV(SHORT, grid, error_score=0.0).fit(*WINE)
    assert search.best_params_ == {"device": "cpu"}
    with pytest.raises(ValueError, match=r"All the .* fits failed"):
        MixupSearchCV(SHORT, {"alpha": [-1]}).fit(*WINE)


@pytest.mark.parametrize(
    ("search", "error", "message"),
    [
        (MixupSearchCV(LogisticRegression(), {"C": [1]}), TypeError, "must be a Mixup"),
        (MixupSearchCV(SHORT, {"alfa": [1]}), ValueError, "Invalid parameter 'alfa'"),
        (MixupSearchCV(SHORT, ALPHAS, max_members=0), ValueError, "'max_members'"),
        (MixupSearchCV(SHORT, ALPHAS, keep_folds="yes"), ValueError, "'keep_folds'"),
        (MixupSearchCV(SHORT, ALPHAS, scoring=["accuracy"]), ValueError, "refit"),
        (MixupSearchCV(SHORT, ALPHAS, cv=200), ValueError, "n_splits=200"),
    ],
)  # fmt: skip
def test_bad_searches_are_named(search, error, message):
    with pytest.raises(error, match=message):
        search.fit(*WINE)


@pytest.mark.parametrize("y", [["a", 1] * 75, np.array(["a", 1] * 75, dtype=object)])
def test_a_search_tells_of_labels_before_it_splits(y):
    search = MixupSearchCV(SHORT, {"alpha": [0]}, cv=2)
    with pytest.raises(ValueError, match="Unknown label type: y holds objects"):
        search.fit(IRIS[0], y)


class InterruptsLate(Callback):
    """A user who presses Ctrl-C in the third epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > 2:
            raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_an_interrupt_ends_a_search_and_many_fits():
    X, y = mixed_table()
    clf = clone(SHORT).set_params(callbacks=[InterruptsLate()], max_epochs=5)
    for keep_folds in (False, True):
        search = MixupSearchCV(clf, ALPHAS, cv=2, keep_folds=keep_folds)
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        list(fit_many([clf, clf], X, y))
    stops = clone(SHORT).set_params(
        callbacks=[EarlyStopping("mixed_loss", patience=1, threshold=1e9)],
        max_epochs=5,
    )  # which ends a training by the same means, but between two epochs
    search = MixupSearchCV(stops, ALPHAS, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.n_iter_ < 5
