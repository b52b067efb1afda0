"""The variants are trained, and attacked as strongly as may be."""

import numpy as np

from skmixup import fit_many

from ...models.preprocessing import standardized
from ...models.registry import MODELS
from ...run.fit import Fit
from ...run.folds import labels_of, rows_of
from ...run.schema import SHARE, Field
from ..attacking import Target, attacked, movable
from .strongest import auto_pgd, square
from .variants import EPSILON, PLAIN, VARIANTS

# Errors on attacked rows: white box, black box, and of a row that any of them moves.
ERRORS = {
    "fgsm": "FGSM",
    "white": "white box",
    "transfer": "transfer",
    "square": "square",
    "strongest": "strongest",
}
FIELDS = {f"{name}_error": Field("a share", SHARE.accepts) for name in ERRORS}


def fit_variants(table, jobs):
    """Train the networks of a variant, those of all folds as one stack if it may be.

    Parameters
    ----------
    table : Table
        With columns of numbers: the others are left as they are.
    jobs : list of Job
        Whose protocol is a key of `VARIANTS`.

    Yields
    ------
    fit : Fit
        With the measures of `FIELDS`: the share of the test rows that are told wrong
        after an attack, or are without.
    """
    y, n_numbers = labels_of(table, jobs[0]), table.X.select_dtypes("number").shape[1]
    folds = {job.fold: rows_of(table, job) for job in jobs}
    sources = [_model(job, PLAIN, n_numbers, job.fold_seed + 1) for job in jobs]
    models = [_model(job, job.protocol, n_numbers, job.fold_seed) for job in jobs]
    rows = [folds[job.fold][0] for job in jobs]
    fits = fit_many([*models, *sources], table.X, y, rows=[*rows, *rows])
    fits = sorted(fits, key=lambda fit: fit.index)
    for job, fit, source in zip(jobs, fits, fits[len(jobs) :], strict=False):
        error = fit.error or source.error
        measures = {}
        if error is None:
            measures = attack(table, job, Target(fit.estimator), source.estimator)
        yield Fit(job, fit.estimator, fit.seconds, error, measures)


def _model(job, name, n_numbers, seed):
    """Make a network that gets numbers standardized, and moved by no binning."""
    variant = VARIANTS[name]
    params = variant.params_on(n_numbers) | {"preprocess": standardized()}
    make = MODELS[variant.model].make
    return make(alpha=variant.alpha, seed=seed % 2**32, **params)


def attack(table, job, target, source):
    """Measure a network's errors under attack.

    Parameters
    ----------
    table : Table
    job : Job
        That it was trained for.
    target : Target
    source : MixupClassifier
        Another one of the same training rows, for the transfer.

    Returns
    -------
    errors : dict of str -> float
    """
    y, (train, test) = np.asarray(table.y), rows_of(table, job)
    X, truth = target.encode(table.X.iloc[test]), y[test]
    moves = movable(table, target.encode(table.X.iloc[train]))
    missed = {}

    def try_all(box, moved):
        wrong = [target.missed(rows, truth) for rows in moved]
        missed[box] = np.any([target.missed(X, truth), *wrong], axis=0)

    def signs(network):
        made = attacked(network, X, truth, moves, [EPSILON])
        return [moved for _, _, moved in made]

    how = X, truth, moves, EPSILON, job.fold_seed
    try_all("fgsm", signs(target)[:1])
    try_all("white", [*signs(target), auto_pgd(target, *how)])
    try_all("transfer", signs(Target(source)))
    try_all("square", [square(target, *how)])
    missed["strongest"] = np.any(list(missed.values()), axis=0)
    return {f"{name}_error": float(missed[name].mean()) for name in ERRORS}
