"""mixup's α and partners in regression, against plain training and other regressors.

``python -m benchmarks.studies.regression`` runs on the tables that scikit-learn ships
and, where the openml client has them, on tables made of the development set: a column
of numbers is the target, the others and the class tell of it. With ``--half choosing``
it compares the default with its neighbors instead, one thing changed at a time.
"""

import argparse
import csv
import sys
import time
from codecs import BOM_UTF8
from functools import partial
from itertools import chain, product
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

from ..compare.summary import as_markdown
from ..data.tables import HALVES, load_all
from ..models.preprocessing import coded, one_hot
from ..output.files import keep_aside, write_text_whole, write_whole
from ..output.text import plain, say, show
from ..run.cli import Parser, at_least, folder, run_to_the_end
from ..run.results import UnreadableResults
from ..run.runner import interruptible
from ..run.schema import (
    COUNT,
    SCORE,
    SIZE,
    TEXT,
    Field,
    check_fields,
    read_all,
    say_refused,
)

FOLDS = 5
FILE_NAME = "regression.csv"
NUMBERS = ["fold", "error", "seconds", "n_rows"]
COLUMNS = ["model", "fold", "error", "seconds", "table", "n_rows"]
_FIELDS = {
    "model": Field("a model", lambda name: name in SETTINGS or name in PEERS),
    "fold": Field("a fold", lambda n: COUNT.accepts(n) and n < FOLDS),
    "error": SCORE,
    "seconds": SCORE,
    "table": TEXT,
    "n_rows": SIZE,
}
# A target should have at least so many values, and a table so many rows.
MIN_VALUES, MIN_ROWS = 20, 200
MAX_ROWS, MAX_COLUMNS = 3000, 60  # for the time it takes
ERM = "alpha 0"  # the default
MIXED = {
    ERM: {"alpha": 0.0},
    **{f"alpha {a:g}": {"alpha": a} for a in (0.1, 0.4, 2.0)},
    **{
        f"alpha {a:g}, partners by target": {"alpha": a, "partner": "target"}
        for a in (0.1, 0.4, 2.0)
    },
    "cutmix 0.1": {"alpha": 0.1, "mixing": "cutmix"},
}
NEIGHBORS = {
    "1 member": {"n_estimators": 1},
    "1 member, all rows": {"n_estimators": 1, "early_stopping": False},
    "members on all rows": {"early_stopping": False},
    "patience": {"n_iter_no_change": 100},
    "no bins": {"n_bins": 0},
    "8 bins": {"n_bins": 8},
    "16 bins": {"n_bins": 16},
    "no dropout": {"dropout": 0.0},
    "dropout 0.25": {"dropout": 0.25},
    "lr 2e-3": {"lr": 2e-3},
    "lr 8e-3": {"lr": 8e-3},
    "weight decay 0.1": {"weight_decay": 0.1},
    "2 x 256": {"hidden_layer_sizes": (256, 256)},
    "2 x 256, no dropout": {"hidden_layer_sizes": (256, 256), "dropout": 0.0},
    "3 x 128": {"hidden_layer_sizes": (128, 128, 128)},
    "SiLU": {"activation": "silu"},
}
SETTINGS = MIXED | NEIGHBORS
ALL = "all"  # tables of both halves
PEERS = {
    "ridge": lambda: one_hot(RidgeCV(np.logspace(-3, 3, 13))),
    "forest": lambda: coded(RandomForestRegressor(random_state=0)),
    "hist_gradient_boosting": lambda: coded(
        HistGradientBoostingRegressor(random_state=0)
    ),
}


def tables(keys, shipped=True):
    """Yield tables with numeric targets.

    Parameters
    ----------
    keys : sequence of int
        OpenML ids of classification tables; those of use are made into such.
    shipped : bool, default=True
        Whether scikit-learn's are among them.

    Yields
    ------
    name : str
    X : DataFrame
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    """
    own = (("diabetes", load_diabetes), ("linnerud", load_linnerud))
    for name, load in own if shipped else ():
        bunch = load(as_frame=True)
        yield name, bunch.data, bunch.target.to_numpy()
    for table in load_all(list(keys), say)[0]:
        name = _target_of(table)
        if name is not None:
            known = table.X[name].notna().to_numpy()
            X = table.X.dropna(axis=1, how="all").drop(columns=name)
            X = X.assign(class_=table.y.astype(str))
            y = table.X[name].to_numpy(dtype=float)
            shown = plain(f"{table.name}: {name}")  # on one line, in a file too
            yield shown, X[known].reset_index(drop=True), y[known]


def _target_of(table):
    """Return the last column of numbers with many values, None if there is none."""
    n_rows, n_columns = table.X.shape
    if not MIN_ROWS <= n_rows <= MAX_ROWS or n_columns > MAX_COLUMNS:
        return None
    numbers = table.X.select_dtypes("number")
    rich = [name for name in numbers if numbers[name].nunique() >= MIN_VALUES]
    return rich[-1] if rich else None


def run(X, y, places):
    """Score settings and peers on folds of a table, with one thread.

    Parameters
    ----------
    X : DataFrame
    y : ndarray
    places : list of tuple of str and int
        Keys of `SETTINGS` or `PEERS`, each with the number of one of the `FOLDS` folds.

    Returns
    -------
    rows : list of dict
        `model`, `fold`, `error`: 1 − R², the squared error in units of the target's
        variance on the test rows; and `seconds`. None where a peer failed.
    """
    from skmixup import fit_together

    folds = list(KFold(FOLDS, shuffle=True, random_state=0).split(X))
    ours = [place for place in places if place[0] in SETTINGS]
    fits = fit_together(
        [_regressor(name, fold) for name, fold in ours],
        X,
        y,
        rows=[folds[fold][0] for _, fold in ours],
    )
    rows = [_row(*ours[f.index], f.estimator, f.seconds, X, y, folds) for f in fits]
    for name, fold in places:
        if name not in PEERS:
            continue
        start, train = time.perf_counter(), folds[fold][0]
        model = PEERS[name]() if y.ndim == 1 else MultiOutputRegressor(PEERS[name]())
        try:
            model.fit(X.iloc[train], y[train])
        except ValueError as error:  # a peer's, which the others shall not suffer
            say(f"{name} failed: {error}")
            continue
        seconds = time.perf_counter() - start
        rows.append(_row(name, fold, model, seconds, X, y, folds))
    return rows


def _regressor(name, seed):
    """Make the regressor of a setting."""
    from skmixup import MixupRegressor, TabularEncoder

    params = dict(SETTINGS[name])
    if "n_bins" in params:
        params["preprocess"] = TabularEncoder(n_bins=params.pop("n_bins"))
    return MixupRegressor(random_state=seed, **params)


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
    errors = _errors(frame)
    ranks = errors.rank(axis=1).mean()
    about = (
        f"{len(errors)} tables, {frame['fold'].nunique()} of {FOLDS} folds each. The "
        "error is 1 − R², its ratio to that without mixing a geometric mean."
    )
    heads = ["model", "mean rank", "ratio", "lower, higher than alpha 0", "p"]
    lines = []
    for name in ranks.sort_values().index:
        difference = errors[name] - errors[ERM]
        p = wilcoxon(difference).pvalue if difference.any() else 1.0
        ratio = np.exp(np.log(errors[name] / errors[ERM]).mean())
        counts = f"{(difference < 0).sum()}, {(difference > 0).sum()}"
        lines.append([name, f"{ranks[name]:.2f}", f"{ratio:.3f}", counts, f"{p:.2g}"])
    return f"{about}\n\n{as_markdown(heads, lines)}\n"


def main(argv=None):
    """Run the study; what a folder has rows of is not run again.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is no result at all, 2 if results can't be written, 130 if
        interrupted, otherwise 0.
    """
    options = _parse(argv)
    return run_to_the_end(partial(_run, options), options.out)


def _run(options):
    with interruptible():
        return _run_on(_tables_of(options.half), options)


def _tables_of(half):
    """Load a half of the tables, or all."""
    halves = HALVES.values() if half == ALL else [HALVES[half]]
    confirms = half == "confirming"  # what is shipped, one chooses by
    return list(tables(sorted(chain(*halves)), shipped=not confirms))


def _run_on(found, options):
    if not found:
        say("There is no table.")
        return 1
    path = Path(options.out) / FILE_NAME if options.out else None
    frame = _read(path) if path and path.exists() else pd.DataFrame(columns=COLUMNS)
    frame = _run_missing(found, options, frame, path)
    shown = frame["table"].isin([name for name, *_ in found])
    shown &= frame["model"].isin(options.models) & (frame["fold"] < options.first)
    errors = _errors(frame[shown])
    if errors.empty or ERM not in errors:
        say("No table has results of all that is compared.")
        return 1
    text = report(frame[shown])
    if path:
        write_text_whole(path.with_name(f"{options.half}.md"), text)
    show(text)
    return 0


def _run_missing(found, options, frame, path):
    """Run what a frame has no rows of, and return it with these, written to a file."""
    done = set(zip(frame["table"], frame["model"], frame["fold"], strict=True))
    wanted = list(product(options.models, range(options.first)))
    for name, X, y in tqdm(found, unit="table"):
        places = [place for place in wanted if (name, *place) not in done]
        with threadpool_limits(1):
            rows = run(X, y, places) if places else []
        if not rows:
            continue
        rows = pd.DataFrame(rows).assign(table=name, n_rows=len(X))
        frame = pd.concat([frame, rows] if len(frame) else [rows], ignore_index=True)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, partial(frame.to_csv, index=False))
    return frame


def _errors(frame):
    """Return the errors of the tables that all have results of, a column a model."""
    return frame.pivot_table("error", "table", "model").dropna()


def _read(path):
    """Read the rows of a run before, and say which are none; they are run again."""
    first, *lines = path.read_bytes().removesuffix(b"\n").split(b"\n")
    try:
        header = _fields_of(first.removeprefix(BOM_UTF8))
    except ValueError as error:
        raise UnreadableResults(f"{path} is no table of results: {error}") from error
    if not set(COLUMNS) <= set(header) or len(set(header)) < len(header):
        raise UnreadableResults(f"{path} lacks some of the columns {COLUMNS}")
    rows, refused = read_all(enumerate(lines, 2), partial(_result_of, header), 2)
    refused |= _told_again(rows)
    say_refused(path, dict(sorted(refused.items())))
    if refused:
        keep_aside(path)
    frame = pd.DataFrame([row for n, row in rows if n not in refused], columns=COLUMNS)
    return frame.astype({"fold": int, "n_rows": int, "error": float, "seconds": float})


def _told_again(rows):
    """Return which results, by their lines, are told again further on."""
    last = {_place(row): number for number, row in rows}
    return {
        number: f"told again in line {last[_place(row)]}"
        for number, row in rows
        if number != last[_place(row)]
    }


def _place(row):
    return row["table"], row["model"], row["fold"]


def _fields_of(line):
    """Return the fields of a line of CSV, which is all of a row; or raise ValueError.

    No name has a line's end, so that a quote too many costs no other line.
    """
    try:
        return next(csv.reader([line.decode().removesuffix("\r")], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error


def _result_of(header, numbered):
    """Return a line's number and its result; raise ValueError if it holds none."""
    number, line = numbered
    fields = _fields_of(line)
    if len(fields) != len(header):
        raise ValueError(f"{len(fields)} fields, not {len(header)}")
    row = {
        name: text for name, text in zip(header, fields, strict=True) if name in _FIELDS
    }
    row |= {name: _number_of(row[name]) for name in NUMBERS}
    check_fields(row, _FIELDS, COLUMNS)
    return number, row


def _number_of(text):
    """Read a number; one that is whole may be written as 3.0."""
    value = float(text)
    return int(value) if value.is_integer() else value


def _parse(argv):
    parser = Parser(
        prog="python -m benchmarks.studies.regression",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--half", choices=[*HALVES, ALL], default=ALL, help="of the tables")
    add(
        "--models",
        nargs="+",
        choices=[*SETTINGS, *PEERS],
        metavar="NAME",
        help="settings and peers; if none, the default's neighbors to choose, else "
        f"mixing and the peers, of {', '.join([*SETTINGS, *PEERS])}",
    )
    add("--first", type=at_least(1), default=FOLDS, help="folds of the 5 to run")
    add("--out", type=folder, metavar="DIR", help="keep results in DIR")
    options = parser.parse_args(argv)
    options.first = min(options.first, FOLDS)
    if options.models is None:
        chooses = options.half == "choosing"
        options.models = [ERM, *NEIGHBORS] if chooses else [*MIXED, *PEERS]
    options.models = list(dict.fromkeys([ERM, *options.models]))
    return options


if __name__ == "__main__":
    sys.exit(main())
