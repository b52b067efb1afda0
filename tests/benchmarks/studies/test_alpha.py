"""The trade-off by width."""

import numpy as np
import pandas as pd

from benchmarks.studies import alpha
from benchmarks.studies import alpha as widths


def test_the_widest_network_may_suffer_more():
    at = pd.MultiIndex.from_product([[8, 32], [0.0, 1.0]], names=["width", "alpha"])
    means = pd.DataFrame({"train_error": 0.0, "gap": 0.0}, index=at)
    means["error"] = [0.10, 0.12, 0.10, 0.11]
    assert widths.sentence(means).endswith("suffers less from the largest α.")
    means["error"] = [0.10, 0.11, 0.10, 0.12]
    assert widths.sentence(means).endswith("suffers no less from the largest α.")


def test_the_gap_is_the_test_error_minus_the_training_error():
    rows = [
        {"protocol": f"2 x {width}, to the end", "alpha": a, "table": table}
        | {"repeat": 0, "fold": 0, "train_error": train, "error": error}
        | {"log_loss": 0.5}
        for width, a, train, error in (
            *((8, 0.0, 0.1, 0.3), (8, np.inf, 0.2, 0.35)),
            *((32, 0.0, 0.0, 0.3), (32, np.inf, 0.1, 0.25)),
        )
        for table in "ab"
    ]
    text, _ = alpha.report(pd.DataFrame(rows))
    assert "| 2 x 8, 0 | 10.0 | 30.0 | 20.0 | 0.500 |" in text
    assert "2 x 32: training error +10.0 points, test error -5.0, gap -15.0" in text
    assert text.endswith("The widest network suffers less from the largest α.\n")
