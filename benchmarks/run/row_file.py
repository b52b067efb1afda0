"""A file of rows: one JSON object a line, only ever appended to."""

import json
from pathlib import Path

from filelock import FileLock

from ..output.files import end_line, refuse_link
from .lines import parse, read_all, say_refused
from .schema import check_stamp

LOCK_NAME = ".results.lock"
ENVIRONMENTS_NAME = "environments.jsonl"
_ALPHAS = ("alpha", "chosen_alpha")  # which may be infinite


class RowFile:
    """Rows, in memory and, given a folder, in a file of it.

    A process killed while writing leaves at most a piece of a line. Like any line that
    is no row by the schema, it is left where it is and passed over with a warning that
    names it. Several processes may share a folder: each takes a lock to write, and
    reads first what the others have added.

    Parameters
    ----------
    folder : path-like or None
        Made if it doesn't exist. None for memory only.
    name : str
        Of the file; rows that it holds are read.
    schema : object
        Its `check` returns a row as it is to be, or raises ValueError, and its `key`
        what tells a row from all others.

    Attributes
    ----------
    path : Path or None
        The file.
    schema : object
    n_unreadable : int
        Number of lines passed over.
    """

    def __init__(self, folder, name, schema):
        self.path = None
        self.schema = schema
        self.n_unreadable = 0
        self._rows = {}
        self._n_read = self._n_lines = 0  # bytes and lines of the file
        self._environments = set()
        if folder is not None:
            folder = Path(folder)
            folder.mkdir(parents=True, exist_ok=True)
            self.path = folder / name
            for other in (name, ENVIRONMENTS_NAME, LOCK_NAME):
                refuse_link(folder / other)
            self._lock = FileLock(folder / LOCK_NAME)
            self._prepare(folder)
            self.refresh()

    def _prepare(self, folder):
        """Do what is to be done before the file is read."""

    def append(self, rows):
        """Add rows at once, on disk before this returns.

        Parameters
        ----------
        rows : list of dict

        Returns
        -------
        added : list of dict
            Those that no other process has added before, or only as failures.
        """
        key = self.schema.key
        if self.path is None:
            self._rows |= {key(row): row for row in rows}
            return rows
        lines = {key(row): encode(row) for row in rows}
        with self._lock, self.path.open("a+b") as file:
            self._read_on(file)
            lines = {k: line for k, line in lines.items() if not self.is_finished(k)}
            written = b"".join(lines.values())
            file.write(written)
            self._n_read += len(written)
            self._n_lines += len(lines)
        added = [row for row in rows if key(row) in lines]
        self._rows |= {key(row): row for row in added}
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
            stamps, _ = read_all(lines_of(file.read()), _check_stamp_line)
            if stamp["id"] not in [other["id"] for other in stamps]:
                file.write(json.dumps(stamp).encode() + b"\n")

    def is_finished(self, key):
        """Tell whether there is a row of a key that isn't a failure.

        Parameters
        ----------
        key : hashable
            As the schema's `key` returns.

        Returns
        -------
        finished : bool
        """
        return key in self._rows and self._rows[key].get("status", "ok") == "ok"

    def all_rows(self):
        """Return the last row of every key, in the order in which these came first."""
        return list(self._rows.values())

    def take(self, content, path):
        """Take the rows that a file's content holds; count and name all other lines.

        Parameters
        ----------
        content : bytes
        path : Path
        """
        lines = lines_of(content)
        rows, refused = read_all(lines, self._decode, self._n_lines + 1)
        self._rows |= {self.schema.key(row): row for row in rows}
        self._n_lines += len(lines)
        self.n_unreadable += len(refused)
        say_refused(path, refused)

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
        self.take(new, self.path)

    def _decode(self, line):
        """Return the row that a line holds; raise ValueError if it holds none."""
        row = parse(line)
        if isinstance(row, dict):
            row |= {name: float("inf") for name in _ALPHAS if row.get(name) == "inf"}
        return self.schema.check(row)


def lines_of(content):
    """Split bytes into lines, the last of which may be cut off."""
    lines = content.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def encode(row):
    """Return a row as a line of strict JSON, which knows no infinite number."""
    row = row | {name: "inf" for name in _ALPHAS if row.get(name) == float("inf")}
    return json.dumps(row, allow_nan=False).encode() + b"\n"


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
    lines = lines_of(path.read_bytes()) if path.exists() else []
    stamps, refused = read_all(lines, _check_stamp_line)
    say_refused(path, refused)
    return stamps
