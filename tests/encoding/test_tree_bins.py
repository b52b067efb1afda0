"""Bins that trees of the target lay."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmixup import TabularEncoder
from skmixup.encoding._encoder import MAX_TREE_BINS


def table(n=400, seed=0):
    """A number with a step at 0.7, one that says nothing, and a color."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "told": np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
            "noise": rng.normal(size=n),
            "color": rng.choice(["red", "blue"], n),
        }
    )
    return X, (X["told"].fillna(0) > 0.7).to_numpy()


def tree_columns(encoder):
    names = encoder.get_feature_names_out()
    return [i for i, name in enumerate(names) if "_tree" in name]


def test_they_are_the_last_columns_and_others_are_as_without():
    X, y = table()
    encoder = TabularEncoder(n_tree_bins=6).fit(X, y)
    plain = TabularEncoder().fit(X)
    Z, expected = encoder.transform(X), plain.transform(X)
    n = expected.shape[1]
    np.testing.assert_array_equal(Z[:, :n], expected)
    assert tree_columns(encoder) == list(range(n, Z.shape[1]))
    owners = encoder.column_groups_[n:]
    assert 2 <= np.sum(owners == 0) <= 6 and 2 not in owners
    assert list(encoder.column_groups_[:n]) == list(plain.column_groups_)
    assert ((Z[:, n:] >= 0) & (Z[:, n:] <= 1)).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y,
        lambda y: np.where(y, "yes", "no"),
        lambda y: y.astype(int) * 7,
        lambda y: y + np.linspace(0, 0.01, len(y)),
        lambda y: np.column_stack([y, ~y]).astype(int),
        lambda y: np.column_stack([y, np.linspace(0, 0.01, len(y))]),
    ],
    ids=["bool", "text", "codes", "numbers", "indicators", "two numbers"],
)
def test_there_is_an_edge_where_the_target_has_a_step(make):
    X, y = table()
    encoder = TabularEncoder(n_tree_bins=6).fit(X, make(y))
    ordered = np.sort(X["told"].dropna())
    at = np.searchsorted(ordered, 0.7)
    about = pd.DataFrame(
        {"told": ordered[at - 1 : at + 1], "noise": 0.0, "color": "red"}
    )
    bins = encoder.transform(about)[:, tree_columns(encoder)]
    own = encoder.column_groups_[tree_columns(encoder)] == 0
    (edge,) = encoder.scaler_._scale_column(np.array([0.7]), 0)
    lower = encoder.tree_bins_.lower_[own]
    spread = np.diff(encoder.scaler_._scale_column(ordered, 0)[at - 1 : at + 1])[0]
    assert np.abs(lower - edge).min() <= spread
    assert (bins[1, own] >= bins[0, own]).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_a_weight_is_as_many_copies(seed, n_bins, continuous):
    X, y = table(120, seed)
    y = y + 0.3 * X["noise"].to_numpy() if continuous else y
    copies = np.random.default_rng(seed).integers(0, 4, len(y))
    copies[:2] = 1
    kept = np.repeat(np.arange(len(y)), copies)
    encoder = TabularEncoder(n_tree_bins=n_bins)
    weighted = encoder.fit(X, y, sample_weight=copies).transform(X)
    copied = encoder.fit(X.iloc[kept], y[kept]).transform(X)
    np.testing.assert_array_equal(weighted, copied)


def test_they_need_a_target():
    X, y = table()
    with pytest.raises(ValueError, match=r"the target y is None: n_tree_bins=4"):
        TabularEncoder(n_tree_bins=4).fit(X)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        TabularEncoder(n_tree_bins=4).fit(X, y[1:])
    with pytest.raises(ValueError, match="NaN"):
        TabularEncoder(n_tree_bins=4).fit(X, np.where(y, np.nan, 1.0))


@pytest.mark.parametrize("n_tree_bins", [0, 1])
def test_none_are_laid_if_none_are_asked_for(n_tree_bins):
    X, _ = table()
    encoder = TabularEncoder(n_tree_bins=n_tree_bins).fit(X)
    assert not tree_columns(encoder)


def test_columns_that_give_none():
    """Sparse ones, constant or wholly missing ones, and those of a code far away."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    coded = np.where(rng.random(200) < 0.4, 999_999.0, x)
    X = np.column_stack([np.ones(200), np.full(200, np.nan), coded])
    encoder = TabularEncoder(n_tree_bins=8).fit(X, x > 0)
    assert not tree_columns(encoder)
    numbers = sparse.random(200, 5, 0.2, "csr", random_state=0)
    encoder.fit(numbers, x > 0)
    assert encoder.transform(numbers).shape == (200, 5)


def test_a_long_column_is_learned_from_a_part(monkeypatch):
    monkeypatch.setattr("skmixup.encoding._bins._TREE_ROWS", 300)
    X, y = table(2000)
    first, again = (TabularEncoder(n_tree_bins=6).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.tree_bins_.lower_, again.tree_bins_.lower_)
    step = first.scaler_._scale_column(np.array([0.7]), 0)[0]
    own = first.tree_bins_.columns_ == 0
    assert np.abs(first.tree_bins_.lower_[own] - step).min() < 0.1


@pytest.mark.parametrize("scale", [1e-300, 1 / 7, 1e3, 1e300])
def test_the_scale_of_weights_says_nothing(scale):
    X, y = table()
    weight = np.random.default_rng(0).random(len(y)) + 0.1
    encoder = TabularEncoder(n_tree_bins=6)
    edges = encoder.fit(X, y, sample_weight=weight).tree_bins_.lower_
    again = encoder.fit(X, y, sample_weight=scale * weight).tree_bins_.lower_
    np.testing.assert_array_equal(edges, again)


@pytest.mark.parametrize(
    "change",
    [lambda y: 1e-12 * y, lambda y: y + 1e9, lambda y: 1e300 * y, np.round],
    ids=["small", "far", "large", "whole"],
)
def test_the_units_of_numbers_say_next_to_nothing(change):
    X, _ = table(1500)
    y = 500 * np.sin(4 * X["noise"].to_numpy())
    encoder = TabularEncoder(n_tree_bins=8)
    edges = encoder.fit(X, y).tree_bins_.lower_
    again = encoder.fit(X, change(y)).tree_bins_.lower_
    np.testing.assert_allclose(again, edges, atol=0.02)


def test_of_two_targets_none_decides_alone():
    X, y = table(1500)
    y = y + 0.01 * X["told"].fillna(0).to_numpy()
    both = np.column_stack([y, 1e6 * np.sin(3 * X["noise"])])
    edges = TabularEncoder(n_tree_bins=6).fit(X, both).tree_bins_
    assert set(edges.columns_) == {0, 1}
    again = TabularEncoder(n_tree_bins=6).fit(X, both * [1e9, 1e-9]).tree_bins_
    np.testing.assert_allclose(edges.lower_, again.lower_)


def test_few_rows_give_none():
    X, y = table(30)
    assert not tree_columns(TabularEncoder(n_tree_bins=6).fit(X, y))
    X, y = table(80)
    assert tree_columns(TabularEncoder(n_tree_bins=6).fit(X, y))


def test_indicators_may_be_sparse():
    X, y = table()
    Y = np.column_stack([y, ~y]).astype(int)
    encoder = TabularEncoder(n_tree_bins=6)
    dense = encoder.fit(X, Y).transform(X)
    np.testing.assert_array_equal(
        encoder.fit(X, sparse.csr_array(Y)).transform(X), dense
    )


def test_many_columns_share_what_bins_there_may_be():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 100))
    y = X[:, 0] > X[:, 1]
    encoder = TabularEncoder(n_tree_bins=16).fit(X, y)
    counts = np.bincount(encoder.tree_bins_.columns_)
    assert counts.max() == MAX_TREE_BINS // 100
    few = TabularEncoder(n_tree_bins=16).fit(X[:, :10], y)
    assert np.bincount(few.tree_bins_.columns_).max() == 16
