"""MixupRegressor in searches and stacks, and the mean of its folds."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import MixupClassifier, MixupRegressor, MixupSearchCV, fit_many
from skmixup.search import FoldEnsembleRegressor

from ..helpers import single

quick = partial(single, MixupRegressor, max_epochs=8)
X, y = load_diabetes(return_X_y=True)
TWO = np.column_stack([y, np.sqrt(y)])


@pytest.mark.parametrize(
    ("partner", "early"),
    [
        ("random", False),
        pytest.param("target", True, marks=pytest.mark.slow),
        pytest.param("random", True, marks=pytest.mark.slow),
        pytest.param("target", False, marks=pytest.mark.slow),
    ],
)
def test_a_search_is_grid_search(early, partner):
    reg = quick(
        n_estimators=2, early_stopping=early, validation_fraction=0.3, partner=partner
    )
    grid = {"alpha": [0.0, 1.0], "lr": [1e-3, 4e-3]}
    folds = KFold(3, shuffle=True, random_state=0)
    mine = MixupSearchCV(reg, grid, cv=folds).fit(X, y)
    oracle = GridSearchCV(reg, grid, cv=folds).fit(X, y)
    assert mine.best_params_ == oracle.best_params_
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(mine.cv_results_[name], oracle.cv_results_[name], atol=1e-4)


def test_a_searchs_folds_are_kept_and_averaged():
    pipe = make_pipeline(StandardScaler(), quick(preprocess=None))
    grid = {"mixupregressor__alpha": [0.0, 0.5]}
    search = MixupSearchCV(pipe, grid, cv=3, keep_folds=True).fit(X, TWO)
    assert isinstance(search.best_estimator_, FoldEnsembleRegressor)
    members = search.best_estimator_.estimators
    mean = np.mean([member.predict(X) for member in members], axis=0)
    assert_allclose(search.predict(X), mean)
    assert search.best_estimator_.n_features_in_ == 10


def test_both_kinds_together():
    kinds = [quick(), MixupClassifier((8,), max_epochs=2, random_state=0)]
    labels = np.round(y / 50)  # numbers or labels, as one will
    fits = sorted(fit_many(kinds, X, labels), key=lambda fit: fit.index)
    assert [type(fit.estimator) for fit in fits] == [MixupRegressor, MixupClassifier]
    assert_allclose(
        fits[0].estimator.predict(X), quick().fit(X, labels).predict(X), rtol=1e-4
    )


def test_folds_of_different_targets_or_columns_are_not_averaged():
    one, two = quick(max_epochs=1).fit(X, y), quick(max_epochs=1).fit(X, TWO)
    with pytest.raises(ValueError, match="targets of one kind"):
        FoldEnsembleRegressor([one, two]).fit()
    narrow = quick(max_epochs=1).fit(X[:, :3], y)
    with pytest.raises(ValueError, match="same number of columns"):
        FoldEnsembleRegressor([one, narrow]).fit()
