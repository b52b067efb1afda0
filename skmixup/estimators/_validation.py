"""Validation of one's own: groups of rows, or rows apart, to stop early on."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_consistent_length, column_or_1d

from .._typing import Array


def check_groups(groups: ArrayLike | None, X: object) -> Array | None:
    """Return a number for each row's group, or None if there are no groups.

    Parameters
    ----------
    groups : array-like of shape (n_rows,) or None
    X : DataFrame, ndarray or CSR of shape (n_rows, n_features)

    Returns
    -------
    codes : ndarray of int of shape (n_rows,) or None

    Raises
    ------
    ValueError
        If there is not one group for each row, or a group is missing.
    """
    if groups is None:
        return None
    names = column_or_1d(groups)
    check_consistent_length(X, names)
    codes, _ = pd.factorize(names, sort=False)
    if (codes < 0).any():
        raise ValueError(
            f"groups must name a group for each row, got {np.sum(codes < 0)} missing."
        )
    return codes


def check_validation(
    X_val: object,
    y_val: object,
    sample_weight_val: object,
    groups: object,
    early_stopping: bool | Literal["auto"],
) -> None:
    """Raise ValueError if what is given to validate on does not go together.

    Parameters
    ----------
    X_val, y_val, sample_weight_val, groups : object
        As `fit` was given them; None for what was not.
    early_stopping : bool or "auto"
        The estimator's.
    """
    if X_val is None:
        for name, value in (("y_val", y_val), ("sample_weight_val", sample_weight_val)):
            if value is not None:
                raise ValueError(f"{name} is given without X_val: give both, or none.")
        return
    if y_val is None:
        raise ValueError("X_val is given without y_val: give both, or none.")
    if groups is not None:
        raise ValueError(
            "groups say which rows are set aside together, and with X_val none are: "
            "give one of them."
        )
    if early_stopping is False:
        raise ValueError(
            "X_val is what members are stopped early on, and early_stopping=False: "
            "set it to True or 'auto', or leave X_val out."
        )
