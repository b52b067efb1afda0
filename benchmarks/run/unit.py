"""Units of jobs: what runs at once, and how each job ends in one flat row."""

import signal
import threading
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

from ..data.tables import Table
from .environment import describe, versions_of
from .fit import fit_models
from .jobs import Job
from .measure import MEASURES, measure
from .schema import CLASSIFIERS, Schema

# Members of a stack share their steps' overhead; with more, little is left to share.
STACK_SIZE = 25
# What any fit costs, in cells that would cost as much.
FIRST_CELLS = 3000


@dataclass(frozen=True)
class Unit:
    """Jobs of one table that run at once, since they share their training.

    Parameters
    ----------
    table : Table
        The jobs' table.
    jobs : tuple of Job
        All of one model; or a search's two ways to end, on one fold.
    fit : callable, default=fit_models
        Takes the table and the jobs, and yields a `Fit` for each of them.
    measure : callable, default=measure
        Takes the table and a `Fit`, and returns measures for the row, and predictions
        or None.
    schema : Schema, default=CLASSIFIERS
        What rows hold; it has the models.
    """

    table: Table | None
    jobs: tuple
    fit: Callable = fit_models
    measure: Callable = measure
    schema: Schema = CLASSIFIERS

    @property
    def cost(self):
        """About how long it takes, to order units and to estimate the time left."""
        models = self.schema.models
        alike = {(models[job.model].cost, job.alpha, job.fold) for job in self.jobs}
        n_cells = len(self.table.X) * np.sqrt(1 + self.table.X.shape[1])
        return sum(cost for cost, *_ in alike) * float(FIRST_CELLS + n_cells)


def make_units(table, jobs, **how):
    """Gather a table's jobs into units.

    Parameters
    ----------
    table : Table
        The table.
    jobs : list of Job
        Of that table.
    **how
        `fit`, `measure` and `schema` of :class:`Unit`.

    Returns
    -------
    units : list of Unit
        A stack is all α's of some folds of one repeat.
    """
    models = how.get("schema", CLASSIFIERS).models
    gathered = {}
    for job in jobs:
        gathered.setdefault(_unit_key(job, models[job.model]), []).append(job)
    units = []
    for together in gathered.values():
        folds = sorted({job.fold for job in together})
        n_alphas = len(together) / len(folds)
        share = max(1, int(STACK_SIZE / n_alphas))
        for start in range(0, len(folds), share):
            some = folds[start : start + share]
            jobs = tuple(job for job in together if job.fold in some)
            units.append(Unit(table, jobs, **how))
    return units


def _unit_key(job, model):
    if model.stacks:
        return job.model, job.protocol, job.repeat, job.noise
    if model.searches:
        return "search", job.protocol, job.repeat, job.fold
    return job


@dataclass(frozen=True)
class Outcome:
    """A job's row of results, and what it predicted.

    Parameters
    ----------
    row : dict
        The job, the table's size, `MEASURES`, versions, `status` ("ok" or "failed")
        and, of a failure, its `message`.
    stamp : dict
        What it was made with; the row has its `id` as `environment`.
    predictions : dict of str -> array, or None
        Of each test row its number in the table, its class and the probabilities. None
        for a failure, or where nobody wants them.
    """

    row: dict
    stamp: dict
    predictions: dict | None = None


class Interrupted(BaseException):
    """Ctrl-C during a fit.

    No KeyboardInterrupt: skorch and scikit-learn's MLPs catch that, and return a model
    that is trained by half.
    """


@contextmanager
def interruptible():
    """Let Ctrl-C end the run and not just a fit, where this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number, frame):
        raise Interrupted

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)


def run_unit(unit, keep_predictions=False):
    """Fit and score the models of a unit's jobs, with one thread.

    Parameters
    ----------
    unit : Unit
        What to run.
    keep_predictions : bool, default=False
        Whether the outcomes have `predictions`.

    Returns
    -------
    outcomes : list of Outcome
        One for each of the unit's jobs. A failure is never raised.

    Raises
    ------
    Interrupted
        On Ctrl-C.
    """
    # On a shared machine, threads that wait for each other cost small networks tenfold.
    with interruptible(), threadpool_limits(1), warnings.catch_warnings():
        # The protocol sets the epochs; whether they suffice is what is measured.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = unit.schema.models[unit.jobs[0].model]
        if model.packages:  # what its makers have to mend, on every fit
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
        try:
            fits = [
                _outcome(unit, fitted, keep_predictions)
                for fitted in unit.fit(unit.table, unit.jobs)
            ]
        except Exception as error:
            return fail(unit, error)
    order = {job: i for i, job in enumerate(unit.jobs)}
    return sorted(fits, key=lambda outcome: order[Job.of(outcome.row)])


def fail(unit, error):
    """Return the outcomes of a unit that failed as a whole.

    Parameters
    ----------
    unit : Unit
        What was run.
    error : Exception
        Why it failed.

    Returns
    -------
    outcomes : list of Outcome
    """
    return [_failure(unit, job, error) for job in unit.jobs]


def _outcome(unit, fit, keep_predictions):
    """Score a fit."""
    if fit.error is not None:
        return _failure(unit, fit.job, fit.error)
    try:
        measures, predictions = unit.measure(unit.table, fit)
        row = _row(unit, fit.job) | measures | {"status": "ok", "message": None}
        unit.schema.check(row)  # a score that is no number is a failure
    except Exception as error:
        return _failure(unit, fit.job, error)
    return Outcome(row, describe(), predictions if keep_predictions else None)


def _row(unit, job):
    table, model = unit.table, unit.schema.models[job.model]
    size = {
        "n_rows": len(table.X),
        "n_features": table.X.shape[1],
        "n_classes": table.n_classes,
        "stack_size": len(unit.jobs) if model.stacks else 1,
    }
    made_with = {"versions": versions_of(model), "environment": describe()["id"]}
    return asdict(job) | size | made_with


def _failure(unit, job, error):
    row = _row(unit, job) | dict.fromkeys(("n_train", "n_test", *MEASURES))
    return Outcome(row | {"status": "failed", "message": told(error)}, describe())


def told(error):
    """Return an error as a message that a file can hold."""
    message = f"{type(error).__name__}: {error}"
    return message.encode("utf-8", "backslashreplace").decode()
