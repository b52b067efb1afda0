"""The sentences that a report starts with."""

import pytest

from benchmarks.compare.findings import find
from benchmarks.compare.summary import label_rows


def rows_of(scores, n_tables=1):
    """Rows of four folds: {(model, alpha): (error, log-loss)}."""
    return label_rows(
        [
            {
                **{"table": f"t{number}", "table_id": None, "model": model},
                **{"alpha": alpha, "error": error, "log_loss": log_loss},
                **{"folds": 4, "repeat": 0, "fold": fold, "status": "ok"},
            }
            for number in range(n_tables)
            for (model, alpha), (error, log_loss) in scores.items()
            for fold in range(4)
        ]
    )


def test_the_best_of_a_table_are_named():
    scores = {("mlp", None): (0.1, 0.3), ("forest", None): (0.2, 0.2)}
    assert find(rows_of(scores)) == [
        "forest has the lowest log-loss, mlp the lowest error."
    ]
    scores |= {("logistic", None): (0.1, 0.2)}
    (said,) = find(rows_of(scores))
    assert said.startswith("forest and logistic have the lowest log-loss, mlp and log")


def test_mixup_is_told_against_plain_training():
    scores = {("mixup", 0.0): (0.2, 0.5), ("mixup", 0.1): (0.2, 0.4)}
    scores |= {("mixup", 1.0): (0.1, 0.3)}
    best, against, rest = find(rows_of(scores, n_tables=2))
    assert best == (
        "Over 2 tables, mixup α=1 ranks best in log-loss (mean rank 1.00 of 3), and in "
        "error (1.00)."
    )
    assert against == (  # the default's α, although another one is better
        "Against plain training, mixup α=0.1 has the lower log-loss on 2 of 2 tables "
        "(clearly lower on 2), and the lower error on 0 of 2 tables (level on 2)."
    )
    assert rest == "2 tables are too few for a test over tables, which takes 6."


def test_an_alpha_that_was_chosen_is_told_to_be():
    scores = {("mixup", a): (0.1, 0.5 - a / 10) for a in (0.0, 0.2, 1.0)}
    assert "mixup α=1, the best α of these here, has" in find(rows_of(scores))[1]


def test_six_tables_are_tested():
    scores = {("mixup", 0.0): (0.2, 0.5), ("mixup", 0.1): (0.2, 0.4)}
    (_, against) = find(rows_of(scores, n_tables=6))
    assert "p = 0.031 over tables" in against


@pytest.mark.parametrize("models", [[], ["mlp"]])
def test_nothing_is_said_where_nothing_is_compared(models):
    scores = dict.fromkeys([(model, None) for model in models], (0.1, 0.2))
    frame = rows_of(scores) if scores else rows_of({("mlp", None): (0, 0)})[:0]
    assert find(frame) == []
