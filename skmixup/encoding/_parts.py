"""Rows of a table a part at a time, so that no more than a part is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from .._sklearn import safe_indexing

# Rows of a part: of numbers, and of a table, whose categories take some time to encode
# for each part, the more the more levels they have.
PART, TABLE_PART = 2**13, 2**15

Made = TypeVar("Made")


def by_parts(make: Callable[[Any], Made], X: Any) -> Iterator[Made]:
    """Yield what is made of a table's rows, a part after the other.

    Parameters
    ----------
    make : callable
        Takes a part of X. Where it raises an error, that of all rows is raised, which
        counts them from the first.
    X : DataFrame, ndarray or CSR of shape (n_rows, n_features)

    Yields
    ------
    made : object
    """
    n_rows = X.shape[0]
    is_array = isinstance(X, np.ndarray) and X.dtype.kind in "biuf"
    size = PART if is_array else TABLE_PART
    if n_rows <= size:
        yield make(X)
        return
    for start in range(0, n_rows, size):
        part = safe_indexing(X, slice(start, min(start + size, n_rows)))
        try:
            made = make(part)
        except (ArithmeticError, TypeError, ValueError):
            make(X)
            raise
        yield made


def join_rows(parts: Iterable[Any], n_rows: int) -> Any:
    """Return matrices below each other.

    Parameters
    ----------
    parts : iterable of ndarray, or of CSR
    n_rows : int
        Of all.

    Returns
    -------
    rows : ndarray or CSR
    """
    parts = iter(parts)
    first = next(parts)
    if first.shape[0] == n_rows:
        return first
    if not isinstance(first, np.ndarray):
        return sparse.vstack([first, *parts], format="csr")
    rows = np.empty((n_rows, *first.shape[1:]), dtype=first.dtype)
    start = 0
    for part in chain([first], parts):
        rows[start : start + len(part)] = part
        start += len(part)
    return rows
