"""Convolutional nets for rows that are images or sequences, trained by `MixupNet`."""

import time

import numpy as np
from torch import nn

from skmixup import MixupNet

from ..run.fit import Fit
from ..run.folds import labels_of, rows_of


def images():
    """Return a net for images of 8 × 8 points and ten classes."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 4 * 4, 10)),
    )


def sequences():
    """Return a net for sequences of 21 points and three classes."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 21)),
        *(nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(3)),
        *(nn.Conv1d(16, 32, 3, padding=1), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(32 * 7, 3)),
    )


# The module, by what its rows are divided, and rows in a batch.
_NETS = {"images": (images, 16, 32), "sequences": (sequences, 3, 64)}


class _Classifier:
    """A net and what turns a table's rows and classes into its own."""

    def __init__(self, job):
        module, self.scale, batch_size = _NETS[job.protocol]
        self.net = MixupNet(
            module,
            alpha=job.alpha,
            random_state=job.fold_seed,
            batch_size=batch_size,
            lr=5e-3,
            lr_schedule="cosine",
            max_epochs=20,
        )

    def fit(self, X, y):
        """Train the net."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        self.net.fit(self._encode(X), codes)
        return self

    def predict_proba(self, X):
        """Return the probabilities of the classes."""
        return self.net.predict_proba(self._encode(X))

    def _encode(self, X):
        return X.to_numpy(dtype=np.float32) / self.scale


def fit_nets(table, jobs):
    """Train a net for each job; those of a fold share weights and the order of rows.

    Parameters
    ----------
    table : Table
    jobs : list of Job
        Of a protocol that names a net.

    Yields
    ------
    fit : Fit
    """
    y = labels_of(table, jobs[0])
    for job in jobs:
        train = rows_of(table, job)[0]
        start = time.perf_counter()
        model = _Classifier(job).fit(table.X.iloc[train], y[train])
        yield Fit(job, model, time.perf_counter() - start)
