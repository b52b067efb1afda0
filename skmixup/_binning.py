"""Numbers as piecewise-linear codes: what a network cannot bend, its input bends."""

import numpy as np

_NARROWEST = 1e-6  # of a bin, in scaled units


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
    return np.quantile(values, levels, weights=weight, method="inverted_cdf")


class PiecewiseLinearBins:
    """Bins of equal mass for each column; a value fills those below its own.

    A value has 1 in each bin that lies below it, 0 in each above, and in its own bin
    the share of the bin that it has crossed [1]_.

    Parameters
    ----------
    Z : ndarray of shape (n_rows, n_columns)
        Scaled numbers; NaN is missing.
    weight : ndarray of shape (n_rows,)
        Weight of each row, above 0.
    n_bins : int
        Bins a column. Those of no width are left out; a column with fewer than two
        gets none, since that would say what the number says.

    Attributes
    ----------
    columns_ : ndarray of int of shape (n_outputs,)
        For each bin, the column that it belongs to.
    lower_, upper_ : ndarray of float32 of shape (n_outputs,)
        Its edges.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.2.
    """

    def __init__(self, Z, weight, n_bins):
        columns, lower, upper = [], [], []
        levels = np.linspace(0, 1, n_bins + 1)
        for i, values in enumerate(Z.T):
            known = ~np.isnan(values)
            if n_bins < 2 or not known.any():
                continue
            edges = _edges(values[known], weight[known], levels)
            if len(edges) > 2:
                columns += [i] * (len(edges) - 1)
                lower += [edges[:-1]]
                upper += [edges[1:]]
        self.columns_ = np.array(columns, dtype=int)
        self.lower_ = np.concatenate([np.empty(0, np.float32), *lower])
        self.upper_ = np.concatenate([np.empty(0, np.float32), *upper])

    def encode(self, Z):
        """Return the codes of scaled numbers.

        Parameters
        ----------
        Z : ndarray of float32 of shape (n_rows, n_columns)
            Without NaN.

        Returns
        -------
        codes : ndarray of float32 of shape (n_rows, n_outputs)
            In [0, 1].
        """
        crossed = (Z[:, self.columns_] - self.lower_) / (self.upper_ - self.lower_)
        return crossed.clip(0, 1)


def _edges(values, weight, levels):
    """Return the edges of the bins of one column, without bins of no width."""
    edges = weighted_quantile(values, weight, levels)
    low, median, high = weighted_quantile(values, weight, [0.25, 0.5, 0.75])
    others = values != median
    if low == high and others.any():
        # One value holds half of the column or more: an edge for it, and the bins for
        # the others, which it would leave next to none.
        rest = weighted_quantile(values[others], weight[others], levels)
        edges = np.append(rest, median)
    edges = np.unique(edges.astype(np.float32))
    return edges[np.diff(edges, prepend=-np.inf) > _NARROWEST]
