"""Units are run, here or on a Dask cluster, and their rows kept."""

from collections.abc import Iterator

from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ..output.text import say
from .cluster import on_cluster
from .jobs import Job
from .orphans import own_processes
from .progress import Progress
from .unit import fail, make_units, run_unit


def run_jobs(jobs, results, *, n_jobs, scheduler=None, keep_predictions=False, **how):
    """Run the jobs that aren't finished, each row on disk as soon as it is known.

    Parameters
    ----------
    jobs : dict of Table -> list of Job
        What to run.
    results : Results
        Where the rows go.
    n_jobs : int
        Processes on this machine.
    scheduler : str, default=None
        Address of a Dask scheduler, whose workers run the jobs instead.
    keep_predictions : bool, default=False
        Whether to keep what is predicted for every test row.
    **how
        `fit` and `measure` of :class:`benchmarks.run.unit.Unit`; the schema is that of
        the results.

    Raises
    ------
    NoCluster
        If the scheduler doesn't answer.
    """

    def is_finished(job):
        return results.is_finished(job) and (
            not keep_predictions or results.has_predictions(job)
        )

    n_all = sum(map(len, jobs.values()))
    todo = {
        table: [job for job in some if not is_finished(job)]
        for table, some in jobs.items()
    }
    n_todo = sum(map(len, todo.values()))
    if n_todo < n_all:
        say(f"{n_all - n_todo} of {n_all} jobs were finished before")
    if not n_todo:
        return

    def is_wanted(unit):
        results.refresh()
        return not all(map(is_finished, unit.jobs))

    how["schema"] = results.schema
    ran = run_units(
        [u for table, some in todo.items() for u in make_units(table, some, **how)],
        n_jobs=n_jobs,
        scheduler=scheduler,
        is_wanted=is_wanted,
        keep_predictions=keep_predictions,
    )
    for outcomes in ran:
        for outcome in outcomes:
            results.add_environment(outcome.stamp)
            if outcome.predictions is not None:
                results.keep_predictions(Job.of(outcome.row), outcome.predictions)
        results.append([outcome.row for outcome in outcomes])


def run_units(
    units, *, n_jobs=1, scheduler=None, is_wanted=None, keep_predictions=False
) -> Iterator[list]:
    """Run units with a progress bar, those that take least time first.

    Of several processes, one begins with what takes longest, so that the others do not
    have to wait for it at the end.

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
    units = sorted(units, key=lambda unit: unit.cost)
    if scheduler is None and n_jobs > 1:
        units = units[-1:] + units[:-1]
    run = on_cluster if scheduler else _on_this_machine
    with Progress(units, is_wanted, n_jobs) as progress:
        for number, outcomes in run(progress, scheduler or n_jobs, keep_predictions):
            progress.end(number)
            yield outcomes


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
