"""Results on disk: one JSON object a line, only ever appended to."""

import json
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow.parquet
from filelock import FileLock

from ..output.files import end_line, keep_aside, refuse_link, write_whole
from ..output.text import say
from .jobs import Job
from .schema import (
    NESTED,
    check_row,
    check_stamp,
    parse,
    read_all,
    restore,
    say_refused,
)

FILE_NAME = "results.jsonl"
LOCK_NAME = ".results.lock"
ENVIRONMENTS_NAME = "environments.jsonl"
PREDICTIONS_NAME = "predictions"
PARQUET_NAME = "results.parquet"
_ALPHAS = ("alpha", "chosen_alpha")  # which may be infinite


class UnreadableResults(ValueError):
    """A file of results is not what it should be."""


class Results:
    """Rows of results, in memory and, given a folder, in its ``results.jsonl``.

    A process killed while writing leaves at most a piece of a line. Like any line that
    is no row by :func:`benchmarks.run.schema.check_row`, it is left where it is, passed
    over with a warning that names it, and its job is run again. Several processes may
    share a folder: each takes a lock to write, and reads first what the others have
    added.

    Parameters
    ----------
    folder : path-like or None, default=None
        Made if it doesn't exist; rows that it holds are read, be it only those of a
        ``results.parquet``. None for memory only.

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
        self._n_read = self._n_lines = 0  # bytes and lines of the file
        self._environments, self._warned = set(), set()
        if folder is not None:
            folder = Path(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / FILE_NAME
            for name in (FILE_NAME, ENVIRONMENTS_NAME, PREDICTIONS_NAME, LOCK_NAME):
                refuse_link(folder / name)
            self._lock = FileLock(folder / LOCK_NAME)
            with self._lock:
                _import_parquet(folder)
            self.refresh()

    def export(self):
        """Write all rows to ``results.parquet``; see :func:`export_rows`."""
        if self.path is not None:
            self.refresh()
            with self._lock:
                export_rows(list(self._rows.values()), self.path.parent)

    def append(self, rows):
        """Add rows at once, on disk before this returns.

        Parameters
        ----------
        rows : list of dict
            As made by :func:`benchmarks.run.runner.run_unit`.

        Returns
        -------
        added : list of dict
            Those whose jobs no other process has finished before.
        """
        if self.path is None:
            self._rows |= {Job.of(row): row for row in rows}
            return rows
        lines = {Job.of(row): _encode(row) for row in rows}
        with self._lock, self.path.open("a+b") as file:
            self._read_on(file)
            lines = {k: line for k, line in lines.items() if not self.is_finished(k)}
            written = b"".join(lines.values())
            file.write(written)
            self._n_read += len(written)
            self._n_lines += len(lines)
        added = [row for row in rows if Job.of(row) in lines]
        self._rows |= {Job.of(row): row for row in added}
        return added

    def refresh(self):
        """Read what other processes have added."""
        if self.path is not None:
            with self._lock, self.path.open("a+b") as file:
                self._read_on(file)

    def add_environment(self, stamp):
        """Note what rows were made with, unless it is noted already.

        Parameters
        ----------
        stamp : dict
            As made by :func:`benchmarks.run.environment.describe`.
        """
        if self.path is None or stamp["id"] in self._environments:
            return
        self._environments.add(stamp["id"])
        with self._lock, (self.path.parent / ENVIRONMENTS_NAME).open("a+b") as file:
            end_line(file)
            file.seek(0)
            stamps, _ = read_all(_lines_of(file.read()), _check_stamp_line)
            if stamp["id"] not in [other["id"] for other in stamps]:
                file.write(json.dumps(stamp).encode() + b"\n")

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
        write_whole(path, partial(write, index=False, write_page_checksum=True))

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
            _check_predictions(path, self._rows[job])
        except UnreadableResults as error:
            if path not in self._warned:
                say(f"Warning: {error}; its job is run again")
                self._warned.add(path)
            return False
        return True

    def _predictions_of(self, job):
        return self.path.parent / PREDICTIONS_NAME / f"{job.name}.parquet"

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
        lines = _lines_of(new)
        self._rows_of(lines, self.path, self._n_lines + 1)
        self._n_lines += len(lines)

    def _rows_of(self, lines, path, start=1):
        """Take the rows that lines hold; count and name the lines that hold none."""
        rows, refused = read_all(lines, _decode, start)
        self._rows |= {Job.of(row): row for row in rows}
        self.n_unreadable += len(refused)
        say_refused(path, refused)


def _lines_of(content):
    """Split bytes into lines, the last of which may be cut off."""
    lines = content.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _encode(row):
    """Return a row as a line of strict JSON, which knows no infinite number."""
    row = row | {name: "inf" for name in _ALPHAS if row.get(name) == float("inf")}
    return json.dumps(row, allow_nan=False).encode() + b"\n"


def _decode(line):
    """Return the row that a line holds; raise ValueError if it holds none."""
    row = parse(line)
    if isinstance(row, dict):
        row |= {name: float("inf") for name in _ALPHAS if row.get(name) == "inf"}
    return check_row(row)


def _check_stamp_line(line):
    return check_stamp(parse(line))


def read_environments(folder):
    """Return the environment stamps of a folder.

    Parameters
    ----------
    folder : path-like

    Returns
    -------
    stamps : list of dict
        None where none was written; lines that hold none are warned of.
    """
    path = Path(folder) / ENVIRONMENTS_NAME
    lines = _lines_of(path.read_bytes()) if path.exists() else []
    stamps, refused = read_all(lines, _check_stamp_line)
    say_refused(path, refused)
    return stamps


def read_rows(folder):
    """Return the last row of every job in a folder.

    Parameters
    ----------
    folder : path-like
        With a ``results.jsonl``, or the ``results.parquet`` that a report made of one;
        nothing in it is changed. What is no row is passed over, with a warning.

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
        return _read_parquet(exported)[0]
    results = Results()
    results._rows_of(_lines_of(path.read_bytes()), path)
    return list(results._rows.values())


def write_parquet(rows, path):
    """Export rows, to be read by :func:`read_rows`.

    Parameters
    ----------
    rows : list of dict
        What is nested in them becomes JSON.
    path : path-like
        Of the new file.
    """
    frame = pd.DataFrame(rows).convert_dtypes()
    for name in set(NESTED) & set(frame):
        frame[name] = [
            json.dumps(value) if isinstance(value, list | dict) else None
            for value in frame[name]
        ]
    how = {"compression": "zstd", "write_page_checksum": True}
    frame.to_parquet(path, index=False, **how)


def export_rows(rows, folder):
    """Write rows to ``results.parquet``, which is small enough to be kept.

    It never loses a result: the old file's rows that `rows` have no better one of stay
    in it, and one that can't be read in full is kept beside it.

    Parameters
    ----------
    rows : list of dict
        All that a folder's ``results.jsonl`` holds.
    folder : path-like
    """
    path = Path(folder) / PARQUET_NAME
    merged = {Job.of(row): row for row in rows}
    if path.exists():
        old = {Job.of(row): row for row in _read_or_keep(path)}
        lost = {job: row for job, row in old.items() if _is_better(row, merged, job)}
        if lost:
            say(f"Kept {len(lost)} results of {path} that {FILE_NAME} lacks")
        merged |= lost
    write_whole(path, partial(write_parquet, list(merged.values())))


def _is_better(row, others, job):
    """Tell whether a row is of no other's job, or went well where that has failed."""
    return job not in others or row["status"] == "ok" != others[job]["status"]


def _import_parquet(folder):
    """Make a ``results.jsonl``, where there is none, of the Parquet file; or none.

    A part of it would be taken for all that there is.
    """
    path, exported = folder / FILE_NAME, folder / PARQUET_NAME
    is_there = path.exists() and path.stat().st_size
    if is_there or not exported.exists():
        return
    rows, refused = _read_parquet(exported)
    if refused:  # the next export would lose them
        keep_aside(exported)
    content = b"".join(map(_encode, rows))
    write_whole(path, partial(Path.write_bytes, data=content))


def _read_or_keep(path):
    """Return the rows of a Parquet file; keep a copy if it holds something else too."""
    try:
        rows, refused = _read_parquet(path)
    except UnreadableResults as error:
        say(f"Warning: {error}")
        rows, refused = [], {1: "all"}
    if refused:
        keep_aside(path)
    return rows


def _check_predictions(path, row):
    """Raise UnreadableResults unless a file holds what the job of a row predicted."""
    table = _open_parquet(path)
    n_test = row.get("n_test") or table.num_rows  # rows of older runs may lack it
    if table.num_rows != n_test:
        raise UnreadableResults(f"{path} has {table.num_rows} rows, not {n_test}")
    first, others = table.column_names[:2], table.column_names[2:]
    is_usual = first == ["row", "y"] and all(name.startswith("p_") for name in others)
    if not is_usual or len(others) != row["n_classes"]:
        raise UnreadableResults(
            f"{path} lacks the columns row, y and a p_ for each of the "
            f"{row['n_classes']} classes"
        )


def _open_parquet(path):
    """Return the table of a Parquet file, read in full."""
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read()
    except Exception as error:  # Arrow has many ways to say so
        raise UnreadableResults(f"{path} is no whole Parquet file: {error}") from error


def _read_parquet(path):
    """Return the rows of a Parquet file, and why its others are none, by number."""
    rows, refused = read_all(_open_parquet(path).to_pylist(), _unpack)
    say_refused(path, refused, "row")
    return rows, refused


def _unpack(row):
    """Return a row of a Parquet file with all that is nested in it, checked."""
    packed = {name: row[name] for name in NESTED if row.get(name) is not None}
    for name, text in packed.items():
        if not isinstance(text, str):
            raise ValueError(f"{name} is no JSON")
    unpacked = {name: parse(text) for name, text in packed.items()}
    return check_row(restore(row) | unpacked)
