"""Losses of a stack with their gradients at the scores."""

import torch
from torch import nn
from torch.nn import functional as F


def _cross_entropy(space, target, weight):
    """Add to the losses, with minus, and write the gradient at the scores."""
    log_proba = space.scores.log_softmax(-1)
    space.losses.addcmul_(target, log_proba)
    torch.sub(log_proba.exp_().mul_(weight), target, out=space.grad)


def _squared_error(space, target, weight):
    """Do so for the squared error, of targets that have no weight in them."""
    residual = space.scores - target
    share = 1 / residual.shape[-1]
    weighted = residual * weight
    space.losses.addcmul_(weighted, residual, value=-share)
    torch.mul(weighted, 2 * share, out=space.grad)


def _binary_cross_entropy(space, target, weight):
    """Do so for the cross-entropy of each output, of targets without weight too."""
    share = 1 / target.shape[-1]
    gain = space.scores * target - F.softplus(space.scores)
    space.losses.add_(gain * (weight * share))
    torch.mul(space.scores.sigmoid() - target, weight * share, out=space.grad)


LOSSES = {
    nn.CrossEntropyLoss: _cross_entropy,
    nn.MSELoss: _squared_error,
    nn.BCEWithLogitsLoss: _binary_cross_entropy,
}
