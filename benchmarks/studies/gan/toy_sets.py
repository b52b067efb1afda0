"""Sets in the plane: mixtures of Gaussians, curves, and a real table's projection."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_moons, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split

NOISE_SD = 0.05  # around the centers or the curve; the sets have unit variance or so
NEAR = 3 * NOISE_SD
N_POINTS = 2000  # that a curve is made of
N_PARTS = 16  # of what has no modes


@dataclass(frozen=True, eq=False)
class ToySet:
    """A distribution in the plane: equally likely points, with Gaussian noise.

    Or a real one, which is known by some of its rows only: these are the points.

    Parameters
    ----------
    name : str
        Its name.
    points : ndarray of shape (n_points, 2)
        The centers of a mixture, points along curves, or real rows that are held out.
    parts : ndarray of int, shape (n_points,)
        The number of each point's part: a mixture's mode, a piece of a curve, or a
        cluster of rows.
    near : float, default=NEAR
        How far from the next point a row may be to count as near it.
    rows : ndarray of shape (n_rows, 2), default=None
        Of a real distribution, the rows to learn from; its points are others.
    """

    name: str
    points: np.ndarray
    parts: np.ndarray
    near: float = NEAR
    rows: np.ndarray | None = None

    def draw(self, n_rows, rng):
        """Draw rows to learn from, with the part each is of.

        Parameters
        ----------
        n_rows : int
            How many; of a real distribution, some of its rows come several times.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        X : ndarray of float32, shape (n_rows, 2)
        y : ndarray of int, shape (n_rows,)
        """
        if self.rows is None:
            return self._draw_points(n_rows, rng, NOISE_SD)
        X = self.rows[rng.integers(len(self.rows), size=n_rows)]
        return X.astype(np.float32), self.parts[cKDTree(self.points).query(X)[1]]

    def draw_fresh(self, n_rows, rng):
        """Draw rows to measure by: of a real distribution, rows that are held out.

        Parameters
        ----------
        n_rows : int
        rng : numpy.random.Generator

        Returns
        -------
        X : ndarray of float32, shape (n_rows, 2)
        """
        noise_sd = NOISE_SD if self.rows is None else 0.0
        return self._draw_points(n_rows, rng, noise_sd)[0]

    def _draw_points(self, n_rows, rng, noise_sd):
        chosen = rng.integers(len(self.points), size=n_rows)
        noise = rng.normal(scale=noise_sd, size=(n_rows, 2))
        return (self.points[chosen] + noise).astype(np.float32), self.parts[chosen]


def _ring():
    angle = np.arange(8) * np.pi / 4
    points = np.sqrt(2) * np.column_stack([np.cos(angle), np.sin(angle)])
    return ToySet("ring of 8", points, np.arange(8))


def _grid():
    side = np.arange(-2, 3) / np.sqrt(2)
    points = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    return ToySet("grid of 25", points, np.arange(25))


def _swiss_roll():
    points, along = make_swiss_roll(N_POINTS, random_state=0)
    points = points[np.argsort(along)][:, [0, 2]] / 7
    return ToySet("swiss roll", points, _pieces())


def _moons():
    # One moon after the other, each from one end to the other.
    points, _ = make_moons(N_POINTS, shuffle=False)
    points = points - points.mean(axis=0)
    return ToySet("two moons", points / points.std(), _pieces())


def _pieces():
    """Return the pieces that points along a curve are of."""
    return np.arange(N_POINTS) * N_PARTS // N_POINTS


def _digits():
    X, y = load_digits(return_X_y=True)  # all columns are gray levels of one scale
    X = PCA(2, svd_solver="full").fit_transform(X)
    half = {"test_size": 0.5, "stratify": y, "random_state": 0}
    rows, points = train_test_split(X / X.std(), **half)
    clusters = KMeans(N_PARTS, n_init=10, random_state=0).fit(points)
    # There is no noise whose size is known: what is far is what is rare among rows.
    apart = cKDTree(points).query(points, k=2)[0][:, 1]
    near = float(np.quantile(apart, 0.95))
    return ToySet("digits", points, clusters.labels_, near, rows)


TOY_SETS = {
    toy.name: toy for toy in (_ring(), _grid(), _swiss_roll(), _moons(), _digits())
}
