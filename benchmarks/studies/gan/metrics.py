"""How far generated rows are from a toy set, and which of its parts they cover."""

import numpy as np
from scipy.spatial import cKDTree

FAIR_SHARE = 0.2  # of the rows that a part should get: with fewer it is not covered
N_DIRECTIONS = 64


def measure(samples, toy, rng):
    """Compare generated rows with a toy set.

    Parameters
    ----------
    samples : ndarray of shape (n_samples, 2)
        Of one generator.
    toy : ToySet
        What they should look like.
    rng : numpy.random.Generator
        To draw as many fresh real rows with.

    Returns
    -------
    measures : dict of str to float
        ``covered``, the share of parts (modes, pieces of a curve, or clusters) that
        have at least `FAIR_SHARE` of the samples they should have, near them: within
        three standard deviations of the noise, or as far as 95 % of real rows are from
        the next one; ``near``, the share of samples so near to any part;
        ``distance``, the sliced Wasserstein-1 distance to the fresh rows.
    """
    away, nearest = cKDTree(toy.points).query(samples)
    near = away <= toy.near
    sizes = np.bincount(toy.parts)
    counts = np.bincount(toy.parts[nearest[near]], minlength=len(sizes))
    fair = len(samples) * sizes / sizes.sum()
    fresh = toy.draw_fresh(len(samples), rng)
    return {
        "covered": float((counts >= FAIR_SHARE * fair).mean()),
        "near": float(near.mean()),
        "distance": sliced_wasserstein(samples, fresh),
    }


def sliced_wasserstein(first, second, n_directions=N_DIRECTIONS):
    """Return the Wasserstein-1 distance of projections, averaged over directions.

    Parameters
    ----------
    first, second : ndarray of shape (n_rows, 2)
        As many rows in each.
    n_directions : int, default=N_DIRECTIONS
        Evenly spaced over half a turn, so that nothing is left to chance.

    Returns
    -------
    distance : float
    """
    angle = np.arange(n_directions) * np.pi / n_directions
    directions = np.stack([np.cos(angle), np.sin(angle)])
    first, second = (np.sort(rows @ directions, axis=0) for rows in (first, second))
    return float(np.abs(first - second).mean())
