"""The speed benchmark: it runs, writes its files, and counts as it says."""

import json
import os
import signal
import time

import pandas as pd
import pytest

from benchmarks import speed
from benchmarks.timing import workloads


def test_a_quick_run_writes_its_files(tmp_path, capsys):
    flags = ["--quick", "--sections", "members", "--repeats", "2"]
    speed.main([*flags, "--out", str(tmp_path)])
    lines = (tmp_path / "speed.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3 * 2 * 2
    assert all(row["value"] > 0 and row["cores"] >= 1 for row in rows)
    report = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert report in capsys.readouterr().out
    assert "25 members, batch 16, over products" in report
    assert (tmp_path / "speed.png").stat().st_size > 1000


def test_each_sections_last_run_counts(tmp_path):
    runs = [("fit", "1", 1.0), ("fit", "2", 2.0), ("search", "1", 3.0)]
    lines = [
        json.dumps(
            {"section": section, "run": f"2026-01-0{day}T00:00:00"}
            | {"repeat": 0, "value": v}
        )
        for section, day, v in runs
    ]
    path = tmp_path / "speed.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert speed.read_latest(path)["value"].tolist() == [2.0, 3.0]


@pytest.mark.parametrize("name", workloads.FITTERS)
def test_every_competitor_trains(name):
    X, y = workloads.make_rows(200, 30)
    assert (
        workloads.seconds(workloads.FITTERS[name](16, 1).fit, X, y.astype("int64")) > 0
    )


def test_ratios_are_taken_within_a_turn():
    rows = pd.DataFrame(
        {
            "section": "fit",
            "setting": "batch 16, 1 thread(s)",
            "competitor": ["mixup", "MLPClassifier"] * 3,
            "repeat": [0, 0, 1, 1, 2, 2],
            "value": [1.0, 2.0, 30.0, 40.0, 1.0, 4.0],
            "unit": "µs/step",
        }
    )
    ratio = speed.ratios(rows, "fit", None, "mixup", "MLPClassifier")
    assert ratio.tolist() == [0.5, 0.75, 0.25]
    assert speed.meets(ratio, "<= 0.7")
    assert not speed.meets(ratio, ">= 0.7")
    report = speed.make_report(rows)
    assert (
        "| fit, batch 16, over MLPClassifier | <= 0.7 | 0.5 [0.25, 0.75] | yes |"
        in report
    )
    assert speed.ratios(rows, "fit", None, "mixup", "skorch").empty


def test_bad_flags_are_named(tmp_path, capsys):
    for flags in (["--sections", "flight"], ["--repeats", "0"]):
        with pytest.raises(SystemExit):
            speed.main([*flags, "--out", str(tmp_path)])
        assert flags[0] in capsys.readouterr().err


def contest_of(monkeypatch, work):
    contest = workloads.Contest("members", "a", "s", {"mixup": work})
    monkeypatch.setitem(speed.SECTIONS, "members", lambda quick: [contest])


def interrupt():
    """Be interrupted, in a fit that ends at that as if it were done."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        return 1.0


def refuse():
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize(
    ("work", "status", "said"),
    [
        (interrupt, 130, "Interrupted; what was measured is in "),
        (refuse, 2, "No space left on device"),
    ],
)
def test_a_run_that_ends_early_says_so(
    tmp_path, monkeypatch, capsys, work, status, said
):
    contest_of(monkeypatch, work)
    assert speed.main(["--sections", "members", "--out", str(tmp_path)]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "speed.jsonl").read_bytes()


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
    assert [p.name for p in tmp_path.iterdir()] == ["speed.jsonl"]
