"""Layers of K networks at once: every tensor has a leading member axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn import functional as F

from .._typing import Array, Device
from ._ell import EllRows

# What a member's random streams are for, so that one never shifts another.
INIT, DROPOUT = 101, 102


def _per_member(value: ArrayLike, n_members: int) -> list[int]:
    """Return a value for each member, as a list of int."""
    return np.broadcast_to(value, n_members).astype(int).tolist()


def check_member_values(name: str, values: ArrayLike, n_members: int) -> None:
    """Raise ValueError unless there is one value, or one for each member.

    Parameters
    ----------
    name : str
        The parameter's.
    values : float or sequence of float
    n_members : int
    """
    size = np.size(values)
    if size not in (1, n_members):
        raise ValueError(
            f"{name} has {size} values for {n_members} member(s): give one number, or "
            "one for each member."
        )


def shown(value: object) -> str:
    """Return how a message shows a parameter: numbers plain, not as NumPy's types."""
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value):
        return f"[{', '.join(map(shown, value))}]"
    return repr(value.item() if isinstance(value, (np.generic, np.ndarray)) else value)


def torch_generator(device: Device, *key: int) -> torch.Generator:
    """Return a torch generator seeded by a key of integers, such as (seed, epoch).

    Parameters
    ----------
    device : torch.device or str
    *key : int

    Returns
    -------
    generator : torch.Generator
    """
    seed = np.random.SeedSequence(key).generate_state(1, np.uint32)[0]
    return torch.Generator(device).manual_seed(int(seed))


def _empty(*shape: int) -> Tensor:
    """Return a tensor like torch.empty's, whatever torch's default dtype and device."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


def grad_of(parameter: nn.Parameter) -> Tensor:
    """Return a parameter's gradient, where there is known to be one."""
    assert parameter.grad is not None
    return parameter.grad


_aten = torch.ops.aten
_SELU = 1.6732632423543772, 1.0507009873554805, 1.0


@dataclass(frozen=True)
class Activation:
    """An activation, and its gradient.

    Parameters
    ----------
    apply : callable
        Takes and returns a tensor.
    gradient : callable
        From the gradient at the output, the input and the output, to that at the
        input; in place where there is such a kernel.
    apply_ : callable, default=None
        The same as `apply`, in place, where the gradient needs no input.
    """

    apply: Callable[[Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor, Tensor], Tensor]
    apply_: Callable[[Tensor], Tensor] | None = None

    def forward(self, X: Tensor) -> Tensor:
        """Apply it."""
        return self.apply(X)

    __call__ = forward

    def infer(self, X: Tensor) -> Tensor:
        """Do so without a graph, to an X that may be overwritten."""
        return (self.apply_ or self.apply)(X)

    def bind(
        self, n_active: int, shape: Sequence[int], is_first: bool
    ) -> _BoundActivation:
        """Return what runs it forward and backward; see `StackedLinear.bind`."""
        return _BoundActivation(self)


class _BoundActivation:
    def __init__(self, activation: Activation) -> None:
        self.apply = activation.apply_ or activation.apply
        self.gradient = activation.gradient

    def forward(self, X: Tensor) -> Tensor:
        self.input = X
        self.output = self.apply(X)
        return self.output

    def backward(self, grad: Tensor) -> Tensor:
        return self.gradient(grad, self.input, self.output)


ACTIVATIONS = {
    "relu": Activation(
        F.relu,
        lambda g, z, h: _aten.threshold_backward.grad_input(g, h, 0, grad_input=g),
        torch.relu_,
    ),
    "gelu": Activation(F.gelu, lambda g, z, h: _aten.gelu_backward(g, z)),
    "silu": Activation(F.silu, lambda g, z, h: _aten.silu_backward(g, z)),
    "selu": Activation(F.selu, lambda g, z, h: _aten.elu_backward(g, *_SELU, False, z)),
    "mish": Activation(F.mish, lambda g, z, h: _aten.mish_backward(g, z)),
    "tanh": Activation(torch.tanh, lambda g, z, h: _aten.tanh_backward(g, h)),
    "logistic": Activation(torch.sigmoid, lambda g, z, h: _aten.sigmoid_backward(g, h)),
    "identity": Activation(lambda z: z, lambda g, z, h: g),
}


class StackedLinear(nn.Module):
    """K linear layers: (K, B, in) to (K, B, out), in one batched matrix product.

    Members may differ in width: the widest sets the shape, and the others' further
    weights are zero. They stay so, since their inputs, or their gradients, are zero.

    Parameters
    ----------
    n_members : int
        K.
    in_features, out_features : int or sequence of int of length K
        Width of the input and of the output.
    multiple : int, default=1
        The output is widened to a multiple of this.

    Attributes
    ----------
    weight : torch.nn.Parameter of shape (K, in, out)
    bias : torch.nn.Parameter of shape (K, 1, out)

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import StackedLinear
    >>> StackedLinear(3, 4, 2)(torch.ones(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(
        self,
        n_members: int,
        in_features: int | Sequence[int],
        out_features: int | Sequence[int],
        *,
        multiple: int = 1,
    ) -> None:
        super().__init__()
        self.n_learned_inputs = None  # first inputs that need a gradient; None for all
        self.hides_inputs = False  # whether inputs beyond a member's own may not be 0
        self.in_features = _per_member(in_features, n_members)
        self.out_features = _per_member(out_features, n_members)
        n_in = max(self.in_features)
        n_out = -(-max(self.out_features) // multiple) * multiple
        self.weight = nn.Parameter(_empty(n_members, n_in, n_out))
        self.bias = nn.Parameter(_empty(n_members, 1, n_out))
        self.reset_parameters([torch_generator("cpu", INIT)] * n_members)

    @torch.no_grad()
    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw new weights, each member's from its own CPU generator.

        Uniform within ±1/sqrt(in_features), as torch.nn.Linear draws them.
        """
        self.weight.zero_()
        self.bias.zero_()
        widths = zip(self.in_features, self.out_features, strict=True)
        for member, (n_in, n_out) in enumerate(widths):
            bound = 1 / math.sqrt(max(n_in, 1))
            for parameter, rows in ((self.weight, n_in), (self.bias, 1)):
                fresh = _empty(rows, n_out)
                fresh.uniform_(-bound, bound, generator=generators[member])
                parameter[member, :rows, :n_out] = fresh

    def forward(self, X: Tensor | EllRows) -> Tensor:
        """Apply layer k to X[k], for the first len(X) members, in X's precision."""
        # .to() returns the parameter itself where the types agree.
        weight, bias = self.weight.to(X.dtype), self.bias.to(X.dtype)
        if torch.is_grad_enabled() and self.hidden_inputs:
            weight = self._own(weight)
        if len(X) < len(weight):
            weight, bias = weight[: len(X)], bias[: len(X)]
        if isinstance(X, EllRows):
            out = weight.new_empty(*X.shape[:2], weight.shape[2])
            return X.matmul(weight, bias, out=out)
        return torch.baddbmm(bias, X, weight)

    infer = forward  # without hooks, which belong to the training

    @property
    def hidden_inputs(self) -> list[tuple[int, int]]:
        """Of members that see a part of the inputs, their number and how many it is."""
        n_in = self.weight.shape[1]
        own = enumerate(self.in_features if self.hides_inputs else [])
        return [(member, n) for member, n in own if n < n_in]

    def _own(self, weight: Tensor) -> Tensor:
        """Return weights of which those of inputs that are not seen get no gradient."""
        seen = torch.ones(len(weight), weight.shape[1], 1, device=weight.device)
        for member, n in self.hidden_inputs:
            seen[member, n:] = 0
        return weight * seen.to(weight.dtype)

    def bind(self, n_active: int, shape: Sequence[int], is_first: bool) -> _BoundLinear:
        """Return what runs the layer forward and backward without a graph.

        Parameters
        ----------
        n_active : int
            How many of the first members take part.
        shape : tuple of int
            (n_active, B), or (B,) of one member, whose tensors have no member axis:
            plain products have less overhead.
        is_first : bool
            Whether nothing before it needs a gradient.

        Returns
        -------
        bound : object
            ``forward(X)`` returns the output; then ``backward(grad)`` writes the
            parameters' ``grad``, which must be there, and returns the gradient at X.
            Both are overwritten by the next call.
        """
        return _BoundLinear(self, n_active, shape, is_first)

    def extra_repr(self) -> str:
        """Describe the shape."""
        n_members, in_features, out_features = self.weight.shape
        return f"{n_members} × ({in_features} → {out_features})"


class _BoundLinear:
    def __init__(
        self, layer: StackedLinear, n_active: int, shape: Sequence[int], is_first: bool
    ) -> None:
        first = 0 if n_active == 1 else slice(n_active)
        weight, bias = layer.weight, layer.bias
        self.weight, self.bias = weight.detach()[first], bias.detach()[first]
        grads, bias_grads = grad_of(weight), grad_of(bias)
        self.weight_grad, self.bias_grad = grads[first], bias_grads[first]
        self.unseen = [grads[k, n:] for k, n in layer.hidden_inputs if k < n_active]
        self.transposed = self.weight[..., : layer.n_learned_inputs, :].mT
        n_in, n_out = self.transposed.shape[-1], self.weight.shape[-1]
        self.output = self.weight.new_empty(*shape, n_out)
        self.input_grad = None if is_first else self.weight.new_empty(*shape, n_in)
        self.affine: Callable[..., Tensor] = torch.baddbmm
        self.product: Callable[..., Tensor] = torch.bmm
        if n_active == 1:
            self.affine, self.product = torch.addmm, torch.mm

    def forward(self, X: Tensor | EllRows) -> Tensor:
        self.input = X
        if isinstance(X, EllRows):
            X.matmul(self.weight, self.bias, out=self.output)
        else:
            self.affine(self.bias, X, self.weight, out=self.output)
        return self.output

    def backward(self, grad: Tensor) -> Tensor | None:
        if isinstance(self.input, EllRows):
            self.input.transposed_matmul(grad, out=self.weight_grad)
        else:
            self.product(self.input.mT, grad, out=self.weight_grad)
        for unseen in self.unseen:
            unseen.zero_()
        torch.sum(grad, -2, True, out=self.bias_grad)
        if self.input_grad is None:
            return None
        return self.product(grad, self.transposed, out=self.input_grad)


class StackedDropout(nn.Module):
    """Dropout with a random stream and a rate for each member.

    Parameters
    ----------
    p : float or sequence of float of length K
        Share of values set to zero, in [0, 1); to the nearest 1/65536.
    n_members : int
        K.
    """

    _CHUNK = 2**16  # masks are drawn this many numbers at a time and member
    _STEPS = 2**16  # of a random number; 16 bits take a sixth of bernoulli_'s time

    def __init__(self, p: float | Sequence[float], n_members: int) -> None:
        super().__init__()
        self.p = np.broadcast_to(np.asarray(p, dtype=float), n_members).tolist()
        self.seed_members(range(n_members), 0)

    def seed_members(self, seeds: Iterable[int], epoch: int) -> None:
        """Start each member's stream anew, from its seed and the epoch's number."""
        self._seeds = [int(seed) for seed in seeds]
        self._epoch = int(epoch)
        self._generators: list[np.random.SFC64] = []

    @property
    def drops(self) -> bool:
        """Whether a member's rate is above 0."""
        return any(self.p)

    @property
    def n_dropped(self) -> list[int]:
        """Of each member, below which of 65536 numbers a value is dropped."""
        return [min(round(p * self._STEPS), self._STEPS - 1) for p in self.p]

    def random_states(self) -> Array:
        """Return the state of each member's generator, SFC64, as its stream starts.

        Returns
        -------
        states : ndarray of uint64 of shape (K, 4)
        """
        return np.stack([g.state["state"]["state"] for g in self._bit_generators()])

    def _bit_generators(self) -> list[np.random.SFC64]:
        return [np.random.SFC64([s, self._epoch, DROPOUT]) for s in self._seeds]

    def _start(self, device: Device) -> None:
        self._generators = self._bit_generators()
        self._masks, self._used = _empty(len(self.p), 0).to(device), 0

    def _draw_chunk(self) -> None:
        # Of one size whatever is asked for: so a member's stream is the same in any
        # company. What is left of the last chunk is used up first.
        chunk = np.ones((len(self.p), self._CHUNK), dtype=np.float32)
        members = zip(chunk, self.n_dropped, self._generators, strict=True)
        for mask, n_dropped, generator in members:
            if n_dropped:
                # Half the time of Generator.integers, and the same numbers.
                drawn = generator.random_raw(len(mask) // 4).astype("<u8", copy=False)
                scale = np.float32(self._STEPS / (self._STEPS - n_dropped))
                np.multiply(drawn.view("<u2") >= n_dropped, scale, out=mask)
        fresh = torch.from_numpy(chunk).to(self._masks.device)
        self._masks = torch.cat([self._masks[:, self._used :], fresh], dim=1)
        self._used = 0

    def draw_mask(self, X: Tensor, n_active: int) -> Tensor:
        """Return what to multiply values with: those of the first `n_active` members.

        X has shape (n_active, B, width), or (B, width) of one member.
        """
        if not self._generators:
            self._start(X.device)
        size = X.numel() // n_active
        while self._used + size > self._masks.shape[1]:
            self._draw_chunk()
        mask = self._masks[:n_active, self._used : self._used + size]
        self._used += size
        return mask.reshape(X.shape)

    def forward(self, X: Tensor) -> Tensor:
        """Drop values of X (A, B, width) in training, return X itself otherwise."""
        if not self.training or not self.drops:
            return X
        return X * self.draw_mask(X, len(X))

    def bind(
        self, n_active: int, shape: Sequence[int], is_first: bool
    ) -> _BoundDropout:
        """Return what runs it forward and backward; see `StackedLinear.bind`."""
        return _BoundDropout(self, n_active)

    def __getstate__(self) -> dict[str, Any]:
        # Generators do not pickle; they are made anew from the seeds.
        state = self.__dict__ | {"_generators": []}
        return {k: v for k, v in state.items() if k not in ("_masks", "_used")}

    def extra_repr(self) -> str:
        """Describe the rates."""
        return f"p={self.p}"


class _BoundDropout:
    def __init__(self, dropout: StackedDropout, n_active: int) -> None:
        self.dropout = dropout
        self.n_active = n_active

    def forward(self, X: Tensor) -> Tensor:
        self.mask = self.dropout.draw_mask(X, self.n_active)
        return X * self.mask

    def backward(self, grad: Tensor) -> Tensor:
        grad *= self.mask
        return grad
