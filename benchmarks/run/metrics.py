"""How a fold is scored."""

import numpy as np
from sklearn.metrics import brier_score_loss, log_loss, zero_one_loss

N_BINS = 15
N_RELIABILITY_BINS = 10


def evaluate(y, proba, classes):
    """Score predicted probabilities.

    Parameters
    ----------
    y : array of shape (n_rows,)
        True classes.
    proba : array of shape (n_rows, n_classes)
        Probabilities, as :func:`over_all_classes` gives them.
    classes : array of shape (n_classes,)
        The table's classes, sorted.

    Returns
    -------
    scores : dict
        `error`, `log_loss`, `brier` (from 0 to 1, however many the classes) and `ece`.
    """
    correct = classes[proba.argmax(axis=1)] == y
    return {
        "error": float(1 - correct.mean()),
        "log_loss": float(log_loss(y, proba, labels=classes)),
        "brier": float(brier_score_loss(y, proba, labels=classes, scale_by_half=True)),
        "ece": calibration_error(proba.max(axis=1), correct),
    }


def calibration_error(confidence, correct, n_bins=N_BINS):
    """Compute the expected calibration error over bins of equal mass.

    Of small folds it is mostly noise, and biased upward: compare models on the same
    folds only.

    Parameters
    ----------
    confidence : array of shape (n_rows,)
        Probability of the predicted class.
    correct : array of bool of shape (n_rows,)
        Whether the predicted class is the true one.
    n_bins : int, default=15
        Number of bins. Rows of equal confidence share a bin.

    Returns
    -------
    ece : float
        Mean over rows of |accuracy - mean confidence| of the row's bin.
    """
    edges = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))
    bins = np.searchsorted(edges[1:-1], confidence, side="right")
    gaps = np.bincount(bins, weights=confidence - correct, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(y, proba, classes, n_bins=N_RELIABILITY_BINS):
    """Count rows by the probability of their predicted class.

    Parameters
    ----------
    y : array of shape (n_rows,)
        True classes.
    proba : array of shape (n_rows, n_classes)
        Probabilities.
    classes : array of shape (n_classes,)
        The table's classes, sorted.
    n_bins : int, default=10
        Number of bins of equal width, from 0 to 1.

    Returns
    -------
    bins : list of [int, float, int, int]
        Of each bin that holds a row: its number, the sum of the probabilities, the
        number of rows and how many of them are right. Sums over folds are what makes a
        reliability diagram.
    """
    confidence, correct = proba.max(axis=1), classes[proba.argmax(axis=1)] == y
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    n_rows = np.bincount(bins, minlength=n_bins)
    sums = np.bincount(bins, weights=confidence, minlength=n_bins)
    n_correct = np.bincount(bins, weights=correct, minlength=n_bins)
    return [
        [int(i), round(float(sums[i]), 6), int(n_rows[i]), int(n_correct[i])]
        for i in np.flatnonzero(n_rows)
    ]


def majority_error(y_train, y_test):
    """Test error of guessing the most frequent class of the training fold.

    Parameters
    ----------
    y_train, y_test : arrays
        Classes.

    Returns
    -------
    error : float
    """
    classes, counts = np.unique(y_train, return_counts=True)
    guess = np.full_like(y_test, classes[counts.argmax()])
    return float(zero_one_loss(y_test, guess))
