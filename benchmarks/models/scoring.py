"""Probabilities over all of a table's classes, and how a search scores them."""

import numpy as np
from sklearn.metrics import log_loss

SMALLEST = 1e-7


def over_all_classes(proba, known, classes):
    """Spread probabilities over all of a table's classes.

    Parameters
    ----------
    proba : array of shape (n_rows, n_known)
        Probabilities of the classes of the training fold.
    known : array of shape (n_known,)
        Those classes.
    classes : array of shape (n_classes,)
        The table's classes, sorted.

    Returns
    -------
    proba : ndarray of shape (n_rows, n_classes)
        Never below about 1e-7, so that a class absent from the training fold costs
        much, but not all. Each row's sum is 1.
    """
    spread = np.zeros((len(proba), len(classes)))
    spread[:, np.searchsorted(classes, known)] = proba
    spread = spread.clip(SMALLEST, 1.0)
    return spread / spread.sum(axis=1, keepdims=True)


def score_by_log_loss(estimator, X, y):
    """Score a fitted classifier for a search by minus its log-loss.

    Unlike scikit-learn's "neg_log_loss", which is NaN for a fold whose training part
    lacks a class, it counts such a class as a small probability.

    Parameters
    ----------
    estimator : classifier
    X : DataFrame or array
    y : array of shape (n_rows,)

    Returns
    -------
    score : float
    """
    classes = np.union1d(estimator.classes_, y)
    proba = over_all_classes(estimator.predict_proba(X), estimator.classes_, classes)
    return -log_loss(y, proba, labels=classes)
