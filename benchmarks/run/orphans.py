"""Processes that end when the one that started them is gone."""

import os
import threading
import time

from joblib import parallel_config

EVERY = 1.0  # seconds


def own_processes(**options):
    """Let joblib's processes end with this one, be it killed.

    Without that, they go on with what they have been given, and then wait for more.

    Parameters
    ----------
    **options : dict
        Passed to :func:`joblib.parallel_config`.

    Returns
    -------
    context : context manager
    """
    return parallel_config(
        "loky", initializer=_end_with, initargs=(os.getpid(),), **options
    )


def _end_with(parent):
    """End this process once its parent is not the one told.

    An orphan is given another parent at once; on Windows it is not, and nothing is
    noticed.
    """

    def watch():
        while os.getppid() == parent:
            time.sleep(EVERY)
        os._exit(1)  # no part of it is to wait for anything, such as a queue

    threading.Thread(target=watch, daemon=True, name="watch").start()
