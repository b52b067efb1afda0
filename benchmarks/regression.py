"""mixup's α and partners in regression, against plain training and other regressors.

``python -m benchmarks.regression`` runs on the tables that scikit-learn ships and,
where the openml client has them, on tables made of the development set: a column of
numbers is the target, the others and the class tell of it.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from ._files import write_text_whole, write_whole
from ._models import coded, one_hot
from ._script import at_least, say
from ._tables import HALVES, load_all

FOLDS = 5
FILE_NAME = "regression.csv"
# A target should have at least so many values, and a table so many rows.
MIN_VALUES, MIN_ROWS = 20, 200
MAX_ROWS, MAX_COLUMNS = 3000, 60  # for the time it takes
ERM = "alpha 0"
SETTINGS = {
    ERM: {"alpha": 0.0},
    **{f"alpha {a:g}": {"alpha": a} for a in (0.1, 0.4, 2.0)},
    **{
        f"alpha {a:g}, partners by target": {"alpha": a, "partner": "target"}
        for a in (0.1, 0.4, 2.0)
    },
    "cutmix 0.1": {"alpha": 0.1, "mixing": "cutmix"},
}
PEERS = {
    "ridge": lambda: one_hot(RidgeCV(np.logspace(-3, 3, 13))),
    "forest": lambda: coded(RandomForestRegressor(random_state=0)),
    "hist_gradient_boosting": lambda: coded(
        HistGradientBoostingRegressor(random_state=0)
    ),
}


def tables(keys):
    """Yield tables with numeric targets.

    Parameters
    ----------
    keys : sequence of int
        OpenML ids of classification tables; those of use are made into such.

    Yields
    ------
    name : str
    X : DataFrame
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    """
    for name, load in (("diabetes", load_diabetes), ("linnerud", load_linnerud)):
        bunch = load(as_frame=True)
        yield name, bunch.data, bunch.target.to_numpy()
    for table in load_all(list(keys), say)[0]:
        name = _target_of(table)
        if name is not None:
            known = table.X[name].notna().to_numpy()
            X = table.X.dropna(axis=1, how="all").drop(columns=name)
            X = X.assign(class_=table.y.astype(str))
            y = table.X[name].to_numpy(dtype=float)
            yield f"{table.name}: {name}", X[known].reset_index(drop=True), y[known]


def _target_of(table):
    """Return the last column of numbers with many values, None if there is none."""
    n_rows, n_columns = table.X.shape
    if not MIN_ROWS <= n_rows <= MAX_ROWS or n_columns > MAX_COLUMNS:
        return None
    numbers = table.X.select_dtypes("number")
    rich = [name for name in numbers if numbers[name].nunique() >= MIN_VALUES]
    return rich[-1] if rich else None


def run(X, y, n_folds):
    """Score all settings and peers by cross-validation, with one thread.

    Parameters
    ----------
    X : DataFrame
    y : ndarray
    n_folds : int
        How many of the `FOLDS` folds.

    Returns
    -------
    rows : list of dict
        `model`, `fold`, `error`: 1 − R², the squared error in units of the target's
        variance on the test rows; and `seconds`. None where a peer failed.
    """
    from skmixup import MixupRegressor, fit_together

    folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(X))[:n_folds]
    places = [(name, fold) for name in SETTINGS for fold in range(n_folds)]
    fits = fit_together(
        [MixupRegressor(random_state=fold, **SETTINGS[n]) for n, fold in places],
        X,
        y,
        rows=[folds[fold][0] for _, fold in places],
    )
    rows = [_row(*places[f.index], f.estimator, f.seconds, X, y, folds) for f in fits]
    for name, make in PEERS.items():
        for fold, (train, _) in enumerate(folds):
            start = time.perf_counter()
            model = make() if y.ndim == 1 else MultiOutputRegressor(make())
            try:
                model.fit(X.iloc[train], y[train])
            except ValueError as error:  # a peer's, which the others shall not suffer
                say(f"{name} failed: {error}")
                continue
            seconds = time.perf_counter() - start
            rows.append(_row(name, fold, model, seconds, X, y, folds))
    return rows


def _row(name, fold, model, seconds, X, y, folds):
    test = folds[fold][1]
    error = 1 - r2_score(y[test], model.predict(X.iloc[test]))
    return {"model": name, "fold": fold, "error": error, "seconds": seconds}


def report(frame):
    """Compare all with plain training.

    Parameters
    ----------
    frame : DataFrame
        Rows of :func:`run`, with the `table`.

    Returns
    -------
    text : str
        In Markdown.
    """
    errors = frame.pivot_table("error", "table", "model").dropna()
    ranks = errors.rank(axis=1).mean()
    lines = [
        f"{len(errors)} tables, {frame['fold'].nunique()} of {FOLDS} folds each. The "
        "error is 1 − R², its ratio to that without mixing a geometric mean.",
        "",
        "| model | mean rank | ratio | lower, higher than alpha 0 | p |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in ranks.sort_values().index:
        difference = errors[name] - errors[ERM]
        p = wilcoxon(difference).pvalue if difference.any() else 1.0
        ratio = np.exp(np.log(errors[name] / errors[ERM]).mean())
        lines.append(
            f"| {name} | {ranks[name]:.2f} | {ratio:.3f} | {(difference < 0).sum()}, "
            f"{(difference > 0).sum()} | {p:.2g} |"
        )
    return "\n".join(lines) + "\n"


def main(argv=None):
    """Run the study; tables that a folder has rows of are not run again.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        Always 0.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.regression", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="keep results in DIR")
    parser.add_argument("--first", type=at_least(1), default=FOLDS, help="folds to run")
    options = parser.parse_args(argv)
    path = options.out / FILE_NAME if options.out else None
    parts = [pd.read_csv(path)] if path and path.exists() else []
    done = set(parts[0]["table"]) if parts else set()
    keys = sorted(key for half in HALVES.values() for key in half)
    with threadpool_limits(1):
        for name, X, y in tqdm(list(tables(keys)), unit="table"):
            if name in done:
                continue
            rows = pd.DataFrame(run(X, y, min(options.first, FOLDS)))
            parts.append(rows.assign(table=name, n_rows=len(X)))
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                write = pd.concat(parts, ignore_index=True).to_csv
                write_whole(path, lambda part, write=write: write(part, index=False))
    text = report(pd.concat(parts, ignore_index=True))
    print(text)
    if path:
        write_text_whole(path.with_suffix(".md"), text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
