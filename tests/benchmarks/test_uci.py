"""The UCI benchmark's command line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from benchmarks import uci
from benchmarks.data.suites import SUITES
from benchmarks.models import registry
from benchmarks.run.jobs import Job
from benchmarks.run.results import Results
from tests.benchmarks.conftest import pretend
from tests.benchmarks.helpers import (
    ROOT,
    read_lines,
)
from tests.conftest import NO_NETWORK, contents


@pytest.fixture
def failing(monkeypatch):
    """Models named "logistic" that fail in `fit` until told otherwise."""

    class Failing(registry.DummyClassifier):
        def fit(self, X, y):
            raise RuntimeError("no luck\ntoday")

    pretend(monkeypatch, "logistic", Failing)


def command_line(arguments, tmp_path, **kwargs):
    environment = {
        **os.environ,
        **NO_NETWORK,
        "OPENML_CACHE_DIR": str(tmp_path / "cache"),
        "XDG_CONFIG_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": "utf-8",
    }
    settings = tmp_path / "openml"
    settings.mkdir(exist_ok=True)
    (settings / "config").write_text("connection_n_retries = 1\n")
    command = [sys.executable, "-m", "benchmarks.uci", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
        **kwargs,
    )


def test_failed_job_is_a_row_and_is_tried_again(tmp_path, failing, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "logistic", "--folds", "2", "--n-jobs", "1"]
    arguments += ["--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    rows = read_lines(tmp_path / "results.jsonl")
    messages = [row["message"] for row in rows if row["status"] == "failed"]
    assert messages == ["RuntimeError: no luck\ntoday"] * 2
    assert "RuntimeError: no luck" in capsys.readouterr().out

    monkeypatch.undo()
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    assert uci.main(arguments) == 0
    again = read_lines(tmp_path / "results.jsonl")
    assert again[:4] == rows
    assert [(row["model"], row["status"]) for row in again[4:]] == [
        ("logistic", "ok")
    ] * 2
    out = capsys.readouterr()
    assert "failed" not in out.out.replace(str(tmp_path), "").lower()
    assert "2 of 4 jobs were finished before" in out.err


def test_erm_is_always_run_and_the_table_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "mixup", "--alphas", "0.5", "--protocol", "paper"]
    assert uci.main([*arguments, "--folds", "2", "--n-jobs", "1"]) == 0
    out = capsys.readouterr().out
    assert "iris" in out
    compared = out.split("Against ERM (α=0):")[1]
    assert "mixup α=0.5            error" in compared


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--alphas", "-1"], ["--folds", "1"], ["--models", "svm"]),
        *(["--n-jobs", "0"], ["--repeats", "often"], ["--suite", "none"]),
        *(["--alphas", "x"], ["--scheduler", "foo", "--backend", "dask"]),
    ],
)
def test_bad_arguments_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        uci.main(arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    arguments = ["--models", "dummy", "--out", str(tmp_path / "file")]
    assert uci.main(arguments) == 2
    assert "Cannot write to --out" in capsys.readouterr().err


def test_a_full_disk_is_an_error(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    monkeypatch.setattr(Results, "append", refuse)
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 2
    assert f"Cannot write to --out {tmp_path}: No space" in capsys.readouterr().err


def test_predictions_that_are_missing_are_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    rows = read_lines(tmp_path / "results.jsonl")
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "finished before" not in capsys.readouterr().err
    assert len(list((tmp_path / "predictions").iterdir())) == 5
    assert read_lines(tmp_path / "results.jsonl") == rows
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "5 of 5 jobs were finished before" in capsys.readouterr().err


def test_more_folds_than_rows_are_said_once(monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    assert uci.main(["--models", "dummy", "--folds", "200"]) == 1
    out = capsys.readouterr()
    assert "iris has fewer rows (150) than 200 folds: left out" in out.err
    assert "Failed" not in out.out


def test_all_models_and_one_more(monkeypatch):
    monkeypatch.setattr(uci, "is_installed", lambda name: name != "xgboost")
    chosen = uci._parse(["--models", "all", "mixup_search"]).models
    assert {"mixup_search", "mixup", "forest"} <= set(chosen)
    assert not {"xgboost", "mixup_folds"} & set(chosen)
    with pytest.raises(SystemExit):
        uci._parse(["--models", "all", "xgboost"])


def test_an_interrupt_while_tables_load(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(uci, "load_all", interrupt)
    assert uci.main(["--models", "dummy"]) == 130
    *_, last = capsys.readouterr().err.splitlines()
    assert re.fullmatch("Interrupted; the same command goes on from .*results.*", last)


def test_nothing_loaded_is_an_error(cache, capsys):
    assert uci.main(["--datasets", "99999999", "--models", "dummy"]) == 1
    assert "Not loaded: table 99999999" in capsys.readouterr().out


@pytest.mark.slow
def test_command_line_prints_a_table_and_names_what_failed(cache, tmp_path):
    before = contents(cache)
    arguments = ["--datasets", 61, 99999999, "--models", "dummy", "logistic"]
    process = command_line([*arguments, "--folds", 2, "--n-jobs", 2], tmp_path)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "iris (61)" in out
    assert "66.7" in out
    assert "Not loaded: table 99999999" in out
    assert contents(cache).items() >= before.items()


@pytest.mark.slow
def test_killed_again_and_again_a_run_ends_with_the_rows_of_an_undisturbed_one(
    tmp_path, monkeypatch, capsys
):
    """SIGKILL with a stack, a search and others half done; all but times is equal."""
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    models = ["mixup", "mixup_folds", "dummy", "logistic", "forest"]
    arguments = ["--models", *models, "--alphas", "0.5", "--repeats", "3", "--folds"]
    arguments += ["3", "--protocol", "paper", "--predictions", "--n-jobs", "1"]
    code = (
        "import sys; from benchmarks import uci;"
        "from benchmarks.data.suites import SUITES;"
        "SUITES['embedded'] = ('iris',); sys.exit(uci.main(sys.argv[1:]))"
    )
    disturbed, calm = tmp_path / "disturbed", tmp_path / "calm"
    path = disturbed / "results.jsonl"
    for n_rows in (4, 40):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments, "--out", str(disturbed)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for_rows(process, path, n_rows)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with path.open("ab") as file:  # as if in the middle of a line
            file.write(b'{"table": "ir')
        content = path.read_bytes()
    assert uci.main([*arguments, "--out", str(disturbed)]) == 0
    assert "of 54 jobs were finished before" in capsys.readouterr().err
    assert path.read_bytes().startswith(content)
    assert uci.main([*arguments, "--out", str(calm)]) == 0

    timings = dict.fromkeys(["fit_seconds", "predict_seconds"])
    found, expected = (
        sorted(
            (row | timings for row in read_lines_that_are_whole(folder)),
            key=lambda row: Job.of(row).name,
        )
        for folder in (disturbed, calm)
    )
    assert len(found) == 54
    assert found == expected
    for file in (calm / "predictions").iterdir():
        same = pd.read_parquet(disturbed / "predictions" / file.name)
        pd.testing.assert_frame_equal(same, pd.read_parquet(file))


def wait_for_rows(process, path, n_rows):
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_bytes().count(b"\n") >= n_rows):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)


def read_lines_that_are_whole(folder):
    lines = (folder / "results.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines if line.endswith(b"}")]


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_go_on(tmp_path):
    arguments = ["--models", "logistic", "--repeats", 50, "--n-jobs", 1]
    process = command_line(arguments, tmp_path)
    first = process.stderr.readline()
    folder = re.match("Results go to (.*);", first)[1]
    path = tmp_path / folder / "results.jsonl"
    wait_for_rows(process, path, 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Interrupted; the same command goes on from {folder}." in said
    assert "Traceback" not in said
    assert read_lines(path)


ONE = ["--n-jobs", "1"]  # this process, where models are as the tests have them
FEW = ["--models", "mlp", "dummy", "--folds", "2", *ONE]


@pytest.fixture
def few(quick, monkeypatch):
    """Let the command that names nothing be a matter of seconds."""
    pretend(monkeypatch, "mlp", registry.DummyClassifier)


@pytest.mark.slow
def test_results_have_a_folder_and_a_page_of_their_own(few, capsys):
    assert uci.main(ONE) == 0
    said = capsys.readouterr()
    folder = uci.FOLDER / "uci"
    assert f"Results go to {folder};" in said.err
    assert said.out.endswith(f"The page: {folder / 'report.html'}\n")
    assert (folder / "report.html").stat().st_size
    rows = read_lines(folder / "results.jsonl")
    assert {row["table"] for row in rows} == {"iris"}
    assert uci.main(ONE) == 0
    assert "of 25 jobs were finished before" in capsys.readouterr().err
    assert read_lines(folder / "results.jsonl") == rows


@pytest.mark.slow
def test_other_settings_have_another_folder(few, capsys):
    folders = set()
    settings = [[], ["--folds", "2"], ["--seed", "1"], ["--models", "dummy"]]
    settings += [["--protocol", "paper"], ["--alphas", "0.5"], ["--repeats", "2"]]
    for arguments in settings:
        for again in range(2):
            assert uci.main([*arguments, *ONE]) == 0
            said = capsys.readouterr().err
            assert ("were finished before" in said) == again
            folders.add(re.search("Results go to (.*);", said)[1])
    assert len(folders) == len(settings)
    assert {path.parent for path in uci.FOLDER.rglob("report.html")} == {
        Path(folder) for folder in folders
    }


def test_rows_of_other_versions_are_kept_and_told(few, capsys, monkeypatch):
    assert uci.main(FEW) == 0
    assert "differs" not in capsys.readouterr().err
    now = uci.describe()
    monkeypatch.setattr(uci, "describe", lambda: now | {"id": "other", "torch": "9"})
    assert uci.main(FEW) == 0
    said = capsys.readouterr().err
    assert "has results of another run, which differs in: torch." in said
    assert "4 of 4 jobs were finished before" in said


def test_what_was_found_is_said_last(few, capsys):
    assert uci.main(ONE) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Against plain training, mixup α=0.1 has the lower log-loss on " in out
    assert out.index("Mean ± standard") < out.index("Against plain training")
    assert "Holm" not in out  # a test over one table
