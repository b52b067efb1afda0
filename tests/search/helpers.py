"""What tests of searches share: tables, a quick network, and scikit-learn's search."""

import numpy as np
import pandas as pd
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import GridSearchCV

from skmixup import MixupClassifier, MixupSearchCV

RNG = np.random.default_rng(0)
WINE = load_wine(return_X_y=True)
IRIS = load_iris(return_X_y=True)
SHORT = MixupClassifier(
    n_estimators=1, early_stopping=False, dropout=0.0, max_epochs=4, random_state=0
)
ALPHAS = {"alpha": [0, 0.2, 1.0]}


def mixed_table(n=160):
    """Numbers, a category with rare levels, missing values, and a rare class."""
    X = pd.DataFrame(
        {
            "size": RNG.normal(size=n),
            "weight": RNG.exponential(size=n),
            "color": RNG.choice(
                ["red", "green", "blue", "pink"], n, p=[0.5, 0.3, 0.17, 0.03]
            ),
            "heavy": RNG.random(n) > 0.5,
        }
    )
    y = np.where(X["size"] + (X["color"] == "red") > 0.5, "yes", "no").astype(object)
    X.loc[RNG.random(n) < 0.1, "weight"] = np.nan
    X.loc[RNG.random(n) < 0.1, "color"] = None
    y[:2] = "maybe"  # in one or two folds only
    return X, y


def assert_same_results(mine, oracle, atol=1e-5):
    assert set(mine) == set(oracle)
    for name, expected in oracle.items():
        if name.endswith("_time"):
            assert (mine[name] >= 0).all()
        elif name.startswith(("split", "mean", "std")):
            np.testing.assert_allclose(mine[name], expected, atol=atol, err_msg=name)
        elif name == "params":
            assert mine[name] == expected
    first = next(name for name in oracle if name.startswith("rank_test"))
    assert np.argmin(mine[first]) == np.argmin(oracle[first])


def assert_agrees(estimator, grid, X, y, *, atol=1e-5, fit_params=None, **params):
    params = {"scoring": "neg_log_loss", "cv": 3} | params
    mine = MixupSearchCV(estimator, grid, **params).fit(X, y, **fit_params or {})
    oracle = GridSearchCV(estimator, grid, **params).fit(X, y, **fit_params or {})
    assert_same_results(mine.cv_results_, oracle.cv_results_, atol)
    if params.get("refit", True):
        assert mine.best_params_ == oracle.best_params_
        np.testing.assert_array_equal(
            mine.best_estimator_.predict_proba(X), oracle.predict_proba(X)
        )
    return mine
