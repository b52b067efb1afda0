"""Tables whose columns of numbers are to be predicted."""

import time
from itertools import chain

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor

from skmixup import fit_many

from ..data.suites import HALVES
from ..data.tables import Table, load_all
from ..output.text import plain, say
from ..run.fit import Fit
from ..run.folds import rows_of

FOLDS = 5
# A target should have at least so many values, and a table so many rows.
MIN_VALUES = 20
MAX_ROWS, MAX_COLUMNS = 5000, 300  # for the time it takes; more rows are sampled


def load_targets(options):
    """Load tables of numbers to be predicted, of a half of the tables.

    Parameters
    ----------
    options : Namespace
        `half` is "meta-train" or "meta-test".

    Returns
    -------
    tables : list of Table
    unloaded : dict
    """
    found = [] if options.half == "meta-test" else shipped()  # by which one chooses
    tables, unloaded = load_all(sorted(HALVES[options.half]), say)
    found += chain.from_iterable(map(regression_tables, tables))
    if not found:
        say("There is no table.")
    return found, unloaded


def shipped():
    """Return the tables that scikit-learn ships."""
    bunches = load_diabetes(as_frame=True), load_linnerud(as_frame=True)
    return [
        _table(name, bunch.data, bunch.target)
        for name, bunch in zip(("diabetes", "linnerud"), bunches, strict=True)
    ]


def regression_tables(table):
    """Make the first and the last column of numbers with many values targets."""
    if table.X.shape[1] > MAX_COLUMNS:
        return []
    numbers = table.X.select_dtypes("number")
    rich = [name for name in numbers if numbers[name].nunique() >= MIN_VALUES]
    return [_table_of(table, name) for name in dict.fromkeys(rich[:1] + rich[-1:])]


def _table_of(table, target):
    known = table.X.index[table.X[target].notna()]
    if len(known) > MAX_ROWS:
        chosen = np.random.default_rng(0).permutation(len(known))[:MAX_ROWS]
        known = known[np.sort(chosen)]
    X = table.X.assign(class_=table.y.astype(str)).loc[known].reset_index(drop=True)
    y = X.pop(target).astype(float)
    return _table(plain(f"{table.name}: {target}"), X.dropna(axis=1, how="all"), y)


def _table(name, X, y):
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(X)
    splits = {(0, fold): rows for fold, rows in enumerate(folds)}
    return Table(name, X, pd.DataFrame(y), splits=splits)


def target_of(table):
    """Return the numbers to be predicted: a column of them, or a matrix."""
    y = table.y.to_numpy(dtype=float)
    return y[:, 0] if y.shape[1] == 1 else y


def fit_jobs(models, table, jobs):
    """Fit those that train in stacks as members of few, and others one by one.

    Parameters
    ----------
    models : dict of str -> Model
        The study's.
    table : Table
    jobs : list of Job

    Yields
    ------
    fit : Fit
        Of each job.
    """
    y, rows = target_of(table), [rows_of(table, job)[0] for job in jobs]
    made = [models[job.model].make(seed=job.fold) for job in jobs]
    if models[jobs[0].model].stacks:
        for fit in fit_many(made, table.X, y, rows=rows):
            yield Fit(jobs[fit.index], fit.estimator, fit.seconds, fit.error)
        return
    for job, model, train in zip(jobs, made, rows, strict=True):
        start = time.perf_counter()
        model = model if y.ndim == 1 else MultiOutputRegressor(model)
        model.fit(table.X.iloc[train], y[train])
        yield Fit(job, model, time.perf_counter() - start)
