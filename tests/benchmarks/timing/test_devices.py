"""Fits on a device against those on the CPU: what is counted, what a budget allows."""

import time
import warnings

import pytest
import torch
from skorch.callbacks import Callback

from benchmarks import gpu
from benchmarks.output.text import in_markdown
from benchmarks.run.row_file import RowFile
from benchmarks.timing import devices
from benchmarks.timing.contest import Contest
from benchmarks.timing.measurements import (
    Budget,
    Measurements,
    measure,
    those_that_went_well,
)
from benchmarks.timing.report import make_report
from skmixup import MixupClassifier


def rows_in(folder):
    return RowFile(folder, gpu.FILE_NAME, Measurements(devices.SECTIONS)).all_rows()


def test_a_quick_run_on_the_cpu_and_one_that_goes_on(tmp_path, capsys):
    arguments = ["--quick", "--repeats", "1", "--device", "cpu", "--out", str(tmp_path)]
    assert gpu.main(arguments) == 0
    rows = rows_in(tmp_path)
    assert {row["section"] for row in rows} == {"fit", "search"}
    assert {row["competitor"] for row in rows} == {
        *(devices.DEVICE, devices.CPU, devices.ANOTHER)
    }
    assert all(row["value"] > 0 and row["device"] == "cpu" for row in rows)
    report = capsys.readouterr().out
    assert (tmp_path / "gpu.md").read_text(encoding="utf-8") in report
    # The same seed on the same device.
    assert "| log-loss over the CPU's, at most | <= 1.02 | 1 | met |" in report
    assert (tmp_path / "gpu.png").stat().st_size > 1000
    assert gpu.main(arguments) == 0
    assert rows_in(tmp_path) == rows


def test_without_time_nothing_is_begun(tmp_path, capsys):
    arguments = ["--quick", "--budget", "0", "--device", "cpu", "--out", str(tmp_path)]
    assert gpu.main(arguments) == 1
    told = capsys.readouterr().err
    assert "No time left for the device at fit, 200 rows, 2 member(s)" in told
    assert rows_in(tmp_path) == []


@pytest.mark.parametrize("name", ["toaster", "cuda:99", "meta"])
def test_a_device_that_cannot_be_used(tmp_path, capsys, name):
    with pytest.raises(SystemExit):
        gpu.main(["--quick", "--device", name, "--out", str(tmp_path / "out")])
    assert f"argument --device: {name} cannot be used: " in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_budget_learns_how_fast_a_competitor_is(tmp_path):
    turns = []

    def take(name, pause):
        return lambda: turns.append(name) or time.sleep(pause) or 1.0

    works = {"as thought": take("as thought", 0.0), "slow": take("slow", 0.2)}
    contests = [
        Contest("fit", str(i), "s", works, expected={"as thought": 0.01, "slow": cost})
        for i, cost in enumerate([0.001, 1.0])
    ]
    budget = Budget(20.0)
    results = RowFile(None, "", Measurements(devices.SECTIONS))
    measure([("fit", lambda: contests)], 1, results, budget=budget)
    assert turns == ["as thought", "slow", "as thought"]
    assert budget.left_out == ["slow at fit, 1"]


def test_the_pieces_of_a_run_are_of_known_sections():
    pieces = devices.contests_by_value("cpu", quick=False)
    assert {name for name, _ in pieces} == set(devices.SECTIONS)
    found = [c for _, contests_of in pieces for c in contests_of()]
    settings = [(contest.section, contest.setting) for contest in found]
    assert len(set(settings)) == len(settings)
    fits = [setting for section, setting in settings if section == "fit"]
    assert len(fits) == 4 * 3  # rows x members
    assert fits[0].startswith("10,000 rows, 8 member(s)")
    assert all(
        contest.expected.keys() == contest.competitors.keys() for contest in found
    )


class Waits(Callback):
    """Warns as torch does where it waits for a GPU."""

    def __init__(self, at):
        self.at = at

    def notify(self, method_name, net, **kwargs):
        if method_name == self.at:
            warnings.warn("called a synchronizing CUDA operation", stacklevel=2)

    def on_batch_begin(self, net, **kwargs):
        self.notify("on_batch_begin", net)

    def on_epoch_begin(self, net, **kwargs):
        self.notify("on_epoch_begin", net)


@pytest.mark.parametrize(
    ("at", "waits"), [("on_batch_begin", 1), ("on_epoch_begin", 0)]
)
def test_waits_of_steps_are_told_from_those_of_an_epoch(monkeypatch, at, waits):
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)
    monkeypatch.setattr(
        devices,
        "MixupClassifier",
        lambda callbacks, **params: MixupClassifier(
            n_estimators=1, callbacks=[*callbacks, Waits(at)], **params
        ),
    )
    found = devices.waits_a_step("cpu", 50)
    # Rows set aside are batches as well.
    assert found["value"] >= waits if waits else found["value"] == 0
    assert bool(found["places"]) is bool(waits)
    row = found | {"section": "waits", "setting": "a", "competitor": devices.DEVICE}
    row |= {"repeat": 0, "run": "2026-01-01T00:00:00", "unit": "waits/step"}
    page = make_report("", those_that_went_well([row | {"status": "ok"}]), [], {})
    assert (f"From: {in_markdown(found['places'])}" in page) is bool(waits)
    assert modes[:4] == ["warn", "default"] * 2 and modes[-1] == "default"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_quick_run_on_a_gpu(tmp_path):
    assert gpu.main(["--quick", "--device", "cuda", "--out", str(tmp_path)]) == 0
    assert {row["section"] for row in rows_in(tmp_path)} == set(devices.SECTIONS)
