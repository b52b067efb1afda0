"""Losses of a stack with their gradients at the scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._typing import Weight

# The losses that compiled code knows, by number.
CROSS_ENTROPY, SQUARED_ERROR, BINARY_CROSS_ENTROPY, PINBALL, POISSON = range(5)


class PinballLoss(nn.modules.loss._Loss):
    """The pinball loss, whose minimum is a quantile [1]_.

    max(q·r, (q − 1)·r) of residuals r = target − input, as
    :func:`sklearn.metrics.mean_pinball_loss` has it.

    Parameters
    ----------
    quantile : float or sequence of float, default=0.5
        The level q of each output, in (0, 1), or one for all.
    reduction : {"mean", "sum", "none"}, default="mean"
        As torch's losses have it.

    Raises
    ------
    ValueError
        If a level is not in (0, 1).

    References
    ----------
    .. [1] Koenker, Bassett, "Regression Quantiles", 1978.

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import PinballLoss
    >>> loss = PinballLoss([0.1, 0.9], reduction="none")
    >>> loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor([[0.1000, 0.9000]])
    """

    levels: Tensor

    def __init__(
        self,
        quantile: float | Sequence[float] = 0.5,
        reduction: Literal["mean", "sum", "none"] = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        levels = torch.as_tensor(quantile, dtype=torch.float64, device="cpu")
        if not ((levels > 0) & (levels < 1)).all():
            raise ValueError(f"quantile must lie between 0 and 1, got {quantile!r}.")
        self.quantile = quantile
        self.register_buffer("levels", levels, persistent=False)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss of outputs.

        Parameters
        ----------
        input, target : torch.Tensor of shape (..., n_outputs)

        Returns
        -------
        loss : torch.Tensor
            Of the inputs' shape; or a number, by `reduction`.
        """
        levels = self.levels.to(input)
        residual = target - input
        loss = torch.maximum(levels * residual, (levels - 1) * residual)
        if self.reduction == "none":
            return loss
        return loss.mean() if self.reduction == "mean" else loss.sum()


class Scores:
    """The scores of batches of one shape, their gradient, and the losses so far.

    Parameters
    ----------
    output : torch.Tensor
        Of the last layer; at least as wide as there are scores.
    width : int
        Number of scores of a row.

    Attributes
    ----------
    scores, grad : torch.Tensor
        Views of the output, and of `all_grad`, the gradient at the output: zero where
        that is wider.
    losses : torch.Tensor
        Every score's share of the losses with minus, summed over steps.
    """

    def __init__(self, output: Tensor, width: int) -> None:
        self.scores = output[..., :width]
        self.all_grad = torch.zeros_like(output)
        self.grad = self.all_grad[..., :width]
        self.losses = torch.zeros_like(
            self.scores, memory_format=torch.contiguous_format
        )


def _cross_entropy(space: Scores, target: Tensor, weight: Weight) -> None:
    """Add to the losses, with minus, and write the gradient at the scores.

    At the scores of a row of weight w, whose target t comes multiplied by w and sums to
    it, the gradient is w·softmax − t.
    """
    log_proba = space.scores.log_softmax(-1)
    space.losses.addcmul_(target, log_proba)
    torch.sub(log_proba.exp_().mul_(weight), target, out=space.grad)


def _squared_error(space: Scores, target: Tensor, weight: Weight) -> None:
    """Do so for the squared error: 2w·(scores − t) / n_outputs, t without weight."""
    residual = space.scores - target
    share = 1 / residual.shape[-1]
    weighted = residual * weight
    space.losses.addcmul_(weighted, residual, value=-share)
    torch.mul(weighted, 2 * share, out=space.grad)


def _binary_cross_entropy(space: Scores, target: Tensor, weight: Weight) -> None:
    """Do so for each output's cross-entropy: w·(sigmoid − t) / n_outputs."""
    share = 1 / target.shape[-1]
    gain = space.scores * target - F.softplus(space.scores)
    space.losses.add_(gain * (weight * share))
    torch.mul(space.scores.sigmoid() - target, weight * share, out=space.grad)


def _pinball(space: Scores, target: Tensor, weight: Weight, slopes: Tensor) -> None:
    """Do so for losses of slope −s_0 below the target, and s_1 above."""
    below, above = slopes.to(target)
    residual = space.scores - target
    share = 1 / residual.shape[-1]
    slope = torch.where(residual > 0, above, -below).mul_(residual != 0)
    slope.mul_(weight * share)
    space.losses.addcmul_(slope, residual, value=-1)
    space.grad.copy_(slope)


def _poisson(space: Scores, target: Tensor, weight: Weight) -> None:
    """Do so for a Poisson likelihood, of whose rates the scores are logarithms."""
    share = 1 / target.shape[-1]
    rate = space.scores.exp()
    space.losses.add_((target * space.scores - rate) * (weight * share))
    torch.mul(rate - target, weight * share, out=space.grad)


LOSSES: dict[type, Callable[..., None]] = {
    nn.CrossEntropyLoss: _cross_entropy,
    nn.MSELoss: _squared_error,
    nn.BCEWithLogitsLoss: _binary_cross_entropy,
    nn.L1Loss: _pinball,
    PinballLoss: _pinball,
    nn.PoissonNLLLoss: _poisson,
}


def slopes_of(criterion: nn.Module, n_outputs: int) -> Tensor:
    """Return how steep a criterion is on either side of its target.

    Parameters
    ----------
    criterion : torch.nn.Module
    n_outputs : int

    Returns
    -------
    slopes : torch.Tensor of float32 of shape (2, n_outputs)
        Below and above; zeros of those that are not made of two straight lines.
    """
    slopes = torch.zeros(2, n_outputs, dtype=torch.float32, device="cpu")
    if type(criterion) is nn.L1Loss:
        slopes += 1
    elif type(criterion) is PinballLoss:
        levels = criterion.levels.to(slopes)
        slopes[0], slopes[1] = levels, 1 - levels
    return slopes


def gradient_of(
    criterion: nn.Module, n_outputs: int
) -> Callable[[Scores, Tensor, Weight], None]:
    """Return what adds to the losses of `Scores`, and writes the gradient at them.

    Parameters
    ----------
    criterion : torch.nn.Module
        Of a type among `LOSSES`.
    n_outputs : int

    Returns
    -------
    gradient : callable
        Takes `Scores`, targets and weights.
    """
    gradient = LOSSES[type(criterion)]
    if gradient is _pinball:
        return partial(gradient, slopes=slopes_of(criterion, n_outputs))
    return gradient


def has_gradient(criterion: nn.Module, is_float: bool) -> bool:
    """Tell whether a criterion, as it is set, is one of `LOSSES`.

    Parameters
    ----------
    criterion : torch.nn.Module
    is_float : bool
        Whether targets are floating-point, or classes.
    """
    if type(criterion) is nn.CrossEntropyLoss:
        plain = criterion.weight is None and criterion.label_smoothing == 0
        return plain and not is_float  # so that targets sum to one
    if type(criterion) is nn.PoissonNLLLoss and (
        criterion.full or not criterion.log_input
    ):
        return False
    named = ("weight", "pos_weight")
    return (
        type(criterion) in LOSSES
        and all(getattr(criterion, name, None) is None for name in named)
        and criterion.reduction == "none"
        and is_float
    )
