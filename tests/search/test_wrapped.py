"""Searches and many fits of estimators that hold one of ours."""

import contextlib
import io
import signal
import sys
import threading
import time
import warnings
from functools import partial

import numpy as np
import pytest
from joblib import parallel_config
from joblib.parallel import get_active_backend
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmixup import (
    MixupClassifier,
    MixupRandomizedSearchCV,
    MixupRegressor,
    MixupSearchCV,
    fit_many,
)
from skmixup.training import _joint

from .helpers import SHORT, WINE, assert_agrees, assert_same_results

X, y = WINE
rows, target = load_diabetes(return_X_y=True)
REG = MixupRegressor(
    n_estimators=1, early_stopping=False, dropout=0.0, max_epochs=4, random_state=0
)
LOG = partial(TransformedTargetRegressor, func=np.log, inverse_func=np.exp)


@pytest.fixture
def trainings(monkeypatch):
    """Note how many plans each training has."""
    seen = []

    def train(plans, **how):
        seen.append(len(plans))
        return whole(plans, **how)

    whole = _joint.train
    monkeypatch.setattr(_joint, "train", train)
    return seen


@pytest.mark.parametrize(
    ("wrapped", "name"),
    [
        (CalibratedClassifierCV(SHORT, cv=2), "estimator__alpha"),
        (CalibratedClassifierCV(SHORT, ensemble=False, cv=2), "estimator__alpha"),
        (OneVsRestClassifier(SHORT), "estimator__alpha"),
        (
            BaggingClassifier(SHORT, n_estimators=2, random_state=0),
            "estimator__alpha",
        ),
        (
            StackingClassifier([("net", SHORT)], LogisticRegression(), cv=2),
            "net__alpha",
        ),
        (
            CalibratedClassifierCV(make_pipeline(StandardScaler(), SHORT), cv=2),
            "estimator__mixupclassifier__alpha",
        ),
        (
            make_pipeline(StandardScaler(), OneVsRestClassifier(SHORT)),
            "onevsrestclassifier__estimator__alpha",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_agrees_with_grid_search(wrapped, name):
    assert_agrees(wrapped, {name: [0, 1.0]}, X, y, atol=1e-4, cv=2)


def test_targets_that_are_transformed_and_trained_in_one_stack(trainings):
    for wrapped in (LOG(REG), LOG(make_pipeline(StandardScaler(), REG))):
        ends = "alpha", "lr"
        names = [k for k in wrapped.get_params() if k.endswith(ends)]
        grid = {name: [1e-3, 4e-3] for name in names}
        how = {"cv": 3, "scoring": "r2"}
        mine = MixupSearchCV(wrapped, grid, **how).fit(rows, target)
        # All candidates of all folds, and the best on all rows.
        assert trainings == [12, 1]
        oracle = GridSearchCV(wrapped, grid, **how).fit(rows, target)
        assert_same_results(mine.cv_results_, oracle.cv_results_, 1e-4)
        assert_array_equal(mine.predict(rows), oracle.predict(rows))
        trainings.clear()


def test_rounds_of_trainings(trainings):
    """Of each fit within a fit, the next ones meet as well."""
    wrapped = CalibratedClassifierCV(SHORT, cv=3)
    MixupSearchCV(wrapped, {"estimator__alpha": [0, 1.0]}, cv=2, refit=False).fit(X, y)
    assert trainings == [4, 4, 4]


def test_more_fits_than_run_at_a_time(monkeypatch, trainings):
    monkeypatch.setattr(_joint, "_MOST_FITS", 4)
    grid = {"regressor__alpha": [0, 0.5, 1.0]}
    search = MixupSearchCV(LOG(REG), grid, cv=2, scoring="r2", refit=False)
    search.fit(rows, target)
    assert trainings == [4, 2]


def test_a_large_table_has_fewer_fits_at_a_time(trainings):
    grid = {"regressor__alpha": [0, 0.5, 1.0]}
    search = MixupSearchCV(LOG(REG), grid, cv=2, scoring="r2", refit=False)
    with config_context(working_memory=1):  # MiB: of 442 × 10 values, four fits
        search.fit(rows, target)
    assert trainings == [4, 2]


class Holder(RegressorMixin, BaseEstimator):
    """Holds an estimator, and does something around its training."""

    def __init__(self, estimator, around=contextlib.nullcontext):
        self.estimator = estimator
        self.around = around

    def fit(self, X, y):
        """Fit as often as the estimator has epochs: some train on when others end."""
        with self.around() as self.held_:
            for _ in range(getattr(self.estimator, "max_epochs", 1)):
                self.estimator_ = clone(self.estimator).fit(X, y)
                warnings.warn("of a fit", UserWarning, stacklevel=1)
                print("a fit")
        return self

    def predict(self, X):
        """Predict."""
        return self.estimator_.predict(X)


EPOCHS = [1, 3, 2]


def held_by(around):
    """Fit holders that train once, three times and twice; return what each held."""
    inner = [clone(REG).set_params(max_epochs=n) for n in EPOCHS]
    fits = fit_many([Holder(estimator, around) for estimator in inner], rows, target)
    return [fit.estimator.held_ for fit in fits]


@contextlib.contextmanager
def recording():
    with warnings.catch_warnings(record=True) as records:
        warnings.simplefilter("always")
        yield records


def test_records_of_warnings_are_of_their_fit_only():
    before = [*warnings.filters], warnings.showwarning, warnings._showwarnmsg_impl
    assert [len(records) for records in held_by(recording)] == EPOCHS
    after = [*warnings.filters], warnings.showwarning, warnings._showwarnmsg_impl
    assert after == before


@contextlib.contextmanager
def quietly():
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()) as text:
        warnings.simplefilter("ignore")
        yield text


def test_what_is_printed_is_of_its_fit_only():
    before = sys.stdout
    assert [text.getvalue().count("a fit") for text in held_by(quietly)] == EPOCHS
    assert sys.stdout is before


@contextlib.contextmanager
def strictly():
    warnings.simplefilter("error")
    yield


def test_filters_that_a_fit_leaves_behind_are_its_own():
    before = list(warnings.filters)
    grid = {"around": [quietly, strictly, quietly]}
    search = MixupSearchCV(Holder(REG), grid, cv=2, refit=False, scoring="r2")
    with (
        pytest.warns(FitFailedWarning, match="2 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(rows, target)
    assert np.isfinite(search.cv_results_["mean_test_score"]).tolist() == [1, 0, 1]
    assert list(warnings.filters) == before


@pytest.mark.parametrize("how", [{}, {"n_jobs": 2}, {"backend": "threading"}])
def test_contexts_and_pools_around_a_search_hold_in_its_fits(how):
    seen = []

    def see(values):
        seen.append((*get_active_backend(), np.geterr()["divide"]))
        return values

    model = TransformedTargetRegressor(REG, func=see, inverse_func=see)
    search = MixupSearchCV(model, {"regressor__alpha": [0, 1]}, cv=2, refit=False)
    with parallel_config(**how) if how else contextlib.nullcontext():
        with np.errstate(divide="call"):
            see(0)
            search.fit(rows, target)
    assert len(seen) > 5
    kinds = {(type(backend), n_jobs, divide) for backend, n_jobs, divide in seen}
    assert len(kinds) == 1


def test_a_search_within_a_fit_ends_with_an_interrupt():
    """Though its members are trained in the thread of that fit."""
    nested = MixupSearchCV(
        clone(REG).set_params(max_epochs=10**7), {"alpha": [0, 1]}, cv=2
    )
    search = MixupSearchCV(Holder(nested), {"estimator__cv": [2, 3]}, cv=2)
    main, before = threading.main_thread().ident, n_threads()
    timer = threading.Timer(3, signal.pthread_kill, [main, signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        search.fit(rows, target)
    timer.join()
    deadline = time.monotonic() + 10
    while n_threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert n_threads() == before


def test_rare_classes_bring_no_warning_of_folds():  # each would be an error
    labels = np.r_[y[y < 2], [2] * 6]
    wrapped = CalibratedClassifierCV(
        MixupClassifier(n_estimators=2, max_epochs=2, early_stopping=True), cv=2
    )
    search = MixupSearchCV(wrapped, {"estimator__lr": [1e-3] * 4}, cv=2, refit=False)
    search.fit(X[: len(labels)], labels)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_seconds_are_of_the_own_fit():
    """Not those in which others fit: of one that sleeps, say."""

    def sleep(values):
        time.sleep(0.2)
        return values

    grid = {"transformer": [FunctionTransformer(np.log), FunctionTransformer(sleep)]}
    wrapped = TransformedTargetRegressor(REG, check_inverse=False)
    search = MixupSearchCV(wrapped, grid, cv=2, refit=False).fit(rows, target)
    short, slept = search.cv_results_["mean_fit_time"]
    assert slept > short + 0.15


def n_threads():
    """Count threads but for that of a progress bar, which stays."""
    return sum(thread.name != "tqdm_monitor" for thread in threading.enumerate())


def test_threads_end(trainings):
    before = n_threads()
    search = MixupSearchCV(LOG(REG), {"regressor__alpha": [0, 1.0]}, cv=2)
    search.fit(rows, target)
    assert n_threads() == before


def test_fits_that_fail():
    grid = {"regressor__lr": [1e-3, -1.0, 4e-3]}
    how = {"cv": 2, "scoring": "r2"}
    with (
        pytest.warns(FitFailedWarning, match="2 fits failed"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = MixupSearchCV(LOG(REG), grid, **how).fit(rows, target)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [
        False,
        True,
        False,
    ]
    with pytest.raises(ValueError, match="'lr' parameter"):
        MixupSearchCV(LOG(REG), grid, error_score="raise", **how).fit(rows, target)


def test_an_interrupt_ends_all(monkeypatch):
    def train(plans, **how):
        raise KeyboardInterrupt

    monkeypatch.setattr(_joint, "train", train)
    before = n_threads()
    with pytest.raises(KeyboardInterrupt):
        MixupSearchCV(LOG(REG), {"regressor__alpha": [0, 1]}, cv=2).fit(rows, target)
    deadline = time.monotonic() + 10
    while n_threads() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert n_threads() == before


def test_an_interrupt_does_not_wait_for_what_nobody_can_end():
    """A fit within another library's pool, say."""
    asleep, awake = threading.Event(), threading.Event()

    def sleep(values):
        asleep.set()
        awake.wait(60)
        return values

    grid = {"transformer": [FunctionTransformer(sleep), FunctionTransformer(np.log)]}
    wrapped = TransformedTargetRegressor(REG, check_inverse=False)
    main = threading.main_thread().ident

    def interrupt():
        asleep.wait()
        time.sleep(0.1)
        signal.pthread_kill(main, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        MixupSearchCV(wrapped, grid, cv=2).fit(rows, target)
    assert time.monotonic() - start < 10
    awake.set()


def test_an_interrupt_in_one_fit_ends_all():
    def interrupt(values):
        raise KeyboardInterrupt

    broken = FunctionTransformer(interrupt)
    grid = {"transformer": [FunctionTransformer(np.log, np.exp), broken]}
    wrapped = TransformedTargetRegressor(REG, check_inverse=False)
    with pytest.raises(KeyboardInterrupt):
        MixupSearchCV(wrapped, grid, cv=2).fit(rows, target)


def test_folds_that_are_kept_and_settings_drawn_at_random():
    wrapped = CalibratedClassifierCV(SHORT, cv=2)
    grid = {"estimator__alpha": [0, 0.2, 1.0]}
    drawn = MixupRandomizedSearchCV(wrapped, grid, n_iter=2, cv=2, keep_folds=True)
    proba = drawn.fit(X, y).predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    wrapped = MixupSearchCV(LOG(REG), {"regressor__alpha": [0]}, cv=2, keep_folds=True)
    assert wrapped.fit(rows, target).predict(rows).shape == target.shape


@pytest.mark.slow
def test_thresholds_that_are_tuned():
    labels = (y == 1).astype(int)
    wrapped = TunedThresholdClassifierCV(SHORT, scoring="f1", cv=2)
    search = MixupSearchCV(wrapped, {"estimator__alpha": [0, 1.0]}, cv=2)
    search.fit(X, labels)
    oracle = GridSearchCV(wrapped, {"estimator__alpha": [0, 1.0]}, cv=2)
    oracle.fit(X, labels)
    found, expected = (s.cv_results_["mean_test_score"] for s in (search, oracle))
    assert_allclose(found, expected, atol=0.03)


def test_many_fits(trainings):
    models = [LOG(REG), REG, LOG(REG.__class__(**REG.get_params() | {"alpha": 1.0}))]
    parts = [np.arange(300), np.arange(300), np.arange(100, 442)]
    fits = {fit.index: fit for fit in fit_many(models, rows, target, rows=parts)}
    assert sorted(fits) == [0, 1, 2]
    assert trainings == [2]
    for i, model in enumerate(models):
        alone = model.fit(rows[parts[i]], target[parts[i]]).predict(rows)
        assert_allclose(fits[i].estimator.predict(rows), alone, rtol=1e-3)
        assert fits[i].seconds > 0
    (failed,) = fit_many([LOG(MixupRegressor(lr=-1))], rows, target)
    assert failed.estimator is None
    assert isinstance(failed.error, ValueError)


def test_weights_and_groups_reach_the_fits():
    weight = np.where(np.arange(len(target)) % 2, 1.0, 0.0)
    wrapped = LOG(REG)
    search = MixupSearchCV(wrapped, {"regressor__alpha": [0]}, cv=2)
    search.fit(rows, target, sample_weight=weight)
    half = wrapped.fit(rows[1::2], target[1::2]).predict(rows)
    assert_allclose(search.predict(rows), half, rtol=1e-5)


def test_what_cannot_be_searched():
    grid = {"estimator__alpha": [0, 1]}
    with pytest.raises(ValueError, match="use factor=None"):
        MixupSearchCV(CalibratedClassifierCV(SHORT), grid, factor=3).fit(X, y)
    with pytest.raises(TypeError, match="or an estimator that holds one"):
        MixupSearchCV(CalibratedClassifierCV(), {}).fit(X, y)
    with pytest.raises(TypeError, match="estimators\\[0\\] must be a MixupClassifier"):
        fit_many([LogisticRegression()], X, y)


def test_plain_fits_in_threads_of_ones_own_are_as_ever():
    clf = MixupClassifier(n_estimators=1, max_epochs=2, random_state=0)
    expected, found = clf.fit(X, y).predict_proba(X), []
    thread = threading.Thread(
        target=lambda: found.append(clf.fit(X, y).predict_proba(X))
    )
    thread.start()
    thread.join()
    assert_array_equal(found[0], expected)
