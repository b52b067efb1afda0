"""Fits in several threads whose members are trained in shared stacks."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn import config_context, get_config

from ._engine import Trained, train
from ._plan import Plan

_MOST_FITS = 32  # at a time, each of which holds its encoded rows
_VALUE = 24  # bytes that those take for each value of the table, about
_PATIENCE = 0.1  # seconds that are waited for a thread after an interrupt
_own = threading.local()


class _Slot:
    """A plan that a thread waits for, and what became of it."""

    def __init__(self, plan: Plan, number: int) -> None:
        self.plan = plan
        self.number = number
        self.trained: Trained | None = None


class JointTraining:
    """Calls functions side by side, and trains in one stack what they fit meanwhile.

    Whatever fits this package's estimators, be it one of scikit-learn's that holds
    some, does so as always; but where a training would begin, its thread waits until
    all others have come as far, or have ended. Then all are trained as one would be.

    Parameters
    ----------
    X : DataFrame, array-like or sparse matrix
        The table that all fit on: of a large one, fewer fit at a time, so that their
        encoded rows take up to half of scikit-learn's ``working_memory``.
    **how : dict
        Passed to :func:`skmixup.training._engine.train`.

    Attributes
    ----------
    seconds : dict of int to float
        For each function, the share of the training's time that its members took.
    """

    def __init__(self, X: Any, **how: Any) -> None:
        self.how = how
        n_values = int(np.prod(X.shape)) if hasattr(X, "shape") else 0
        room = get_config()["working_memory"] * 2**20 / 2
        self.n_fits = max(2, min(_MOST_FITS, int(room // max(n_values * _VALUE, 1))))
        self.seconds: dict[int, float] = {}
        self._changed = threading.Condition()
        self._waiting: list[_Slot] = []
        self._n_running = 0
        self._ended = False

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
            Of a function that has ended.
        result : object
            What it has returned; None if it failed.
        error : Exception or None
            What it has raised.
        """
        for start in range(0, len(functions), self.n_fits):
            some = functions[start : start + self.n_fits]
            # In threads, what sets filters and puts them back leaves others' behind.
            with warnings.catch_warnings():
                ended = self._run(dict(enumerate(some, start)))
            yield from ended

    def _run(
        self, functions: dict[int, Callable[[], Any]]
    ) -> list[tuple[int, Any, Exception | None]]:
        config = get_config()
        ended: list[tuple[int, Any, BaseException | None]] = []
        self._n_running, self._ended = len(functions), False

        def call(number: int) -> None:
            _own.joint, _own.number = self, number
            result, error = None, None  # type: Any, BaseException | None
            try:
                with config_context(**config):
                    result = functions[number]()
            except BaseException as raised:
                error = raised
            with self._changed:
                ended.append((number, result, error))
                self._n_running -= 1
                self._changed.notify_all()

        threads = [
            threading.Thread(target=call, args=[number], daemon=True)
            for number in functions
        ]
        patience: float | None = None
        try:
            for thread in threads:
                thread.start()
            return [self._next(ended) for _ in functions]
        except BaseException:
            # Some may be within another library's pool, or a training of their own,
            # which nobody can end: they are not waited for.
            patience = _PATIENCE
            raise
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            for thread in threads:
                thread.join(patience)

    def _next(
        self, ended: list[tuple[int, Any, BaseException | None]]
    ) -> tuple[int, Any, Exception | None]:
        """Return what has ended, and train whatever all others wait for until then."""
        while True:
            with self._changed:
                while not ended and self._n_running:
                    self._changed.wait()
                if ended:
                    number, result, error = ended.pop(0)
                    break
                slots, self._waiting = self._waiting, []
            slot_of = {slot.plan: slot for slot in slots}
            for trained in train([slot.plan for slot in slots], **self.how):
                slot = slot_of[trained.plan]
                known = self.seconds.get(slot.number, 0.0)
                self.seconds[slot.number] = known + trained.seconds
                with self._changed:
                    slot.trained = trained
                    self._n_running += 1
                    self._changed.notify_all()
        if error is None or isinstance(error, Exception):
            return number, result, error
        raise error

    def _wait_for(self, plan: Plan) -> Trained:
        slot = _Slot(plan, _own.number)
        with self._changed:
            self._waiting.append(slot)
            self._n_running -= 1
            self._changed.notify_all()
            while slot.trained is None and not self._ended:
                self._changed.wait()
        if slot.trained is None:
            raise KeyboardInterrupt  # of another thread
        return slot.trained


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
    joint: JointTraining | None = getattr(_own, "joint", None)
    if joint is None or plan.trains_alone:
        (trained,) = train([plan], n_jobs=n_jobs)
        return trained
    plan.verbose = 0
    return joint._wait_for(plan)
