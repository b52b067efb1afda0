"""Numbers as learned waves, in front of a stack's first layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ._layers import grad_of

WAVE_SIZE = 4  # columns that a number's waves become
N_WAVES = 16  # waves of each number, as in RealMLP
# Standard deviation of the frequencies at first, in periods for each scaled unit. With
# 0.1, as in RealMLP, log-loss was up to a tenth higher on two of six tables, with 0.5
# about level.
_INIT_SD = 0.3
# Frequencies and phases are learned a tenth as fast as other weights, as in RealMLP:
# they are stored ten times as large.
WAVE_RATE = 0.1
_PADDED = 16  # columns of a product that is the same for any number of rows


class StackedPeriodic(nn.Module):
    """K embeddings of numbers: of each x, M·cos(2π(w·x + b)) before the row itself.

    Frequencies w, phases b and M are each number's own, and learned [1]_.

    Parameters
    ----------
    n_members : int
        K.
    n_numbers : int
        How many columns are embedded.
    first : int, default=0
        The first of them.

    Attributes
    ----------
    weight : torch.nn.Parameter of shape (K, n_numbers · (2 + 4), 16)
        Of each number ten times its frequencies, ten times its phases, and M.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.3; with phases, as in Holzmüller,
       Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs and Boosted
       Trees on Tabular Data", 2024, section 3.

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import StackedPeriodic
    >>> StackedPeriodic(3, n_numbers=2)(torch.ones(3, 5, 7)).shape
    torch.Size([3, 5, 15])
    """

    def __init__(self, n_members: int, n_numbers: int, first: int = 0) -> None:
        super().__init__()
        self.n_numbers = n_numbers
        self.columns = slice(first, first + n_numbers)
        shape = n_members, n_numbers * (2 + WAVE_SIZE), N_WAVES
        self.weight = nn.Parameter(
            torch.zeros(shape, dtype=torch.float32, device="cpu")
        )

    @property
    def width(self) -> int:
        """How many columns the waves make."""
        return self.n_numbers * WAVE_SIZE

    @torch.no_grad()
    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw new waves, each member's from its own CPU generator."""
        bound = 1 / math.sqrt(N_WAVES)
        shape = self.n_numbers, 2 + WAVE_SIZE, N_WAVES
        for weight, generator in zip(self.weight, generators, strict=True):
            fresh = torch.empty(shape, dtype=torch.float32, device="cpu")
            fresh[:, 0].normal_(0, _INIT_SD / WAVE_RATE, generator=generator)
            reach = 0.5 / WAVE_RATE
            fresh[:, 1].uniform_(-reach, reach, generator=generator)
            fresh[:, 2:].uniform_(-bound, bound, generator=generator)
            weight.copy_(fresh.flatten(0, 1))

    def _parts(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return of weights (A, ...) the frequencies, phases (A, d, 1, 16), and M.

        Frequencies and phases in radians.
        """
        waves = weight.unflatten(1, (self.n_numbers, 2 + WAVE_SIZE))
        angles = 2 * math.pi * WAVE_RATE * waves[:, :, :2].unsqueeze(-2)
        return angles[:, :, 0], angles[:, :, 1], waves[:, :, 2:]

    def forward(self, X: Tensor) -> Tensor:
        """Return rows (A, B, 4·n_numbers + d) of rows (A, B, d) of the first members.

        Parameters
        ----------
        X : torch.Tensor of shape (A, B, d)
        """
        return torch.cat([self._embed(X, torch.cos).flatten(-2), X], dim=-1)

    def infer(self, X: Tensor) -> Tensor:
        """Do so without a graph."""
        rows = X.new_empty(*X.shape[:-1], self.width + X.shape[-1])
        embedded = self._embed(X, torch.cos_)
        rows[..., : self.width].unflatten(-1, embedded.shape[-2:]).copy_(embedded)
        rows[..., self.width :] = X
        return rows

    def _embed(self, X: Tensor, cos: Callable[[Tensor], Tensor]) -> Tensor:
        """Return what numbers become, (A, B, n_numbers, 4)."""
        frequency, phase, mix = self._parts(self.weight[: len(X)].to(X.dtype))
        numbers = X[..., self.columns].mT.unsqueeze(-1)
        waves = cos(torch.addcmul(phase, numbers, frequency))
        # Of a few columns alone, the last bit would depend on the number of rows.
        mix = nn.functional.pad(mix, (0, 0, 0, _PADDED - WAVE_SIZE))
        embedded = torch.bmm(waves.flatten(0, 1), mix.flatten(0, 1).mT)
        embedded = embedded.unflatten(0, waves.shape[:2])[..., :WAVE_SIZE]
        return embedded.transpose(1, 2)

    def bind(
        self, n_active: int, shape: Sequence[int], is_first: bool
    ) -> _BoundPeriodic:
        """Return what runs it forward and backward; see `StackedLinear.bind`."""
        return _BoundPeriodic(self, n_active, shape)

    def extra_repr(self) -> str:
        """Describe the shape."""
        return f"{len(self.weight)} × ({self.n_numbers} → {WAVE_SIZE} each)"


class _BoundPeriodic:
    def __init__(
        self, periodic: StackedPeriodic, n_active: int, shape: Sequence[int]
    ) -> None:
        self.periodic = periodic
        self.shape = n_active, shape[-1]
        self.is_one = len(shape) == 1  # without a member axis
        self.weight = periodic.weight.detach()[:n_active]
        self.grad = grad_of(periodic.weight)[:n_active]
        self.output: Tensor | None = None

    def forward(self, X: Tensor) -> Tensor:
        X = X[None] if self.is_one else X
        periodic, width = self.periodic, self.periodic.width
        output = self.output
        if output is None:
            output = self.output = X.new_empty(*self.shape, width + X.shape[-1])
        frequency, phase, self.mix = periodic._parts(self.weight)
        self.numbers = X[..., periodic.columns].mT.unsqueeze(-1)
        angle = torch.addcmul(phase, self.numbers, frequency)
        self.cos, self.sin = torch.cos(angle), torch.sin(angle)
        embedded = self.cos @ self.mix.mT
        output[..., :width] = embedded.transpose(1, 2).flatten(-2)
        output[..., width:] = X
        return output[0] if self.is_one else output

    def backward(self, grad: Tensor) -> Tensor:
        """Write the gradient; return that at what comes before, if it needs one."""
        grad = grad[None] if self.is_one else grad
        width = self.periodic.width
        own = grad[..., :width].unflatten(-1, (-1, WAVE_SIZE)).transpose(1, 2)
        at_mix = own.mT @ self.cos
        at_angle = (own @ self.mix).mul_(self.sin).mul_(-2 * math.pi * WAVE_RATE)
        at_frequency = (at_angle * self.numbers).sum(-2, keepdim=True)
        at_phase = at_angle.sum(-2, keepdim=True)
        grads = torch.cat([at_frequency, at_phase, at_mix], dim=-2)
        self.grad.copy_(grads.flatten(1, 2))
        rest = grad[..., width:]
        return rest[0] if self.is_one else rest
