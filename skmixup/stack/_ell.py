"""Rows with few values that are not zero, multiplied without making them dense."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional as F

from .._typing import CSR, Device, Rows

# A sparse product's multiply-add takes about as long as so many of a dense one.
_FACTOR = 32


def rows_with_few_values(X: Rows | Tensor, device: Device) -> EllRows | None:
    """Return a matrix as EllRows, or None where products with dense rows are faster.

    Parameters
    ----------
    X : ndarray, torch.Tensor or CSR of shape (n_rows, n_features)
    device : torch.device or str

    Returns
    -------
    rows : EllRows or None
    """
    if not sparse.issparse(X) or torch.device(device).type != "cpu":
        return None
    fullest = np.diff(X.indptr).max(initial=0)
    # Each row takes as many places as the fullest: that must not waste memory.
    even = fullest * X.shape[0] <= 4 * X.nnz
    return EllRows.from_csr(X) if has_few_values(X).all() and even else None


def has_few_values(X: Rows) -> Any:
    """Tell of each row of a CSR matrix whether a sparse product with it is faster.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)

    Returns
    -------
    few : ndarray of bool of shape (n_rows,), or None if X is not sparse
    """
    if not sparse.issparse(X):
        return None
    return np.diff(X.indptr) * _FACTOR <= X.shape[1]


class EllRows:
    """Rows as the places and the values of what is not zero.

    Every row has the same number of places; those that it does not need have value 0.
    Leading dimensions are as for dense rows.

    Parameters
    ----------
    index : torch.Tensor of int64 of shape (..., m)
        Columns.
    value : torch.Tensor of shape (..., m)
    width : int
        Number of columns.
    """

    def __init__(self, index: Tensor, value: Tensor, width: int) -> None:
        self.index = index
        self.value = value
        self.width = width

    @classmethod
    def from_csr(cls, X: CSR) -> EllRows:
        """Make rows (n, m) of a CSR matrix, where m is its fullest row's."""
        counts = np.diff(X.indptr)
        inside = np.arange(counts.max(initial=1)) < counts[:, None]
        index = np.zeros(inside.shape, dtype=np.int64)
        value = np.zeros(inside.shape, dtype=np.float32)
        index[inside], value[inside] = X.indices, X.data
        return cls(torch.from_numpy(index), torch.from_numpy(value), X.shape[1])

    @property
    def shape(self) -> torch.Size:
        """Shape of the dense rows."""
        return torch.Size((*self.index.shape[:-1], self.width))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        return self.value.dtype

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: Any) -> EllRows:
        return EllRows(self.index[key], self.value[key], self.width)

    def take(self, rows: Tensor) -> EllRows:
        """Return the rows of an index tensor: shape (*rows.shape, width)."""
        m = self.index.shape[-1]
        index = self.index.index_select(0, rows.flatten()).reshape(*rows.shape, m)
        value = self.value.index_select(0, rows.flatten()).reshape(*rows.shape, m)
        return EllRows(index, value, self.width)

    def mix(self, partner: EllRows, lam: Tensor) -> EllRows:
        """Return λ·self + (1−λ)·partner, for λ of the leading dimensions or of 1."""
        lam = lam.unsqueeze(-1)
        value = torch.cat([self.value * lam, partner.value * (1 - lam)], dim=-1)
        index = torch.cat([self.index, partner.index], dim=-1)
        return EllRows(index, value, self.width)

    def expand(self, n_members: int, dtype: torch.dtype) -> EllRows:
        """Return rows (n, width) as (K, n, width): the same for each member."""
        m = self.index.shape[-1]
        index = self.index.expand(n_members, -1, m)
        return EllRows(index, self.value.to(dtype).expand_as(index), self.width)

    def _flat(self) -> tuple[Tensor, Tensor]:
        """Return places in the members' stacked weights, and values: (A·B, m) each."""
        index = self.index
        if len(index) > 1:
            first = torch.arange(len(index), device=index.device) * self.width
            index = index + first[:, None, None]
        m = index.shape[-1]
        return index.reshape(-1, m), self.value.reshape(-1, m)

    def matmul(self, weight: Tensor, bias: Tensor, out: Tensor) -> Tensor:
        """Write bias + rows @ weight, (A, B, width) and (A, width, n_out), to `out`.

        Of one member, `weight` and `out` may come without its axis.
        """
        index, value = self._flat()
        product = F.embedding_bag(
            index, weight.flatten(0, -2), mode="sum", per_sample_weights=value
        )
        return torch.add(product.view_as(out), bias, out=out)

    def transposed_matmul(self, grad: Tensor, out: Tensor) -> None:
        """Write rows.T @ grad, the gradient at the weight, to `out`."""
        index, value = self._flat()
        terms = value.unsqueeze(-1) * grad.reshape(len(value), 1, -1)
        flat = out.flatten(0, -2).zero_()
        flat.index_add_(0, index.flatten(), terms.flatten(0, 1))
