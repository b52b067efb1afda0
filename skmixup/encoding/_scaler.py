"""Numbers in units of what is usual in a column, large ones squashed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from .._typing import CSR, Array, MatrixLike, Rows
from ._bins import common_values, weighted_quantile
from ._checks import as_table, check_weights
from ._columns import to_frame

_FAR = 100  # scales by which common values lie off, to be codes


def _squash(z: Array) -> Array:
    """Clip smoothly to (-3, 3), in place: the identity near 0."""
    np.maximum(z, -1e100, out=z)
    np.minimum(z, 1e100, out=z)
    bend = z / 3
    bend *= bend
    bend += 1
    z /= np.sqrt(bend, out=bend)
    return z


def _column_stats(values: Array, weight: Array) -> tuple[float, float, bool]:
    """Return center, half of the scale, and whether common values are codes."""
    known = ~np.isnan(values)
    if not known.any():
        return 0.0, 0.0, False
    order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
    values, weight = values[order], weight[order]  # what is sorted is sorted fast
    median, half = _half_spread(values, weight)
    common = common_values(values, weight)
    others = ~np.isin(values, common)
    if len(common) and others.any():
        center, own = _half_spread(values[others], weight[others])
        if own > 0 and _lie_apart(common / 2, center / 2, own, median / 2, half):
            return center, own, True
    if half > 0 or (values == median).all():
        return median, half, False
    others = values != median
    half_distance = np.abs(values[others] / 2 - median / 2)
    return median, weighted_quantile(half_distance, weight[others], 0.5) / 2, False


def _lie_apart(
    common: Array, center: float, own: float, median: float, half: float
) -> bool:
    """Tell whether one scale can't show a column's common values and its others.

    All are halved: the values, and center and spread of the others and of all.
    """
    gap = abs(center - median)
    closest = np.diff(common).min(initial=np.inf)
    near = max(half, gap) / _FAR
    return own < near or 0 < half < gap / _FAR or closest < half / _FAR


def _half_spread(values: Array, weight: Array) -> tuple[float, float]:
    """Return the median, and half of IQR / 1.349."""
    low, median, high = weighted_quantile(values, weight, [0.25, 0.5, 0.75])
    return median, (high / 2 - low / 2) / 1.349


def _median_sizes(X: CSR, weight: Array) -> Array:
    """Return the weighted median absolute value of each CSR column's nonzeros."""
    by_column = X.tocsc(copy=True)
    by_column.sum_duplicates()
    by_column.eliminate_zeros()
    sizes, starts = np.abs(by_column.data), by_column.indptr
    column = np.repeat(np.arange(X.shape[1]), np.diff(starts))
    order = np.lexsort((sizes, column))
    total = np.concatenate([[0.0], np.cumsum(weight[by_column.indices][order])])
    start, end = total[starts[:-1]], total[starts[1:]]
    middle = np.searchsorted(total[1:], start + (end - start) * (0.5 - 1e-9))
    medians = np.zeros(X.shape[1])
    filled = end > start
    medians[filled] = sizes[order][middle[filled]]
    return medians


class SmoothClipScaler(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Center by the median, scale by the quartiles, and clip smoothly to (-3, 3).

    z = (x − median) / (IQR / 1.349), then z / sqrt(1 + (z/3)²): a normal column gets
    about unit variance, and no outlier can get beyond 3 [1]_. Where the quartiles are
    equal, as in a column of mostly zeros, the scale comes from the values that differ
    from the median: half of their median distance to it takes the place of
    IQR / 1.349. Where values that make up a quarter of a column or more lie far from
    the others (by a hundred scales, as codes such as 999999 do), median and scale are
    those of the others. A constant column becomes 0. Missing values become 0, the
    median. A sparse matrix is not centered, and scaled by the median absolute value of
    what is not zero in each column.

    Attributes
    ----------
    center_ : ndarray of shape (n_features,)
        Medians.
    half_scale_ : ndarray of shape (n_features,)
        Half of the scale (half, so that no difference can overflow).
    coded_ : ndarray of bool of shape (n_features,)
        Columns whose common values lie far from all others.

    References
    ----------
    .. [1] Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", 2024, appendix A.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixup.encoding import SmoothClipScaler
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [1e300]])
    >>> SmoothClipScaler().fit_transform(X).ravel().round(2)
    array([-1.23, -0.66,  0.  ,  0.66,  3.  ], dtype=float32)
    """

    def fit(
        self, X: MatrixLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Learn center and scale.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Numbers; NaN is missing.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w is the same as w copies of the row.

        Returns
        -------
        self : SmoothClipScaler
        """
        rows = self._check(X, reset=True)
        weight = check_weights(sample_weight, rows)
        if not weight.all():
            rows, weight = rows[weight > 0], weight[weight > 0]
        if sparse.issparse(rows):
            self.center_ = np.zeros(rows.shape[1])
            self.half_scale_ = _median_sizes(rows, weight) / 2
            self.coded_ = np.zeros(rows.shape[1], dtype=bool)
            return self
        self._fit_checked(rows, weight)
        return self

    def _fit_checked(self, X: Array, weight: Array) -> None:
        """Learn from an array without infinity; no row has weight 0."""
        columns = (np.ascontiguousarray(column, np.float64) for column in X.T)
        stats = np.array([_column_stats(column, weight) for column in columns]).T
        self.center_, self.half_scale_, self.coded_ = *stats[:2], stats[2] > 0

    def transform(self, X: MatrixLike) -> Any:
        """Scale.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Numbers; NaN is missing.

        Returns
        -------
        Z : ndarray or CSR of float32 of shape (n_rows, n_features)
            Values in [-3, 3].
        """
        check_is_fitted(self)
        return self._transform_checked(self._check(X, reset=False))

    def _transform_checked(self, X: Rows) -> Rows:
        """Scale numbers that are known to be float64 or CSR, without infinity."""
        if not isinstance(X, np.ndarray):
            X = X.copy()
            X.data = self._scale(X.data, 0.0, self.half_scale_[X.indices])
            return X.astype(np.float32)
        Z = self._scale(X, self.center_, self.half_scale_)
        Z[np.isnan(Z)] = 0
        return Z.astype(np.float32)

    def _scale_column(self, values: Array, i: int) -> Array:
        """Scale the numbers of column i, but let NaN stay."""
        z = np.array(values, dtype=np.float64)
        return self._scale(z, self.center_[i], self.half_scale_[i]).astype(np.float32)

    @staticmethod
    def _scale(X: Array, center: float | Array, half_scale: Array) -> Array:
        z = X / 2
        z -= center / 2
        varies = half_scale > 0
        with np.errstate(over="ignore"):
            if varies.all():
                z /= half_scale
            else:
                z = np.divide(z, half_scale, out=z * 0, where=varies)
        return _squash(z)

    def _check(self, X: MatrixLike, reset: bool) -> Rows:
        # scikit-learn looks for infinity in a sum, which overflows near 1e308.
        with np.errstate(over="ignore", invalid="ignore"):
            return validate_data(
                self,
                as_table(X),
                reset=reset,
                accept_sparse="csr",
                dtype=np.float64,
                ensure_all_finite=True if sparse.issparse(X) else "allow-nan",
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # always float32
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def _readable(X: Any) -> Any:
    """Return a table as a DataFrame, unless it is sparse or an array of numbers."""
    is_array = isinstance(X, np.ndarray)
    if (is_array and X.dtype.kind in "biuf") or (not is_array and sparse.issparse(X)):
        return X
    return to_frame(X)


def _distinct(names: Iterable[str]) -> Array:
    """Return names as an array, those numbered that were there before."""
    count: dict[str, int] = {}
    for name in names:
        free = name
        while free in count:
            count[name] += 1
            free = f"{name}_{count[name]}"
        count[free] = 1
    return np.array(list(count), dtype=object)
