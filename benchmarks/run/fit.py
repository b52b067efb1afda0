"""How the jobs of a unit are fitted."""

import time
from dataclasses import dataclass, field, replace

from sklearn.base import clone

from skmixup import fit_many

from ..models.registry import MODELS, make_model
from .folds import labels_of, rows_of
from .jobs import Job


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


def fit_models(table, jobs, **how):
    """Fit models of the benchmark: as one stack, by a search, or one by one.

    Parameters
    ----------
    table : Table
    jobs : list of Job
        Those of a stack have the same wrong labels.
    **how
        `params_of` of :func:`benchmarks.models.registry.make_model`.

    Yields
    ------
    fit : Fit
    """
    model = MODELS[jobs[0].model]
    fit = _fit_stack if model.stacks else _fit_search if model.searches else _fit_alone
    yield from fit(table, jobs, **how)


def _fit_stack(table, jobs, **how):
    """Train all jobs as members of one stack, each as its own fit would be."""
    fits = fit_many(
        [_model_of(job, **how) for job in jobs],
        table.X,
        labels_of(table, jobs[0]),
        rows=[rows_of(table, job)[0] for job in jobs],
    )
    for fit in fits:
        yield Fit(jobs[fit.index], fit.estimator, fit.seconds, fit.error)


def _fit_search(table, jobs, **how):
    """Choose α once, and end as each job wants: with a new fit, or with the folds'."""
    X, y, train = table.X, labels_of(table, jobs[0]), rows_of(table, jobs[0])[0]
    search = _model_of(replace(jobs[0], model="mixup_folds"), **how)
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


def _fit_alone(table, jobs, **how):
    for job in jobs:
        train = rows_of(table, job)[0]
        model = _model_of(job, **how)
        start = time.perf_counter()
        model.fit(table.X.iloc[train], labels_of(table, job)[train])
        yield Fit(job, model, time.perf_counter() - start)


def _model_of(job, **how):
    settings = {"alpha": job.alpha, "protocol": job.protocol, "seed": job.fold_seed}
    return make_model(job.model, **settings, **how)
