"""K independent networks as one: every tensor has a leading member axis."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "selu": F.selu,
    "mish": F.mish,
    "tanh": torch.tanh,
    "logistic": torch.sigmoid,
    "identity": nn.Identity(),
}

# What a member's random streams are for, so that one never shifts another.
INIT, DROPOUT = 101, 102


def torch_generator(device, *key):
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


class StackedLinear(nn.Module):
    """K linear layers: (K, B, in) to (K, B, out), in one batched matrix product.

    Parameters
    ----------
    n_members : int
        K.
    in_features, out_features : int
        Width of the input and of the output.

    Attributes
    ----------
    weight : torch.nn.Parameter of shape (K, in, out)
    bias : torch.nn.Parameter of shape (K, 1, out)

    Examples
    --------
    >>> import torch
    >>> from skmixup import StackedLinear
    >>> StackedLinear(3, 4, 2)(torch.ones(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, n_members, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, in_features, out_features))
        self.bias = nn.Parameter(torch.empty(n_members, 1, out_features))
        self.reset_parameters([torch_generator("cpu", INIT)] * n_members)

    @torch.no_grad()
    def reset_parameters(self, generators):
        """Draw new weights, each member's from its own CPU generator.

        Uniform within ±1/sqrt(in_features), as torch.nn.Linear draws them.
        """
        bound = 1 / math.sqrt(max(self.weight.shape[1], 1))
        for member, generator in enumerate(generators):
            for parameter in (self.weight, self.bias):
                fresh = torch.empty(parameter.shape[1:])
                fresh.uniform_(-bound, bound, generator=generator)
                parameter[member] = fresh

    def forward(self, X):
        """Apply layer k to X[k]; computed in the precision of X."""
        # .to() returns the parameter itself where the types agree.
        return torch.baddbmm(self.bias.to(X.dtype), X, self.weight.to(X.dtype))

    def extra_repr(self):
        """Describe the shape."""
        n_members, in_features, out_features = self.weight.shape
        return f"{n_members} × ({in_features} → {out_features})"


class StackedDropout(nn.Module):
    """Dropout with a random stream and a rate for each member.

    Parameters
    ----------
    p : float or sequence of float of length K
        Share of values set to zero, in [0, 1).
    n_members : int
        K.
    """

    _BUFFER = 2**16  # masks are drawn this many numbers at a time and member

    def __init__(self, p, n_members):
        super().__init__()
        self.p = np.broadcast_to(np.asarray(p, dtype=float), n_members).tolist()
        self.seed_members(range(n_members), 0)

    def seed_members(self, seeds, epoch):
        """Start each member's stream anew, from its seed and the epoch's number."""
        self._seeds = [int(seed) for seed in seeds]
        self._epoch = int(epoch)
        self._generators = None

    def _start(self, device):
        self._generators = [
            torch_generator(device, seed, self._epoch, DROPOUT) for seed in self._seeds
        ]
        self._masks, self._used = torch.empty(0), 0

    def _refill(self, size, device):
        # The size must not depend on K: a member's stream is the same in any company.
        shape = (len(self.p), max(self._BUFFER, size))
        self._masks, self._used = torch.empty(shape, device=device), 0
        for mask, p, generator in zip(
            self._masks, self.p, self._generators, strict=True
        ):
            mask.bernoulli_(1 - p, generator=generator).div_(1 - p)

    def forward(self, X):
        """Drop values of X (K, B, width) in training, return X itself otherwise."""
        if not self.training or not any(self.p):
            return X
        if self._generators is None:
            self._start(X.device)
        size = X[0].numel()
        if self._used + size > self._masks.shape[-1]:
            self._refill(size, X.device)
        mask = self._masks[:, self._used : self._used + size]
        self._used += size
        return X * mask.reshape(X.shape)

    def __getstate__(self):
        # Generators do not pickle; they are made anew from the seeds.
        state = self.__dict__ | {"_generators": None}
        return {k: v for k, v in state.items() if k not in ("_masks", "_used")}

    def extra_repr(self):
        """Describe the rates."""
        return f"p={self.p}"


class StackedMLP(nn.Module):
    """K multi-layer perceptrons that share nothing but the clock.

    Parameters
    ----------
    n_features, n_outputs : int
        Width of a row and of the output.
    hidden_layer_sizes : sequence of int, default=(128, 128)
        Width of each hidden layer; empty for a linear model.
    n_members : int, default=1
        K.
    activation : str, default="relu"
        "relu", "gelu", "silu", "selu", "mish", "tanh", "logistic" or "identity".
    dropout : float or sequence of float of length K, default=0.0
        Dropout rate after each hidden layer.
    seeds : sequence of int of length K, default=None
        Seed of each member's weights and dropout; by default 0, 1, ....

    Examples
    --------
    >>> import torch
    >>> from skmixup import StackedMLP
    >>> mlp = StackedMLP(4, 3, (8,), n_members=2)
    >>> mlp(torch.ones(2, 5, 4)).shape  # each member its own batch
    torch.Size([2, 5, 3])
    >>> mlp(torch.ones(5, 4)).shape  # all members the same batch
    torch.Size([2, 5, 3])
    """

    def __init__(
        self,
        n_features,
        n_outputs,
        hidden_layer_sizes=(128, 128),
        *,
        n_members=1,
        activation="relu",
        dropout=0.0,
        seeds=None,
    ):
        super().__init__()
        self.n_members = n_members
        self.activation = activation
        widths = [n_features, *hidden_layer_sizes, n_outputs]
        self.layers = nn.ModuleList(
            StackedLinear(n_members, a, b) for a, b in pairwise(widths)
        )
        self.dropouts = nn.ModuleList(
            StackedDropout(dropout, n_members) for _ in hidden_layer_sizes
        )
        self.reset_parameters(range(n_members) if seeds is None else seeds)

    def reset_parameters(self, seeds):
        """Draw new weights, each member's from its seed alone."""
        generators = [torch_generator("cpu", int(seed), INIT) for seed in seeds]
        for layer in self.layers:
            layer.reset_parameters(generators)
        self.seed_members(seeds, 0)

    def seed_members(self, seeds, epoch):
        """Start the dropout streams of an epoch."""
        for i, dropout in enumerate(self.dropouts):
            dropout.seed_members(seeds, epoch * len(self.dropouts) + i)

    def mixable_layers(self):
        """Return the layers whose input manifold mixup may mix."""
        return list(self.layers)

    def forward(self, X):
        """Return the scores (K, B, n_outputs) of rows (K, B, d), or (B, d) for all."""
        if X.dim() == 2:
            X = X.expand(self.n_members, *X.shape)
        activation = ACTIVATIONS[self.activation]
        for layer, dropout in zip(self.layers[:-1], self.dropouts, strict=True):
            X = dropout(activation(layer(X)))
        return self.layers[-1](X)
