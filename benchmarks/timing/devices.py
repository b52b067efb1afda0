"""What `benchmarks.gpu` measures: fits on a device, against the same on the CPU.

Seconds are those of the clock, with one thread on the CPU's side, of the whole fit:
checks, encoding and merging, which are the CPU's work either way, are in them. Contests
come in the order of what they tell, since a session on a GPU may end at any time.
"""

import warnings
from collections import Counter
from functools import cache, partial
from pathlib import Path

import torch
from sklearn.metrics import log_loss
from skorch.callbacks import Callback

from skmixup import MixupClassifier, MixupSearchCV

from .contest import Contest, make_rows, seconds, using_threads, warm_up
from .memory import peak_of
from .report import Goal
from .workloads import mixup

CPU, DEVICE, ANOTHER = "the CPU", "the device", "the CPU, another seed"
# Seconds that a core takes for an epoch of a row and a member, with 30 columns of
# numbers in five inputs each, and for all else of a row.
_STEP_COST, _ROW_COST = 6e-6, 3e-5
_N_TEST = 5000
# Rows -> epochs: as many as tell something of the log-loss, and can be waited for.
_EPOCHS = {1000: 30, 10_000: 10, 100_000: 3, 1_000_000: 1}
_WAITS = "called a synchronizing"  # as torch says it
_ROOT = Path(__file__).parents[2]


def is_cuda(device):
    """Tell whether a device is one of CUDA."""
    return torch.device(device).type == "cuda"


def name_of(device):
    """Return what a device is called."""
    if is_cuda(device):
        return torch.cuda.get_device_name(torch.device(device))
    return str(device)


# ---- fits


def fit_contests(device, quick, sizes):
    """Compare whole fits of the default, but for members and epochs.

    Parameters
    ----------
    device : str
    quick : bool
        Whether there are but a few rows and epochs.
    sizes : sequence of (int, int)
        Rows and members.

    Yields
    ------
    contest : Contest
    """
    for n_rows, n_members in sizes:
        epochs = _EPOCHS[n_rows] if n_members <= 8 else 1
        if quick:
            n_rows, n_members, epochs = n_rows // 50, 2, 1
        work = partial(fit_on, n_rows=n_rows, n_members=n_members, epochs=epochs)
        cost = n_rows * (_ROW_COST + _STEP_COST * n_members * epochs)
        names = {DEVICE: partial(work, device), CPU: partial(work, "cpu")}
        if n_rows <= 10_000 and n_members <= 8:  # how much of a difference is noise
            names[ANOTHER] = partial(work, "cpu", seed=1)
        yield Contest(
            "fit",
            f"{n_rows:,} rows, {n_members} member(s), {epochs} epoch(s)",
            "s",
            names,
            most_turns=3 if cost < 10 else 1,
            expected=dict.fromkeys(names, cost),
        )


@cache
def _rows(n_rows):
    X, y = make_rows(n_rows + _N_TEST)
    return X[:n_rows], y[:n_rows], X[n_rows:], y[n_rows:]


def fit_on(device, n_rows, n_members, epochs, seed=0):
    """Fit on a device, and return what that cost and what it is worth.

    Parameters
    ----------
    device : str
    n_rows, n_members, epochs : int
    seed : int, default=0

    Returns
    -------
    measures : dict
    """
    warm_up(device)
    X, y, X_test, y_test = _rows(n_rows)
    clf = MixupClassifier(
        n_estimators=n_members,
        max_epochs=epochs,
        n_iter_no_change=epochs,
        device=device,
        random_state=seed,
    )
    found = []
    with using_threads(1):
        peak = _peak_on(device, lambda: found.append(seconds(clf.fit, X, y)))
        proba = clf.predict_proba(X_test)
    n_steps = sum(epoch["train_batch_count"] for epoch in clf.net_.history)
    return {
        "value": found[0],
        "log_loss": float(log_loss(y_test, proba, labels=clf.classes_)),
        "us_a_step": 1e6 * found[0] / n_steps,
        "device": name_of(device),
        **peak,
    }


def _peak_on(device, work):
    """Return the peak of a call in MiB, of the device's memory, where that is told."""
    if is_cuda(device):
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work()
        return {"peak": (torch.cuda.max_memory_allocated(device) - before) / 2**20}
    try:
        return {"peak": max(peak_of(work), 0.0)}
    except OSError:  # a system that tells none, or lets nobody reset it
        work()
        return {}


# ---- waiting


class CountWaits(Callback):
    """Counts where a fit waits for its device, epoch by epoch, and tells from where.

    By torch's own debugging mode. Set to "error", it would end the fit at the first
    wait; but what an epoch came to is read at its end, which waits once for each of a
    few numbers, and nothing public tells a callback where the steps end: one that hears
    of batches would change how they are run. So it is set to "warn", and waits of the
    steps are told from these few by their number: it grows with that of the steps.
    """

    def __init__(self):
        self.places = Counter()
        self.n_waits = []

    def on_epoch_begin(self, net, **kwargs):
        """Begin to count."""
        self._caught = warnings.catch_warnings(record=True)
        self._warnings = self._caught.__enter__()
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")

    def on_epoch_end(self, net, **kwargs):
        """End the count of an epoch."""
        torch.cuda.set_sync_debug_mode("default")
        self._caught.__exit__(None, None, None)
        waits = [w for w in self._warnings if _WAITS in str(w.message)]
        self.n_waits.append(len(waits))
        self.places.update(map(_place_of, waits))


def _place_of(warning):
    path = Path(warning.filename)
    if path.is_relative_to(_ROOT):
        path = path.relative_to(_ROOT)
    return f"{path.name if path.is_absolute() else path}:{warning.lineno}"


def waits_a_step(device, n_rows):
    """Return how often a step waits for its device, beyond what each epoch does.

    Parameters
    ----------
    device : str
    n_rows : int
        Of the shorter of two fits; the other has four times as many.

    Returns
    -------
    measures : dict
        With the `places` from which it waits, the most frequent first.
    """
    few, many = (_waits(device, n) for n in (n_rows, 4 * n_rows))
    try:
        waits = many[0] - few[0]
        places = [place for place, _ in (many[2] - few[2]).most_common(5)]
        return {
            "value": max(waits / (many[1] - few[1]), 0.0),
            "device": name_of(device),
            "places": ", ".join(places),
        }
    finally:
        torch.cuda.set_sync_debug_mode("default")


def _waits(device, n_rows):
    """Return the waits of the last epoch of a fit, its steps, and from where it was."""
    X, y = make_rows(n_rows)
    counter = CountWaits()
    clf = MixupClassifier(
        batch_size=32,
        max_epochs=2,
        callbacks=[counter],
        device=device,
        random_state=0,
    )
    clf.fit(X, y)
    steps = clf.net_.history[-1]["train_batch_count"]
    return counter.n_waits[-1], steps, counter.places


def wait_contests(device, quick):
    """Count how often a step waits for its device; the CPU never does."""
    if not is_cuda(device):
        return
    yield Contest(
        "waits",
        "8 members, batch 32",
        "waits/step",
        {DEVICE: partial(waits_a_step, device, 300 if quick else 2000)},
        most_turns=1,
        expected={DEVICE: 10.0},
    )


# ---- search


def search_contests(device, quick, n_candidates):
    """Compare searches of single networks, without a refit.

    Parameters
    ----------
    device : str
    quick : bool
    n_candidates : int
        A multiple of 5; each is fitted on two folds.

    Yields
    ------
    contest : Contest
    """
    n_rows, epochs = (300, 1) if quick else (4800, 5)
    X, y = make_rows(n_rows)
    alphas = [0.0, 0.1, 0.2, 0.4, 1.0]
    rates = [1e-3 * (1 + i / 10) for i in range(n_candidates // len(alphas))]

    def run(device):
        warm_up(device)
        clf = mixup(256, epochs).set_params(device=device)
        search = MixupSearchCV(
            clf,
            {"alpha": alphas, "lr": rates},
            cv=2,
            refit=False,
            scoring="neg_log_loss",
            error_score="raise",
        )
        with using_threads(1):
            cost = seconds(search.fit, X, y)
        loss = -float(search.best_score_)
        return {"value": cost, "log_loss": loss, "device": name_of(device)}

    cost = n_candidates * n_rows * epochs * _STEP_COST
    yield Contest(
        "search",
        f"{n_rows:,} rows, {n_candidates} candidates, 2 folds, {epochs} epoch(s)",
        "s",
        {DEVICE: partial(run, device), CPU: partial(run, "cpu")},
        most_turns=2 if cost < 10 else 1,
        expected={DEVICE: cost, CPU: cost},
    )


# ---- in the order of what they tell

SECTIONS = ("waits", "fit", "search")
REFERENCES = {"fit": [CPU], "search": [CPU]}
GOALS = [
    Goal("waits for the device in a step", "waits", DEVICE, None, "<= 0"),
    Goal("log-loss over the CPU's, at most", "fit", DEVICE, CPU, "<= 1.02",
         measure="log_loss", over="largest"),
    Goal("log-loss over the CPU's, at least", "fit", DEVICE, CPU, ">= 0.98",
         measure="log_loss", over="smallest"),
    Goal("the same of two seeds on the CPU, at most", "fit", ANOTHER, CPU, "<= 1.02",
         measure="log_loss", over="largest"),
]  # fmt: skip


def contests_by_value(device, quick):
    """List pieces of sections, those first that tell most for their time.

    Parameters
    ----------
    device : str
    quick : bool

    Returns
    -------
    pieces : list of (str, callable)
        For `benchmarks.timing.measurements.measure`.
    """
    fits = partial(fit_contests, device, quick)
    searches = partial(search_contests, device, quick)
    pieces = [
        ("waits", partial(wait_contests, device, quick)),
        ("fit", partial(fits, [(10_000, 8)])),
        ("search", partial(searches, 5 if quick else 25)),
    ]
    if quick:
        return pieces
    return [
        *pieces,
        ("fit", partial(fits, [(100_000, 8), (1000, 8), (1000, 1), (1000, 200)])),
        ("fit", partial(fits, [(10_000, 200), (1_000_000, 8)])),
        ("search", partial(searches, 500)),
        ("fit", partial(fits, [(10_000, 1), (100_000, 1), (1_000_000, 1)])),
        ("fit", partial(fits, [(100_000, 200), (1_000_000, 200)])),
    ]
