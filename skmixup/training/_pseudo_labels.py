"""Rows without labels, for which each member's own predictions stand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from numbers import Real

import numpy as np
import torch
from torch import Tensor

from .._typing import Array
from ._data import MemberRows, ResidentRows

UNLABELED = -1  # in the place of a class's number, as in `sklearn.semi_supervised`


@dataclass(frozen=True)
class PseudoLabels:
    """How rows without labels are learned: by what a member itself says of them.

    Their targets are each member's predictions, averaged over its epochs [1]_ and
    sharpened [3]_; they are mixed as labels are, which draws the prediction at a mixed
    row towards the mix of what was said of the two [2]_. An epoch visits all rows with
    a label, and as many of the others, in turn; before there are pseudo-labels, these
    are mixed in with a weight of 0. Each `fit` and `partial_fit` begins anew with that:
    one of a single epoch learns nothing of rows without labels.

    Losses must be of classes (CrossEntropyLoss, NLLLoss), and y class indices.

    Parameters
    ----------
    weight : float, default=1.0
        Weight of a row without label, in units of those of rows with one, once it has
        been ramped up. Above 0.
    temperature : float, default=0.5
        Guessed probabilities p become p^(1/temperature), normalized again: 1 leaves
        them as they are, less sharpens them. Above 0.
    momentum : float, default=0.7
        Of the running mean of the predictions: the share that the earlier ones keep
        with each epoch, in [0, 1).
    warmup, rampup : float, default=0.05 and 0.2
        Shares of the epochs before there are any pseudo-labels, and after that until
        they have their full weight. Between, it is exp(−5(1 − t)²) of it, t in [0, 1].

    Raises
    ------
    TypeError
        If one is no number.
    ValueError
        If one is out of range.

    References
    ----------
    .. [1] Laine, Aila, "Temporal Ensembling for Semi-Supervised Learning", 2017.
    .. [2] Verma, Lamb, Kannala, Bengio, Lopez-Paz, "Interpolation Consistency Training
       for Semi-Supervised Learning", 2019.
    .. [3] Berthelot, Carlini, Goodfellow, Oliver, Papernot, Raffel, "MixMatch: A
       Holistic Approach to Semi-Supervised Learning", 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import make_moons
    >>> from skmixup import MixupNet, PseudoLabels
    >>> from skmixup.stack import StackedMLP
    >>> X, truth = make_moons(300, noise=0.1, random_state=0)
    >>> y = np.where(np.arange(300) < 20, truth, -1)  # the first rows have labels
    >>> net = MixupNet(
    ...     StackedMLP, module__n_features=2, module__n_outputs=2, module__n_members=4,
    ...     pseudo_labels=PseudoLabels(), batch_size=20, lr=1e-2, max_epochs=100,
    ...     random_state=0,
    ... )
    >>> bool((net.fit(X, y).predict(X) == truth).mean() > 0.9)
    True
    """

    weight: float = 1.0
    temperature: float = 0.5
    momentum: float = 0.7
    warmup: float = 0.05
    rampup: float = 0.2

    def __post_init__(self) -> None:
        for own in fields(self):
            value = getattr(self, own.name)
            if isinstance(value, bool) or not isinstance(value, Real):
                raise TypeError(f"{own.name} must be a number, got {value!r}.")
        for name in ("weight", "temperature"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} must be above 0, and finite, got {getattr(self, name)!r}."
                )
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), got {self.momentum!r}.")
        for name in ("warmup", "rampup"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"{name} must be in [0, 1], got {getattr(self, name)!r}."
                )


def _ramp(how: PseudoLabels, progress: float) -> float:
    """Return the weight of rows without labels, with such a share of epochs done."""
    if progress < how.warmup:
        return 0.0
    rest = 1.0
    if progress < how.warmup + how.rampup:
        rest = (progress - how.warmup) / how.rampup
    return how.weight * math.exp(-5 * (1 - rest) ** 2)


def split_by_label(rows: MemberRows, y: Tensor) -> tuple[MemberRows, list[Array]]:
    """Return the rows of each member that have a label, and those that have none.

    Parameters
    ----------
    rows : MemberRows
    y : torch.Tensor of int of shape (n_rows,)

    Returns
    -------
    labeled : MemberRows
    unlabeled : list of K arrays of int

    Raises
    ------
    ValueError
        If a member has no row with a label.
    """
    is_unlabeled = y.cpu().numpy() == UNLABELED
    own = [r[:n] for r, n in zip(rows.index, rows.counts, strict=True)]
    labeled = [r[~is_unlabeled[r]] for r in own]
    if not all(map(len, labeled)):
        raise ValueError(
            f"y is {UNLABELED}, no label, for all rows to train on: some need one."
        )
    return MemberRows(labeled), [r[is_unlabeled[r]] for r in own]


class Guesses:
    """The pseudo-labels of a stack's members, and the weight that they have by now.

    Parameters
    ----------
    how : PseudoLabels
    data : ResidentRows
        In whose `y` each row without label gets a number of its own, from `n_classes`
        on: that of its target; and in whose `weight` it gets that of an epoch.
    rows : list of K arrays of int
        Each member's rows without labels.
    n_classes : int

    Attributes
    ----------
    targets : torch.Tensor of shape (K, n_unlabeled, n_classes)
    """

    def __init__(
        self,
        how: PseudoLabels,
        data: ResidentRows,
        rows: Sequence[Array],
        n_classes: int,
    ) -> None:
        self.how = how
        self.data = data
        unlabeled = torch.nonzero(data.y == UNLABELED).flatten()
        data.y = data.y.clone()  # it may be the caller's
        data.y[unlabeled] = n_classes + torch.arange(
            len(unlabeled), device=data.y.device
        )
        if data.weight is None:
            data.weight = torch.ones(len(data), device=data.y.device)
        self.unlabeled, self.weight = unlabeled, data.weight[unlabeled]
        data.weight = data.weight.clone()
        # One that has none guesses of another's, which nothing is learned from.
        some = next(own for own in rows if len(own))
        self.rows = MemberRows([own if len(own) else some[:1] for own in rows])
        self.n_classes = n_classes
        self.targets = torch.full(
            (len(rows), len(unlabeled), n_classes),
            1 / n_classes,
            device=data.y.device,
        )
        self.means: Tensor | None = None

    def update(
        self, progress: float, scores_of: Callable[[Tensor], Tensor], size: int
    ) -> None:
        """Set targets and weights for an epoch.

        Parameters
        ----------
        progress : float
            Share of the epochs that are done.
        scores_of : callable
            Takes row numbers (K, n), returns each member's scores (K, n, n_classes).
        size : int
            How many rows it may be given, to bound memory.
        """
        ramp = _ramp(self.how, progress)
        self.data.weight[self.unlabeled] = ramp * self.weight
        if progress < self.how.warmup:
            return
        first = self.means is None
        if self.means is None:
            self.means = torch.zeros_like(self.targets)
        members = torch.arange(len(self.rows), device=self.targets.device)[:, None]
        for start in range(0, self.rows.index.shape[1], size):
            part = self.rows.index[:, start : start + size]
            index = torch.as_tensor(part, device=self.targets.device)
            proba = scores_of(index).to(self.targets.dtype).softmax(-1)
            place = self.data.y[index] - self.n_classes
            kept = 0.0 if first else self.how.momentum
            mean = proba.lerp(self.means[members, place], kept)
            self.means[members, place] = mean
            sharp = (mean.log() / self.how.temperature).softmax(-1)
            self.targets[members, place] = sharp


def rows_of_an_epoch(n_labeled: Array, unlabeled: Sequence[Array]) -> Array:
    """Return how many rows without labels an epoch visits, of each member.

    Parameters
    ----------
    n_labeled : ndarray of int of shape (K,)
        Rows with a label that it visits.
    unlabeled : sequence of K arrays of int

    Returns
    -------
    n_unlabeled : ndarray of int of shape (K,)
    """
    counts = np.array([len(own) for own in unlabeled], dtype=n_labeled.dtype)
    return np.minimum(counts, n_labeled)
