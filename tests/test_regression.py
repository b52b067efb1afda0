"""The study of regression: its tables, its settings, its report."""

import numpy as np
import pandas as pd

from benchmarks import regression


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
    keep = ("alpha 0", "alpha 0.4, partners by target")
    settings = {k: v for k, v in regression.SETTINGS.items() if k in keep}
    monkeypatch.setattr(regression, "SETTINGS", settings)
    monkeypatch.setattr(regression, "HALVES", {})
    arguments = ["--out", str(tmp_path), "--first", "1"]
    assert regression.main(arguments) == 0
    frame = pd.read_csv(tmp_path / "regression.csv")
    assert set(frame["model"]) == {*keep, *regression.PEERS}
    assert set(frame["table"]) == {"diabetes", "linnerud"}
    diabetes = frame[frame["table"] == "diabetes"].set_index("model")["error"]
    assert diabetes["alpha 0"] < 0.75
    text = capsys.readouterr().out
    assert "| alpha 0 |" in text and "| 1.000 | 0, 0 | 1 |" in text

    def refuse(*_):
        raise AssertionError("run again")

    monkeypatch.setattr(regression, "run", refuse)
    assert regression.main(arguments) == 0
    assert (tmp_path / "regression.md").read_text() in text
