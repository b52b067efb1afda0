"""Several labels a row, in searches and stacks."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_multilabel_classification
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skmixup import MixupClassifier, MixupSearchCV, fit_many
from skmixup.search import FoldEnsemble

X, Y = make_multilabel_classification(400, n_classes=4, random_state=0)


def quick(**params):
    return MixupClassifier((32,), **{"max_epochs": 5, "random_state": 0} | params)


def test_sparse_labels_together():
    (fit,) = fit_many([quick()], X, sparse.csr_matrix(Y))
    assert_allclose(fit.estimator.predict_proba(X), quick().fit(X, Y).predict_proba(X))


def test_a_search_is_grid_search():
    clf = quick(n_estimators=2)
    grid = {"alpha": [0.0, 1.0], "label_smoothing": [0.0, 0.3]}
    folds = KFold(3, shuffle=True, random_state=0)
    mine = MixupSearchCV(clf, grid, cv=folds, scoring="roc_auc").fit(X, Y)
    oracle = GridSearchCV(clf, grid, cv=folds, scoring="roc_auc").fit(X, Y)
    name = "mean_test_score"
    assert len(np.unique(mine.cv_results_[name])) == 4
    assert_allclose(mine.cv_results_[name], oracle.cv_results_[name], atol=1e-4)
    assert_array_equal(mine.predict(X), oracle.predict(X))


def test_kept_folds_predict_each_label():
    pipe = make_pipeline(StandardScaler(), quick(preprocess=None))
    search = MixupSearchCV(
        pipe, {"mixupclassifier__alpha": [0.1]}, cv=3, keep_folds=True
    ).fit(X, Y)
    assert isinstance(search.best_estimator_, FoldEnsemble)
    assert search.predict(X).shape == Y.shape
    assert search.score(X, Y) > 0.3
    copied = clone(search.best_estimator_).fit()
    assert_array_equal(copied.predict(X), search.predict(X))
    assert get_tags(copied).classifier_tags.multi_label
    with pytest.raises(ValueError, match="targets of one kind"):
        FoldEnsemble([quick().fit(X, Y), quick().fit(X, Y[:, 0])]).fit()
