"""Columns of which one value holds most: counts, claims, amounts, sentinels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from skmixup import MixupClassifier, MixupRegressor, SmoothClipScaler, TabularEncoder

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
