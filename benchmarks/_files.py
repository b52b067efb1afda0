"""Files that appear whole or not at all."""

import os
from functools import partial
from pathlib import Path


def write_whole(path, write):
    """Write a file beside its place, then put it there; nothing is left of a failure.

    Parameters
    ----------
    path : Path
        The file, replaced if it exists.
    write : callable
        Is given the path to write to.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_text_whole(path, text):
    """Write a file of text as :func:`write_whole` does.

    Parameters
    ----------
    path : Path
        The file, replaced if it exists.
    text : str
    """
    write_whole(path, partial(Path.write_text, data=text, encoding="utf-8"))
