"""Seeds of nets and of their members."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.utils import check_random_state

from .._typing import RandomState


def draw_seed(random_state: RandomState) -> int:
    """Return an int seed from `random_state`, leaving global random states alone.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws fresh entropy from the system.

    Returns
    -------
    seed : int
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))


def member_seeds(seed: int) -> Iterator[int]:
    """Yield the seeds of a net's members, one after the other.

    Parameters
    ----------
    seed : int
        The net's.

    Yields
    ------
    seed : int
    """
    rng = np.random.RandomState(seed)
    while True:
        yield int(rng.randint(2**31 - 1))
