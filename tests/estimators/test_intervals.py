"""MixupRegressor.predict_interval."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError

from skmixup import MixupRegressor

from ..helpers import single

X, y = load_diabetes(return_X_y=True)
TWO = np.column_stack([y, np.sqrt(y)])
quick = partial(
    single, MixupRegressor, max_epochs=8, n_estimators=8, early_stopping=True
)
QUANTILES = {"loss": "quantile", "quantile": [0.05, 0.95]}


def holds(intervals, target):
    low, high = np.moveaxis(intervals, -1, 0)
    return (low <= target) & (target <= high)


def uneven(n_rows, seed):
    """Return rows, and targets that spread the more the larger the first column."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(0, 1, (n_rows, 2))
    return rows, rows[:, 1] + rng.normal(size=n_rows) * (0.1 + rows[:, 0])


@pytest.mark.slow
@pytest.mark.parametrize("confidence_level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("params", [{}, QUANTILES, {"loss": "absolute_error"}], ids=str)
def test_they_hold_as_many_targets_as_is_asked_for(params, confidence_level):
    rows, target = uneven(1500, 0)
    fresh, told = uneven(4000, 1)
    reg = MixupRegressor(max_epochs=30, random_state=0, **params).fit(rows, target)
    share = holds(reg.predict_interval(fresh, confidence_level), told).mean()
    assert abs(share - confidence_level) < 0.035


def test_quantiles_make_them_wide_where_targets_are():
    rows, target = uneven(1500, 0)
    widths = {}
    for name, params in {"mean": {}, "quantiles": QUANTILES}.items():
        reg = quick(max_epochs=20, **params).fit(rows, target)
        low, high = reg.predict_interval(np.array([[0.0, 0.5], [1.0, 0.5]])).T
        widths[name] = high - low
    assert_allclose(widths["mean"][0], widths["mean"][1], rtol=1e-5)
    assert widths["quantiles"][1] > 3 * widths["quantiles"][0]


@pytest.mark.parametrize("params", [{}, QUANTILES, {"loss": "poisson"}], ids=str)
def test_several_targets_have_intervals_each(params):
    reg = quick(**params).fit(X[:300], TWO[:300])
    intervals = reg.predict_interval(X[300:])
    assert intervals.shape == (142, 2, 2)
    assert_allclose(holds(intervals, TWO[300:]).mean(axis=0), 0.9, atol=0.06)


@settings(max_examples=20)
@given(st.lists(st.floats(0.05, 0.98), min_size=2, max_size=2, unique=True))
def test_the_higher_the_level_the_wider(levels):
    narrow, wide = (FITTED.predict_interval(X, level) for level in sorted(levels))
    assert (wide[:, 0] <= narrow[:, 0]).all()
    assert (narrow[:, 1] <= wide[:, 1]).all()
    assert holds(wide, FITTED.predict(X)).all()


FITTED = quick().fit(X, y)


def test_they_move_with_the_units_of_the_target():
    expected = quick(max_epochs=1).fit(X, y).predict_interval(X) * 1000
    found = quick(max_epochs=1).fit(X, y * 1000).predict_interval(X)
    assert_allclose(found, expected, rtol=0.02, atol=1000)


def test_a_count_is_not_told_to_be_below_zero():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(800, 2))
    rate = np.exp(1.5 * rows[:, 0])
    counts = rng.poisson(rate)
    reg = quick(loss="poisson", max_epochs=30).fit(rows, counts)
    low, high = reg.predict_interval(rows).T
    assert (low >= 0).all()
    many = rate > np.quantile(rate, 0.9)
    assert (high - low)[many].mean() > 3 * (high - low)[~many].mean()


def test_rows_to_validate_on_take_the_place_of_folds():
    reg = quick(n_estimators=4)
    reg.fit(X[:300], y[:300], X_val=X[300:], y_val=y[300:])
    share = holds(reg.predict_interval(X[300:], 0.8), y[300:]).mean()
    assert 0.78 <= share <= 0.83  # they are what the ends were learned from


def test_weights_count():
    rng = np.random.default_rng(0)
    target = y + rng.normal(size=len(y)) * 1000 * (np.arange(len(y)) % 2)
    calm = np.where(np.arange(len(y)) % 2, 0.001, 1.7)
    widths = [
        np.diff(quick().fit(X, target, weight).predict_interval(X)).mean()
        for weight in (None, calm)
    ]
    assert widths[1] < 0.5 * widths[0]


def test_a_constant_is_told_exactly():
    reg = quick().fit(X, np.full(len(y), 3.0))
    assert_array_equal(reg.predict_interval(X), 3.0)


def test_what_cannot_be_told_is_refused():
    with pytest.raises(NotFittedError):
        quick().predict_interval(X)
    for level in (0, 1, -0.5, 90, "0.9", None):
        with pytest.raises(ValueError, match="confidence_level must be a float"):
            FITTED.predict_interval(X, level)
    with pytest.raises(ValueError, match=r"needs at least 1999 rows .* were 442"):
        FITTED.predict_interval(X, 0.999)
    with pytest.raises(ValueError, match="were set aside in fit, and there were none"):
        quick(early_stopping=False).fit(X, y).predict_interval(X)
    later = quick().fit(X, y).partial_fit(X, y)
    with pytest.raises(ValueError, match="partial_fit has none"):
        later.predict_interval(X)


@pytest.mark.slow
def test_mapie_takes_the_estimators():
    mapie = pytest.importorskip("mapie.regression")
    reg = MixupRegressor(n_estimators=2, max_epochs=20, random_state=0)
    cross = mapie.CrossConformalRegressor(reg, confidence_level=0.9, cv=5)
    cross.fit_conformalize(X[:300], y[:300])
    own = reg.set_params(loss="quantile")
    fitted = [
        clone(own).set_params(quantile=level).fit(X[:200], y[:200])
        for level in (0.05, 0.95, 0.5)
    ]
    quantiles = mapie.ConformalizedQuantileRegressor(
        fitted, confidence_level=0.9, prefit=True
    )
    quantiles.conformalize(X[200:300], y[200:300])
    for model in (cross, quantiles):
        intervals = model.predict_interval(X[300:])[1][..., 0]
        assert 0.82 < holds(intervals, y[300:]).mean() < 0.98
