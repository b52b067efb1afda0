"""Columns of which one value holds most: counts, claims, amounts, sentinels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skmixup import MixupClassifier, MixupRegressor, TabularEncoder
from skmixup.encoding import SmoothClipScaler

RNG = np.random.default_rng(3)
COUNTS = np.where(RNG.random(600) < 0.8, 0, RNG.integers(1, 10, 600)).astype(float)
CLAIMS = np.where(RNG.random(600) < 0.85, 0, RNG.lognormal(6, 1.5, 600))


def spread(Z, values):
    """How far apart the largest and the smallest of some encoded values are."""
    return np.ptp(np.asarray(Z)[values], axis=0).max()


@pytest.mark.parametrize("mostly", [0.0, 999.0, -1.0, 1e-300])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("largest", [9, 1e2, 1e6, 1e300])
def test_one_large_value_does_not_hide_the_others(mostly, sign, largest):
    x = mostly + sign * COUNTS
    x[0] = sign * largest
    encoder = TabularEncoder().fit(x[:, None])
    Z = encoder.transform(x[:, None])
    rare = np.flatnonzero(COUNTS[1:]) + 1
    assert Z.shape[1] == 1 + 5  # one bin more than n_bins, for the value of most rows
    assert (np.ptp(Z[rare], axis=0) > 0).sum() > 3
    assert spread(Z[:, :1], rare) > 0.5
    assert np.abs(Z).max() <= 3
    ordered = np.argsort(x)
    assert (np.diff(Z[ordered], axis=0) >= 0).all()


@pytest.mark.parametrize("largest", [9, 1e3, 1e6])
def test_counts_are_learned_beside_an_outlier(largest):
    x = COUNTS.copy()
    x[0] = largest
    y = (COUNTS > 4).astype(int)
    clf = MixupClassifier(max_epochs=60, n_estimators=4, random_state=0)
    assert clf.fit(x[:, None], y).score(x[1:, None], y[1:]) > 0.97
    reg = MixupRegressor(max_epochs=60, n_estimators=4, random_state=0)
    assert reg.fit(x[:, None], COUNTS).score(x[1:, None], COUNTS[1:]) > 0.9


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_claims_as_they_are_say_as_much_as_their_logarithms(missing):
    x = np.where(np.random.default_rng(0).random(600) < missing, np.nan, CLAIMS)
    y = (CLAIMS > 400).astype(int)
    clf = MixupClassifier(max_epochs=60, n_estimators=4, random_state=0)
    raw, log = (clf.fit(z[:, None], y).score(z[:, None], y) for z in (x, np.log1p(x)))
    assert raw > log - 0.01


def test_the_scale_is_that_of_the_values_that_differ():
    x = np.array([0.0] * 10 + [2.0, 4.0, 1e9])[:, None]
    scaler = SmoothClipScaler().fit(x)
    assert scaler.center_[0] == 0
    assert scaler.half_scale_[0] * 2 == 4 / 2  # half of their median distance
    # Of two values, as before: half of their distance.
    flag = np.array([0.0] * 10 + [1.0])[:, None]
    assert SmoothClipScaler().fit(flag).half_scale_[0] * 2 == 0.5


@pytest.mark.parametrize("largest", [9, 1e6, 1e300])
def test_a_sparse_column_is_scaled_by_what_is_not_zero(largest):
    x = COUNTS.copy()
    x[0] = largest
    X = sparse.csr_matrix(np.column_stack([x, COUNTS > 0, np.zeros(600)]))
    Z = TabularEncoder().fit(X).transform(X).toarray()
    rare = np.flatnonzero(COUNTS[1:]) + 1
    assert spread(Z[:, :1], rare) > 0.5
    assert np.abs(Z).max() <= 3
    assert not Z[:, 2].any()
    assert set(Z[:, 1]) == {0, np.float32(1 / np.sqrt(1 + 1 / 9))}


@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.5, 0.99),
    is_sparse=st.booleans(),
)
def test_weights_are_copies_where_most_values_are_one(seed, share, is_sparse):
    rng = np.random.default_rng(seed)
    X = np.where(rng.random((40, 2)) < share, 0, rng.integers(-9, 10, (40, 2)) ** 3)
    X = X.astype(float)
    weight = rng.integers(0, 4, 40)
    weight[0] = 1
    copies = np.repeat(np.arange(40), weight)
    make = sparse.csr_matrix if is_sparse else np.asarray
    weighted = TabularEncoder().fit(make(X), sample_weight=weight)
    copied = TabularEncoder().fit(make(X[copies]))
    Z, again = weighted.transform(make(X)), copied.transform(make(X))
    if is_sparse:
        Z, again = Z.toarray(), again.toarray()
    np.testing.assert_array_equal(Z, again)


def test_names_count_the_bins():
    X = pd.DataFrame({"claims": CLAIMS})
    names = TabularEncoder().fit(X).get_feature_names_out()
    assert names.tolist() == ["claims", *(f"claims_bin{i}" for i in range(5))]


# Common values that lie far from the others


CODES = [1e6, 1e9, -999, 0, 1e300, -99999.0]


def with_code(code, share):
    """Numbers, of which a share is a code, and which those are."""
    others = np.random.default_rng(0).normal(size=400)
    is_code = np.arange(400) < 400 * share
    return np.where(is_code, code, others), others, is_code


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_code_does_not_hide_the_other_values(code, share):
    x, _, is_code = with_code(code, share)
    Z = TabularEncoder().fit_transform(x[:, None])
    rest = np.flatnonzero(~is_code)
    assert len(np.unique(Z[rest], axis=0)) == len(rest)
    assert spread(Z, rest) > 0.8
    assert (np.abs(Z[rest] - Z[0]).max(axis=1) > 0.1).mean() > 0.9
    assert np.abs(Z).max() <= 3
    assert np.isfinite(Z).all()


@pytest.mark.parametrize(
    "code", [CODES[0], *(pytest.param(c, marks=pytest.mark.slow) for c in CODES[1:])]
)
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_values_beside_a_code_are_learned(code, share):
    x, others, is_code = with_code(code, share)
    rest = np.flatnonzero(~is_code)
    y = np.where(is_code, 0, others > 0).astype(int)
    clf = MixupClassifier(max_epochs=60, n_estimators=2, random_state=0)
    assert (clf.fit(x[:, None], y).predict(x[:, None]) == y)[rest].mean() > 0.95


@pytest.mark.parametrize(
    "codes", [(-99999, 99999), (0, 1e-6), (-1e9, -1e8), (7e5, 1e6)]
)
def test_two_codes_and_the_others_stay_apart(codes):
    rng = np.random.default_rng(0)
    kind = rng.choice(3, 400, p=[0.35, 0.35, 0.3])
    others = rng.integers(100, 1000, 400) * 1.0
    x = np.choose(kind, [codes[0], codes[1], others])
    Z = TabularEncoder().fit_transform(x[:, None])
    assert len(np.unique(Z, axis=0)) == len(np.unique(x))
    first, second = (Z[kind == k][0] for k in (0, 1))
    assert np.abs(first - second).max() > 0.5
    assert spread(Z, kind == 2) > 0.8


@pytest.mark.parametrize("code", [1.7e308, -1.7e308, 1e100])
@pytest.mark.parametrize("unit", [1.0, 1e-300, 5e-324, 1e290])
def test_codes_and_others_of_any_size(code, unit):
    x = np.where(np.arange(60) < 20, code, np.arange(60) % 7 * unit)
    x[20:30] = -code
    Z = TabularEncoder().fit_transform(x[:, None])
    assert np.isfinite(Z).all()
    assert np.abs(Z).max() <= 3


def test_ordinary_columns_have_no_codes():
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            rng.normal(size=400),
            rng.lognormal(sigma=3, size=400),
            rng.integers(0, 3, 400),
            rng.random(400) < 0.5,
            np.arange(400) == 0,
            np.where(rng.random(400) < 0.3, 0, rng.normal(size=400)),
        ]
    )
    assert not SmoothClipScaler().fit(X).coded_.any()


@pytest.mark.parametrize("n", [40, 60, 100])
@pytest.mark.parametrize("weight", [0.3, 0.01, None, 1e-9, 7.7])
def test_equal_weights_are_none(n, weight):
    rng = np.random.default_rng(n)
    X = np.column_stack([rng.normal(size=(n, 3)), np.arange(n) % 5 // 4 * np.arange(n)])
    weights = np.full(n, 1 / n if weight is None else weight)
    for make in (np.asarray, sparse.csr_matrix):
        plain, weighed = (
            TabularEncoder().fit(make(X), sample_weight=w).transform(make(X))
            for w in (None, weights)
        )
        assert np.array_equal(
            *(sparse.csr_matrix(Z).toarray() for Z in (plain, weighed))
        )
    clf = MixupClassifier(max_epochs=3, n_estimators=2, random_state=0)
    y = (X[:, 0] > 0).astype(int)
    plain, weighed = (clf.fit(X, y, w).predict_proba(X) for w in (None, weights))
    np.testing.assert_array_equal(plain, weighed)
