"""The study of ensembles at equal time: its tables, its jobs, its report."""

import re

import pytest

from benchmarks.compare.summary import label_rows
from benchmarks.data import suites
from benchmarks.run.results import read_rows
from benchmarks.studies import ensembles
from benchmarks.studies.ensembles import DEFAULT, MODELS, OPEN, STUDY

from ...conftest import SHARED
from ..helpers import KEPT


def test_tables_are_of_all_bands_and_of_meta_test():
    assert len(ensembles.TABLES) == 12
    assert set(ensembles.TABLES) <= set(suites.HALVES["meta-test"])


@pytest.mark.slow
def test_the_rows_that_are_kept_make_the_report_that_is_kept():
    rows = read_rows(KEPT / "ensembles", STUDY.schema)
    text, figures = ensembles.report(label_rows(rows))
    assert text == (KEPT / "ensembles" / "ensembles.md").read_text()
    assert set(figures) == {"ensembles"}
    # A model that lacks a table is left out, and no table is.
    first = rows[0]["table"]
    lacking = [
        row for row in rows if (row["table"], row["model"]) != (first, "tuned_lightgbm")
    ]
    text, _ = ensembles.report(label_rows(lacking))
    assert text.startswith("12 tables") and "tuned_lightgbm" not in text
    assert "tuned_catboost" in text


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared OpenML cache")
def test_the_study_runs(tmp_path, monkeypatch, cache, capsys):
    monkeypatch.setattr(ensembles, "TABLES", (61,))
    monkeypatch.setattr(ensembles, "MAX_ROWS", 100)
    monkeypatch.setitem(ensembles.SECONDS, "30 s", 2)
    for name in set(MODELS) - {DEFAULT, "ensemble"}:  # as where they can't be had
        gone = ensembles.replace(MODELS[name], packages=("gone",))
        monkeypatch.setitem(MODELS, name, gone)
    arguments = ["--seconds", "2", "--n-jobs", "1", "--out", str(tmp_path)]
    assert ensembles.main(arguments) == 0
    rows = read_rows(tmp_path, STUDY.schema)
    assert {(row["model"], row["protocol"]) for row in rows} == {
        (DEFAULT, OPEN),
        ("ensemble", "30 s"),
    }
    assert all(row["n_rows"] == 100 and row["status"] == "ok" for row in rows)
    trained = {row["model"]: row.get("n_settings") for row in rows}
    assert 1 <= trained["ensemble"] <= 24 and trained[DEFAULT] is None
    text = capsys.readouterr().out
    assert re.search(r"ensemble [0-9]+ \([01]\)\.", text)
    assert (tmp_path / "ensembles.png").exists()
