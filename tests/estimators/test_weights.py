"""Weights of rows and of classes."""

from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_iris

from skmixup import MixupClassifier, MixupRegressor

from ..helpers import single

quick = partial(single, MixupClassifier, max_epochs=4)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def test_weights_are_copies():
    rng = np.random.default_rng(0)
    weight = rng.integers(0, 4, len(Y_IRIS))
    ones = quick().fit(X_IRIS, Y_IRIS, np.ones(len(Y_IRIS))).predict_proba(X_IRIS)
    assert np.array_equal(ones, quick().fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS))
    weighted = quick().fit(X_IRIS, Y_IRIS, weight).predict_proba(X_IRIS)
    copies = np.repeat(np.arange(len(Y_IRIS)), weight)
    repeated = quick().fit(X_IRIS[copies], Y_IRIS[copies]).predict_proba(X_IRIS)
    assert np.array_equal(weighted, repeated)


@pytest.mark.parametrize("factor", [1, 7.5])
def test_heavy_weights_train_by_weight(factor):
    # Too heavy to be visited one by one: the loss is weighted, and scale is no matter.
    weight = np.where(Y_IRIS == 2, 1000.0, 1.5)
    clf = quick().fit(X_IRIS, Y_IRIS, weight * factor)
    assert (clf.predict(X_IRIS) == 2).mean() > 0.5
    same = quick().fit(X_IRIS, Y_IRIS, weight)
    np.testing.assert_allclose(
        clf.predict_proba(X_IRIS), same.predict_proba(X_IRIS), atol=1e-4
    )


def test_copies_count_as_weights_under_early_stopping():
    weight = np.arange(len(Y_IRIS)) % 3
    clf = quick(early_stopping=True)
    weighted = clf.fit(X_IRIS, Y_IRIS, weight).predict_proba(X_IRIS)
    copies = np.repeat(np.arange(len(Y_IRIS)), weight)
    again = clf.fit(X_IRIS[copies], Y_IRIS[copies]).predict_proba(X_IRIS)
    assert np.array_equal(weighted, again)


def test_class_weight_by_label():
    labels = np.array(["u", "v", "w"])[Y_IRIS]
    clf = quick(class_weight={"u": 500, "v": 1, "w": 1}).fit(X_IRIS, labels)
    assert (clf.predict(X_IRIS) == "u").mean() > 0.5
    with pytest.raises(ValueError, match=r"label\(s\) \['z'\]"):
        quick(class_weight={"z": 2}).fit(X_IRIS, labels)


@pytest.mark.parametrize("value", ["a", -1, float("nan"), float("inf")])
def test_class_weights_are_checked(value):
    with pytest.raises(ValueError, match=r"class_weight\[0\] must be finite"):
        quick(class_weight={0: value}).fit(X_IRIS, Y_IRIS)


def test_class_weight_in_pieces_and_zero():
    clf = quick(class_weight={0: 2})
    clf.partial_fit(X_IRIS[:100], Y_IRIS[:100], classes=[0, 1, 2])
    assert clf.partial_fit(X_IRIS[100:], Y_IRIS[100:]).n_iter_ == 2
    without = quick().fit(X_IRIS[50:], Y_IRIS[50:])
    zero = quick(class_weight={0: 0}).fit(X_IRIS, Y_IRIS)
    assert zero.classes_.tolist() == [0, 1, 2]
    assert zero.predict_proba(X_IRIS)[:, 0].mean() < 0.4
    assert without.classes_.tolist() == [1, 2]


@pytest.mark.parametrize("make", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("stopping", [True, False])
@pytest.mark.parametrize("factor", [2.0**-1000, 2.0**1000])
def test_only_ratios_of_weights_mean_something(make, stopping, factor):
    weight = np.arange(150) % 3 + 1.0
    est = make(max_epochs=3, n_estimators=2, early_stopping=stopping, random_state=0)
    plain, scaled = (
        est.fit(X_IRIS, Y_IRIS, sample_weight=w).predict(X_IRIS)
        for w in (weight, weight * factor)
    )
    np.testing.assert_array_equal(plain, scaled)


@pytest.mark.parametrize("make", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("stopping", [True, False])
def test_weights_of_every_size_train(make, stopping):
    weight = np.array([1e-300, 1.0, 1e300])[np.arange(150) % 3]
    est = make(max_epochs=3, n_estimators=2, early_stopping=stopping, random_state=0)
    assert np.isfinite(
        est.fit(X_IRIS, Y_IRIS, sample_weight=weight).predict(X_IRIS)
    ).all()
    tiny = est.fit(X_IRIS, Y_IRIS, sample_weight=np.where(weight > 1, 1e300, 1e-300))
    left_out = make(**est.get_params()).fit(X_IRIS[2::3], Y_IRIS[2::3])
    np.testing.assert_array_equal(tiny.predict(X_IRIS), left_out.predict(X_IRIS))


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_negligible_weight_are_as_if_they_were_not_there(seed):
    """Of a member that set aside none but such, there was no loss to stop on."""
    rng = np.random.default_rng(seed)
    n_rows = rng.integers(20, 40)
    X, counts = rng.normal(size=(n_rows, 3)), np.arange(n_rows) % 3 == 2
    weight = np.where(counts, 1e300, 1e-300)
    est = MixupRegressor(max_epochs=1, n_estimators=2, random_state=0)
    found = est.fit(X, X[:, 0], sample_weight=weight).predict(X)
    expected = est.fit(X[counts], X[counts, 0]).predict(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("own", [None, 1e300])
@pytest.mark.parametrize(
    "weights", [{0: 1e-300, 1: 1.0, 2: 1e300}, {0: 1e308, 1: 1e308}]
)
def test_class_weights_of_every_size_train(weights, own):
    sample_weight = None if own is None else np.full(150, own)
    clf = quick(class_weight=weights).fit(X_IRIS, Y_IRIS, sample_weight)
    assert np.isfinite(clf.predict_proba(X_IRIS)).all()


@pytest.mark.parametrize(
    "weight",
    [["a"] * 150, np.full(150, 1j), [[1.0]] * 150, [1.0] * 149, [np.nan] * 150],
)
@pytest.mark.parametrize("make", [MixupClassifier, MixupRegressor])
def test_weights_that_are_none_are_named(make, weight):
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        make().fit(X_IRIS, Y_IRIS, sample_weight=weight)


def test_one_weight_for_all_rows_is_none():
    weighed = quick().fit(X_IRIS, Y_IRIS, sample_weight=0.3)
    np.testing.assert_array_equal(
        weighed.predict_proba(X_IRIS), quick().fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS)
    )
