"""Results on disk: a row for each job, and what it predicted."""

from functools import partial
from pathlib import Path

import pandas as pd

from ..output.files import atomic_write, keep_aside, refuse_link
from ..output.text import say
from .parquet import (
    UnreadableResults,
    check_predictions,
    read_or_keep,
    read_parquet,
    write_parquet,
)
from .row_file import RowFile, encode
from .schema import CLASSIFIERS

FILE_NAME = "results.jsonl"
PREDICTIONS_NAME = "predictions"
PARQUET_NAME = "results.parquet"


class Results(RowFile):
    """Rows of results, in memory and, given a folder, in its ``results.jsonl``.

    The job of a line that is no row is run again.

    Parameters
    ----------
    folder : path-like or None, default=None
        Made if it doesn't exist; rows that it holds are read, be it only those of a
        ``results.parquet``. None for memory only.
    schema : Schema, default=CLASSIFIERS
        What rows hold.
    """

    def __init__(self, folder=None, schema=CLASSIFIERS):
        self._warned = set()
        super().__init__(folder, FILE_NAME, schema)

    def _prepare(self, folder):
        refuse_link(folder / PREDICTIONS_NAME)
        with self._lock:
            _import_parquet(folder, self.schema)

    def export(self):
        """Write all rows to ``results.parquet``; see :func:`export_rows`."""
        if self.path is not None:
            self.refresh()
            with self._lock:
                export_rows(self.all_rows(), self.path.parent, self.schema)

    def keep_predictions(self, job, predictions):
        """Write what a job predicted, whole or not at all.

        Parameters
        ----------
        job : Job
            Which job.
        predictions : dict of str -> array
            Columns of the Parquet file.
        """
        if self.path is None:
            return
        path = self._predictions_of(job)
        path.parent.mkdir(exist_ok=True)
        write = pd.DataFrame(predictions).to_parquet
        atomic_write(path, partial(write, index=False, write_page_checksum=True))

    def has_predictions(self, job):
        """Tell whether what a finished job predicted is there, and whole.

        Parameters
        ----------
        job : Job
            Which job.

        Returns
        -------
        has_them : bool
            A file that won't do is warned of, once.
        """
        if self.path is None or not self._predictions_of(job).exists():
            return False
        path = self._predictions_of(job)
        try:
            check_predictions(path, self._rows[job])
        except UnreadableResults as error:
            if path not in self._warned:
                say(f"Warning: {error}; its job is run again")
                self._warned.add(path)
            return False
        return True

    def _predictions_of(self, job):
        return self.path.parent / PREDICTIONS_NAME / f"{job.name}.parquet"

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


def read_rows(folder, schema=CLASSIFIERS):
    """Return the last row of every job in a folder.

    Parameters
    ----------
    folder : path-like
        With a ``results.jsonl``, or the ``results.parquet`` that a report made of one;
        nothing in it is changed. What is no row is passed over, with a warning.
    schema : Schema, default=CLASSIFIERS

    Returns
    -------
    rows : list of dict
        In the order in which the jobs came first.

    Raises
    ------
    FileNotFoundError
        If there is neither.
    UnreadableResults
        If there is only a Parquet file, and a broken one.
    """
    path, exported = Path(folder) / FILE_NAME, Path(folder) / PARQUET_NAME
    if not path.exists() and exported.exists():
        return read_parquet(exported, schema)[0]
    results = Results(schema=schema)
    results.take(path.read_bytes(), path)
    return results.all_rows()


def export_rows(rows, folder, schema=CLASSIFIERS):
    """Write rows to ``results.parquet``, which is small enough to be kept.

    It never loses a result: the old file's rows that `rows` have no better one of stay
    in it, and one that can't be read in full is kept beside it.

    Parameters
    ----------
    rows : list of dict
        All that a folder's ``results.jsonl`` holds.
    folder : path-like
    schema : Schema, default=CLASSIFIERS
    """
    path = Path(folder) / PARQUET_NAME
    merged = {schema.key(row): row for row in rows}
    if path.exists():
        old = {schema.key(row): row for row in read_or_keep(path, schema)}
        lost = {job: row for job, row in old.items() if _is_better(row, merged, job)}
        if lost:
            say(f"Kept {len(lost)} results of {path} that {FILE_NAME} lacks")
        merged |= lost
    atomic_write(path, partial(write_parquet, list(merged.values())))


def _is_better(row, others, job):
    """Tell whether a row is of no other's job, or went well where that has failed."""
    return job not in others or row["status"] == "ok" != others[job]["status"]


def _import_parquet(folder, schema):
    """Make a ``results.jsonl``, where there is none, of the Parquet file; or none.

    A part of it would be taken for all that there is.
    """
    path, exported = folder / FILE_NAME, folder / PARQUET_NAME
    is_there = path.exists() and path.stat().st_size
    if is_there or not exported.exists():
        return
    rows, refused = read_parquet(exported, schema)
    if refused:  # the next export would lose them
        keep_aside(exported)
    content = b"".join(map(encode, rows))
    atomic_write(path, partial(Path.write_bytes, data=content))
