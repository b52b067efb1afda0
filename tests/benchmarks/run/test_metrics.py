"""How a fold is scored."""

import numpy as np
from numpy.testing import assert_allclose
from sklearn.metrics import brier_score_loss

from benchmarks.run.metrics import calibration_error, evaluate, majority_error


def test_two_classes_and_many_have_one_scale_of_brier():
    y, p = np.array(["no", "yes", "yes"]), np.array([0.25, 0.5, 1.0])
    scores = evaluate(y, np.column_stack([1 - p, p]), np.array(["no", "yes"]))
    assert_allclose(scores["brier"], brier_score_loss(y, p, pos_label="yes"))


def test_calibration_error_by_hand():
    assert calibration_error(np.full(4, 0.75), np.array([1, 1, 1, 0])) == 0
    confidence, correct = np.repeat([0.5, 1.0], 10), np.repeat([True, False], 10)
    assert_allclose(calibration_error(confidence, correct), 0.75)


def test_majority_is_the_training_folds():
    assert majority_error(np.array([0, 0, 1]), np.array([0, 1, 1, 1])) == 0.75
