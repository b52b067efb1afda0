"""Numbers as piecewise-linear codes: what a network cannot bend, its input bends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .._typing import Array

NARROWEST = 1e-6  # of a bin, in scaled units
_COMMON = 0.25  # share of rows from which a value is common
_TREE_ROWS = 100_000  # from which a tree's thresholds are learned, of more
_MOST_COPIES_OF_A_ROW = 1e6  # that a weight may stand for
_TREE_LEAF = 20.0  # weight of a leaf, at least
_ROUND_OFF = 1e-9  # in a sum of weights, of all of it


def weighted_quantile(
    values: Array, weight: Array, levels: float | Sequence[float] | Array
) -> Any:
    """Return quantiles that are values themselves.

    Weighted, so that weights and copies agree to the last bit.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Without NaN.
    weight : ndarray of shape (n,)
        Above 0.
    levels : float or sequence of float
        In [0, 1].

    Returns
    -------
    quantiles : float or ndarray
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order])
    share /= share[-1]
    # NumPy's own compares without tolerance: then 1/n as weights is not 1.
    at = np.searchsorted(share, np.asarray(levels) - _ROUND_OFF)
    return values[order][at]


def common_values(values: Array, weight: Array) -> Array:
    """Return the values that each make up a quarter of the weight or more.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Without NaN.
    weight : ndarray of shape (n,)
        Above 0.

    Returns
    -------
    common : ndarray of shape (n_common,)
        Sorted; up to four.
    """
    # Such a value is at one of the quartiles, or at an end.
    levels = [0, _COMMON, 2 * _COMMON, 3 * _COMMON, 1]
    candidates = np.unique(weighted_quantile(values, weight, levels))
    shares = np.array([weight[values == one].sum() for one in candidates])
    return candidates[shares >= (_COMMON - _ROUND_OFF) * weight.sum()]


class PiecewiseLinearBins:
    """Bins of each column; a value fills those below its own.

    A value has 1 in each bin that lies below it, 0 in each above, and in its own bin
    the share of the bin that it has crossed [1]_.

    Parameters
    ----------
    edges : iterable of ndarray of dtype
        Of each column: sorted, each bin's end being the next one's start. A column with
        fewer than two bins gets none, since that would say what the number says.
    dtype : type, default=np.float64
        Precision of the numbers.

    Attributes
    ----------
    columns_ : ndarray of int of shape (n_outputs,)
        For each bin, the column that it belongs to.
    lower_, upper_ : ndarray of shape (n_outputs,)
        Its edges, in the precision of the numbers.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.2.
    """

    def __init__(
        self, edges: Iterable[Array], dtype: type[np.floating[Any]] = np.float64
    ) -> None:
        owner, lower, upper = [], [], []
        for i, own in enumerate(edges):
            if len(own) > 2:
                owner += [i] * (len(own) - 1)
                lower += [own[:-1]]
                upper += [own[1:]]
        self.columns_ = np.array(owner, dtype=int)
        self.lower_ = np.concatenate([np.empty(0, dtype), *lower])
        self.upper_ = np.concatenate([np.empty(0, dtype), *upper])

    def encode(self, Z: Array) -> Array:
        """Return the codes of numbers.

        Parameters
        ----------
        Z : ndarray of shape (n_rows, n_columns)
            In the precision of those that the bins were laid for; without NaN.

        Returns
        -------
        codes : ndarray of float32 of shape (n_rows, n_outputs)
            In [0, 1].
        """
        crossed = (Z / 2).take(self.columns_, axis=1)
        lower = self.lower_ / 2
        crossed -= lower
        with np.errstate(over="ignore"):  # far beyond a narrow bin, which clips it
            crossed /= self.upper_ / 2 - lower
        crossed.clip(0, 1, out=crossed)
        return crossed.astype(np.float32, copy=False)


def quantile_edges(
    values: Array,
    weight: Array,
    n_bins: int,
    *,
    narrowest: float = NARROWEST,
    around_common: bool = False,
) -> Array:
    """Return the edges of bins of equal mass.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
        Scaled or as they are; NaN is missing.
    weight : ndarray of shape (n_rows,)
        Weight of each row, above 0.
    n_bins : int
        How many, and more for values that are common, where one holds half of it:
        these are edges, and the bins are laid for the other values.
    narrowest : float, default=1e-6
        Width that a bin must exceed: others are left out.
    around_common : bool, default=False
        Whether there are edges at common values anyhow.

    Returns
    -------
    edges : ndarray of shape (at most n_bins + 5,)
        None for fewer than two bins asked for, or no known value.
    """
    known = ~np.isnan(values)
    if n_bins < 2 or not known.any():
        return values[:0]
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    levels = np.linspace(0, 1, n_bins + 1)
    edges = _edges(values[order], weight[order], levels, around_common)
    return _apart(edges, narrowest)


def tree_edges(
    values: Array, y: Array, weight: Array, n_bins: int, is_class: bool
) -> Array:
    """Return the edges of bins that a decision tree of a target lays [1]_.

    Parameters
    ----------
    values : ndarray of float32 of shape (n_rows,)
        Scaled; NaN is missing.
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Numbers of classes, or numbers.
    weight : ndarray of shape (n_rows,)
        Weight of each row, above 0.
    n_bins : int
        The tree's leaves, at most.
    is_class : bool

    Returns
    -------
    edges : ndarray of float32 of shape (at most n_bins + 1,)

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.2.2.
    """
    known = np.flatnonzero(~np.isnan(values))
    total = count_rows(weight[known]) if len(known) else 0
    if n_bins < 2 or total < 2 * _TREE_LEAF:
        return values[:0]
    if len(known) > _TREE_ROWS:
        rng = np.random.default_rng(0)
        known = np.sort(rng.choice(known, _TREE_ROWS, replace=False))
        total = count_rows(weight[known])
    values, y, weight = values[known], y[known], weight[known]
    if total == len(known):  # in units of one row; whole ones stay whole
        weight = weight / weight.mean()
    kind = DecisionTreeClassifier if is_class else DecisionTreeRegressor
    tree = kind(
        max_leaf_nodes=n_bins,
        # Less round-off, as where a leaf has so many, or nothing is left to gain.
        min_weight_fraction_leaf=(_TREE_LEAF - 1e-6) / total,
        min_impurity_decrease=1e-9,
        random_state=0,
    )
    tree = tree.fit(values[:, None], y, sample_weight=weight).tree_
    inner = tree.threshold[tree.feature >= 0]
    edges = np.unique([values.min(), *inner, values.max()]).astype(values.dtype)
    return _apart(edges, NARROWEST)


def count_rows(weight: Array) -> float:
    """Return how many rows weights stand for: copies, where they are whole numbers.

    Parameters
    ----------
    weight : ndarray of float of shape (n_rows,)
        Above 0.

    Returns
    -------
    n_rows : float or int
    """
    whole = weight.max() < _MOST_COPIES_OF_A_ROW and (weight == np.round(weight)).all()
    return weight.sum() if whole else len(weight)


def _apart(edges: Array, narrowest: float) -> Array:
    """Leave out edges that are no further from the one before."""
    # Halves, so that no difference can overflow.
    return edges[np.diff(edges / 2, prepend=-np.inf) > narrowest / 2]


def _edges(values: Array, weight: Array, levels: Array, around_common: bool) -> Array:
    """Return the edges of the bins of one column, sorted."""
    if around_common:
        common = common_values(values, weight)
    else:
        low, median, high = weighted_quantile(values, weight, [0.25, 0.5, 0.75])
        # One value of half of the column or more would leave the others next to none.
        common = np.array([median] if low == high else [])
    others = ~np.isin(values, common)
    if not others.any():
        return np.unique(common)
    edges = weighted_quantile(values[others], weight[others], levels)
    return np.unique(np.append(edges, common).astype(values.dtype))
