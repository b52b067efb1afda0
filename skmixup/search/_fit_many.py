"""Fit many estimators, each on rows of its own, as members of few stacks."""

import time
from dataclasses import dataclass
from pickle import PicklingError
from typing import NamedTuple

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from ..encoding._checks import as_table
from ..estimators._base import BaseMixup
from ..estimators._classifier import MixupClassifier
from ..estimators._preprocess import last_step
from ..estimators._regressor import MixupRegressor
from ..training._engine import MEMBER_PARAMS, Fitting, Table, train_together

# What an encoded table depends on, of the parameters that may differ in a stack.
TABLE_PARAMS = frozenset({"class_weight"})


class _StopsShort:
    """What makes an estimator's `fit` stop where training would begin."""

    def _fit(self, X, y, sample_weight):
        X, y, weight = self._check_rows(X, y, sample_weight, reset=True)
        self._learn_target(y, weight)
        self.table_ = Table(*self._prepare(X, y, weight, first=True))
        return self


@dataclass(eq=False)
class Task:
    """An estimator and the rows to fit it on.

    Tasks of one `table_key` have the same rows and share what is fitted before the
    training; those of one `stack_key` may share a stack. :func:`run_tasks` sets
    `seconds`, and either fits `estimator` or sets `error`.
    """

    estimator: object  # a MixupClassifier, or -Regressor, or a Pipeline that ends so
    train: np.ndarray
    table_key: object
    stack_key: object
    seconds: float = 0.0
    error: Exception | None = None


def check_kind(estimator, name):
    """Refuse what is none of this package's estimators, nor a Pipeline of one."""
    if not isinstance(last_step(estimator)[1], BaseMixup):
        raise TypeError(
            f"{name} must be a MixupClassifier, a MixupRegressor or a Pipeline that "
            f"ends in one, got {estimator!r}: for others there is scikit-learn's "
            "GridSearchCV."
        )


def can_stack(estimator):
    """Tell whether an estimator can be trained as a member of a stack."""
    last = last_step(estimator)[1]
    return type(last) in (MixupClassifier, MixupRegressor) and not last.callbacks


def stop_if_interrupted(estimator):
    """Raise the KeyboardInterrupt that skorch has swallowed in a fit, if it has.

    Who watches one fit may keep its half-trained net; of many, none is looked at.
    """
    net = getattr(last_step(estimator)[1], "net_", None)
    if getattr(net, "interrupted_", False):
        raise KeyboardInterrupt


def run_tasks(tasks, X, y, params, **how):
    """Fit the tasks' estimators in as few stacks as may be.

    Parameters
    ----------
    tasks : list of Task
        Of estimators that :func:`can_stack`.
    X, y : the rows
    params : dict
        For `fit`; of what has a row for each of X's, a task gets its own rows.
    **how : dict
        Passed to :func:`skmixup.training._engine.train_together`.

    Yields
    ------
    task : Task
        Each of them, as soon as it is trained or has failed.
    """
    tables = {}
    for task in tasks:
        try:
            last_step(task.estimator)[1]._validate_params()
        except ValueError as error:
            task.error = error
            yield task
        else:
            tables.setdefault(task.table_key, []).append(task)
    task_of = {}
    for sharing in tables.values():
        try:
            fittings = _encode(sharing, X, y, params)
        except Exception as error:
            for task in sharing:
                task.error = error
                yield task
        else:
            task_of |= dict(zip(fittings, sharing, strict=True))
    del tasks, tables
    for fitting in train_together(list(task_of), **how):
        task = task_of.pop(fitting)
        task.seconds += fitting.seconds
        task.error = fitting.error
        yield task


def _encode(tasks, X, y, params):
    """Fit transformers and encoding once, for tasks that share them."""
    start = time.perf_counter()
    estimator = clone(tasks[0].estimator)
    name, encoding = last_step(estimator)
    kind = type(encoding)
    encoding.__class__ = type(kind.__name__, (_StopsShort, kind), {})
    train = tasks[0].train
    params = _check_method_params(X, params=params, indices=train)
    estimator.fit(*_safe_split(estimator, X, y, train), **params)
    seconds = (time.perf_counter() - start) / len(tasks)
    table = vars(encoding).pop("table_")
    learned = {k: v for k, v in vars(encoding).items() if k.endswith("_")}
    fittings = []
    for task in tasks:
        task.seconds = seconds
        own = last_step(task.estimator)[1]
        vars(own).update(learned)
        if name is not None:
            task.estimator.steps = [*estimator.steps[:-1], (name, own)]
        fittings.append(Fitting(own, table, (task.stack_key,)))
    return fittings


class TogetherFit(NamedTuple):
    """What :func:`fit_together` yields.

    Parameters
    ----------
    index : int
        Which of the estimators.
    estimator : MixupClassifier, MixupRegressor, Pipeline or None
        A fitted clone of it; None if `fit` failed.
    seconds : float
        A fair share of the time that its stack took, with its encoding.
    error : Exception or None
        Why `fit` failed.
    """

    index: int
    estimator: object
    seconds: float
    error: Exception | None


def fit_together(
    estimators, X, y, *, rows=None, n_jobs=None, max_members="auto", verbose=0, **params
):
    """Fit many estimators, each on rows of its own, as members of few stacks.

    Each comes out as its own `fit` would have left it, up to floating-point round-off:
    a cross-validation of several settings with a seed for each fold, say, or the same
    setting under many seeds. Those that differ only in `alpha`, `lr`, `weight_decay`,
    `dropout`, `label_smoothing`, `temperature`, `class_weight`, `n_estimators`,
    `random_state` and rows share a stack.

    Parameters
    ----------
    estimators : sequence of MixupClassifier, MixupRegressor or Pipeline
        Of a Pipeline, transformers are fitted once for those that have equal ones and
        the same rows. Nothing here is changed; clones are fitted.
    X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
        The rows.
    y : array-like of shape (n_rows,) or (n_rows, n_outputs)
        Labels, or numbers.
    rows : sequence of array-like of int, default=None
        For each estimator, the rows to fit it on; None for all rows for all.
    n_jobs : int, default=None
        Stacks trained at a time, by joblib. None trains in this process.
    max_members : int or "auto", default="auto"
        Members of a stack; "auto" is what memory and a processor's cache allow.
    verbose : int, default=0
        From 1, shows a progress bar.
    **params : dict
        Passed to `fit`; of a `sample_weight`, each estimator gets its own rows'.

    Yields
    ------
    fit : TogetherFit
        `index`, `estimator`, `seconds` and `error` of each, in the order in which they
        are ready.

    Raises
    ------
    TypeError
        If an estimator is of another kind.
    ValueError
        If `rows` has another length than `estimators`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import MixupClassifier, fit_together
    >>> X, y = load_iris(return_X_y=True)
    >>> nets = [MixupClassifier(alpha=a, random_state=0) for a in (0, 0.2, 1)]
    >>> fits = sorted(fit_together(nets, X, y), key=lambda fit: fit.index)
    >>> [fit.estimator.alpha for fit in fits]
    [0, 0.2, 1]
    """
    estimators = list(estimators)
    for i, estimator in enumerate(estimators):
        check_kind(estimator, f"estimators[{i}]")
    X, y = indexable(as_table(X), y)
    rows = _check_rows(rows, len(estimators), _num_samples(X))
    params = _check_method_params(X, params=params)
    how = {"n_jobs": n_jobs, "max_members": max_members, "verbose": verbose}
    return _fit_together(estimators, X, y, rows, params, how)


def _check_rows(rows, n_estimators, n_rows):
    if rows is None:
        return [np.arange(n_rows)] * n_estimators
    rows = [np.asarray(own) for own in rows]
    if len(rows) != n_estimators:
        raise ValueError(
            f"rows must have an entry for each of the {n_estimators} estimators, got "
            f"{len(rows)}."
        )
    return rows


def _fit_together(estimators, X, y, rows, params, how):
    """Do it, lazily: the checks come at the call, not at the first result."""
    index_of = {}
    for i, (estimator, train) in enumerate(zip(estimators, rows, strict=True)):
        table_key, stack_key = _keys(estimator)
        table_key = table_key, train.tobytes()
        index_of[Task(clone(estimator), train, table_key, stack_key)] = i
    alone = [task for task in index_of if not can_stack(task.estimator)]
    stackable = [task for task in index_of if can_stack(task.estimator)]
    for task in run_tasks(stackable, X, y, params, **how):
        yield _outcome(index_of.pop(task), task)
    for task in alone:
        _fit_alone(task, X, y, params)
        yield _outcome(index_of.pop(task), task)


def _fit_alone(task, X, y, params):
    start = time.perf_counter()
    own = _check_method_params(X, params=params, indices=task.train)
    try:
        task.estimator.fit(*_safe_split(task.estimator, X, y, task.train), **own)
    except Exception as error:
        task.error = error
    else:
        stop_if_interrupted(task.estimator)
    task.seconds = time.perf_counter() - start


def _outcome(index, task):
    estimator = task.estimator if task.error is None else None
    return TogetherFit(index, estimator, task.seconds, task.error)


def _keys(estimator):
    """Return the keys of the table (but for its rows) and of the stack."""
    params = last_step(estimator)[1].get_params(deep=False)
    shared = {k: v for k, v in params.items() if k not in MEMBER_PARAMS}
    weights = {k: params[k] for k in TABLE_PARAMS & params.keys()}
    weights["kind"] = shared["kind"] = type(last_step(estimator)[1]).__name__
    steps = estimator.steps[:-1] if isinstance(estimator, Pipeline) else []
    try:
        return joblib.hash([steps, shared, weights]), joblib.hash([steps, shared])
    except (PicklingError, AttributeError, TypeError):  # a lambda, say
        return id(estimator), id(estimator)
