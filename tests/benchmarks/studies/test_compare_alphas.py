"""α's are compared with ERM fold by fold."""

import numpy as np
import pandas as pd
import pytest

from benchmarks.studies.compare_alphas import against_erm, sentence


def rows_with(errors):
    """Rows of four folds: an error for each α and fold."""
    return pd.DataFrame(
        [
            {"alpha": alpha, "repeat": fold // 2, "fold": fold % 2, "folds": 2}
            | {"error": error, "log_loss": 1 - error, "n_train": 50, "n_test": 50}
            for alpha, some in errors.items()
            for fold, error in enumerate(some)
        ]
    )


def test_the_sentence_says_which_way_it_went():
    base = np.array([0.30, 0.31, 0.29, 0.30])
    wobble = np.array([0.0, 1e-3, 0.0, -1e-3])
    rows = rows_with(
        {0.0: base, 0.1: base, 0.4: base - 0.1 + wobble, 1.0: base + wobble}
    )
    assert sentence(rows, "dots") == (
        "On dots, mixup's error is lower at α = 0.4 (p < 0.05) and level at α = 0.1 "
        "and 1 (p ≥ 0.05), and its log-loss is level at α = 0.1 and 1 (p ≥ 0.05) and "
        "higher at α = 0.4 (p < 0.05), each against plain training on the same 4 folds "
        "and seeds."
    )


def test_differences_pair_by_fold_in_any_order():
    base = np.array([0.1, 0.2, 0.3, 0.4])
    rows = rows_with({0.0: base, 1.0: base + 0.01}).sample(frac=1, random_state=0)
    ((difference, p),) = against_erm(rows, "error").values()
    assert difference.mean == pytest.approx(0.01)
    assert p == pytest.approx(0)
