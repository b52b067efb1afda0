"""Fitted estimators, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from .._typing import Array, MatrixLike, Mixin
from ..estimators._numeric_targets import mean_d2
from ..estimators._preprocess import last_step

_SPARE = 16  # powers of two that a sum of predictions may need


def _target_kind(estimator: Any) -> tuple[Any, ...]:
    """Return what estimators must agree in to be averaged."""
    last = last_step(estimator)[1]
    labels = len(last.classes_) if getattr(last, "multilabel_", False) else None
    return (
        labels,
        getattr(last, "target_ndim_", None),
        np.size(getattr(last, "target_mean_", 0)),
        _levels(last),
    )


def _levels(last: Any) -> Any:
    """Return the levels of the quantiles that an estimator tells, if it tells any."""
    return getattr(last, "_learned_loss_", (None, None))[1]


class _Columns(Mixin):
    """The columns that fitted estimators take."""

    @property
    def n_features_in_(self) -> int:
        """Number of columns seen in `fit`."""
        return self.estimators[0].n_features_in_

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns seen in `fit`, where they have any that are strings."""
        return self.estimators[0].feature_names_in_

    def _check_estimators(self) -> None:
        if not self.estimators:
            raise ValueError("estimators must hold at least one fitted estimator.")
        for estimator in self.estimators:
            check_is_fitted(estimator)
        if len({estimator.n_features_in_ for estimator in self.estimators}) > 1:
            raise ValueError("estimators must take the same number of columns.")
        self._shares()
        if len({_target_kind(estimator) for estimator in self.estimators}) > 1:
            raise ValueError("estimators must have targets of one kind and number.")

    def _shares(self) -> Array:
        """Return the weight of each, in sum 1."""
        if self.weights is None:
            return np.full(len(self.estimators), 1 / len(self.estimators))
        try:
            weights = np.asarray(self.weights, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"weights must be numbers, got {self.weights!r}."
            ) from error
        if weights.shape != (len(self.estimators),):
            raise ValueError(
                f"weights must have a number for each of the {len(self.estimators)} "
                f"estimators, got shape {weights.shape}."
            )
        if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
            raise ValueError(
                "weights must be finite and from 0 on, one of them above, got "
                f"{self.weights!r}."
            )
        weights = weights / weights.max()  # so that no sum overflows
        return weights / weights.sum()

    def __sklearn_clone__(self) -> Self:
        # The estimators are fitted, and stay so.
        return type(self)(self.estimators, self.weights)


class FoldEnsemble(ClassifierMixin, _Columns, BaseEstimator):
    """Classifiers that are already fitted, averaged in probability.

    Each may have its own preprocessing and may have seen its own classes, as the
    members that a search trained on its folds have.

    Parameters
    ----------
    estimators : list of fitted classifiers
        They take the same columns.
    weights : array-like of shape (n_estimators,), default=None
        How much each counts in the mean; None for all the same.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        All labels that one of them has seen, sorted.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import MixupClassifier
    >>> from skmixup.search import FoldEnsemble
    >>> X, y = load_iris(return_X_y=True)
    >>> halves = [
    ...     MixupClassifier(max_epochs=20, random_state=0).fit(X[i::2], y[i::2])
    ...     for i in (0, 1)
    ... ]
    >>> FoldEnsemble(halves).fit(X, y).predict_proba(X).shape
    (150, 3)
    """

    def __init__(
        self, estimators: Sequence[Any], weights: ArrayLike | None = None
    ) -> None:
        self.estimators = estimators
        self.weights = weights

    def fit(self, X: object = None, y: object = None) -> Self:
        """Collect the classes; nothing is trained.

        Parameters
        ----------
        X, y : None
            Ignored.

        Returns
        -------
        self : FoldEnsemble

        Raises
        ------
        NotFittedError
            If one of the estimators is not fitted.
        """
        self._check_estimators()
        self.classes_ = np.unique(np.concatenate([e.classes_ for e in self.estimators]))
        return self

    def predict_proba(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the weighted mean of the members' probabilities.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            A class that a member has not seen has probability 0 for it.
        """
        return np.tensordot(self._shares(), self._members("predict_proba", X, 0.0), 1)

    def predict_log_proba(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the logarithm of the mean of the members' probabilities.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        log_proba : ndarray of shape (n_rows, n_classes)
        """
        log_proba = self._members("predict_log_proba", X, -np.inf)
        shares = self._shares()
        return logsumexp(log_proba, axis=0, b=shares[:, None, None])

    def _members(self, method: str, X: MatrixLike, absent: float) -> Array:
        """Return what each member predicts, (n_members, n_rows, n_classes)."""
        check_is_fitted(self, "classes_")
        parts = []
        for estimator in self.estimators:
            own = getattr(estimator, method)(X)
            part = np.full((len(own), len(self.classes_)), absent)
            part[:, np.searchsorted(self.classes_, estimator.classes_)] = own
            parts.append(part)
        return np.stack(parts)

    def predict(self, X: MatrixLike) -> Array:
        """Return the most probable label of each row.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,)
        """
        proba = self.predict_proba(X)
        if getattr(last_step(self.estimators[0])[1], "multilabel_", False):
            return (proba > 0.5).astype(int)
        return self.classes_[proba.argmax(1)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        last = last_step(self.estimators[0])[1] if self.estimators else None
        tags.classifier_tags.multi_label = getattr(last, "multilabel_", False)
        return tags


class FoldEnsembleRegressor(RegressorMixin, _Columns, BaseEstimator):
    """Regressors that are already fitted, averaged.

    Parameters
    ----------
    estimators : list of fitted regressors
        They take the same columns.
    weights : array-like of shape (n_estimators,), default=None
        How much each counts in the mean; None for all the same.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmixup import MixupRegressor
    >>> from skmixup.search import FoldEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> halves = [
    ...     MixupRegressor(max_epochs=5, random_state=0).fit(X[i::2], y[i::2])
    ...     for i in (0, 1)
    ... ]
    >>> FoldEnsembleRegressor(halves).fit(X, y).predict(X).shape
    (442,)
    """

    def __init__(
        self, estimators: Sequence[Any], weights: ArrayLike | None = None
    ) -> None:
        self.estimators = estimators
        self.weights = weights

    def fit(self, X: object = None, y: object = None) -> Self:
        """Check the estimators; nothing is trained.

        Parameters
        ----------
        X, y : None
            Ignored.

        Returns
        -------
        self : FoldEnsembleRegressor

        Raises
        ------
        NotFittedError
            If one of the estimators is not fitted.
        """
        self._check_estimators()
        self.fitted_ = True
        return self

    def predict(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the weighted mean of the members' predictions.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        check_is_fitted(self, "fitted_")
        parts = [estimator.predict(X) for estimator in self.estimators]
        # Made small first, so that no sum near the largest float overflows.
        mean = np.tensordot(self._shares(), np.ldexp(parts, -_SPARE), 1)
        return np.ldexp(mean, _SPARE)

    def score(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return R² of the predictions; of several quantiles, the mean of their D².

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row.

        Returns
        -------
        score : float
        """
        check_is_fitted(self, "fitted_")
        levels = _levels(last_step(self.estimators[0])[1])
        if not isinstance(levels, tuple):
            return super().score(X, y, sample_weight)
        return mean_d2(y, self.predict(X), levels, sample_weight)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
