"""Numbers as piecewise-linear codes: what a network cannot bend, its input bends."""

import numpy as np

NARROWEST = 1e-6  # of a bin, in scaled units
_COMMON = 0.25  # share of rows from which a value is common
_ROUND_OFF = 1e-9  # in a sum of weights, of all of it


def weighted_quantile(values, weight, levels):
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


def common_values(values, weight):
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
    """Bins of equal mass for each column; a value fills those below its own.

    A value has 1 in each bin that lies below it, 0 in each above, and in its own bin
    the share of the bin that it has crossed [1]_.

    Parameters
    ----------
    columns : iterable of ndarray of shape (n_rows,)
        Numbers, scaled or as they are; NaN is missing. An empty one gets no bins.
    weight : ndarray of shape (n_rows,)
        Weight of each row, above 0.
    n_bins : int
        Bins a column, and more for values that are common, where one holds half of it:
        these are edges, and the bins are laid for the other values. Those of no width
        are left out; a column with fewer than two gets none, since that would say what
        the number says.
    narrowest : float, default=1e-6
        Width that a bin must exceed.
    around_common : bool, default=False
        Whether all columns get edges at their common values.
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
        self,
        columns,
        weight,
        n_bins,
        *,
        narrowest=NARROWEST,
        around_common=False,
        dtype=np.float64,
    ):
        owner, lower, upper = [], [], []
        levels = np.linspace(0, 1, n_bins + 1)
        for i, values in enumerate(columns):
            known = ~np.isnan(values)
            if n_bins < 2 or not known.any():
                continue
            order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
            edges = _edges(values[order], weight[order], levels, around_common)
            # Halves, so that no difference can overflow.
            edges = edges[np.diff(edges / 2, prepend=-np.inf) > narrowest / 2]
            if len(edges) > 2:
                owner += [i] * (len(edges) - 1)
                lower += [edges[:-1]]
                upper += [edges[1:]]
        self.columns_ = np.array(owner, dtype=int)
        self.lower_ = np.concatenate([np.empty(0, dtype), *lower])
        self.upper_ = np.concatenate([np.empty(0, dtype), *upper])

    def encode(self, Z):
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


def _edges(values, weight, levels, around_common):
    """Return the edges of the bins of one column, sorted."""
    if around_common:
        common = common_values(values, weight)
    else:
        low, median, high = weighted_quantile(values, weight, [0.25, 0.5, 0.75])
        # One value of half of the column or more would leave the others next to none.
        common = [median] if low == high else []
    others = ~np.isin(values, common)
    if not others.any():
        return np.unique(common)
    edges = weighted_quantile(values[others], weight[others], levels)
    return np.unique(np.append(edges, common).astype(values.dtype))
