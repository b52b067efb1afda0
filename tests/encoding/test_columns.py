"""The values in the columns of a table, and what the columns are called."""

import datetime
import enum
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmixup import TabularEncoder
from skmixup.encoding import SmoothClipScaler

from ..helpers import LIBRARIES, sides


class Color(str, enum.Enum):  # noqa: UP042, since its own str() is "Color.RED"
    RED = "red"


Pair = namedtuple("Pair", "a b")


def objects(*values, name="c"):
    return pd.DataFrame({name: pd.Series(values, dtype=object)})


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


@pytest.mark.slow
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
