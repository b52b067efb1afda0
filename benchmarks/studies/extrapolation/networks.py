"""Networks that mix beyond the rows, and how they fare there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from skmixup import TabularEncoder, fit_many
from skmixup.mixing import InputMixup

from ...models.preprocessing import standardized
from ...models.protocols import ALONE
from ...models.registry import MODELS
from ...models.scoring import over_all_classes
from ...run.fit import Fit
from ...run.folds import labels_of, rows_of
from ...run.metrics import evaluate
from ...run.schema import SHARE, TEXT, Field, array
from .mixers import OffData, StretchedTargets, TowardsShares
from .rows import Columns, other_tables

try:
    from ..adversarial.attacks import _Target, attacked
except ImportError:  # then there are no attacks
    attacked = None

N_NOISE = 4096  # rows off the data that networks learn from
N_OTHER = 500  # rows off the data that they are shown
DELTAS = (0.25, 0.5, 1.0)
EPSILON = 0.25
TABLES = "other tables"  # mean over those
_SEED = 20_000  # of rows off the data, so that no other draw has the same


def _box(columns, rng):
    return columns.in_box(N_NOISE, rng)


def _shuffled(columns, rng):
    return columns.shuffled(N_NOISE, rng)


def _off_span(columns, rng):
    rows = columns.X.iloc[rng.integers(len(columns.X), size=N_NOISE)]
    return columns.moved(rows, 2 * rng.random(N_NOISE), rng)


@dataclass(frozen=True)
class Variant:
    """A way to mix.

    Parameters
    ----------
    mixer : callable
        Returns a `Mixer`; takes encoded rows off the data if there is `noise`.
    noise : callable, default=None
        Takes `Columns` and a generator; returns rows off the data.
    """

    mixer: Callable
    noise: Callable | None = None


PLAIN = "mixup"
_NOISES = {
    "noise in the box": _box,
    "columns shuffled": _shuffled,
    "noise off the span": _off_span,
}
VARIANTS = {
    PLAIN: Variant(InputMixup),
    **{
        f"reach {r:g}": Variant(lambda r=r: InputMixup(reach=r))
        for r in (0.25, 0.5, 1.0)
    },
    **{
        f"reach {r:g}, towards shares": Variant(lambda r=r: TowardsShares(r))
        for r in (0.25, 0.5, 1.0)
    },
    "reach 0.25, targets as well": Variant(lambda: StretchedTargets(0.25)),
    **{
        f"{name}, {100 * share:g} %": Variant(
            lambda rows, share=share: OffData(rows, share), noise
        )
        for name, noise in _NOISES.items()
        for share in (0.1, 0.25, 0.5)
    },
}
# By the meta-train tables.
CHOSEN = ("reach 0.5", "noise off the span, 25 %")
# Single networks get numbers standardized, and moved by no binning; the default has
# levels one-hot, since who wrote these mixers expects numbers.
_DEFAULT = TabularEncoder(n_bins="auto", n_tree_bins="auto", max_one_hot_levels=None)
KINDS = {
    "single": ALONE | {"max_epochs": 100, "preprocess": standardized()},
    "default": {"preprocess": _DEFAULT},
}
PROTOCOLS = {
    f"{kind}: {name}": (kind, name) for kind in KINDS for name in VARIANTS
}


def fit_beyond(table, jobs):
    """Train the networks of all jobs, as one stack where they mix alike.

    Parameters
    ----------
    table : Table
        With two columns of numbers or more.
    jobs : list of Job
        Of one of `PROTOCOLS`.

    Yields
    ------
    fit : Fit
        With the measures `moved`, [δ, error, log-loss, calibration error] of test rows
        moved off the span; `auroc`, [what, AUROC] of the probability of the class
        predicted, of test rows against rows off the data; and `attack_error`, that of
        the iterated attack in the white box, where there is the package that makes it.
    """
    y = labels_of(table, jobs[0])
    mixers = {}
    for job in jobs:
        if job.fold not in mixers:
            mixers[job.fold] = _mixer(table, job, y)
    models = [_model(job, mixers[job.fold]) for job in jobs]
    rows = [rows_of(table, job)[0] for job in jobs]
    for fit in fit_many(models, table.X, y, rows=rows):
        job, measures = jobs[fit.index], {}
        if fit.error is None:
            measures = _look_beyond(table, job, fit.estimator)
        yield Fit(job, fit.estimator, fit.seconds, fit.error, measures)


def _model(job, mixing):
    kind, _ = PROTOCOLS[job.protocol]
    params = {"alpha": job.alpha, "mixing": mixing} | KINDS[kind]
    return MODELS["mixup"].make(seed=job.fold_seed, **params)


def _mixer(table, job, y):
    """Make a fold's mixer, with rows off the data as the network gets them."""
    variant = VARIANTS[PROTOCOLS[job.protocol][1]]
    if variant.noise is None:
        return variant.mixer()
    train, _ = rows_of(table, job)
    X = table.X.iloc[train]
    noise = variant.noise(Columns(X), np.random.default_rng([_SEED, job.fold_seed]))
    brief = {"max_epochs": 1, "n_estimators": 1, "early_stopping": False}
    encoder = _model(job, "input").set_params(**brief).fit(X, y[train]).encoder_
    encoded = np.ascontiguousarray(encoder.transform(noise), dtype=np.float32)
    return variant.mixer(encoded)


def _look_beyond(table, job, model):
    y, (train, test) = np.asarray(table.y), rows_of(table, job)
    columns, X = Columns(table.X.iloc[train]), table.X.iloc[test]
    rng = np.random.default_rng([_SEED + 1, job.fold_seed])
    classes, moved = np.unique(y), []
    for delta in DELTAS:
        proba = model.predict_proba(columns.moved(X, delta, rng))
        proba = over_all_classes(proba, model.classes_, classes)
        scores = evaluate(y[test], proba, classes)
        moved.append([delta, *(scores[name] for name in MOVED[1:])])
    own = _doubts(model, X)
    off = {
        name: _auroc(own, _doubts(model, columns.like(others, N_OTHER, rng)))
        for name, others in other_tables(table).items()
    }
    auroc = [
        [TABLES, float(np.mean(list(off.values())))],
        ["noise in the box", _auroc(own, _doubts(model, columns.in_box(N_OTHER, rng)))],
        ["columns shuffled", _auroc(own, _doubts(model, columns.shuffled(N_OTHER, rng)))],
    ]
    measures = {"moved": moved, "auroc": auroc}
    if attacked is not None and PROTOCOLS[job.protocol][0] == "single":
        measures["attack_error"] = _attack(model, columns, X, y[test])
    return measures


def _doubts(model, X):
    """Return 1 minus the largest probability, exact where that is next to 1."""
    proba = model.predict_proba(X).astype(float)
    return np.sort(proba, axis=1)[:, :-1].sum(axis=1)


def _auroc(own, off):
    return float(roc_auc_score(np.repeat([0, 1], [len(own), len(off)]), [*own, *off]))


def _attack(model, columns, X, y):
    target = _Target(model)
    encoded = target.encode(X)
    moves = np.zeros(encoded.shape[1], dtype=np.float32)
    numbers = list(columns.X.select_dtypes("number"))  # which come first
    moves[: len(numbers)] = np.isin(numbers, columns.numbers)
    for name, epsilon, rows in attacked(target, encoded, y, moves):
        if (name, epsilon) == ("I-FGSM", EPSILON):
            return target.error(rows, y)
    raise AssertionError(f"There is no attack with ε = {EPSILON}.")


MOVED = ("delta", "error", "log_loss", "ece")


def _are_aurocs(value):
    return isinstance(value, list) and all(
        isinstance(line, list)
        and len(line) == 2
        and TEXT.accepts(line[0])
        and SHARE.accepts(line[1])
        for line in value
    ) and [line[0] for line in value] == [TABLES, "noise in the box", "columns shuffled"]


FIELDS = {
    "moved": Field("lines of four numbers", array(len(DELTAS), 4), is_nested=True),
    "auroc": Field("names and AUROCs", _are_aurocs, is_nested=True),
    "attack_error": SHARE,
}
