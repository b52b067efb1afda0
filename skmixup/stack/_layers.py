"""Layers of K networks at once: every tensor has a leading member axis."""

import math

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
