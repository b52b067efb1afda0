"""The training set as weighted distinct rows, and its split into two parts."""

import warnings

import numpy as np
from scipy import sparse
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split


def _hash_rows(X, y):
    """Hash each row and its label to 64 bits; dense and CSR rows hash alike."""
    # Multilinear hashing modulo 2^64: random odd multipliers times the values' bits.
    rng = np.random.default_rng(0)
    factors = rng.integers(2**64, size=X.shape[1] + 1, dtype=np.uint64) | np.uint64(1)
    hashes = (y.astype(np.uint64) + np.uint64(1)) * factors[-1]
    with np.errstate(over="ignore"):
        if sparse.issparse(X):
            terms = X.data.view(np.uint32).astype(np.uint64) * factors[X.indices]
            ends = np.concatenate([[np.uint64(0)], np.cumsum(terms, dtype=np.uint64)])
            return hashes + ends[X.indptr[1:]] - ends[X.indptr[:-1]]
        bits = X.view(np.uint32)
        for start in range(0, len(X), 2**14):  # in chunks, to bound memory
            chunk = slice(start, start + 2**14)
            hashes[chunk] += bits[chunk].astype(np.uint64) @ factors[:-1]
    return hashes


def _equal_neighbors(X, y, hashes):
    """Tell for each row but the first whether it equals the one before it."""
    same = (hashes[1:] == hashes[:-1]) & (y[1:] == y[:-1])
    maybe = np.flatnonzero(same)
    if sparse.issparse(X):
        differs = np.asarray((X[maybe + 1] != X[maybe]).sum(axis=1)).ravel() > 0
    else:
        differs = (X[maybe + 1] != X[maybe]).any(axis=1)
    same[maybe[differs]] = False
    return same


def collapse_duplicates(X, y, weight):
    """Reduce a training set to its distinct rows, each with its total weight.

    It makes a row of weight w the same as w copies of it, exactly, and keeps copies of
    one row from ending up on both sides of a validation split. The order of the result
    depends on the rows only, not on the order that they came in.

    Parameters
    ----------
    X : ndarray or CSR of float32 of shape (n, d)
    y : ndarray of int of shape (n,)
    weight : ndarray of float of shape (n,)

    Returns
    -------
    index : ndarray of int of shape (n_distinct,)
        One row of each kind.
    weight : ndarray of shape (n_distinct,)
    """
    hashes = _hash_rows(X, y)
    order = np.argsort(hashes, kind="stable")
    same = _equal_neighbors(X[order], y[order], hashes[order])
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    return order[starts], np.add.reduceat(weight[order], starts)


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
    split = _hold_out if n_members == 1 else _deal_folds
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


def _deal_folds(y, fraction, n_members, random_state):
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


def count_copies(weight):
    """Return how often each distinct row is to be visited in an epoch, if by counting.

    Copies are visited one by one, as rows of their own would be, while that makes the
    epoch at most four times as long; else each row is visited once, and its weight
    multiplies its loss. A function of the weights' ratios only.

    Parameters
    ----------
    weight : ndarray of float of shape (n,)
        Above 0.

    Returns
    -------
    copies : ndarray of int of shape (n,) or None
        None if the weights are no small multiples of the lightest.
    """
    with np.errstate(over="ignore"):
        ratio = weight / weight.min()
        if ratio.sum() > 4 * len(weight):
            return None
    copies = np.round(ratio).astype(int)
    return copies if np.allclose(ratio, copies, rtol=1e-9, atol=0) else None


def visit_copies(splits, weight):
    """Repeat each row as often as it is to be visited, or keep its weight.

    Parameters
    ----------
    splits : list of (train, valid)
        Row numbers of each member, None for no rows to validate on.
    weight : ndarray of float of shape (n,)

    Returns
    -------
    splits : list of (train, valid)
        Rows repeated as :func:`count_copies` says; the longest training part first.
    weight : ndarray of float of shape (n,) or None
        None if copies are visited one by one.
    """
    copies = count_copies(weight)
    if copies is None:
        return splits, weight
    if (copies == 1).all():
        return splits, None
    splits = [
        tuple(None if rows is None else np.repeat(rows, copies[rows]) for rows in pair)
        for pair in splits
    ]
    return sorted(splits, key=lambda pair: -len(pair[0])), None
