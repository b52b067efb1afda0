"""The tables: those that scikit-learn ships, and OpenML's by id."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from sklearn import datasets
from sklearn.utils.multiclass import type_of_target

EMBEDDED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}

# abalone, arcene, arrhythmia, HTRU2, iris, PhishingWebsites
PAPER = (183, 1458, 5, 45558, 61, 4534)

# The members of OpenML-CC18 (suite 99) that come from UCI, by dataset.
CC18_UCI = (
    *(3, 6, 11, 12, 14, 15, 16, 18, 22, 23, 28, 29, 31, 32, 37, 38, 44, 46, 50, 54),
    *(182, 300, 307, 1461, 1462, 1464, 1468, 1475, 1478, 1480, 1485, 1486, 1487, 1494),
    *(1497, 1501, 1510, 1590, 4534, 4538, 6332, 23381, 40668, 40670, 40923, 40966),
    *(40975, 40978, 40979, 40982, 40983, 40984, 40994),
)

SUITES = {"embedded": tuple(EMBEDDED), "paper": PAPER, "cc18-uci": CC18_UCI}


@dataclass(frozen=True, eq=False)
class Table:
    """A classification table.

    Parameters
    ----------
    name : str
        Its name at the source.
    X : pandas.DataFrame
        Features, exactly as the source gives them.
    y : pandas.Series
        Target, with no value missing and no category unused.
    id : int or None, default=None
        OpenML's id; None for a table that scikit-learn ships.
    task_id : int or None, default=None
        The OpenML task that the table is loaded for.
    splits : dict of (int, int) -> (array, array), default=None
        The task's own rows to train and to test on, by repeat and fold.
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    id: int | None = None
    task_id: int | None = None
    splits: dict | None = None


def load(key: str | int) -> Table:
    """Load a table by its embedded name or its OpenML id.

    Parameters
    ----------
    key : str or int
        A name in `EMBEDDED`, or an OpenML dataset id.

    Returns
    -------
    table : Table
    """
    return load_embedded(key) if isinstance(key, str) else load_openml(key)


def load_embedded(name: str) -> Table:
    """Load a table that scikit-learn ships.

    Parameters
    ----------
    name : {"iris", "wine", "breast cancer", "digits"}
        All four are UCI's.

    Returns
    -------
    table : Table
    """
    bunch = EMBEDDED[name](as_frame=True)
    return Table(name, bunch.data, bunch.target)


def load_openml(dataset_id: int) -> Table:
    """Load a table from OpenML, or from the client's cache.

    The cache is the client's own (``OPENML_CACHE_DIR``). No file in it is ever changed
    or removed, whatever fails, and it may be read-only.

    Parameters
    ----------
    dataset_id : int
        OpenML's id.

    Returns
    -------
    table : Table
        Its features as the client gives them. Rows with no target are left out.

    Raises
    ------
    ValueError
        If the table has no target column, or the target is not made of classes.
    """
    import openml  # here: the embedded suite needs neither it nor its set-up

    with _private_cache(dataset_id):
        dataset = openml.datasets.get_dataset(dataset_id)
        target = dataset.default_target_attribute
        if target is None:
            raise ValueError("OpenML names no target column for this table.")
        X, y, _, _ = dataset.get_data(target=target)
    return _classification_table(dataset.name, X, y, dataset_id)


def _classification_table(name, X, y, dataset_id):
    """Leave out rows with no target and categories with no row; check the target."""
    known = y.notna()
    X, y = X[known].reset_index(drop=True), y[known].reset_index(drop=True)
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.cat.remove_unused_categories()
    if type_of_target(y) not in ("binary", "multiclass"):
        raise ValueError(f"Target {y.name!r} holds {y.dtype} values, not classes.")
    return Table(name, X, y, dataset_id)


@contextlib.contextmanager
def _private_cache(dataset_id: int) -> Iterator[None]:
    """Let the openml client work on a copy of its cache of one table.

    With no network, the client answers a damaged or half-filled folder by deleting it
    (openml-python issue 1084), and it needs to write beside the data. So it gets a
    scratch folder; what it adds there is kept only when all went well.
    """
    import openml

    root = openml.config.get_config_as_dict()["cachedir"]
    kept = _folder_of(dataset_id)
    with tempfile.TemporaryDirectory() as scratch:
        openml.config.set_root_cache_directory(scratch)
        try:
            if kept.is_dir():
                shutil.copytree(kept, _folder_of(dataset_id), copy_function=shutil.copy)
            yield
            added = _folder_of(dataset_id)
            # A cache that can't be written to costs time on the next run, no more.
            with contextlib.suppress(OSError):
                _add_new_files(added, kept)
        finally:
            openml.config.set_root_cache_directory(root)


def _folder_of(dataset_id):
    """Where the client's present cache holds a table."""
    import openml

    return Path(openml.config.get_cache_directory()) / "datasets" / str(dataset_id)


def _add_new_files(source, destination):
    """Copy the files that `destination` lacks, each appearing whole or not at all."""
    destination.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        target = destination / file.name
        if file.is_file() and not target.exists():
            part = target.with_name(f"{target.name}.{os.getpid()}.part")
            try:
                shutil.copyfile(file, part)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
