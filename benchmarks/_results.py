"""Results on disk: one JSON object a line, only ever appended to."""

import json
from pathlib import Path

from ._runner import Job

FILE_NAME = "results.jsonl"


class Results:
    """Rows of results, in memory and, given a folder, in its ``results.jsonl``.

    A process killed while writing leaves at most a piece of a line. It is left where it
    is, and passed over when the file is read.

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
        if folder is not None:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.path = Path(folder) / FILE_NAME
            self._read()

    def append(self, row):
        """Add a row, on disk before this returns.

        Parameters
        ----------
        row : dict
            As made by :func:`benchmarks._runner.run_job`.
        """
        if self.path is not None:
            with self.path.open("ab") as file:
                file.write(json.dumps(row).encode() + b"\n")
        self._rows[Job.of(row)] = row

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

    def _read(self):
        with self.path.open("a+b") as file:
            file.seek(0)
            content = file.read()
            if content and not content.endswith(b"\n"):
                file.write(b"\n")
        for line in content.splitlines():
            self._read_line(line)

    def _read_line(self, line):
        try:
            row = json.loads(line)
            self._rows[Job.of(row)] = row
        except (ValueError, KeyError, TypeError):
            self.n_unreadable += 1
