"""Candidates that fail, searches that cannot be, and interrupts."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Callback, EarlyStopping

from skmixup import MixupClassifier, MixupSearchCV, fit_many
from skmixup.mixing import InputMixup, ManifoldMixup
from skmixup.training._callbacks import BestWeights

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


class Odd:
    """What raises an error of its own when it is pickled."""

    def __call__(self, X):
        return X

    def __reduce_ex__(self, protocol):
        raise RuntimeError("not to be pickled")

    def __deepcopy__(self, memo):
        return self


class NoBind(InputMixup):
    def bind(self, groups):
        raise KeyError("no such columns")


def searched(estimator, grid, X, y, kind=MixupSearchCV, **params):
    return kind(estimator, grid, cv=2, refit=False, **params).fit(X, y).cv_results_


def test_what_cannot_be_pickled_is_searched_over_all_the_same():
    X, y = load_iris(return_X_y=True)
    mixer = InputMixup()
    mixer.note = Odd()
    est = MixupClassifier(max_epochs=2, n_estimators=1, random_state=0, mixing=mixer)
    pipe = make_pipeline(FunctionTransformer(Odd()), est)
    found, expected = (
        searched(pipe, {"mixupclassifier__alpha": [0, 1]}, X, y, kind)
        for kind in (MixupSearchCV, GridSearchCV)
    )
    np.testing.assert_allclose(
        found["mean_test_score"], expected["mean_test_score"], atol=1e-6
    )


def test_a_mixer_that_cannot_be_bound_fails_its_own_candidate():
    X, y = load_iris(return_X_y=True)
    est = MixupClassifier(max_epochs=2, n_estimators=1, random_state=0)
    with (
        pytest.warns(FitFailedWarning, match="no such columns"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        found = searched(est, {"mixing": ["input", NoBind()]}, X, y)
    assert np.isnan(found["mean_test_score"]).tolist() == [False, True]


@pytest.mark.parametrize("where", ["step", "preprocess"])
def test_transformers_of_equal_parameters_and_other_state_are_two(where):
    X, y = load_iris(return_X_y=True)
    frozen = [FrozenEstimator(StandardScaler().fit(Z)) for Z in (X, X * 50 + 3)]
    est = MixupClassifier(max_epochs=3, n_estimators=1, random_state=0, lr=1e-2)
    est, grid = est.set_params(preprocess=None), {"preprocess": frozen}
    if where == "step":
        est, grid = Pipeline([("s", frozen[0]), ("c", est)]), {"s": frozen}
    found, expected = (
        searched(est, grid, X, y, kind, scoring="neg_log_loss")["mean_test_score"]
        for kind in (MixupSearchCV, GridSearchCV)
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert abs(found[0] - found[1]) > 1e-3


@pytest.mark.parametrize("max_members", ["auto", 1])
def test_ctrl_c_ends_a_search_however_few_train_at_once(max_members):
    """Also where a fit ends after its epoch, so that nothing tells but its length."""
    X, y = load_iris(return_X_y=True)
    est = MixupClassifier(max_epochs=9, n_estimators=1, random_state=0)
    search = MixupSearchCV(est, {"alpha": [0, 1]}, cv=2, max_members=max_members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BestWeights, "on_epoch_end", interrupt)
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt
