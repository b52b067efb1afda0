"""What the studies say of results that are made up, so that the truth is known."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from benchmarks.compare.pairing import NothingToCompare, complete_folds
from benchmarks.compare.summary import ERM
from benchmarks.studies import alpha
from benchmarks.studies.adversarial import __main__ as adversarial
from benchmarks.studies.label_noise import __main__ as label_noise


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


def noisy_rows():
    """Rows of two tables: error is noise times a number, plus 0 or 0.2."""
    ways = {
        "ERM": ("mixup", 0.0, "watched"),
        "dropout": ("mixup", 0.0, "watched, dropout"),
        "mixup α=8": ("mixup", 8.0, "watched"),
        "random forest": ("forest", None, None),
    }
    errors = {
        "ERM": (0.4, 0.2, 0.1),
        "dropout": (0.2, 0.15, 0.5),
        "mixup α=8": (0.3, 0.25, 0.6),
        "random forest": (0.3, None, 0.2),
    }
    rows = []
    for name, (model, a, protocol) in ways.items():
        last, best, wrong = errors[name]
        for table, extra in (("a", 0.0), ("b", 0.2)):
            for noise in (0.2, 0.5):
                row = {"model": model, "alpha": a, "protocol": protocol}
                row |= {"table": table, "repeat": 0, "fold": 0, "noise": noise}
                row |= {"error": noise * last + extra, "wrong_error": wrong}
                row |= {"best_error": best and noise * best + extra}
                row |= {"curve": [[1, 0.5], [2, last]] if best else None}
                rows.append(row)
    return pd.DataFrame(rows)


def test_wrong_labels():
    text, figures = label_noise.report(noisy_rows())
    assert list(figures) == ["label_noise"]
    assert "| ERM | 18.0 | 14.0 | 10.0 | 30.0 | 20.0 | 10.0 |" in text
    assert "| dropout | 14.0 | 13.0 | 50.0 | 20.0 | 17.5 | 50.0 |" in text
    assert "| random forest | 16.0 |  | 20.0 | 25.0 |  | 20.0 |" in text
    assert text.endswith(
        "At 50 % replaced labels, at the last epoch: mixup α=8 (25.0 %) is below ERM "
        "(30.0 %; lower on 2 of 2 tables) and not below dropout (20.0 %; lower on 0 of "
        "2 tables).\n"
    )


def test_one_noise_and_no_wrong_label():
    rows = noisy_rows().query("noise == 0.2").drop(columns="wrong_error")
    text, figures = label_noise.report(rows)
    assert "not memorized" not in text
    assert "At 20 % replaced labels" in text
    last, _, epochs = figures["label_noise"].axes
    assert all(line.get_marker() == "." for line in last.lines)
    assert epochs.get_title() == "20 % replaced"
    assert len(epochs.lines) == 3


def attacks(table, label):
    """Errors of all attacks; of table b, nothing lies off the span."""
    error = {ERM: 0.5, "mixup α=1": 0.3}[label] + (0.2 if table == "a" else 0)
    kinds = [("white", "FGSM"), ("white", "I-FGSM"), ("black", "FGSM")]
    kinds += [("black", "I-FGSM"), ("white", "in the span")]
    kinds += [("white", "off the span")] * (table == "a")
    return [
        [box, name, e, (1 - error if name == "off the span" else error) * e / 0.25]
        for box, name in kinds
        for e in (0.05, 0.25)
    ]


def test_attacks():
    rows = [
        {"label": label, "table": table, "repeat": 0, "fold": 0, "error": 0.1}
        | {"attacks": attacks(table, label), "line": [[0, 0.1, 1.0], [1, 0.2, 2.0]]}
        for label in (ERM, "mixup α=1")
        for table in "ab"
    ]
    text, _ = adversarial.report(pd.DataFrame(rows))
    assert "mean over 2 tables" in text
    assert "over the 1 tables where there are both" in text
    assert "| white, FGSM, 0.25 | 60.0 | 40.0 |" in text
    assert "| white, in the span, 0.25 | 70.0 | 50.0 |" in text
    assert "| white, off the span, 0.25 | 30.0 | 50.0 |" in text
    assert (
        "At ε = 0.25, FGSM, black box: mixup α=1 (40.0 %) is below ERM (α=0) (60.0 "
        "%; lower on 2 of 2 tables)."
    ) in text
    assert "off the span, white box: mixup α=1 (50.0 %) is not below ERM" in text


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


def test_a_reader_that_goes_away_costs_nothing():
    code = (
        "from benchmarks.run.cli import run_to_the_end\n"
        "raise SystemExit(run_to_the_end(lambda: print('α' * 10**6), None))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    ) as python:
        python.stdout.close()
        assert python.stderr.read() == b""
    assert python.returncode == 1


def test_curves_of_several_lengths_are_averaged_epoch_by_epoch():
    """As of a run with other epochs in the same folder; it ended the report."""
    rows = noisy_rows()
    longer = [[1, 0.3], [2, 0.2], [3, 0.1]]
    at = rows.index[(rows["table"] == "b") & (rows["model"] == "mixup")]
    rows["curve"] = [longer if i in at else curve for i, curve in rows["curve"].items()]
    _, figures = label_noise.report(rows)
    epochs = figures["label_noise"].axes[2]
    assert list(epochs.lines[0].get_xdata()) == [1, 2, 3]
    np.testing.assert_allclose(epochs.lines[0].get_ydata()[0], 100 * (0.5 + 0.3) / 2)
