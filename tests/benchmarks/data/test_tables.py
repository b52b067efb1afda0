"""Tables: scikit-learn's, OpenML's from the client's cache, and from a server."""

import hashlib
import logging
import os
import pickle
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from benchmarks import uci
from benchmarks.data import tables as loading
from benchmarks.data.suites import CC18_UCI, PAPER, SUITES, read_suite
from benchmarks.data.tables import Task, load_all
from benchmarks.run.folds import rows_of
from benchmarks.run.jobs import make_jobs

from ...conftest import DATASETS, contents

openml = pytest.importorskip("openml")

# The client leaves the file of splits to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)


def load(key, say=print):
    tables, unloaded = load_all([key], say)
    if unloaded:
        raise RuntimeError(unloaded[key])
    return tables[0]


@pytest.mark.parametrize("name", loading.EMBEDDED)
def test_embedded_tables_load(name):
    table = load(name)
    assert isinstance(table.X, pd.DataFrame)
    assert table.id is None
    assert len(table.X) == len(table.y) >= 150


# Suites


def test_suites_are_pinned():
    assert len(PAPER) == 6
    assert len(CC18_UCI) == len(set(CC18_UCI)) == 53
    assert read_suite("cc18-uci") == SUITES["cc18-uci"] == CC18_UCI


def test_a_suite_of_ones_own(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("61  # iris\n\n5, 183\n61\n", encoding="utf-8-sig")
    assert read_suite(str(path)) == (61, 5, 183)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("61 iris", "must list OpenML ids, found 'iris'"),
        ("-3", "found '-3'"),
        ("61 ../../5", r"found '\.\./\.\./5' is no OpenML id"),
        ("٦١", "found '٦١'"),
        ("0", "found '0'"),
        ("9" * 5000, "found '9"),
        ("# none", "found nothing"),
        ("\x00\ufffd", "must list OpenML ids"),
        (None, "no file of OpenML ids and no suite"),
    ],
)
def test_bad_suites_are_refused(tmp_path, content, message):
    path = tmp_path / "mine.txt"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_suite(str(path))


@pytest.mark.parametrize("name", ["x" * 300, "é" * 200, "a/" * 3000, "\x00", "."])
def test_a_name_that_no_file_can_have_is_no_suite(name, capsys):
    """It ended in a traceback."""
    with pytest.raises(ValueError, match=r"no suite|too long"):
        read_suite(name)
    with pytest.raises(SystemExit):
        uci._parse(["--suite", name])
    said = capsys.readouterr().err
    assert "--suite: " in said and len(said) < 2500


def test_a_suite_that_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "mine.txt"
    path.write_text("61")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match=r"mine\.txt': Permission denied"):
        read_suite(str(path))


# The client's cache


def test_openml_tables_load_as_the_client_gives_them(cache):
    table = load(5)
    X, y, _, _ = openml.datasets.get_dataset(5).get_data(target="class")
    pd.testing.assert_frame_equal(table.X, X)
    assert (table.name, table.id) == ("arrhythmia", 5)
    assert list(table.y) == list(y)
    assert len(y.cat.categories) == 16
    assert len(table.y.cat.categories) == table.y.nunique() == 13


def test_tables_come_in_the_order_asked_for_and_the_missing_are_named(cache):
    said = []
    tables, unloaded = load_all([99999999, 61, "wine", 5], said.append)
    assert [table.name for table in tables] == ["iris", "wine", "arrhythmia"]
    assert list(unloaded) == [99999999]
    assert "no answer from https://www.openml.org" in unloaded[99999999]
    assert any("attempt 2 of 4" in line for line in said)
    assert said[-1].startswith("Could not load table 99999999")


def test_a_server_known_to_be_down_is_not_waited_for_again(cache, monkeypatch):
    monkeypatch.setattr(loading, "N_THREADS", 1)
    said = []
    load_all([99999998, 99999999], said.append)
    assert sum("attempt" in line for line in said) == 3


def test_rows_without_target_are_left_out_and_nothing_else():
    X = pd.DataFrame({"a": [1.0, 2.0, 3.0], "empty": [None] * 3})
    y = pd.Series(pd.Categorical(["u", None, "v"], categories=["u", "v", "w"]))
    table = loading._classification_table("t", X, y, 7)
    assert list(table.X.columns) == ["a", "empty"]
    assert list(table.X["a"]) == [1.0, 3.0]
    assert list(table.y.cat.categories) == ["u", "v"]


def test_numeric_target_is_refused():
    X, y = pd.DataFrame({"a": [1.0, 2.0]}), pd.Series([0.5, 1.5], name="price")
    with pytest.raises(ValueError, match="'price' holds float64 values, not classes"):
        loading._classification_table("t", X, y, 7)


def test_the_cache_is_as_it_was_and_so_are_the_clients_settings(cache):
    """All that the client would add to it are pickles."""
    config = openml.config.get_config_as_dict()
    before = contents(cache)
    assert load(61).X.shape == (150, 4)
    assert len(load(Task(59)).splits) == 10
    assert contents(cache) == before
    assert openml.config.get_config_as_dict() == config


class Bomb:
    """A pickle of it, once read, makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


PICKLES = {
    DATASETS / "61": (
        *("features.xml.pkl", "qualities.xml.pkl", "dataset_61.pkl.py3"),
        *("dataset.pkl.py3", "dataset_61.feather.attributes.pkl.py3"),
    ),
    DATASETS.parent / "tasks" / "59": ("datasplits.pkl.py3",),
}


def test_no_pickle_of_a_cache_is_read(cache, tmp_path):
    """The client loads those that lie beside the data, whoever has put them there."""
    mark = tmp_path / "ran"
    for folder, names in PICKLES.items():
        for name in names:
            (cache / folder / name).write_bytes(pickle.dumps(Bomb(mark)))
    before = contents(cache)
    assert load(61).X.shape == (150, 4)
    assert len(load(Task(59)).splits) == 10
    assert not mark.exists()
    assert contents(cache) == before


def test_the_clients_own_pickles_are_still_what_is_left_out(cache, monkeypatch):
    """Should it ever name them otherwise, or keep something new, this says so."""
    from benchmarks.data import openml_cache

    seen = set()
    original = openml_cache._add_new_files

    def spy(source, *others):
        seen.update(file.name for file in source.iterdir())
        original(source, *others)

    monkeypatch.setattr(openml_cache, "_add_new_files", spy)
    load(Task(59))
    added = {name for name in seen if Path(name).suffix not in openml_cache.DATA_FILES}
    assert added == {
        *("features.xml.pkl", "qualities.xml.pkl"),
        *("dataset_61.pkl.py3", "datasplits.pkl.py3"),
    }


BAD_IDS = [
    "../../..",
    "..",
    "/no/folder",
    "-61",
    "0",
    "",
    "6_1",
    "٦١",
    "61/../5",
    "9" * 400,
]


@pytest.mark.parametrize("text", BAD_IDS)
@pytest.mark.parametrize(
    ("key", "file", "tag"),
    [
        (Task(59), "tasks/59/task.xml", "data_set_id"),
        (Task(59), "tasks/59/task.xml", "task_id"),
        (61, "datasets/61/description.xml", "id"),
    ],
    ids=["data_set_id", "task_id", "id"],
)
def test_no_path_is_made_of_what_is_no_id(cache, tmp_path, key, file, tag, text):
    """One of "../../.." had a folder outside copied over, and removed."""
    path = cache / DATASETS.parent / file
    content = path.read_text()
    head, tail = content.split(f"<oml:{tag}>", 1)
    path.write_text(f"{head}<oml:{tag}>{text}{tail[tail.index('</') :]}")
    before = contents(tmp_path)
    with pytest.raises(RuntimeError, match="is no OpenML id") as error:
        load(key)
    assert f"The copy in {path.parent} may be damaged" in str(error.value)
    assert contents(tmp_path) == before
    assert set(tmp_path.iterdir()) == {tmp_path / "cache"}


@pytest.mark.parametrize(
    ("key", "file", "old", "new"),
    [
        (Task(59), "tasks/59/task.xml", "<oml:task_id>59", "<oml:task_id>60"),
        (61, "datasets/61/description.xml", "<oml:id>61", "<oml:id>5"),
        (
            Task(59),
            "tasks/59/task.xml",
            '<oml:input name="source_data"',
            "<oml:data_set_id>5</oml:data_set_id><oml:input name='source_data'",
        ),
    ],
    ids=["another task", "another table", "two tables"],
)
def test_the_description_of_another_is_refused(cache, key, file, old, new):
    path = cache / DATASETS.parent / file
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))
    before = contents(cache)
    with pytest.raises(RuntimeError, match=r"is described as|more than one") as error:
        load(key)
    assert f"The copy in {path.parent} may be damaged" in str(error.value)
    assert contents(cache) == before


@pytest.mark.parametrize("number", [-61, 0, "../61", "61/../5"])
def test_a_key_that_is_no_id_is_refused(cache, number):
    before = contents(cache)
    for key in (number, Task(number)):
        if not isinstance(key, str):
            with pytest.raises(RuntimeError, match="is no OpenML id"):
                load(key)
    assert contents(cache) == before


@pytest.mark.parametrize("number", ["-61", "0", "6_1", "٦١", "../61", "1e3"])
@pytest.mark.parametrize("option", ["--datasets", "--tasks"])
def test_the_command_line_takes_ids_only(capsys, option, number):
    with pytest.raises(SystemExit):
        uci._parse(
            [option, f"{number}"] if number[0] != "-" else [f"{option}={number}"]
        )
    assert "is no OpenML id" in capsys.readouterr().err


def test_a_file_that_leads_out_of_the_cache_is_not_followed(cache, tmp_path):
    outside = tmp_path / "secret.xml"
    path = cache / DATASETS / "61" / "features.xml"
    path.replace(outside)
    path.symlink_to(outside)
    with pytest.raises(RuntimeError, match="leads out of the cache"):
        load(61)
    assert path.is_symlink()


@pytest.mark.parametrize("level", ["61", "datasets"])
def test_a_folder_that_leads_out_of_the_cache_is_not_followed(cache, tmp_path, level):
    outside = tmp_path / "outside"
    folder = cache / DATASETS
    folder = folder / "61" if level == "61" else folder
    folder.rename(outside)
    folder.symlink_to(outside)
    before = contents(outside)
    with pytest.raises(RuntimeError, match="leads out of the cache"):
        load(61)
    assert contents(outside) == before


def test_a_cache_may_be_a_link_itself_and_hold_links(cache, tmp_path):
    (tmp_path / "elsewhere").symlink_to(cache)
    path = cache / DATASETS / "61" / "features.xml"
    path.rename(cache / "blob")
    path.symlink_to(cache / DATASETS / ".." / "blob.xml")
    (cache / "blob").rename((cache / DATASETS).parent / "blob.xml")
    openml.config.set_root_cache_directory(tmp_path / "elsewhere")
    assert load(61).X.shape == (150, 4)


def in_the_way(path, kind):
    """Put something that is no file in the place of one."""
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(path if kind == "loop" else path.with_name("gone"))


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "nowhere"])
@pytest.mark.parametrize(
    ("key", "file"),
    [
        *((61, f"datasets/61/{name}.xml") for name in ("description", "qualities")),
        (61, "datasets/61/dataset_61.pq"),
        (Task(59), "tasks/59/task.xml"),
        (Task(59), "tasks/59/datasplits.arff"),
        (Task(59), "datasets/61/description.xml"),
    ],
)
def test_what_is_no_file_of_a_cache_is_named(cache, kind, key, file):
    """The server was said not to answer."""
    path = cache / DATASETS.parent / file
    in_the_way(path, kind)
    with pytest.raises(RuntimeError, match=r"is no file|leads to") as error:
        load(key)
    assert str(path) in str(error.value) and "no answer" not in str(error.value)


@pytest.mark.parametrize("kind", ["file", "loop", "nowhere"])
def test_what_is_no_folder_of_a_cache_is_named(cache, kind):
    path = cache / DATASETS / "61"
    path.rename(path.with_name("62"))
    path.touch()
    if kind != "file":
        in_the_way(path, kind)
    with pytest.raises(RuntimeError, match=r"is no folder|leads to itself") as error:
        load(61)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more", b"\x00" * 5000])
@pytest.mark.parametrize("name", ["dataset_61.pq", "qualities.xml", "description.xml"])
def test_the_damaged_file_of_a_table_is_named(cache, name, damage):
    path = cache / DATASETS / "61" / name
    path.write_bytes(damage)
    with pytest.raises(RuntimeError, match=f"{name} can't be read, ") as error:
        load(61)
    assert f"The copy in {path.parent} may be damaged: " in str(error.value)


@pytest.mark.parametrize(
    ("key", "file", "tag", "told_by"),
    [
        (Task(59), "tasks/59/task.xml", "target_feature", "The task"),
        (
            61,
            "datasets/61/description.xml",
            "default_target_attribute",
            "OpenML's description",
        ),
    ],
)
@pytest.mark.parametrize("name", ["klass", "Class", "class ,"])
def test_a_target_that_is_not_there_is_named(cache, key, file, tag, told_by, name):
    """The folder of the table was said to be damaged."""
    path = cache / DATASETS.parent / file
    old, new = f"<oml:{tag}>class<", f"<oml:{tag}>{name}<"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RuntimeError, match="no such column") as error:
        load(key)
    assert f"{told_by} names the target '{name}'" in str(error.value)
    assert "damaged" not in str(error.value)


@pytest.mark.parametrize("value", ["inf", "-inf", "1e400", "1e300", "151", "150.5"])
def test_numbers_of_the_metadata_that_no_data_can_have(cache, value):
    path = cache / DATASETS / "61" / "qualities.xml"
    head, tail = path.read_text().split("NumberOfInstances", 1)
    start, end = tail.split("<oml:value>", 1)[0], tail.split("</oml:value>", 1)[1]
    text = f"{head}NumberOfInstances{start}<oml:value>{value}</oml:value>{end}"
    path.write_text(text)
    told = f"150 rows, OpenML's metadata say {float(value):.15g}"
    with pytest.raises(RuntimeError, match=re.escape(told)):
        load(61)


@pytest.mark.parametrize(
    "name", ["<oml:name/>", "<oml:name></oml:name>", '<oml:name a="b">x</oml:name>']
)
def test_a_table_with_no_name_is_refused(cache, name):
    """Its rows would be none that a file of results may hold."""
    path = cache / DATASETS / "61" / "description.xml"
    path.write_text(path.read_text().replace("<oml:name>iris</oml:name>", name))
    with pytest.raises(RuntimeError, match="OpenML's name for this table is"):
        load(61)


def test_what_the_client_logs_of_a_file_steers_no_terminal(cache, caplog):
    """XML may hold no escape, but what some terminals take for one."""
    from benchmarks.data.openml_cache import PrivateClient, explain

    before = logging.getLogRecordFactory()
    with PrivateClient(print):
        logging.warning("no file %s", "\x9b31m\u202e")
    assert caplog.messages == ["no file \\x9b31m\\u202e"]
    assert logging.getLogRecordFactory() is before
    assert explain(ValueError("a\x1b[1m\nb")) == "ValueError: a\\x1b[1m b"


def test_read_only_cache_is_enough(cache, monkeypatch):
    def refuse(*_):
        raise PermissionError("read-only")

    before = contents(cache)
    monkeypatch.setattr("os.replace", refuse)
    assert load(61).X.shape == (150, 4)
    assert contents(cache) == before


@pytest.mark.parametrize("damage", ["description.xml", "dataset_61.pq"])
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "cut short"])
def test_failure_leaves_the_cache_as_it_was(cache, damage, missing):
    """With no network the client deletes a damaged folder: openml-python 1084."""
    file = cache / DATASETS / "61" / damage
    if missing:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100])
    before = contents(cache)
    with pytest.raises(
        RuntimeError, match=r"(?i)no answer|File: |token|element"
    ) as error:
        load(61)
    assert contents(cache) == before
    if "no answer" not in str(error.value):
        assert f"The copy in {file.parent} may be damaged" in str(error.value)


@pytest.mark.parametrize(
    ("quality", "message"),
    [
        ("NumberOfInstances", "have 150 rows, OpenML's metadata say 151"),
        ("NumberOfFeatures", "have 5 columns, OpenML's metadata say 6"),
        ("NumberOfClasses", "have 3 classes, OpenML's metadata say 4"),
    ],
)
def test_data_that_are_not_as_described_are_refused(cache, quality, message):
    path = cache / DATASETS / "61" / "qualities.xml"
    head, tail = path.read_text().split(f"{quality}</oml:name><oml:value>")
    number = float(tail.split("<")[0]) + 1
    rest = tail[tail.index("<") :]
    path.write_text(f"{head}{quality}</oml:name><oml:value>{number}{rest}")
    before = contents(cache)
    with pytest.raises(RuntimeError, match=message) as error:
        load(61)
    assert str(cache / DATASETS / "61") in str(error.value)
    assert contents(cache) == before


def test_data_with_no_metadata_are_taken_with_a_word(cache):
    (cache / DATASETS / "61" / "qualities.xml").unlink()
    said = []
    assert load(61, said.append).X.shape == (150, 4)
    assert said[0].startswith("table 61: not checked, ProxyError: no answer")


# Tasks


def test_tasks_bring_their_own_splits(cache):
    table = load(Task(59))
    task = openml.tasks.get_task(59)
    assert (table.name, table.id, table.task_id) == ("iris", 61, 59)
    assert sorted(table.splits) == [(0, fold) for fold in range(10)]
    settings = {"protocol": "paper", "folds": 3, "repeats": 1, "seed": 0}
    jobs = make_jobs(table, ["dummy"], [], **settings)
    assert [(job.folds, job.repeat, job.fold) for job in jobs] == [
        (10, 0, fold) for fold in range(10)
    ]
    for job in jobs:
        train, test = rows_of(table, job)
        expected = task.get_train_test_split_indices(fold=job.fold)
        assert list(train) == list(expected[0])
        assert list(test) == list(expected[1])
    assert sorted(np.concatenate([rows_of(table, job)[1] for job in jobs])) == list(
        range(150)
    )


def test_a_task_leaves_a_table_alone_that_is_being_read(cache, monkeypatch):
    from benchmarks.data.openml_cache import PrivateClient

    get_data = PrivateClient._get_data

    def slowly(*arguments):
        time.sleep(0.5)
        return get_data(*arguments)

    monkeypatch.setattr(PrivateClient, "_get_data", staticmethod(slowly))
    tables, unloaded = load_all([61, Task(59)])
    assert [table.task_id for table in tables] == [None, 59]
    assert unloaded == {}


def test_splits_follow_the_rows_that_have_a_target(cache, monkeypatch):
    from benchmarks.data.openml_cache import PrivateClient

    original = PrivateClient.load_dataset

    def with_a_gap(self, dataset_id, target=None):
        name, X, y = original(self, dataset_id, target)
        return name, X, y.mask(np.arange(150) == 10)

    whole = load(Task(59))
    monkeypatch.setattr(PrivateClient, "load_dataset", with_a_gap)
    table = load(Task(59))
    assert len(table.X) == 149
    for at, (train, test) in table.splits.items():
        for rows, all_rows in zip((train, test), whole.splits[at], strict=True):
            kept = all_rows[all_rows != 10]
            pd.testing.assert_frame_equal(
                table.X.iloc[rows].reset_index(drop=True),
                whole.X.iloc[kept].reset_index(drop=True),
            )


def _train_on(lines, row):
    """Put a row in the place of one that the last fold trains on."""
    fold = lines[-1].rsplit(",", 1)[1]
    at = max(
        i
        for i, line in enumerate(lines)
        if line.startswith("TRAIN") and line.endswith(f",{fold}")
    )
    return [*lines[:at], f"TRAIN,{row},0,{fold}", *lines[at + 1 :]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:4], "may be damaged"),
        (lambda lines: lines[:-400], "splits for 8 of the task's 10 folds"),
        (lambda lines: lines[:-3], "do not test every row exactly once"),
        (
            lambda lines: [line.replace(",149,", ",9999,") for line in lines],
            "do not test every row exactly once",
        ),
        (lambda lines: _train_on(lines, lines[-1].split(",")[1]), "that it tests on"),
        (lambda lines: _train_on(lines, "-1"), "has a row below 0"),
        (lambda lines: _train_on(lines, "9999"), "does not train on all rows"),
    ],
    ids=[
        *("a stump", "fewer folds", "a few lines less", "a row that is not there"),
        *("a test row", "below 0", "beyond the last"),
    ],
)
def test_a_damaged_task_is_reported_and_nothing_of_it_kept(cache, damage, message):
    folder = cache / DATASETS.parent / "tasks" / "59"
    path = folder / "datasplits.arff"
    whole = path.read_text()
    path.write_text("\n".join(damage(whole.splitlines())))
    before = contents(folder)
    with pytest.raises(RuntimeError, match=message) as error:
        load(Task(59))
    assert str(folder) in str(error.value)
    assert contents(folder) == before
    path.write_text(whole)
    assert len(load(Task(59)).splits) == 10


FOLDS = {(0, f): ([r for r in range(6) if r % 3 != f], [f, f + 3]) for f in range(3)}


@pytest.mark.parametrize("kind", ["crossvalidation", "holdout", "leaveoneout"])
@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([1, 2, 4, 0], [0, 3], "trains on rows that it tests on, such as 0"),
        ([0, 1, 2, 3, 4, 5], [0, 3], "trains on rows that it tests on"),
        ([1, 2, 4, -1], [0, 3], "has a row below 0"),
        ([1, 2, 4, 5], [0, -3], "has a row below 0"),
        ([1, 2, 4, 4], [0, 3], "does not train on all rows"),
        ([1, 2, 4], [0, 3], "does not train on all rows"),
        ([1, 2, 4, 5, 5], [0, 3], "does not train on all rows"),
        ([1, 2, 4, 7], [0, 3], "does not train on all rows"),
        ([5, 4, 2, 1], [3, 0], ""),
    ],
)
def test_splits_that_a_task_may_not_have(train, test, message, kind):
    from benchmarks.data.openml_cache import _check_splits

    told = {"number_repeats": "1", "number_folds": "3"}
    splits = FOLDS | {(0, 0): (train, test)}
    splits = {at: tuple(map(np.array, parts)) for at, parts in splits.items()}
    procedure = {"type": kind, "parameters": told}
    is_whole = kind == "crossvalidation"
    if not message or ("all rows" in message and not is_whole):
        _check_splits(splits, procedure)
    else:
        with pytest.raises(ValueError, match=message):
            _check_splits(splits, procedure)


# A server


class Server(ThreadingHTTPServer):
    """OpenML, as far as one table needs it: its answers by path."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server_port}"
        self.answers, self.troubles, self.calls = {}, [], []

    def offer_iris(self):
        bunch = load_iris()
        lines = [f"@ATTRIBUTE a{i} REAL" for i in range(4)]
        lines += ["@ATTRIBUTE class {0,1,2}", "@DATA"]
        for row, label in zip(bunch.data, bunch.target, strict=True):
            lines.append(",".join(map(str, [*row, label])))
        arff = "\n".join(["@RELATION iris", *lines]) + "\n"
        ns = 'xmlns:oml="http://openml.org/openml"'
        fields = {
            "id": 61,
            "name": "iris",
            "version": 1,
            "description": "none",
            "format": "ARFF",
            "url": f"{self.root}/iris.arff",
            "default_target_attribute": "class",
            "status": "active",
            "md5_checksum": hashlib.md5(arff.encode()).hexdigest(),
        }
        body = "".join(f"<oml:{k}>{v}</oml:{k}>" for k, v in fields.items())
        kind = "data_set_description"
        features = "".join(
            f"<oml:feature><oml:index>{i}</oml:index><oml:name>{name}</oml:name>"
            f"<oml:data_type>{kind_}</oml:data_type>{values}"
            "<oml:is_target>false</oml:is_target>"
            "<oml:is_ignore>false</oml:is_ignore>"
            "<oml:is_row_identifier>false</oml:is_row_identifier>"
            "<oml:number_of_missing_values>0</oml:number_of_missing_values>"
            "</oml:feature>"
            for i, (name, kind_, values) in enumerate(
                [
                    *((f"a{i}", "numeric", "") for i in range(4)),
                    (
                        "class",
                        "nominal",
                        "".join(
                            f"<oml:nominal_value>{i}</oml:nominal_value>"
                            for i in range(3)
                        ),
                    ),
                ]
            )
        )
        qualities = "".join(
            f"<oml:quality><oml:name>{name}</oml:name>"
            f"<oml:value>{value}</oml:value></oml:quality>"
            for name, value in (("NumberOfInstances", 150.0), ("NumberOfFeatures", 5.0))
        )
        api = "/api/v1/xml/data"
        self.answers |= {
            f"{api}/61": f"<oml:{kind} {ns}>{body}</oml:{kind}>",
            f"{api}/features/61": f"<oml:data_features {ns}>{features}"
            "</oml:data_features>",
            f"{api}/qualities/61": f"<oml:data_qualities {ns}>{qualities}"
            "</oml:data_qualities>",
            "/iris.arff": arff,
        }


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        self.server.calls.append(path)
        if self.server.troubles:
            trouble = self.server.troubles.pop(0)
            if trouble == "hang up":
                self.connection.close()
                return
            self.answer(503, trouble)
        elif path in self.server.answers:
            self.answer(200, self.server.answers[path])
        else:
            error = '<oml:error xmlns:oml="http://openml.org/openml"><oml:code>111'
            error += "</oml:code><oml:message>Unknown dataset</oml:message></oml:error>"
            self.answer(412, error)

    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    """The real client talks to a real server, on this machine."""
    from tenacity import wait_none

    from benchmarks.data import openml_cache

    before = openml.config.get_config_as_dict()
    openml.config.set_root_cache_directory(tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(openml_cache, "WAIT", wait_none())
    with Server() as server:
        monkeypatch.setattr(openml.config, "server", f"{server.root}/api/v1/xml")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
    openml.config.set_root_cache_directory(before["cachedir"])


def test_a_table_is_fetched_once_and_then_in_the_cache(server, tmp_path):
    server.offer_iris()
    table = load(61)
    np.testing.assert_allclose(table.X.to_numpy(), load_iris().data)
    assert "/iris.arff" in server.calls
    kept = contents(tmp_path / "cache")
    assert {path.suffix for path in kept} == {".xml", ".arff"}
    server.calls.clear()
    assert load(61).X.equals(table.X)
    assert server.calls == []


@pytest.mark.parametrize("trouble", ["hang up", "<html>Service Unavailable"])
@pytest.mark.parametrize("n_times", [1, 3])
def test_a_server_in_trouble_is_asked_again(server, trouble, n_times):
    server.offer_iris()
    server.troubles += [trouble] * n_times
    said = []
    assert load(61, said.append).X.shape == (150, 4)
    assert len(said) == n_times
    assert said[0].startswith("table 61: ")
    assert "attempt 2 of 4 in 0 s" in said[0]


def test_a_server_that_stays_in_trouble_leaves_no_trace(server, tmp_path):
    server.offer_iris()
    server.troubles += ["hang up"] * 100
    with pytest.raises(
        RuntimeError, match="ConnectionError: no answer from http://127"
    ):
        load(61)
    assert len(server.calls) == 4
    assert contents(tmp_path / "cache") == {}


def test_a_file_that_is_cut_short_is_never_kept(server, tmp_path):
    server.offer_iris()
    server.answers["/iris.arff"] = server.answers["/iris.arff"][:500]
    with pytest.raises(RuntimeError, match="OpenMLHashException: Checksum"):
        load(61)
    assert contents(tmp_path / "cache") == {}


def test_an_unknown_table_is_not_asked_for_again(server):
    with pytest.raises(RuntimeError, match="Unknown dataset"):
        load(62)
    assert len(server.calls) == 1


def test_tables_are_fetched_side_by_side(server):
    """Two calls, each answered only once the other has come."""
    both = threading.Barrier(2, timeout=20)
    answer = Handler.answer

    def wait_for_both(self, status, body):
        both.wait()
        answer(self, status, body)

    server.RequestHandlerClass = type("Slow", (Handler,), {"answer": wait_for_both})
    _, unloaded = load_all([62, 63])
    assert all("Unknown dataset" in message for message in unloaded.values())
