"""What mixing is: rows, targets and weights, λ of one and 1−λ of another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def mix(first: Tensor, second: Tensor, lam: float | Tensor) -> Tensor:
    """Mix two tensors: λ·first + (1−λ)·second.

    Parameters
    ----------
    first, second : torch.Tensor of the same shape
        Floating-point rows and their partners.
    lam : float or torch.Tensor
        Weight of `first`. A tensor's dimensions are matched with the leading ones of
        `first`.

    Returns
    -------
    mixed : torch.Tensor, shape of `first`
        A new tensor; equal to `first`, bit for bit, where λ is 1.

    Examples
    --------
    >>> import torch
    >>> from skmixup.mixing import mix
    >>> mix(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), 0.75)
    tensor([1.5000, 2.5000])
    """
    if isinstance(lam, torch.Tensor):
        lam = lam.to(first.dtype)
        lam = lam.reshape(lam.shape + (1,) * (first.dim() - lam.dim()))
    return torch.lerp(second, first, lam)


def one_hot(
    y: Tensor, n_classes: int | None = None, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Make class indices into one-hot rows; leave floating-point targets alone.

    Parameters
    ----------
    y : torch.Tensor
        Integer class indices of any shape, or floating-point targets (soft labels,
        regression).
    n_classes : int, default=None
        Width of the one-hot rows; by default the largest index plus one.
    dtype : torch.dtype, default=torch.float32
        Type of the result.

    Returns
    -------
    targets : torch.Tensor of shape (..., n_classes), or `y` itself

    Examples
    --------
    >>> import torch
    >>> from skmixup.mixing import one_hot
    >>> one_hot(torch.tensor([1, 0]), 3)
    tensor([[0., 1., 0.],
            [1., 0., 0.]])
    """
    if y.is_floating_point():
        return y
    return F.one_hot(y.long(), -1 if n_classes is None else n_classes).to(dtype)


def read_targets(y: Tensor) -> Tensor:
    """Tell class indices from indicators by their shape, in targets of any type.

    Parameters
    ----------
    y : torch.Tensor

    Returns
    -------
    targets : torch.Tensor
        int64 class indices of shape (n_rows,), for integers of that shape or in one
        column; else floating-point targets, as they come or made of integers 0 and 1.

    Raises
    ------
    ValueError
        If integers are neither indices nor an indicator matrix.
    """
    if y.is_floating_point():
        return y
    whole = not y.is_complex()
    if whole and (y.dim() == 1 or (y.dim() == 2 and y.shape[1] == 1)):
        return y.long().flatten()
    if not whole or y.dim() != 2 or not ((y == 0) | (y == 1)).all():
        raise ValueError(
            f"y has shape {tuple(y.shape)} and type {y.dtype}: give class indices of "
            "shape (n_rows,), a one-hot or indicator matrix (n_rows, n_classes) of 0 "
            "and 1, or floating-point targets."
        )
    return y.to(torch.float32)


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each row with soft targets, −Σ_c y_c · log softmax(logits)_c.

    For y~ = λ·y_i + (1−λ)·y_j it equals λ·CE(y_i) + (1−λ)·CE(y_j): the loss is linear
    in the target.

    Parameters
    ----------
    logits, targets : torch.Tensor of shape (..., n_classes)
        Scores before softmax, and rows of target weights.

    Returns
    -------
    loss : torch.Tensor of shape (...)

    Examples
    --------
    >>> import torch
    >>> from skmixup.mixing import soft_cross_entropy
    >>> soft_cross_entropy(torch.zeros(1, 2), torch.tensor([[0.3, 0.7]]))
    tensor([0.6931])
    """
    return -(targets * logits.log_softmax(-1)).sum(-1)


def weighted_lambda(
    lam: Tensor, weight: Tensor, weight_partner: Tensor
) -> tuple[Tensor, Tensor]:
    """Fold row weights into λ.

    λ·w_i·loss(y_i) + (1−λ)·w_j·loss(y_j) is a row of weight w~ whose target is mixed
    with λ', where w~ = λ·w_i + (1−λ)·w_j and λ' = λ·w_i / w~.

    Parameters
    ----------
    lam, weight, weight_partner : torch.Tensor of broadcastable shapes
        Coefficients, and the weights of the first rows and of their partners.

    Returns
    -------
    lam_target, weight_mixed : torch.Tensor
        λ' and w~.
    """
    kept = lam * weight
    total = torch.lerp(weight_partner, weight, lam)
    return torch.where(total > 0, kept / total, lam), total


def _take_rows(rows: Tensor, partner: Tensor) -> Tensor:
    """Return ``rows[k, ..., partner[k, ...]]``, further dimensions whole."""
    index = partner.reshape(partner.shape + (1,) * (rows.dim() - partner.dim()))
    return torch.take_along_dim(rows, index, dim=partner.dim() - 1)
