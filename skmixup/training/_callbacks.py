"""Early stopping for each member, and a progress bar, as skorch callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor
from tqdm.auto import tqdm

from .._typing import Array

if TYPE_CHECKING:
    from ._net import MixupNet


class BestWeights(Callback):
    """Early stopping on the clean validation loss, for each member on its own.

    Each member keeps the weights of its best epoch; training ends when none has
    improved for `patience` epochs in a row.

    Parameters
    ----------
    patience : int
        Epochs without improvement after which a member has stopped.
    """

    def __init__(self, patience: int = 10) -> None:
        self.patience = patience

    def on_train_begin(self, net: MixupNet, **kwargs: Any) -> None:
        """Forget an earlier training."""
        n_members = net.n_members
        self.best_loss_ = np.full(n_members, np.inf)
        self.best_epoch_ = np.zeros(n_members, dtype=int)
        self.stopped_ = np.zeros(n_members, dtype=bool)
        self.n_epochs_ = np.zeros(n_members, dtype=int)
        self.epoch_ = 0
        self.best_: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Keep the weights of the members that improved; stop when all have."""
        self.epoch_ += 1
        self.n_epochs_[~self.stopped_] = self.epoch_
        losses = net.valid_losses_.cpu().numpy()
        better = ~self.stopped_ & (losses < self.best_loss_)
        self.best_loss_[better] = losses[better]
        self.best_epoch_[better] = self.epoch_
        self._keep(net, better)
        self.stop(self.epoch_ - self.best_epoch_ >= self.patience)

    def stop(self, members: Any) -> None:
        """Train some members no further: their best weights are kept."""
        self.stopped_[members] = True
        if self.stopped_.all():
            raise KeyboardInterrupt  # skorch's way to end a training early

    def _keep(self, net: MixupNet, better: Array) -> None:
        state = net.module_.state_dict()
        if self.best_ is None or (better.all() and len(better) == 1):
            self.best_ = {name: value.clone() for name, value in state.items()}
        elif better.any():
            members = torch.as_tensor(np.flatnonzero(better), device=net.device)
            for name, value in state.items():
                self.best_[name][members] = value[members]

    def on_train_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Restore the best weights."""
        if self.best_ is not None:
            net.module_.load_state_dict(self.best_)
        self.best_ = None


class EpochProgress(Callback):
    """A progress bar over epochs, shown for fits that take over a second."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_begin(self, net: MixupNet, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=self.epochs, unit="epoch", delay=1)

    def on_epoch_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Move on by one epoch."""
        record = net.history[-1]
        losses = {k: record[k] for k in ("mixed_loss", "valid_loss") if k in record}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update()

    def on_train_end(self, net: MixupNet, **kwargs: Any) -> None:
        """Close the bar."""
        self.bar_.close()
        del self.bar_
