"""Loss and gradient of stacked perceptrons in closed form: no graph, no new tensors.

A step of few rows is all overhead, and about half of it would be autograd's.
"""

from dataclasses import dataclass

import torch
from torch import nn

from ._ell import EllRows
from ._losses import LOSSES

_aten = torch.ops.aten
_SELU = 1.6732632423543772, 1.0507009873554805, 1.0
# From the gradient at the activation's output, its input z and its output h, to the
# gradient at z; in place where there is such a kernel.
_BACKWARD = {
    "relu": lambda g, z, h: _aten.threshold_backward.grad_input(g, h, 0, grad_input=g),
    "gelu": lambda g, z, h: _aten.gelu_backward(g, z),
    "silu": lambda g, z, h: _aten.silu_backward(g, z),
    "selu": lambda g, z, h: _aten.elu_backward(g, *_SELU, False, z),
    "mish": lambda g, z, h: _aten.mish_backward(g, z),
    "tanh": lambda g, z, h: _aten.tanh_backward(g, h),
    "logistic": lambda g, z, h: _aten.sigmoid_backward(g, h),
    "identity": lambda g, z, h: g,
}


@dataclass
class _Workspace:
    """Tensors for batches of one shape; of one member, without the member axis."""

    outputs: list  # of each layer
    grads: list  # at each layer's output
    scores: torch.Tensor  # the last output, as wide as there are classes
    grad: torch.Tensor  # the gradient at the scores; zero where the output is wider
    losses: torch.Tensor  # every score's share of the losses, summed over steps


class ClosedFormGradient:
    """Computes the loss of a StackedMLP and writes its gradient to ``parameter.grad``.

    The loss is the cross-entropy of soft targets: at the scores of a row of weight w,
    whose target t sums to one, its gradient is w·softmax − w·t. Or it is a mean over
    outputs: of the squared error, with gradient 2w·(scores − t) / n_outputs, or of each
    output's own binary cross-entropy, with gradient w·(sigmoid − t) / n_outputs.

    Parameters
    ----------
    mlp : StackedMLP
        Its parameters must stay where they are in memory, and so must their ``grad``.
    criterion : type, default=torch.nn.CrossEntropyLoss
        A key of `LOSSES`.
    """

    def __init__(self, mlp, criterion=nn.CrossEntropyLoss):
        self.at_scores = LOSSES[criterion]
        self.activation = mlp.activation
        self.activate = torch.relu_ if mlp.activation == "relu" else mlp.activate
        self.backward = _BACKWARD[mlp.activation]
        self.width = mlp.width
        self.dropouts = (
            list(mlp.dropouts) if any(d.drops for d in mlp.dropouts) else None
        )
        self.layers = [
            tuple(p.detach() for p in (layer.weight, layer.bias))
            + tuple(map(_gradient, (layer.weight, layer.bias)))
            for layer in mlp.layers
        ]
        self._views, self._spaces = {}, {}

    def __call__(self, X, target, weight):
        """Compute the gradient of the sum of the first A members' losses.

        It replaces what was there. To be called without recording a graph.

        Parameters
        ----------
        X : torch.Tensor or EllRows of shape (A, B, n_features)
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
        n_active = len(X)
        views = self._views.get(n_active) or self._cut(n_active)
        space = self._spaces.get(X.shape) or self._allocate(X)
        one = n_active == 1  # then plain products have less overhead
        affine, product = (torch.addmm, torch.mm) if one else (torch.baddbmm, torch.bmm)
        sparse = X if isinstance(X, EllRows) else None
        if one:
            X, target = X[0], target[0]
            weight = weight[0] if isinstance(weight, torch.Tensor) else weight
        inputs, before, masks = [X], [], []
        last = len(views) - 1
        for i, (w, b, *_) in enumerate(views):
            z = space.outputs[i]
            if i == 0 and sparse is not None:
                sparse.matmul(w, b, out=z)
            else:
                affine(b, inputs[i], w, out=z)
            if i < last:
                hidden = self.activate(z)
                before.append((z, hidden))
                if self.dropouts is not None:
                    masks.append(self.dropouts[i].draw_mask(hidden, n_active))
                    hidden = hidden * masks[i]
                inputs.append(hidden)
        self.at_scores(space, target, weight)
        for i in range(last, -1, -1):
            *_, w_grad, b_grad = views[i]
            if i == last:
                grad = space.grads[i]
            else:
                grad = product(grad, views[i + 1][2], out=space.grads[i])
                if masks:
                    grad *= masks[i]
                grad = self.backward(grad, *before[i])
            if i == 0 and sparse is not None:
                sparse.transposed_matmul(grad, out=w_grad)
            else:
                product(inputs[i].mT, grad, out=w_grad)
            torch.sum(grad, -2, True, out=b_grad)
        return space.scores[None] if one else space.scores

    def take_losses(self, shape):
        """Return the members' losses, summed over the steps since the last time.

        Parameters
        ----------
        shape : torch.Size
            Of the batches X.

        Returns
        -------
        losses : torch.Tensor of shape (A,)
        """
        losses = self._spaces[shape].losses
        total = losses.sum((-2, -1)).neg_()
        losses.zero_()
        return total[None] if losses.dim() == 2 else total

    def _cut(self, n_active):
        """Return the first members' weights and gradients."""
        first = 0 if n_active == 1 else slice(n_active)
        self._views[n_active] = [
            (w[first], b[first], w[first].mT, w_grad[first], b_grad[first])
            for w, b, w_grad, b_grad in self.layers
        ]
        return self._views[n_active]

    def _allocate(self, X):
        shape = X.shape[1:2] if len(X) == 1 else X.shape[:2]
        outputs = [w.new_empty(*shape, w.shape[2]) for w, *_ in self.layers]
        grads = [torch.zeros_like(output) for output in outputs]
        scores, grad = outputs[-1][..., : self.width], grads[-1][..., : self.width]
        losses = torch.zeros_like(scores, memory_format=torch.contiguous_format)
        self._spaces[X.shape] = _Workspace(outputs, grads, scores, grad, losses)
        return self._spaces[X.shape]


def _gradient(parameter):
    """Return the parameter's gradient, made where there is none."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
