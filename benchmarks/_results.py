"""Results on disk: one JSON object a line, only ever appended to."""

import json
from pathlib import Path

from filelock import FileLock

from ._runner import Job

FILE_NAME = "results.jsonl"
LOCK_NAME = ".results.lock"


class Results:
    """Rows of results, in memory and, given a folder, in its ``results.jsonl``.

    A process killed while writing leaves at most a piece of a line. It is left where it
    is, and passed over when the file is read. Several processes may share a folder:
    each takes a lock to write, and reads first what the others have added.

    Parameters
    ----------
    folder : path-like or None, default=None
        Made if it doesn't exist; rows that it holds are read. None for memory only.

    Attributes
    ----------
    path : Path or None
        The file of results.
    n_unreadable : int
        Number of lines passed over.
    """

    def __init__(self, folder=None):
        self.path = None
        self.n_unreadable = 0
        self._rows = {}
        self._n_read = 0  # bytes of the file
        if folder is not None:
            folder = Path(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / FILE_NAME
            self._lock = FileLock(folder / LOCK_NAME)
            with self._lock, self.path.open("a+b") as file:
                self._read_on(file)

    def append(self, row):
        """Add a row, on disk before this returns.

        Parameters
        ----------
        row : dict
            As made by :func:`benchmarks._runner.run_job`.

        Returns
        -------
        added : bool
            False if another process has finished the same job before.
        """
        if self.path is None:
            self._rows[Job.of(row)] = row
            return True
        line = _encode(row)
        with self._lock, self.path.open("a+b") as file:
            self._read_on(file)
            if self.is_finished(Job.of(row)):
                return False
            file.write(line)
            self._n_read += len(line)
        self._rows[Job.of(row)] = row
        return True

    def is_finished(self, job):
        """Tell whether a job has a row that isn't a failure.

        Parameters
        ----------
        job : Job
            Which job.

        Returns
        -------
        finished : bool
        """
        return job in self._rows and self._rows[job]["status"] == "ok"

    def rows(self, jobs):
        """Return the last row of each of `jobs` that has one.

        Parameters
        ----------
        jobs : iterable of Job
            Which jobs, in the order wanted.

        Returns
        -------
        rows : list of dict
        """
        return [self._rows[job] for job in jobs if job in self._rows]

    def _read_on(self, file):
        """Read what is new in the file, and end a line that was never finished.

        Whoever writes holds the lock, so an unfinished line is a dead process's.
        """
        file.seek(self._n_read)
        new = file.read()
        if new and not new.endswith(b"\n"):
            file.write(b"\n")
            self._n_read += 1
        self._n_read += len(new)
        for line in new.splitlines():
            self._read_line(line)

    def _read_line(self, line):
        try:
            row = _decode(line)
            self._rows[Job.of(row)] = row
        except (ValueError, KeyError, TypeError):
            self.n_unreadable += 1


def _encode(row):
    """Return a row as a line of strict JSON, which knows no infinite number."""
    if row["alpha"] == float("inf"):
        row = row | {"alpha": "inf"}
    return json.dumps(row, allow_nan=False).encode() + b"\n"


def _decode(line):
    """Return the row that a line holds."""
    row = json.loads(line)
    alpha = row["alpha"]
    return row | {"alpha": None if alpha is None else float(alpha)}


def read_rows(folder):
    """Return the last row of every job in a folder.

    Parameters
    ----------
    folder : path-like
        With a ``results.jsonl``; nothing in it is changed.

    Returns
    -------
    rows : list of dict
        In the order in which the jobs came first.
    """
    results = Results()
    for line in (Path(folder) / FILE_NAME).read_bytes().splitlines():
        results._read_line(line)
    return list(results._rows.values())
