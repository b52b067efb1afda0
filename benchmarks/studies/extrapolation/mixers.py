"""Ways to mix beyond the rows that the study tries, and the package lacks."""

import numpy as np
import torch

from skmixup.mixing import InputMixup, mix
from skmixup.mixing._mixers import hash_counters


class StretchedTargets(InputMixup):
    """Extrapolate targets as far as rows: weights below 0 and above 1.

    Parameters
    ----------
    reach : float
        As in :class:`skmixup.mixing.InputMixup`.
    """

    def mix(self, X, X_partner, lam):
        """Mix rows and targets alike; see `Mixer.mix`."""
        return super().mix(X, X_partner, lam)[0], lam


class TowardsShares(InputMixup):
    """Extrapolate rows, whose targets go back towards those of a row at random.

    As far as a row lies beyond another, so much weight has the partner's target, drawn
    at random: on average, that is the shares of the classes.

    Parameters
    ----------
    reach : float
        As in :class:`skmixup.mixing.InputMixup`.
    """

    def mix(self, X, X_partner, lam):
        """Mix rows with their partners; see `Mixer.mix`."""
        mixed, _ = super().mix(X, X_partner, lam)
        beyond = torch.where(lam > 0.5, 2 - lam, -lam)
        inside = (lam >= 0) & (lam <= 1)
        return mixed, torch.where(inside, lam, beyond).clamp(0, 1)


class OffData(InputMixup):
    """Mix some rows with rows off the data, which have the labels of their partners.

    The partner is a row at random, and so its label, on average over draws, is the
    shares of the classes, towards which a cross-entropy that is linear in targets
    draws rows off the data.

    Parameters
    ----------
    rows : ndarray of float32 of shape (n_rows, n_columns)
        Encoded rows off the data, of which one is drawn each time.
    share : float
        Probability that a row's partner is one of those, and not a row of the batch.
    """

    def __init__(self, rows, share):
        super().__init__()
        self.rows = rows
        self.share = share

    def draw(self, rng, lam):
        """Draw a seed for each step; see `Mixer.draw`."""
        return {"seed": rng.integers(2**63, size=len(lam))}

    def mix(self, X, X_partner, lam, seed):
        """Mix rows with their partners or what stands in; see `Mixer.mix`."""
        numbers = hash_counters(seed.numpy(), 2 * X.shape[2])
        numbers = numbers.reshape(*numbers.shape[:-1], -1, 2)
        which = (numbers[..., 0] % np.uint64(len(self.rows))).astype(np.int64)
        stands_in = numbers[..., 1] < np.uint64(self.share * (2**64 - 2**11))
        noise = torch.from_numpy(self.rows)[torch.from_numpy(which)].to(X)
        stands_in = torch.from_numpy(stands_in).to(X.device)[..., None]
        return mix(X, torch.where(stands_in, noise, X_partner), lam), lam
