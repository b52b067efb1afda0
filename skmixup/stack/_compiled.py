"""Steps of a stack in compiled code, where it is of the kind that there is code for."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._typing import Array, Weight
from ._adamw import StackedAdamW
from ._embedding import StackedEmbedding
from ._layers import ACTIVATIONS, StackedDropout, StackedLinear
from ._losses import (
    BINARY_CROSS_ENTROPY,
    CROSS_ENTROPY,
    PINBALL,
    POISSON,
    SQUARED_ERROR,
    PinballLoss,
    has_gradient,
    slopes_of,
)
from ._mlp import StackedMLP
from ._periodic import StackedPeriodic

_KINDS = {
    nn.CrossEntropyLoss: CROSS_ENTROPY,
    nn.MSELoss: SQUARED_ERROR,
    nn.BCEWithLogitsLoss: BINARY_CROSS_ENTROPY,
    nn.L1Loss: PINBALL,
    PinballLoss: PINBALL,
    nn.PoissonNLLLoss: POISSON,
}


@cache
def _kernel() -> Any:
    """Return the compiled code, or None where Numba is missing or switched off."""
    try:  # here, since it takes half a second
        from numba import config

        if config.DISABLE_JIT:
            return None
        from ._kernel import train_members
    except ImportError:
        return None
    return train_members


class IndexedRows:
    """Rows yet to be taken from all, and mixed, a batch at a time.

    Parameters
    ----------
    data : torch.Tensor of float32 of shape (n_rows, n_features)
    index : torch.Tensor of int64 of shape (A, S, B)
    partner : torch.Tensor of int64 of shape (A, S, B), default=None
        The rows that those are mixed with; None for none.
    lam : torch.Tensor of float32 of shape (A, S, 1) or (A, S, B), default=None
    """

    def __init__(
        self,
        data: Tensor,
        index: Tensor,
        partner: Tensor | None = None,
        lam: Tensor | None = None,
    ) -> None:
        self.data = data
        self.index = index
        self.partner = index if partner is None else partner
        self.lam = index.new_empty(*index.shape[:2], 0) if lam is None else lam

    @property
    def shape(self) -> torch.Size:
        """Shape of the rows when they are taken."""
        return torch.Size((*self.index.shape, *self.data.shape[1:]))

    def mix(self, partner: IndexedRows, lam: Tensor) -> IndexedRows:
        """Return λ·self + (1−λ)·partner, still to be taken."""
        return IndexedRows(self.data, self.index, partner.index, lam)

    @classmethod
    def from_batches(cls, X: Tensor) -> IndexedRows:
        """Make them of batches (A, S, B, n_features) that are there."""
        # On the processor, whatever torch's default device is.
        index = torch.arange(X.shape[:3].numel(), device=X.device)
        index = index.reshape(X.shape[:3])
        return cls(X.flatten(0, 2), index)

    def as_arrays(self) -> tuple[Array, ...]:
        """Return NumPy's of all four."""
        of_rows = (self.index, self.partner)
        return (
            self.data.contiguous().numpy(),
            *(value.contiguous().numpy() for value in of_rows),
            self.lam.float().contiguous().numpy(),
        )


class CompiledSteps:
    """Trains members of a StackedMLP by StackedAdamW, a block of steps at a time.

    As :class:`ClosedFormGradient` and the optimizer do, up to round-off. A member's
    steps are the same, bit for bit, whoever else is trained: threads may share the
    work.

    Parameters
    ----------
    mlp : StackedMLP
        Its parameters must stay where they are in memory.
    criterion : torch.nn.Module
    optimizer : StackedAdamW
    """

    def __init__(
        self, mlp: StackedMLP, criterion: nn.Module, optimizer: StackedAdamW
    ) -> None:
        self.train_members = _kernel()
        self.mlp, self.optimizer = mlp, optimizer
        self.kind = _KINDS[type(criterion)]
        self.slopes = slopes_of(criterion, mlp.width).numpy()
        layers = list(mlp.layers)
        # Kept, since their addresses are used.
        self.tensors = _moving(mlp, optimizer)
        self._places = _places(self.tensors)
        *of_layers, of_vectors, of_waves = self._places
        self.addresses = np.array(of_layers)
        self.vectors = np.array(of_vectors or [0, 0, 0])
        self.waves = np.array(of_waves or [0, 0, 0])
        self.n_numbers = mlp.n_periodic
        self.shapes = np.array([layer.weight.shape[1:] for layer in layers])
        embedding, shape, shift = mlp.embedding, [0, 0], []
        if embedding is not None:
            shape, shift = [*embedding.weight.shape[1:]], embedding.shift.tolist()
        self.vectors_shape, self.shift = np.array(shape), np.array(shift, dtype=int)
        kinds = _kinds_of(mlp)
        self.groups = [optimizer.group_of(own[0]) for own in kinds]
        # One tensor for each group, which may hold several kinds.
        self.steps = [optimizer.state_of(own[0])["step"] for own in kinds]
        steps = {id(step): step for step in self.steps}
        self.counts = [step.numpy() for step in steps.values()]
        self.widths = np.array(
            [*(layer.in_features for layer in layers), mlp.n_outputs]
        ).T.copy()

    @staticmethod
    def covers(
        mlp: StackedMLP,
        criterion: nn.Module,
        optimizer: torch.optim.Optimizer,
        is_float: bool,
    ) -> bool:
        """Tell whether there is code for such a stack, and a compiler.

        Parameters
        ----------
        mlp : StackedMLP
        criterion : torch.nn.Module
        optimizer : StackedAdamW
        is_float : bool
            Whether targets are floating-point, or classes.
        """
        parameters = list(mlp.parameters())
        return (
            type(criterion) in _KINDS
            and has_gradient(criterion, is_float)
            and _are_plain(mlp)
            and all(p.device.type == "cpu" for p in parameters)
            and all(p.dtype == torch.float32 for p in parameters)
            and _are_alike(_kinds_of(mlp), optimizer)
            and _kernel() is not None
        )

    def is_current(self, mlp: StackedMLP, optimizer: StackedAdamW) -> bool:
        """Tell whether all that these steps change still is where it was.

        Parameters
        ----------
        mlp : StackedMLP
        optimizer : StackedAdamW
        """
        if mlp is not self.mlp or optimizer is not self.optimizer:
            return False
        kinds = _kinds_of(mlp)
        now: list[Any] = [optimizer.group_of(own[0]) for own in kinds]
        now += [optimizer.state_of(own[0])["step"] for own in kinds]
        pairs = zip(now, [*self.groups, *self.steps], strict=True)
        return all(one is other for one, other in pairs) and (
            _places(_moving(mlp, optimizer)) == self._places
        )

    def start_epoch(self) -> None:
        """Take over the epoch's rates of learning and of dropout, and its streams."""
        n_members = self.mlp.n_members
        self.lr, self.decay = np.zeros((2, 3, n_members))
        for lr, decay, group in zip(self.lr, self.decay, self.groups, strict=False):
            lr[:] = group["lr"]
            decay[:] = np.multiply(group["weight_decay"], group["decay_factor"])
        rates = [dropout.n_dropped for dropout in self.mlp.dropouts]
        self.n_dropped = np.array(rates, dtype=int).reshape(-1, n_members)
        self.states = np.zeros((*self.n_dropped.shape, 6), dtype=np.uint64)
        for state, dropout in zip(self.states, self.mlp.dropouts, strict=True):
            if dropout.drops:
                state[:, :4] = dropout.random_states()

    def __call__(
        self,
        members: Array,
        n_rows: Array,
        X: IndexedRows | Tensor,
        target: Tensor,
        weight: Weight,
    ) -> Array:
        """Take steps with some members.

        Parameters
        ----------
        members : ndarray of int of shape (A,)
        n_rows : ndarray of int of shape (A,)
            Of each one's batches; what X has beyond them is left out.
        X : IndexedRows, or torch.Tensor of shape (A, S, B, n_features)
        target : torch.Tensor of shape (A, S, B, n_outputs)
            Classes' targets come multiplied by their rows' weights, others do not.
        weight : float or torch.Tensor, broadcastable to (A, S, B, 1)
            Weight of each row in its member's loss: 1/B for the mean.

        Returns
        -------
        losses : ndarray of float64 of shape (A,)
            Summed over the steps.
        """
        losses = self._call(members, n_rows, X, target, weight, learns=True)
        for count in self.counts:
            count[members] += X.shape[1]
        return losses

    def clean_losses(
        self,
        members: Array,
        n_rows: Array,
        X: IndexedRows | Tensor,
        target: Tensor,
        weight: Weight,
    ) -> Array:
        """Return losses as a step does, of weights as they are, and without dropout."""
        return self._call(members, n_rows, X, target, weight, learns=False)

    def _call(
        self,
        members: Array,
        n_rows: Array,
        X: IndexedRows | Tensor,
        target: Tensor,
        weight: Weight,
        learns: bool,
    ) -> Array:
        if isinstance(X, torch.Tensor):
            X = IndexedRows.from_batches(X)
        shape = X.shape[:3]
        if isinstance(weight, torch.Tensor):
            weights = weight.expand(*shape, 1)[..., 0].contiguous().numpy()
        else:
            weights = np.full(shape, weight, dtype=np.float32)
        group = self.groups[0]
        return self.train_members(
            *X.as_arrays(),
            target.contiguous().numpy(),
            weights,
            members,
            n_rows,
            self.addresses,
            self.shapes,
            self.vectors,
            self.vectors_shape,
            self.shift,
            self.waves,
            self.n_numbers,
            self.widths,
            self.counts[0].astype(int),
            self.lr,
            self.decay,
            tuple(map(float, group["betas"])),
            float(group["eps"]),
            self.n_dropped,
            self.states,
            self.kind,
            self.slopes,
            learns,
        )


def _moving(mlp: StackedMLP, optimizer: StackedAdamW) -> list[list[Tensor]]:
    """Return what steps change: of each layer, of levels' vectors, and of waves."""

    def of(parameter: nn.Parameter) -> list[Tensor]:
        state = optimizer.state_of(parameter)
        # Not the parameter: its memory would be free where it is given another.
        return [parameter.detach(), state["exp_avg"], state["exp_avg_sq"]]

    embeddings = mlp.embedding, mlp.periodic
    return [
        *([*of(y.weight), *of(y.bias)] for y in mlp.layers),
        *([] if y is None else of(y.weight) for y in embeddings),
    ]


def _places(tensors: list[list[Tensor]]) -> list[list[int]]:
    """Return where tensors are in memory."""
    return [[x.data_ptr() for x in own] for own in tensors]


def _are_plain(mlp: StackedMLP) -> bool:
    """Tell whether a stack has embeddings, linear layers, ReLU and dropout alone."""
    *hidden, last = mlp.layers
    layers = [step for layer in hidden for step in (layer, ACTIVATIONS["relu"])]
    embeddings = (mlp.embedding, StackedEmbedding), (mlp.periodic, StackedPeriodic)
    plain: list[Any] = [*(y for y, kind in embeddings if type(y) is kind), *layers]
    # A stack that drops nothing has no dropout among its steps.
    steps = [step for step in mlp.steps() if type(step) is not StackedDropout]
    return steps == [*plain, last] and all(type(y) is StackedLinear for y in mlp.layers)


def _kinds_of(mlp: StackedMLP) -> tuple[list[nn.Parameter], ...]:
    """Return the parameters that are to be treated alike: weights, biases, vectors."""
    periodic = [] if mlp.periodic is None else [mlp.periodic.weight]
    weights = [*(y.weight for y in mlp.layers), *periodic]
    kinds = weights, [y.bias for y in mlp.layers]
    return kinds if mlp.embedding is None else (*kinds, [mlp.embedding.weight])


def _are_alike(
    kinds: tuple[list[nn.Parameter], ...], optimizer: torch.optim.Optimizer
) -> bool:
    """Tell whether an optimizer treats each kind of parameters alike."""
    if type(optimizer) is not StackedAdamW:
        return False
    groups = [[optimizer.group_of(p) for p in own] for own in kinds]
    alike = all(group is own[0] for own in groups for group in own)
    return alike and all(
        np.array_equal(own[0][name], groups[0][0][name])
        for own in groups
        for name in ("betas", "eps")
    )
