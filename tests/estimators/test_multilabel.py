"""Several labels a row: an indicator matrix, as scikit-learn's MLP takes it."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from skmixup import MixupClassifier

X, Y = make_multilabel_classification(400, n_classes=4, random_state=0)


def quick(**params):
    return MixupClassifier((32,), **{"max_epochs": 5, "random_state": 0} | params)


def test_labels_are_learned():
    X_train, X_test, Y_train, Y_test = train_test_split(X, Y, random_state=0)
    clf = MixupClassifier(max_epochs=30, random_state=0).fit(X_train, Y_train)
    proba = clf.predict_proba(X_test)
    assert proba.shape == Y_test.shape
    assert roc_auc_score(Y_test, proba) > 0.85
    assert_array_equal(clf.predict(X_test), (proba > 0.5).astype(int))
    assert_allclose(clf.predict_log_proba(X_test), np.log(proba))
    assert clf.score(X_test, Y_test) == (clf.predict(X_test) == Y_test).all(1).mean()
    assert clf.classes_.tolist() == [0, 1, 2, 3]
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(X_test), proba)


@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csr_array, lambda Y: Y.astype(bool), list]
)
def test_indicators_of_any_kind(make):
    expected = quick().fit(X, Y).predict_proba(X)
    assert_array_equal(quick().fit(X, make(Y)).predict_proba(X), expected)


def test_a_label_that_no_row_has():
    none = Y.copy()
    none[:, 1] = 0
    clf = quick(max_epochs=40).fit(X, none)
    assert clf.predict_proba(X)[:, 1].max() < 0.2
    assert not clf.predict(X)[:, 1].any()


@pytest.mark.parametrize("stopping", [False, True])
def test_a_row_of_weight_w_is_w_copies(stopping):
    weight = np.arange(len(X)) % 3
    copies = np.repeat(np.arange(len(X)), weight)
    clf = quick(early_stopping=stopping)
    weighted = clf.fit(X, Y, weight).predict_proba(X)
    assert_array_equal(clf.fit(X[copies], Y[copies]).predict_proba(X), weighted)


@pytest.mark.slow
def test_smoothing_and_temperature():
    plain = quick(max_epochs=60, alpha=0).fit(X, Y)
    smooth = quick(max_epochs=60, alpha=0, label_smoothing=0.4).fit(X, Y)
    sure = [np.abs(c.predict_proba(X) - 0.5).mean() for c in (plain, smooth)]
    assert sure[1] < sure[0] - 0.05
    assert plain.temperature_ == 1
    soft = quick(max_epochs=60, alpha=0, temperature=2.0).fit(X, Y).predict_proba(X)
    proba = plain.predict_proba(X)
    odds = proba / (1 - proba)
    assert_allclose(soft / (1 - soft), np.sqrt(odds), rtol=1e-6)


@pytest.mark.parametrize(
    ("bad", "params", "message"),
    [
        (Y + np.arange(len(Y))[:, None] % 3, {}, "multiclass-multioutput"),
        (Y + 0.5, {}, "continuous-multioutput"),
        (Y * 2, {}, r"y is a matrix of \[0, 2\]"),
        (sparse.csr_matrix(Y * 3), {}, r"y is a matrix of \[0, 3\]"),
        (Y, {"class_weight": "balanced"}, "is for one label a row"),
        (np.where(Y, np.nan, 0), {}, "NaN"),
    ],
)
def test_other_matrices_are_refused(bad, params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(X, bad)


def test_logarithms_stay_finite():
    clf = MixupClassifier((), preprocess=None, max_epochs=3, random_state=0)
    assert np.isfinite(clf.fit(X, Y).predict_log_proba(X * 1e5)).all()


def test_a_failed_first_piece_is_forgotten():
    clf = quick()
    with pytest.raises(ValueError, match="infinity"):
        clf.partial_fit(np.where(X > 0, np.inf, X), Y, classes=range(4))
    labels = Y[:, 0]
    assert clf.partial_fit(X, labels, classes=[0, 1]).predict(X).shape == labels.shape
    with pytest.raises(ValueError, match=r"the numbers of its columns, \[0, 1, 2, 3\]"):
        quick().partial_fit(X, Y, classes=list("abcd"))


def test_pieces_and_warm_starts():
    clf = quick()
    for part in np.array_split(np.arange(len(X)), 3):
        clf.partial_fit(X[part], Y[part], classes=range(4))
    assert clf.predict(X).shape == Y.shape
    with pytest.raises(ValueError, match="had 4 columns before: in partial_fit"):
        clf.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match="had 4 columns before: in partial_fit"):
        clf.partial_fit(X, Y[:, 0])
    warm = quick(warm_start=True).fit(X, Y[:, 0])
    with pytest.raises(ValueError, match="had one label a row before"):
        warm.fit(X, Y)
