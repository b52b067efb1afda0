"""K multi-layer perceptrons as one module."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._typing import Activation
from ._ell import EllRows
from ._embedding import EMBEDDING_SIZE, CodedRows, StackedEmbedding
from ._layers import (
    ACTIVATIONS,
    INIT,
    StackedDropout,
    StackedLinear,
    _per_member,
    torch_generator,
)
from ._periodic import StackedPeriodic

_OUTPUT_MULTIPLE = 16
_ABSENT = -1e9  # score of an output that a member lacks: its softmax is 0 exactly


class StackedMLP(nn.Module):
    """K multi-layer perceptrons that share nothing but the clock.

    Parameters
    ----------
    n_features, n_outputs : int or sequence of int of length K
        Width of a row and of the output. Members of different widths share a stack: of
        a wider row, a member sees the first columns alone, and an output that it lacks
        has probability 0.
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
    n_levels : tuple of m int, or K such, default=()
        Levels of the columns that are categories, and the first m of a row: it holds
        their codes, which :class:`StackedEmbedding` makes vectors of.
    embedding_size : int, default=8
        Numbers in the vector of a level.
    n_periodic : int, default=0
        How many columns, the first after the codes, are numbers that are embedded as
        learned waves (:class:`StackedPeriodic`).

    Raises
    ------
    ValueError
        If `n_periodic` is no number of columns, or there are fewer of these than it
        and `n_levels` say.

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import StackedMLP
    >>> mlp = StackedMLP(4, 3, (8,), n_members=2)
    >>> mlp(torch.ones(2, 5, 4)).shape  # each member its own batch
    torch.Size([2, 5, 3])
    >>> mlp(torch.ones(5, 4)).shape  # all members the same batch
    torch.Size([2, 5, 3])
    """

    layers: list[StackedLinear]
    dropouts: list[StackedDropout]

    def __init__(
        self,
        n_features: int | Sequence[int],
        n_outputs: int | Sequence[int],
        hidden_layer_sizes: Sequence[int] = (128, 128),
        *,
        n_members: int = 1,
        activation: Activation = "relu",
        dropout: float | Sequence[float] = 0.0,
        seeds: Iterable[int] | None = None,
        n_levels: Sequence[int] | Sequence[Sequence[int]] = (),
        embedding_size: int = EMBEDDING_SIZE,
        n_periodic: int = 0,
    ) -> None:
        super().__init__()
        self.n_members = n_members
        self.activation = activation
        self.n_outputs = _per_member(n_outputs, n_members)
        self.width = max(self.n_outputs)
        self.n_features = _per_member(n_features, n_members)
        self.n_levels = _levels_per_member(n_levels, n_members)
        self.n_periodic = n_periodic
        self.embedding: StackedEmbedding | None = None
        self.periodic: StackedPeriodic | None = None
        n_coded, n_learned, n_inputs = len(self.n_levels[0]), 0, self.n_features
        if n_coded:
            self.embedding = StackedEmbedding(n_members, self.n_levels, embedding_size)
            n_learned = n_coded * embedding_size
            n_inputs = [n + n_coded * (embedding_size - 1) for n in self.n_features]
        if not isinstance(n_periodic, Integral) or n_periodic < 0:
            raise ValueError(
                f"n_periodic must be an integer of at least 0, got {n_periodic!r}."
            )
        n_least = n_coded + n_periodic
        if n_least > min(self.n_features):
            raise ValueError(
                f"n_features must be at least {n_least}, for as many codes and "
                f"embedded numbers, got {min(self.n_features)}."
            )
        if n_periodic:
            self.periodic = StackedPeriodic(n_members, n_periodic, first=n_learned)
            n_learned += self.periodic.width
            n_inputs = [n + self.periodic.width for n in n_inputs]
        widths: list[int | Sequence[int]] = [n_inputs, *hidden_layer_sizes, n_outputs]
        layers = [StackedLinear(n_members, a, b) for a, b in pairwise(widths[:-1])]
        # Of a few columns alone, a matrix product can take three times as long.
        layers.append(StackedLinear(n_members, *widths[-2:], multiple=_OUTPUT_MULTIPLE))
        layers[0].hides_inputs = True
        if n_learned:  # what comes after needs no gradient
            layers[0].n_learned_inputs = n_learned
        dropouts = [StackedDropout(dropout, n_members) for _ in hidden_layer_sizes]
        self.layers, self.dropouts = nn.ModuleList(layers), nn.ModuleList(dropouts)
        self.reset_parameters(range(n_members) if seeds is None else seeds)

    @torch.no_grad()
    def reset_parameters(self, seeds: Iterable[int]) -> None:
        """Draw new weights, each member's from its seed alone."""
        self.seeds = [int(seed) for seed in seeds]
        generators = [torch_generator("cpu", seed, INIT) for seed in self.seeds]
        for layer in self.layers:
            layer.reset_parameters(generators)
        for member, n_outputs in enumerate(self.n_outputs):
            self.layers[-1].bias[member, :, n_outputs:] = _ABSENT
        for embedding in self.embeddings:
            embedding.reset_parameters(generators)
        self.seed_members(self.seeds, 0)

    @property
    def embeddings(self) -> list[StackedEmbedding | StackedPeriodic]:
        """What reads rows before the first layer, in order: of levels, of numbers."""
        return [y for y in (self.embedding, self.periodic) if y is not None]

    def seed_members(self, seeds: Iterable[int], epoch: int) -> None:
        """Start the dropout streams of an epoch."""
        for i, dropout in enumerate(self.dropouts):
            dropout.seed_members(seeds, epoch * len(self.dropouts) + i)

    def mixable_layers(self) -> list[nn.Module]:
        """Return the layers whose input manifold mixup may mix.

        The first one's is the row, its levels as vectors (to mix those is to mix
        one-hot rows) and its waves, where there are any.
        """
        return list(self.layers)

    def forward(self, X: Tensor) -> Tensor:
        """Return the scores (K, B, n_outputs) of rows (K, B, d), or (B, d) for all.

        Of A < K batches, given as (A, B, d), the first A members see one each.
        """
        if X.dim() == 2:
            X = X.expand(self.n_members, *X.shape)
        for layer in self.steps():
            X = layer(X)
        return X[..., : self.width]

    def steps(self, drops: bool = True) -> list[Any]:
        """Return all layers in order: linear, activation, dropout where there is any.

        Embeddings of levels and of numbers come first, if there are any.

        Parameters
        ----------
        drops : bool, default=True
            Whether dropout is among them.
        """
        drops = drops and any(dropout.drops for dropout in self.dropouts)
        dropouts = [[dropout] if drops else [] for dropout in self.dropouts]
        *hidden, last = self.layers
        steps: list[Any] = [*self.embeddings]
        for layer, dropout in zip(hidden, dropouts, strict=True):
            steps += [layer, ACTIVATIONS[self.activation], *dropout]
        return [*steps, last]

    @cached_property
    def widths(self) -> tuple[tuple[int, ...], ...]:
        """Width of each layer's input and output, as stored."""
        return tuple(tuple(layer.weight.shape[1:]) for layer in self.layers)

    @torch.no_grad()
    def scores(self, X: Tensor | EllRows | CodedRows) -> Tensor:
        """Return all members' scores of rows: no dropout, no graph, no hooks.

        Changes no state, so that threads may share the module.

        Parameters
        ----------
        X : torch.Tensor, EllRows or CodedRows of shape (K, n_rows, n_features)
            The scores have its precision.

        Returns
        -------
        scores : torch.Tensor of shape (K, n_rows, n_outputs)
        """
        rows: Any = X
        is_plain = type(rows) is Tensor and len(rows) == self.n_members
        for step in self.steps(drops=False):
            # As `infer` does, whose checks take as long as the product of a row.
            plain = is_plain and type(step) is StackedLinear
            own: dict[str, Any] = step._parameters if plain else {}
            if own and own["weight"].dtype == rows.dtype:
                rows = torch.baddbmm(own["bias"], rows, own["weight"])
            else:
                rows = step.infer(rows)
        return rows[..., : self.width]

    def select(self, members: Sequence[int]) -> StackedMLP:
        """Return a stack of some members, cut to their width.

        Parameters
        ----------
        members : sequence of int
            They must agree in `n_outputs` and `n_levels`.

        Returns
        -------
        mlp : StackedMLP
            With copies of their weights, on the CPU.
        """
        first = members[0]
        chosen = StackedMLP(
            [self.n_features[k] for k in members],
            self.n_outputs[first],
            [layer.out_features[first] for layer in self.layers[:-1]],
            n_members=len(members),
            activation=self.activation,
            dropout=[self.dropouts[0].p[k] for k in members] if self.dropouts else 0.0,
            seeds=[self.seeds[k] for k in members],
            n_levels=self.n_levels[first],
            embedding_size=self.embedding.size if self.embedding else EMBEDDING_SIZE,
            n_periodic=self.n_periodic,
        )
        mine = self.state_dict()
        with torch.no_grad():
            for name, parameter in chosen.named_parameters():
                if not name.startswith("embedding."):
                    rows, columns = parameter.shape[1:]
                    parameter.copy_(mine[name][list(members), :rows, :columns])
        if self.embedding is not None and chosen.embedding is not None:
            chosen.embedding.copy_members(self.embedding, members)
        return chosen.train(self.training)


def _levels_per_member(
    n_levels: Sequence[Any], n_members: int
) -> list[tuple[int, ...]]:
    """Return for each member a tuple of the levels of its columns."""
    if len(n_levels) and np.ndim(n_levels[0]):
        return [tuple(own) for own in n_levels]
    return [tuple(n_levels)] * n_members
