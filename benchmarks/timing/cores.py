"""What a fit takes where there are cores to use, and where others use them.

In seconds of the clock, which is all that counts here: the ratios need a machine that
is idle but for what the contest itself keeps busy.
"""

import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from inspect import signature

import torch

from skmixup import MixupClassifier

from .contest import Contest, make_rows, seconds, using_threads, warm_up

_SPIN = "import time\nprint(flush=True)\nwhile True: time.monotonic()"
# Threads that torch takes if nobody says how many.
_OWN_THREADS = torch.get_num_threads()


def default(max_epochs=100, **params):
    """Return the classifier as it comes, with those parameters that it has."""
    known = signature(MixupClassifier).parameters
    params = {name: value for name, value in params.items() if name in known}
    return MixupClassifier(max_epochs=max_epochs, random_state=0, **params)


def has_n_jobs():
    """Tell whether members are trained in several threads if that is wanted."""
    return "n_jobs" in signature(MixupClassifier).parameters


def core_contests(quick):
    """Time a default fit with `n_jobs` of 1 and of 2, from 2,000 rows on."""
    warm_up()
    sizes = [(200, 10)] if quick else [(2000, 30), (10_000, 30), (2000, 300)]
    for n_rows, n_columns in sizes:
        X, y = make_rows(n_rows, n_columns)

        def run(n_jobs, X=X, y=y):
            with using_threads(1):
                return seconds(default(3 if quick else 30, n_jobs=n_jobs).fit, X, y)

        yield Contest(
            "cores",
            f"{n_rows} rows x {n_columns}",
            "s",
            {
                f"n_jobs={n_jobs}": partial(run, n_jobs)
                for n_jobs in (1, 2)[: 1 + has_n_jobs()]
            },
            most_turns=3,
        )


@contextmanager
def a_core_kept_busy():
    """Let another process keep a core busy."""
    command = [sys.executable, "-c", _SPIN]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()  # it spins
            yield
        finally:
            process.kill()


def busy_contests(quick):
    """Time the same fit with one thread and with torch's own, beside another process.

    Threads that wait for each other spin; where a core is taken, all wait for the one
    that has none.
    """
    warm_up()
    n_rows, n_columns = (100, 10) if quick else (500, 166)
    X, y = make_rows(n_rows, n_columns)

    def run(n_threads):
        with a_core_kept_busy(), using_threads(n_threads):
            return seconds(default(3 if quick else 10).fit, X, y)

    own = max(_OWN_THREADS, 2)
    yield Contest(
        "busy",
        f"{n_rows} rows x {n_columns}",
        "s",
        {"torch's own threads": partial(run, own), "one thread": partial(run, 1)},
        most_turns=3,
    )
