"""Which rows each member trains on, and which it sets aside."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import (
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)

from .._typing import Array
from .._warn import without_warnings


def split_rows(
    y: Array,
    fraction: float,
    n_members: int,
    random_state: int,
    groups: Array | None = None,
) -> list[tuple[Array, Array]]:
    """Split row numbers into training and validation for each member.

    One member's validation rows are drawn at random; those of several are folds, as
    many as are needed to hold the fraction each, dealt anew when all have been used.
    Stratified as far as it goes: classes with a single row stay in training, and where
    the validation part is too small to hold each class, the split is plainly random.
    Groups are whole on one side.

    Parameters
    ----------
    y : ndarray of int of shape (n,)
    fraction : float
        Share of rows for validation, in (0, 1).
    n_members : int
    random_state : int
    groups : ndarray of int of shape (n,), default=None

    Returns
    -------
    splits : list of (train, valid)
        Arrays of int; the members with the most rows to train on come first.

    Raises
    ------
    ValueError
        If there are too few rows, or groups, to leave some on both sides.
    """
    if groups is not None:
        pairs = _group_splits(y, groups, fraction, n_members, random_state)
        return sorted(pairs, key=lambda pair: -len(pair[0]))
    counts = np.bincount(y)
    movable = np.flatnonzero(counts[y] > 1)
    if len(movable) < 2:
        movable = np.arange(len(y))
    stays = np.setdiff1d(np.arange(len(y)), movable)
    split = _hold_out if n_members == 1 else _fold_splits
    pairs = split(y[movable], fraction, n_members, random_state)
    splits = [
        (np.concatenate([movable[train], stays]), movable[valid])
        for train, valid in pairs
    ]
    return sorted(splits, key=lambda pair: -len(pair[0]))


def _hold_out(
    y: Array, fraction: float, n_members: int, random_state: int
) -> list[tuple[Array, Array]]:
    """Draw one validation part."""
    n_valid = int(np.ceil(fraction * len(y)))
    if len(y) <= n_valid:
        raise _too_few(n_valid, len(y))
    counts = np.bincount(y)
    roomy = min(n_valid, len(y) - n_valid) >= np.count_nonzero(counts)
    stratify = y if roomy and counts[y].min() > 1 else None
    return [
        train_test_split(
            np.arange(len(y)),
            test_size=n_valid,
            stratify=stratify,
            random_state=random_state,
        )
    ]


def _fold_splits(
    y: Array, fraction: float, n_members: int, random_state: int
) -> list[tuple[Array, Array]]:
    """Return the parts of shuffled folds, of as many deals as are needed."""
    if len(y) < 2:
        raise _too_few(1, len(y))
    n_folds = min(max(2, round(1 / fraction)), len(y))
    kind = StratifiedKFold if np.bincount(y).max() >= n_folds else KFold
    return _deal(kind, n_folds, n_members, random_state, y)


def _group_splits(
    y: Array, groups: Array, fraction: float, n_members: int, random_state: int
) -> list[tuple[Array, Array]]:
    """Return the parts of shuffled folds of whole groups."""
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            f"groups must be at least 2, so that one can be set aside, got {n_groups}: "
            "give more groups, X_val and y_val, or early_stopping=False."
        )
    n_folds = min(max(2, round(1 / fraction)), n_groups)
    if np.bincount(y).max() < n_folds:  # too few of each class to be shared out
        y = np.zeros_like(y)
    return _deal(StratifiedGroupKFold, n_folds, n_members, random_state, y, groups)


def _deal(
    kind: Any,
    n_folds: int,
    n_members: int,
    random_state: int,
    y: Array,
    groups: Array | None = None,
) -> list[tuple[Array, Array]]:
    """Return as many parts as there are members, of one deal after another."""
    pairs: list[tuple[Array, Array]] = []
    with without_warnings("The least populated class"):
        while len(pairs) < n_members:
            seed = random_state % 2**32
            folds = kind(n_folds, shuffle=True, random_state=seed).split(y, y, groups)
            pairs += [pair for pair in folds if len(pair[1])]  # no fold is empty
            random_state += 1
    return pairs[:n_members]


def _too_few(n_valid: int, n_rows: int) -> ValueError:
    return ValueError(
        f"early_stopping=True cannot set {n_valid} of {n_rows} distinct rows aside for "
        f"validation: n_samples = {n_rows} leaves none to train on. Lower "
        "validation_fraction, give more rows or set early_stopping=False."
    )
