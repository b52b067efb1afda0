"""An epoch's batches for a stack of members: order, random draws, gathering, mixing."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .._typing import Array, LambdaPer, Weight
from ..mixing._cmixup import TargetPartners
from ..mixing._core import mix, weighted_lambda
from ..mixing._draws import draw_steps
from ..mixing._mixers import Mixer
from ..stack._compiled import IndexedRows
from ..stack._embedding import StackedEmbedding
from ._data import MemberRows, ResidentRows
from ._pseudo_labels import Guesses, rows_of_an_epoch

# What a member's streams are for.
_ORDER, _LAMBDA, _PARTNERS, _MIXER, _NEIGHBORS, _UNLABELED, _BOTH = range(1, 8)
# Values gathered and mixed at once, for a member and for all.
_BLOCK_VALUES, _ALL_VALUES = 2**18, 2**21
_Streams: TypeAlias = tuple[np.random.Generator, ...]


class Batch(NamedTuple):
    """A step's batches for the first A members.

    X has shape (A, B, ...), target (A, B, n_outputs); `weight` is each row's in its
    member's loss, 1/B or a tensor (A, B, 1); `draws` are the random numbers, members
    first, or False where the module does not mix.
    """

    X: Any
    target: Tensor
    weight: Any
    draws: Any


class EpochBatches:
    """Cuts each epoch's permutation into batches, and mixes a block of them at once.

    A member's batches are a function of its seed, rows and settings alone: members
    with more rows take more steps, and those that are through do not join in them.

    Parameters
    ----------
    data : ResidentRows
    rows : MemberRows
        The members with the most rows first.
    batch_size : int
        -1 for all rows of a member.
    mixer : Mixer or None
    alpha : float or sequence of float of length K
    lambda_per : {"batch", "row"}
    uniform : torch.Tensor of shape (K, n_outputs)
        Each member's uniform distribution over its classes.
    label_smoothing : float or sequence of float of length K
    sparse : bool, default=False
        Whether X may come as EllRows, where that is faster.
    epochs_per_pass : int, default=1
        Epochs in which all rows are visited: of a pass, each takes a part. So many rows
        as do not divide evenly are left out of a pass, other ones of each.
    defers : bool, default=False
        Whether X may come as IndexedRows, still to be taken and mixed.
    embedding : StackedEmbedding, default=None
        What reads rows whose first columns are codes of levels: X comes as CodedRows.
    weighs_targets : bool, default=False
        Whether targets come multiplied by the rows' weights.
    mixes_inside : bool, default=False
        Whether the module mixes, and so needs the draws of each step.
    neighbors : TargetPartners, default=None
        Draws partners among all of a member's rows; None for the same batch's.
    binary : bool, default=False
        Whether floating-point targets are of 0 and 1, and to be smoothed.
    joins_single : bool, default=False
        Whether a last batch of a single row is joined to the one before it.
    unlabeled : list of K arrays of int, default=None
        Rows without labels of each member: an epoch visits as many of them as of
        `rows`, or all.
    """

    def __init__(
        self,
        data: ResidentRows,
        rows: MemberRows,
        batch_size: int,
        mixer: Mixer | None = None,
        alpha: ArrayLike = 0.0,
        lambda_per: LambdaPer = "batch",
        uniform: Tensor | None = None,
        label_smoothing: ArrayLike = 0.0,
        sparse: bool = False,
        weighs_targets: bool = False,
        mixes_inside: bool = False,
        neighbors: TargetPartners | None = None,
        binary: bool = False,
        joins_single: bool = False,
        embedding: StackedEmbedding | None = None,
        defers: bool = False,
        epochs_per_pass: int = 1,
        unlabeled: Sequence[Array] | None = None,
    ) -> None:
        self.data = data
        self.rows = rows
        self.weighs_targets = weighs_targets
        self.mixes_inside = mixes_inside
        self.neighbors = neighbors
        self.epochs_per_pass = epochs_per_pass
        n = np.maximum(rows.counts // epochs_per_pass, 1)
        self.unlabeled = (
            [rows.index[0, :0]] * len(n) if unlabeled is None else unlabeled
        )
        self.n_unlabeled = rows_of_an_epoch(n, self.unlabeled)
        n = self.counts = n + self.n_unlabeled
        if (np.diff(n) > 0).any():
            raise ValueError("Members must come in order of their number of rows.")
        batch_size = n[0] if batch_size == -1 else min(batch_size, n[0])
        self.batch_size = batch_size = int(batch_size)
        self.joined = joins_single & (n > batch_size) & (n % batch_size == 1)
        self.steps = -(-n // batch_size) - self.joined
        self.mixer = mixer
        self.alpha = np.broadcast_to(alpha, len(rows))
        self.lambda_per = lambda_per
        self.encoded: Tensor | None = None
        self.smoothing: Tensor | None = None
        if binary and np.any(label_smoothing):
            shares = np.broadcast_to(label_smoothing, len(rows))
            each = torch.tensor(shares, dtype=torch.float32, device=data.device)
            self.smoothing = each[:, None, None, None]
        if uniform is not None and not data.y.is_floating_point():
            self.encoded = _encoded_classes(uniform, label_smoothing)
        self.norm: Any = self._weight_norm()
        self.take: Callable[[Tensor], Any] = data.take
        self.width = max(data.width, 1)
        if defers:
            whole: Any = data.X
            self.take = partial(IndexedRows, whole)
            self.width = 4 + data.y[0].numel()  # for the targets alone
            if self.encoded is not None:
                self.width += self.encoded.shape[-1]
        elif embedding is not None:
            self.take = lambda rows: embedding.read(data.take(rows))
        elif sparse and data.ell_rows is not None:
            self.take = data.ell_rows.take
            self.width = data.ell_rows.index.shape[-1]

    @property
    def n_steps(self) -> int:
        """Steps of an epoch, for the member with the most rows."""
        return int(self.steps.max())

    def _weight_norm(self) -> Tensor | None:
        """Return what makes the mean weight of each member's rows one, or None."""
        if self.data.weight is None:
            return None
        total = self.data.total_weight(self.rows, "train")
        n_rows = torch.as_tensor(self.rows.counts, device=total.device).to(total)
        if self.n_unlabeled.any():
            n_visited = self.counts - self.n_unlabeled
            total = total * torch.as_tensor(n_visited).to(total) / n_rows
            for k, own in enumerate(self.unlabeled):
                if len(own):
                    index = torch.as_tensor(own, device=total.device)
                    share = float(self.n_unlabeled[k]) / len(own)
                    total[k] += share * self.data.weight[index].sum()
            n_rows = torch.as_tensor(self.counts, device=total.device).to(total)
        return (n_rows / total)[:, None, None]

    def guess(self, guesses: Guesses) -> None:
        """Take over what is guessed of rows without labels, and their weights."""
        assert self.encoded is not None
        classes = self.encoded[:, : guesses.n_classes]
        classes = classes.expand(len(guesses.targets), -1, -1)
        self.encoded = torch.cat([classes, guesses.targets], dim=1)
        self.norm = self._weight_norm()

    def select(self, members: Sequence[int] | Array) -> EpochBatches:
        """Return what cuts the same batches for some members.

        Parameters
        ----------
        members : sequence of int
            In ascending order.

        Returns
        -------
        batches : EpochBatches
        """
        chosen = copy.copy(self)
        for name in ("rows", "neighbors"):
            value = getattr(self, name)
            setattr(chosen, name, value and value.select(members))
        for name in (
            *("counts", "n_unlabeled", "joined", "steps", "alpha", "norm"),
            "smoothing",
        ):
            value = getattr(self, name)
            setattr(chosen, name, None if value is None else value[members])
        chosen.unlabeled = [self.unlabeled[k] for k in members]
        if self.encoded is not None and len(self.encoded) > 1:
            chosen.encoded = self.encoded[members]
        return chosen

    def active_counts(self) -> list[int]:
        """Return how many members take part in a step, each number once, ascending."""
        return sorted({len(counts) for _, _, counts in self.segments()})

    def segments(self) -> Iterator[tuple[int, int, Array]]:
        """Yield the ranges of steps in which every member's batches are alike.

        Yields
        ------
        start, stop : int
            Steps.
        counts : ndarray of int of shape (A,)
            Rows in a batch of each member that takes part.
        """
        n, size = self.counts, self.batch_size
        whole = n // size - self.joined
        cuts = sorted({0, *whole.tolist(), *self.steps.tolist()})
        for start, stop in pairwise(cuts):
            widest = size + (self.joined & (self.steps == start + 1))
            active = self.steps > start
            yield start, stop, np.minimum(n - start * size, widest)[active]

    def epoch(self, seeds: Sequence[int], epoch: int) -> Iterator[tuple[Batch, Array]]:
        """Yield the batches of an epoch one by one, as `blocks` does for many steps."""
        for block, counts in self.blocks(seeds, epoch):
            weighs_rows = isinstance(block.weight, torch.Tensor)
            for step in range(block.X.shape[1]):
                yield (
                    Batch(
                        block.X[:, step],
                        block.target[:, step],
                        block.weight[:, step] if weighs_rows else block.weight,
                        self.mixes_inside
                        and {k: value[:, step] for k, value in block.draws.items()},
                    ),
                    counts,
                )

    def blocks(self, seeds: Sequence[int], epoch: int) -> Iterator[tuple[Batch, Array]]:
        """Yield the batches of an epoch, as many steps at a time as are made at once.

        Parameters
        ----------
        seeds : sequence of int of length K
            The members' seeds.
        epoch : int
            Number of the epoch.

        Yields
        ------
        block : Batch
            Of S steps: its tensors have that axis after the members'.
        counts : ndarray of int of shape (A,)
            Rows in each member's batch.
        """

        def streams(purpose: int) -> list[np.random.Generator]:
            return [np.random.default_rng([seed, epoch, purpose]) for seed in seeds]

        order = self._order(seeds, epoch)
        purposes = (_LAMBDA, _PARTNERS, _MIXER, _NEIGHBORS)
        rngs: list[_Streams]
        rngs = list(zip(*(streams(purpose) for purpose in purposes), strict=True))
        for start, stop, counts in self.segments():
            n_active, n_rows = len(counts), int(counts.max())
            first = start * self.batch_size
            scale = self._scale(counts)
            n_values = min(_BLOCK_VALUES, _ALL_VALUES // n_active)
            n_block = max(1, n_values // (n_rows * self.width))
            for at in range(0, stop - start, n_block):
                n_steps = min(n_block, stop - start - at)
                begin = first + at * n_rows
                block = order[:n_active, begin : begin + n_steps * n_rows]
                block = block.reshape(n_active, n_steps, n_rows)
                yield self._block(block, counts, rngs[:n_active], scale), counts

    def _order(self, seeds: Sequence[int], epoch: int) -> Array:
        """Return the rows that each member visits in an epoch, padded, in order."""
        order = np.zeros((len(seeds), self.counts.max()), dtype=np.int64)
        for k, seed in enumerate(seeds):
            labeled = self.rows.index[k, : self.rows.counts[k]]
            n_other, other = self.n_unlabeled[k], self.unlabeled[k]
            n = self.counts[k] - n_other
            own = _part(labeled, n, seed, epoch, self.epochs_per_pass, _ORDER)
            if n_other:
                n_epochs = -(-len(other) // n_other)
                also = _part(other, n_other, seed, epoch, n_epochs, _UNLABELED)
                own = np.concatenate([own, also])
                np.random.default_rng([seed, epoch, _BOTH]).shuffle(own)
            order[k, : len(own)], order[k, len(own) :] = own, labeled[0]
        return order

    def _scale(self, counts: Array) -> Weight:
        """Return each row's weight in the mean over its batch."""
        if counts.min() == counts.max():
            return 1 / int(counts[0])
        inside = np.arange(counts.max()) < counts[:, None]
        scale = (inside / counts[:, None]).astype(np.float32)
        return torch.as_tensor(scale, device=self.data.device)[:, None, :, None]

    def _block(
        self,
        block: Array,
        counts: Array,
        rngs: list[_Streams],
        scale: Weight,
    ) -> Batch:
        """Gather, encode and mix some steps."""
        index = torch.as_tensor(block, device=self.data.device)
        X, target, draws = self.take(index), self._targets(index), {}
        weight = None if self.data.weight is None else self.data.weight[index]
        if self.mixer is not None:
            draws = self._draw(self.mixer, rngs, counts, block.shape[1])
            other = self._others(block, index, draws, rngs, counts)
            X, target, weight = self._mix(self.mixer, other, draws, X, target, weight)
        if weight is not None:
            scale = (weight * self.norm[: len(index)])[..., None] * scale
        elif isinstance(scale, torch.Tensor):
            scale = scale.expand(-1, index.shape[1], -1, -1)
        if self.weighs_targets:
            target = target * scale
        return Batch(X, target, scale, draws)

    def _draw(
        self, mixer: Mixer, rngs: list[_Streams], counts: Array, n_steps: int
    ) -> dict[str, Tensor]:
        drawn = draw_steps(
            mixer,
            [own[:3] for own in rngs],
            self.alpha[: len(rngs)],
            n_steps,
            counts,
            self.lambda_per,
        )
        draws = {name: torch.from_numpy(value) for name, value in drawn.items()}
        moved = {k: draws[k].to(self.data.device) for k in ("lam", "partner")}
        return draws | moved

    def _others(
        self,
        block: Array,
        index: Tensor,
        draws: dict[str, Tensor],
        rngs: list[_Streams],
        counts: Array,
    ) -> Tensor:
        """Return the numbers of the rows to mix with."""
        if self.neighbors is None:
            return torch.take_along_dim(index, draws["partner"], dim=2)
        found = self.neighbors.draw([own[3] for own in rngs], block, counts)
        return torch.as_tensor(found, device=index.device)

    def _mix(
        self,
        mixer: Mixer,
        other: Tensor,
        draws: dict[str, Tensor],
        X: Any,
        target: Tensor,
        weight: Tensor | None,
    ) -> tuple[Any, Tensor, Tensor | None]:
        extra = {k: v for k, v in draws.items() if k not in ("lam", "partner")}
        X, lam = mixer.mix(X, self.take(other), draws["lam"], **extra)
        if weight is not None:
            lam, weight = weighted_lambda(lam, weight, self.data.weight[other])
        return X, mix(target, self._targets(other), lam), weight

    def _targets(self, index: Tensor) -> Tensor:
        """Return the targets of rows (A, S, B): classes one-hot and smoothed."""
        y = self.data.y
        if self.encoded is None:
            target = y[index]
            if self.smoothing is not None:
                target = target + self.smoothing[: len(target)] * (0.5 - target)
            return target
        # index_select is several times as fast as indexing with a tensor.
        y = y.index_select(0, index.flatten())
        n_targets, n_outputs = self.encoded.shape[1:]
        if len(self.encoded) > 1:
            y = y.reshape(len(index), -1)
            y = y + n_targets * torch.arange(len(y), device=y.device)[:, None]
        encoded = self.encoded.flatten(0, 1).index_select(0, y.flatten())
        return encoded.reshape(*index.shape, n_outputs)


def _part(
    rows: Array, n_rows: int, seed: int, epoch: int, n_epochs: int, purpose: int
) -> Array:
    """Return the rows that an epoch visits, of a pass of so many epochs."""
    n_pass, part = divmod(epoch, n_epochs)
    own = rows.copy()
    np.random.default_rng([seed, n_pass, purpose]).shuffle(own)
    first = min(part * n_rows, len(own) - n_rows)  # of fewer rows than epochs
    return own[first : first + n_rows]


def _encoded_classes(uniform: Tensor, label_smoothing: Any) -> Tensor:
    """Return each class's target, (K, C, C), or (1, C, C) if all members agree."""
    n_outputs = uniform.shape[1]
    smoothing = torch.as_tensor(label_smoothing, dtype=torch.float32, device="cpu")
    eye = torch.eye(n_outputs, dtype=torch.float32, device="cpu")
    one_hot = eye.expand(len(uniform), n_outputs, n_outputs)
    smoothing = smoothing.flatten().expand(len(uniform))[:, None, None]
    encoded = one_hot.lerp(uniform.cpu()[:, None].expand_as(one_hot), smoothing)
    if (encoded == encoded[0]).all():
        encoded = encoded[:1]
    return encoded.to(uniform.device)
