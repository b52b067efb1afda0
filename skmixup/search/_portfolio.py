"""Settings that are good in different ways, to be averaged: a portfolio."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier as ClassifierTrees
from sklearn.ensemble import HistGradientBoostingRegressor as RegressorTrees
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from .._typing import Array, CategoricalFeatures, Rows
from ..encoding._encoder import TabularEncoder
from ..encoding._stacking import StackingTransformer

_MOST_LEVELS = 32  # of a category that trees see one-hot: others are one level
_TREES = 1000  # at most, of all classes
_FEWEST_ROUNDS, _MOST_ROUNDS = 10, 100  # of boosting


def portfolio(
    categorical_features: CategoricalFeatures, n_classes: int | None, may_stack: bool
) -> list[dict[str, Any]]:
    """Return parameters of many settings, in the order in which they are worth a try.

    They differ in the encoding, width, α, dropout, rate and decay: none is much better
    than the default alone, and their mean is. Where trees can be, some are given what
    boosted trees see in the table.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None
        For :class:`TabularEncoder`.
    n_classes : int or None
        None for numbers as targets.
    may_stack : bool
        Whether there may be trees: they take one target, and no sparse matrix.

    Returns
    -------
    candidates : list of dict
        The first is the default.
    """
    wide, deep = {"hidden_layer_sizes": (256, 256)}, {"hidden_layer_sizes": (128,) * 3}
    own: dict[str, Any] = {"categorical_features": categorical_features}
    fine = {"preprocess": TabularEncoder(n_bins=16, **own)}
    plain = {"preprocess": TabularEncoder(n_bins=0, **own)}
    waves = {**plain, "numeric_embedding": "periodic"}
    trees = {"preprocess": _with_trees(own, n_classes)}
    candidates = [
        {},
        trees,
        waves,
        wide,
        {**fine, "alpha": 0.4},
        {"alpha": 0.0, "dropout": 0.3},
        {**trees, **wide, "dropout": 0.3},
        {**waves, "lr": 2e-3, "dropout": 0.2},
        {**wide, "alpha": 0.4},
        {**fine, **wide, "dropout": 0.3},
        {**deep, "weight_decay": 0.1},
        {**trees, "alpha": 0.4},
        {**waves, **wide, "alpha": 0.2},
        {**fine, "alpha": 0.0},
        {"lr": 2e-3, "dropout": 0.5},
        {**trees, "alpha": 0.0, "lr": 2e-3},
        {**wide, "lr": 2e-3, "alpha": 0.0},
        {**deep, **fine, "lr": 2e-3},
        {"alpha": 1.0},
        {**plain, "alpha": 0.0, "weight_decay": 0.1},
        {**trees, **deep, "dropout": 0.2},
        {**wide, "dropout": 0.5, "weight_decay": 0.1},
        {**fine, "mixing": "cutmix", "alpha": 0.2},
        {**waves, **deep, "alpha": 0.4},
        {"lr": 8e-3, "alpha": 0.2},
    ]
    if not may_stack:
        stacked = trees["preprocess"]
        candidates = [one for one in candidates if one.get("preprocess") is not stacked]
    return candidates


def _with_trees(own: dict[str, Any], n_classes: int | None) -> Any:
    """Return an encoder that has beside a table's columns what trees say."""
    if n_classes is None:
        trees = RegressorTrees(early_stopping=False, random_state=0)
    else:
        rounds = np.clip(_TREES // n_classes, _FEWEST_ROUNDS, _MOST_ROUNDS)
        trees = ClassifierTrees(
            max_iter=int(rounds), early_stopping=False, random_state=0
        )
    few = {"max_categories": _MOST_LEVELS, **own}
    model = make_pipeline(
        TabularEncoder(n_bins=0, **few), FunctionTransformer(_dense), trees
    )
    return FeatureUnion(
        [("table", TabularEncoder(**few)), ("trees", StackingTransformer(model))]
    )


def _dense(X: Rows) -> Array:
    return X.toarray() if sparse.issparse(X) else X
