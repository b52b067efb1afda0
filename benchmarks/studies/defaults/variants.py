"""Variants of what the package does, which the study tries and the package lacks.

Ways to train are skorch callbacks, ways to encode are transformers: a user who wants
one hands it to `MixupClassifier`.
"""

import math

import numpy as np
import torch
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from skorch.callbacks import Callback

from skmixup import TabularEncoder
from skmixup.mixing import InputMixup

from ...models.preprocessing import NUMBERS, standardized


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


class _CountsEpochs(Callback):
    """Knows the number of a training's epoch, from 1."""

    def on_train_begin(self, net, **kwargs):
        """Count from zero."""
        self.epoch_ = 0

    def on_epoch_begin(self, net, **kwargs):
        """Count."""
        self.epoch_ += 1


class WarmUp(_CountsEpochs):
    """Let the learning rate grow from zero over the first epochs.

    Parameters
    ----------
    epochs : int, default=5
    """

    def __init__(self, epochs=5):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set the rate of the epoch; the net's own schedule comes on top."""
        super().on_epoch_begin(net, **kwargs)
        _set_lr(net, min(1.0, (self.epoch_ - 0.5) / self.epochs))


class Cycles(_CountsEpochs):
    """Learning rates that fall to zero and rise again, each time for longer.

    lr(t) = lr · (1 − cos(2π log2(1 + 15 t))) / 2 at share t of the training, RealMLP's
    "coslog4" (Holzmüller et al. 2024, section 3).

    Parameters
    ----------
    epochs : int, default=100
        Of a training.
    """

    def __init__(self, epochs=100):
        self.epochs = epochs

    def on_epoch_begin(self, net, **kwargs):
        """Set the rate of the epoch."""
        super().on_epoch_begin(net, **kwargs)
        done = (self.epoch_ - 0.5) / self.epochs
        _set_lr(net, (1 - math.cos(2 * math.pi * math.log2(1 + 15 * done))) / 2)


def _set_lr(net, factor):
    for group in net.optimizer_.param_groups:
        group["lr"] = (np.asarray(net.lr) * factor).tolist()


class Beta2(Callback):
    """Adam's second β.

    Parameters
    ----------
    beta2 : float, default=0.95
    """

    def __init__(self, beta2=0.95):
        self.beta2 = beta2

    def on_train_begin(self, net, **kwargs):
        """Set it."""
        for group in net.optimizer_.param_groups:
            group["betas"] = (group["betas"][0], self.beta2)


class PriorOutput(Callback):
    """Begin with the classes' frequencies as the prediction: no weight, log as bias."""

    @torch.no_grad()
    def on_train_begin(self, net, X, y, **kwargs):
        """Set the last layer."""
        last = net.module_.layers[-1]
        share = torch.bincount(torch.as_tensor(y), minlength=net.module_.width) + 1
        last.weight.zero_()
        last.bias[..., : net.module_.width] = (share / share.sum()).log()


class CleanEnd(_CountsEpochs):
    """Mix no more towards the end. For nets whose mixer is `Sometimes`.

    Parameters
    ----------
    after : int, default=20
        Epochs that mix.
    """

    def __init__(self, after=20):
        self.after = after

    def on_epoch_begin(self, net, **kwargs):
        """Switch mixing off when it is time."""
        super().on_epoch_begin(net, **kwargs)
        net.mixing.probability = float(self.epoch_ <= self.after)


class AveragedWeights(Callback):
    """Validate and keep an exponential moving average of the weights.

    Parameters
    ----------
    decay : float, default=0.99
        Share of the average that a step leaves.
    """

    def __init__(self, decay=0.99):
        self.decay = decay

    def on_train_begin(self, net, **kwargs):
        """Start anew."""
        self.steps_ = 0
        self.average_ = [p.detach().clone() for p in net.module_.parameters()]
        self.own_ = None

    @torch.no_grad()
    def on_batch_begin(self, net, training=False, **kwargs):
        """Put the average in place before the validation."""
        if not training and self.own_ is None:
            self.own_ = [p.clone() for p in net.module_.parameters()]
            torch._foreach_copy_(list(net.module_.parameters()), self.average_)

    @torch.no_grad()
    def on_batch_end(self, net, training=False, **kwargs):
        """Take a step into the average."""
        if training:
            self.steps_ += 1
            share = max(1 - self.decay, 1 / self.steps_)
            weights = list(net.module_.parameters())
            torch._foreach_lerp_(self.average_, weights, share)

    @torch.no_grad()
    def on_epoch_begin(self, net, **kwargs):
        """Put back the weights that are trained."""
        if self.own_ is not None:
            torch._foreach_copy_(list(net.module_.parameters()), self.own_)
            self.own_ = None


class OwnAlphas(Callback):
    """Give each member an α of its own.

    Parameters
    ----------
    alphas : sequence of float
    """

    def __init__(self, alphas):
        self.alphas = alphas

    def on_train_begin(self, net, **kwargs):
        """Set them."""
        net.alpha = list(self.alphas)


def _quantiles():
    """Give numbers a normal distribution before they are encoded as always."""
    normal = QuantileTransformer(
        n_quantiles=50, output_distribution="normal", random_state=0
    )
    columns = make_column_transformer(
        (normal, NUMBERS), remainder="passthrough", verbose_feature_names_out=False
    )
    return make_pipeline(columns.set_output(transform="pandas"), TabularEncoder())


# Of the recipes of these names.
ENCODERS = {"quantiles": _quantiles(), "standardized, no bins": standardized()}
CALLBACKS = {
    "warm-up": WarmUp(5),
    "cycles": Cycles(100),
    "beta2 0.95": Beta2(0.95),
    "prior output": PriorOutput(),
    "clean end": CleanEnd(20),
    "averaged weights": AveragedWeights(0.99),
    "own alphas": OwnAlphas((0.0, 0.05, 0.1, 0.1, 0.2, 0.4, 1.0, 2.0)),
}
