"""Tables and weights, checked before anything is learned from them."""

from __future__ import annotations

from typing import Any, TypeGuard

import narwhals as nw
import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from .._sklearn import check_sample_weight, safe_indexing
from .._typing import Array, MatrixLike, Rows

_NEGLIGIBLE = 2.0**-100  # share of the largest weight
_AT_ONCE = 2**18  # values that are changed in one go: they stay in a cache
_LARGE = 64  # exponent of two from which weights are scaled


def as_table(X: Any) -> Any:
    """Return a table that is there as a whole, with its columns' names.

    Parameters
    ----------
    X : object
        Dask collections are computed, as scikit-learn does; Arrow streams and record
        batches become a :class:`pyarrow.Table`; torch tensors and masked arrays become
        arrays, in which NaN stands for what is masked.

    Returns
    -------
    X : object
        What else it was given, as it is.

    Raises
    ------
    TypeError
        If X is lazy in another way, such as a polars LazyFrame.
    """
    if type(X) is np.ndarray:  # told in no time
        return X
    X = nw.to_native(X, pass_through=True)
    if isinstance(X, torch.Tensor):
        X = X.detach().cpu()
        return X.float().numpy() if X.dtype == torch.bfloat16 else X.numpy()
    if isinstance(X, np.ma.MaskedArray):
        plain = np.float64 if X.dtype.kind in "biuf" else object
        return np.ma.filled(X.astype(plain), np.nan)
    if hasattr(X, "__dask_graph__"):
        return X.compute()
    if isinstance(X, np.ndarray) or sparse.issparse(X) or is_table(X):
        return X
    if isinstance(nw.from_native(X, pass_through=True), nw.LazyFrame):
        raise TypeError(
            f"X is a lazy table ({type(X).__module__}.{type(X).__name__}), which holds "
            "no rows yet: collect it first, such as by X.collect()."
        )
    if hasattr(X, "__arrow_c_stream__") and hasattr(X, "schema"):
        return nw.from_arrow(X, backend="pyarrow").to_native()
    return X


def is_table(X: object) -> bool:
    """Tell whether X is a DataFrame or another table of named columns."""
    return nw.dependencies.is_into_dataframe(X)


def check_table(estimator: Any, X: MatrixLike, reset: bool) -> Any:
    """Validate the shape and the column names of X, whatever its columns hold.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and ``feature_names_in_``.
    X : DataFrame, array-like or sparse matrix
    reset : bool
        Whether to note the columns (fit) or compare them (predict).

    Returns
    -------
    X : DataFrame, ndarray or CSR
    """
    if _is_plain(X):  # an array that needs no more than its columns counted
        if not reset and _has_columns_of(estimator, X):
            return X
    else:
        X = _check_values(estimator, as_table(X))
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    return X


def _is_plain(X: Any) -> TypeGuard[Array]:
    """Tell whether X is an array of numbers that check_array leaves as it is."""
    is_array = type(X) is np.ndarray and X.ndim == 2
    return is_array and X.size > 0 and X.dtype.kind in "biuf"


def _has_columns_of(estimator: object, X: Array) -> bool:
    """Tell whether an array has as many columns as were seen in fit, without names."""
    columns = vars(estimator)
    is_unnamed = "feature_names_in_" not in columns
    return is_unnamed and X.shape[1] == columns.get("n_features_in_")


def _check_values(estimator: Any, X: Any) -> Any:
    if not is_table(X):
        if not (sparse.issparse(X) or hasattr(X, "dtype")):
            array = np.asarray(X)
            X = np.asarray(X, dtype=object) if array.dtype.kind in "US" else array
        X = check_array(
            X,
            dtype=None if not sparse.issparse(X) else "numeric",
            accept_sparse="csr",
            ensure_all_finite=sparse.issparse(X),
            estimator=estimator,
            input_name="X",
        )
    elif 0 in X.shape:
        kind = "sample" if X.shape[0] == 0 else "feature"
        raise ValueError(
            f"Found array with 0 {kind}(s) (shape={tuple(X.shape)}) while a minimum of "
            f"1 is required by {type(estimator).__name__}."
        )
    return X


def check_weights(sample_weight: ArrayLike | None, X: Any) -> Array:
    """Return the weights of the rows of X as float64, ones if there are none.

    Parameters
    ----------
    sample_weight : array-like of shape (n_rows,) or None
    X : DataFrame, ndarray or CSR of shape (n_rows, n_features)

    Returns
    -------
    weight : ndarray of shape (n_rows,)
        As :func:`scale_weights` returns them: only their ratios mean something.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, all are 0, or the shape is wrong.
    """
    # scikit-learn looks for infinity in a sum, which overflows for values near 1e308.
    try:
        with np.errstate(over="ignore"):
            weight = check_sample_weight(
                sample_weight, X, dtype=np.float64, ensure_non_negative=True
            )
    except (TypeError, ValueError) as error:
        if "weight" in str(error).lower():
            raise
        raise ValueError(
            "sample_weight must hold a finite number for each row, none below 0: "
            f"{str(error)[:200]}"
        ) from error
    return scale_weights(weight)


def scale_weights(weight: Array) -> Array:
    """Scale weights whose sums might overflow, or all underflow in single precision.

    By a power of two: no ratio changes, not even in the last bit. What is then too
    small for a float beside the largest is 0.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)

    Returns
    -------
    weight : ndarray of shape (n_rows,)

    Raises
    ------
    ValueError
        If all weights are 0.
    """
    if not weight.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    exponent = np.frexp(weight.max())[1]
    return weight if abs(exponent) < _LARGE else np.ldexp(weight, -exponent)


def without_negligible(weight: Array) -> Array:
    """Return weights, scaled, with 0 for what is nothing beside the largest.

    In single precision; among such rows alone, there would be nothing to train or to
    validate on.
    """
    weight = scale_weights(weight)
    return np.where(weight < weight.max() * _NEGLIGIBLE, 0.0, weight)


def drop_weightless(weight: Array, X: Any, *others: Array | None) -> tuple[Any, ...]:
    """Leave out the rows of weight 0, or next to it, as if they were not there.

    Parameters
    ----------
    weight : ndarray of shape (n_rows,)
    X : DataFrame, ndarray or CSR of shape (n_rows, n_features)
    *others : ndarray or None
        What has an entry for each row.

    Returns
    -------
    weight, X, *others
        Of the rows that are left.
    """
    weight = without_negligible(weight)
    if weight.all():
        return weight, X, *others
    kept = np.flatnonzero(weight)
    left = (None if other is None else other[kept] for other in others)
    return weight[kept], safe_indexing(X, kept), *left


def equal_rows_equal_bits(X: Rows, may_write: bool = False) -> Rows:
    """Return X with one zero, +0.0, and in CSR without stored zeros or twins.

    Parameters
    ----------
    X : ndarray or CSR of float32
    may_write : bool, default=False
        Whether X, if an array, may be changed in place; else it is copied if need be.

    Returns
    -------
    X : ndarray or CSR
    """
    if sparse.issparse(X):
        X = X.copy()
        X.sum_duplicates()
        X.eliminate_zeros()
        return X
    size = max(1, _AT_ONCE // max(X.shape[1], 1))
    parts = [slice(start, start + size) for start in range(0, len(X), size)]
    if may_write:
        for part in parts:
            X[part] += np.float32(0)
        return X
    if any((np.signbit(X[part]) & (X[part] == 0)).any() for part in parts):
        return X + np.float32(0)
    return X


def check_numeric_columns(X: Any) -> None:
    """Name the columns of a DataFrame that preprocess=None cannot take."""
    if type(X) is np.ndarray or not is_table(X):
        return
    schema = nw.from_native(X).schema
    text = [
        name
        for name, dtype in schema.items()
        if not (dtype.is_numeric() or dtype == nw.Boolean)
    ]
    if text:
        raise ValueError(
            f"preprocess=None takes numeric columns only; column(s) {text} are not "
            "numeric. Encode them first, or use preprocess='auto'."
        )
