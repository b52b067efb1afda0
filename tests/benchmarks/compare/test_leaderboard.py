"""Ranks over tables."""

import pandas as pd
import pytest
from scipy import stats

from benchmarks.compare.leaderboard import layout, leaderboard
from benchmarks.compare.summary import label_rows
from benchmarks.studies.defaults import __main__ as defaults
from tests.benchmarks.helpers import GOOD


def test_a_leaderboard_of_fits_that_took_no_time():
    rows = [row | {"fit_seconds": 0.0, "protocol": "default"} for row in GOOD]
    assert "| 0 |" in defaults.report(label_rows(rows))[0]


def folds(scores, n_folds=2):
    """Rows of fits: {(table, model): (error, log-loss)}, the same on each fold."""
    return pd.DataFrame(
        [
            {"title": table, "label": model, "fold": fold, "error": error}
            | {"log_loss": loss, "ece": 0.1, "fit_seconds": 10.0}
            for (table, model), (error, loss) in scores.items()
            for fold in range(n_folds)
        ]
    )


def test_ranks_by_hand():
    scores = {
        **{("t", "a"): (0.1, 0.5), ("t", "b"): (0.2, 0.4), ("t", "c"): (0.2, 0.9)},
        **{("u", "a"): (0.0, 0.1), ("u", "b"): (0.0, 0.2), ("u", "c"): (0.3, 0.3)},
        ("v", "a"): (0.9, 9.0),  # of one model only: no part of it
    }
    board, tables = leaderboard(folds(scores))
    assert tables == ["t", "u"]
    board = board.set_index("label")
    assert list(board.index) == ["a", "b", "c"]
    assert board["log_loss_rank"].tolist() == [1.5, 1.5, 3.0]
    assert board["error_rank"].tolist() == [1.25, 2.0, 2.75]
    assert board["log_loss"].tolist() == pytest.approx([0.3, 0.3, 0.6])
    geometric = stats.gmean([0.11, 0.01]) - 0.01
    assert board.loc["a", "error"] == pytest.approx(geometric)
    assert board["fit_seconds"].tolist() == pytest.approx([10.0] * 3)
    assert board.loc["a", ["log_loss_rank_low", "log_loss_rank_high"]].tolist() == [
        1,
        2,
    ]
    text = layout(board.reset_index())
    assert "| a | 1.50 [1.00, 2.00] | 1.25 [1.00, 1.50] | 0.300 [0.100, 0.500]" in text
