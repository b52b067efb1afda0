"""Warnings that point at the user's own line."""

import os
import sys
import warnings
from pathlib import Path

import joblib
import sklearn

_INNER = tuple(
    f"{Path(file).parent}{os.sep}"
    for file in (__file__, sklearn.__file__, joblib.__file__)
)


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
