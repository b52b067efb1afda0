"""Units on a Dask cluster, which gives those of a dead worker to another."""

from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import replace

from .unit import fail, run_unit

CLUSTER_TIMEOUT = 30  # seconds


class NoCluster(Exception):
    """There is no answer from a Dask scheduler, or no longer."""


def on_cluster(progress, scheduler, keep_predictions):
    """Run units on a Dask cluster.

    Parameters
    ----------
    progress : Progress
        Of the units.
    scheduler : str
        The cluster's address.
    keep_predictions : bool

    Yields
    ------
    number : int
        Of a unit.
    outcomes : list of Outcome

    Raises
    ------
    NoCluster
        If the scheduler doesn't answer, has no worker, or is lost.
    """
    from distributed import as_completed

    with _connected(scheduler) as client:
        progress.n_at_once = sum(client.nthreads().values())
        there, futures = {}, {}
        done = as_completed(loop=client.loop)

        def submit(number):
            unit = progress.units[number]
            if id(unit.table) not in there:  # a copy with every worker: they may die
                there[id(unit.table)] = client.scatter(unit.table, broadcast=True)
            table, priority = there[id(unit.table)], -number
            future = client.submit(
                *(_run_on, table, replace(unit, table=None), keep_predictions),
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


def _run_on(table, unit, keep_predictions):
    return run_unit(replace(unit, table=table), keep_predictions)
