"""Columns of any type and name are inputs of exported models."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType

from skmixup import MixupClassifier, TabularEncoder
from skmixup.export import to_onnx

from ..helpers import UNSEEN, digits, shops, sides
from .helpers import QUICK, check_equal, labels, mixed, run


def test_arrays_of_numbers_are_one_input():
    X, y = digits(200)
    for preprocess in ("auto", None):
        clf = MixupClassifier(preprocess=preprocess, **QUICK).fit(X, y)
        model = check_equal(clf, X)
        (value,) = model.graph.input
        shape = value.type.tensor_type.shape.dim
        assert value.name == "X"
        assert not shape[0].dim_value
        assert shape[1].dim_value == 64
        check_equal(clf, X, sample=X)
        rows = sparse.csr_array(X)
        clf.fit(rows, y)
        np.testing.assert_allclose(
            run(to_onnx(clf), X)[1], clf.predict_proba(rows), rtol=0, atol=1e-5
        )


def test_arrays_with_categories():
    frame, y = sides()
    clf = MixupClassifier(categorical_features=[2], **QUICK)
    numbers = frame.to_numpy()
    later = np.concatenate([numbers, [[0, 0, 7.0], [0, 0, np.nan], [0, 0, 1.5]]])
    (value,) = check_equal(clf.fit(numbers, y), later, sample=later).graph.input
    assert value.name == "X"
    objects = frame.astype({"code": str}).to_numpy(object)
    model = check_equal(clf.fit(objects, y), objects)
    assert [value.name for value in model.graph.input] == ["x0", "x1", "x2"]


@UNSEEN
@pytest.mark.parametrize(
    "dtype", ["int8", "uint16", "int64", "float32", "float64", "bool"]
)
def test_categories_of_any_type_come_as_they_are_or_as_text(dtype):
    X, y = shops(200)
    X["shop"] = (pd.to_numeric(X["shop"]) % 37).astype(dtype)
    clf = MixupClassifier(categorical_features=["shop"], **QUICK).fit(X, y)
    later = X.copy()
    if dtype != "bool":
        later["shop"] = np.r_[np.array([99, 100, 0, 1]), X["shop"][4:]].astype(dtype)
    check_equal(clf, later, sample=X)
    spelled = later.assign(shop=later["shop"].astype(int).astype(str))
    np.testing.assert_allclose(
        run(to_onnx(clf), spelled)[1], clf.predict_proba(later), rtol=0, atol=1e-5
    )


@UNSEEN
def test_categories_of_numbers_that_are_not_whole_or_missing():
    X, y = shops(200)
    X["shop"] = pd.to_numeric(X["shop"]) % 5 / 4
    X.loc[::7, "shop"] = np.nan
    clf = MixupClassifier(categorical_features=["shop"], **QUICK).fit(X, y)
    X.loc[:1, "shop"] = [0.3, np.inf]
    check_equal(clf, X, sample=X)
    check_equal(
        clf, X.astype({"shop": "category"}), sample=X.astype({"shop": "category"})
    )


def test_large_ids_that_are_categories_are_told_apart():
    X, _ = shops(200)
    X["shop"] = 2**60 + pd.to_numeric(X["shop"]) % 3
    clf = MixupClassifier(categorical_features=["shop"], **QUICK | {"max_epochs": 8})
    clf.fit(X, X["shop"] % 3)
    check_equal(clf, X, sample=X)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_types_with_missing_values_come_as_float64(dtype):
    X, y = shops()
    X["size"] = pd.array([None, True, False] * 40, dtype=dtype)
    clf = MixupClassifier(**QUICK).fit(X, y)
    later = X.assign(size=X["size"].astype("Float64").to_numpy(float, na_value=np.nan))
    model = to_onnx(clf, X)
    np.testing.assert_allclose(
        run(model, later)[1], clf.predict_proba(X), rtol=0, atol=1e-5
    )


def test_rare_levels_that_are_grouped():
    X = mixed()
    for params in ({"min_frequency": 12}, {"max_categories": 3}):
        encoder = TabularEncoder(**params)
        clf = MixupClassifier(preprocess=encoder, **QUICK).fit(X, labels(X, "binary"))
        later = X.copy()
        later.loc[:9, "shop"] = "none of them"
        later.loc[5:14, "color"] = None
        check_equal(clf, later)


@pytest.mark.filterwarnings("ignore:Column.*different in nearly every row")
def test_text_that_is_left_out_says_whether_it_is_there():
    X, _ = shops(200)
    X["id"] = [f"row {i}" for i in range(200)]
    X["note"] = X["id"].where(np.arange(200) % 3 > 0)
    clf = MixupClassifier(**QUICK | {"max_epochs": 20}).fit(X, np.arange(200) % 3 > 0)
    assert clf.encoder_.dropped_mask_.tolist() == [False, False, True, True]
    model = check_equal(clf, X)
    assert [value.name for value in model.graph.input] == list(X)
    check_equal(clf, X, sample=X)
    assert len(np.unique(clf.predict(X))) == 2


def test_names_are_kept_and_told_apart():
    frame, y = sides()
    frame.columns = ["a b=ü", "constant", ""]
    model = check_equal(MixupClassifier(**QUICK).fit(frame, y), frame)
    assert [value.name for value in model.graph.input] == ["a b=ü", "constant", "x2"]
    frame.columns = ["label", "concat", "cast"]
    model = check_equal(MixupClassifier(**QUICK).fit(frame, y), frame)
    assert [value.name for value in model.graph.input] == ["label_2", "concat", "cast"]


def test_missing_text_may_be_any_but_a_level():
    X, y = shops()
    X.loc[::5, "shop"] = ""
    clf = MixupClassifier(**QUICK)
    check_equal(clf.fit(X, y), X)  # nothing is missing
    X.loc[1::5, "shop"] = None
    clf.fit(X, y)
    with pytest.raises(
        ValueError, match="Column 'shop' has missing values, and a leve"
    ):
        to_onnx(clf)
    check_equal(clf, X, missing="?")


# Dates


def moments(n=400, zone=None):
    rng = np.random.default_rng(0)
    times = rng.integers(-(10**16), 10**16, n)
    times = times.astype("datetime64[us]")  # pandas 2 would have nanoseconds of numbers
    edges = ["1970-01-01", "2000-02-29T23:59:59", "1900-03-01", "2024-12-31T12:00"]
    times[:4], times[5] = edges, "NaT"
    when = pd.Series(times).dt.tz_localize(zone)
    took = pd.Series(pd.to_timedelta(rng.integers(0, 10**6, n), unit="ms"))
    return pd.DataFrame({"x": rng.normal(size=n), "when": when, "took": took})


@pytest.mark.parametrize("zone", [None, "UTC", "+05:30"])
def test_dates_are_seconds(zone):
    X = moments(zone=zone)
    y = X["when"].dt.month.fillna(0) > 6
    clf = MixupClassifier(**QUICK | {"max_epochs": 20}).fit(X, y)
    assert len(clf.encoder_.times_[0].parts) == 10
    check_equal(clf, X)
    check_equal(clf, X, sample=X)
    assert clf.score(X, y) > 0.8


def test_parts_of_dates():
    X = moments(3000)[["when"]]
    encoder = TabularEncoder(n_bins=0).fit(X)
    types = [("when", DoubleTensorType([None, 1]))]
    (encoded,) = run(convert_sklearn(encoder, initial_types=types), X)
    np.testing.assert_allclose(encoded, encoder.transform(X), rtol=0, atol=1e-6)


def test_dates_of_a_zone_whose_offset_varies_are_refused():
    X = moments()
    X["when"] = X["when"].dt.tz_localize(
        "Europe/Berlin", ambiguous="NaT", nonexistent="NaT"
    )
    clf = MixupClassifier(**QUICK).fit(X, X["x"] > 0)
    with pytest.raises(
        ValueError, match="Column 'when' holds dates of the time zone Eur"
    ):
        to_onnx(clf)
