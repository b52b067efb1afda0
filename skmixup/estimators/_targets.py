"""What targets of labels are: one of several, or which of them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import assert_all_finite
from torch import nn

from .._sklearn import check_y
from .._typing import Array
from ..encoding._columns import are_numbers, keep_types
from ._rows_last import log_mean_exp, log_softmax, rows_first, rows_last


class _LabelTarget:
    """What targets of labels have in common.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted labels, or the numbers of an indicator matrix's columns.
    """

    def __init__(self, classes: Array) -> None:
        self.classes = classes

    @property
    def n_outputs(self) -> int:
        """Width of the net's output."""
        return len(self.classes)

    def combine(
        self, outputs: Array, weights: Array, temperature: float = 1.0
    ) -> Array:
        """Return the probabilities that the members' weighted mean gives.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_members, n_classes)
        weights : ndarray of shape (n_members,)
            In sum 1.
        temperature : float, default=1.0

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
        """
        return np.exp(self.log_proba(outputs, temperature, weights))

    def log_proba(
        self, outputs: Array, temperature: float, weights: Array | None = None
    ) -> Array:
        """Return the logarithms of the probabilities of the members' mean."""
        raise NotImplementedError

    @staticmethod
    def loss_of(likelihood: Array) -> tuple[Array, Array]:
        """Return the log-loss of what `judge` returns, and its slope.

        Parameters
        ----------
        likelihood : ndarray
            Or means of several models' likelihoods.

        Returns
        -------
        loss, slope : ndarray
            In each place.
        """
        likelihood = np.maximum(likelihood, 1e-12)
        return -np.log(likelihood), -1 / likelihood


class ClassTarget(_LabelTarget):
    """One of several labels in each row."""

    criterion = nn.CrossEntropyLoss

    @staticmethod
    def check(y: Any, estimator: Any) -> Array:
        """Return y as an array, or raise ValueError if it can't be learned."""
        y = check_y(keep_types(y), estimator=estimator)
        check_labels(y)
        check_classification_targets(y)
        return y

    def check_known(self, y: Array, when: str) -> None:
        """Raise ValueError if y, checked, is not of the kind that was learned."""
        if y.ndim == 2:
            raise other_shape(y, "one label a row", when)
        are_text = [labels.dtype.kind in "OUS" for labels in (y, self.classes)]
        # NumPy would take the number 1 for the text "1".
        unseen = np.setdiff1d(y, self.classes if are_text[0] == are_text[1] else [])
        if len(unseen):
            raise ValueError(
                f"y has label(s) {unseen.tolist()} that are not among the classes "
                f"{self.classes.tolist()}: {when} the classes cannot change."
            )

    def encode(self, y: Array) -> Array:
        """Return y as the net takes it: numbers of classes."""
        return np.searchsorted(self.classes, y)

    def codes(self, y: Array) -> Array:
        """Return an integer for each encoded target, the same for equal ones."""
        return y

    def strata(self, y: Array) -> Array:
        """Return of what each part of a split gets its share."""
        return y

    def judge(self, y: Array, proba: Array) -> Array:
        """Return the probability that each row's class was given.

        Parameters
        ----------
        y : ndarray of shape (n_rows,)
            Encoded.
        proba : ndarray of shape (n_rows, n_classes)

        Returns
        -------
        likelihood : ndarray of shape (n_rows, 1)
            Of which a mean of models has the mean.
        """
        return np.take_along_axis(proba, y[:, None], axis=1)

    def log_proba(
        self, outputs: Array, temperature: float, weights: Array | None = None
    ) -> Array:
        """Return the logarithm of each class's probability, of the members' mean.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_members, n_classes)
        temperature : float
        weights : ndarray of shape (n_members,), default=None
            Of the members, in sum 1; None for equal ones.

        Returns
        -------
        log_proba : ndarray of shape (n_rows, n_classes)
        """
        log_proba = log_mean_exp(log_softmax(rows_last(outputs)), weights)
        if temperature != 1:
            log_proba = log_softmax(log_proba / temperature)
        return rows_first(log_proba, len(outputs))

    def decide(self, proba: Array) -> Array:
        """Return the most probable label of each row."""
        return self.classes[proba.argmax(1)]


class IndicatorTarget(_LabelTarget):
    """Which of several labels each row has: a matrix of 0 and 1."""

    criterion = nn.BCEWithLogitsLoss

    @staticmethod
    def check(y: Any, estimator: Any) -> Array:
        """Return y as a dense array, or raise ValueError if it can't be learned."""
        if not sparse.issparse(y) and np.asarray(y).dtype.kind == "f":
            assert_all_finite(y, input_name="y")
        kind = type_of_target(y, input_name="y")
        if kind != "multilabel-indicator":
            raise ValueError(
                f"Unknown label type: y of shape {np.shape(y)} is {kind!r}: several "
                "targets must be labels that a row has or has not, as 0 and 1."
            )
        if estimator.class_weight is not None:
            raise ValueError(
                f"class_weight={estimator.class_weight!r} is for one label a row, and "
                "y is an indicator matrix: use sample_weight, or class_weight=None."
            )
        dense: Any = y
        dense = dense.toarray() if sparse.issparse(y) else np.asarray(y)
        if not np.isin(dense, (0, 1)).all():
            raise ValueError(
                f"y is a matrix of {np.unique(dense).tolist()}: of several labels, 1 "
                "says that a row has one and 0 that it has not."
            )
        return dense

    def check_known(self, y: Array, when: str) -> None:
        """Raise ValueError if y, checked, is not of the kind that was learned."""
        if y.ndim == 1 or y.shape[1] != len(self.classes):
            raise other_shape(y, f"{len(self.classes)} columns", when)

    def check_classes(self) -> None:
        """Raise ValueError if the classes given are not the columns' numbers."""
        numbers = np.arange(len(self.classes))
        if not np.array_equal(self.classes, numbers):
            raise ValueError(
                f"classes={self.classes.tolist()}, but y is an indicator matrix: give "
                f"the numbers of its columns, {numbers.tolist()}."
            )

    def encode(self, y: Array) -> Array:
        """Return y as the net takes it."""
        return y.astype(np.float32)

    def codes(self, y: Array) -> Array:
        """Return an integer for each encoded target, the same for equal ones."""
        return np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)

    def strata(self, y: Array) -> Array:
        """Return of what each part of a split gets its share: nothing."""
        return np.zeros(len(y), dtype=int)

    def judge(self, y: Array, proba: Array) -> Array:
        """Return the probabilities of the labels as they are; see `ClassTarget`."""
        return np.where(y > 0, proba, 1 - proba)

    def log_proba(
        self, outputs: Array, temperature: float, weights: Array | None = None
    ) -> Array:
        """Return the logarithm of each label's probability, of the members' mean.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_members, n_labels)
        temperature : float
        weights : ndarray of shape (n_members,), default=None
            Of the members, in sum 1; None for equal ones.

        Returns
        -------
        log_proba : ndarray of shape (n_rows, n_labels)
        """
        z = rows_last(outputs)
        softplus = np.log1p(np.exp(-np.abs(z)))
        # Of having a label, and of not having it.
        both = [
            log_mean_exp(np.minimum(sign * z, 0) - softplus, weights) / temperature
            for sign in (1, -1)
        ]
        return rows_first(log_softmax(np.stack(both))[0], len(outputs))

    def decide(self, proba: Array) -> Array:
        """Return 1 for each label that a row rather has than not, else 0."""
        return (proba > 0.5).astype(int)


def other_shape(y: Array, before: str, when: str) -> ValueError:
    return ValueError(
        f"y has shape {y.shape}, and had {before} before: {when} that cannot change."
    )


def check_labels(y: Any) -> None:
    """Raise ValueError if labels are missing, or of types that cannot be learned.

    Parameters
    ----------
    y : array-like
        Of more than one dimension, it is left to others.
    """
    labels = np.asarray(keep_types(y))
    if labels.ndim != 1:
        return
    if pd.isna(labels).any():
        raise ValueError("Input y contains missing values: every row needs a label.")
    check_label_types(labels, "y")


def check_label_types(labels: Array, name: str) -> None:
    """Raise ValueError if labels are objects, unless all are text.

    scikit-learn's metrics could not score such labels, so that to learn them would
    only put the error off.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    name : str
        For the message.
    """
    kinds = set(map(type, labels)) if labels.dtype == object else {str}
    if all(issubclass(kind, str) for kind in kinds):
        return
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        way = "astype(bool)"
    elif all(issubclass(kind, Integral | np.bool_) for kind in kinds):
        fits = all(-(2**63) <= label < 2**63 for label in labels)
        way = "astype(int)" if fits else "astype(str)"
    else:
        way = "astype(float)" if are_numbers(labels, name) else "astype(str)"
    types = sorted(kind.__name__ for kind in kinds)
    raise ValueError(
        f"Unknown label type: {name} holds objects of type(s) {types}. Labels must be "
        "all text, or an array of numbers or booleans: here, "
        f"np.asarray({name}, dtype=object).{way} makes such an array."
    )


def is_matrix(y: Any) -> bool:
    """Tell whether y has several columns."""
    if sparse.issparse(y):
        return True
    shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
    return len(shape) == 2 and shape[1] > 1
