"""What targets are: labels, indicators or numbers."""

from numbers import Integral

import numpy as np
import pandas as pd
from scipy import sparse

from ..encoding._columns import are_numbers


def _keep_types(y):
    """Return a list of text and other objects as an array that keeps them apart."""
    if getattr(getattr(y, "dtype", None), "kind", "") == "T":  # NumPy's StringDType
        return y.astype(object)
    if isinstance(y, list | tuple):
        are_text = {isinstance(label, str) for label in y}
        if len(are_text) == 2:
            return np.array(y, dtype=object)
    return y


def check_labels(y):
    """Raise ValueError if labels are missing, or of types that cannot be learned.

    Parameters
    ----------
    y : array-like
        Of more than one dimension, it is left to others.
    """
    labels = np.asarray(_keep_types(y))
    if labels.ndim != 1:
        return
    if pd.isna(labels).any():
        raise ValueError("Input y contains missing values: every row needs a label.")
    _check_label_types(labels, "y")


def _check_label_types(labels, name):
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


def _round(values):
    """Round numbers to 24 bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**24) / 2**24, exponent)


def _is_matrix(y):
    """Tell whether y has several columns."""
    if sparse.issparse(y):
        return True
    shape = y.shape if hasattr(y, "shape") else np.asarray(y, dtype=object).shape
    return len(shape) == 2 and shape[1] > 1
