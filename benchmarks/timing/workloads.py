"""The same network on made-up rows, trained by different software."""

import subprocess
import sys
import time
from functools import cache, partial
from itertools import pairwise

import numpy as np
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier
from torch import nn
from torch.nn import functional as F

from skmixup import MixupClassifier, MixupSearchCV

from .contest import (
    KINDS,
    N_CLASSES,
    N_COLUMNS,
    N_ROWS,
    Contest,
    cpu_seconds,
    make_rows,
    seconds,
    using_threads,
    warm_up,
)

HIDDEN = (128, 128)
LR = 1e-3
# The network alone: what the default adds to it is not what is compared.
SINGLE = {"n_estimators": 1, "early_stopping": False, "dropout": 0.0}
ALPHAS = [0.0, 0.1, 0.2, 0.4, 1.0]


# ---- the same network, trained by different software


def mixup(batch_size, epochs, alpha=0.2, **params):
    """Return skmixup's classifier, without preprocessing."""
    return MixupClassifier(
        HIDDEN,
        alpha=alpha,
        batch_size=batch_size,
        max_epochs=epochs,
        lr=LR,
        lr_schedule="constant",
        weight_decay=0.0,
        preprocess=None,
        device="cpu",
        random_state=0,
        **SINGLE | params,
    )


def mlp(batch_size, epochs):
    """Return scikit-learn's MLPClassifier."""
    return MLPClassifier(
        HIDDEN,
        batch_size=batch_size,
        max_iter=epochs,
        learning_rate_init=LR,
        alpha=0.0,
        tol=0.0,
        n_iter_no_change=epochs,
        random_state=0,
    )


def make_network(n_columns=N_COLUMNS):
    """Return the network as plain torch modules."""
    return nn.Sequential(
        nn.Linear(n_columns, HIDDEN[0]),
        nn.ReLU(),
        nn.Linear(HIDDEN[0], HIDDEN[1]),
        nn.ReLU(),
        nn.Linear(HIDDEN[1], N_CLASSES),
    )


def skorch_net(batch_size, epochs):
    """Return skorch's classifier as it comes."""
    return NeuralNetClassifier(
        make_network,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LR,
        batch_size=batch_size,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )


class TorchLoop:
    """The loop that one writes by hand, on tensors in memory."""

    def __init__(self, batch_size, epochs):
        self.batch_size = batch_size
        self.epochs = epochs

    def fit(self, X, y):
        """Train a network with Adam."""
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        network = make_network()
        optimizer = torch.optim.Adam(network.parameters(), lr=LR)
        for _ in range(self.epochs):
            for rows in torch.randperm(len(X)).split(self.batch_size):
                optimizer.zero_grad()
                F.cross_entropy(network(X[rows]), y[rows]).backward()
                optimizer.step()
        return self


FITTERS = {
    "mixup": mixup,
    "ERM": partial(mixup, alpha=0.0),
    "MLPClassifier": mlp,
    "skorch": skorch_net,
    "torch loop": TorchLoop,
}


def fit_contests(quick):
    """Time a step of training: batches of 16, 64 and 256, one and two threads.

    With one thread in seconds of the processor, with two in those of the clock.
    """
    X, y = make_rows()
    y = y.astype(np.int64)
    for make in FITTERS.values():  # what a first fit imports is not counted
        seconds(make(256, 1).fit, X, y)

    def run(make, batch_size, epochs, n_threads):
        n_steps = epochs * -(-len(X) // batch_size)
        clock = time.process_time if n_threads == 1 else time.perf_counter
        with using_threads(n_threads):
            cost = seconds(make(batch_size, epochs).fit, X, y, clock=clock)
        return 1e6 * cost / n_steps

    for batch_size, epochs in ((16, 6), (64, 12), (256, 24)):
        epochs = 1 if quick else epochs
        for n_threads in (1, 2):
            setting = f"batch {batch_size}, {n_threads} thread(s)"
            yield Contest(
                "fit",
                setting,
                "µs/step",
                {
                    name: partial(run, make, batch_size, epochs, n_threads)
                    for name, make in FITTERS.items()
                },
            )


# ---- members


def step_products(n_members, batch_size, n_steps):
    """Run the eight matrix products of a step, and nothing else."""
    widths = [N_COLUMNS, *HIDDEN, N_CLASSES]
    hidden = [torch.ones(n_members, batch_size, width) for width in widths]
    grads = [torch.ones_like(h) for h in hidden]
    weights = [torch.ones(n_members, a, b) / a for a, b in pairwise(widths)]
    weight_grads = [torch.empty_like(weight) for weight in weights]
    layers = range(len(weights))
    for _ in range(n_steps):
        for i in layers:
            torch.bmm(hidden[i], weights[i], out=hidden[i + 1])
        for i in reversed(layers):
            torch.bmm(hidden[i].transpose(1, 2), grads[i + 1], out=weight_grads[i])
            if i:
                torch.bmm(grads[i + 1], weights[i].transpose(1, 2), out=grads[i])


def member_contests(quick):
    """Time a member's step in stacks of 1 to 400, against its products alone."""
    warm_up()
    X, y = make_rows(1000 if quick else N_ROWS)

    def train(n_members, batch_size, epochs):
        few = cpu_seconds(mixup(batch_size, 1, n_estimators=n_members).fit, X, y)
        clf = mixup(batch_size, 1 + epochs, n_estimators=n_members)
        n_steps = epochs * -(-len(X) // batch_size) * n_members
        return 1e6 * (cpu_seconds(clf.fit, X, y) - few) / n_steps

    def multiply(n_members, batch_size, epochs):
        n_steps = epochs * -(-len(X) // batch_size)
        cost = cpu_seconds(step_products, n_members, batch_size, n_steps)
        return 1e6 * cost / (n_steps * n_members)

    stacks = [(1, 16), (5, 16), (25, 16), (100, 16), (400, 16), (25, 256)]
    for n_members, batch_size in stacks[:3] if quick else stacks:
        work = n_members, batch_size, max(1, 20 // n_members)
        yield Contest(
            "members",
            f"{n_members} member(s), batch {batch_size}",
            "µs/member and step",
            {
                "mixup": partial(train, *work),
                "products alone": partial(multiply, *work),
            },
        )


# ---- search


def search_contests(quick):
    """Time five α's × five folds at batch 16; no refit; workers are warm."""
    X, y = make_rows(1000 if quick else N_ROWS)
    epochs = 2 if quick else 10
    clf, shared = mixup(16, epochs), {"cv": 5, "refit": False, "error_score": "raise"}
    rates = {"learning_rate_init": [LR * (1 + i / 100) for i in range(len(ALPHAS))]}
    searches = {
        "MixupSearchCV, n_jobs=2": MixupSearchCV(
            clf, {"alpha": ALPHAS}, n_jobs=2, **shared
        ),
        "MixupSearchCV": MixupSearchCV(clf, {"alpha": ALPHAS}, **shared),
        "GridSearchCV(MixupClassifier), n_jobs=2": GridSearchCV(
            clf, {"alpha": ALPHAS}, n_jobs=2, **shared
        ),
        "GridSearchCV(MLPClassifier), n_jobs=2": GridSearchCV(
            mlp(16, epochs), rates, n_jobs=2, **shared
        ),
    }
    for search in searches.values():  # so that no start of a worker is counted
        seconds(clone(search).fit, X[:300], y[:300])
    yield Contest(
        "search",
        f"{len(X)} rows, {epochs} epochs, 25 fits",
        "s",
        {name: partial(seconds, s.fit, X, y) for name, s in searches.items()},
    )


# ---- prediction


def predict_contests(quick):
    """Time predict_proba of one row, of 1,000 and of 100,000."""
    n_most = 5000 if quick else 100_000
    X, y = make_rows(n_most)
    models = {
        name: FITTERS[name](256, 1) for name in ("mixup", "MLPClassifier", "skorch")
    }
    models["mixup, 8 members"] = mixup(256, 1, n_estimators=8)
    for model in models.values():
        seconds(model.fit, X[:N_ROWS], y[:N_ROWS].astype(np.int64))

    def run(model, rows, n_calls):
        predict = partial(seconds, model.predict_proba, clock=time.process_time)
        with using_threads(1):
            predict(rows[:1])
            times = [predict(rows) for _ in range(n_calls)]
        return 1e6 * float(np.median(times))

    for n_rows, n_calls in ((1, 300), (1000, 50), (n_most, 1)):
        yield Contest(
            "predict",
            f"{n_rows} row(s)",
            "µs",
            {
                name: partial(run, model, X[:n_rows], 3 if quick else n_calls)
                for name, model in models.items()
            },
        )


# ---- memory

_PEAK = """
import numpy as np, pandas as pd
from benchmarks.timing import workloads as c
from benchmarks.timing.memory import peak_of
{setup}
c.seconds(model.fit, X[:300], y[:300])
print(peak_of(lambda: c.seconds(model.fit, X, y)))
"""
_WIDE = """
rng = np.random.default_rng(0)
codes = rng.integers(10_000, size=200_000)
X = pd.DataFrame(rng.normal(size=(200_000, 10))).add_prefix("x")
X["level"] = codes.astype(str)
y = (rng.normal(size=10_000)[codes] > 0).astype(int)
model = c.MixupClassifier(batch_size=256, max_epochs=1, random_state=0, **c.SINGLE)
"""
_FITS = {
    "mixup": "model = c.mixup(256, 1)",
    "MLPClassifier": "model = c.mlp(256, 1)",
    "skorch": "model = c.skorch_net(256, 1)",
    "MixupSearchCV, 25 fits": (
        "model = c.MixupSearchCV(c.mixup(256, 1), {'alpha': c.ALPHAS}, refit=False)"
    ),
}


def memory_contests(quick):
    """Measure the peak of a fit above what the process had, in a fresh process."""

    def peak(setup):
        run = [sys.executable, "-c", _PEAK.format(setup=setup)]
        return float(subprocess.run(run, stdout=subprocess.PIPE, check=True).stdout)

    n_rows = 10_000 if quick else 100_000
    rows = f"X, y = c.make_rows({n_rows}); y = y.astype(np.int64)\n"
    yield Contest(
        "memory",
        f"{n_rows} rows x {N_COLUMNS}",
        "MiB",
        {name: partial(peak, rows + fit) for name, fit in _FITS.items()},
    )
    if not quick:
        setting = "200000 rows x (10 + a category of 10000 levels)"
        yield Contest("memory", setting, "MiB", {"mixup": partial(peak, _WIDE)})


# ---- growth


def growth_contests(quick):
    """Time an epoch against the numbers of rows and of columns, and what these hold.

    Dense rows are trained on by single networks, without preprocessing, in batches of
    256. Columns of many zeros or of heavy tails go the way of the default instead, for
    40 epochs: bins and rare values leave most inputs at zero in most steps, which slows
    a processor down only after some hundred of these.
    """
    warm_up()
    tables = [(10**i, N_COLUMNS) for i in ((3, 4) if quick else (3, 4, 5, 6))]
    tables += [(10_000, width) for width in ((10,) if quick else (10, 100, 1000))]

    def run(make, table):
        X, y = table()
        return cpu_seconds(make(256, 1).fit, X, y)

    for n_rows, n_columns in tables:
        table = cache(partial(make_rows, n_rows, n_columns))
        names = ["mixup", "MLPClassifier"][: 1 if n_rows > 10**5 else 2]
        yield Contest(
            "growth",
            f"{n_rows} rows x {n_columns}",
            "s/epoch",
            {name: partial(run, FITTERS[name], table) for name in names},
        )
    for n_rows in (300,) if quick else (1000, 5000):
        for kind in KINDS:
            yield Contest(
                "growth",
                f"{n_rows} rows x {N_COLUMNS}, {kind}",
                "s/epoch",
                {"default": partial(_default_epoch, n_rows, kind, 3 if quick else 40)},
                most_turns=2,
            )


def _default_epoch(n_rows, kind, epochs):
    X, y = make_rows(n_rows, kind=kind)
    clf = MixupClassifier(max_epochs=epochs, n_iter_no_change=epochs, random_state=0)
    return cpu_seconds(clf.fit, X, y) / epochs
