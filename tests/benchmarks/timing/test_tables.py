"""Default fits on tables, timed and scored."""

import numpy as np
import pandas as pd

from benchmarks.timing import tables
from benchmarks.timing.measurements import MEASURES
from skmixup import MixupClassifier


def test_what_is_measured_of_members_of_two_kinds_can_be_written_down(monkeypatch):
    """From 1,600 rows on every other member sees bins by trees, and has more inputs."""
    quick = MixupClassifier(n_estimators=4, max_epochs=2, random_state=0)
    monkeypatch.setattr(tables, "_make", lambda name: quick)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(1800, 3)))
    y = (X[0] > rng.normal(size=1800)).astype(int).to_numpy()
    fold = tables.Fold("many", X[:1700], y[:1700], X[1700:], y[1700:], np.unique(y))
    measures = tables.fit_and_score("mixup", fold)
    assert measures["n_inputs"] == max(quick.net_.module__n_features)
    known = {name: value for name, value in measures.items() if name in MEASURES}
    assert "n_inputs" in known
    assert all(MEASURES[name].accepts(value) for name, value in known.items())
