"""A contest: competitors for one piece of work, and what it costs each.

They take turns in one process, so that what the machine does besides falls on all
alike.
"""

import time
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import torch
from sklearn.datasets import make_classification
from threadpoolctl import threadpool_limits

from skmixup import MixupClassifier

N_ROWS, N_COLUMNS, N_CLASSES = 4800, 30, 10


@dataclass
class Contest:
    """Competitors for one piece of work.

    Attributes
    ----------
    section : str
    setting : str
        What distinguishes the work within its section.
    unit : str
        Of what the competitors return.
    competitors : dict of str to callable
        Each does the work once and returns its cost: a number, or a dict with it as
        `value` and with what else was measured, those of
        `benchmarks.timing.measurements.MEASURES`.
    most_turns : int or None, default=None
        How many turns each has at most, where one takes long.
    expected : dict of str to float, default={}
        About how many seconds a turn takes, where a budget is kept.
    """

    section: str
    setting: str
    unit: str
    competitors: dict[str, Callable[[], float | dict]] = field(default_factory=dict)
    most_turns: int | None = None
    expected: dict[str, float] = field(default_factory=dict)


@contextmanager
def using_threads(n_threads):
    """Give torch and the BLAS libraries this many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)


def seconds(work, *args, clock=time.perf_counter, **kwargs):
    """Return how long a call takes."""
    with warnings.catch_warnings():
        # Few epochs are no fault here; and what peers' makers have to mend is theirs.
        warnings.simplefilter("ignore")
        start = clock()
        work(*args, **kwargs)
        return clock() - start


def cpu_seconds(work, *args, **kwargs):
    """Return how long a call keeps the processor busy, with one thread.

    On a machine that others use too, that is the work, and not the waiting.
    """
    with using_threads(1):
        return seconds(work, *args, clock=time.process_time, **kwargs)


@cache
def warm_up(device="cpu"):
    """Fit some rows once: a first fit imports, compiles or starts what others find."""
    X, y = make_rows(200)
    with using_threads(1):
        seconds(MixupClassifier(max_epochs=2, device=device).fit, X, y)


# What columns of numbers are like. Standardized Gaussians, where every value is another
# one, are the exception among the tables that people have.
KINDS = ("dense", "half zeros", "counts", "heavy tails")


def make_rows(n_rows=N_ROWS, n_columns=N_COLUMNS, kind="dense"):
    """Return a table of float32 columns and ten classes.

    Parameters
    ----------
    n_rows, n_columns : int
    kind : str, default="dense"
        Of `KINDS`. The "dense" ones are standardized; of "half zeros" those below the
        median are 0; "counts" are Poisson's, most of them 0; "heavy tails" are cubes
        of exponentials, both signs.

    Returns
    -------
    X : ndarray of shape (n_rows, n_columns)
    y : ndarray of int of shape (n_rows,)
    """
    X, y = make_classification(
        n_rows,
        n_columns,
        n_informative=min(20, n_columns),
        n_redundant=0,
        n_classes=N_CLASSES,
        random_state=0,
    )
    X = (X - X.mean(0)) / X.std(0)
    if kind == "half zeros":
        X = np.maximum(X - np.median(X, axis=0), 0)
    elif kind == "counts":
        X = np.random.default_rng(0).poisson(np.exp(X - 2))
    elif kind == "heavy tails":
        X = np.sign(X) * np.expm1(np.abs(X)) ** 3
    return X.astype(np.float32), y
