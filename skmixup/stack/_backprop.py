"""Loss and gradient of stacked perceptrons in closed form: no graph, no new tensors.

A step of few rows is all overhead, and about half of it would be autograd's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .._typing import Weight
from ._ell import EllRows
from ._losses import Scores, gradient_of, has_gradient

if TYPE_CHECKING:
    from ._embedding import CodedRows
    from ._mlp import StackedMLP


class ClosedFormGradient:
    """Computes the loss of a StackedMLP and writes its gradient to ``parameter.grad``.

    Each layer runs forward and backward by itself; the loss, one of `LOSSES`, is what
    stands between.

    Parameters
    ----------
    mlp : StackedMLP
        Its parameters must stay where they are in memory, and so must their ``grad``.
    criterion : torch.nn.Module, default=None
        Of a type among `LOSSES`; None for the cross-entropy.
    """

    def __init__(self, mlp: StackedMLP, criterion: nn.Module | None = None) -> None:
        criterion = nn.CrossEntropyLoss() if criterion is None else criterion
        self.loss = gradient_of(criterion, mlp.width)
        self.width = mlp.width
        self.steps = mlp.steps()
        for parameter in mlp.parameters():  # an optimizer may note where they are
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        # For each shape of batches.
        self._bound: dict[torch.Size, tuple[list[Any], Scores]] = {}

    @staticmethod
    def covers(mlp: StackedMLP, criterion: nn.Module, is_float: bool) -> bool:
        """Tell whether all layers, and the loss of such targets, know their gradient.

        Parameters
        ----------
        mlp : StackedMLP
        criterion : torch.nn.Module
        is_float : bool
            Whether targets are floating-point, or classes.
        """
        known = all(hasattr(step, "bind") for step in mlp.steps())
        return known and has_gradient(criterion, is_float)

    def __call__(
        self, X: Tensor | EllRows | CodedRows, target: Tensor, weight: Weight
    ) -> Tensor:
        """Compute the gradient of the sum of the first A members' losses.

        It replaces what was there. To be called without recording a graph.

        Parameters
        ----------
        X : torch.Tensor, EllRows or CodedRows of shape (A, B, n_features)
            A batch for each of the first A members.
        target : torch.Tensor of shape (A, B, n_outputs)
            Classes' targets come multiplied by their rows' weights, others do not.
        weight : float or torch.Tensor of shape (A, B, 1)
            Weight of each row in its member's loss: 1/B for the mean.

        Returns
        -------
        scores : torch.Tensor of shape (A, B, n_outputs)
            Overwritten by the next call.
        """
        layers, scores = self._bound.get(X.shape) or self._bind(X)
        one = len(X) == 1
        if one:
            target = target[0]
            weight = weight[0] if isinstance(weight, torch.Tensor) else weight
            X = X if isinstance(X, EllRows) else X[0]
        for layer in layers:
            X = layer.forward(X)
        self.loss(scores, target, weight)
        grad = scores.all_grad
        for layer in reversed(layers):
            grad = layer.backward(grad)
        return scores.scores[None] if one else scores.scores

    def take_losses(self, shape: torch.Size) -> Tensor:
        """Return the members' losses, summed over the steps since the last time.

        Parameters
        ----------
        shape : torch.Size
            Of the batches X.

        Returns
        -------
        losses : torch.Tensor of shape (A,)
        """
        losses = self._bound[shape][1].losses
        total = losses.sum((-2, -1)).neg_()
        losses.zero_()
        return total[None] if losses.dim() == 2 else total

    def _bind(self, X: Tensor | EllRows | CodedRows) -> tuple[list[Any], Scores]:
        n_active = len(X)
        shape = X.shape[1:2] if n_active == 1 else X.shape[:2]
        layers = [
            step.bind(n_active, shape, is_first=i == 0)
            for i, step in enumerate(self.steps)
        ]
        scores = Scores(layers[-1].output, self.width)
        self._bound[X.shape] = layers, scores
        return layers, scores
