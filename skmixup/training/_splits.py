"""Which rows each member trains on, and which it sets aside."""

import warnings

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split


def split_rows(y, fraction, n_members, random_state):
    """Split row numbers into training and validation for each member.

    One member's validation rows are drawn at random; those of several are folds, as
    many as are needed to hold the fraction each, dealt anew when all have been used.
    Stratified as far as it goes: classes with a single row stay in training, and where
    the validation part is too small to hold each class, the split is plainly random.

    Parameters
    ----------
    y : ndarray of int of shape (n,)
    fraction : float
        Share of rows for validation, in (0, 1).
    n_members : int
    random_state : int

    Returns
    -------
    splits : list of (train, valid)
        Arrays of int; the members with the most rows to train on come first.

    Raises
    ------
    ValueError
        If there are too few rows to leave some on both sides.
    """
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


def _hold_out(y, fraction, n_members, random_state):
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


def _fold_splits(y, fraction, n_members, random_state):
    """Return the parts of shuffled folds, of as many deals as are needed."""
    if len(y) < 2:
        raise _too_few(1, len(y))
    n_folds = min(max(2, round(1 / fraction)), len(y))
    kind = StratifiedKFold if np.bincount(y).max() >= n_folds else KFold
    n_deals = -(-n_members // n_folds)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        pairs = [
            pair
            for deal in range(n_deals)
            for pair in kind(
                n_folds, shuffle=True, random_state=(random_state + deal) % 2**32
            ).split(y, y)
        ]
    return pairs[:n_members]


def _too_few(n_valid, n_rows):
    return ValueError(
        f"early_stopping=True cannot set {n_valid} of {n_rows} distinct rows aside for "
        f"validation: n_samples = {n_rows} leaves none to train on. Lower "
        "validation_fraction, give more rows or set early_stopping=False."
    )
