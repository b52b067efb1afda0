"""The tables: those that scikit-learn ships, and OpenML's by id."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.utils.multiclass import type_of_target
from tqdm.auto import tqdm

from ..output.text import plain
from .openml_cache import PrivateClient, explain
from .suites import EMBEDDED

N_THREADS = 4


@dataclass(frozen=True, eq=False)
class Table:
    """A table, of classification where nothing else is said.

    Parameters
    ----------
    name : str
        Its name at the source.
    X : pandas.DataFrame
        Features, exactly as the source gives them.
    y : pandas.Series or pandas.DataFrame
        Target, with no value missing and no category unused; a frame where numbers are
        to be predicted, a column for each.
    id : int or None, default=None
        OpenML's id; None for a table that scikit-learn ships.
    task_id : int or None, default=None
        The OpenML task that the table is loaded for.
    splits : dict of (int, int) -> (array, array), default=None
        Rows to train and to test on, by repeat and fold, where they are not to be
        drawn: a task's own.
    """

    name: str
    X: pd.DataFrame
    y: pd.Series
    id: int | None = None
    task_id: int | None = None
    splits: dict | None = None

    @property
    def n_classes(self):
        """Number of classes; None where numbers are to be predicted."""
        return int(self.y.nunique()) if self.y.ndim == 1 else None


@dataclass(frozen=True)
class Task:
    """The key of a table that comes with the splits of an OpenML task.

    Parameters
    ----------
    id : int
        The task's id.
    """

    id: int

    def __str__(self):
        return f"of task {self.id}"


def load_all(keys, say=print):
    """Load tables, several at a time, with a progress bar.

    Parameters
    ----------
    keys : list of str, int or Task
        A name in `EMBEDDED`, an OpenML dataset id, or an OpenML task.
    say : callable, default=print
        Is told what goes wrong.

    Returns
    -------
    tables : list of Table
        In the order of `keys`, without those that can't be loaded.
    unloaded : dict of key -> str
        Why not.
    """
    remote = [key for key in keys if not isinstance(key, str)]
    loaded, unloaded = {key: _load_embedded(key) for key in keys if key in EMBEDDED}, {}
    if remote:
        _load_remote(remote, loaded, unloaded, say)
    return [loaded[key] for key in keys if key in loaded], unloaded


def _load_remote(keys, loaded, unloaded, say):
    bar = tqdm(total=len(keys), unit="table", desc="Loading", delay=1)
    with PrivateClient(say) as client, ThreadPoolExecutor(N_THREADS) as pool, bar:
        futures = {pool.submit(_load, client, key): key for key in keys}
        for future in as_completed(futures):
            key, error = futures[future], future.exception()
            bar.update()
            if error is None:
                loaded[key] = future.result()
            else:
                unloaded[key] = explain(error)
    for line in group_by_reason(unloaded):
        say(f"Could not load {line}")


def group_by_reason(unloaded):
    """Say which tables could not be loaded, a line for each reason.

    Parameters
    ----------
    unloaded : dict of key -> str
        From :func:`load_all`.

    Returns
    -------
    lines : list of str
    """
    keys = {reason: [] for reason in unloaded.values()}
    for key, reason in unloaded.items():
        keys[reason].append(str(key))
    return [
        plain(f"table{'s' * (len(some) > 1)} {', '.join(some)}: {reason}")
        for reason, some in keys.items()
    ]


def _load(client, key):
    if not isinstance(key, Task):
        return _classification_table(*client.load_dataset(key), key)
    dataset_id, target, splits = client.load_task(key.id)
    name, X, y = client.load_dataset(dataset_id, target)
    table = _classification_table(name, X, y, dataset_id)
    n_rows = 1 + max(
        rows.max(initial=-1) for parts in splits.values() for rows in parts
    )
    if n_rows > len(y):
        raise ValueError(f"The task's splits have {n_rows} rows, its table {len(y)}.")
    # Rows that were left out are no part of the splits either.
    place = np.where(y.notna(), y.notna().cumsum() - 1, -1)
    splits = {
        at: tuple(rows[rows >= 0] for rows in (place[train], place[test]))
        for at, (train, test) in splits.items()
    }
    return replace(table, task_id=key.id, splits=splits)


def _load_embedded(name):
    bunch = EMBEDDED[name](as_frame=True)
    return Table(name, bunch.data, bunch.target)


def _classification_table(name, X, y, dataset_id):
    """Leave out rows with no target and categories with no row; check the target."""
    known = y.notna()
    X, y = X[known].reset_index(drop=True), y[known].reset_index(drop=True)
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.cat.remove_unused_categories()
    if type_of_target(y) not in ("binary", "multiclass"):
        raise ValueError(f"Target {y.name!r} holds {y.dtype} values, not classes.")
    return Table(name, X, y, dataset_id)
