"""Loss and gradient of stacked perceptrons in closed form: no graph, no new tensors.

A step of few rows is all overhead, and about half of it would be autograd's.
"""

import torch

from ._sparse import SparseRows

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


class ClosedFormGradient:
    """Computes the loss of a StackedMLP and writes its gradient to ``parameter.grad``.

    Parameters
    ----------
    mlp : StackedMLP
        Its parameters must stay where they are in memory, and so must their ``grad``.
    """

    def __init__(self, mlp):
        self.activation = mlp.activation
        self.activate = mlp.activate
        self.dropouts = list(mlp.dropouts) if any(map(_drops, mlp.dropouts)) else None
        self.layers = [
            (
                _values(layer.weight),
                _values(layer.bias),
                *map(_gradient, (layer.weight, layer.bias)),
            )
            for layer in mlp.layers
        ]
        self._views, self._buffers = {}, {}

    @torch.no_grad()
    def __call__(self, X, target, scale):
        """Compute the cross-entropy of soft targets, and its gradient.

        The gradient is that of the sum of the first A members' losses; it replaces what
        was there. Targets sum to one, so that at the scores it is softmax − target.

        Parameters
        ----------
        X : torch.Tensor or SparseRows of shape (A, B, n_features)
            A batch for each of the first A members.
        target : torch.Tensor of shape (A, B, n_outputs)
            Rows that sum to one.
        scale : float or torch.Tensor of shape (A, B)
            Weight of each row in its member's loss: 1/B for the mean.

        Returns
        -------
        losses : torch.Tensor of shape (A,)
        scores : torch.Tensor of shape (A, B, n_outputs)
            Overwritten by the next call.
        """
        views = self._views.get(len(X)) or self._cut(len(X))
        outputs, grads = self._buffers.get(X.shape) or self._allocate(X)
        hidden, before, masks = X, [], []
        inputs = [X]
        last = len(views) - 1
        for i, (weight, bias, *_) in enumerate(views):
            if i == 0 and isinstance(X, SparseRows):
                z = X.matmul(weight, bias, out=outputs[0])
            else:
                z = torch.baddbmm(bias, hidden, weight, out=outputs[i])
            if i == last:
                break
            hidden = z.relu_() if self.activation == "relu" else self.activate(z)
            before.append((z, hidden))
            if self.dropouts is not None:
                masks.append(self.dropouts[i].draw_mask(hidden))
                if masks[-1] is not None:
                    hidden = hidden * masks[-1]
            inputs.append(hidden)
        log_proba = z.log_softmax(-1)
        losses, grad = _cross_entropy(log_proba, target, scale)
        for i in range(last, -1, -1):
            _, _, transposed, weight_grad, bias_grad = views[i]
            if i == 0 and isinstance(X, SparseRows):
                X.transposed_matmul(grad, out=weight_grad)
            else:
                torch.bmm(inputs[i].transpose(1, 2), grad, out=weight_grad)
            torch.sum(grad, 1, True, out=bias_grad)
            if i:
                grad = torch.bmm(grad, transposed, out=grads[i - 1])
                if masks and masks[i - 1] is not None:
                    grad *= masks[i - 1]
                grad = _BACKWARD[self.activation](grad, *before[i - 1])
        return losses, z

    def _cut(self, n_active):
        """Return the first members' weights and gradients."""
        self._views[n_active] = [
            (
                w[:n_active],
                b[:n_active],
                w[:n_active].transpose(1, 2),
                gw[:n_active],
                gb[:n_active],
            )
            for w, b, gw, gb in self.layers
        ]
        return self._views[n_active]

    def _allocate(self, X):
        """Return the buffers for batches of X's shape."""
        outputs = [w.new_empty(*X.shape[:2], w.shape[2]) for w, *_ in self.layers]
        grads = [torch.empty_like(output) for output in outputs[:-1]]
        self._buffers[X.shape] = outputs, grads
        return outputs, grads


def _cross_entropy(log_proba, target, scale):
    """Return the members' losses, and the gradient at the scores."""
    losses = torch.linalg.vecdot(target, log_proba)
    grad = log_proba.exp_().sub_(target)
    if isinstance(scale, torch.Tensor):
        return -(losses * scale).sum(1), grad.mul_(scale.unsqueeze(-1))
    return losses.sum(1).mul_(-scale), grad.mul_(scale)


def _drops(dropout):
    return any(dropout.p)


def _values(parameter):
    return parameter.detach()


def _gradient(parameter):
    """Return the parameter's gradient, made where there is none."""
    if parameter.grad is None:
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad
