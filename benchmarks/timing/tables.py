"""Default fits on real tables, beside what a user would pick instead.

A fit is on four of five folds, with one thread, in seconds of the processor; log-loss
and error are of the fifth fold. The tables are development tables, since speed is
worked on with them: they span 148 to 14,980 rows and 4 to 500 columns, some of numbers,
of categories or of both, some mostly zeros, some with values missing.
"""

from dataclasses import dataclass
from functools import cache, partial
from statistics import median

import numpy as np

from ..data.tables import load_all
from ..models.registry import MODELS
from ..models.scoring import over_all_classes
from ..output.text import say
from ..run.folds import derive, split
from ..run.metrics import evaluate
from .contest import Contest, cpu_seconds
from .floor import floor_of, steps_of

# From few rows to many: lymph, cylinder-bands, credit-approval, blood-transfusion-
# service-center, yeast, semeion, mfeat-factors, madelon, kr-vs-kp, sick, optdigits,
# first-order-theorem-proving, mushroom, pendigits, eeg-eye-state. Not nursery, where
# HistGradientBoosting fails: of one class a fold has a single row; nor dermatology,
# audiology and mfeat-pixel, where CatBoost takes minutes: categories, many classes.
TABLES = (10, 6332, 29, 1464, 181, 1501, 12, 1485, 3, 38, 28, 1475, 24, 32, 1471)
# Those of 216 to 500 columns of numbers.
WIDEST = ("mfeat-factors", "semeion", "madelon")
OURS = "MixupClassifier"
# What each model of the registry is called here.
COMPETITORS = {
    "mixup": OURS,
    "mlp": "MLPClassifier",
    "hist_gradient_boosting": "HistGradientBoosting",
    "lightgbm": "LightGBM",
    "catboost": "CatBoost",
    "realmlp": "RealMLP-TD",
}
# A quick look is at a table that needs no download, and leaves out what is dear.
_QUICK_TABLES, _QUICK_COST = ("iris",), 2.0
FOLDS, SEED = 5, 0
# The median counts of fits that are shorter than this together, in seconds.
_LONG_ENOUGH, _MOST_FITS = 0.5, 5


@dataclass(frozen=True, eq=False)
class Fold:
    """A table, cut once into what is trained on and what is tested on."""

    name: str
    X_train: object
    y_train: np.ndarray
    X_test: object
    y_test: np.ndarray
    classes: np.ndarray


def fold_of(table):
    """Return the first fold of a table, as a run of the benchmark has it."""
    y = np.asarray(table.y)
    train, test = split(y, FOLDS, derive(SEED, 0))[0]
    X = table.X
    return Fold(
        table.name, X.iloc[train], y[train], X.iloc[test], y[test], np.unique(y)
    )


def table_contests(quick, tables=TABLES, models=tuple(COMPETITORS)):
    """Time default fits on real tables, and score them.

    Parameters
    ----------
    quick : bool
    tables : sequence of int, default=TABLES
        OpenML's ids.
    models : sequence of str, default=all
        Keys of `COMPETITORS`; those that are not installed are left out.

    Yields
    ------
    contest : Contest
    """
    names = [name for name in models if _takes_part(name, quick)]
    loaded, _ = load_all(_QUICK_TABLES if quick else tables, say)
    for table in loaded:
        yield Contest(
            "tables",
            table.name,
            "s",
            {
                COMPETITORS[name]: partial(fit_and_score, name, fold_of(table))
                for name in names
            },
            most_turns=1,
        )


def _takes_part(name, quick):
    model = MODELS[name]
    if not model.is_installed:
        say(f"{COMPETITORS[name]} is not installed: left out")
    return model.is_installed and not (quick and model.cost > _QUICK_COST)


def fit_and_score(name, fold):
    """Fit a model as it comes, and return what that cost and what it is worth.

    Parameters
    ----------
    name : str
        A key of `COMPETITORS`.
    fold : Fold

    Returns
    -------
    measures : dict
        Of `benchmarks.timing.measurements.MEASURES`.
    """
    _import_all(name)
    costs, found = [], []
    while sum(costs) < _LONG_ENOUGH and len(costs) < _MOST_FITS:
        model = _make(name)
        costs.append(cpu_seconds(model.fit, fold.X_train, fold.y_train))
    cost = median(costs)
    cpu_seconds(lambda: found.append(model.predict_proba(fold.X_test)))
    proba = over_all_classes(found[0], model.classes_, fold.classes)
    scores = evaluate(fold.y_test, proba, fold.classes)
    n_rows, n_columns = fold.X_train.shape
    measures = {"value": cost, "n_rows": n_rows, "n_columns": n_columns}
    measures |= {score: scores[score] for score in ("log_loss", "error")}
    return measures | (_steps(model, fold, cost) if name == "mixup" else {})


def _make(name):
    return MODELS[name].make(seed=derive(SEED, 0, 0))


@cache
def _import_all(name):
    """Fit some rows once: what a first fit imports is not counted."""
    rng = np.random.default_rng(0)
    (iris,), _ = load_all(["iris"])
    rows = rng.permutation(len(iris.X))[:40]
    cpu_seconds(_make(name).fit, iris.X.iloc[rows], np.asarray(iris.y)[rows])


def _steps(model, fold, cost):
    """Return what there is to tell of the steps that a fit took."""
    steps = steps_of(model, fold.X_train)
    found = []
    cpu_seconds(lambda: found.append(floor_of(steps)))
    return {
        "n_inputs": int(np.max(model.net_.module__n_features)),
        "batch_size": steps.batch_size,
        "epochs": model.n_iter_,
        "steps": steps.n_steps,
        "us_a_step": 1e6 * cost / steps.n_steps,
        "times_floor": cost / found[0],
    }
