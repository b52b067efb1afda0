"""What another model says of each row, as columns that a network is given."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.model_selection import (
    KFold,
    PredefinedSplit,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from .._sklearn import HasMethods, fit_context
from .._typing import CV, Array, MatrixLike, Rows
from .._warn import without_warnings
from ._checks import as_table
from ._columns import to_frame

_LEAST = 1e-3  # probability, so that no logarithm stands far from the others


class StackingTransformer(TransformerMixin, BaseEstimator):
    """Predictions of another model as columns, out of fold on the rows of `fit`.

    Stacking [1]_: `fit_transform` gives each row what a model trained without its fold
    says of it, so that its own target does not; `transform`, of later rows, what a
    model trained on all rows says. Beside a table's own columns, it gives a network
    what trees see in it, say. Within the `preprocess` of :class:`MixupClassifier`, it
    is fitted by `fit_transform`, as in a Pipeline.

    Parameters
    ----------
    estimator : classifier or regressor
        Cloned, one for each fold and one for all rows. Of a classifier, the logarithms
        of its probabilities are taken, of two classes only the second's; of a
        regressor, its predictions. All are standardized.
    cv : int, cross-validation generator or iterable, default=5
        Which rows are told by a model that has not seen them; as in
        :func:`sklearn.model_selection.cross_val_predict`, a partition. An int is a
        number of folds, stratified where each class has as many rows; copies of a row
        are in one fold.

    Attributes
    ----------
    estimator_ : estimator
        Fitted on all rows.
    center_, scale_ : ndarray of shape (`n_outputs_`,)
        What was taken off each column, and what it was then divided by.
    n_outputs_ : int
        Number of columns.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have any that are strings.

    References
    ----------
    .. [1] Wolpert, "Stacked Generalization", 1992.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import FeatureUnion
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skmixup import MixupClassifier, TabularEncoder
    >>> from skmixup.encoding import StackingTransformer
    >>> X, y = load_iris(return_X_y=True)
    >>> tree = StackingTransformer(DecisionTreeClassifier(max_leaf_nodes=4))
    >>> union = FeatureUnion([("table", TabularEncoder()), ("tree", tree)])
    >>> clf = MixupClassifier(preprocess=union, max_epochs=20, random_state=0)
    >>> bool(clf.fit(X, y).score(X, y) > 0.9)
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods(["fit", "predict"])],
        "cv": ["cv_object"],
    }

    def __init__(self, estimator: Any, *, cv: CV = 5) -> None:
        self.estimator = estimator
        self.cv = cv

    def fit(self, X: MatrixLike, y: ArrayLike) -> Self:
        """Train the model on all rows, and others on all but a fold.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            Whatever the estimator takes.
        y : array-like of shape (n_rows,)
            Labels or numbers.

        Returns
        -------
        self : StackingTransformer
        """
        self.fit_transform(X, y)
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X: MatrixLike, y: ArrayLike) -> NDArray[np.float32]:
        """Train the models, and return what those say of rows they have not seen.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            Whatever the estimator takes.
        y : array-like of shape (n_rows,)
            Labels or numbers.

        Returns
        -------
        Z : ndarray of float32 of shape (n_rows, `n_outputs_`)
        """
        is_class = is_classifier(self.estimator)
        if is_class and not hasattr(self.estimator, "predict_proba"):
            raise ValueError(
                "estimator must be a classifier with predict_proba, or a regressor, "
                f"got {self.estimator!r}."
            )
        X = as_table(X)
        validate_data(self, X, skip_check_array=True)
        y = self._check_target(X, y, is_class)
        method = "predict_proba" if is_class else "predict"
        folds = self._folds(X, y, is_class)
        with warnings.catch_warnings():
            # A class that a fold lacks has probability 0 there.
            warnings.filterwarnings("ignore", message="Number of classes in training")
            told = cross_val_predict(self.estimator, X, y, cv=folds, method=method)
        self.estimator_ = clone(self.estimator).fit(X, y)
        columns = self._columns(told)
        self.n_outputs_ = columns.shape[1]
        self.center_ = columns.mean(axis=0)
        spread = columns.std(axis=0)
        self.scale_ = np.where(spread > 0, spread, 1.0)
        return self._standardize(columns)

    def _check_target(self, X: Any, y: Any, is_class: bool) -> Array:
        """Return y as an array; of numbers, in units in which no square overflows."""
        if y is None:
            raise ValueError(
                "This StackingTransformer estimator requires y to be passed, but the "
                "target y is None."
            )
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        check_consistent_length(X, y)
        if is_class:
            if y.ndim != 1:
                raise ValueError(
                    "y must hold one label a row for a classifier, got shape "
                    f"{y.shape}."
                )
            return y
        y = y.astype(float)
        return np.ldexp(y, -np.frexp(abs(y).max(axis=0))[1])

    def _folds(self, X: Any, y: Array, is_class: bool) -> CV:
        """Return `cv`, or for a number of folds, one of each row."""
        if not isinstance(self.cv, Integral):
            return self.cv
        first, which = _distinct_rows(X)
        n_folds = min(self.cv, len(first))
        if n_folds < 2:
            raise ValueError(
                f"cv={self.cv!r} needs two rows that are not equal, got n_samples = "
                f"{len(y)} of which {len(first)} are."
            )
        own = y[first]
        strata = np.unique(own, return_inverse=True)[1] if is_class else None
        kind = KFold(n_folds, shuffle=True, random_state=0)
        if is_class and np.bincount(strata).max() >= n_folds:
            kind = StratifiedKFold(n_folds, shuffle=True, random_state=0)
        folds = np.empty(len(first), dtype=int)
        with without_warnings("The least populated class"):
            for fold, (_, test) in enumerate(kind.split(own, strata)):
                folds[test] = fold
        return PredefinedSplit(folds[which])

    def transform(self, X: MatrixLike) -> NDArray[np.float32]:
        """Return what the model that was trained on all rows says.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        Z : ndarray of float32 of shape (n_rows, `n_outputs_`)
        """
        check_is_fitted(self, "estimator_")
        X = as_table(X)
        validate_data(self, X, skip_check_array=True, reset=False)
        if is_classifier(self.estimator_):
            return self._standardize(self._columns(self.estimator_.predict_proba(X)))
        return self._standardize(self._columns(self.estimator_.predict(X)))

    def _columns(self, told: Array) -> Array:
        if not is_classifier(self.estimator_):
            return np.asarray(told, dtype=float).reshape(len(told), -1)
        first = 1 if told.shape[1] == 2 else 0  # the other one says the same
        return np.log(np.clip(told, _LEAST, 1 - _LEAST))[:, first:]

    def _standardize(self, columns: Array) -> Array:
        return ((columns - self.center_) / self.scale_).astype(np.float32)

    def get_feature_names_out(self, input_features: object = None) -> Array:
        """Return a name for each column.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str of shape (`n_outputs_`,)
        """
        check_is_fitted(self, "estimator_")
        kind = type(self.estimator_).__name__.lower()
        return np.array([f"{kind}{i}" for i in range(self.n_outputs_)], dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        tags.input_tags.sparse = tags.input_tags.allow_nan = True
        return tags


def _distinct_rows(X: Rows) -> tuple[Array, Array]:
    """Return the first of each kind of equal rows, and each row's kind."""
    if sparse.issparse(X):
        every = np.arange(X.shape[0])
        return every, every
    frame = to_frame(X)
    codes = [
        pd.factorize(frame.iloc[:, i], use_na_sentinel=False)[0]
        for i in range(frame.shape[1])
    ]
    _, first, which = np.unique(
        np.column_stack(codes), axis=0, return_index=True, return_inverse=True
    )
    return first, which.reshape(-1)
