"""Losses of MixupRegressor: the mean, the median, quantiles and counts."""

import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_diabetes
from sklearn.metrics import (
    d2_pinball_score,
    mean_absolute_error,
    mean_pinball_loss,
    mean_poisson_deviance,
    r2_score,
)
from sklearn.model_selection import GridSearchCV

from skmixup import MixupEnsembleRegressor, MixupRegressor, MixupSearchCV, fit_many
from skmixup.estimators._numeric_targets import KINDS
from skmixup.search import FoldEnsembleRegressor

from ..helpers import single

quick = partial(single, MixupRegressor, max_epochs=8)
X, y = load_diabetes(return_X_y=True)
TWO = np.column_stack([y, np.sqrt(y)])
LEVELS = [0.1, 0.5, 0.9]
LOSSES = [
    {"loss": "absolute_error"},
    {"loss": "quantile", "quantile": 0.3},
    {"loss": "quantile", "quantile": LEVELS},
    {"loss": "poisson"},
]
NAMES = ["absolute_error", "quantile", "quantiles", "poisson"]


def skewed(n_rows=1200, seed=0):
    """Return rows, and targets whose mean, median and quantiles are known."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n_rows, 2))
    scale = np.exp(rows[:, 0])  # exponential: mean `scale`, median scale·log 2
    return rows, scale, rng.exponential(scale)


@pytest.mark.slow
def test_each_loss_tells_what_it_is_the_minimum_of():
    rows, scale, target = skewed(4000)
    fresh, scale, _ = skewed(seed=1)
    reg = partial(MixupRegressor, n_estimators=4, max_epochs=30, random_state=0)

    def told(**params):
        return reg(**params).fit(rows, target).predict(fresh)

    expected = {
        "squared_error": scale,
        "poisson": scale,
        "absolute_error": scale * np.log(2),
    }
    for loss, value in expected.items():
        found = told(loss=loss)
        assert np.abs(found / value - 1).mean() < 0.15, loss
    quantiles = told(loss="quantile", quantile=LEVELS)
    for column, level in zip(quantiles.T, LEVELS, strict=True):
        value = -scale * np.log(1 - level)
        assert np.abs(column - value).mean() < 0.1 * scale.mean() + 0.1 * value.mean()


@pytest.mark.parametrize("target", [y, TWO, y[:, None]], ids=["1", "2", "column"])
@pytest.mark.parametrize("params", LOSSES, ids=NAMES)
def test_predictions_have_the_shape_of_the_targets(params, target):
    reg = quick(n_estimators=3, max_epochs=3, early_stopping=True, **params)
    told = reg.fit(X, target).predict(X)
    many = isinstance(params.get("quantile"), list)
    assert told.shape == target.shape + (len(LEVELS),) * many
    again = pickle.loads(pickle.dumps(reg))
    assert_array_equal(again.predict(X), told)
    if many:
        assert (np.diff(told, axis=-1) >= 0).all()
        scores = [
            d2_pinball_score(target, told[..., k], alpha=level)
            for k, level in enumerate(LEVELS)
        ]
        assert_allclose(reg.score(X, target), np.mean(scores))
    else:
        assert_allclose(reg.score(X, target), r2_score(target, told))


def test_a_quantile_lies_above_its_share_of_the_targets():
    rows, _, target = skewed()
    reg = quick(n_estimators=4, early_stopping=True, **LOSSES[2]).fit(rows, target)
    fresh, _, target = skewed(4000, seed=1)
    below = (target[:, None] <= reg.predict(fresh)).mean(axis=0)
    assert_allclose(below, LEVELS, atol=0.05)


@pytest.mark.parametrize(
    ("params", "measure"),
    [
        (LOSSES[0], mean_absolute_error),
        (LOSSES[1], partial(mean_pinball_loss, alpha=0.3)),
        (LOSSES[3], mean_poisson_deviance),
    ],
    ids=["absolute_error", "quantile", "poisson"],
)
def test_a_loss_is_lower_where_it_is_minimized(params, measure):
    rows, _, target = skewed()
    wide = np.round(target**2, 3)  # a heavy tail
    squared = quick(max_epochs=30).fit(rows, wide).predict(rows)
    own = quick(max_epochs=30, **params).fit(rows, wide).predict(rows)
    assert measure(wide, own) < measure(wide, np.maximum(squared, 1e-3))


@pytest.mark.parametrize("params", LOSSES, ids=NAMES)
def test_a_row_of_weight_w_is_w_copies(params):
    weight = np.arange(len(y)) % 3
    copies = np.repeat(np.arange(len(y)), weight)
    reg = quick(n_estimators=4, early_stopping=True, alpha=0.5, **params)
    weighted = reg.fit(X, y, weight).predict(X)
    intervals = reg.predict_interval(X)
    assert_array_equal(reg.fit(X[copies], y[copies]).predict(X), weighted)
    assert_array_equal(reg.predict_interval(X), intervals)


@pytest.mark.parametrize("params", LOSSES, ids=NAMES)
@pytest.mark.parametrize("partner", ["random", "target"])
def test_alpha_zero_is_training_without_mixing_bit_for_bit(params, partner):
    params = params | {"partner": partner}
    off = quick(mixing=None, **params).fit(X, y).predict(X)
    assert_array_equal(quick(alpha=0, **params).fit(X, y).predict(X), off)
    assert not np.array_equal(quick(alpha=1, **params).fit(X, y).predict(X), off)


def test_partners_are_as_close_whatever_the_loss():
    """The net has targets once for each quantile, and counts in units of their mean."""
    how = {"partner": "target", "bandwidth": 0.5, "alpha": 1.0}
    expected = [1, 1, np.sqrt(3), y.std() / y.mean()]
    for params, factor in zip(LOSSES, expected, strict=True):
        net = quick(max_epochs=1, **how, **params).fit(X, y).net_
        assert net.bandwidth == pytest.approx(0.5 * factor)


@pytest.mark.parametrize("params", LOSSES, ids=NAMES)
def test_units_of_the_target_are_no_matter(params):
    reg = quick(max_epochs=1, **params)
    expected = reg.fit(X, y).predict(X) * 1e6
    assert_allclose(reg.fit(X, y * 1e6).predict(X), expected, rtol=1e-3)


@pytest.mark.parametrize("value", [0.0, 3.7, -1e9])
@pytest.mark.parametrize("params", LOSSES[:3], ids=NAMES[:3])
def test_a_constant_target_is_told_exactly(params, value):
    reg = quick(n_estimators=2, early_stopping=True, **params)
    told = reg.fit(X, np.full(len(y), value)).predict(X)
    assert_allclose(told, value, atol=0.5)


def test_counts_are_never_negative_and_zeros_are_told():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 3))
    counts = rng.poisson(np.exp(rows[:, 0] - 1))
    reg = quick(max_epochs=30, loss="poisson").fit(rows, counts)
    told = reg.predict(rows * 5)
    assert (told >= 0).all()
    assert np.isfinite(told).all()
    shares = mean_poisson_deviance(counts, reg.predict(rows))
    assert shares < 0.8 * mean_poisson_deviance(counts, np.full(600, counts.mean()))


@pytest.mark.parametrize(
    ("params", "target", "message"),
    [
        ({"loss": "huber"}, y, "The 'loss' parameter of MixupRegressor"),
        ({"loss": "quantile", "quantile": 1.0}, y, "'quantile' parameter"),
        ({"loss": "quantile", "quantile": [0.1, 1.0]}, y, "quantile must be a float"),
        ({"loss": "quantile", "quantile": [0.9, 0.1]}, y, "several that increase"),
        ({"loss": "quantile", "quantile": []}, y, "several that increase"),
        ({"loss": "quantile", "quantile": ["a"]}, y, "several that increase"),
        ({"loss": "quantile", "quantile": [[0.5]]}, y, "several that increase"),
        ({"loss": "poisson"}, y - 200, "loss='poisson' requires non-negative y"),
        ({"loss": "poisson"}, y * 0, "loss='poisson' requires non-negative y, not all"),
    ],
)
def test_what_cannot_be_learned_is_refused(params, target, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(X, target)


def test_levels_may_be_any_sequence_and_count_only_where_they_are_used():
    arrays = quick(loss="quantile", quantile=np.array(LEVELS)).fit(X, y).predict(X)
    tuples = quick(loss="quantile", quantile=tuple(LEVELS)).fit(X, y).predict(X)
    assert_array_equal(arrays, tuples)
    quick(quantile=[0.9, 0.1]).fit(X, y)


def test_a_net_that_is_kept_keeps_its_loss():
    warm = quick(warm_start=True, **LOSSES[2]).fit(X, y)
    warm.fit(X, y)
    with pytest.raises(ValueError, match=r"loss \(or quantile\) has changed"):
        warm.set_params(quantile=0.5).fit(X, y)
    with pytest.raises(ValueError, match=r"loss \(or quantile\) has changed"):
        warm.set_params(loss="poisson").fit(X, y)
    assert warm.predict(X).shape == (len(y), 3)  # as it was fitted


def test_pieces():
    reg = quick(**LOSSES[3])
    for part in np.array_split(np.arange(len(y)), 4):
        reg.partial_fit(X[part], y[part])
    assert reg.n_iter_ == 4
    assert (reg.predict(X) > 0).all()


@pytest.mark.parametrize("params", [{}, *LOSSES[:3]], ids=["squared", *NAMES[:3]])
def test_a_first_piece_that_is_constant_says_nothing_of_later_ones(params):
    reg = quick(**params)
    reg.partial_fit(X[:50], np.full(50, 10.0))
    assert_allclose(reg.predict(X), 10.0)
    for _ in range(30):
        reg.partial_fit(X, y)
    assert reg.target_scale_ == pytest.approx(y.std(), rel=1e-5)
    assert reg.score(X, y) > 0.05
    warm = quick(warm_start=True, max_epochs=20, **params).fit(X, y * 0 + 10).fit(X, y)
    assert warm.score(X, y) > 0.05


def test_a_piece_of_another_loss_is_refused():
    reg = quick().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"loss \(or quantile\) has changed"):
        reg.set_params(**LOSSES[2]).partial_fit(X, y)


@pytest.mark.parametrize("params", LOSSES, ids=NAMES)
def test_fits_of_several_losses_side_by_side(params):
    models = [quick(n_estimators=2, early_stopping=True), quick(**params)]
    models += [quick(random_state=1, **params)]
    for fit in fit_many(models, X, y):
        alone = models[fit.index].fit(X, y).predict(X)
        assert_allclose(fit.estimator.predict(X), alone, rtol=1e-3, atol=1e-3)


def test_a_search_over_losses():
    grid = {"loss": ["squared_error", "absolute_error"], "alpha": [0.0, 1.0]}
    how = {"scoring": "neg_mean_absolute_error", "cv": 3}
    ours = MixupSearchCV(quick(), grid, **how).fit(X, y)
    theirs = GridSearchCV(quick(), grid, **how).fit(X, y)
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(ours.cv_results_[name], theirs.cv_results_[name], rtol=1e-3)


def test_ensembles_of_quantiles():
    halves = [quick(**LOSSES[2]).fit(X[k::2], y[k::2]) for k in range(2)]
    folds = FoldEnsembleRegressor(halves).fit()
    told = folds.predict(X)
    assert_allclose(told, np.mean([half.predict(X) for half in halves], axis=0))
    assert 0 < folds.score(X, y) < 1
    search = MixupSearchCV(quick(**LOSSES[2]), {"alpha": [0, 1]}, cv=2, keep_folds=True)
    search.fit(X, y)
    assert search.predict(X).shape == (len(y), 3)
    own = MixupRegressor(max_epochs=4, n_estimators=4, **LOSSES[2])
    many = MixupEnsembleRegressor(
        own, candidates=[{}, {"lr": 1e-2}], random_state=0
    ).fit(X, y)
    assert many.predict(X).shape == (len(y), 3)
    assert 0 < many.score(X, y) < 1


@pytest.mark.parametrize("params", [LOSSES[0], LOSSES[1], LOSSES[3]])
def test_an_ensemble_weighs_candidates_by_their_loss(params):
    own = MixupRegressor(n_estimators=4, **params)
    candidates = [{"lr": 1e-5, "max_epochs": 3}, {"max_epochs": 10}]
    many = MixupEnsembleRegressor(own, candidates=candidates, random_state=0)
    rows, _, target = skewed(400)
    many.fit(rows, target)
    assert many.losses_[1] < many.losses_[0]
    assert many.weights_[1] > 0.6


@given(st.sampled_from(sorted(KINDS)), st.integers(0, 2**31))
def test_slopes_of_losses_are_their_derivatives(loss, seed):
    levels = {"quantile": [(0.2, 0.7)]}.get(loss, [])
    target = KINDS[loss](np.ones(2), np.ones(2), 2, *levels)
    rng = np.random.default_rng(seed)
    told, y = rng.uniform(0.1, 3, (2, 5, target.n_outputs))

    def losses(step=0.0):
        return target.loss_of(target.judge(y, told + step))[0].sum(axis=-1)

    slope = target.loss_of(target.judge(y, told))[1]
    numeric = (losses(1e-5) - losses(-1e-5)) / 2e-5
    assert_allclose(slope.sum(axis=-1), numeric, rtol=1e-3, atol=1e-3)
    assert (losses() >= 0).all()
