"""How far generated rows are from a toy set, and which of its parts they cover."""

import numpy as np
from scipy.spatial import cKDTree

from .toy_sets import NOISE_SD

NEAR = 3 * NOISE_SD
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
        ``covered``, the share of parts (modes, or pieces of a curve) that have at
        least `FAIR_SHARE` of the samples they should have, within `NEAR`, three
        standard deviations of the noise; ``near``, the share of samples within `NEAR`
        of any center or of the curve; ``distance``, the sliced Wasserstein-1 distance
        to the fresh rows.
    """
    away, nearest = cKDTree(toy.points).query(samples)
    near = away <= NEAR
    n_parts = toy.parts.max() + 1
    counts = np.bincount(toy.parts[nearest[near]], minlength=n_parts)
    fresh, _ = toy.draw(len(samples), rng)
    return {
        "covered": float((counts >= FAIR_SHARE * len(samples) / n_parts).mean()),
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
