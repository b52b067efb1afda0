"""The strongest attack: in the manner of AutoAttack (Croce and Hein 2020)."""

import math
from contextlib import contextmanager

import numpy as np
import torch
from art.attacks.evasion import AutoProjectedGradientDescent, SquareAttack
from art.estimators.classification import PyTorchClassifier
from torch import nn

N_RESTARTS, N_STEPS = 5, 40  # of APGD, with each loss
N_QUERIES = 300  # steps of the square attack
FIRST_SHARE = 0.3  # of the columns, which the square attack moves at once at first
FIXED_UNIT = 2.0**20  # of a column that is not to move: ε of it is nothing


class LogitsRatio(nn.modules.loss._Loss):
    """The best wrong class's lead over the right one, by the lead over the third.

    Unlike the cross-entropy, it does not depend on how sure a network is. ART's own
    loops over the rows.

    Examples
    --------
    >>> scores = torch.tensor([[3.0, 2.0, 1.0], [0.0, 4.0, 2.0]])
    >>> LogitsRatio(reduction="none")(scores, torch.eye(3)[:2])
    tensor([-0.5000, -0.5000])
    """

    def forward(self, scores, one_hot):
        """Return the loss of scores (n_rows, n_classes)."""
        right = (scores * one_hot).sum(1)
        wrong = scores.masked_fill(one_hot > 0, -torch.inf).amax(1)
        best = scores.topk(3).values
        loss = (wrong - right) / (best[:, 0] - best[:, 2]).clamp(min=1e-12)
        return loss if self.reduction == "none" else loss.mean()


class _AsImages(nn.Module):
    """A network that takes rows as images, since the square attack takes nothing else.

    The columns that may be moved are the first channel, in an order that is drawn: a
    table's has no meaning. The attack leaves out the last line and column of an image,
    which are blank. The others are further channels. ART's attacks know a mask or not,
    and APGD starts from where the mask forbids to go: so columns that are not to move
    have a unit that ε is nothing of.
    """

    def __init__(self, scores, moves, seed):
        super().__init__()
        self.scores = scores
        self.moved = np.random.default_rng(seed).permutation(np.flatnonzero(moves))
        self.fixed = np.flatnonzero(moves == 0)
        self.order = torch.from_numpy(np.argsort(np.append(self.moved, self.fixed)))
        self.side = math.isqrt(len(self.moved) - 1) + 2
        n_channels = 1 + math.ceil(len(self.fixed) / self.side**2)
        self.shape = n_channels, self.side, self.side

    def forward(self, images):
        moved = images[:, 0, :-1, :-1].flatten(1)[:, : len(self.moved)]
        fixed = images[:, 1:].flatten(1)[:, : len(self.fixed)].double() / FIXED_UNIT
        rows = torch.cat([moved, fixed], 1)
        return self.scores(rows[:, self.order])

    def images_of(self, X):
        """Return rows as the network takes them."""
        images = np.zeros((len(X), *self.shape), dtype=np.float32)
        first = np.zeros((len(X), (self.side - 1) ** 2), dtype=np.float32)
        first[:, : len(self.moved)] = X[:, self.moved]
        images[:, 0, :-1, :-1] = first.reshape(-1, self.side - 1, self.side - 1)
        others = images[:, 1:].reshape(len(X), -1)
        others[:, : len(self.fixed)] = FIXED_UNIT * X[:, self.fixed]
        images[:, 1:] = others.reshape(images[:, 1:].shape)
        return images

    def rows_of(self, images, X):
        """Return X with the columns that may be moved as they are in images."""
        first = images[:, 0, :-1, :-1].reshape(len(X), -1)
        rows = X.copy()
        rows[:, self.moved] = first[:, : len(self.moved)]
        return rows


class _Network(PyTorchClassifier):
    """ART's network, whose own `predict` takes rows one by one from a DataLoader."""

    @torch.no_grad()
    def predict(self, x, **kwargs):
        """Return the scores of rows."""
        return self.model(torch.from_numpy(x)).numpy()


def auto_pgd(target, X, y, moves, epsilon, seed):
    """Move rows by AutoPGD, with both losses of AutoAttack.

    Parameters
    ----------
    target : benchmarks.studies.attacking.Target
        The network.
    X : ndarray of float32 of shape (n_rows, n_columns)
        Encoded rows.
    y : ndarray of shape (n_rows,)
        Their classes.
    moves : ndarray of shape (n_columns,)
        1 for the columns that may be moved, else 0.
    epsilon : float
        By how much, at most.
    seed : int
        Of the starts.

    Returns
    -------
    moved : ndarray, shape of X
        Where it found nothing, rows that are still told right.

    Notes
    -----
    Of two classes, the gradients of both losses have the same sign: the first will do.
    """
    n_classes = target.network.nb_classes
    moved = X.copy()
    for loss in (nn.CrossEntropyLoss(), LogitsRatio())[: 1 + (n_classes > 2)]:
        left = np.flatnonzero(~target.missed(moved, y))
        if not len(left):
            break
        moved[left] = _run(
            *(target, X[left], y[left], moves, loss, seed),
            lambda network: AutoProjectedGradientDescent(
                network,
                eps=epsilon,
                eps_step=2 * epsilon,
                max_iter=N_STEPS,
                nb_random_init=N_RESTARTS,
                batch_size=len(X),
                verbose=False,
            ),
        )
    return moved


def square(target, X, y, moves, epsilon, seed):
    """Move rows by the square attack, which sees scores and no gradient.

    Parameters
    ----------
    target, X, y, moves, epsilon, seed
        As in :func:`auto_pgd`.

    Returns
    -------
    moved : ndarray, shape of X
    """
    return _run(
        *(target, X, y, moves, nn.CrossEntropyLoss(), seed),
        lambda network: SquareAttack(
            network,
            eps=epsilon,
            max_iter=N_QUERIES,
            p_init=FIRST_SHARE,
            batch_size=len(X),
            verbose=False,
        ),
    )


def _run(target, X, y, moves, loss, seed, make):
    if not moves.any():
        return X
    wrapped = _AsImages(target.scores, moves, seed).eval()
    network = _Network(
        wrapped,
        loss,
        input_shape=wrapped.shape,
        nb_classes=target.network.nb_classes,
        clip_values=(-np.inf, np.inf),
        device_type="cpu",
    )
    one_hot = np.eye(network.nb_classes, dtype=np.float32)[target.codes(y)]
    with _drawing(seed):
        images = make(network).generate(wrapped.images_of(X), one_hot)
    return wrapped.rows_of(images, X)


@contextmanager
def _drawing(seed):
    """Seed NumPy's global stream, which ART draws from, and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
