"""MixupRegressor, and the partners of C-Mixup."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochTimer
from torch import nn

from skmixup import (
    FoldEnsembleRegressor,
    MixupClassifier,
    MixupNet,
    MixupRegressor,
    MixupSearchCV,
    fit_together,
)
from skmixup.mixing._cmixup import TargetPartners

X, y = load_diabetes(return_X_y=True)
TWO = np.column_stack([y, np.sqrt(y)])


def quick(**params):
    """A single network that learns from all rows."""
    plain = {"n_estimators": 1, "early_stopping": False, "dropout": 0.0}
    return MixupRegressor(**plain | {"max_epochs": 8, "random_state": 0} | params)


def test_it_predicts():
    scores = cross_val_score(MixupRegressor(max_epochs=40, random_state=0), X, y)
    assert scores.mean() > 0.43


@pytest.mark.parametrize("params", [{}, {"partner": "target"}, {"mixing": "cutmix"}])
def test_alpha_zero_is_training_without_mixing_bit_for_bit(params):
    off = quick(mixing=None).fit(X, y).predict(X)
    assert_array_equal(quick(alpha=0, **params).fit(X, y).predict(X), off)
    assert not np.array_equal(quick(alpha=1, **params).fit(X, y).predict(X), off)


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


def test_labels_have_no_neighbors():
    net = MixupNet(nn.Linear(10, 2), partner="target")
    with pytest.raises(ValueError, match="got class labels"):
        net.fit(X.astype(np.float32), (y > 100).astype(int))


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


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("partner", ["random", "target"])
def test_a_search_is_grid_search(early, partner):
    reg = quick(
        n_estimators=2, early_stopping=early, validation_fraction=0.3, partner=partner
    )
    grid = {"alpha": [0.0, 1.0], "lr": [1e-3, 4e-3]}
    folds = KFold(3, shuffle=True, random_state=0)
    mine = MixupSearchCV(reg, grid, cv=folds).fit(X, y)
    oracle = GridSearchCV(reg, grid, cv=folds).fit(X, y)
    assert mine.best_params_ == oracle.best_params_
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(mine.cv_results_[name], oracle.cv_results_[name], atol=1e-4)


def test_a_searchs_folds_are_kept_and_averaged():
    pipe = make_pipeline(StandardScaler(), quick(preprocess=None))
    grid = {"mixupregressor__alpha": [0.0, 0.5]}
    search = MixupSearchCV(pipe, grid, cv=3, keep_folds=True).fit(X, TWO)
    assert isinstance(search.best_estimator_, FoldEnsembleRegressor)
    members = search.best_estimator_.estimators
    mean = np.mean([member.predict(X) for member in members], axis=0)
    assert_allclose(search.predict(X), mean)
    assert search.best_estimator_.n_features_in_ == 10


def test_both_kinds_together():
    kinds = [quick(), MixupClassifier((8,), max_epochs=2, random_state=0)]
    labels = np.round(y / 50)  # numbers or labels, as one will
    fits = sorted(fit_together(kinds, X, labels), key=lambda fit: fit.index)
    assert [type(fit.estimator) for fit in fits] == [MixupRegressor, MixupClassifier]
    assert_allclose(
        fits[0].estimator.predict(X), quick().fit(X, labels).predict(X), rtol=1e-4
    )


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


# Partners


def partners_of(targets, bandwidth, n_draws=4000):
    n = len(targets)
    drawn = TargetPartners(targets, [np.arange(n)], bandwidth)
    rows = np.tile(np.arange(n), (1, n_draws, 1))
    return drawn.draw([np.random.default_rng(0)], rows, [n])[0]


def test_partners_are_drawn_by_the_kernel():
    targets = np.array([0.0, 0.1, 0.2, 0.5, 1.0, 1.1, 3.0])[:, None]
    found = partners_of(targets, 0.4)
    for i in range(len(targets)):
        share = np.bincount(found[:, i], minlength=len(targets)) / len(found)
        distance = np.abs(targets[:, 0] - targets[i, 0]) / 0.4
        expected = np.exp(-(distance**2) / 2) * (distance <= 3)
        assert_allclose(share, expected / expected.sum(), atol=0.03)


def test_partners_of_many_targets_are_near_in_all():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(300, 3))
    found = partners_of(targets, 0.3, 20)
    distance = np.linalg.norm(targets[found] - targets, axis=-1)
    assert distance.max() <= 0.3 * 3 * np.sqrt(3)
    assert 0.05 < distance.mean() < 0.9


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 100))
def test_partners_are_the_members_own_however_many_steps_at_a_time(
    n_own, n_steps, seed
):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(10, 1))
    own = rng.choice(10, n_own, replace=False)
    partners = TargetPartners(targets, [own, np.arange(10)], 0.5)
    rows = rng.choice(own, (1, n_steps, 4))
    whole = partners.draw([np.random.default_rng(1)], rows, [4])
    assert np.isin(whole, own).all()
    stream = np.random.default_rng(1)
    fewer = partners.draw([stream], rows, [3])
    assert_array_equal(fewer[..., 3], rows[..., 3])
    stream = np.random.default_rng(1)
    steps = [partners.draw([stream], rows[:, [s]], [4]) for s in range(n_steps)]
    assert_array_equal(np.concatenate(steps, axis=1), whole)


def test_folds_of_different_targets_or_columns_are_not_averaged():
    one, two = quick(max_epochs=1).fit(X, y), quick(max_epochs=1).fit(X, TWO)
    with pytest.raises(ValueError, match="targets of one kind"):
        FoldEnsembleRegressor([one, two]).fit()
    narrow = quick(max_epochs=1).fit(X[:, :3], y)
    with pytest.raises(ValueError, match="same number of columns"):
        FoldEnsembleRegressor([one, narrow]).fit()
