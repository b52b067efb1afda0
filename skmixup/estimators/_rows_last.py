"""Softmax and means of arrays whose rows come last.

NumPy is fast along many rows, and slow along few classes. And with rows last it adds a
row's numbers in one order, for any number of rows but one.
"""

from __future__ import annotations

import numpy as np

from .._typing import Array


def rows_last(values: Array) -> Array:
    """Return values (n_rows, ...) as a new array (..., n_rows); a single row twice."""
    if len(values) == 1:
        values = np.repeat(values, 2, axis=0)
    return np.array(values.T, order="C")


def rows_first(values: Array, n_rows: int) -> Array:
    """Return values (..., at least n_rows) as an array (n_rows, ...)."""
    return np.ascontiguousarray(values[..., :n_rows].T)


def log_softmax(scores: Array) -> Array:
    """Return the logarithm of softmax over the first axis."""
    scores = scores - scores.max(axis=0)
    scores -= np.log(np.exp(scores).sum(axis=0))
    return scores


def log_mean_exp(values: Array, weight: Array | None = None) -> Array:
    """Return the logarithm of the mean of exp(values) over the second axis.

    Of weights, where they are given, the sum is 1.
    """
    if values.shape[1] == 1:
        return values[:, 0]
    largest = values.max(axis=1)
    each = np.exp(values - largest[:, None])
    if weight is not None:
        with np.errstate(divide="ignore"):  # all that has weight may underflow
            return np.log(np.einsum("ckn,k->cn", each, weight)) + largest
    total = each.sum(axis=1)
    return np.log(total / values.shape[1]) + largest
