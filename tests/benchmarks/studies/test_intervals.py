"""The study of intervals, and the one of halving: their rows and what they say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare.summary import label_rows
from benchmarks.data.suites import HALVES
from benchmarks.run.fit import Fit
from benchmarks.run.jobs import make_jobs
from benchmarks.run.results import read_rows
from benchmarks.studies import halving, intervals, numeric_targets
from benchmarks.studies.study import run_study

from ..helpers import KEPT


@pytest.fixture
def diabetes(monkeypatch):
    for half in HALVES:
        monkeypatch.setitem(HALVES, half, ())
    return numeric_targets.shipped()[0]


class Wide:
    """Intervals that hold all targets but one, at one level."""

    def __init__(self, y):
        self.y = y

    def predict_interval(self, X, level):
        low = np.full(len(X), self.y.min())
        low[np.argmin(self.y)] += 10
        return np.stack([low, np.full(len(X), self.y.max())], axis=1)


def test_coverage_width_and_score_are_what_they_are_called(diabetes):
    how = {"protocol": intervals.PROTOCOL, "folds": 5, "registry": intervals.MODELS}
    job = make_jobs(diabetes, ["default"], [], **how)[0]
    y = numeric_targets.target_of(diabetes)[diabetes.splits[0, 0][1]]
    measures, _ = intervals.measure(diabetes, Fit(job, Wide(y), 1.0))
    assert measures["coverage_90"] == measures["coverage_80"] == 1 - 1 / len(y)
    width = (np.ptp(y) * len(y) - 10) / len(y)
    assert measures["width"] == pytest.approx(width / y.std())
    # A miss by 10 costs 2 / 0.1 times as much.
    score = (width + 10 * 20 / len(y)) / y.std()
    assert measures["interval_score"] == pytest.approx(score)


@pytest.mark.slow
def test_the_study_runs(tmp_path, diabetes, capsys):
    arguments = ["--half", "meta-train", "--n-jobs", "1", "--out", str(tmp_path)]
    assert intervals.main(arguments) == 0
    frame = pd.DataFrame(read_rows(tmp_path, intervals.STUDY.schema))
    assert set(frame["model"]) == set(intervals.MODELS)
    assert set(frame["table"]) == {"diabetes"}  # of linnerud, several are to be told
    ours = frame[frame["model"] != intervals.PEER]
    assert ours["coverage_90"].between(0.75, 1).all()
    assert (ours["coverage_80"] <= ours["coverage_90"]).all()
    assert "| default |" in capsys.readouterr().out


def test_a_search_and_its_half_are_compared(tmp_path, capsys):
    ran = []

    def fit(table, jobs):
        for job in jobs:
            ran.append(job)
            yield Fit(job)

    seconds = {halving.FULL: 9.0, halving.DEFAULT: 1.0}

    def measure(table, fit):
        scores = dict.fromkeys(("error", "log_loss", "majority_error", "ece"), 0.5)
        return scores | {"fit_seconds": seconds.get(fit.job.model, 3.0)}, None

    study = replace(halving.STUDY, fit=fit, measure=measure)
    assert run_study(study, ["--n-jobs", "1", "--out", str(tmp_path)]) == 0
    assert {job.table for job in ran} == {"iris", "wine", "breast cancer"}
    text = capsys.readouterr().out
    assert "| factor=3 | 1.000 | 0, 0 |" in text
    assert "| 0.33 | 9 |" in text
    ran.clear()
    assert run_study(study, ["--n-jobs", "1", "--max-rows", "200"]) == 0
    assert {job.table for job in ran} == {"iris", "wine"}


def test_settings_of_the_search_are_of_the_estimator():
    search = halving.MODELS["factor=3"].make(seed=3)
    assert search.factor == 3 and search.estimator.random_state == 3
    search.estimator.set_params(**{k: v[0] for k, v in search.param_grid.items()})


@pytest.mark.parametrize("module", [intervals, halving], ids=lambda m: m.STUDY.name)
def test_kept_reports_follow_from_their_rows(module):
    folder = KEPT / module.STUDY.name
    rows = read_rows(folder, module.STUDY.schema)
    text, _ = module.report(label_rows([r for r in rows if r["status"] == "ok"]))
    assert text == (folder / f"{module.STUDY.name}.md").read_text(encoding="utf-8")
