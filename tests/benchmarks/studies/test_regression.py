"""The study of regression: its tables, its settings, its rows, its report."""

import json
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare.summary import label_rows
from benchmarks.data.suites import FIRST_HALVES as HALVES
from benchmarks.data.tables import load_all
from benchmarks.report import __main__ as report
from benchmarks.run.fit import Fit
from benchmarks.run.jobs import Job
from benchmarks.run.results import Results, read_rows
from benchmarks.studies import regression
from benchmarks.studies.regression import STUDY
from benchmarks.studies.study import parse_options, run_study

from ..helpers import KEPT

SCORES = {"error": 0.5, "fit_seconds": 1.0}


@pytest.fixture
def shipped(monkeypatch):
    """No tables but those that scikit-learn ships."""
    for half in HALVES:
        monkeypatch.setitem(HALVES, half, ())


class Pretended:
    """The study with fits that take no time, and a list of them."""

    def __init__(self, fails=()):
        self.ran = []
        self.fails = fails
        self.study = replace(STUDY, fit=self.fit, measure=lambda *_: (SCORES, None))

    def fit(self, table, jobs):
        for job in jobs:
            if job.model in self.fails:
                raise ValueError("no luck today")
            self.ran.append(job)
            yield Fit(job)

    def main(self, arguments):
        return run_study(self.study, [*arguments, "--n-jobs", "1"])


def regression_tables(keys):
    tables, _ = load_all(keys)
    return [regression._regression_table(table) for table in tables]


def test_tables_have_targets_of_numbers(cache, monkeypatch):
    monkeypatch.setattr(regression, "MAX_COLUMNS", 300)
    diabetes, linnerud = regression._shipped()
    assert (diabetes.name, linnerud.name) == ("diabetes", "linnerud")
    assert linnerud.y.shape == (20, 3) and diabetes.n_classes is None
    table, none = regression_tables([5, 61])
    assert none is None  # iris is too small
    name, y = table.name, table.y.to_numpy()
    assert name.startswith("arrhythmia: ")
    assert name.split(": ")[1] not in table.X
    assert "class_" in table.X
    assert len(np.unique(y)) >= regression.MIN_VALUES
    assert len(table.X) == len(y) and np.isfinite(y).all()
    tested = np.concatenate([test for _, test in table.splits.values()])
    assert sorted(tested) == list(range(len(y)))


@pytest.mark.slow
def test_the_study_runs_and_resumes(tmp_path, shipped, capsys):
    models = ["alpha 0.4, partners by target", "no bins", "ridge"]
    arguments = ["--out", str(tmp_path), "--first", "1", "--n-jobs", "1", "--models"]
    assert regression.main([*arguments, *models]) == 0
    rows = read_rows(tmp_path, STUDY.schema)
    frame = pd.DataFrame(rows)
    assert set(frame["model"]) == {"alpha 0", *models}
    assert set(frame["table"]) == {"diabetes", "linnerud"}
    assert (frame["n_train"] + frame["n_test"] == frame["n_rows"]).all()
    assert (tmp_path / "environments.jsonl").exists()
    diabetes = frame[frame["table"] == "diabetes"].set_index("model")["error"]
    assert diabetes["alpha 0"] < 0.75
    text = capsys.readouterr().out
    assert "| alpha 0 |" in text and "| 1.000 | 0, 0 | 1 |" in text
    assert (tmp_path / "all.md").read_text() in text

    assert Pretended().main([*arguments, *models]) == 0
    assert "8 of 8 jobs were finished before" in capsys.readouterr().err

    assert regression.main([*arguments, *models, "forest"]) == 0
    more = read_rows(tmp_path, STUDY.schema)
    assert {row["model"] for row in more[len(rows) :]} == {"forest"}
    assert more[: len(rows)] == rows
    assert "| forest |" in (tmp_path / "all.md").read_text()

    (tmp_path / "results.jsonl").unlink()  # the exported rows will do
    pretended = Pretended()
    assert pretended.main([*arguments, *models, "forest"]) == 0
    assert not pretended.ran


def test_what_is_shipped_is_to_choose_by(shipped, capsys):
    options = parse_options(STUDY, ["--half", "meta-train"])
    tables, _ = regression.load(options)
    assert [table.name for table in tables] == ["diabetes", "linnerud"]
    assert {"alpha 0", "no bins"} <= set(options.models)
    assert regression.main(["--half", "meta-test"]) == 1
    assert "There is no table." in capsys.readouterr().err


def interrupt(*_, **__):
    """Be interrupted, in a fit that ends at that as if it were done."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        return []


@pytest.mark.parametrize("name", ["load_all", "load_diabetes", "fit", "report"])
def test_ctrl_c_at_any_time_is_said(tmp_path, monkeypatch, capsys, shipped, name):
    """It ended in a traceback while tables were loaded, and just a fit in a fit."""
    study = Pretended().study
    if name in ("fit", "report"):
        study = replace(study, **{name: interrupt})
    else:
        monkeypatch.setattr(regression, name, interrupt)
    arguments = ["--models", "ridge", "--n-jobs", "1", "--out", str(tmp_path)]
    assert run_study(study, arguments) == 130
    assert f"Interrupted; the same command goes on from {tmp_path}." in (
        capsys.readouterr().err
    )


def test_no_table_is_loaded_to_read_a_command_line(monkeypatch, capsys):
    monkeypatch.setattr(regression, "load_all", interrupt)
    assert parse_options(STUDY, []).models


@pytest.mark.slow
@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    "change",
    [
        *({"error": float("nan")}, {"error": "text"}, {"error": None}, {"fold": 9}),
        *({"model": "gone"}, {"fold": 0.5}, {"n_rows": 1e300}, {"fit_seconds": None}),
        *({"table": "dia\udcffbetes"}, {"attacks": []}, {"n_classes": 2}),
        *({"alpha": 0.1}, None),
    ],
    ids=str,
)
def test_a_damaged_row_is_run_again(tmp_path, shipped, capsys, change, at):
    pretended = Pretended()
    arguments = ["--first", "2", "--models", "ridge", "--out", str(tmp_path)]
    assert pretended.main(arguments) == 0
    path = tmp_path / "results.jsonl"
    lines = path.read_text().splitlines()
    assert len(lines) == 2 * 2 * 2 == len(pretended.ran)
    damaged = json.dumps(json.loads(lines[at]) | (change or {}))
    lines[at] = damaged if change else damaged[:-40]
    path.write_text("\n".join(lines) + "\n")
    pretended.ran.clear()
    capsys.readouterr()
    assert pretended.main(arguments) == 0
    assert f"{path}: line {at + 1} (" in capsys.readouterr().err
    assert len(pretended.ran) == 1
    assert path.read_text().splitlines()[:8] == lines
    assert len(read_rows(tmp_path, STUDY.schema)) == 8


@pytest.mark.parametrize("missing", [{"alpha 0"}, {"ridge"}, {"alpha 0", "ridge"}])
def test_what_fails_is_a_row_and_costs_no_other(tmp_path, shipped, capsys, missing):
    arguments = ["--first", "1", "--models", "ridge", "--out", str(tmp_path)]
    status = Pretended(missing).main(arguments)
    said = capsys.readouterr()
    rows = read_rows(tmp_path, STUDY.schema)
    assert {row["model"] for row in rows if row["status"] == "failed"} == missing
    assert f"Failed: {min(missing)} on diabetes" in said.err
    assert "ValueError: no luck today" in said.err
    if missing == {"ridge"}:
        assert status == 0 and "| ridge |" not in said.out
    else:
        assert status == 1
        assert ("No table has results" in said.err) is (missing == {"alpha 0"})


@pytest.mark.parametrize(("name", "half"), [("all", None), ("meta-train", "train")])
def test_the_rows_that_are_kept_make_the_reports_that_are_kept(name, half):
    rows = read_rows(KEPT / "regression", STUDY.schema)
    frame = label_rows(rows)
    options = parse_options(STUDY, [] if half is None else ["--half", f"meta-{half}"])
    kept = (KEPT / "regression" / f"{name}.md").read_text()
    first = 1 if half is None else 3
    # Which tables were of that half, its own neighbors tell.
    other = options.models[-1]
    tables = frame.loc[(frame["model"] == other) & (frame["fold"] == first - 1)]
    shown = frame[
        frame["model"].isin(options.models)
        & (frame["fold"] < first)
        & frame["table"].isin(tables["table"])
    ]
    text, figures = regression.report(shown)
    assert text == kept and figures == {}


@pytest.mark.slow
def test_regressions_are_no_part_of_a_report_and_not_lost_by_it(tmp_path, capsys):
    rows = read_rows(KEPT / "regression", STUDY.schema)[::50]
    classifiers = read_rows(KEPT / "embedded")[::7]
    Results(tmp_path, STUDY.schema).append([*rows, *classifiers])
    assert report.main([str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "results.jsonl").unlink()
    found = {Job.of(row) for row in read_rows(tmp_path, STUDY.schema)}
    assert found == {Job.of(row) for row in [*rows, *classifiers]}
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "diabetes" not in html
