"""Networks that mix beyond the rows, and how they fare there."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from skmixup import TabularEncoder, fit_many
from skmixup.mixing import InputMixup, NoiseMixup

from ...models.preprocessing import standardized
from ...models.protocols import ALONE
from ...models.registry import MODELS
from ...models.scoring import over_all_classes
from ...run.fit import Fit
from ...run.folds import labels_of, rows_of
from ...run.metrics import evaluate
from ...run.schema import SHARE, Field, array
from .mixers import OffData, StretchedTargets, TowardsShares
from .rows import Columns, other_tables

try:
    from ..attacking import Target, attacked
except ImportError:  # then there are no attacks
    attacked = None

N_NOISE = 4096  # rows off the data that networks learn from
N_OTHER = 500  # rows off the data that they are shown
DELTAS = (0.25, 0.5, 1.0)
EPSILON = 0.25
# What test rows are told from; of other tables, the mean over those.
OFF = TABLES, BOX, SHUFFLED = "other tables", "noise in the box", "columns shuffled"
_SEED = 20_000  # of rows off the data, so that no other draw has the same


def _box(columns, rng):
    return columns.in_box(N_NOISE, rng)


def _off_span(columns, rng):
    rows = columns.X.iloc[rng.integers(len(columns.X), size=N_NOISE)]
    return columns.moved(rows, 2 * rng.random(N_NOISE), rng)


@dataclass(frozen=True)
class Variant:
    """A way to mix.

    Parameters
    ----------
    mixer : callable
        Returns a `Mixer`; takes encoded rows off the data if there is `noise`, and the
        input column of each encoded one if it `has_groups`.
    noise : callable, default=None
        Takes `Columns` and a generator; returns rows off the data.
    has_groups : bool, default=False
        Whether it matters to the mixer which encoded columns are of one category.
    """

    mixer: Callable
    noise: Callable | None = None
    has_groups: bool = False


PLAIN = "mixup"
_NOISES = {"noise in the box": _box, "noise off the span": _off_span}
_SHARES = (0.1, 0.25, 0.5)
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
        for share in _SHARES
    },
    **{
        f"columns shuffled, {100 * share:g} %": Variant(
            lambda groups, share=share: NoiseMixup(share, groups), has_groups=True
        )
        for share in _SHARES
    },
}


@dataclass(frozen=True)
class Kind:
    """Networks that mix in one way or another.

    Parameters
    ----------
    about : str
        For the report.
    params : dict
        Of `MixupClassifier`.
    """

    about: str
    params: dict


# By the meta-train tables.
CHOSEN = (
    *("reach 0.5", "noise in the box, 50 %", "noise off the span, 25 %"),
    "columns shuffled, 50 %",
)
# Single networks get numbers standardized, and moved by no binning; the default has
# levels one-hot, since who wrote these mixers expects numbers.
_DEFAULT = TabularEncoder(n_bins="auto", n_tree_bins="auto", max_one_hot_levels=None)
KINDS = {
    "single": Kind(
        "Single networks, trained to the end",
        ALONE | {"max_epochs": 100, "preprocess": standardized()},
    ),
    "default": Kind("The default, eight members", {"preprocess": _DEFAULT}),
}
PROTOCOLS = {f"{kind}: {name}": (kind, name) for kind in KINDS for name in VARIANTS}


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
    params = {"alpha": job.alpha, "mixing": mixing} | KINDS[kind].params
    return MODELS["mixup"].make(seed=job.fold_seed, **params)


def _mixer(table, job, y):
    """Make a fold's mixer, which is told of the rows as the network gets them."""
    variant = VARIANTS[PROTOCOLS[job.protocol][1]]
    if variant.noise is None and not variant.has_groups:
        return variant.mixer()
    train, _ = rows_of(table, job)
    X = table.X.iloc[train]
    brief = {"max_epochs": 1, "n_estimators": 1, "early_stopping": False}
    encoder = _model(job, "input").set_params(**brief).fit(X, y[train]).encoder_
    if variant.has_groups:
        return variant.mixer(_groups(encoder, X))
    noise = variant.noise(Columns(X), np.random.default_rng([_SEED, job.fold_seed]))
    encoded = np.ascontiguousarray(encoder.transform(noise), dtype=np.float32)
    return variant.mixer(encoded)


def _groups(encoder, X):
    """Return the input column of each encoded one; None where the encoder tells."""
    if isinstance(encoder, TabularEncoder):
        return None
    n_numbers = X.select_dtypes("number").shape[1]
    widths = [1] * n_numbers
    if n_numbers < X.shape[1]:
        levels = encoder.named_transformers_["onehotencoder"].categories_
        widths += map(len, levels)
    return np.repeat(np.arange(len(widths)), widths)


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
    noise = columns.in_box(N_OTHER, rng), columns.shuffled(N_OTHER, rng)
    found = [np.mean(list(off.values()))]
    found += [_auroc(own, _doubts(model, rows)) for rows in noise]
    auroc = [[name, float(value)] for name, value in zip(OFF, found, strict=True)]
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
    target = Target(model)
    encoded = target.encode(X)
    moves = np.zeros(encoded.shape[1], dtype=np.float32)
    numbers = list(columns.X.select_dtypes("number"))  # which come first
    moves[: len(numbers)] = np.isin(numbers, columns.numbers)
    for name, epsilon, rows in attacked(target, encoded, y, moves, [EPSILON]):
        if (name, epsilon) == ("I-FGSM", EPSILON):
            return target.error(rows, y)
    raise AssertionError(f"There is no attack with ε = {EPSILON}.")


MOVED = ("delta", "error", "log_loss", "ece")


def _are_aurocs(value):
    if not isinstance(value, list) or len(value) != len(OFF):
        return False
    return all(
        isinstance(line, list)
        and len(line) == 2
        and line[0] == name
        and SHARE.accepts(line[1])
        for line, name in zip(value, OFF, strict=True)
    )


FIELDS = {
    "moved": Field("lines of four numbers", array(len(DELTAS), 4), is_nested=True),
    "auroc": Field("names and AUROCs", _are_aurocs, is_nested=True),
    "attack_error": SHARE,
}
