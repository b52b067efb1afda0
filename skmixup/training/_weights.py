"""The training set as weighted distinct rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .._typing import Array, Rows

_AT_ONCE = 2**20  # values that are looked at in one go
_COLUMNS = 16  # that are put in order in one go: 64 bytes, a line of a cache


def _hash_rows(X: Rows, y: Array) -> Array:
    """Hash each row and its label to 64 bits; dense and CSR rows hash alike."""
    # Multilinear hashing modulo 2^64: random odd multipliers times the values' bits.
    rng = np.random.default_rng(0)
    factors = rng.integers(2**64, size=X.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    hashes = (y.astype(np.uint64) + np.uint64(1)) * factors[-1]
    with np.errstate(over="ignore"):
        if sparse.issparse(X):
            terms = X.data.view(np.uint32).astype(np.uint64) * factors[X.indices]
            ends = np.concatenate([[np.uint64(0)], np.cumsum(terms, dtype=np.uint64)])
            return hashes + ends[X.indptr[1:]] - ends[X.indptr[:-1]]
        bits = X.view(np.uint32)
        size = _rows_at_once(X)
        for start in range(0, len(X), size):
            chunk = slice(start, start + size)
            hashes[chunk] += bits[chunk].astype(np.uint64) @ factors[:-1]
    return hashes


def _rows_at_once(X: Rows) -> int:
    """Return how many rows are hashed, or compared, in one go, to bound memory."""
    return max(1, _AT_ONCE // max(X.shape[1], 1))


def _equal_neighbors(X: Rows, y: Array) -> tuple[Array, Array]:
    """Put equal rows of equal label beside each other, in an order of the rows alone.

    Returns
    -------
    order : ndarray of int of shape (n,)
    same : ndarray of bool of shape (n - 1,)
        Whether each row but the first, in that order, equals the one before.
    """
    hashes = _hash_rows(X, y)
    order = np.argsort(hashes, kind="stable")
    hashes, y = hashes[order], y[order]
    same = (hashes[1:] == hashes[:-1]) & (y[1:] == y[:-1])
    maybe = np.flatnonzero(same)
    size = _rows_at_once(X)
    for start in range(0, len(maybe), size):
        some = maybe[start : start + size]
        differs: Any = X[order[some + 1]] != X[order[some]]
        if sparse.issparse(X):
            differs = np.asarray(differs.sum(axis=1)).ravel() > 0
        else:
            differs = differs.any(axis=1)
        same[some[differs]] = False
    return order, same


def collapse_duplicates(X: Rows, y: Array, weight: Array) -> tuple[Array, Array]:
    """Reduce a training set to its distinct rows, each with its total weight.

    It makes a row of weight w the same as w copies of it, exactly, and keeps copies of
    one row from ending up on both sides of a validation split. The order of the result
    depends on the rows only, not on the order that they came in.

    Parameters
    ----------
    X : ndarray or CSR of float32 of shape (n, d)
    y : ndarray of int of shape (n,)
    weight : ndarray of float of shape (n,)

    Returns
    -------
    index : ndarray of int of shape (n_distinct,)
        One row of each kind.
    weight : ndarray of shape (n_distinct,)
    """
    order, same = _equal_neighbors(X, y)
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    return order[starts], np.add.reduceat(weight[order], starts)


def contradicted_share(X: Rows, weight: Array) -> float:
    """Return the share of the weight of rows that others of another label are equal to.

    Parameters
    ----------
    X : ndarray or CSR of float32 of shape (n, d)
        Of distinct rows, as `collapse_duplicates` leaves them: those that are equal
        differ in their labels.
    weight : ndarray of shape (n,)

    Returns
    -------
    share : float
        In [0, 1].
    """
    order, same = _equal_neighbors(X, np.zeros(X.shape[0], dtype=np.int64))
    among = np.concatenate([same, [False]]) | np.concatenate([[False], same])
    return float(weight[order[among]].sum() / weight.sum())


def take_rows(X: Rows, index: Array, may_write: bool = False) -> Rows:
    """Return X[index], in the memory of X where that may be written to.

    Parameters
    ----------
    X : ndarray or CSR of shape (n, d)
    index : ndarray of int of shape (n_taken,)
        n_taken is at most n.
    may_write : bool, default=False

    Returns
    -------
    rows : ndarray or CSR of shape (n_taken, d)
    """
    if sparse.issparse(X) or not may_write or 2 * len(index) < len(X):
        return X[index]
    for start in range(0, X.shape[1], _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        X[: len(index), columns] = X[:, columns][index]
    return X[: len(index)]


def count_copies(weight: Array) -> Array | None:
    """Return how often each distinct row is to be visited in an epoch, if by counting.

    Copies are visited one by one, as rows of their own would be, while that makes the
    epoch at most four times as long; else each row is visited once, and its weight
    multiplies its loss. A function of the weights' ratios only.

    Parameters
    ----------
    weight : ndarray of float of shape (n,)
        Above 0.

    Returns
    -------
    copies : ndarray of int of shape (n,) or None
        None if the weights are no small multiples of the lightest.
    """
    with np.errstate(over="ignore"):
        ratio = weight / weight.min()
        if ratio.sum() > 4 * len(weight):
            return None
    copies = np.round(ratio).astype(int)
    return copies if np.allclose(ratio, copies, rtol=1e-9, atol=0) else None


def repeat_by_weight(
    splits: list[tuple[Array, Array | None]], weight: Array
) -> tuple[list[tuple[Array, Array | None]], Array | None]:
    """Repeat each row as often as it is to be visited, or keep its weight.

    Parameters
    ----------
    splits : list of (train, valid)
        Row numbers of each member, None for no rows to validate on.
    weight : ndarray of float of shape (n,)

    Returns
    -------
    splits : list of (train, valid)
        Rows repeated as :func:`count_copies` says; the longest training part first.
    weight : ndarray of float of shape (n,) or None
        None if copies are visited one by one.
    """
    copies = count_copies(weight)
    if copies is None:
        return splits, weight
    if (copies == 1).all():
        return splits, None
    splits = [
        (
            np.repeat(train, copies[train]),
            None if valid is None else np.repeat(valid, copies[valid]),
        )
        for train, valid in splits
    ]
    return sorted(splits, key=lambda pair: -len(pair[0])), None
