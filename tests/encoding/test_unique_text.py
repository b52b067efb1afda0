"""Ids and free text: what differs in nearly every row is no category."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import cross_val_score

from skmixup import MixupClassifier, MixupSearchCV, TabularEncoder

from ..helpers import QUICK

LEFT_OUT = "different in nearly every row"


def orders(n=200, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "color": rng.choice(["red", "blue"], n),
            "order": [f"order {i}" for i in rng.permutation(n)],
        }
    )
    return X, (X["size"] > 0).astype(int).to_numpy()


def without_warning(encoder, X, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return encoder.fit(X, **params)


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_an_id_is_left_out_with_a_warning_that_names_it(dtype):
    X, _ = orders()
    X["order"] = X["order"].astype(dtype)
    encoder = TabularEncoder()
    with pytest.warns(UserWarning, match=r"\['order'\].*Drop it.*TfidfVectorizer"):
        encoder.fit(X)
    without = TabularEncoder().fit(X[["size", "color"]])
    names = encoder.get_feature_names_out()
    assert names.tolist() == without.get_feature_names_out().tolist()
    expected = without.transform(X[["size", "color"]])
    np.testing.assert_array_equal(encoder.transform(X), expected)
    assert encoder.dropped_mask_.tolist() == [False, False, True]
    assert encoder.categorical_mask_.tolist() == [False, True, False]


def test_an_array_of_objects_has_ids_too():
    X, _ = orders()
    with pytest.warns(UserWarning, match=r"\[2\]"):
        TabularEncoder().fit(X.to_numpy(dtype=object))


def test_where_text_is_missing_is_kept():
    X, _ = orders()
    X.loc[::3, "order"] = None
    encoder = without_warning(TabularEncoder(n_bins=0), X)
    names = encoder.get_feature_names_out().tolist()
    assert names == ["size", "order_missing", "color_blue", "color_red"]
    rows = encoder.transform(X)
    np.testing.assert_array_equal(rows[:, 1], np.arange(len(X)) % 3 == 0)
    assert encoder.column_groups_.tolist() == [0, 2, 1, 1]
    np.testing.assert_array_equal(encoder._transform_coded(X), rows)


@pytest.mark.parametrize(
    ("values", "is_left_out"),
    [
        (np.arange(49), False),  # so few levels cost nothing
        (np.arange(50), True),
        (np.r_[np.arange(95), np.zeros(5)], True),
        (np.r_[np.arange(80), np.zeros(20)], False),
        (np.r_[np.arange(60), np.full(900, np.nan)], True),  # of those that are there
        (np.repeat(np.arange(500), 2), False),
    ],
)
def test_nearly_all_values_must_be_different(values, is_left_out):
    code = pd.Series(values).map("v{}".format, na_action="ignore").astype(object)
    X = pd.DataFrame({"code": code, "x": np.arange(len(values)) / 7})
    encoder = without_warning(TabularEncoder(), X)
    assert encoder.dropped_mask_.tolist() == [is_left_out, False]


@settings(max_examples=20)
@given(st.integers(0, 2**31), st.integers(80, 120))
def test_a_weight_is_as_many_copies(seed, n_ids):
    """Copies of rows repeat an id, which stays one."""
    X, _ = orders(n=120)
    X.loc[n_ids:, "order"] = "none"
    weight = np.random.default_rng(seed).integers(0, 4, len(X))
    weighted = without_warning(TabularEncoder(), X, sample_weight=weight)
    copied = without_warning(TabularEncoder(), X.loc[np.repeat(X.index, weight)])
    assert weighted.dropped_mask_.tolist() == copied.dropped_mask_.tolist()


def test_rows_drawn_with_replacement_have_ids_too():
    X, _ = orders()
    drawn = X.sample(frac=1.0, replace=True, random_state=0)  # as bagging does
    assert without_warning(TabularEncoder(), drawn).dropped_mask_[2]


@pytest.mark.parametrize("given", [["order"], [2], [False, False, True]])
def test_a_column_that_is_named_is_a_category_whatever_it_holds(given):
    X, _ = orders()
    encoder = TabularEncoder(categorical_features=given).fit(X)
    assert not encoder.dropped_mask_.any()
    assert encoder.n_levels_.tolist() == [len(X)]


def test_a_table_of_ids_alone_is_encoded_all_the_same():
    X, y = orders()
    with pytest.warns(UserWarning, match=LEFT_OUT):
        encoder = TabularEncoder().fit(X[["order"]])
    assert encoder.transform(X[["order"]]).shape == (200, 200)
    with pytest.warns(UserWarning, match=LEFT_OUT):
        MixupClassifier(**QUICK).fit(X[["order"]], y)


def test_later_text_may_hold_anything():
    X, y = orders()
    with pytest.warns(UserWarning, match=LEFT_OUT):
        clf = MixupClassifier(**QUICK).fit(X, y)
    expected = clf.predict_proba(X)
    for other in ("another", None, 3.5):
        X["order"] = pd.Series([other] * len(X), dtype=object)
        np.testing.assert_array_equal(clf.predict_proba(X), expected)


def test_the_first_piece_tells_what_is_an_id():
    X, y = orders()
    clf = MixupClassifier(**QUICK)
    with pytest.warns(UserWarning, match=LEFT_OUT):
        clf.partial_fit(X[:100], y[:100], classes=[0, 1])
    clf.partial_fit(X[100:], y[100:])  # without another warning


def test_in_a_cross_validation_it_is_said_in_the_same_words():
    """So that Python, which shows a text once, shows it once."""
    X, y = orders()
    with pytest.warns(UserWarning, match=LEFT_OUT) as caught:
        cross_val_score(MixupClassifier(**QUICK), X, y, cv=3)
        MixupSearchCV(MixupClassifier(**QUICK), {"alpha": [0, 1]}, cv=3).fit(X, y)
    assert len(caught) >= 4
    assert len({str(w.message) for w in caught}) == 1
    assert {w.filename for w in caught} == {__file__}


def test_a_category_that_tells_all_of_a_row_is_none(recwarn):
    country = np.repeat([f"country {i}" for i in range(60)], 5)
    region = np.repeat([f"region {i}" for i in range(6)], 50)
    encoder = TabularEncoder().fit(pd.DataFrame({"country": country, "region": region}))
    assert encoder.categorical_mask_.all()
    assert not recwarn.list
