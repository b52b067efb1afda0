"""Fit many estimators, each on rows of its own, as members of few stacks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, Self, TypeAlias, TypeVar

import joblib
import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable

from .._sklearn import check_method_params, num_samples, safe_split
from .._typing import Array, MatrixLike
from ..encoding._checks import as_table
from ..estimators._base import BaseMixup
from ..estimators._classifier import MixupClassifier
from ..estimators._preprocess import last_step
from ..estimators._regressor import MixupRegressor
from ..training._engine import train
from ..training._halving import SuccessiveHalving
from ..training._joint import JointTraining
from ..training._plan import Member, Plan, Shared, content_key

# What a table does not depend on: whatever is new is taken to matter.
_OF_TRAINING = {own.name for kind in (Member, Shared) for own in fields(kind)} | {
    *("n_estimators", "validation_fraction", "n_iter_no_change"),
    *("temperature", "callbacks", "warm_start", "n_jobs", "verbose", "random_state"),
}


Estimator = TypeVar("Estimator")
_Fitted: TypeAlias = tuple[int, Any, float, Exception | None, Any]


def check_kind(estimator: Any, name: str) -> None:
    """Refuse what is none of this package's estimators, nor holds one."""
    if isinstance(estimator, type):
        raise TypeError(
            f"{name} must be an instance, got the class {estimator.__name__}: write "
            f"{estimator.__name__}()."
        )
    if not (is_own(estimator) or holds_own(estimator)):
        raise TypeError(
            f"{name} must be a MixupClassifier, a MixupRegressor, a Pipeline that ends "
            "in one, or an estimator that holds one (an instance, not its class), as "
            "CalibratedClassifierCV and TransformedTargetRegressor do, got "
            f"{estimator!r}: for others there is scikit-learn's GridSearchCV."
        )


def is_own(estimator: Any) -> bool:
    """Tell whether an estimator is one of this package, or a Pipeline of one."""
    return isinstance(last_step(estimator)[1], BaseMixup)


def holds_own(estimator: Any) -> bool:
    """Tell whether an estimator of another kind has one of this package within."""
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return False
    params = estimator.get_params()
    return any(isinstance(value, BaseMixup) for value in params.values())


def can_stack(estimator: Any) -> bool:
    """Tell whether an estimator can be trained as a member of a stack."""
    last = last_step(estimator)[1]
    return type(last) in (MixupClassifier, MixupRegressor) and not last.callbacks


def stop_if_interrupted(estimator: Any) -> None:
    """Raise the KeyboardInterrupt that skorch has swallowed in a fit, if it has.

    Who watches one fit may keep its half-trained net; of many, none is looked at.
    """
    net = getattr(last_step(estimator)[1], "net_", None)
    if getattr(net, "interrupted_", False):
        raise KeyboardInterrupt


class _TableMaker(BaseEstimator):
    """Stands at the end of a Pipeline in an estimator's place, and makes its table."""

    def __init__(self, estimator: BaseMixup) -> None:
        self.estimator = estimator

    def fit(
        self, X: Any, y: Any = None, sample_weight: Any = None, **validation: Any
    ) -> Self:
        """Do all that the estimator's `fit` does before its training."""
        self.table_ = self.estimator._make_table(X, y, sample_weight, **validation)
        return self

    def get_metadata_routing(self) -> Any:
        """Take what the estimator's `fit` takes."""
        return self.estimator.get_metadata_routing()


def fit_stacked(
    estimators: list[Any],
    rows: list[Array],
    X: Any,
    y: Any,
    params: dict[str, Any],
    look: Callable[[Any, Plan], Any] | None = None,
    halving: SuccessiveHalving | None = None,
    candidates: Sequence[int] = (),
    **how: Any,
) -> Iterator[_Fitted]:
    """Fit estimators that :func:`can_stack` in as few stacks as may be, in place.

    Those that make the same table of the same rows share it.

    Parameters
    ----------
    estimators : list
        Each is let go, from the list too, once it is yielded.
    rows : list of ndarray of int
        Of each estimator.
    X, y : the rows
    params : dict
        For `fit`; of what has a row for each of X's, an estimator gets its own rows'.
    look : callable, default=None
        Takes a fitted estimator and the Plan that it was trained by, whose rows are
        then let go.
    halving : SuccessiveHalving, default=None
        What may drop candidates.
    candidates : sequence of int, default=()
        Of which candidate each estimator is, with `halving`.
    **how : dict
        Passed to :func:`skmixup.training._engine.train`.

    Yields
    ------
    index : int
        Of an estimator that is fitted, or has failed.
    estimator : MixupClassifier, MixupRegressor, Pipeline or None
    seconds : float
    error : Exception or None
    seen : object
        What `look` has returned.
    """
    groups: dict[Any, list[int]] = {}
    plans: dict[Plan, tuple[int, float]] = {}
    keys = {id(own): joblib.hash(own) for own in rows}
    for i, (estimator, own) in enumerate(zip(estimators, rows, strict=True)):
        try:
            last_step(estimator)[1]._validate_params()
            last_step(estimator)[1]._check_params()
        except ValueError as refusal:
            yield i, None, 0.0, refusal, None
        else:
            key = keys[id(own)], _table_key(estimator)
            groups.setdefault(key, []).append(i)
    for sharing in groups.values():
        own = rows[sharing[0]]
        made = _plan_all([estimators[i] for i in sharing], own, X, y, params)
        for i, (plan, seconds, error) in zip(sharing, made, strict=True):
            if plan is None:
                yield i, None, seconds, error, None
                continue
            if halving is not None:
                plan.halving = halving
                plan.candidate = _kind_of(estimators[i], plan), candidates[i]
            plans[plan] = i, seconds
        del made, plan  # nothing is held here that training lets go
    for trained in train(list(plans), **how):
        i, seconds = plans.pop(trained.plan)
        estimator, estimators[i], error, seen = estimators[i], None, None, None
        last = last_step(estimator)[1]
        try:
            last._adopt(trained)
            stop_if_interrupted(estimator)
            if look is not None:
                seen = look(last, trained.plan)
        except Exception as failure:
            estimator, error = None, failure
        yield i, estimator, seconds + trained.seconds, error, seen
        del estimator, last


def _kind_of(estimator: Any, plan: Plan) -> Any:
    """Return the same for estimators whose losses may be compared."""
    last, shared = last_step(estimator)[1], plan.shared
    class_weight = getattr(last, "class_weight", None)
    return content_key([shared.criterion, shared.max_epochs, class_weight])


def _table_key(estimator: Any) -> tuple[Any, ...]:
    """Return the same for estimators that make the same table of the same rows."""
    last = last_step(estimator)[1]
    params = last.get_params(deep=False)
    made_of = {k: v for k, v in params.items() if k not in _OF_TRAINING}
    steps = estimator.steps[:-1] if isinstance(estimator, Pipeline) else []
    requests = getattr(last, "_metadata_request", None)  # of what `fit` is given
    return type(last), content_key([steps, made_of, requests, last._embeds])


def _plan_all(
    estimators: list[Any], rows: Array, X: Any, y: Any, params: dict[str, Any]
) -> list[tuple[Plan | None, float, Exception | None]]:
    """Make one table for some estimators; return each one's plan, seconds and error."""
    start = time.perf_counter()
    first = clone(estimators[0])
    name, last = last_step(first)
    maker = _TableMaker(last)
    if name is None:
        first = maker
    else:
        first.steps[-1] = name, maker
    own = check_method_params(X, params=params, indices=rows)
    try:
        first.fit(*safe_split(first, X, y, rows), **own)
    except Exception as error:
        return [(None, 0.0, error)] * len(estimators)
    seconds = (time.perf_counter() - start) / len(estimators)
    learned = {k: v for k, v in vars(last).items() if k.endswith("_")}
    made: list[tuple[Plan | None, float, Exception | None]] = []
    for estimator in estimators:
        own = last_step(estimator)[1]
        vars(own).update(learned)
        if name is not None:
            estimator.steps = [*first.steps[:-1], (name, own)]
        try:
            plan = own._plan(maker.table_)
        except Exception as error:
            made.append((None, seconds, error))
        else:
            plan.verbose = 0
            made.append((plan, seconds, None))
    return made


class FitResult(NamedTuple, Generic[Estimator]):
    """What :func:`fit_many` yields.

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

    index: int  # type: ignore[assignment]  # a tuple has a method of this name
    estimator: Estimator | None
    seconds: float
    error: Exception | None


def fit_many(
    estimators: Iterable[Estimator],
    X: MatrixLike,
    y: MatrixLike,
    *,
    rows: Iterable[ArrayLike] | None = None,
    n_jobs: int | None = None,
    max_members: int | Literal["auto"] = "auto",
    verbose: int = 0,
    **params: Any,
) -> Iterator[FitResult[Estimator]]:
    """Fit many estimators, each on rows of its own, as members of few stacks.

    Each comes out as its own `fit` would have left it, up to floating-point round-off:
    a cross-validation of several settings with a seed for each fold, say, or the same
    setting under many seeds. Those that differ only in `alpha`, `lr`, `weight_decay`,
    `dropout`, `label_smoothing`, `temperature`, `class_weight`, `n_estimators`,
    `random_state`, `validation_fraction` and rows share a stack; so do those whose
    encodings are about as wide. Those that differ in the network share encoded rows.

    Parameters
    ----------
    estimators : sequence of MixupClassifier, MixupRegressor or Pipeline
        Of a Pipeline, transformers are fitted once for those that have equal ones and
        the same rows. Or of what holds one of these, such as
        :class:`sklearn.compose.TransformedTargetRegressor` or
        :class:`sklearn.calibration.CalibratedClassifierCV`: these take turns, each as
        far as it comes to train something, and what all have come to shares stacks.
        Nothing here is changed; clones are fitted.
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
    fit : FitResult
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
    >>> from skmixup import MixupClassifier, fit_many
    >>> X, y = load_iris(return_X_y=True)
    >>> nets = [
    ...     MixupClassifier(alpha=a, max_epochs=10, random_state=0) for a in (0, 0.2, 1)
    ... ]
    >>> fits = sorted(fit_many(nets, X, y), key=lambda fit: fit.index)
    >>> [fit.estimator.alpha for fit in fits]
    [0, 0.2, 1]
    """
    estimators = list(estimators)
    for i, estimator in enumerate(estimators):
        check_kind(estimator, f"estimators[{i}]")
    X, y = indexable(as_table(X), y)
    rows = _check_rows(rows, len(estimators), num_samples(X))
    params = check_method_params(X, params=params)
    how = {"n_jobs": n_jobs, "max_members": max_members, "verbose": verbose}
    return _fit_many(estimators, X, y, rows, params, how)


def _check_rows(
    rows: Iterable[ArrayLike] | None, n_estimators: int, n_rows: int
) -> list[Array]:
    if rows is None:
        return [np.arange(n_rows)] * n_estimators
    arrays = [np.asarray(own) for own in rows]
    if len(arrays) != n_estimators:
        raise ValueError(
            f"rows must have an entry for each of the {n_estimators} estimators, got "
            f"{len(arrays)}."
        )
    return arrays


def _fit_many(
    estimators: list[Estimator],
    X: Any,
    y: Any,
    rows: list[Array],
    params: dict[str, Any],
    how: dict[str, Any],
) -> Iterator[FitResult[Estimator]]:
    """Do it, lazily: the checks come at the call, not at the first result."""
    fits = list(enumerate(map(clone, estimators)))
    stacked = [(i, fit) for i, fit in fits if can_stack(fit)]
    others = [(i, fit) for i, fit in fits if not can_stack(fit)]
    del fits
    numbers, own = [i for i, _ in stacked], [fit for _, fit in stacked]
    del stacked
    for place, *result, _ in fit_stacked(
        own, [rows[i] for i in numbers], X, y, params, **how
    ):
        yield FitResult(numbers[place], *result)
        del result
    for i, fit in others:
        if is_own(fit):
            yield FitResult(i, *_fit_alone(fit, rows[i], X, y, params))
    others = [(i, fit) for i, fit in others if not is_own(fit)]
    joint = JointTraining(X, **how)
    calls = [partial(_fit_alone, fit, rows[i], X, y, params) for i, fit in others]
    for place, (fitted, seconds, error), _ in joint.run(calls):
        seconds += joint.corrections[place]
        yield FitResult(others[place][0], fitted, seconds, error)


def _fit_alone(
    estimator: Any, rows: Array, X: Any, y: Any, params: dict[str, Any]
) -> tuple[Any, float, Exception | None]:
    start = time.perf_counter()
    try:
        _fit_on(estimator, rows, X, y, params)
    except Exception as error:
        return None, time.perf_counter() - start, error
    stop_if_interrupted(estimator)
    return estimator, time.perf_counter() - start, None


def _fit_on(estimator: Any, rows: Array, X: Any, y: Any, params: dict[str, Any]) -> Any:
    """Fit an estimator on some rows, and return it."""
    own = check_method_params(X, params=params, indices=rows)
    return estimator.fit(*safe_split(estimator, X, y, rows), **own)
