"""Levels of categories as learned vectors, in front of a stack's first layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._layers import grad_of

EMBEDDING_SIZE = 8  # numbers a level, as in RealMLP; 4 and 16 were as good
_INIT_SD = 0.1  # of a level's numbers: larger ones tell rows of rare levels apart


class CodedRows:
    """Rows of which the first columns are levels, looked up in an embedding.

    A mixed row has two levels in each such column, and their weights: its vector is
    what its mixed one-hot row would be times the embedding's matrix. Leading dimensions
    are as for dense rows.

    Parameters
    ----------
    index : torch.Tensor of int64 of shape (..., m), or (..., 2 * m) of mixed rows
        Places in the embedding, 0 for none.
    dense : torch.Tensor of shape (..., d)
        The other columns.
    weight : torch.Tensor, shape of `index`, default=None
        Of each level; 1 if None.
    n_coded : int, default=None
        m; by default all that `index` has.
    """

    def __init__(
        self,
        index: Tensor,
        dense: Tensor,
        weight: Tensor | None = None,
        n_coded: int | None = None,
    ) -> None:
        self.index = index
        self.dense = dense
        self.weight = weight
        self.n_coded = index.shape[-1] if n_coded is None else n_coded

    @property
    def shape(self) -> torch.Size:
        """Shape of the rows: a column for each category, then the dense ones."""
        width = self.n_coded + self.dense.shape[-1]
        return torch.Size((*self.dense.shape[:-1], width))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the dense part."""
        return self.dense.dtype

    @property
    def device(self) -> torch.device:
        """Where the rows are."""
        return self.dense.device

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.dense.dim()

    def __len__(self) -> int:
        return len(self.dense)

    def __getitem__(self, key: Any) -> CodedRows:
        weight = None if self.weight is None else self.weight[key]
        return CodedRows(self.index[key], self.dense[key], weight, self.n_coded)

    def mix(self, partner: CodedRows, lam: Tensor) -> CodedRows:
        """Return λ·self + (1−λ)·partner, for λ of the leading dimensions or of 1."""
        lam = lam.unsqueeze(-1)
        dense = torch.lerp(partner.dense, self.dense, lam)
        weight = [
            share.expand(rows.index.shape)
            if rows.weight is None
            else share * rows.weight
            for share, rows in ((lam, self), (1 - lam, partner))
        ]
        index = torch.cat([self.index, partner.index], dim=-1)
        return CodedRows(index, dense, torch.cat(weight, dim=-1), self.n_coded)

    def where(self, keep: Tensor, partner: CodedRows) -> CodedRows:
        """Return rows with the columns of self where `keep`, and else the partner's."""
        m = self.n_coded
        index = torch.where(keep[..., :m], self.index, partner.index)
        dense = torch.where(keep[..., m:], self.dense, partner.dense)
        return CodedRows(index, dense)


class StackedEmbedding(nn.Module):
    """K tables of a vector for each level of each category.

    A plain row holds in its first columns the codes of its levels, whole numbers from
    1; 0 is a level that nobody knows, and its vector is zero. Columns of different
    numbers of levels share a stack, as widths do in :class:`StackedLinear`.

    Parameters
    ----------
    n_members : int
        K.
    n_levels : sequence of K tuples of m int
        Of each member, the levels of each column.
    size : int, default=8
        Numbers in a vector.

    Attributes
    ----------
    weight : torch.nn.Parameter of shape (K, 1 + n, size)
        The vectors; the first is zero. n is the sum, over columns, of the most levels
        that a member has.

    Examples
    --------
    >>> import torch
    >>> from skmixup.stack import StackedEmbedding
    >>> embedding = StackedEmbedding(2, [(3, 4)] * 2, size=5)
    >>> rows = torch.tensor([[1.0, 4.0, 0.5], [3.0, 0.0, -0.5]])
    >>> embedding(rows.expand(2, 2, 3)).shape  # two vectors of 5, and a number
    torch.Size([2, 2, 11])
    """

    shift: Tensor

    def __init__(
        self,
        n_members: int,
        n_levels: Sequence[Sequence[int]],
        size: int = EMBEDDING_SIZE,
    ) -> None:
        super().__init__()
        self.n_levels = [tuple(map(int, own)) for own in n_levels]
        self.n_coded = len(self.n_levels[0])
        self.size = size
        most = [max(column) for column in zip(*self.n_levels, strict=True)]
        self._starts = list(accumulate(most, initial=1))[:-1]
        # Not part of the state: what is added to codes, which count from 1.
        shift = torch.tensor(self._starts, dtype=torch.int64, device="cpu") - 1
        self.register_buffer("shift", shift, persistent=False)
        self.weight = nn.Parameter(
            torch.zeros(
                (n_members, 1 + sum(most), size), dtype=torch.float32, device="cpu"
            )
        )

    def _places(self, member: int) -> Iterator[slice]:
        """Yield the range of a member's own levels in each column."""
        for start, n_own in zip(self._starts, self.n_levels[member], strict=True):
            yield slice(start, start + n_own)

    @torch.no_grad()
    def reset_parameters(self, generators: Sequence[torch.Generator]) -> None:
        """Draw new vectors, each member's from its own CPU generator."""
        self.weight.zero_()
        for member, generator in enumerate(generators):
            for own in self._places(member):
                fresh = self.weight.new_empty(
                    (own.stop - own.start, self.size), device="cpu"
                )
                fresh.normal_(0, _INIT_SD, generator=generator)
                self.weight[member, own] = fresh

    @torch.no_grad()
    def copy_members(self, other: StackedEmbedding, members: Sequence[int]) -> None:
        """Take the vectors of some members of another embedding."""
        for mine, theirs in enumerate(members):
            places = zip(self._places(mine), other._places(theirs), strict=True)
            for own, source in places:
                self.weight[mine, own] = other.weight[theirs, source].to(self.weight)

    def read(self, X: Tensor | CodedRows) -> CodedRows:
        """Return plain rows (..., m + d) as CodedRows."""
        if isinstance(X, CodedRows):
            return X
        codes = X[..., : self.n_coded].long()
        index = (codes + self.shift) * (codes > 0)
        return CodedRows(index, X[..., self.n_coded :])

    def _flat(self, index: Tensor) -> Tensor:
        """Return places (A, B, ...) as rows of the members' tables in one."""
        first = torch.arange(len(index), device=index.device) * self.weight.shape[1]
        return index + first[:, None, None]

    def forward(self, X: Tensor | CodedRows) -> Tensor:
        """Return rows (A, B, m·size + d), the levels' vectors in place of the codes.

        Parameters
        ----------
        X : torch.Tensor or CodedRows of shape (A, B, m + d)
            Rows of the first A members.
        """
        X = self.read(X)
        table = self.weight.flatten(0, 1)
        vectors = F.embedding(self._flat(X.index), table).to(X.dtype)
        weight = (X.index > 0).to(X.dtype)  # of no level, there is no gradient either
        if X.weight is not None:
            weight = weight * X.weight
        vectors = vectors * weight.unsqueeze(-1)
        if vectors.shape[-2] > self.n_coded:
            vectors = vectors.unflatten(-2, (-1, self.n_coded)).sum(-3)
        return torch.cat([vectors.flatten(-2), X.dense], dim=-1)

    infer = forward  # without hooks, which belong to the training

    def bind(
        self, n_active: int, shape: Sequence[int], is_first: bool
    ) -> _BoundEmbedding:
        """Return what runs it forward and backward; see `StackedLinear.bind`."""
        return _BoundEmbedding(self, n_active, shape)

    def extra_repr(self) -> str:
        """Describe the shape."""
        n_members, n_rows, size = self.weight.shape
        return f"{n_members} × ({n_rows - 1} levels in {self.n_coded} → {size} each)"


class _BoundEmbedding:
    def __init__(
        self, embedding: StackedEmbedding, n_active: int, shape: Sequence[int]
    ) -> None:
        self.embedding = embedding
        self.n_active = n_active
        self.shape = shape
        self.n_coded, self.size = embedding.n_coded, embedding.size
        self.width = self.n_coded * self.size
        self.table = embedding.weight.detach().flatten(0, 1)
        grad = grad_of(embedding.weight)
        self.grad, self.unknown_grad = grad.view(self.table.shape), grad[:, 0]
        self.output: Tensor | None = None

    def forward(self, X: Tensor | CodedRows) -> Tensor:
        X = self.input = self.embedding.read(X)
        output = self.output
        if output is None:
            width = self.width + X.dense.shape[-1]
            output = self.output = self.table.new_empty(*self.shape, width)
        index = X.index if self.n_active == 1 else self.embedding._flat(X.index)
        self.index = index.flatten()
        vectors = self.table.index_select(0, self.index)
        vectors = vectors.view(*X.index.shape, self.size)
        if X.weight is not None:
            vectors *= X.weight.unsqueeze(-1)
        if vectors.shape[-2] > self.n_coded:
            vectors = vectors.unflatten(-2, (-1, self.n_coded)).sum(-3)
        output[..., : self.width] = vectors.flatten(-2)
        output[..., self.width :] = X.dense
        return output

    def backward(self, grad: Tensor) -> None:
        """Write the gradient, from that at the vectors: rows of numbers need none."""
        terms = grad.unflatten(-1, (self.n_coded, self.size))
        X = self.input
        if X.weight is not None:
            n_mixed = X.index.shape[-1] // self.n_coded
            if n_mixed > 1:
                terms = torch.cat([terms] * n_mixed, dim=-2)
            terms = terms * X.weight.unsqueeze(-1)
        # AdamW then passes over all levels. That is quicker than to gather, update and
        # scatter those of a batch: 0.8 against 6.7 ms a step for eight members of
        # 24,000 levels and batches of 256.
        self.grad.zero_()
        self.grad.index_add_(0, self.index, terms.reshape(-1, self.size))
        self.unknown_grad.zero_()
