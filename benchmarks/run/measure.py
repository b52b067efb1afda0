"""How a fitted model is scored."""

import time

import numpy as np

from ..models.scoring import over_all_classes
from .folds import labels_of, rows_of
from .metrics import evaluate, majority_error, reliability

_SCORES = ("error", "log_loss", "brier", "ece")
MEASURES = (
    *_SCORES,
    *("train_error", "train_log_loss", "majority_error", "reliability"),
    *("fit_seconds", "predict_seconds", "chosen_alpha"),
)


def measure(table, fit):
    """Score a fitted model on the rows of its test fold, and of its training fold.

    Parameters
    ----------
    table : Table
    fit : Fit
        One that went well.

    Returns
    -------
    measures : dict
        `MEASURES`, those of `fit`, and where labels were made wrong, `wrong_error`: the
        share of the wrongly labeled training rows whose wrong label is not predicted.
    predictions : dict of str -> array, or None
        Of each test row its number in the table, its class and the probabilities.
    """
    if fit.model is None:
        return dict.fromkeys(MEASURES) | fit.measures, None
    y, (train, test) = np.asarray(table.y), rows_of(table, fit.job)
    given = labels_of(table, fit.job)[train]
    classes, known = np.unique(y), fit.model.classes_
    start = time.perf_counter()
    proba = fit.model.predict_proba(table.X.iloc[test])
    seconds = time.perf_counter() - start
    proba = over_all_classes(proba, known, classes)
    fitted = over_all_classes(
        fit.model.predict_proba(table.X.iloc[train]), known, classes
    )
    clean = evaluate(given, fitted, classes)
    measures = {
        "n_train": len(train),
        "n_test": len(test),
        **evaluate(y[test], proba, classes),
        "train_error": clean["error"],
        "train_log_loss": clean["log_loss"],
        "majority_error": majority_error(y[train], y[test]),
        "reliability": reliability(y[test], proba, classes),
        "fit_seconds": fit.seconds,
        "predict_seconds": seconds,
        "chosen_alpha": None,
    }
    wrong = given != y[train]
    if wrong.any():
        named = classes[fitted[wrong].argmax(1)]
        measures["wrong_error"] = float((named != given[wrong]).mean())
    columns = {f"p_{name}": proba[:, i] for i, name in enumerate(classes)}
    return measures | fit.measures, {"row": test, "y": y[test]} | columns
