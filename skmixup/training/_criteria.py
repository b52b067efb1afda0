"""What a net is to learn: class labels, indicators or numbers, as tensors."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from .._typing import Array
from ..encoding._columns import keep_types
from ..mixing._core import read_targets
from ..stack._layers import shown
from ..stack._losses import PinballLoss

_Traits: TypeAlias = tuple[str | None, Callable[[Tensor], Tensor]]

EACH_OUTPUT = (nn.BCELoss, nn.BCEWithLogitsLoss)  # of which each is 0 or 1
OF_CLASSES = (nn.CrossEntropyLoss, nn.NLLLoss)
# Beyond these bounds of their targets, losses have none below.
_BOUNDS: dict[Any, tuple[float, float, str]] = {
    OF_CLASSES: (0, math.inf, "of each class its share, from 0 on"),
    EACH_OUTPUT: (0, 1, "0 and 1, and what is between"),
    nn.MultiLabelSoftMarginLoss: (0, 1, "0 and 1, and what is between"),
    nn.PoissonNLLLoss: (0, math.inf, "numbers from 0 on"),
}


def _as_is(outputs: Tensor) -> Tensor:
    return outputs


# What a criterion says of a net: what it is to scikit-learn, and what makes its
# predictions of the module's outputs.
_TRAITS: dict[type, _Traits] = {
    nn.CrossEntropyLoss: ("classifier", functools.partial(torch.softmax, dim=-1)),
    nn.NLLLoss: ("classifier", torch.exp),
    nn.BCEWithLogitsLoss: ("classifier", torch.sigmoid),
    nn.BCELoss: ("classifier", _as_is),
    nn.MSELoss: ("regressor", _as_is),
    nn.L1Loss: ("regressor", _as_is),
    nn.SmoothL1Loss: ("regressor", _as_is),
    nn.HuberLoss: ("regressor", _as_is),
    PinballLoss: ("regressor", _as_is),
}


def criterion_traits(criterion: Any) -> _Traits:
    """Return what a criterion says of a net.

    Parameters
    ----------
    criterion : class, instance or functools.partial of a class

    Returns
    -------
    kind : {"classifier", "regressor"} or None
        None where nothing is known of the criterion.
    link : callable
        Makes predictions of outputs.
    """
    for known, traits in _TRAITS.items():
        if is_criterion(criterion, known):
            return traits
    return None, _as_is


def is_criterion(criterion: Any, kinds: type | tuple[type, ...]) -> bool:
    """Tell whether a criterion (a class, an instance or a partial) is of some kinds."""
    made = getattr(criterion, "func", criterion)
    return issubclass(made if isinstance(made, type) else type(made), kinds)


def criterion_name(criterion: Any) -> str:
    """Return the name of a criterion's class."""
    made = getattr(criterion, "func", criterion)
    return getattr(made, "__name__", type(made).__name__)


def soft_nll_loss(criterion: nn.NLLLoss, log_proba: Tensor, target: Tensor) -> Tensor:
    """Return what NLLLoss would give of soft targets, in which it is linear.

    Parameters
    ----------
    criterion : torch.nn.NLLLoss
    log_proba, target : torch.Tensor of shape (n_rows, n_classes)

    Returns
    -------
    loss : torch.Tensor of shape (n_rows,)
        −Σ_c w_c·y_c·log p_c; or a number, by `reduction`.
    """
    # A class of share 0 counts for nothing, even where its logarithm is −inf.
    loss = -target * log_proba.masked_fill(target == 0, 0)
    if criterion.weight is not None:
        loss = loss * criterion.weight
    reduce: dict[str, Callable[[Tensor], Tensor]]
    reduce = {"mean": torch.mean, "sum": torch.sum, "none": _as_is}
    return reduce[criterion.reduction](loss.sum(-1))


def as_array(y: Any) -> Any:
    """Return targets as an array (tensors as they are), nothing made text on the way.

    Parameters
    ----------
    y : array-like, Series, torch.Tensor or None

    Returns
    -------
    y : ndarray, torch.Tensor or None
    """
    if y is None or isinstance(y, torch.Tensor):
        return y
    return np.asarray(keep_types(y))


def holds_text(y: Array | Tensor) -> TypeGuard[Array]:
    """Tell whether targets are of no type that a tensor can have."""
    return not isinstance(y, torch.Tensor) and y.dtype.kind not in "biuf"


def read_y(y: Array | Tensor, criterion: Any, labels: Array | None = None) -> Tensor:
    """Return targets as a tensor.

    Parameters
    ----------
    y : ndarray or torch.Tensor
    criterion : class or instance
    labels : ndarray of shape (n_classes,), default=None
        Sorted; classes are numbered in this order.

    Returns
    -------
    target : torch.Tensor
        int64 class numbers (n,), or floating-point targets.

    Raises
    ------
    ValueError
        If the criterion cannot learn them.
    """
    if criterion_traits(criterion)[0] == "regressor":
        target = _numbers(y, criterion)
    elif labels is not None and _is_column(y):
        return torch.from_numpy(_number_labels(y, labels))
    else:
        target = read_targets(_tensor(y))
    if target.is_floating_point() and not torch.isfinite(target).all():
        raise ValueError("Input y contains NaN or infinity: drop these rows.")
    if is_criterion(criterion, OF_CLASSES):
        target = _class_indices(target)
    if target.is_floating_point():
        _check_bounds(target, criterion)
    return target


def sort_labels(y: Array) -> Array:
    """Return the labels that occur in targets of text, sorted.

    Parameters
    ----------
    y : ndarray

    Returns
    -------
    labels : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If they are not all text, or one is missing.
    """
    if pd.isna(y).any():
        raise ValueError("Input y contains NaN: drop rows without a label.")
    if _is_column(y) and _all_text(y):
        return np.unique(y)
    types = sorted({type(value).__name__ for value in y.ravel().tolist()})
    raise ValueError(
        "y must be uniformly strings (class labels) or numbers, one for a row, got "
        f"shape {y.shape} of dtype {y.dtype}, which holds {types}: convert it, as "
        "y.astype(str), y.astype(int) or sklearn.preprocessing.LabelEncoder do."
    )


def _all_text(y: Array) -> bool:
    return y.dtype.kind == "U" or all(isinstance(value, str) for value in y.flat)


def _is_column(y: Array | Tensor) -> bool:
    return y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1)


def _tensor(y: Array | Tensor) -> Tensor:
    if isinstance(y, torch.Tensor):
        return y.detach()
    return torch.from_numpy(np.require(_native(y), requirements=["C", "W"]))


def _native(array: Array) -> Array:
    """Return numbers of a type that torch has."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _numbers(y: Array | Tensor, criterion: Any) -> Tensor:
    """Return targets as floating-point numbers, whatever type they come in."""
    if holds_text(y):
        try:
            y = np.where(pd.isna(y), np.nan, y).astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"criterion={criterion_name(criterion)} takes numbers as y, got an "
                f"array of {y.dtype}: for class labels use CrossEntropyLoss."
            ) from error
    target = _tensor(y)
    return target if target.is_floating_point() else target.to(torch.float64)


def _number_labels(y: Array | Tensor, labels: Array) -> Array:
    """Return the place of each label among the sorted ones."""
    y = np.asarray(y.cpu() if isinstance(y, torch.Tensor) else y).ravel()
    if holds_text(y) != holds_text(labels):
        unknown = np.ones(len(y), dtype=bool)
    else:
        index = np.searchsorted(labels, y).clip(max=len(labels) - 1)
        unknown = labels[index] != y
    if unknown.any():
        raise ValueError(
            f"y holds {shown(np.unique(y[unknown])[:5])}, not among the labels "
            f"{shown(labels[:20])} of the first call: name all of them there, in "
            "fit(X, y, classes=...) or partial_fit(X, y, classes=...)."
        )
    return index


def _check_bounds(target: Tensor, criterion: Any) -> None:
    """Raise ValueError if a criterion has no minimum for some of its targets."""
    for kinds, (low, high, takes) in _BOUNDS.items():
        if not is_criterion(criterion, kinds):
            continue
        if ((target < low) | (target > high)).any():
            raise ValueError(
                f"y holds numbers from {target.min():g} to {target.max():g}: "
                f"criterion={criterion_name(criterion)} takes {takes}."
            )


def _class_indices(target: Tensor) -> Tensor:
    """Return a column of whole numbers as class indices, and other targets as is."""
    if not target.is_floating_point() or not _is_column(target):
        return target
    if not (target == target.round()).all():
        raise ValueError(
            "Unknown label type: continuous. y has shape "
            f"{tuple(target.shape)} and holds fractions: a classifier takes class "
            "indices (0, 1, ...), labels, or rows of one number for each class."
        )
    return target.long().flatten()
