"""How the jobs of a unit are fitted, and how a fit is scored."""

import time
from dataclasses import dataclass, field

import numpy as np
from sklearn.base import clone

from ..models.registry import GENERATOR, SEARCHES, STACKED, make_model
from ..studies.defaults.recipes import ATTACKED, IMAGES, SEQUENCES, WATCHED
from .jobs import Job, labels_of, rows_of
from .metrics import evaluate, majority_error, over_all_classes, reliability

_SCORES = ("error", "log_loss", "brier", "ece")
MEASURES = (
    *_SCORES,
    *("train_error", "train_log_loss", "majority_error", "reliability"),
    *("fit_seconds", "predict_seconds", "chosen_alpha"),
)


@dataclass(frozen=True)
class Fit:
    """A fitted model, or why there is none.

    Parameters
    ----------
    job : Job
        What was to be fitted.
    model : classifier or None, default=None
        None for a failure, and where `measures` are all that is left of it.
    seconds : float, default=0.0
        A fair share of the time it took.
    error : Exception or None, default=None
        Why there is no model.
    measures : dict, default={}
        What was measured beside the scores.
    """

    job: Job
    model: object = None
    seconds: float = 0.0
    error: Exception | None = None
    measures: dict = field(default_factory=dict)


def fitter_of(job):
    """Return what fits a unit of jobs like this one.

    Parameters
    ----------
    job : Job

    Returns
    -------
    fit_all : callable
        Takes the table and the jobs, and yields a `Fit` for each of them.
    """
    # Some are imported here: only they have to wait for what they need.
    if job.model == GENERATOR:
        from ..studies.gan.training import fit_gans as fit_all
    elif job.protocol in WATCHED:
        from ..studies.label_noise.epoch_curves import fit_watched as fit_all
    elif job.protocol in (IMAGES, SEQUENCES):
        from ..studies.convnets import fit_nets as fit_all
    elif job.protocol == ATTACKED:
        from ..studies.adversarial.attacks import fit_attacked as fit_all
    elif job.model in STACKED:
        fit_all = fit_stack
    elif job.model in SEARCHES:
        fit_all = _fit_search
    else:
        fit_all = _fit_alone
    return fit_all


def fit_stack(table, jobs):
    """Train all jobs as members of one stack, each as its own fit would be.

    Parameters
    ----------
    table : Table
    jobs : list of Job
        Of models in `STACKED`, with the same wrong labels.

    Yields
    ------
    fit : Fit
    """
    from skmixup import fit_together

    fits = fit_together(
        [_model_of(job) for job in jobs],
        table.X,
        labels_of(table, jobs[0]),
        rows=[rows_of(table, job)[0] for job in jobs],
    )
    for fit in fits:
        yield Fit(jobs[fit.index], fit.estimator, fit.seconds, fit.error)


def _fit_search(table, jobs):
    """Choose α once, and end as each job wants: with a new fit, or with the folds'."""
    X, y, train = table.X, labels_of(table, jobs[0]), rows_of(table, jobs[0])[0]
    search = make_model(
        "mixup_folds", protocol=jobs[0].protocol, seed=jobs[0].fold_seed
    )
    start = time.perf_counter()
    search.fit(X.iloc[train], y[train])
    seconds = time.perf_counter() - start
    best = search.best_params_
    for job in jobs:
        if job.model == "mixup_folds":
            yield Fit(job, search, seconds, measures={"chosen_alpha": best["alpha"]})
        else:
            refit = clone(search.estimator).set_params(**best)
            start = time.perf_counter()
            refit.fit(X.iloc[train], y[train])
            both = seconds + time.perf_counter() - start
            yield Fit(job, refit, both, measures={"chosen_alpha": best["alpha"]})


def _fit_alone(table, jobs):
    for job in jobs:
        train = rows_of(table, job)[0]
        model = _model_of(job)
        start = time.perf_counter()
        model.fit(table.X.iloc[train], labels_of(table, job)[train])
        yield Fit(job, model, time.perf_counter() - start)


def _model_of(job):
    return make_model(
        job.model, alpha=job.alpha, protocol=job.protocol, seed=job.fold_seed
    )


def measure(table, fit):
    """Score a fitted model on the rows of its test fold, and of its training fold.

    Parameters
    ----------
    table : Table
    fit : Fit
        One that went well.

    Returns
    -------
    measures : dict
        `MEASURES`, those of `fit`, and where labels were made wrong, `wrong_error`: the
        share of the wrongly labeled training rows whose wrong label is not predicted.
    predictions : dict of str -> array, or None
        Of each test row its number in the table, its class and the probabilities.
    """
    if fit.model is None:
        return dict.fromkeys(MEASURES) | fit.measures, None
    y, (train, test) = np.asarray(table.y), rows_of(table, fit.job)
    given = labels_of(table, fit.job)[train]
    classes, known = np.unique(y), fit.model.classes_
    start = time.perf_counter()
    proba = fit.model.predict_proba(table.X.iloc[test])
    seconds = time.perf_counter() - start
    proba = over_all_classes(proba, known, classes)
    fitted = over_all_classes(
        fit.model.predict_proba(table.X.iloc[train]), known, classes
    )
    clean = evaluate(given, fitted, classes)
    measures = {
        "n_train": len(train),
        "n_test": len(test),
        **evaluate(y[test], proba, classes),
        "train_error": clean["error"],
        "train_log_loss": clean["log_loss"],
        "majority_error": majority_error(y[train], y[test]),
        "reliability": reliability(y[test], proba, classes),
        "fit_seconds": fit.seconds,
        "predict_seconds": seconds,
        "chosen_alpha": None,
    }
    wrong = given != y[train]
    if wrong.any():
        named = classes[fitted[wrong].argmax(1)]
        measures["wrong_error"] = float((named != given[wrong]).mean())
    columns = {f"p_{name}": proba[:, i] for i, name in enumerate(classes)}
    return measures | fit.measures, {"row": test, "y": y[test]} | columns
