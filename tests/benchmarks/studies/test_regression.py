"""The study of regression: its tables, its settings, its report."""

import os
import signal
import time

import numpy as np
import pandas as pd
import pytest

from benchmarks.studies import regression


def test_tables_have_targets_of_numbers(cache, monkeypatch):
    monkeypatch.setattr(regression, "MAX_COLUMNS", 300)
    made = {name: (X, y) for name, X, y in regression.tables([5, 61])}
    assert list(made)[:2] == ["diabetes", "linnerud"]
    assert made["linnerud"][1].shape == (20, 3)
    (name,) = set(made) - {"diabetes", "linnerud"}  # iris is too small
    X, y = made[name]
    assert name.startswith("arrhythmia: ")
    assert name.split(": ")[1] not in X
    assert "class_" in X
    assert len(np.unique(y)) >= regression.MIN_VALUES
    assert len(X) == len(y) and np.isfinite(y).all()


def test_the_study_runs_and_resumes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(regression, "HALVES", {"choosing": (), "confirming": ()})
    models = ["alpha 0.4, partners by target", "no bins", "ridge"]
    arguments = ["--out", str(tmp_path), "--first", "1", "--models"]
    assert regression.main([*arguments, *models]) == 0
    frame = pd.read_csv(tmp_path / "regression.csv")
    assert set(frame["model"]) == {"alpha 0", *models}
    assert set(frame["table"]) == {"diabetes", "linnerud"}
    diabetes = frame[frame["table"] == "diabetes"].set_index("model")["error"]
    assert diabetes["alpha 0"] < 0.75
    text = capsys.readouterr().out
    assert "| alpha 0 |" in text and "| 1.000 | 0, 0 | 1 |" in text
    assert (tmp_path / "all.md").read_text() in text

    def refuse(X, y, places):
        raise AssertionError(f"{places} run again")

    ran = regression.run
    monkeypatch.setattr(regression, "run", refuse)
    assert regression.main([*arguments, *models]) == 0

    monkeypatch.setattr(regression, "run", lambda *args: ran(*args))
    assert regression.main([*arguments, *models, "forest"]) == 0
    more = pd.read_csv(tmp_path / "regression.csv")
    assert set(more["model"]) - set(frame["model"]) == {"forest"}
    pd.testing.assert_frame_equal(more[: len(frame)], frame)
    assert "| forest |" in (tmp_path / "all.md").read_text()


def test_what_is_shipped_is_to_choose_by(monkeypatch, capsys):
    monkeypatch.setattr(regression, "HALVES", {"choosing": (), "confirming": ()})
    assert not list(regression.tables([], shipped=False))
    options = regression._parse(["--half", "choosing"])
    found = regression._tables_of(options.half)
    assert [name for name, *_ in found] == ["diabetes", "linnerud"]
    assert {"alpha 0", "no bins"} <= set(options.models)
    assert regression.main(["--half", "confirming"]) == 1
    assert "There is no table." in capsys.readouterr().err


def interrupt(*_, **__):
    """Be interrupted, in a fit that ends at that as if it were done."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(10)
    except KeyboardInterrupt:
        return []


@pytest.mark.parametrize("name", ["load_all", "load_diabetes", "run", "report"])
def test_ctrl_c_at_any_time_is_said(tmp_path, monkeypatch, capsys, name):
    """It ended in a traceback while tables were loaded, and just a fit in a fit."""
    monkeypatch.setattr(regression, name, interrupt)
    if name == "report":
        row = {"error": 0.5, "seconds": 1.0}
        monkeypatch.setattr(
            regression,
            "run",
            lambda X, y, places: [{"model": m, "fold": f} | row for m, f in places],
        )
    monkeypatch.setattr(regression, "HALVES", {"choosing": (), "confirming": ()})
    assert regression.main(["--models", "ridge", "--out", str(tmp_path)]) == 130
    assert f"Interrupted; the same command goes on from {tmp_path}." in (
        capsys.readouterr().err
    )


def test_no_table_is_loaded_to_read_a_command_line(monkeypatch, capsys):
    monkeypatch.setattr(regression, "load_all", interrupt)
    assert regression._parse([]).models
