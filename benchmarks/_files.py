"""Files that appear whole or not at all."""

import os


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
