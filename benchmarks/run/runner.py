"""Units are run, here or on a Dask cluster, and each job ends in one flat row."""

import signal
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ..models.registry import PACKAGES, STACKED
from ..output.text import plain
from .environment import describe, versions_of
from .fit import MEASURES, fitter_of, measure
from .jobs import Job, Unit
from .orphans import own_processes
from .schema import check_row

CLUSTER_TIMEOUT = 30  # seconds
# How often a unit may be running when a worker dies, before it is blamed.
MAX_DEATHS = 2


class NoCluster(Exception):
    """There is no answer from a Dask scheduler, or no longer."""


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
    fit_all = fitter_of(unit.jobs[0])
    # On a shared machine, threads that wait for each other cost small networks tenfold.
    with interruptible(), threadpool_limits(1), warnings.catch_warnings():
        # The protocol sets the epochs; whether they suffice is what is measured.
        warnings.simplefilter("ignore", ConvergenceWarning)
        if unit.jobs[0].model in PACKAGES:  # what its makers have to mend, on every fit
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
        try:
            fits = [
                _outcome(unit, fitted, keep_predictions)
                for fitted in fit_all(unit.table, unit.jobs)
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
        measures, predictions = measure(unit.table, fit)
        row = _row(unit, fit.job) | measures | {"status": "ok", "message": None}
        check_row(row)  # a score that is no number is a failure
    except Exception as error:
        return _failure(unit, fit.job, error)
    return Outcome(row, describe(), predictions if keep_predictions else None)


def _row(unit, job):
    table = unit.table
    size = {
        "n_rows": len(table.X),
        "n_features": table.X.shape[1],
        "n_classes": int(table.y.nunique()),
        "stack_size": len(unit.jobs) if job.model in STACKED else 1,
    }
    made_with = {"versions": versions_of(job.model), "environment": describe()["id"]}
    return asdict(job) | size | made_with


def _failure(unit, job, error):
    message = f"{type(error).__name__}: {error}"
    message = message.encode(
        "utf-8", "backslashreplace"
    ).decode()  # what files can hold
    row = _row(unit, job) | dict.fromkeys(("n_train", "n_test", *MEASURES))
    return Outcome(row | {"status": "failed", "message": message}, describe())


def run_units(
    units, *, n_jobs=1, scheduler=None, is_wanted=None, keep_predictions=False
) -> Iterator[list]:
    """Run units with a progress bar, those that take least time first.

    Parameters
    ----------
    units : list of Unit
        What to run.
    n_jobs : int, default=1
        Number of processes on this machine; 1 runs in this process.
    scheduler : str, default=None
        Address of a Dask scheduler, whose workers are to run the units.
    is_wanted : callable, default=None
        Asked of each unit just before it is given away.
    keep_predictions : bool, default=False
        Whether the outcomes have `predictions`.

    Yields
    ------
    outcomes : list of Outcome
        A unit's, as soon as it ends. A unit whose process died `MAX_DEATHS` times comes
        back with failures.

    Raises
    ------
    NoCluster
        If the scheduler doesn't answer, has no worker, or is lost.
    """
    progress = _Progress(sorted(units, key=lambda unit: unit.cost), is_wanted)
    run = _on_cluster if scheduler else _on_this_machine
    with progress.bar:
        for number, outcomes in run(progress, scheduler or n_jobs, keep_predictions):
            progress.end(number)
            yield outcomes


class _Progress:
    """Which units are running and how often they died, on a bar with the time left."""

    def __init__(self, units, is_wanted):
        self.units = units
        self._running = set()
        self._deaths = Counter()
        self._is_wanted = is_wanted
        self._n_done = 0
        self._n_jobs = sum(len(unit.jobs) for unit in units)
        self.bar = tqdm(
            total=sum(unit.cost for unit in units),
            bar_format="{percentage:3.0f}% |{bar}| {elapsed} < {remaining}{postfix}",
            smoothing=0,
        )

    def start(self, numbers):
        """Yield the numbers of units that are still wanted, counted as running."""
        for number in numbers:
            if self._is_wanted is None or self._is_wanted(self.units[number]):
                self._running.add(number)
                yield number
            else:
                self.end(number)

    def end(self, number):
        """Count a unit as done."""
        unit = self.units[number]
        self._running.discard(number)
        self._n_done += len(unit.jobs)
        text = f"{self._n_done}/{self._n_jobs} jobs, {plain(unit.table.name)}"
        self.bar.set_postfix_str(text, refresh=False)
        self.bar.update(unit.cost)

    def bury(self):
        """Of the units running when a worker died, return those to blame, and others.

        Which of them it was is not known, so each is tried again, by itself.
        """
        suspects = sorted(self._running)
        self._running.clear()
        self._deaths.update(suspects)
        blamed = [n for n in suspects if self._deaths[n] >= MAX_DEATHS]
        return blamed, [n for n in suspects if self._deaths[n] < MAX_DEATHS]


def _on_this_machine(progress, n_jobs, keep_predictions):
    """Run units in processes; the suspects of a worker's death, one by one."""
    queues = [iter(range(len(progress.units)))]
    while queues:
        try:
            yield from _in_processes(progress, queues[0], n_jobs, keep_predictions)
            queues.pop(0)
        except TerminatedWorkerError as error:
            blamed, suspects = progress.bury()
            for number in blamed:
                yield number, fail(progress.units[number], error)
            queues = [iter([number]) for number in suspects] + queues


def _in_processes(progress, numbers, n_jobs, keep_predictions):
    with own_processes(n_jobs=n_jobs, inner_max_num_threads=1):
        # One unit a batch, so that each row is on disk as soon as it can be.
        parallel = Parallel(batch_size=1, return_as="generator_unordered")
        yield from parallel(
            delayed(_run_numbered)(number, progress.units[number], keep_predictions)
            for number in progress.start(numbers)
        )


def _run_numbered(number, unit, keep_predictions):
    return number, run_unit(unit, keep_predictions)


def _on_cluster(progress, scheduler, keep_predictions):
    """Run units on a Dask cluster, which gives those of a dead worker to another."""
    from distributed import as_completed

    with _connected(scheduler) as client:
        there, futures = {}, {}
        done = as_completed(loop=client.loop)

        def submit(number):
            unit = progress.units[number]
            if id(unit.table) not in there:  # a copy with every worker: they may die
                there[id(unit.table)] = client.scatter(unit.table, broadcast=True)
            table, priority = there[id(unit.table)], -number
            future = client.submit(
                *(_run_jobs, table, unit.jobs, keep_predictions),
                pure=False,
                priority=priority,
            )
            futures[future] = number
            done.add(future)

        for number in progress.start(range(len(progress.units))):
            submit(number)
        for future in done:
            number = futures.pop(future)
            if future.status == "cancelled":  # the last copy of its table was lost
                there.pop(id(progress.units[number].table), None)
                submit(number)
            elif future.status == "error":
                yield number, fail(progress.units[number], future.exception())
            else:
                yield number, future.result()


@contextmanager
def _connected(scheduler):
    """Yield a client of a Dask cluster that answers and has a worker."""
    from distributed import Client

    try:
        with Client(scheduler, timeout=CLUSTER_TIMEOUT, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=CLUSTER_TIMEOUT)
            yield client
    except TimeoutError as error:
        raise NoCluster(
            f"No Dask cluster with a worker at --scheduler {scheduler} in "
            f"{CLUSTER_TIMEOUT} s: {error}"
        ) from error
    except (OSError, CancelledError) as error:
        raise NoCluster(
            f"No Dask cluster at --scheduler {scheduler}, or it was lost: {error}"
        ) from error


def _run_jobs(table, jobs, keep_predictions):
    return run_unit(Unit(table, jobs), keep_predictions)
