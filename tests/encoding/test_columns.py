"""Tables of every library, and the values in their columns."""

import datetime
import enum
import warnings
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import narwhals
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    SmoothClipScaler,
    TabularEncoder,
    fit_together,
)

QUICK = {
    "max_epochs": 8,
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "random_state": 0,
}


class Color(str, enum.Enum):  # noqa: UP042, since its own str() is "Color.RED"
    RED = "red"


Pair = namedtuple("Pair", "a b")


def objects(*values, name="c"):
    return pd.DataFrame({name: pd.Series(values, dtype=object)})


# Tables of other libraries


def arrow_table(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def record_batch(frame):
    return arrow_table(frame).combine_chunks().to_batches()[0]


def polars_frame(frame):
    return pytest.importorskip("polars").DataFrame(frame.to_dict("list"))


def dask_frame(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)


def narwhals_frame(frame):
    return narwhals.from_native(frame)


def arrow_stream(frame):
    table = arrow_table(frame)
    return pytest.importorskip("pyarrow").RecordBatchReader.from_batches(
        table.schema, table.to_batches()
    )


LIBRARIES = [
    arrow_table,
    record_batch,
    arrow_stream,
    polars_frame,
    dask_frame,
    narwhals_frame,
]


def sides(n=60):
    x = np.random.default_rng(0).normal(size=n)
    codes = np.arange(n) % 3
    frame = pd.DataFrame({"left": x, "right": -x, "code": codes})
    return frame, (x > 0).astype(int)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("preprocess", ["auto", None])
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_names_of_columns_are_kept_and_checked(library, preprocess, kind):
    frame, y = sides()
    est = kind(preprocess=preprocess, **QUICK).fit(library(frame), y)
    assert est.feature_names_in_.tolist() == ["left", "right", "code"]
    of_pandas = kind(preprocess=preprocess, **QUICK).fit(frame, y)
    np.testing.assert_array_equal(est.predict(library(frame)), of_pandas.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        est.predict(library(frame[["right", "left", "code"]]))
    with pytest.raises(ValueError, match="feature names should match"):
        est.predict(frame[["right", "left", "code"]])


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", [TabularEncoder, SmoothClipScaler])
def test_transformers_keep_and_check_names_too(library, kind):
    frame, _ = sides()
    transformer = kind().fit(library(frame))
    assert transformer.feature_names_in_.tolist() == ["left", "right", "code"]
    expected = kind().fit_transform(frame)
    np.testing.assert_array_equal(transformer.transform(library(frame)), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(library(frame[["right", "left", "code"]]))


@pytest.mark.parametrize("library", LIBRARIES)
def test_categories_by_name_in_every_library(library):
    frame, y = sides()
    est = MixupClassifier(categorical_features=["code"], **QUICK)
    mask = est.fit(library(frame), y).encoder_.categorical_mask_
    assert mask.tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"\['cod'\] that X does not have.*'code'"):
        est.set_params(categorical_features=["cod"]).fit(library(frame), y)


@pytest.mark.parametrize("library", LIBRARIES)
def test_pieces_searches_and_stacks_take_every_library(library):
    frame, y = sides()
    clf = MixupClassifier(**QUICK)
    swapped = frame[["right", "left", "code"]]
    search = MixupSearchCV(clf, {"alpha": [0, 1]}, cv=2, error_score="raise")
    (fit,) = fit_together([clf], library(frame), y)
    for fitted in (
        MixupClassifier(**QUICK).partial_fit(library(frame), y, classes=[0, 1]),
        search.fit(library(frame), y),
        fit.estimator,
    ):
        assert fitted.feature_names_in_.tolist() == ["left", "right", "code"]
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(library(swapped))


@pytest.mark.parametrize(
    "use",
    [
        lambda lazy, y: MixupClassifier(**QUICK).fit(lazy, y),
        lambda lazy, y: MixupRegressor(**QUICK).fit(lazy, y),
        lambda lazy, y: MixupClassifier(preprocess=None, **QUICK).fit(lazy, y),
        lambda lazy, y: MixupClassifier(**QUICK).partial_fit(lazy, y, [0, 1]),
        lambda lazy, y: MixupSearchCV(MixupClassifier(), {"alpha": [0]}).fit(lazy, y),
        lambda lazy, y: list(fit_together([MixupClassifier()], lazy, y)),
        lambda lazy, y: TabularEncoder().fit(lazy),
        lambda lazy, y: SmoothClipScaler().fit(lazy),
        lambda lazy, y: MixupClassifier(**QUICK).fit(sides()[0], y).predict(lazy),
    ],
)
def test_lazy_tables_say_collect(use):
    frame, y = sides()
    with pytest.raises(TypeError, match=r"X is a lazy table \(polars.*collect\(\)"):
        use(polars_frame(frame).lazy(), y)


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Index, pd.Series])
def test_categories_named_by_tuples(kind):
    names = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])
    X = pd.DataFrame([[1, 2.0], [2, 3.0], [1, 5.0]], columns=names)
    given = [("a", "x")] if kind in (list, tuple) else kind(["c"])
    if kind not in (list, tuple):
        X.columns = ["c", "d"]
    mask = TabularEncoder(categorical_features=kind(given)).fit(X).categorical_mask_
    assert mask.tolist() == [True, False]


@pytest.mark.parametrize("given", [[[0]], [["a"], ["b"]], np.array([[0, 1]])])
def test_categories_in_two_dimensions(given):
    with pytest.raises(ValueError, match=r"categorical_features must be .* one-dim"):
        TabularEncoder(categorical_features=given).fit(objects(1, 2))


# Numbers


NUMBERS = [
    Decimal("1.5"),
    Fraction(3, 2),
    np.float32(1.5),
    np.float16(1.5),
    np.longdouble(1.5),
    1.5,
    2,
    np.int8(2),
    2**70,
    True,
    np.True_,
]


@pytest.mark.parametrize("other", NUMBERS, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, Decimal("NaN")])
def test_objects_that_are_numbers_are_numbers(other, missing):
    values = [Decimal("0.25"), other, 3, missing, Fraction(7, 2)]
    encoder = TabularEncoder().fit(objects(*values))
    assert encoder.categorical_mask_.tolist() == [False]
    as_floats = [float(v) if i != 3 else np.nan for i, v in enumerate(values)]
    expected = TabularEncoder().fit_transform(np.array(as_floats)[:, None])
    np.testing.assert_array_equal(encoder.transform(objects(*values)), expected)
    # Whatever stood beside them in fit.
    later = encoder.transform(objects(Fraction(1, 4), other, True))
    np.testing.assert_array_equal(later[:2], expected[:2])


@pytest.mark.parametrize(
    "beside", ["a", b"a", {1}, object(), pd.Timestamp("2020-01-01")]
)
def test_numbers_beside_something_else_are_levels(beside):
    X = objects(1, Decimal("1.5"), beside)
    if isinstance(beside, set) or type(beside) is object:
        with pytest.raises(TypeError, match=r"'c'.*must be a string or a number"):
            TabularEncoder().fit(X)
    else:
        assert TabularEncoder().fit(X).categorical_mask_.tolist() == [True]


def test_booleans_alone_are_categories_and_numbers_beside_numbers():
    masks = [
        TabularEncoder().fit(objects(*values)).categorical_mask_[0]
        for values in ([True, False, None], [True, False, 2], [True, 0.5])
    ]
    assert masks == [True, False, False]


@pytest.mark.parametrize("values", [[1j, 2.0], [1, 2, 1j], [Decimal(1), 1j]])
def test_complex_objects_are_refused(values):
    with pytest.raises(ValueError, match=r"Complex data not supported\ncolumn 'c'"):
        TabularEncoder().fit(objects(*values))
    encoder = TabularEncoder().fit(objects(1.0, 2.0))
    with pytest.raises(ValueError, match=r"Complex data not supported\ncolumn 'c'"):
        encoder.transform(objects(*values))


@pytest.mark.parametrize("huge", [10**400, -(10**400), Decimal("1E+400")])
def test_numbers_beyond_float_are_named(huge):
    message = "'c'.*too large|too large.*column 'c'"
    with pytest.raises(ValueError, match=message):
        TabularEncoder().fit(objects(1, huge))
    with pytest.raises(ValueError, match=message):
        TabularEncoder().fit(objects(1, 2)).transform(objects(1, huge))


# Levels


def codes(encoder, *values):
    return encoder.transform(objects(*values))


@pytest.mark.parametrize(
    "equal",
    [
        (1, 1.0, True, np.True_, Decimal("1.0"), Decimal("1.00"), Fraction(1), "1"),
        (0, -0.0, False, np.int8(0), Decimal("0E+3")),
        (0.5, Fraction(1, 2), Decimal("0.50"), np.float32(0.5)),
        (2**70, 2.0**70, Decimal(2**70), Fraction(2**70)),
        (10**400, Fraction(10**400), Decimal("1E+400")),
        (float("inf"), Decimal("Infinity"), np.float32(np.inf)),
        (10**5000, Fraction(10**5000)),
        ("red", Color.RED, np.str_("red")),
        ((1, 2), (1.0, 2), (True, Decimal(2)), Pair(1, 2)),
        (frozenset([1, "a"]), frozenset(["a", True])),
        (pd.Interval(0, 1), pd.Interval(0.0, 1.0)),
        (1 + 0j, 1, True),
        (datetime.timedelta(1), pd.Timedelta("1D")),
        (
            datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
            pd.Timestamp("2020-01-01 01:00", tz="Etc/GMT-1"),
        ),
    ],
    ids=lambda equal: str(type(equal[-1])),
)
def test_equal_numbers_are_one_level(equal):
    for first in equal:
        encoder = TabularEncoder().fit(objects(first, "unknown", "unknown"))
        for other in equal:
            assert codes(encoder, other).tolist() == codes(encoder, first).tolist()
            both = codes(encoder, first, other, "unknown")
            assert both.tolist()[1] == codes(encoder, other).tolist()[0]
            assert both[1].sum() == 1


_LEVELS = st.one_of(
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, float("inf"), 1e300]),
    st.sampled_from([Decimal("1"), Decimal("1.0"), Decimal("1.5"), Decimal("1E+9999")]),
    st.sampled_from([Fraction(1), Fraction(3, 2), Fraction(1, 3), 10**400]),
    st.sampled_from(["1", "True", "a", "nan", "1.5", b"a", Color.RED, "red"]),
    st.sampled_from([(1, 2), (1.0, 2), frozenset([1]), frozenset([True])]),
    st.none(),
)


@given(fitted=st.lists(_LEVELS, min_size=1), later=st.lists(_LEVELS, min_size=1))
def test_a_rows_levels_are_its_own(fitted, later):
    """Whatever rows stand beside it, in fit or in predict."""
    encoder = TabularEncoder().fit(objects("text", *fitted))
    again = TabularEncoder().fit(objects("text", *fitted[::-1]))
    together = codes(encoder, *later)
    alone = np.concatenate([codes(encoder, value) for value in later])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, codes(again, *later))
    for i, a in enumerate(later):
        for j, b in enumerate(later[:i]):
            if a == b:
                np.testing.assert_array_equal(together[i], together[j])


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": [1.0, 2, 5, 9], "a_bin0": [3.0, 5, 7, 8]}),
        pd.DataFrame({"a": ["nan", None, "x", "x"]}),
        pd.DataFrame({"a": [1.0, None, 3, 4], "a_missing": [1.0, 2, 3, 4]}),
        pd.DataFrame({"a_b": ["c", "d"], "a": ["b_c", "b_d"]}),
        pd.DataFrame({"a": ["1_2", "1"], "a_1": ["2", "3"], "a_1_2": [0.5, 1]}),
    ],
)
def test_no_output_has_anothers_name(X):
    encoder = TabularEncoder(n_bins=2).fit(X)
    names = encoder.get_feature_names_out().tolist()
    assert len(set(names)) == len(names) == encoder.transform(X).shape[1]
    assert set(X.columns[~encoder.categorical_mask_]) <= set(names)
    framed = encoder.set_output(transform="pandas").transform(X)
    assert framed.columns.tolist() == names


def test_what_cannot_be_read_is_named():
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"a": [1.0, 2.0], "b": polars.Series([1, 2])})
    with pytest.raises(ValueError, match="Column 'b' of type Int128 cannot be read"):
        TabularEncoder().fit(frame.cast({"b": polars.Int128}))
    for values in ([Decimal("sNaN"), "a"], [Decimal("sNaN"), 1]):
        with pytest.raises((TypeError, ValueError), match="Column 'c'"):
            TabularEncoder().fit(objects(*values))


def test_tensors_and_masked_arrays_are_tables():
    x = np.arange(40.0).reshape(20, 2)
    expected = TabularEncoder().fit_transform(x.astype(np.float32))
    for dtype in (torch.float32, torch.bfloat16):
        X = torch.tensor(x, dtype=dtype, requires_grad=True)
        np.testing.assert_array_equal(TabularEncoder().fit_transform(X), expected)
    masked = np.ma.masked_array(x.copy(), mask=x == 3)
    masked.data[masked.mask] = 1e9
    missing = np.where(x == 3, np.nan, x)
    np.testing.assert_array_equal(
        TabularEncoder().fit_transform(masked), TabularEncoder().fit_transform(missing)
    )
