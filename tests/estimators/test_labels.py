"""Labels that come in odd ways."""

import datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from skmixup import MixupClassifier, MixupSearchCV

from ..helpers import single

quick = partial(single, MixupClassifier, max_epochs=4)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def test_unseen_label_in_partial_fit():
    clf = quick().partial_fit(X_IRIS[:50], Y_IRIS[:50], classes=[0, 1])
    with pytest.raises(ValueError, match=r"label\(s\) \[2\]"):
        clf.partial_fit(X_IRIS, Y_IRIS)


def test_labels_that_are_missing():
    labels = np.array(["a", None, "b"] * 50, dtype=object)
    with pytest.raises(ValueError, match="y contains missing values"):
        quick().fit(X_IRIS, labels)


@pytest.mark.parametrize("stopping", [False, True])
def test_few_rows_and_rare_classes(stopping):
    clf = quick(early_stopping=stopping)
    assert clf.fit(X_IRIS[:101], Y_IRIS[:101]).classes_.tolist() == [0, 1, 2]
    assert clf.fit(X_IRIS[:9], Y_IRIS[:9]).predict(X_IRIS[:2]).tolist() == [0, 0]
    if stopping:
        with pytest.raises(ValueError, match="n_samples = 1"):
            clf.fit(X_IRIS[:1], Y_IRIS[:1])


@pytest.mark.parametrize(
    ("labels", "way"),
    [
        ([True, False], "bool"),
        ([np.True_, False], "bool"),
        ([3, 1], "int"),
        ([3, np.int8(1)], "int"),
        ([True, 2], "int"),
        ([3.0, 1], "float"),
        ([Decimal(3), Fraction(1)], "float"),
        ([1, "a"], "str"),
        ([True, "a"], "str"),
        ([datetime.date(2020, 1, 1), "a"], "str"),
    ],
)
@pytest.mark.parametrize("make", [np.asarray, pd.Series])
def test_labels_that_are_objects_are_told_what_to_do(labels, way, make):
    """Else scikit-learn's metrics would refuse what was learned."""
    y = np.empty(40, dtype=object)
    y[:] = [labels[i % 2] for i in range(40)]
    X = np.arange(80.0).reshape(40, 2)
    message = rf"Unknown label type: y holds objects of type\(s\) .*astype\({way}\)"
    search = MixupSearchCV(quick(), {"alpha": [0]}, cv=2, error_score="raise")
    for est in (quick(), search):
        with pytest.raises(ValueError, match=message):
            est.fit(X, make(y))
    with pytest.raises(ValueError, match=message.replace("y holds", "classes holds")):
        quick().partial_fit(X, np.arange(40) % 2, classes=y[:2])
    told = np.asarray(make(y), dtype=object).astype(way)
    assert quick().fit(X, told).score(X, told) > 0


def test_text_as_objects_is_learned():
    X, y = np.arange(80.0).reshape(40, 2), np.array(["b", "a"] * 20, dtype=object)
    assert quick().fit(X, y).classes_.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1j, 2], "Complex data not supported"),
        ([None, "a"], "missing|NaN"),
    ],
)
def test_labels_that_cannot_be_learned_are_told(labels, message):
    y = np.empty(40, dtype=object)
    y[:] = [labels[i % 2] for i in range(40)]
    X = np.arange(80.0).reshape(40, 2)
    with pytest.raises(ValueError, match=message):
        quick().fit(X, y)


@pytest.mark.parametrize(
    ("first", "later"), [([0, 1], ["0", "1"]), (["0", "1"], [0, 1])]
)
def test_text_is_no_number_among_labels(first, later):
    X, index = np.arange(80.0).reshape(40, 2), np.arange(40) % 2
    clf = quick(warm_start=True).fit(X, np.array(first)[index])
    for train in (clf.fit, clf.partial_fit):
        with pytest.raises(ValueError, match=r"label.* not among the classes"):
            train(X, np.array(later)[index])


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_of_text_and_numbers_is_told(kind):
    X, y = np.arange(80.0).reshape(40, 2), kind([1, "a"] * 20)
    with pytest.raises(
        ValueError, match=r"y holds objects of type\(s\) \['int', 'str'"
    ):
        quick().fit(X, y)
    with pytest.raises(ValueError, match=r"objects of type\(s\) \['int', 'str'"):
        quick().partial_fit(X, ["a", "b"] * 20, classes=kind([1, "a"]))


def test_labels_of_any_text_type_are_learned():
    y = np.array(["a", "b", "c"], dtype=np.dtypes.StringDType())[Y_IRIS]
    assert quick().fit(X_IRIS, y).classes_.tolist() == ["a", "b", "c"]
