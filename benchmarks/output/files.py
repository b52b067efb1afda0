"""Files that appear whole or not at all, and what may become a part of a path."""

import errno
import filecmp
import hashlib
import os
import re
import shutil
import warnings
from functools import partial
from itertools import count
from pathlib import Path
from uuid import uuid4

LONGEST_NAME = 120  # characters; file systems take 255 bytes, suffixes included
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def atomic_write(path, write):
    """Write a file beside its place, then put it there; nothing is left of a failure.

    Parameters
    ----------
    path : Path
        The file, replaced if it exists.
    write : callable
        Is given the path to write to.
    """
    part = path.with_name(f"{uuid4().hex}.part")  # short, and nobody else's
    try:
        write(part)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def atomic_write_text(path, text):
    """Write a file of text as :func:`atomic_write` does.

    Parameters
    ----------
    path : Path
        The file, replaced if it exists.
    text : str
    """
    atomic_write(path, partial(Path.write_text, data=text, encoding="utf-8"))


def write_figure(path, figure, dpi=110):
    """Write a figure as PNG as :func:`atomic_write` does.

    Parameters
    ----------
    path : Path
        The file, replaced if it exists.
    figure : matplotlib.figure.Figure
    dpi : float, default=110
    """
    with warnings.catch_warnings():
        # Names in scripts that the font lacks are boxes here; texts show them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        atomic_write(path, partial(figure.savefig, dpi=dpi, format="png"))


def refuse_link(path):
    """Return a path that is to be written to, unless it is a link to somewhere else.

    Parameters
    ----------
    path : Path
        A file that is added to, or a folder that files are put into.

    Returns
    -------
    path : Path
        The same.

    Raises
    ------
    OSError
        If it is a link; names it.
    """
    if path.is_symlink():
        raise OSError(errno.ELOOP, f"{path} is a link, which is not followed")
    return path


def keep_aside(path):
    """Keep a copy of a damaged file, beside all others that were kept before.

    Parameters
    ----------
    path : Path
        ``name.suffix``; the copies are ``name.refused.suffix``, ``name.refused-2`` and
        so on. What is kept already is not kept again.
    """
    for number in count(1):
        mark = "refused" if number == 1 else f"refused-{number}"
        copy = path.with_name(f"{path.stem}.{mark}{path.suffix}")
        if not copy.exists():
            atomic_write(copy, partial(shutil.copyfile, path))
            return
        if filecmp.cmp(path, copy, shallow=False):
            return


def end_line(file):
    """End the last line of a file that is open to be added to, as `a+b`.

    A process that was killed while it wrote has not.
    """
    if file.seek(0, os.SEEK_END):
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def file_name(text, plain=None):
    """Return a short name of letters, digits, dots, dashes and underscores.

    Parameters
    ----------
    text : str
        What the file is of.
    plain : str, default=None
        The name wanted, by default `text` itself. If it won't do on every system, it is
        cut, and a digest of `text` added, so that no two texts share a file.

    Returns
    -------
    name : str
    """
    plain = text if plain is None else plain
    is_plain = _PLAIN_NAME.fullmatch(plain) and not _RESERVED_NAME.fullmatch(plain)
    if is_plain and len(plain) <= LONGEST_NAME:
        return plain
    return with_digest(plain, text)


def with_digest(name, text):
    """Return a name that no other text's file has; see :func:`file_name`."""
    digest = hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]
    start = re.sub(r"[^A-Za-z0-9-]+", "_", name)[: LONGEST_NAME - 20].strip("_-")
    return "-".join([*filter(None, [start]), digest])
