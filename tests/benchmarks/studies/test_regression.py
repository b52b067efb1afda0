"""The study of regression: its tables, its settings, its rows, its report."""

import json
import os
import re
import signal
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare.summary import label_rows
from benchmarks.data.suites import HALVES
from benchmarks.data.tables import load_all
from benchmarks.models.regressors import REGRESSORS
from benchmarks.report import __main__ as report
from benchmarks.run.fit import Fit
from benchmarks.run.jobs import Job
from benchmarks.run.results import Results, read_rows
from benchmarks.studies import numeric_targets, regression
from benchmarks.studies.regression import ERM, MIXED, NEIGHBORS, STUDY
from benchmarks.studies.study import parse_options, run_study

from ..helpers import KEPT

# Neighbors that the first study did not have.
NEW = ("no tree bins", "tree bins", "constant dropout")
TRIED = ["constant dropout", "no tree bins", "no dropout", "2 x 256"]
PEERS = [name for name in REGRESSORS if name != "realmlp"]
FIRST_NEIGHBORS = [ERM, *(name for name in NEIGHBORS if name not in NEW)]
TRAIN = ["--half", "meta-train"]
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
        return run_study(self.study, [*TRAIN, *arguments, "--n-jobs", "1"])


def regression_tables(keys):
    tables, _ = load_all(keys)
    return [numeric_targets.regression_tables(table) for table in tables]


def test_tables_have_targets_of_numbers(cache, monkeypatch):
    diabetes, linnerud = numeric_targets.shipped()
    assert (diabetes.name, linnerud.name) == ("diabetes", "linnerud")
    assert linnerud.y.shape == (20, 3) and diabetes.n_classes is None
    first, last = regression_tables([5])[0]
    for table in (first, last):
        name, y = table.name, table.y.to_numpy()
        assert name.startswith("arrhythmia: ")
        assert name.split(": ")[1] not in table.X
        assert "class_" in table.X
        assert len(np.unique(y)) >= numeric_targets.MIN_VALUES
        assert len(table.X) == len(y) and np.isfinite(y).all()
        tested = np.concatenate([test for _, test in table.splits.values()])
        assert sorted(tested) == list(range(len(y)))
    assert first.name != last.name
    monkeypatch.setattr(numeric_targets, "MAX_ROWS", 100)
    sampled, again = (regression_tables([5])[0][0] for _ in range(2))
    assert len(sampled.X) == 100 and sampled.X.equals(again.X)
    assert set(sampled.y.iloc[:, 0]) <= set(first.y.iloc[:, 0])
    monkeypatch.setattr(numeric_targets, "MAX_COLUMNS", 60)
    assert regression_tables([5]) == [[]]


@pytest.mark.slow
def test_the_study_runs_and_resumes(tmp_path, shipped, capsys):
    models = ["alpha 0.4, partners by target", "no bins", "ridge"]
    arguments = [*TRAIN, "--out", str(tmp_path), "--first", "1", "--n-jobs", "1"]
    arguments.append("--models")
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
    assert (tmp_path / "meta-train-first-1.md").read_text() in text

    assert Pretended().main([*arguments, *models]) == 0
    assert "8 of 8 jobs were finished before" in capsys.readouterr().err

    assert regression.main([*arguments, *models, "forest"]) == 0
    more = read_rows(tmp_path, STUDY.schema)
    assert {row["model"] for row in more[len(rows) :]} == {"forest"}
    assert more[: len(rows)] == rows
    assert "| forest |" in (tmp_path / "meta-train-first-1.md").read_text()

    (tmp_path / "results.jsonl").unlink()  # the exported rows will do
    pretended = Pretended()
    assert pretended.main([*arguments, *models, "forest"]) == 0
    assert not pretended.ran


def test_what_is_shipped_is_to_choose_by(shipped, capsys):
    options = parse_options(STUDY, ["--half", "meta-train"])
    tables, _ = numeric_targets.load_targets(options)
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
        monkeypatch.setattr(numeric_targets, name, interrupt)
    arguments = [*TRAIN, "--models", "ridge", "--n-jobs", "1", "--out", str(tmp_path)]
    assert run_study(study, arguments) == 130
    assert f"Interrupted; the same command goes on from {tmp_path}." in (
        capsys.readouterr().err
    )


def test_no_table_is_loaded_to_read_a_command_line(monkeypatch, capsys):
    monkeypatch.setattr(numeric_targets, "load_all", interrupt)
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
        assert ("There is no result with" in said.err) is (missing == {"alpha 0"})


SHOWN = [
    ("first-regression", "all", [*MIXED, "ridge", "forest", "hist_gradient_boosting"]),
    ("first-regression", "meta-train", FIRST_NEIGHBORS),
    ("second-regression", "meta-test-first-2", [ERM, *PEERS, "constant dropout"]),
    ("second-regression", "meta-test-first-1", [ERM, *PEERS, "realmlp"]),
    ("second-regression", "meta-train-first-1", [ERM, *TRIED, "alpha 0.1"]),
    ("regression", "meta-test-first-2", [ERM, "no waves", *PEERS]),
    ("regression", "meta-test-first-1", [ERM, *PEERS, "realmlp"]),
    ("regression", "meta-train-first-1", [ERM, "no waves"]),
]


@pytest.mark.parametrize(("folder", "name", "models"), SHOWN)
def test_the_rows_that_are_kept_make_the_reports_that_are_kept(folder, name, models):
    frame = label_rows(read_rows(KEPT / folder, STUDY.schema))
    kept = (KEPT / folder / f"{name}.md").read_text()
    n_folds = int(re.search(r"([0-9]) of 5 folds", kept)[1])
    # Which tables were of that half, the last of its models tells, and peers do.
    last = frame.loc[(frame["model"] == models[-1]) & (frame["fold"] == n_folds - 1)]
    shown = frame[
        frame["model"].isin(models)
        & (frame["fold"] < n_folds)
        & frame["table"].isin(last["table"])
    ]
    if name == "meta-train-first-1":
        has_peers = frame.loc[frame["model"] == "catboost", "table"]
        shown = shown[~shown["table"].isin(has_peers)]
    text, figures = regression.report(shown)
    assert text == kept and figures == {}


@pytest.mark.slow
def test_regressions_are_no_part_of_a_report_and_not_lost_by_it(tmp_path, capsys):
    rows = read_rows(KEPT / "first-regression", STUDY.schema)[::50]
    classifiers = read_rows(KEPT / "embedded")[::7]
    Results(tmp_path, STUDY.schema).append([*rows, *classifiers])
    assert report.main([str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    (tmp_path / "results.jsonl").unlink()
    found = {Job.of(row) for row in read_rows(tmp_path, STUDY.schema)}
    assert found == {Job.of(row) for row in [*rows, *classifiers]}
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "diabetes" not in html
