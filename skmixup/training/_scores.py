"""Scores that a stack gives to rows, each row's the same whatever rows are beside it.

A product's last bit depends on how its kernel cuts it. MKL's cuts sums only along the
rows' columns, alike for any number of rows, but for up to seven rows that are left at
the end, and for matrices of few columns. So rows are filled up to a multiple of eight,
and a stack with a narrow layer computes in double precision, and rounds to single.
"""

from __future__ import annotations

from functools import lru_cache
from math import isfinite
from typing import Any

import numpy as np
import torch

from .._typing import Array, Device, Rows
from ..stack._ell import EllRows, has_few_values
from ..stack._mlp import StackedMLP
from ._global_state import full_precision, without_subnormals

_MULTIPLE = 8
_SMALL = 64  # weights of a layer below which torch multiplies few rows in its own way
_SMALL_MULTIPLE = 32
_NARROWEST = 16  # columns of a product that is the same for any number of rows
_CHUNK = 2**18  # values of a layer's output, of all members: 1 MiB stays in a cache
_DEVICE_CHUNK = 2**24  # on an accelerator, which has no such cache, and needs work
_MOST_ROWS = 2048  # of a chunk
_DOUBLE_ROWS = 4096  # up to which those compute in double precision


def member_scores(mlp: StackedMLP, X: Rows, device: Device) -> Array:
    """Return the scores that a stack's members give to rows.

    Parameters
    ----------
    mlp : StackedMLP
        Not changed, so that threads may share it.
    X : ndarray or CSR of float32 of shape (n_rows, n_features)
        Finite.
    device : torch.device or str
        The stack's.

    Returns
    -------
    scores : ndarray of float64 of shape (n_rows, K, n_outputs)
        Finite.
    """
    device = torch.device(device)
    _, multiple, narrow = _traits(mlp.widths)
    size = chunk_rows(mlp, device) if X.shape[0] > multiple else multiple
    double = narrow if device.type == "cpu" else X.shape[0] <= _DOUBLE_ROWS
    dtype = torch.float64 if double and device.type != "mps" else torch.float32
    with full_precision(device), without_subnormals():
        chunks = [
            _chunk_scores(mlp, X[start : start + size], device, dtype, multiple)
            for start in range(0, X.shape[0], size)
        ]
    scores = chunks[0] if len(chunks) == 1 else np.concatenate(chunks, axis=1)
    if narrow and device.type == "cpu":
        scores = _in_single(scores)
    return scores.astype(np.float64).transpose(1, 0, 2)


def _in_single(scores: Array) -> Array:
    """Round to single precision, without the last bits of double, what fits in it."""
    with np.errstate(over="ignore"):
        rounded = scores.astype(np.float32)
    return np.where(np.isfinite(rounded), rounded, scores)


def chunk_rows(mlp: StackedMLP, device: torch.device) -> int:
    """Return how many rows a stack is to compute at a time, on a torch.device."""
    widest, multiple, _ = _traits(mlp.widths)
    values = _CHUNK if device.type == "cpu" else _DEVICE_CHUNK
    size = values // (mlp.n_members * widest) // multiple * multiple
    return min(max(size, multiple), _MOST_ROWS)


@lru_cache
def _traits(widths: tuple[tuple[int, ...], ...]) -> tuple[int, int, bool]:
    """Return what shapes of layers ask for: widest, rows to fill up to, any narrow."""
    small = min(n_in * n_out for n_in, n_out in widths) < _SMALL
    multiple = _SMALL_MULTIPLE if small else _MULTIPLE
    narrow = min(n_out for _, n_out in widths) < _NARROWEST
    return max(map(max, widths)), multiple, narrow


def _chunk_scores(
    mlp: StackedMLP, X: Rows, device: torch.device, dtype: torch.dtype, multiple: int
) -> Array:
    """Return the scores of a few rows: an array (K, n_rows, n_outputs)."""
    if not isinstance(X, np.ndarray) and device.type == "cpu" and not mlp.embeddings:
        few = has_few_values(X)
        if few.all():
            Z = EllRows.from_csr(_filled_up(X, multiple)).expand(mlp.n_members, dtype)
            return mlp.scores(Z)[:, : X.shape[0]].numpy()
        if few.any():
            scores: Array = np.empty((mlp.n_members, X.shape[0], mlp.width))
            for rows in (few, ~few):
                part = _chunk_scores(mlp, X[rows], device, dtype, multiple)
                scores[:, rows] = part
            return scores
    dense = torch.from_numpy(_dense(_filled_up(X, multiple))).to(device, dtype)
    outputs = mlp.scores(dense.expand(mlp.n_members, *dense.shape))
    scores = outputs.cpu().numpy()[:, : X.shape[0]]
    # A sum is quick, and not finite if a score is not: one beyond the largest float.
    if dtype == torch.float32 and not isfinite(scores.sum()) and device.type != "mps":
        scores = scores.astype(np.float64)
        lost: Any = ~np.isfinite(scores).all((0, 2))
        if lost.any():
            part = _dense(X[lost])
            scores[:, lost] = _chunk_scores(mlp, part, device, torch.float64, multiple)
    return scores


def _filled_up(X: Any, multiple: int) -> Any:
    """Return rows followed by zeros, up to a multiple, that may be written to."""
    n_rows = -(-X.shape[0] // multiple) * multiple
    if n_rows == X.shape[0]:
        return X
    if not isinstance(X, np.ndarray):
        X = X.copy()
        X.resize(n_rows, X.shape[1])
        return X
    filled = np.zeros((n_rows, X.shape[1]), dtype=X.dtype)
    filled[: len(X)] = X
    return filled


def _dense(X: Rows) -> Array:
    """Return rows as an array that torch takes."""
    X = X if isinstance(X, np.ndarray) else X.toarray()
    return X if X.flags.carray else np.require(X, requirements=["C", "W"])
