"""Rows off the data: moved off its span, noise, and those of other tables."""

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from ...data.suites import EMBEDDED

SPAN = 0.9  # share of the variance of the numbers that the span of the data holds
# Of the tables that scikit-learn ships, those of OpenML with the same rows.
SAME = {"iris": (61,), "wine": (187,), "breast cancer": (1510,), "digits": (28, 32)}


class Columns:
    """What is known of a table's columns: numbers' spread and span, others' levels.

    Parameters
    ----------
    X : DataFrame
        Training rows. All columns that are no numbers are left as they are, or drawn
        from those of its rows.
    """

    def __init__(self, X):
        self.X = X
        numbers = X.select_dtypes("number")
        self.numbers = [name for name in numbers if numbers[name].nunique() > 1]
        known = numbers[self.numbers].to_numpy(dtype=float)
        self.mean, self.sd = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
        self.low, self.high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
        scaled = np.nan_to_num((known - self.mean) / self.sd)
        pca = PCA(svd_solver="full").fit(scaled)
        shares = np.cumsum(pca.explained_variance_ratio_)
        n_inside = min(1 + int((shares < SPAN).sum()), len(self.numbers) - 1)
        inside = pca.components_[:n_inside]
        # All that is orthogonal to the span, also of fewer rows than columns.
        self.off_span = np.linalg.svd(inside)[2][n_inside:]

    def moved(self, X, delta, rng):
        """Move rows off the span, each in a direction of its own.

        Parameters
        ----------
        X : DataFrame
        delta : float or array of shape (n_rows,)
            How far: the root of the mean square over columns of numbers, in their
            standard deviations.
        rng : numpy.random.Generator

        Returns
        -------
        moved : DataFrame
        """
        drawn = rng.normal(size=(len(X), len(self.off_span))) @ self.off_span
        drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
        far = np.reshape(delta, (-1, 1)) * np.sqrt(len(self.numbers))
        numbers = X[self.numbers].to_numpy(dtype=float) + far * drawn * self.sd
        return self._with(X, numbers)

    def in_box(self, n_rows, rng):
        """Draw noise: numbers and levels uniform within their columns' bounds."""
        X = self._rows(n_rows, rng)
        for name in X.columns.difference(self.numbers, sort=False):
            levels = X[name].drop_duplicates()
            picked = levels.iloc[rng.integers(len(levels), size=n_rows)]
            X[name] = picked.set_axis(X.index)
        numbers = rng.uniform(self.low, self.high, (n_rows, len(self.numbers)))
        return self._with(X, numbers)

    def shuffled(self, n_rows, rng):
        """Draw noise: each column by itself, from that of the training rows."""
        X = self._rows(n_rows, rng)
        known = self.X[self.numbers].to_numpy(dtype=float)
        at = rng.integers(len(known), size=(n_rows, len(self.numbers)))
        return self._with(X, np.take_along_axis(known, at, axis=0))

    def like(self, others, n_rows, rng):
        """Make rows of another table rows of this one.

        Parameters
        ----------
        others : ndarray of shape (n_others, n_numbers)
            Standardized columns of numbers.
        n_rows : int
        rng : numpy.random.Generator

        Returns
        -------
        rows : DataFrame
            Of rows at random: each column of numbers is one of the others at random,
            no two the same if there are as many, brought to this one's mean and
            standard deviation. Other columns are drawn each by itself from the
            training rows.
        """
        n_own, n_others = len(self.numbers), others.shape[1]
        names = rng.choice(n_others, n_own, replace=n_others < n_own)
        taken = others[rng.integers(len(others), size=n_rows)][:, names]
        return self._with(self._rows(n_rows, rng), self.mean + self.sd * taken)

    def _rows(self, n_rows, rng):
        """Draw each column by itself from that of the training rows."""
        picked = {
            name: self.X[name].iloc[rng.integers(len(self.X), size=n_rows)].array
            for name in self.X
        }
        return pd.DataFrame(picked)

    def _with(self, X, numbers):
        """Return rows with other numbers, as floats."""
        X = X.astype(dict.fromkeys(self.numbers, float))
        X[self.numbers] = numbers
        return X


def other_tables(table):
    """Return the standardized numbers of the tables that scikit-learn ships.

    Parameters
    ----------
    table : Table
        Which is left out, and what has the same rows.

    Returns
    -------
    others : dict of str -> ndarray of shape (n_rows, n_columns)
        By name, without columns that are constant.
    """
    found = {}
    for name, load in EMBEDDED.items():
        if table.name != name and table.id not in SAME[name]:
            X = load(as_frame=True).data.to_numpy(dtype=float)
            X = X[:, np.ptp(X, axis=0) > 0]
            found[name] = (X - X.mean(axis=0)) / X.std(axis=0)
    return found
