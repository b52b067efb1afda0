"""Variants of mixing that the study of the defaults tries and the package lacks."""

import torch

from skmixup import InputMixup


class Sometimes(InputMixup):
    """Mix with a probability, else leave as it is; a draw for each λ.

    With a λ for each row, a batch has clean and mixed rows, and its loss is the mean of
    both: what RegMixup (Pinto et al. 2022) minimizes, up to the share of each.

    Parameters
    ----------
    probability : float, default=0.5
        Share of the batches, or of the rows, that are mixed.
    """

    def __init__(self, probability=0.5):
        self.probability = probability

    def draw(self, rng, lam):
        """Draw a number for each λ; see `Mixer.draw`."""
        return {"chance": rng.random(lam.shape)}

    def mix(self, X, X_partner, lam, chance):
        """Mix where it is to be; see `Mixer.mix`."""
        mixes = (chance < self.probability).to(lam.device)
        return super().mix(X, X_partner, torch.where(mixes, lam, 1.0))
