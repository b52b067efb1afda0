"""K independent networks as one: every tensor has a leading member axis."""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ._sparse import SparseRows

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
_OUTPUT_MULTIPLE = 16
_ABSENT = -1e9  # score of an output that a member lacks: its softmax is 0 exactly


def _per_member(value, n_members):
    """Return a value for each member, as a list of int."""
    return np.broadcast_to(value, n_members).astype(int).tolist()


def check_member_values(name, values, n_members):
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


def shown(value):
    """Return how a message shows a parameter: numbers plain, not as NumPy's types."""
    if isinstance(value, (list, tuple, np.ndarray)) and np.ndim(value):
        return f"[{', '.join(map(shown, value))}]"
    return repr(value.item() if isinstance(value, (np.generic, np.ndarray)) else value)


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


def _empty(*shape):
    """Return a tensor like torch.empty's, whatever torch's default dtype and device."""
    return torch.empty(shape, dtype=torch.float32, device="cpu")


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
    >>> from skmixup import StackedLinear
    >>> StackedLinear(3, 4, 2)(torch.ones(3, 5, 4)).shape
    torch.Size([3, 5, 2])
    """

    def __init__(self, n_members, in_features, out_features, *, multiple=1):
        super().__init__()
        self.in_features = _per_member(in_features, n_members)
        self.out_features = _per_member(out_features, n_members)
        n_in = max(self.in_features)
        n_out = -(-max(self.out_features) // multiple) * multiple
        self.weight = nn.Parameter(_empty(n_members, n_in, n_out))
        self.bias = nn.Parameter(_empty(n_members, 1, n_out))
        self.reset_parameters([torch_generator("cpu", INIT)] * n_members)

    @torch.no_grad()
    def reset_parameters(self, generators):
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

    def forward(self, X):
        """Apply layer k to X[k], for the first len(X) members, in X's precision."""
        # .to() returns the parameter itself where the types agree.
        weight, bias = self.weight.to(X.dtype), self.bias.to(X.dtype)
        if len(X) < len(weight):
            weight, bias = weight[: len(X)], bias[: len(X)]
        return torch.baddbmm(bias, X, weight)

    def extra_repr(self):
        """Describe the shape."""
        n_members, in_features, out_features = self.weight.shape
        return f"{n_members} × ({in_features} → {out_features})"


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

    def __init__(self, p, n_members):
        super().__init__()
        self.p = np.broadcast_to(np.asarray(p, dtype=float), n_members).tolist()
        self.seed_members(range(n_members), 0)

    def seed_members(self, seeds, epoch):
        """Start each member's stream anew, from its seed and the epoch's number."""
        self._seeds = [int(seed) for seed in seeds]
        self._epoch = int(epoch)
        self._generators = None

    @property
    def drops(self):
        """Whether a member's rate is above 0."""
        return any(self.p)

    def _start(self, device):
        self._generators = [
            np.random.Generator(np.random.SFC64([seed, self._epoch, DROPOUT]))
            for seed in self._seeds
        ]
        self._masks, self._used = _empty(len(self.p), 0).to(device), 0

    def _draw_chunk(self):
        # Of one size whatever is asked for: so a member's stream is the same in any
        # company. What is left of the last chunk is used up first.
        chunk = np.ones((len(self.p), self._CHUNK), dtype=np.float32)
        for mask, p, generator in zip(chunk, self.p, self._generators, strict=True):
            n_dropped = min(round(p * self._STEPS), self._STEPS - 1)
            if n_dropped:
                drawn = generator.integers(self._STEPS, size=len(mask), dtype=np.uint16)
                scale = np.float32(self._STEPS / (self._STEPS - n_dropped))
                np.multiply(drawn >= n_dropped, scale, out=mask)
        chunk = torch.from_numpy(chunk).to(self._masks.device)
        self._masks = torch.cat([self._masks[:, self._used :], chunk], dim=1)
        self._used = 0

    def draw_mask(self, X, n_active):
        """Return what to multiply values with: those of the first `n_active` members.

        X has shape (n_active, B, width), or (B, width) of one member.
        """
        if self._generators is None:
            self._start(X.device)
        size = X.numel() // n_active
        while self._used + size > self._masks.shape[1]:
            self._draw_chunk()
        mask = self._masks[:n_active, self._used : self._used + size]
        self._used += size
        return mask.reshape(X.shape)

    def forward(self, X):
        """Drop values of X (A, B, width) in training, return X itself otherwise."""
        if not self.training or not self.drops:
            return X
        return X * self.draw_mask(X, len(X))

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
    n_features, n_outputs : int or sequence of int of length K
        Width of a row and of the output. Members of different widths share a stack:
        rows are padded with zeros, and an output that a member lacks has probability 0.
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
        self.n_outputs = _per_member(n_outputs, n_members)
        self.width = max(self.n_outputs)
        widths = [n_features, *hidden_layer_sizes, n_outputs]
        self.layers = nn.ModuleList(
            StackedLinear(n_members, a, b) for a, b in pairwise(widths[:-1])
        )
        # Of a few columns alone, a matrix product can take three times as long.
        self.layers.append(
            StackedLinear(n_members, *widths[-2:], multiple=_OUTPUT_MULTIPLE)
        )
        self.dropouts = nn.ModuleList(
            StackedDropout(dropout, n_members) for _ in hidden_layer_sizes
        )
        self.reset_parameters(range(n_members) if seeds is None else seeds)

    @torch.no_grad()
    def reset_parameters(self, seeds):
        """Draw new weights, each member's from its seed alone."""
        self.seeds = [int(seed) for seed in seeds]
        generators = [torch_generator("cpu", seed, INIT) for seed in self.seeds]
        for layer in self.layers:
            layer.reset_parameters(generators)
        for member, n_outputs in enumerate(self.n_outputs):
            self.layers[-1].bias[member, :, n_outputs:] = _ABSENT
        self.seed_members(self.seeds, 0)

    def seed_members(self, seeds, epoch):
        """Start the dropout streams of an epoch."""
        for i, dropout in enumerate(self.dropouts):
            dropout.seed_members(seeds, epoch * len(self.dropouts) + i)

    def mixable_layers(self):
        """Return the layers whose input manifold mixup may mix."""
        return list(self.layers)

    def forward(self, X):
        """Return the scores (K, B, n_outputs) of rows (K, B, d), or (B, d) for all.

        Of A < K batches, given as (A, B, d), the first A members see one each.
        """
        if X.dim() == 2:
            X = X.expand(self.n_members, *X.shape)
        for layer, dropout in zip(self.layers[:-1], self.dropouts, strict=True):
            X = dropout(self.activate(layer(X)))
        return self.layers[-1](X)[..., : self.width]

    @property
    def widest(self):
        """The largest width of a layer's input or output."""
        return max(max(layer.weight.shape[1:]) for layer in self.layers)

    def layers_in(self, dtype):
        """Return weights and biases in a precision, for `scores`."""
        return [
            (layer.weight.detach().to(dtype), layer.bias.detach().to(dtype))
            for layer in self.layers
        ]

    @torch.no_grad()
    def scores(self, X, layers):
        """Return all members' scores of rows: no dropout, no graph, no modules' calls.

        Changes no state, so that threads may share the module.

        Parameters
        ----------
        X : torch.Tensor or SparseRows of shape (K, n_rows, n_features)
        layers : list of tuple of torch.Tensor
            From `layers_in`, in X's precision.

        Returns
        -------
        scores : torch.Tensor of shape (K, n_rows, n_outputs)
        """
        for i, (weight, bias) in enumerate(layers):
            if isinstance(X, SparseRows):
                z = weight.new_empty(*X.shape[:2], weight.shape[2])
                X.matmul(weight, bias, out=z)
            else:
                z = torch.baddbmm(bias, X, weight)
            if i + 1 < len(layers):
                X = z.relu_() if self.activation == "relu" else self.activate(z)
        return z[..., : self.width]

    def activate(self, z):
        """Apply the activation."""
        return ACTIVATIONS[self.activation](z)

    def select(self, members):
        """Return a stack of some members, cut to their width.

        Parameters
        ----------
        members : sequence of int
            They must agree in `n_features` and `n_outputs`.

        Returns
        -------
        mlp : StackedMLP
            With copies of their weights, on the CPU.
        """
        first = members[0]
        chosen = StackedMLP(
            self.layers[0].in_features[first],
            self.n_outputs[first],
            [layer.out_features[first] for layer in self.layers[:-1]],
            n_members=len(members),
            activation=self.activation,
            dropout=[self.dropouts[0].p[k] for k in members] if self.dropouts else 0.0,
            seeds=[self.seeds[k] for k in members],
        )
        mine = self.state_dict()
        with torch.no_grad():
            for name, parameter in chosen.named_parameters():
                rows, columns = parameter.shape[1:]
                parameter.copy_(mine[name][list(members), :rows, :columns])
        return chosen.train(self.training)
