"""The openml client, kept from harming its own cache, and patient with its server.

What of a cache folder is trusted: its descriptions (XML) and its data (ARFF, Parquet),
as far as they are of the table or task asked for, and lie in the folder. The client's
own pickles are not, since to read one is to run it, nor is what a link out of the cache
leads to.
"""

import logging
import os
import shutil
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections import defaultdict
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path

import numpy as np
import openml
import pyarrow.parquet
import requests
from openml.exceptions import OpenMLHashException, OpenMLServerError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

from ..output.files import atomic_write
from ..output.text import plain
from .suites import read_id

ATTEMPTS = 4
# All that is copied from a cache and to it. Beside these the client keeps pickles
# (.pkl.py3, .feather.attributes.pkl.py3), and loads them wherever it finds them.
DATA_FILES = (".xml", ".arff", ".pq")
WAIT = wait_exponential(multiplier=1, max=30)  # seconds: 1, 2, 4
_BROKEN_CONNECTIONS = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)


class PrivateClient:
    """The openml client on a private copy of its cache (``OPENML_CACHE_DIR``).

    With no network, the client answers a damaged or half-filled folder by deleting it
    (openml-python issue 1084), and it needs to write beside the data. So it gets a
    scratch folder; what it adds there is kept only when all went well, and of that only
    `DATA_FILES`. No file of the cache is ever changed or removed, whatever fails, and
    it may be read-only.

    To be used as a context manager, by several threads if need be.

    Parameters
    ----------
    say : callable
        Is told, as a sentence, what the client waits for.
    """

    def __init__(self, say):
        self._say = say
        self._is_down = False
        self._locks = defaultdict(threading.Lock)  # one for each folder
        self._fetching_tasks = threading.Lock()
        self._exit = ExitStack()

    def __enter__(self):
        config = openml.config.get_config_as_dict()
        self._kept = Path(openml.config.get_cache_directory())
        root = self._exit.enter_context(tempfile.TemporaryDirectory())
        put_back = openml.config.set_root_cache_directory
        self._exit.callback(put_back, config["cachedir"])
        put_back = openml.config.set_retry_policy
        old = config["retry_policy"], config["connection_n_retries"]
        self._exit.callback(put_back, *old)
        openml.config.set_root_cache_directory(root)
        openml.config.set_retry_policy("human", 1)  # it would say nothing
        self._exit.callback(logging.setLogRecordFactory, logging.getLogRecordFactory())
        logging.setLogRecordFactory(_PlainRecord)
        self._scratch = Path(openml.config.get_cache_directory())
        return self

    def __exit__(self, *raised):
        return self._exit.__exit__(*raised)

    def load_dataset(self, dataset_id, target=None):
        """Load a dataset.

        Parameters
        ----------
        dataset_id : int
            OpenML's id.
        target : str, default=None
            The target's name; None for the one that OpenML names.

        Returns
        -------
        name : str
            The dataset's name.
        X : DataFrame
            The features, as the client gives them.
        y : Series
            The target.

        Raises
        ------
        ValueError
            If there is no target, or the data are not what OpenML's metadata tell; and
            whatever the client raises where there are no data.
        """
        what = f"table {dataset_id}"
        with self._borrow("datasets", dataset_id) as folders, _naming(*folders):
            (known,) = _read_ids(folders[1] / "description.xml", "id")
            _expect(dataset_id, known or dataset_id, what)
            name, X, y, dataset = self._patiently(
                what, lambda: self._get_data(dataset_id, target)
            )
            _expect(dataset_id, dataset.dataset_id, what)
            self._check(dataset, X, y)
        return name, X, y

    def load_task(self, task_id):
        """Load a classification task.

        Parameters
        ----------
        task_id : int
            OpenML's id.

        Returns
        -------
        dataset_id : int
            Of its table.
        target : str
            The target's name.
        splits : dict of (int, int) -> (array, array)
            Rows to train and to test on, by repeat and fold.

        Raises
        ------
        ValueError
            If the task is of another kind, or its splits are not as it says.
        """
        what = f"task {task_id}"
        with self._borrow("tasks", task_id) as folders, _naming(*folders):
            ids = _read_ids(folders[1] / "task.xml", "task_id", "data_set_id")
            _expect(task_id, ids[0] or task_id, what)
            # The client looks for the labels, in the dataset's description. Where it
            # isn't known which, it fetches that: one task at a time.
            borrowed = self._borrow("datasets", ids[1]) if ids[1] else nullcontext()
            with self._fetching_tasks, borrowed:
                task = self._patiently(
                    what, lambda: openml.tasks.get_task(task_id, download_splits=True)
                )
            _expect(task_id, task.task_id, what)
            _expect(ids[1] or task.dataset_id, task.dataset_id, f"the table of {what}")
            if task.task_type_id != openml.tasks.TaskType.SUPERVISED_CLASSIFICATION:
                raise ValueError(f"Task {task_id} is no classification: {task}.")
            repeats, folds, _ = task.get_split_dimensions()
            splits = {
                (repeat, fold): tuple(
                    np.asarray(rows)
                    for rows in task.get_train_test_split_indices(fold, repeat)
                )
                for repeat in range(repeats)
                for fold in range(folds)
            }
            _check_splits(splits, task.estimation_procedure)
        return task.dataset_id, task.target_name, splits

    @staticmethod
    def _get_data(dataset_id, target):
        dataset = openml.datasets.get_dataset(dataset_id)
        if not isinstance(dataset.name, str):
            raise ValueError(f"OpenML's name for this table is {dataset.name!r}.")
        told_by = "The task" if target else "OpenML's description"
        target = target or dataset.default_target_attribute
        if target is None:
            raise ValueError("OpenML names no target column for this table.")
        try:
            X, y, _, _ = dataset.get_data(target=target)
        except IndexError as error:  # the client's, of a column that it doesn't find
            if target in dataset.get_data()[3]:
                raise
            raise UnusableCopy(
                f"{told_by} names the target {target!r}, but table {dataset_id} has "
                "no such column."
            ) from error
        return dataset.name, X, y, dataset

    def _check(self, dataset, X, y):
        """Compare the data with the client's metadata, as far as they are at hand."""
        try:
            qualities = dataset.qualities or {}
        except (OSError, OpenMLServerError) as error:
            self._say(f"table {dataset.dataset_id}: not checked, {explain(error)}")
            return
        left_out = [dataset.row_id_attribute, *(dataset.ignore_attribute or [])]
        n_left_out = len({name for name in left_out if name})
        # Some lists of classes hold names that no row has.
        classes = getattr(y.dtype, "categories", ())
        found = {
            "NumberOfInstances": ("rows", {len(X)}),
            "NumberOfFeatures": ("columns", {X.shape[1] + 1 + n_left_out}),
            "NumberOfClasses": ("classes", {y.nunique(), len(classes)}),
        }
        for key, (what, numbers) in found.items():
            expected = qualities.get(key)
            if expected and not np.isnan(expected) and expected not in numbers:
                raise ValueError(
                    f"The data have {min(numbers)} {what}, OpenML's metadata say "
                    f"{expected:.15g}: the file is damaged or of another version."
                )

    @contextmanager
    def _borrow(self, kind, number):
        """Let one thread have a copy of a folder, and keep what the client adds.

        Nothing is kept where what comes of it is refused.
        """
        kept, copy = (
            root / kind / str(read_id(number)) for root in (self._kept, self._scratch)
        )
        with self._locks[kept]:
            _stay_in(self._kept, kept)
            try:
                _add_new_files(kept, copy, self._kept, shutil.copyfile)
                yield kept, copy
                # A cache that can't be written to costs time on the next run, no more.
                with suppress(OSError):
                    _add_new_files(copy, kept, self._scratch, _copy_whole)
            finally:
                shutil.rmtree(copy, ignore_errors=True)

    def _patiently(self, what, get):
        """Call `get`, again and again while the server doesn't answer."""

        def tell(state):
            self._say(
                f"{what}: {explain(state.outcome.exception())}; attempt "
                f"{state.attempt_number + 1} of {ATTEMPTS} in "
                f"{state.next_action.sleep:.0f} s"
            )

        # Once it is known to be down, the other tables need not wait to learn it.
        attempts = Retrying(
            stop=lambda state: self._is_down or stop_after_attempt(ATTEMPTS)(state),
            wait=WAIT,
            retry=retry_if_exception(_may_pass),
            before_sleep=tell,
            reraise=True,
        )
        try:
            return attempts(get)
        except _BROKEN_CONNECTIONS:
            self._is_down = True
            raise


class UnusableCopy(ValueError):
    """What the cache holds of a table or a task can't be used."""


@contextmanager
def _naming(kept, copy):
    """Let an error that is no answer of the server's name the folder of the cache."""
    try:
        yield
    except (*_BROKEN_CONNECTIONS, OpenMLServerError, UnusableCopy):
        raise
    except Exception as error:
        if not kept.is_dir():
            raise
        text = explain(error).replace(str(copy), str(kept)).removesuffix(".")
        where = f"The copy in {kept} may be damaged{_damage_in(kept)}."
        raise UnusableCopy(f"{text}. {where}") from error


def _damage_in(folder):
    """Say which file of a folder can't be read, and why; nothing if all can."""
    readers = {".xml": ET.parse, ".pq": pyarrow.parquet.read_table}
    for file in sorted(folder.iterdir()):
        try:
            if file.suffix in readers:
                readers[file.suffix](file)
        except Exception as error:  # Arrow has many ways to say so
            return f": {file.name} can't be read, {error}".removesuffix(".")
    return ""


def _read_ids(path, *names):
    """Return what a description's elements of some names hold, checked to be ids.

    None for those that it lacks, or if there is no description yet.
    """
    tree = ET.parse(path) if path.exists() else ET.ElementTree(ET.Element("none"))
    found = []
    for name in names:
        texts = [element.text or "" for element in tree.iterfind(f".//{{*}}{name}")]
        ids = {read_id(text.strip()) for text in texts}
        if len(ids) > 1:
            raise ValueError(f"{path.name} has more than one {name}")
        found += ids or {None}
    return found


def _expect(number, found, what):
    if found != number:
        raise ValueError(f"{what} is described as {found}, not {number}")


def _stay_in(root, path):
    """Raise UnusableCopy if a link leads from a path in a folder out of it."""
    try:
        place = path.resolve()
    except RuntimeError as error:  # Python's, before 3.13
        raise UnusableCopy(f"{path} is a link that leads to itself.") from error
    if not place.is_relative_to(root.resolve()):
        raise UnusableCopy(f"{path} leads out of the cache, so it is not followed.")


class _PlainRecord(logging.LogRecord):
    """What the client logs, of a file's URL for instance, steers no terminal."""

    def getMessage(self):
        return plain(super().getMessage())


def _check_splits(splits, procedure):
    """Raise ValueError unless no split trains on its test rows, or on others twice.

    Those of a cross-validation must be the one that the task tells of.
    """
    for (repeat, fold), (train, test) in splits.items():
        if min(train.min(initial=0), test.min(initial=0)) < 0:
            raise ValueError(f"Repeat {repeat}, fold {fold} has a row below 0.")
        if len(shared := np.intersect1d(train, test)):
            raise ValueError(
                f"Repeat {repeat}, fold {fold} trains on rows that it tests on, "
                f"such as {shared[0]}."
            )
    if procedure["type"] == "crossvalidation":
        _check_folds(splits, procedure["parameters"])


def _check_folds(splits, told):
    """Raise ValueError unless each fold has all rows once, and each is tested once."""
    places = {
        (repeat, fold)
        for repeat in range(int(told["number_repeats"]))
        for fold in range(int(told["number_folds"]))
    }
    if set(splits) != places:
        raise ValueError(
            f"There are splits for {len(splits)} of the task's {len(places)} folds."
        )
    for repeat in {repeat for repeat, _ in places}:
        parts = [splits[at] for at in sorted(splits) if at[0] == repeat]
        tested = np.concatenate([test for _, test in parts])
        rows = np.arange(len(tested))
        if not _are_same(rows, tested):
            raise ValueError(
                f"The splits of repeat {repeat} do not test every row exactly once."
            )
        for fold, part in enumerate(parts):
            if not _are_same(rows, np.concatenate(part)):
                raise ValueError(
                    f"Repeat {repeat}, fold {fold} does not train on all rows that "
                    "it does not test on, each once."
                )


def _are_same(rows, others):
    """Tell whether the same rows are in both, each once, in any order."""
    return np.array_equal(rows, np.sort(others))


def _may_pass(error):
    """Tell whether the server may do better on the next call."""
    kinds = (*_BROKEN_CONNECTIONS, OpenMLHashException)
    # Its subclasses are answers, such as that there is no such table.
    return isinstance(error, kinds) or type(error) is OpenMLServerError


def explain(error):
    """Say in one line why something could not be loaded.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    message : str
    """
    if isinstance(error, _BROKEN_CONNECTIONS):
        reason = str(error).strip("()").rsplit(": ", 1)[-1].strip("'\"")
        server = openml.config.server
        return plain(f"{type(error).__name__}: no answer from {server}: {reason}")
    text = " ".join(str(error).split())
    return plain(f"{type(error).__name__}: {text}")


def _add_new_files(source, destination, root, copy):
    """Copy the `DATA_FILES` that `destination` lacks.

    Raises UnusableCopy if one is a link that leads out of `root`.
    """
    if not os.path.lexists(source):
        return
    if not source.is_dir():
        raise UnusableCopy(f"{source} is no folder.")
    destination.mkdir(parents=True, exist_ok=True)
    for file in source.iterdir():
        target = destination / file.name
        if file.suffix not in DATA_FILES or target.exists():
            continue
        if not file.is_symlink() and not file.is_file():
            raise UnusableCopy(f"{file} is no file, but a folder or a device.")
        _stay_in(root, file)
        if not file.is_file():
            raise UnusableCopy(f"{file} is a link that leads to no file.")
        copy(file, target)


def _copy_whole(file, target):
    atomic_write(target, partial(shutil.copyfile, file))
