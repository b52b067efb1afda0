"""Cross-validation: one job is one (table, model, fold), one row of results."""

import time
import warnings

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold
from tqdm import tqdm


def make_folds(table, n_folds, seed):
    """Return the (train, test) row numbers of a table, stratified where that can be."""
    largest = table.y.value_counts().max()
    kind = StratifiedKFold if largest >= n_folds else KFold
    with warnings.catch_warnings():  # rare classes: reported with the table
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        folds = kind(n_folds, shuffle=True, random_state=seed)
        return list(folds.split(table.X, table.y))


def class_probabilities(model, X, classes):
    """Return probabilities for all classes, those that training lacked included."""
    proba = np.full((len(X), len(classes)), 1e-7)
    proba[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(X)
    proba = np.clip(proba, 1e-7, 1)
    return proba / proba.sum(axis=1, keepdims=True)


def run_job(table, name, model, fold, train, test):
    """Fit a model on one fold and return a row of results.

    A fit that fails is a row too: its status is "failed", with the message.
    """
    torch.set_num_threads(1)
    row = {"table": table.name, "model": name, "fold": fold, "status": "ok"}
    classes = np.unique(table.y)
    y_test = table.y.iloc[test].to_numpy()
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            # MLPClassifier's defaults rarely converge; they are what a user gets.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = clone(model).fit(table.X.iloc[train], table.y.iloc[train])
        seconds = time.perf_counter() - start
        proba = class_probabilities(fitted, table.X.iloc[test], classes)
    except Exception as error:
        return row | {"status": "failed", "message": f"{type(error).__name__}: {error}"}
    majority = table.y.iloc[train].mode()[0]
    return row | {
        "error": float((classes[proba.argmax(1)] != y_test).mean()),
        "log_loss": float(log_loss(y_test, proba, labels=classes)),
        "majority_error": float((y_test != majority).mean()),
        "fit_seconds": seconds,
    }


def run_all(tables, models, n_folds, seed, n_jobs):
    """Run every model on every fold of every table; the folds are the same for all.

    Returns
    -------
    rows : list of dict
    """
    jobs = [
        delayed(run_job)(table, name, model, fold, train, test)
        for table in tables
        for fold, (train, test) in enumerate(make_folds(table, n_folds, seed))
        for name, model in models.items()
    ]
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    return list(tqdm(parallel(jobs), total=len(jobs), unit="fit"))
