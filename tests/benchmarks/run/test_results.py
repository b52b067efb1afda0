"""Results that survive a kill, and lines that are damaged."""

import io
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks import uci
from benchmarks.data.suites import SUITES
from benchmarks.run.jobs import Job, make_jobs
from benchmarks.run.results import Results, read_rows
from tests.benchmarks.helpers import (
    AT,
    DAMAGE,
    GOOD,
    HOSTILE,
    KEPT,
    ROOT,
    N,
    line_of,
    read_lines,
    small_table,
    write,
)
from tests.conftest import contents


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_line_costs_its_own_job_alone(tmp_path, capsys, lines, kind, at):
    at = AT[at]
    damaged = [*lines]
    damaged[at] = DAMAGE[kind](GOOD[at])
    write(tmp_path, damaged)
    before = (tmp_path / "results.jsonl").read_bytes()
    results = Results(tmp_path)
    said = capsys.readouterr().err
    assert results.n_unreadable == 1
    assert f"{tmp_path / 'results.jsonl'}: line {at + 1} (" in said
    assert said.count("\n") == 1 and len(said) < 1000
    finished = [results.is_finished(Job.of(row)) for row in GOOD]
    assert finished == [i != at for i in range(N)]
    assert read_rows(tmp_path) == [*GOOD[:at], *GOOD[at + 1 :]]
    assert f"line {at + 1} (" in capsys.readouterr().err
    # The job is run again, and the line stays.
    assert results.append(GOOD) == [GOOD[at]]
    assert (tmp_path / "results.jsonl").read_bytes().startswith(before)
    again = Results(tmp_path)
    assert again.n_unreadable == 1
    assert again.rows(map(Job.of, GOOD)) == GOOD


def test_a_resumed_run_runs_what_is_damaged_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main(arguments) == 0
    path = tmp_path / "results.jsonl"
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    kinds = ["NaN", "deep", "null name", "cut"]
    bad = [DAMAGE[kind](row) for kind, row in zip(kinds, rows, strict=False)]
    write(tmp_path, [*bad, line_of(rows[4])])
    capsys.readouterr()
    assert uci.main(arguments) == 0
    said = capsys.readouterr()
    assert "passed over 4 unreadable lines" in said.err
    assert "1 of 5 jobs were finished before" in said.err
    assert "dummy" in said.out
    times = dict.fromkeys(["fit_seconds", "predict_seconds"])
    found = sorted(read_rows(tmp_path), key=lambda row: row["fold"])
    assert [row | times for row in found] == [row | times for row in rows]


def flip(content):
    """Change a byte of what is compressed."""
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


@pytest.mark.slow
@pytest.mark.parametrize("which", ["first", "last", "all"])
@pytest.mark.parametrize(
    "damage",
    [
        *(lambda c: b"", lambda c: c[:-9], lambda c: b"\x00" * len(c), flip),
        *(lambda c: c[: len(c) // 2], lambda c: KEPT_PARQUET.read_bytes()),
        lambda c: altered(c, lambda frame: frame[1:]),
        lambda c: altered(c, lambda frame: frame.drop(columns="y")),
        lambda c: altered(c, lambda frame: frame.iloc[:, :-1]),
        lambda c: altered(c, lambda frame: frame.rename(columns={"row": "p_x"})),
    ],
)
def test_damaged_predictions_are_made_again(
    tmp_path, monkeypatch, capsys, damage, which
):
    monkeypatch.setitem(SUITES, "embedded", ("iris",))
    arguments = ["--models", "dummy", "--n-jobs", "1", "--out", str(tmp_path)]
    assert uci.main([*arguments, "--predictions"]) == 0
    files = sorted((tmp_path / "predictions").iterdir())
    before = contents(tmp_path)
    files = {"first": files[:1], "last": files[-1:], "all": files}[which]
    for file in files:
        file.write_bytes(damage(before[file]))
    capsys.readouterr()
    assert uci.main([*arguments, "--predictions"]) == 0
    said = capsys.readouterr().err
    assert all(said.count(f"Warning: {file} ") == 1 for file in files)
    assert contents(tmp_path) == before
    assert uci.main([*arguments, "--predictions"]) == 0
    assert "5 of 5 jobs were finished before" in capsys.readouterr().err


KEPT_PARQUET = KEPT / "alpha" / "results.parquet"


def altered(content, change):
    """Change what a Parquet file holds."""
    buffer = io.BytesIO()
    change(pd.read_parquet(io.BytesIO(content))).to_parquet(buffer, index=False)
    return buffer.getvalue()


def test_predictions_of_any_table_have_a_file_of_their_own(tmp_path):
    results = Results(tmp_path / "run")
    jobs = [
        make_jobs(small_table(name), ["dummy"], [], protocol="paper", folds=2)[0]
        for name in [*HOSTILE, *(name + "." for name in HOSTILE)]
    ]
    for number, job in enumerate(jobs):
        assert not results.has_predictions(job)
        results.keep_predictions(job, {"row": [number]})
    files = [results._predictions_of(job) for job in jobs]
    assert [pd.read_parquet(file)["row"][0] for file in files] == list(range(len(jobs)))
    assert {file.parent for file in files} == {tmp_path / "run" / "predictions"}
    assert set(tmp_path.iterdir()) == {tmp_path / "run"}


def test_results_come_back(tmp_path, rows):
    results = Results(tmp_path / "new" / "folder")
    results.append(rows)
    again = Results(tmp_path / "new" / "folder")
    assert again.rows(Job.of(row) for row in rows) == rows
    assert again.n_unreadable == 0


@pytest.mark.parametrize("n_lost", [1, 2, 40])
def test_truncated_last_line_costs_that_line_only(tmp_path, rows, n_lost):
    results = Results(tmp_path)
    results.append(rows)
    content = results.path.read_bytes()
    results.path.write_bytes(content[:-n_lost])
    again = Results(tmp_path)
    finished = [again.is_finished(Job.of(row)) for row in rows]
    assert finished == [True, True, n_lost == 1]
    again.append(rows[-1:])
    assert results.path.read_bytes().startswith(content[:-n_lost])
    last = Results(tmp_path)
    assert last.rows(Job.of(row) for row in rows) == rows
    assert last.n_unreadable == (n_lost > 1)


def test_other_settings_in_the_same_folder_are_other_jobs(tmp_path, rows):
    results = Results(tmp_path)
    results.append(rows[:1])
    job = Job.of(rows[0])
    assert results.is_finished(job)
    for change in ({"seed": 1}, {"folds": 4}, {"protocol": "default"}):
        assert not results.is_finished(Job.of(rows[0] | change))


def test_infinite_alpha_is_strict_json_and_comes_back(tmp_path, rows):
    row = rows[0] | {"model": "mixup", "alpha": np.inf}
    results = Results(tmp_path)
    results.append([row])

    def refuse(constant):
        raise ValueError(constant)

    json.loads(results.path.read_text(), parse_constant=refuse)
    assert Results(tmp_path).is_finished(Job.of(row))
    assert read_rows(tmp_path) == [row]


def test_row_that_is_no_number_is_refused_before_it_is_written(tmp_path, rows):
    results = Results(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        results.append([rows[0] | {"log_loss": np.nan}])
    assert results.path.read_bytes() == b""


def test_a_job_that_another_process_has_finished_gets_no_second_row(tmp_path, rows):
    first, second = Results(tmp_path), Results(tmp_path)
    assert first.append(rows[:1]) == rows[:1]
    assert second.append(rows[:2]) == rows[1:2]
    assert second.rows([Job.of(rows[0])]) == rows[:1]
    assert first.append(rows[1:2]) == []
    assert read_rows(tmp_path) == rows[:2]


WRITER = """
import json, sys
from benchmarks.run.results import Results
row, folder, start = json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])
results = Results(folder)
for seed in range(start, start + 200):
    results.append([row | {"seed": seed, "message": "x" * 5000}])
"""


@pytest.mark.slow
def test_processes_that_share_a_folder_neither_mix_nor_double_lines(tmp_path, rows):
    """Three processes write 200 rows each, of which half overlap the next one's."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, json.dumps(rows[0]), tmp_path, str(start)],
            cwd=ROOT,
        )
        for start in (0, 100, 200)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    seeds = [row["seed"] for row in read_lines(tmp_path / "results.jsonl")]
    assert sorted(seeds) == list(range(400))


@pytest.mark.parametrize(
    "change",
    [
        *({"status": "maybe"}, {"model": "gone"}, {"fold": None}, {"error": "a"}),
        *({"error": None}, {"n_rows": "many"}, {"fit_seconds": None}),
    ],
    ids=str,
)
def test_a_line_that_is_no_whole_row_is_passed_over(tmp_path, rows, change):
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps(rows[0] | change) + "\n[]\n3\n")
    results = Results(tmp_path)
    assert results.n_unreadable == 3
    assert not results.is_finished(Job.of(rows[0]))
    assert read_rows(tmp_path) == []
