"""TabularEncoder: every kind of column, missing, unseen, weights."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmixup import MixupClassifier, TabularEncoder


def table():
    return pd.DataFrame(
        {
            "num": [1.0, None, 3.0, 4.0],
            "int": pd.array([1, 2, None, 4], dtype="Int64"),
            "text": ["a", "b", None, "a"],
            "cat": pd.Categorical(["x", "y", "x", None], ["y", "x", "z"], ordered=True),
            "flag": pd.array([True, False, None, True], dtype="boolean"),
            "mixed": [1, "one", None, 1.0],
            "constant": 7,
            "void": [None] * 4,
        }
    )


def test_groups_and_names_line_up():
    X = table()
    encoder = TabularEncoder().fit(X)
    names = encoder.get_feature_names_out()
    Z = encoder.transform(X)
    assert Z.dtype == np.float32
    assert Z.shape == (4, len(names))
    assert len(set(names)) == len(names)
    for name, group in zip(names, encoder.column_groups_, strict=True):
        assert name.startswith(X.columns[group])
    kinds = dict(zip(X.columns, encoder.categorical_mask_.tolist(), strict=True))
    assert [name for name, is_category in kinds.items() if is_category] == [
        "text",
        "cat",
        "flag",
        "mixed",
        "void",
    ]
    frame = pd.DataFrame(Z, columns=names)
    assert (frame["constant"] == 0).all()
    assert (frame["void_nan"] == 1).all()
    assert "cat_z" not in names
    assert frame["mixed_1"].tolist() == [1, 0, 0, 1]
    one_hot = encoder.categorical_mask_[encoder.column_groups_]
    assert (Z[:, one_hot].sum(axis=1) == 5).all()


@pytest.mark.parametrize("later", ["P", 3.5, None])
@pytest.mark.parametrize("as_array", [False, True])
def test_a_column_without_a_value_takes_any_later(later, as_array):
    """Of few labeled rows, say, a column of text may have none."""
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [None] * 3}, dtype=object)
    new = pd.DataFrame({"a": [1.0], "b": [later]}, dtype=object)
    if as_array:
        X, new = X.to_numpy(), new.to_numpy()
    Z = TabularEncoder(n_bins=0).fit(X).transform(new)
    assert Z[0, 1:].tolist() == [float(later is None)]


def test_unseen_is_all_zeros_and_missing_its_own():
    encoder = TabularEncoder().fit(pd.DataFrame({"c": ["a", "b", None]}))
    Z = encoder.transform(pd.DataFrame({"c": ["new", pd.NA, "a", float("nan")]}))
    assert Z.tolist() == [[0, 0, 0], [0, 0, 1], [1, 0, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    "categorical", [["code"], [1], [False, True], np.array([False, True])]
)
def test_categories_by_name_index_or_mask(categorical):
    X = pd.DataFrame({"num": [1.0, 2.0, 5.0], "code": [1, 2, 1]})
    encoder = TabularEncoder(categorical_features=categorical, n_bins=0).fit(X)
    assert encoder.get_feature_names_out().tolist() == ["num", "code_1", "code_2"]
    as_float = X.astype({"code": float})
    assert np.array_equal(encoder.transform(X), encoder.transform(as_float))


@pytest.mark.parametrize(
    ("categorical", "message"),
    [(["nope"], "nope"), ([2], "0 to 1"), ([True], "mask"), (None, "from_dtype")],
)
def test_bad_categorical_features(categorical, message):
    X = pd.DataFrame({"num": [1.0, 2.0], "c": ["a", "b"]})
    with pytest.raises(ValueError, match=message):
        TabularEncoder(categorical_features=categorical).fit(X)


@pytest.mark.parametrize(
    "when",
    [
        pd.interval_range(0, 2),
        [datetime.time(3), datetime.time(4)],
    ],
)
def test_times_of_day_say_what_to_do_and_all_are_named(when):
    X = pd.DataFrame({"when": when, "a": [1.0, 2.0], "too": [datetime.time(3)] * 2})
    with pytest.raises(TypeError, match=r"(?s)'when' holds.*hour.*'too' holds"):
        TabularEncoder().fit(X)
    named = TabularEncoder(categorical_features=["when", "too"]).fit(X)
    assert named.categorical_mask_.tolist() == [True, False, True]


def test_booleans_of_every_kind_agree():
    flags = [True, False, True]
    encoder = TabularEncoder().fit(pd.DataFrame({"f": flags}))
    expected = encoder.transform(pd.DataFrame({"f": flags})).tolist()
    for dtype in ("boolean", "bool[pyarrow]", "category", object):
        column = pd.Series(flags).astype(dtype)
        assert encoder.transform(pd.DataFrame({"f": column})).tolist() == expected


@pytest.mark.parametrize("when", [pd.date_range("2020", periods=2), [1j, 2.0]])
def test_times_and_complex_numbers_at_predict(when):
    encoder = TabularEncoder().fit(pd.DataFrame({"a": [1.0, 2.0]}))
    with pytest.raises((TypeError, ValueError), match=r"dates or times|Complex"):
        encoder.transform(pd.DataFrame({"a": when}))


def test_sparse_has_no_categories():
    with pytest.raises(ValueError, match="X is sparse"):
        TabularEncoder(categorical_features=[0]).fit(sparse.eye(3, format="csr"))


def test_heavy_tails_do_not_break_the_scale():
    X = np.concatenate([np.random.default_rng(0).normal(size=99), [1e308]])[:, None]
    X = np.hstack([X, -X, np.where(X > 1, 1e308, -1e308)])
    Z = TabularEncoder().fit_transform(X)
    assert np.isfinite(Z).all()
    assert 0.5 < Z[:99, 0].std() < 1.5
    assert np.abs(Z).max() <= 3


def test_infinity_text_and_other_columns_are_named():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    encoder = TabularEncoder().fit(X)
    with pytest.raises(ValueError, match=r"infinity.*'b'"):
        encoder.transform(X.assign(b=[np.inf, 0]))
    with pytest.raises(ValueError, match="'a' is numeric"):
        encoder.transform(X.assign(a=["x", "y"]))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(X[["b", "a"]])
    with pytest.raises(ValueError, match="2 features"):
        TabularEncoder().fit(X.to_numpy()).transform([[1.0]])
    with pytest.raises(TypeError, match=r"'a'.*must be a string or a number"):
        TabularEncoder().fit(pd.DataFrame({"a": [{}, []]}))


def test_sparse_stays_sparse_and_agrees_with_weights():
    X = sparse.random(40, 6, 0.3, format="csr", random_state=0)
    weight = np.arange(40) % 3
    Z = TabularEncoder().fit(X, sample_weight=weight).transform(X)
    again = TabularEncoder().fit(X[np.repeat(np.arange(40), weight)]).transform(X)
    assert sparse.issparse(Z)
    assert Z.dtype == np.float32
    assert np.array_equal(Z.toarray(), again.toarray())


def test_polars_agrees_with_pandas():
    polars = pytest.importorskip("polars")
    data = {"num": [1.0, 2.0, None], "text": ["a", None, "b"]}
    ours = TabularEncoder().fit_transform(polars.DataFrame(data))
    assert np.array_equal(ours, TabularEncoder().fit_transform(pd.DataFrame(data)))


_VALUES = st.sampled_from(
    [
        st.floats(allow_infinity=False) | st.none(),
        st.integers(-(2**40), 2**40),
        st.sampled_from(["a", "b", "", None]),
        st.booleans() | st.none(),
        st.none(),
        st.one_of(st.integers(0, 3), st.sampled_from(["1", "x"]), st.none()),
    ]
)


@st.composite
def tables(draw):
    n_rows = draw(st.integers(1, 60))
    columns = [
        draw(st.lists(draw(_VALUES), min_size=n_rows, max_size=n_rows))
        for _ in range(draw(st.integers(0, 8)))
    ]
    frame = pd.DataFrame({f"c{i}": pd.Series(c) for i, c in enumerate(columns)})
    return frame.reindex(range(n_rows))


@settings(max_examples=40)
@given(X=tables(), seed=st.integers(0, 99))
def test_random_tables_train_or_say_why_not(X, seed):
    y = np.random.default_rng(seed).integers(0, 3, len(X))
    clf = MixupClassifier(max_epochs=1, hidden_layer_sizes=(8,), random_state=0)
    if X.shape[1] == 0:
        with pytest.raises(ValueError, match=r"0 feature\(s\)"):
            clf.fit(X, y)
        return
    proba = clf.fit(X, y).predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert np.array_equal(
        TabularEncoder().fit(X).transform(X), TabularEncoder().fit_transform(X)
    )


# Bins


def test_bins_are_filled_from_below():
    X = np.concatenate([np.arange(101.0), [np.nan]])[:, None]
    encoder = TabularEncoder(n_bins=4).fit(X)
    names = [*(f"x0_bin{i}" for i in range(4)), "x0_missing"]
    assert encoder.get_feature_names_out().tolist() == ["x0", *names]
    codes = encoder.transform(X)[:, 1:5]
    assert ((codes >= 0) & (codes <= 1)).all()
    assert (np.diff(codes[:101], axis=0) >= 0).all()
    assert (codes.argmin(axis=1)[[10, 40, 60, 90]] == [1, 2, 3, 3]).all()
    np.testing.assert_allclose(codes[[0, 25, 50, 75, 100]].sum(axis=1), range(5))
    np.testing.assert_array_equal(codes[101], codes[50])  # missing is the median
    far = encoder.transform(np.array([[-1e300], [1e300]]))[:, 1:5]
    np.testing.assert_array_equal(far, [[0] * 4, [1] * 4])


@pytest.mark.parametrize(
    ("values", "n_bins", "expected"),
    [
        ([0.0, 1.0] * 10, 4, 0),  # a flag says all that its bins would
        ([3.0] * 20, 4, 0),
        ([0.0, 1.0, 2.0, 2.0] * 5, 4, 2),
        (np.arange(20.0), 0, 0),
        (np.arange(20.0), 1, 0),
        (np.arange(20.0), 8, 8),
        ([0.0] * 19 + [1.0], 4, 0),
        ([np.nan] * 20, 4, 0),
    ],
)
def test_bins_that_would_say_nothing_are_left_out(values, n_bins, expected):
    X = np.column_stack([values, np.arange(20.0)])
    encoder = TabularEncoder(n_bins=n_bins).fit(X)
    assert (encoder.column_groups_ == 0).sum() == 1 + expected
    assert encoder.transform(X).shape[1] == len(encoder.get_feature_names_out())


def test_a_bin_too_narrow_to_divide_by():
    X = np.array([[0.0], [5.0], [1.175494e-38]])
    Z = TabularEncoder().fit_transform(X)
    assert np.isfinite(Z).all()
    assert np.abs(Z).max() <= 3


def test_a_rows_weight_is_as_many_copies_in_the_bins_too():
    rng = np.random.default_rng(0)
    X, weight = rng.normal(size=(50, 3)), rng.integers(0, 4, 50)
    X[rng.random(X.shape) < 0.1] = np.nan
    copies = np.repeat(np.arange(50), weight)
    weighted = TabularEncoder().fit(X, sample_weight=weight)
    np.testing.assert_array_equal(
        weighted.transform(X), TabularEncoder().fit(X[copies]).transform(X)
    )


@pytest.mark.parametrize(("n_columns", "binned"), [(250, True), (251, False)])
def test_wide_tables_get_no_bins(n_columns, binned):
    X = np.random.default_rng(0).normal(size=(20, n_columns))
    assert (TabularEncoder().fit_transform(X).shape[1] > n_columns) == binned
