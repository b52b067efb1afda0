"""Warnings: at the user's own line, or none."""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import joblib
import sklearn

_INNER = tuple(
    f"{Path(file).parent}{os.sep}"
    for file in (__file__, sklearn.__file__, joblib.__file__)
)

_filters = threading.RLock()


@contextlib.contextmanager
def without_warnings(message: str = "") -> Iterator[None]:
    """Ignore warnings that begin with a text.

    One thread at a time: each puts back the filters that it has found, and of two that
    overlap, one would leave those of the other behind. So it is for what takes no time,
    and waits for no thread.

    Parameters
    ----------
    message : str, default=""
        All of them by default.
    """
    with _filters, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=message)
        yield


def warn_user(message: str) -> None:
    """Warn, at the line that has called this package, by whatever way.

    Parameters
    ----------
    message : str
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INNER):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, UserWarning, stacklevel=level)
