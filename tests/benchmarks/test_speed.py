"""The speed benchmark: it runs, writes its files, and counts as it says."""

import json
import math
import os
import re
import shutil
import signal
import time

import pytest

from benchmarks import speed
from benchmarks.run.row_file import RowFile, read_environments
from benchmarks.timing import measurements, workloads
from benchmarks.timing.contest import Contest
from benchmarks.timing.measurements import (
    Measurements,
    latest,
    measure,
    those_that_went_well,
)
from tests.benchmarks.conftest import link
from tests.benchmarks.helpers import HOSTILE, KEPT, is_seen, line_of


@pytest.mark.slow
def test_the_speeds_report_shows_names_as_they_are(tmp_path, monkeypatch, capsys):
    path = tmp_path / "speed.jsonl"
    lines = [
        {"section": "members", "value": 1.0 + i, "repeat": 0}
        | {"run": "2026-01-01T00:00:00"}
        | {"setting": name, "competitor": name, "unit": name}
        for i, name in enumerate(HOSTILE)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    speed.main(["--out", str(tmp_path)])
    text = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert is_seen(text.replace("\n", ""))
    assert not re.search(r"<[A-Za-z/!?]|\]\(", text)
    assert is_seen(capsys.readouterr().out.replace("\n", ""))


def results_of(folder):
    return RowFile(folder, speed.FILE_NAME, Measurements(speed.SECTIONS))


def latest_of(folder):
    return latest(results_of(folder).all_rows())


def test_a_quick_run_writes_its_files(tmp_path, capsys):
    flags = ["--quick", "--sections", "members", "--repeats", "2"]
    speed.main([*flags, "--out", str(tmp_path)])
    lines = (tmp_path / "speed.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3 * 2 * 2
    assert all(row["value"] > 0 and row["status"] == "ok" for row in rows)
    (stamp,) = read_environments(tmp_path)
    assert {row["environment"] for row in rows} == {stamp["id"]}
    assert stamp["cores"] >= 1 and {"skmixup", "scikit-learn", "skorch"} <= set(stamp)
    report = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert report in capsys.readouterr().out
    assert "25 members, batch 16, over products" in report
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_real_tables_are_timed_and_scored(tmp_path, capsys):
    flags = ["--quick", "--sections", "tables", "--models", "mixup", "mlp"]
    assert speed.main([*flags, "--out", str(tmp_path)]) == 0
    ours, other = results_of(tmp_path).all_rows()
    assert (ours["competitor"], other["competitor"]) == (
        "MixupClassifier",
        "MLPClassifier",
    )
    assert ours["setting"] == "iris" and ours["n_rows"] == 120
    assert ours["value"] > 0 and 0 < ours["log_loss"] < 1 and ours["times_floor"] > 1
    assert ours["us_a_step"] == pytest.approx(1e6 * ours["value"] / ours["steps"])
    assert "epochs" not in other and 0 <= other["error"] <= 0.2
    report = capsys.readouterr().out
    assert "Log-loss:" in report and "times the floor" in report
    assert "| geometric mean | " in report
    assert (tmp_path / "tables.png").stat().st_size > 1000


def count_turns(turns, name):
    return lambda: turns.append(name) or 1.0


def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    """As often as it may: of those that failed, and of those that had no turn."""
    monkeypatch.setattr(measurements, "describe", lambda: {"id": "this machine's"})
    turns, works = [], {"quick": None, "slow": None, "lost": None}
    works = {name: count_turns(turns, name) for name in works}
    contest = Contest("members", "a", "s", works | {"lost": refuse}, most_turns=2)
    monkeypatch.setitem(speed.SECTIONS, "members", lambda quick: [contest])
    arguments = ["--sections", "members", "--out", str(tmp_path)]
    assert speed.main([*arguments, "--repeats", "1"]) == 0
    contest.competitors = works
    for _ in range(2):
        assert speed.main([*arguments, "--resume"]) == 0
    assert turns == ["quick", "slow", "lost", "quick", "slow", "lost"]
    rows = latest_of(tmp_path)
    assert len(rows) == 6 and (rows["status"] == "ok").all()
    monkeypatch.setattr(measurements, "describe", lambda: {"id": "another machine's"})
    assert speed.main([*arguments, "--resume"]) == 0
    assert len(turns) == 12 and len(latest_of(tmp_path)) == 6


@pytest.mark.parametrize("days", ["12", "21"])
def test_each_sections_last_run_counts(tmp_path, days):
    """The last in the file: a clock that was ahead hid all later runs."""
    first, second = days
    runs = [("fit", first, 1.0), ("fit", second, 2.0), ("search", first, 3.0)]
    lines = [
        json.dumps(
            {"section": section, "run": f"2026-01-0{day}T00:00:00"}
            | {"repeat": 0, "value": v}
        )
        for section, day, v in runs
    ]
    path = tmp_path / "speed.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert latest_of(tmp_path)["value"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("name", workloads.FITTERS)
def test_every_competitor_trains(name):
    X, y = workloads.make_rows(200, 30)
    assert (
        workloads.seconds(workloads.FITTERS[name](16, 1).fit, X, y.astype("int64")) > 0
    )


def test_bad_flags_are_named(tmp_path, capsys):
    bad = ("--sections", "flight"), ("--repeats", "0"), ("--tables", "61")
    for flags in bad:
        with pytest.raises(SystemExit):
            speed.main([*flags, "--out", str(tmp_path)])
        assert flags[0] in capsys.readouterr().err


def contest_of(monkeypatch, work):
    contest = Contest("members", "a", "s", {"mixup": work})
    monkeypatch.setitem(speed.SECTIONS, "members", lambda quick: [contest])


def interrupt():
    """Be interrupted, in a fit that ends at that as if it were done."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        return 1.0


def refuse(*_):
    raise OSError(28, "No space left on device")


def test_a_run_that_is_interrupted_says_so(tmp_path, monkeypatch, capsys):
    contest_of(monkeypatch, interrupt)
    assert speed.main(["--sections", "members", "--out", str(tmp_path)]) == 130
    assert "Interrupted; what was measured is in " in capsys.readouterr().err
    assert not (tmp_path / "speed.jsonl").read_bytes()


def test_a_full_disk_ends_a_run(tmp_path, monkeypatch, capsys):
    contest_of(monkeypatch, lambda: 1.0)
    monkeypatch.setattr(RowFile, "append", refuse)
    assert speed.main(["--sections", "members", "--out", str(tmp_path)]) == 2
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize("work", [refuse, lambda: math.nan, lambda: -1.0])
def test_a_competitor_that_fails_is_a_row_and_ends_no_run(
    tmp_path, monkeypatch, capsys, work
):
    competitors = {"mixup": work, "other": lambda: 2.0}
    contest = Contest("members", "a", "s", competitors)
    monkeypatch.setitem(speed.SECTIONS, "members", lambda quick: [contest])
    arguments = ["--sections", "members", "--repeats", "3", "--out", str(tmp_path)]
    assert speed.main(arguments) == 0
    assert "Failed: mixup at members, a: " in capsys.readouterr().err
    rows = results_of(tmp_path).all_rows()
    failed = [row for row in rows if row["status"] == "failed"]
    assert [row["competitor"] for row in failed] == ["mixup"]  # it had one turn
    assert failed[0]["value"] is None and failed[0]["message"]
    assert "2 [2, 2]" in (tmp_path / "speed.md").read_text()
    contest_of(monkeypatch, work)
    assert speed.main([*arguments[:-1], str(tmp_path / "alone")]) == 1


@pytest.mark.slow
def test_the_measurements_that_are_kept_make_the_report_that_is_kept(tmp_path, capsys):
    for name in ("speed.jsonl", "environments.jsonl"):
        shutil.copyfile(KEPT / "speed" / name, tmp_path / name)
    results = results_of(tmp_path)
    rows = results.all_rows()
    assert results.n_unreadable == 0 and capsys.readouterr().err == ""
    ids = {stamp["id"] for stamp in read_environments(tmp_path)}
    assert {row["environment"] for row in rows} <= ids
    report = speed.report_on(those_that_went_well(rows))
    assert report == (KEPT / "speed" / "speed.md").read_text()


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_a_folder_that_cannot_be_made(tmp_path, monkeypatch, capsys, out):
    contest_of(monkeypatch, lambda: 1.0)
    (tmp_path / "file").write_text("")
    assert speed.main(["--sections", "members", "--out", str(tmp_path / out)]) == 2
    assert f"Cannot write to --out {tmp_path / out}: " in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"\xff\n{}\n", b"\n\n"])
def test_no_measurement_is_no_report(tmp_path, monkeypatch, capsys, content):
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    (tmp_path / "speed.jsonl").write_bytes(content)
    assert speed.main(["--out", str(tmp_path)]) == 1
    assert "There is no measurement in " in capsys.readouterr().err
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"speed.jsonl", ".results.lock"}


MEASUREMENT = {"section": "fit", "run": "2026-01-02T00:00:00", "repeat": 0, "value": 1}


BAD_RUNS = (
    *("zzzz", "", "9", "2026-1-2T00:00:00", "2026-13-01T00:00:00", 2026, ["2026"]),
    *("2026-02-30T00:00:00", "2026-01-02T00:00:00Z", "2026-01-02", "a" * 1000, None),
    *("9999999-01-01T00:00:00", " 2026-01-02T00:00:00"),
)


BAD_MEASUREMENTS = [
    *(b"[" * 100_000, b"null", b"{}", b"\xff", b'{"section": "fit"'),
    *(line_of(MEASUREMENT | {"section": "members", "run": run}) for run in BAD_RUNS),
    *(line_of(MEASUREMENT | {"section": section}) for section in (["fit"], "flight")),
    *(line_of(MEASUREMENT | {"value": value}) for value in (math.nan, "1", None)),
    *(line_of(MEASUREMENT | {"repeat": repeat}) for repeat in (None, -1, 0.5)),
    line_of({k: v for k, v in MEASUREMENT.items() if k != "repeat"}),
    *(line_of(MEASUREMENT | {name: []}) for name in ("setting", "cores")),
    line_of(MEASUREMENT | {"unit": "\ud800"}),
]


def three_measurements():
    row = {"section": "members", "setting": "a", "unit": "s", "cores": 2}
    row |= {"run": "2026-01-01T00:00:00"}
    row |= {"competitor": "mixup"}
    return [line_of(row | {"repeat": i, "value": 1.0 + i}) for i in range(3)]


@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("bad", BAD_MEASUREMENTS, ids=lambda bad: repr(bad[:90]))
def test_a_damaged_measurement_is_passed_over(tmp_path, capsys, bad, at):
    content = three_measurements()
    content.insert(at, bad)
    path = tmp_path / "speed.jsonl"
    path.write_bytes(b"\n".join(content) + b"\n")
    assert list(latest_of(tmp_path)["value"]) == [1.0, 2.0, 3.0]
    assert f"{path}: line {at + 1} (" in capsys.readouterr().err


def test_a_report_passes_over_damaged_measurements(tmp_path, monkeypatch):
    first, *others = three_measurements()
    content = [first, *BAD_MEASUREMENTS, *others]
    (tmp_path / "speed.jsonl").write_bytes(b"\n".join(content) + b"\n")
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    assert speed.main(["--out", str(tmp_path)]) == 0
    assert "2 [1, 3]" in (tmp_path / "speed.md").read_text()


def test_a_measurement_follows_a_line_that_was_cut_off(tmp_path):
    path = tmp_path / "speed.jsonl"
    path.write_bytes(b'{"section": "members", "ru')
    contest = Contest("members", "a", "s", {"mixup": lambda: 1.0})
    measure([("members", lambda: [contest])], 1, results_of(tmp_path))
    assert list(latest_of(tmp_path)["value"]) == [1.0]


@pytest.mark.parametrize("values", [[0.0, 0.0], [0.0, 1.0]])
def test_measurements_of_nothing_are_drawn(tmp_path, monkeypatch, values):
    rows = [MEASUREMENT | {"competitor": f"{v:g}", "value": v} for v in values]
    (tmp_path / "speed.jsonl").write_bytes(b"\n".join(map(line_of, rows)))
    monkeypatch.setattr(speed, "measure", lambda *_: None)
    assert speed.main(["--out", str(tmp_path)]) == 0


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_no_measurement_is_written_through_a_link(tmp_path, capsys, kind):
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    link(folder / "speed.jsonl", outside, kind)
    assert speed.main(["--sections", "members", "--out", str(folder)]) == 2
    assert f"{folder / 'speed.jsonl'} is a link" in capsys.readouterr().err
    assert kind == "folder" or not outside.exists() or outside.read_bytes() == b"mine\n"
