"""Toy sets in the plane: a ring and a grid of Gaussians, and a swiss roll."""

from dataclasses import dataclass

import numpy as np
from sklearn.datasets import make_swiss_roll

NOISE_SD = 0.05  # around the centers or the curve; the sets have unit variance or so
N_POINTS = 2000  # that a curve is made of


@dataclass(frozen=True, eq=False)
class ToySet:
    """A distribution in the plane: equally likely points, with Gaussian noise.

    Parameters
    ----------
    name : str
        Its name.
    points : ndarray of shape (n_points, 2)
        The centers of a mixture, or points along curves.
    parts : ndarray of int, shape (n_points,)
        The number of each point's part: a mixture's mode, or a piece of a curve. Parts
        are equally likely.
    """

    name: str
    points: np.ndarray
    parts: np.ndarray

    def draw(self, n_rows, rng):
        """Draw rows, with the part each is of.

        Parameters
        ----------
        n_rows : int
            How many.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        X : ndarray of float32, shape (n_rows, 2)
        y : ndarray of int, shape (n_rows,)
        """
        chosen = rng.integers(len(self.points), size=n_rows)
        noise = rng.normal(scale=NOISE_SD, size=(n_rows, 2))
        return (self.points[chosen] + noise).astype(np.float32), self.parts[chosen]


def _ring():
    angle = np.arange(8) * np.pi / 4
    points = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)])
    return ToySet("ring of 8", points, np.arange(8))


def _grid():
    side = np.arange(-2, 3) / np.sqrt(2)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return ToySet("grid of 25", points, np.arange(25))


def _swiss_roll(n_parts=16):
    points, along = make_swiss_roll(N_POINTS, random_state=0)
    points = points[np.argsort(along)][:, [0, 2]] / 7
    return ToySet("swiss roll", points, np.arange(N_POINTS) * n_parts // N_POINTS)


TOY_SETS = {toy.name: toy for toy in (_ring(), _grid(), _swiss_roll())}
