"""Successive halving: which of many candidates are worth training on."""

from __future__ import annotations

from math import ceil, isnan
from typing import TYPE_CHECKING, Any

from skorch.callbacks import Callback

if TYPE_CHECKING:
    from ._callbacks import BestWeights
    from ._net import MixupNet


class SuccessiveHalving:
    """Drops candidates whose losses are high, a share of them at each of some epochs.

    Candidates that are trained after others, in another stack, are compared with all
    that have come so far, as in asynchronous successive halving [1]_.

    Parameters
    ----------
    factor : float
        Of so many candidates one trains on: at each of the epochs
        max_epochs / factor^k.
    min_epochs : int
        Of which none is below this.

    References
    ----------
    .. [1] Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System for
       Massively Parallel Hyperparameter Tuning", 2020, section 3.
    """

    def __init__(self, factor: float, min_epochs: int) -> None:
        self.factor = factor
        self.min_epochs = min_epochs
        self.losses: dict[tuple[Any, int], dict[int, float]] = {}

    def epochs(self, max_epochs: int) -> list[int]:
        """Return after which epochs candidates are dropped, in order."""
        found, epoch = [], max_epochs / self.factor
        while round(epoch) >= self.min_epochs and round(epoch) < max_epochs:
            found.append(round(epoch))
            epoch /= self.factor
        return sorted(set(found))

    def drop(self, kind: Any, epoch: int, losses: dict[int, float]) -> list[int]:
        """Note losses, and return the candidates that are to be dropped.

        Parameters
        ----------
        kind : object
            What losses are of: those of one kind are compared.
        epoch : int
        losses : dict of int to float
            By candidate.

        Returns
        -------
        dropped : list of int
        """
        known = self.losses.setdefault((kind, epoch), {})
        known.update(losses)
        order = sorted(known, key=lambda one: (isnan(known[one]), known[one], one))
        kept = order[: ceil(len(known) / self.factor)]
        return [one for one in losses if one not in kept]


class DropWorst(Callback):
    """Ends the training of members whose candidates fall behind.

    Parameters
    ----------
    halving : SuccessiveHalving
    candidates : dict of (kind, candidate) to list of int
        Members of each.
    best : BestWeights
        Which comes before this one.
    max_epochs : int

    Attributes
    ----------
    dropped_ : dict of (kind, candidate) to int
        After which epoch.
    """

    def __init__(
        self,
        halving: SuccessiveHalving,
        candidates: dict[tuple[Any, int], list[int]],
        best: BestWeights,
        max_epochs: int,
    ) -> None:
        self.halving = halving
        self.candidates = candidates
        self.best = best
        self.max_epochs = max_epochs

    def on_train_begin(self, net: MixupNet, **kwargs: Any) -> None:
        """Forget an earlier training."""
        self.dropped_: dict[tuple[Any, int], int] = {}

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Drop candidates, if this is one of the epochs to do so."""
        epoch = self.best.epoch_
        if epoch not in self.halving.epochs(self.max_epochs):
            return
        losses: dict[Any, dict[int, float]] = {}
        for (kind, candidate), members in self.candidates.items():
            if (kind, candidate) not in self.dropped_:
                loss = float(self.best.best_loss_[members].mean())
                losses.setdefault(kind, {})[candidate] = loss
        for kind, own in losses.items():
            for candidate in self.halving.drop(kind, epoch, own):
                self.dropped_[kind, candidate] = epoch
                self.best.stop(self.candidates[kind, candidate])
