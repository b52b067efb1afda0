"""What might mend a network: noise, weight decay, ensembles, attacked rows.

Ways to train that the package lacks are mixers and skorch callbacks: a user who wants
one hands it to `MixupClassifier`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from skorch.callbacks import Callback
from torch.nn import functional as F

from skmixup.mixing import InputMixup, draw_lambda, draw_partners, mix

from ...models.protocols import ALONE

SINGLE = ALONE | {"max_epochs": 100}
EPSILON = 0.25  # of the attacks, in training and after it
_FGSM_STEP = 1.25  # times ε, from a random start (Wong et al. 2020)


class InputNoise(InputMixup):
    """Mixup of rows with normal noise added, or with partners that it is added to.

    With much noise, a partner is a row off the data, and its target, that of a row at
    random, in the mean the classes' shares.

    Parameters
    ----------
    scale : float
        Standard deviation, in those of the columns.
    n_columns : int
        The first ones, which it is added to.
    to_partners : bool, default=False
        Whether it is added to the partners, before they are mixed in, or to the mixed
        rows.
    """

    def __init__(self, scale, n_columns, to_partners=False):
        self.scale = scale
        self.n_columns = n_columns
        self.to_partners = to_partners

    def draw(self, rng, lam):
        """Draw a seed for each step; see `Mixer.draw`."""
        return {"noise_seed": rng.integers(2**63, size=len(lam))}

    def mix(self, X, X_partner, lam, noise_seed):
        """Mix rows with their partners; see `Mixer.mix`."""
        noise = self._noise(noise_seed, X.shape[2]).to(X)
        noise = F.pad(noise, (0, X.shape[3] - self.n_columns))
        if self.to_partners:
            return super().mix(X, X_partner + noise, lam)
        mixed, lam = super().mix(X, X_partner, lam)
        return mixed + noise, lam

    def _noise(self, seeds, n_rows):
        shape = (n_rows, self.n_columns)
        draws = [
            np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            for seed in seeds.flatten().tolist()
        ]
        noise = torch.from_numpy(self.scale * np.stack(draws))
        return noise.reshape(*seeds.shape, *shape)


class AttackedRows(Callback):
    """Train on attacked rows, in the place of the first of each batch.

    An attack is one step along the sign of the gradient from a random start, against
    each member of a stack by itself (Wong et al., "Fast is better than free", 2020).
    With an `alpha`, attacked rows are then mixed among themselves, and clean ones too:
    interpolated adversarial training (Lamb et al. 2019), half of whose loss is of each.
    For estimators that do not mix themselves, `alpha=0`.

    Parameters
    ----------
    n_columns : int
        The first ones, which are moved.
    epsilon : float, default=0.25
        By how much, at most.
    share : float, default=0.5
        Share of the rows that are attacked.
    alpha : float, default=0.0
        λ ~ Beta(alpha, alpha), one for each part of a batch.
    """

    def __init__(self, n_columns, epsilon=EPSILON, share=0.5, alpha=0.0):
        self.n_columns = n_columns
        self.epsilon = epsilon
        self.share = share
        self.alpha = alpha

    def on_train_begin(self, net, **kwargs):
        """Start the streams anew."""
        self.rng_ = np.random.default_rng(net.seeds_[0])
        self.generator_ = torch.Generator().manual_seed(net.seeds_[0])

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        """Change a batch in place, before the net sees it."""
        if not training:
            return
        X, target = batch
        n_attacked = round(self.share * X.shape[1])
        attacked = slice(n_attacked)
        X[:, attacked] = self._attack(net.module_, X[:, attacked], target[:, attacked])
        if self.alpha:
            for part in (attacked, slice(n_attacked, None)):
                self._mix(X[:, part], target[:, part])

    def _attack(self, module, X, target):
        """Move rows (K, B, d) to where the members' losses are larger."""
        start = torch.rand((*X.shape[:2], self.n_columns), generator=self.generator_)
        moves = self.epsilon * (2 * start - 1)
        rows = X.clone()
        rows[..., : self.n_columns] += moves
        with torch.enable_grad():
            hidden = rows.requires_grad_(True)
            for step in module.steps(drops=False):
                hidden = step(hidden)
            loss = F.cross_entropy(
                hidden[..., : module.width].flatten(0, 1),
                target.flatten(0, 1),
                reduction="sum",
            )
            (slope,) = torch.autograd.grad(loss, rows)
        moves += _FGSM_STEP * self.epsilon * slope[..., : self.n_columns].sign()
        moved = X.clone()
        moved[..., : self.n_columns] += moves.clamp(-self.epsilon, self.epsilon)
        return moved

    def _mix(self, X, target):
        """Mix each member's rows among themselves, in place."""
        n_rows = X.shape[1]
        if not n_rows:
            return
        for member in range(len(X)):
            lam = draw_lambda(self.alpha, rng=self.rng_)
            partner = torch.from_numpy(draw_partners(n_rows, rng=self.rng_))
            for values in (X[member], target[member]):
                values.copy_(mix(values, values[partner], lam))


@dataclass(frozen=True)
class Variant:
    """A way to train.

    Parameters
    ----------
    alpha : float, default=0.0
        mixup's α.
    params : dict, default=SINGLE
        Further parameters of `MixupClassifier`.
    model : str, default="mixup"
        A key of `benchmarks.models.registry.MODELS`.
    mixing, callback : callable, default=None
        Take the number of columns of numbers; return a mixer, or a callback.
    """

    alpha: float = 0.0
    params: dict = field(default_factory=lambda: SINGLE)
    model: str = "mixup"
    mixing: Callable | None = None
    callback: Callable | None = None

    def params_on(self, n_numbers):
        """Return the parameters for a table of so many columns of numbers."""
        made = {}
        if self.mixing is not None:
            made["mixing"] = self.mixing(n_numbers)
        if self.callback is not None:
            made["callbacks"] = [self.callback(n_numbers)]
        return self.params | made


def _noise(scale, alpha=0.0, to_partners=False):
    # At α = 0 nothing is mixed: with the least α, hardly anything is.
    return Variant(alpha or 1e-9, mixing=_Noise(scale, to_partners))


@dataclass(frozen=True)
class _Noise:
    scale: float
    to_partners: bool

    def __call__(self, n_numbers):
        return InputNoise(self.scale, n_numbers, self.to_partners)


@dataclass(frozen=True)
class _Attacked:
    share: float = 0.5
    alpha: float = 0.0

    def __call__(self, n_numbers):
        return AttackedRows(n_numbers, EPSILON, self.share, self.alpha)


PLAIN = "ERM"
DECAY = SINGLE | {"weight_decay": 3.0}
VARIANTS = {
    PLAIN: Variant(),
    "mixup α=1": Variant(1.0),
    "manifold mixup α=1": Variant(1.0, model="manifold"),
    "noise 0.25": _noise(0.25),
    "noise 0.5": _noise(0.5),
    "noise rows α=1": _noise(1.0, 1.0, to_partners=True),
    "decay 3": Variant(0.0, DECAY),
    "decay 3, mixup α=8": Variant(8.0, DECAY),
    "attacked rows": Variant(callback=_Attacked()),
    "all rows attacked": Variant(callback=_Attacked(1.0)),
    "attacked rows α=0.2": Variant(callback=_Attacked(alpha=0.2)),
    "attacked rows, decay 3": Variant(0.0, DECAY, callback=_Attacked()),
    "8 members": Variant(0.0, {}),
    "8 members, mixup α=0.1": Variant(0.1, {}),
    "8 members, noise rows α=1": Variant(1.0, {}, mixing=_Noise(1.0, True)),
    "8 members, attacked rows": Variant(0.0, {}, callback=_Attacked()),
    "8 members, attacked rows α=0.2": Variant(0.0, {}, callback=_Attacked(alpha=0.2)),
}
