"""Which rows a job trains on and is scored on, and with which labels."""

import warnings
from functools import lru_cache

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold


def rows_of(table, job):
    """Return the rows that a job trains on, and those that it is scored on.

    Parameters
    ----------
    table : Table
        The job's table.
    job : Job
        Which job.

    Returns
    -------
    train, test : arrays of int
    """
    if table.splits is not None:
        return table.splits[job.repeat, job.fold]
    return _folds(table, job.folds, derive(job.seed, job.repeat))[job.fold]


def labels_of(table, job):
    """Return the labels that a job is given; those of its test rows are not to be used.

    Some are replaced by a class drawn from all of the table's, as often by the right
    one as by any other (Zhang et al., "mixup", 2017, section 3.4).

    Parameters
    ----------
    table : Table
        The job's table.
    job : Job
        Of those of a repeat, the same are replaced, and more where `noise` is larger.

    Returns
    -------
    y : ndarray of shape (n_rows,)
    """
    y = np.asarray(table.y)
    if not job.noise:
        return y
    rng = np.random.default_rng([job.seed, job.repeat])
    replaced = rng.permutation(len(y))[: round(job.noise * len(y))]
    drawn = rng.choice(np.unique(y), len(y))  # for all, so that levels agree
    y = y.copy()
    y[replaced] = drawn[replaced]
    return y


@lru_cache(maxsize=1)  # the jobs of a unit share them
def _folds(table, n_folds, seed):
    return split(np.asarray(table.y), n_folds, seed)


def split(y, n_folds, seed):
    """Split rows into stratified folds, as well as the classes allow.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Classes. Those with fewer rows than folds are spread as far as they go; where
        all are that rare, the folds are not stratified.
    n_folds : int
        Number of folds.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    folds : list of (train, test)
        Arrays of row numbers.
    """
    _, counts = np.unique(y, return_counts=True)
    kind = StratifiedKFold if counts.max() >= n_folds else KFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(kind(n_folds, shuffle=True, random_state=seed).split(y, y))


def rare_classes(y, n_folds):
    """Say which classes have fewer rows than there are folds.

    Parameters
    ----------
    y : array of shape (n_rows,)
        Classes.
    n_folds : int
        Number of folds.

    Returns
    -------
    message : str or None
        None if there are none.
    """
    classes, counts = np.unique(np.asarray(y), return_counts=True)
    rare = classes[counts < n_folds]
    if not len(rare):
        return None
    names = ", ".join(str(name) for name in rare)
    return (
        f"{len(rare)} of {len(classes)} classes have fewer rows than the {n_folds} "
        f"folds, so some folds lack them: {names}"
    )


def derive(*numbers):
    """Return a seed that stands for all of `numbers`."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
