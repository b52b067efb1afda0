"""MixupRegressor."""

import pickle
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import cross_val_score
from skorch.callbacks import EpochTimer

from skmixup import MixupRegressor, fit_many
from skmixup.search import FoldEnsembleRegressor

from ..helpers import single

quick = partial(single, MixupRegressor, max_epochs=8)
X, y = load_diabetes(return_X_y=True)
TWO = np.column_stack([y, np.sqrt(y)])


@pytest.mark.slow
def test_it_predicts():
    scores = cross_val_score(MixupRegressor(max_epochs=40, random_state=0), X, y)
    assert scores.mean() > 0.43


@pytest.mark.parametrize("params", [{}, {"partner": "target"}, {"mixing": "cutmix"}])
def test_alpha_zero_is_training_without_mixing_bit_for_bit(params):
    off = quick(mixing=None).fit(X, y).predict(X)
    assert_array_equal(quick(alpha=0, **params).fit(X, y).predict(X), off)
    assert not np.array_equal(quick(alpha=1, **params).fit(X, y).predict(X), off)


def test_dropout_that_falls_lets_close_targets_be_told_closely():
    nothing = [
        quick(dropout=0.0, dropout_schedule=schedule).fit(X, y).predict(X)
        for schedule in ("constant", "cosine")
    ]
    assert_array_equal(*nothing)
    told = X @ np.arange(1, 11)
    missed = {}
    for schedule in ("constant", "cosine"):
        reg = single(
            MixupRegressor, max_epochs=40, dropout=0.2, dropout_schedule=schedule
        )
        missed[schedule] = 1 - reg.fit(X[:300], told[:300]).score(X[300:], told[300:])
    assert missed["cosine"] < 0.8 * missed["constant"]


def test_one_stack_may_hold_dropout_that_falls_and_some_that_does_not():
    models = [quick(dropout_schedule=schedule) for schedule in ("constant", "cosine")]
    for fit, model in zip(fit_many(models, X, y), models, strict=True):
        alone = model.fit(X, y).predict(X)
        assert_allclose(fit.estimator.predict(X), alone, rtol=1e-4)
        assert_allclose(models[fit.index].fit(X, y).predict(X), alone)


@pytest.mark.parametrize("target", [y, TWO, y[:, None]], ids=["1", "2", "column"])
def test_predictions_have_the_shape_of_the_targets(target):
    reg = quick(n_estimators=3, early_stopping=True).fit(X, target)
    assert reg.predict(X).shape == target.shape
    assert reg.target_mean_.shape == (target.reshape(len(y), -1).shape[1],)
    assert_allclose(reg.target_scale_, target.reshape(len(y), -1).std(0), rtol=1e-6)
    assert len(reg.validation_loss_curve_) == reg.n_iter_
    again = pickle.loads(pickle.dumps(reg))
    assert_array_equal(again.predict(X), reg.predict(X))


@pytest.mark.parametrize(("shift", "scale"), [(1e6, 1.0), (0.0, 1e-6), (-5.0, 1e6)])
def test_units_of_the_target_are_no_matter(shift, scale):
    reg = quick(max_epochs=1)  # before round-off has grown
    expected = reg.fit(X, y).predict(X) * scale + shift
    found = reg.fit(X, y * scale + shift).predict(X)
    assert_allclose(found, expected, atol=0.02 * scale * y.std())


def test_targets_near_the_largest_float():
    large = np.where(np.arange(len(y)) % 2, 1e308, -1e308)
    assert np.isfinite(quick().fit(X, large).predict(X)).all()
    largest = np.where(np.arange(len(y)) % 2, np.finfo(float).max, 0)
    assert np.isfinite(quick(max_epochs=40).fit(X, largest).predict(X)).all()
    whole = np.full(len(y), np.finfo(float).max)
    folds = [quick().fit(X, whole) for _ in range(2)]
    mean = FoldEnsembleRegressor(folds).fit().predict(X)
    np.testing.assert_array_equal(mean, whole)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e9])
def test_a_constant_target(value):
    reg = quick().fit(X, np.full(len(y), value))
    assert_allclose(reg.predict(X), value, atol=0.5)


@pytest.mark.parametrize("partner", ["random", "target"])
@pytest.mark.parametrize("stopping", [False, True])
def test_a_row_of_weight_w_is_w_copies(partner, stopping):
    weight = np.arange(len(y)) % 3
    copies = np.repeat(np.arange(len(y)), weight)
    reg = quick(partner=partner, early_stopping=stopping, alpha=0.5)
    weighted = reg.fit(X, y, weight).predict(X)
    assert_array_equal(reg.fit(X[copies], y[copies]).predict(X), weighted)


def test_heavy_weights_train_by_weight():
    weight = np.where(y > 200, 1000.0, 1.0)
    heavy = quick(max_epochs=20).fit(X, y, weight).predict(X)
    assert heavy.mean() > quick(max_epochs=20).fit(X, y).predict(X).mean() + 20


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.where(y > 300, np.nan, y), "NaN"),
        (np.where(y > 300, np.inf, y), "infinity"),
        (np.array(["a"] * len(y), dtype=object), "(?i)convert"),
        (y.astype(str), "must hold numbers, got values of dtype <U"),
        (y.astype("M8[s]"), "must hold numbers"),
        (sparse.csr_matrix(TWO), "y is sparse"),
        (y[:-1], "inconsistent numbers of samples"),
        (None, "requires y"),
    ],
)
def test_bad_targets_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        quick().fit(X, bad)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"partner": "target", "mixing": "manifold"}, "partner='target' needs"),
        ({"partner": "near"}, "'partner' parameter"),
        ({"bandwidth": 0}, "'bandwidth' parameter"),
    ],
)
def test_bad_parameters_are_refused(params, message):
    for alpha in (0, 1):
        with pytest.raises(ValueError, match=message):
            quick(alpha=alpha, **params).fit(X, y)


def test_pieces_and_warm_starts():
    reg = quick(max_epochs=3)
    for part in np.array_split(np.arange(len(y)), 4):
        reg.partial_fit(X[part], y[part])
    assert reg.n_iter_ == 4
    with pytest.raises(ValueError, match=r"had 1 target\(s\) before: in partial_fit"):
        reg.partial_fit(X, TWO)
    warm = quick(warm_start=True).fit(X, y)
    loss = warm.loss_curve_[-1]
    assert warm.fit(X, y).loss_curve_[-1] < loss
    with pytest.raises(ValueError, match="with warm_start=True they cannot change"):
        warm.fit(X, TWO)


def test_a_raw_frame_and_callbacks():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"size": X[:, 2], "kind": rng.choice(["u", "v", None], len(y))}
    )
    frame.loc[::7, "size"] = np.nan
    target = y + 200 * (frame["kind"] == "u")
    reg = quick(callbacks=[("timer", EpochTimer())], max_epochs=30).fit(frame, target)
    floor = DummyRegressor().fit(frame, target).score(frame, target)
    assert reg.score(frame, target) > floor + 0.3
