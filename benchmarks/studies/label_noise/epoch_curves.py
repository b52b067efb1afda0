"""Networks whose test error is noted at every epoch, all of a unit as one stack."""

import time

import numpy as np
import torch
from scipy import sparse
from skorch.callbacks import Callback
from torch import nn

from skmixup import TabularEncoder
from skmixup.mixing import InputMixup
from skmixup.training import Member, Plan, Shared, Table, train

from ...run.fit import Fit
from ...run.folds import labels_of, rows_of
from ...run.schema import SHARE, SIZE, Field, array

N_POINTS = 20  # of a curve
_PARAMS = {
    "hidden_layer_sizes": (128, 128),
    "lr": 1e-3,
    "max_epochs": 200,
    "batch_size": 32,
}
WATCHED = {
    "watched": _PARAMS | {"dropout": 0.0},
    "watched, dropout": _PARAMS | {"dropout": 0.5},
}
FIELDS = {
    "best_error": SHARE,
    "best_epoch": SIZE,
    "curve": Field("pairs of numbers", array(None, 2), is_nested=True),
}


class Watched:
    """A classifier made of an encoder and a member of a trained stack.

    Parameters
    ----------
    encoder : TabularEncoder
        Fitted on the member's training rows.
    module : StackedMLP
        Of one member.
    classes : ndarray
        The table's.
    """

    def __init__(self, encoder, module, classes):
        self.encoder = encoder
        self.module = module.eval()
        self.classes_ = classes

    @torch.no_grad()
    def predict_proba(self, X):
        """Return the probabilities of the table's classes."""
        scores = self.module(torch.from_numpy(_encode(self.encoder, X)))
        return scores[0].double().softmax(-1).numpy()


class _Watch(Callback):
    """Notes each member's error on its own test rows after every epoch."""

    def __init__(self, X, y, tests):
        n_most = max(map(len, tests))
        index = np.stack([np.resize(test, n_most) for test in tests])  # some twice
        self.X, self.y = torch.from_numpy(X[index]), torch.from_numpy(y[index])
        self.counts = torch.tensor([[len(test)] for test in tests])
        self.errors = []

    @torch.no_grad()
    def on_epoch_end(self, net, **kwargs):
        """Note the errors."""
        net.module_.eval()
        wrong = net.module_(self.X).argmax(-1) != self.y
        counted = torch.arange(wrong.shape[1]) < self.counts
        n_wrong = (wrong & counted).sum(1).double()
        self.errors.append((n_wrong / self.counts[:, 0]).numpy())


def fit_watched(table, jobs):
    """Train the networks of all jobs as members of one stack.

    Parameters
    ----------
    table : Table
    jobs : list of Job
        Of one protocol in `WATCHED`, of one repeat, with the same wrong labels.

    Yields
    ------
    fit : Fit
        With the measures `best_error`, the lowest test error of all epochs (that of the
        last is `error`), `best_epoch`, and `curve`, [epoch, test error] of some epochs.
    """
    start = time.perf_counter()
    jobs = sorted(jobs, key=lambda job: -len(rows_of(table, job)[0]))
    encoders = {job.fold: _fit_encoder(table, job) for job in jobs}
    # A member draws its weights by its own width, whoever trains beside it.
    parts = {fold: _encode(e, table.X) for fold, e in encoders.items()}
    widths = {fold: part.shape[1] for fold, part in parts.items()}
    most = max(widths.values())
    X = np.concatenate(
        [np.pad(part, [(0, 0), (0, most - part.shape[1])]) for part in parts.values()]
    )
    offsets = {fold: i * len(table.X) for i, fold in enumerate(encoders)}
    rows = [[r + offsets[job.fold] for r in rows_of(table, job)] for job in jobs]
    classes, truth = np.unique(np.asarray(table.y), return_inverse=True)
    given = np.searchsorted(classes, labels_of(table, jobs[0]))
    watch = _Watch(X, np.tile(truth, len(encoders)), [test for _, test in rows])
    stacked = Table(X, np.tile(given, len(encoders)), np.ones(len(X)))
    members = [_member(job, widths[job.fold], len(classes)) for job in jobs]
    shared = _shared(WATCHED[jobs[0].protocol])
    splits = [(train_rows, None) for train_rows, _ in rows]
    (trained,) = train([Plan(stacked, members, shared, splits, callbacks=(watch,))])
    if trained.error is not None:
        raise trained.error
    errors = np.stack(watch.errors)
    seconds = (time.perf_counter() - start) / len(jobs)
    for i, job in enumerate(jobs):
        model = Watched(encoders[job.fold], trained.net.module_.select([i]), classes)
        yield Fit(job, model, seconds, measures=_describe(errors[:, i]))


def _fit_encoder(table, job):
    return TabularEncoder(n_bins=0).fit(table.X.iloc[rows_of(table, job)[0]])


def _encode(encoder, X):
    """Return rows as dense float32."""
    X = encoder.transform(X)
    X = X.toarray() if sparse.issparse(X) else X
    return X.astype(np.float32)


def _member(job, n_features, n_classes):
    return Member(
        seed=job.fold_seed,
        n_features=n_features,
        n_outputs=n_classes,
        alpha=job.alpha,
        dropout=WATCHED[job.protocol]["dropout"],
        lr=WATCHED[job.protocol]["lr"],
        weight_decay=0.0,
    )


def _shared(params):
    return Shared(
        hidden_layer_sizes=params["hidden_layer_sizes"],
        activation="relu",
        criterion=nn.CrossEntropyLoss,
        mixing=InputMixup(),
        lambda_per="batch",
        batch_size=params["batch_size"],
        max_epochs=params["max_epochs"],
        lr_schedule="cosine",
        patience=None,  # trained to the end
        device="cpu",
        is_sparse=False,
    )


def _describe(errors):
    epochs = np.unique(np.linspace(1, len(errors), N_POINTS).round().astype(int))
    return {
        "best_error": float(errors.min()),
        "best_epoch": int(errors.argmin()) + 1,
        "curve": [[int(e), float(errors[e - 1])] for e in epochs],
    }
