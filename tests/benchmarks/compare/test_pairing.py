"""Which results are compared, and what is said of it."""

import pandas as pd
import pytest

from benchmarks.compare.pairing import NothingToCompare, against, complete_folds


def test_a_comparison_says_which_way_it_went():
    errors = pd.DataFrame({"ERM": [10.0, 20.0], "mixup α=1": [8.0, 21.0]})
    assert against(errors, "mixup α=1", ["ERM"]) == (
        "mixup α=1 (14.5 %) is below ERM (15.0 %; lower on 1 of 2 tables)"
    )
    assert "ERM (15.0 %) is not below mixup" in against(errors, "ERM", ["mixup α=1"])


def test_only_complete_folds_are_compared():
    frame = pd.DataFrame(
        {
            "table": list("aaab"),
            "repeat": 0,
            "fold": [0, 0, 1, 0],
            "label": list("xyxx"),
        }
    )
    kept = complete_folds(frame, ["label"])
    assert kept[["table", "fold", "label"]].to_numpy().tolist() == [
        ["a", 0, "x"],
        ["a", 0, "y"],
    ]
    with pytest.raises(NothingToCompare, match="No fold has results of all"):
        complete_folds(frame[1:], ["label"])
