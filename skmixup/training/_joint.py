"""Fits whose members are trained in shared stacks, wherever they come to train."""

from __future__ import annotations

import contextvars
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from ._engine import Trained, train
from ._global_state import ended_early
from ._plan import Plan

_MOST_FITS = 32  # at a time, each of which holds its encoded rows
_VALUE = 24  # bytes that those take for each value of the table, about
_PATIENCE = 1.0  # seconds that threads are waited for after an interrupt
_own = threading.local()
# What contexts set for the process while they last, and fits keep for themselves.
_OF_THE_PROCESS = [
    *((warnings, name) for name in ("filters", "showwarning", "_showwarnmsg_impl")),
    *((sys, name) for name in ("stdout", "stderr")),
]


def _get_state() -> dict[tuple[Any, str], Any]:
    return {(of, name): getattr(of, name) for of, name in _OF_THE_PROCESS}


def _set_state(state: dict[tuple[Any, str], Any]) -> None:
    for (of, name), value in state.items():
        setattr(of, name, value)


def _parallel_settings() -> dict[str, Any]:
    """Return what is set of joblib's pools, which each thread is told anew."""
    backend, n_jobs = get_active_backend(prefer="processes")
    other, _ = get_active_backend(prefer="threads")
    settings = {"n_jobs": n_jobs} if n_jobs else {}
    # One that is set, be it for what is within another pool, cares for no preference.
    return settings | {"backend": backend} if backend is other else settings


class _Fit(threading.Thread):
    """A function's call in a thread, which runs only while its starter waits for it."""

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.function = function
        self.result: Any = None
        self.error: BaseException | None = None
        self.plan: Plan | None = None  # what it waits for
        self.correction = 0.0
        self._trained: Trained | None = None
        self._state = _get_state()
        self._state[warnings, "filters"] = list(warnings.filters)
        self._context, self._config = contextvars.copy_context(), get_config()
        self._parallel = _parallel_settings()
        self._given_up = threading.Event()
        self._within: _Fit | None = getattr(_own, "fit", None)
        self._resumed, self._paused = threading.Semaphore(0), threading.Semaphore(0)

    def run(self) -> None:
        _own.fit = self
        try:
            with (
                config_context(**self._config),
                parallel_config(**self._parallel),
                ended_early(self.is_given_up),
            ):
                self.result = self._context.run(self.function)
        except BaseException as raised:
            self.error = raised
        finally:
            self._paused.release()

    def go_on(self, trained: Trained | None = None) -> None:
        """Let the thread run until it has ended, or has something to train."""
        self.plan, self._trained = None, trained
        with self._own_state():
            if self.ident is None:
                self.start()
            else:
                self._resumed.release()
            self._paused.acquire()
        if self.error is not None and not isinstance(self.error, Exception):
            raise self.error

    def give_up(self) -> None:
        """End the thread where it waits, or will, or after an epoch of its own."""
        self._given_up.set()
        self._resumed.release()

    def is_given_up(self) -> bool:
        """Tell whether it is to end, or what it is called within is."""
        within = self._within is not None and self._within.is_given_up()
        return within or self._given_up.is_set()

    def wait_for(self, plan: Plan) -> Trained:
        """Hand over a plan, and return it trained; in the thread itself."""
        start = time.perf_counter()
        self.plan = plan
        self._paused.release()
        self._resumed.acquire()
        trained, self._trained = self._trained, None
        if trained is None or self.is_given_up():
            raise KeyboardInterrupt  # of the thread that has started this one
        self.correction += trained.seconds - (time.perf_counter() - start)
        return trained

    @contextmanager
    def _own_state(self) -> Iterator[None]:
        """Keep what the thread has set of the process's until it goes on.

        What filters warnings or records output while it trains would otherwise do so
        for others, and would put back what it has found too late.
        """
        before = _get_state()
        _set_state(self._state)
        try:
            yield
        finally:
            self._state = _get_state()
            _set_state(before)


class JointTraining:
    """Calls functions in turn, and trains in one stack what they fit meanwhile.

    Whatever fits this package's estimators, be it one of scikit-learn's that holds
    some, does so as always; but where a training would begin, it is left there, in a
    thread of its own, until all others have come as far, or have ended. Then all are
    trained as one would be. Only one thread runs at a time, in the functions' order,
    with its own filters of warnings, standard output and contexts. Whatever else a
    function holds while it trains, a lock or a working directory, others find held.

    Parameters
    ----------
    X : DataFrame, array-like or sparse matrix
        The table that all fit on: of a large one, fewer fit at a time, so that their
        encoded rows take up to half of scikit-learn's ``working_memory``.
    **how : dict
        Passed to :func:`skmixup.training._engine.train`.

    Attributes
    ----------
    corrections : dict of int to float
        For each function, the seconds to add to what its own clock shows: the share of
        the training's time that its members took, less those that it has waited.
    """

    def __init__(self, X: Any, **how: Any) -> None:
        self.how = how
        n_values = int(np.prod(X.shape)) if hasattr(X, "shape") else 0
        room = get_config()["working_memory"] * 2**20 / 2
        self.n_fits = max(2, min(_MOST_FITS, int(room // max(n_values * _VALUE, 1))))
        self.corrections: dict[int, float] = {}

    def run(
        self, functions: Sequence[Callable[[], Any]]
    ) -> Iterator[tuple[int, Any, Exception | None]]:
        """Call functions, each in a thread of its own.

        Parameters
        ----------
        functions : list of callable

        Yields
        ------
        index : int
            Of a function, in their order.
        result : object
            What it has returned; None if it failed.
        error : Exception or None
            What it has raised.
        """
        for start in range(0, len(functions), self.n_fits):
            fits = [_Fit(call) for call in functions[start : start + self.n_fits]]
            self._run(fits)
            for number, fit in enumerate(fits, start):
                self.corrections[number] = fit.correction
                yield number, fit.result, fit.error  # type: ignore[misc]

    def _run(self, fits: list[_Fit]) -> None:
        deadline: float | None = None
        try:
            for fit in fits:
                fit.go_on()
            while waiting := {fit.plan: fit for fit in fits if fit.plan is not None}:
                for trained in train(list(waiting), **self.how):
                    waiting.pop(trained.plan).go_on(trained)
        except BaseException:
            # One may be within another library's code, which nobody can end.
            deadline = time.monotonic() + _PATIENCE
            for fit in fits:
                fit.give_up()
            raise
        finally:
            for fit in fits:
                if fit.ident is not None:
                    left = deadline and max(0.0, deadline - time.monotonic())
                    fit.join(left)


def train_alone(plan: Plan, n_jobs: int | None = None) -> Trained:
    """Train a plan by itself, unless its thread is one of a :class:`JointTraining`.

    Parameters
    ----------
    plan : Plan
    n_jobs : int, default=None
        Threads among which its members are shared, where it is trained by itself.

    Returns
    -------
    trained : Trained
    """
    fit: _Fit | None = getattr(_own, "fit", None)
    if fit is None or plan.trains_alone:
        (trained,) = train([plan], n_jobs=n_jobs)
        return trained
    plan.verbose = 0
    return fit.wait_for(plan)
