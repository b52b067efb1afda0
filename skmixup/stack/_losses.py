"""Losses of a stack with their gradients at the scores."""

import torch
from torch import nn
from torch.nn import functional as F

# The losses that compiled code knows, by number.
CROSS_ENTROPY, SQUARED_ERROR, BINARY_CROSS_ENTROPY = range(3)


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

    def __init__(self, output, width):
        self.scores = output[..., :width]
        self.all_grad = torch.zeros_like(output)
        self.grad = self.all_grad[..., :width]
        self.losses = torch.zeros_like(
            self.scores, memory_format=torch.contiguous_format
        )


def _cross_entropy(space, target, weight):
    """Add to the losses, with minus, and write the gradient at the scores.

    At the scores of a row of weight w, whose target t comes multiplied by w and sums to
    it, the gradient is w·softmax − t.
    """
    log_proba = space.scores.log_softmax(-1)
    space.losses.addcmul_(target, log_proba)
    torch.sub(log_proba.exp_().mul_(weight), target, out=space.grad)


def _squared_error(space, target, weight):
    """Do so for the squared error: 2w·(scores − t) / n_outputs, t without weight."""
    residual = space.scores - target
    share = 1 / residual.shape[-1]
    weighted = residual * weight
    space.losses.addcmul_(weighted, residual, value=-share)
    torch.mul(weighted, 2 * share, out=space.grad)


def _binary_cross_entropy(space, target, weight):
    """Do so for each output's cross-entropy: w·(sigmoid − t) / n_outputs."""
    share = 1 / target.shape[-1]
    gain = space.scores * target - F.softplus(space.scores)
    space.losses.add_(gain * (weight * share))
    torch.mul(space.scores.sigmoid() - target, weight * share, out=space.grad)


LOSSES = {
    nn.CrossEntropyLoss: _cross_entropy,
    nn.MSELoss: _squared_error,
    nn.BCEWithLogitsLoss: _binary_cross_entropy,
}


def has_gradient(criterion, is_float):
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
    named = ("weight", "pos_weight")
    return (
        type(criterion) in LOSSES
        and all(getattr(criterion, name, None) is None for name in named)
        and criterion.reduction == "none"
        and is_float
    )
