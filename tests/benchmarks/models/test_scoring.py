"""Probabilities over all classes."""

import numpy as np
from numpy.testing import assert_allclose

from benchmarks.models.scoring import over_all_classes
from benchmarks.run.metrics import evaluate


def test_class_absent_from_training_gets_almost_nothing():
    classes = np.array(["a", "b", "c"])
    proba = over_all_classes(np.array([[0.25, 0.75]]), classes[[0, 2]], classes)
    assert_allclose(proba, [[0.25, 1e-7, 0.75]], rtol=1e-6)
    scores = evaluate(np.array(["b"]), proba, classes)
    assert_allclose(scores["log_loss"], -np.log(1e-7), rtol=1e-6)
    assert scores["error"] == 1
