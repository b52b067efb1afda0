"""What columns cost that are no numbers: of many levels, of ids, of free text."""

import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.metrics import log_loss
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmixup import MixupClassifier

from .contest import Contest, cpu_seconds, make_rows, using_threads, warm_up

_WORDS = ("the", "a", "red", "small", "old", "new", "box", "of", "tea", "nails", "for")


def rows_with_levels(n_rows, n_levels):
    """Return a table of ten numbers and three categories of many levels.

    The class depends on the first number, and on a number that each level of the first
    category stands for.

    Parameters
    ----------
    n_rows, n_levels : int

    Returns
    -------
    X : DataFrame
    y : ndarray of int of shape (n_rows,)
    """
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n_rows, 10))).add_prefix("x")
    codes = rng.integers(n_levels, size=(n_rows, 3))
    for i in range(3):
        X[f"level{i}"] = np.char.add("v", codes[:, i].astype(str))
    score = X["x0"] + 2 * rng.normal(size=n_levels)[codes[:, 0]]
    return X, (score + rng.logistic(size=n_rows) > 0).to_numpy().astype(int)


def level_contests(quick):
    """Time an epoch of the default's eight members on 3 x 8,000 levels.

    "one-hot" is the same with scikit-learn's encoder before it, which makes a column of
    each level. Both are trained for so few epochs that its log-loss can be waited for.
    """
    warm_up()
    n_rows, n_levels, epochs = (500, 50, 1) if quick else (25_000, 8000, 2)
    X, y = rows_with_levels(n_rows + n_rows // 5, n_levels)
    numbers = make_column_selector(dtype_include="number")
    others = make_column_selector(dtype_exclude="number")

    held_out = slice(n_rows, None)

    def run(preprocess):
        few, clf = (
            MixupClassifier(
                max_epochs=n, n_iter_no_change=n, preprocess=preprocess, random_state=0
            )
            for n in (1, 1 + epochs)
        )
        once = cpu_seconds(few.fit, X[:n_rows], y[:n_rows])
        cost = (cpu_seconds(clf.fit, X[:n_rows], y[:n_rows]) - once) / epochs
        with using_threads(1):
            proba = clf.predict_proba(X[held_out])
        loss = float(log_loss(y[held_out], proba))
        return {"value": max(cost, 0.0), "log_loss": loss}

    one_hot = make_column_transformer(
        (StandardScaler(), numbers),
        (OneHotEncoder(handle_unknown="ignore"), others),
        sparse_threshold=1.0,
    )
    yield Contest(
        "levels",
        f"{n_rows} rows x (3 of {n_levels} levels + 10)",
        "s/epoch",
        {
            "mixup": partial(run, "auto"),
            "one-hot": partial(run, one_hot),
        },
        most_turns=1,
    )


_ADDED = ("order_id", "remark")


def with_id_and_text(X):
    """Return a table with two more columns, whose values are all distinct.

    Parameters
    ----------
    X : DataFrame

    Returns
    -------
    X : DataFrame
    """
    rng = np.random.default_rng(0)
    ids = [f"K-{number:06d}" for number in rng.permutation(len(X))]
    texts = map(" ".join, rng.choice(_WORDS, (len(X), 12)))
    return X.assign(**dict(zip(_ADDED, (ids, list(texts)), strict=True)))


def id_contests(quick):
    """Time a default fit on a table, and on the same with an id and a text added."""
    warm_up()
    X, y = make_rows(150 if quick else 1125, 20)
    X = pd.DataFrame(X).add_prefix("x")

    def run(rows):
        clf = MixupClassifier(max_epochs=3 if quick else 100, random_state=0)
        with using_threads(1), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = time.process_time()
            clf.fit(rows, y)
            cost = time.process_time() - start
        told = " ".join(str(warning.message) for warning in caught)
        return {"value": cost, "named": sum(name in told for name in _ADDED)}

    yield Contest(
        "ids",
        f"{len(X)} rows x 20",
        "s",
        {
            "with an id and a text": partial(run, with_id_and_text(X)),
            "without": partial(run, X),
        },
        most_turns=3,
    )
