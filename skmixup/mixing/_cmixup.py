"""Partners with targets like a row's own: C-Mixup."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

import numpy as np

from .._typing import Array

_REACH = 3.0  # bandwidths; beyond, a row is never a partner
_TRIES = 12


class TargetPartners:
    """Draws for each row a partner, the likelier the closer their targets are.

    Row j is drawn for row i with a probability in proportion to
    exp(−|y_i − y_j|² / 2σ²) [1]_, for distances up to 3σ. There is no matrix of all
    pairs: candidates come from a window of the rows in the order of their targets, and
    are kept or thrown away. Where twelve in a row are thrown away, a row is its own
    partner.

    Parameters
    ----------
    y : ndarray of shape (n, n_outputs)
        Targets, standardized.
    rows : sequence of K arrays of int
        Each member's rows, from which its partners come.
    bandwidth : float
        σ.

    References
    ----------
    .. [1] Yao, Wang, Zhang, Zou, Finn, "C-Mixup: Improving Generalization in
       Regression", 2022, equation 6.
    """

    def __init__(self, y: Array, rows: Sequence[Array], bandwidth: float) -> None:
        self.scaled = np.asarray(y, dtype=np.float64).reshape(len(y), -1) / bandwidth
        # A line through the targets: along it, no two are farther apart than they are.
        axis = _main_axis(self.scaled)
        place = self.scaled @ axis
        self.members = [_Windows(place, np.asarray(own)) for own in rows]

    def select(self, members: Sequence[int]) -> Self:
        """Return what draws the same partners for some members."""
        chosen = copy.copy(self)
        chosen.members = [self.members[k] for k in members]
        return chosen

    def draw(
        self,
        rngs: Sequence[np.random.Generator],
        rows: Array,
        counts: Sequence[int] | Array,
    ) -> Array:
        """Draw partners.

        Parameters
        ----------
        rngs : sequence of A numpy.random.Generator
            A stream for each of the first A members.
        rows : ndarray of int of shape (A, S, B)
            Row numbers: S steps of B rows for each member.
        counts : sequence of A int
            How many of the B are a member's own; the others are left as they are.

        Returns
        -------
        partners : ndarray of int of shape (A, S, B)
            Row numbers.
        """
        found = rows.copy()
        for member, (rng, count) in enumerate(zip(rngs, counts, strict=True)):
            own = rows[member, :, :count]
            found[member, :, :count] = self._draw_member(rng, member, own)
        return found

    def _draw_member(self, rng: np.random.Generator, member: int, rows: Array) -> Array:
        n_steps, n_rows = rows.shape
        # Step by step, so that it makes no difference how many are drawn at a time.
        random = rng.random((n_steps, 2, _TRIES, n_rows)).swapaxes(0, 1)
        candidates = self.members[member].pick(rows[:, None], random[0])
        difference = self.scaled[candidates] - self.scaled[rows][:, None]
        kept = random[1] < np.exp(-0.5 * (difference**2).sum(axis=-1))
        first = kept.argmax(axis=1)[:, None]
        found = np.take_along_axis(candidates, first, axis=1)[:, 0]
        return np.where(kept.any(axis=1), found, rows)


class _Windows:
    """A member's rows in the order of their places, and each row's reach among them."""

    def __init__(self, place: Array, rows: Array) -> None:
        self.ordered = rows[np.argsort(place[rows], kind="stable")]
        sorted_places = place[self.ordered]
        self.low = np.searchsorted(sorted_places, place - _REACH)
        self.size = np.searchsorted(sorted_places, place + _REACH, "right") - self.low

    def pick(self, rows: Array, random: Array) -> Array:
        """Return rows at shares in [0, 1) of the windows of others."""
        at = self.low[rows] + (random * self.size[rows]).astype(int)
        return self.ordered[at]


def _main_axis(points: Array) -> Array:
    if points.shape[1] == 1:
        return np.ones(1)
    return np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][0]
