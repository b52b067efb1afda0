"""Peak memory of a call, on Linux."""

import ctypes
import gc
import re
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_of(work):
    """Measure what a call adds to the process at its peak.

    The process's record of its peak is reset first, since it holds the parent's and
    that of all that went before; and memory that was freed is given back, since the
    call would use it unseen.

    Parameters
    ----------
    work : callable
        Called without arguments.

    Returns
    -------
    peak : float
        MiB above what was resident before.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _read("VmRSS")
    work()
    return (_read("VmHWM") - before) / 1024


def _read(name):
    """Return a figure of the process in KiB."""
    return int(re.search(rf"^{name}:\s+(\d+) kB", _STATUS.read_text(), re.M)[1])
