"""What studies of adversarial rows share: networks as attacks see them, and moves."""

import copy

import numpy as np
import torch
from torch import nn

try:
    from art.attacks.evasion import BasicIterativeMethod, FastGradientMethod
    from art.estimators.classification import PyTorchClassifier
except ImportError as error:
    raise ImportError(
        "The attacks are those of adversarial-robustness-toolbox: pip install -e "
        "'.[attacks,benchmarks]'"
    ) from error

N_STEPS, STEP = 10, 0.25  # of the iterated attack; the latter as a share of ε


class _Scores(nn.Module):
    """The logarithms of an estimator's probabilities, as a module of its own.

    Of several members, of the mean probabilities, at the estimator's temperature. In
    double precision: in single, a confident network's gradient may be zero, and its
    rows look safer than they are.
    """

    def __init__(self, estimator):
        super().__init__()
        self.mlp = copy.deepcopy(estimator.net_.module_).double()
        self.temperature = estimator.temperature_
        weights = estimator.member_weights_
        if weights is None:
            weights = np.full(self.mlp.n_members, 1 / self.mlp.n_members)
        self.log_weights = torch.from_numpy(np.log(weights))[:, None, None]

    def forward(self, X):
        each = self.mlp(X.double()).log_softmax(2)
        log_proba = (each + self.log_weights).logsumexp(0)
        return (log_proba / self.temperature).log_softmax(1)


class Target:
    """A fitted estimator, as the attacks see it.

    Parameters
    ----------
    estimator : MixupClassifier
    """

    def __init__(self, estimator):
        self.estimator = estimator
        self.scores = _Scores(estimator).eval()
        n_columns = self.scores.mlp.layers[0].weight.shape[1]
        self.network = PyTorchClassifier(
            self.scores,
            nn.CrossEntropyLoss(),
            input_shape=(n_columns,),
            nb_classes=max(2, len(estimator.classes_)),
            device_type="cpu",
        )

    def encode(self, X):
        """Return rows as the network gets them."""
        encoded = self.estimator.encoder_.transform(X)
        return np.ascontiguousarray(encoded, dtype=np.float32)

    def codes(self, y):
        """Return classes as numbers, a wrong one for a class that it doesn't know."""
        known = self.estimator.classes_
        return np.searchsorted(known, y).clip(max=len(known) - 1)

    def missed(self, encoded, y):
        """Return of which rows the class is not predicted."""
        with torch.no_grad():
            named = self.scores(torch.from_numpy(encoded)).argmax(1).numpy()
        return self.estimator.classes_[named] != y

    def error(self, encoded, y):
        """Return the share of rows whose class is not predicted."""
        return float(self.missed(encoded, y).mean())


def movable(table, known):
    """Return which columns may be moved: those of numbers, unless they are constant.

    Parameters
    ----------
    table : Table
    known : ndarray of shape (n_known, n_columns)
        Encoded training rows, numbers first.

    Returns
    -------
    moves : ndarray of float32 of shape (n_columns,)
        1 for the columns that may be moved, else 0.
    """
    moves = np.zeros(known.shape[1], dtype=np.float32)
    # Where a column is constant, there is no deviation to move it by.
    n_numbers = table.X.select_dtypes("number").shape[1]
    moves[:n_numbers] = np.ptp(known[:, :n_numbers], axis=0) > 0
    return moves


def attacked(target, X, y, moves, epsilons):
    """Yield rows that are moved against a network, attack by attack.

    Parameters
    ----------
    target : Target
        The network.
    X : ndarray of float32 of shape (n_rows, n_columns)
        Encoded rows.
    y : ndarray of shape (n_rows,)
        Their classes.
    moves : ndarray of shape (n_columns,)
        1 for the columns that may be moved, else 0.
    epsilons : iterable of float

    Yields
    ------
    name : {"FGSM", "I-FGSM"}
        Goodfellow et al. 2015; Kurakin et al. 2017.
    epsilon : float
        By how much, at most.
    moved : ndarray, shape of X
    """
    codes = target.codes(y)
    how = {"batch_size": max(1, len(X))}
    for epsilon in epsilons:
        once = FastGradientMethod(target.network, eps=epsilon, **how)
        often = BasicIterativeMethod(
            *(target.network, epsilon, STEP * epsilon, N_STEPS), verbose=False, **how
        )
        for name, attack in (("FGSM", once), ("I-FGSM", often)):
            yield name, epsilon, attack.generate(X, codes, mask=moves)
