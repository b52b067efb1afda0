"""Files that several processes share, their stamps, and links."""

import pytest

from benchmarks import uci
from benchmarks.data.suites import SUITES
from benchmarks.run.jobs import Job
from benchmarks.run.results import Results, read_rows
from benchmarks.run.row_file import read_environments
from tests.benchmarks.conftest import link
from tests.benchmarks.helpers import GOOD, line_of, write
from tests.conftest import contents


def test_lines_of_others_are_numbered_too(tmp_path, lines, capsys):
    """A second process reads on where it has stopped."""
    write(tmp_path, lines[:3])
    first, second = Results(tmp_path), Results(tmp_path)
    first.append(GOOD[3:5])
    with first.path.open("ab") as file:
        file.write(b"[3]\n" + lines[5][:50])
    second.refresh()
    assert "line 6 (of type list is no row), line 7 (" in capsys.readouterr().err
    second.append(GOOD[5:6])
    first.refresh()
    assert "line 6 (" in capsys.readouterr().err
    assert first.rows(map(Job.of, GOOD[:6])) == GOOD[:6]
    assert Results(tmp_path).n_unreadable == 2


STAMPS = [{"id": "abc", "cores": 2, "commit": None}, {"id": "def", "python": "3"}]


BAD_STAMPS = [
    *(b"[" * 100_000, b"null", b"3", b'{"id": 3}', b'{"cores": 2}', b"\xff"),
    *(b'{"id": "x", "a": [[]]}', b'{"id": "\\ud800"}', b'{"id": "x", "a": NaN}'),
    *(b'{"id": "abc", "cores": 2, "cores": 4}', b'{"id": "x", "id": "x"}'),
    *(b'{"id": "x", "a": {"b": 1}}', b'{"id": "abc"'),
]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("bad", BAD_STAMPS, ids=lambda bad: repr(bad[:20]))
def test_a_damaged_stamp_costs_itself_alone(tmp_path, capsys, bad, at):
    content = [*map(line_of, STAMPS)]
    content.insert(at, bad)
    path = tmp_path / "environments.jsonl"
    path.write_bytes(b"\n".join(content) + b"\n")
    assert read_environments(tmp_path) == STAMPS
    assert f"{path}: line {at + 1} (" in capsys.readouterr().err
    results = Results(tmp_path)
    for stamp in STAMPS:
        results.add_environment(stamp)
    assert path.read_bytes() == b"\n".join(content) + b"\n"


def test_a_stamp_that_was_cut_off_is_written_again(tmp_path):
    path = tmp_path / "environments.jsonl"
    path.write_bytes(b'{"id": "abc", "cor')
    Results(tmp_path).add_environment(STAMPS[0])
    assert read_environments(tmp_path) == STAMPS[:1]


RESULTS_FILES = ("results.jsonl", "environments.jsonl", ".results.lock", "predictions")


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
@pytest.mark.parametrize("name", RESULTS_FILES)
def test_a_link_in_a_folder_is_not_written_through(
    tmp_path, monkeypatch, capsys, name, kind
):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    link(folder / name, outside, kind)
    before = contents(tmp_path), outside.exists()
    arguments = ["--models", "dummy", "--n-jobs", "1", "--predictions"]
    assert uci.main([*arguments, "--out", str(folder)]) == 2
    assert f"{folder / name} is a link" in capsys.readouterr().err
    assert (contents(tmp_path), outside.exists()) == before
    assert not outside.is_dir() or not list(outside.iterdir())


def test_a_folder_that_is_a_link_itself_will_do(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    Results(tmp_path / "link").append(GOOD)
    assert read_rows(tmp_path / "real") == GOOD


@pytest.mark.parametrize("name", RESULTS_FILES[:3])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, monkeypatch, capsys, name):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    (tmp_path / name).mkdir()
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 2
    assert f"{tmp_path / name}" in capsys.readouterr().err
