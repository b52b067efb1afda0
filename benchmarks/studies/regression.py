"""mixup's α and partners in regression, against plain training and other regressors.

``python -m benchmarks.studies.regression`` runs on the tables that scikit-learn ships
and, where the openml client has them, on tables made of the development set: a column
of numbers is the target, the others and the class tell of it. With ``--half
meta-train`` it compares the default with its neighbors instead, one thing changed at a
time.
"""

import sys
import time
from functools import partial
from itertools import chain

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon
from sklearn.datasets import load_diabetes, load_linnerud
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.multioutput import MultiOutputRegressor

from skmixup import MixupRegressor, TabularEncoder, fit_many

from ..compare.pairing import NothingToCompare
from ..data.suites import FIRST_HALVES as HALVES
from ..data.tables import Table, load_all
from ..models.preprocessing import one_hot, ordinal
from ..models.registry import Model
from ..output.text import as_markdown, plain, say
from ..run.cli import at_least
from ..run.fit import Fit
from ..run.folds import rows_of
from ..run.jobs import make_jobs
from ..run.schema import NOTHING, SCORE, Schema
from .study import Study, run_study

PROTOCOL = "regression"
FOLDS = 5
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
    "no bins": {"preprocess": TabularEncoder(n_bins=0)},
    "8 bins": {"preprocess": TabularEncoder(n_bins=8)},
    "16 bins": {"preprocess": TabularEncoder(n_bins=16)},
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
ALL = "all"  # tables of both halves


def _ridge():
    return one_hot(RidgeCV(np.logspace(-3, 3, 13)))


def _forest():
    return ordinal(RandomForestRegressor(random_state=0))


def _hist_gradient_boosting():
    return ordinal(HistGradientBoostingRegressor(random_state=0))


PEERS = {
    "ridge": Model(_ridge, cost=0.1, has_protocol=True),
    "forest": Model(_forest, has_protocol=True),
    "hist_gradient_boosting": Model(_hist_gradient_boosting, has_protocol=True),
}
MODELS = {
    **{
        name: Model(partial(MixupRegressor, **params), has_protocol=True, stacks=True)
        for name, params in (MIXED | NEIGHBORS).items()
    },
    **PEERS,
}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    halves = [*HALVES, ALL]
    add("--half", choices=halves, default=ALL, help="of the tables")
    add(
        "--models",
        nargs="+",
        choices=MODELS,
        metavar="NAME",
        help="settings and peers; if none, on meta-train the default's neighbors, else "
        f"mixing and the peers, of {', '.join(MODELS)}",
    )
    add("--first", type=at_least(1), default=FOLDS, help=f"folds of the {FOLDS} to run")


def settle(parser, options):
    """Say what is compared on which half."""
    if options.models is None:
        is_train = options.half == "meta-train"
        options.models = NEIGHBORS if is_train else [*MIXED, *PEERS]
    options.models = list(dict.fromkeys([ERM, *options.models]))


def load(options):
    """Load tables of numbers to be predicted, of a half of the tables or of all."""
    halves = HALVES.values() if options.half == ALL else [HALVES[options.half]]
    found = [] if options.half == "meta-test" else _shipped()  # by which one chooses
    tables, unloaded = load_all(sorted(chain(*halves)), say)
    found += filter(None, map(_regression_table, tables))
    if not found:
        say("There is no table.")
    return found, unloaded


def _shipped():
    """Return the tables that scikit-learn ships."""
    bunches = load_diabetes(as_frame=True), load_linnerud(as_frame=True)
    return [
        _table(name, bunch.data, bunch.target)
        for name, bunch in zip(("diabetes", "linnerud"), bunches, strict=True)
    ]


def _regression_table(table):
    """Make the last column of numbers with many values the target; None without."""
    n_rows, n_columns = table.X.shape
    if not MIN_ROWS <= n_rows <= MAX_ROWS or n_columns > MAX_COLUMNS:
        return None
    numbers = table.X.select_dtypes("number")
    rich = [name for name in numbers if numbers[name].nunique() >= MIN_VALUES]
    if not rich:
        return None
    known = table.X[rich[-1]].notna()
    X = table.X.dropna(axis=1, how="all").drop(columns=rich[-1])
    X = X.assign(class_=table.y.astype(str))[known].reset_index(drop=True)
    y = table.X.loc[known, rich[-1]].reset_index(drop=True).astype(float)
    return _table(plain(f"{table.name}: {rich[-1]}"), X, y)


def _table(name, X, y):
    folds = KFold(FOLDS, shuffle=True, random_state=0).split(X)
    splits = {(0, fold): rows for fold, rows in enumerate(folds)}
    return Table(name, X, pd.DataFrame(y), splits=splits)


def list_jobs(table, options):
    """List a table's jobs."""
    how = {"protocol": PROTOCOL, "folds": FOLDS, "registry": MODELS}
    jobs = make_jobs(table, options.models, [], **how)
    return [job for job in jobs if job.fold < options.first]


def fit(table, jobs):
    """Fit the settings as members of one stack, and the peers one by one."""
    y, rows = _target(table), [rows_of(table, job)[0] for job in jobs]
    if MODELS[jobs[0].model].stacks:
        models = [MODELS[job.model].make(random_state=job.fold) for job in jobs]
        for fit in fit_many(models, table.X, y, rows=rows):
            yield Fit(jobs[fit.index], fit.estimator, fit.seconds, fit.error)
        return
    for job, train in zip(jobs, rows, strict=True):
        start, model = time.perf_counter(), MODELS[job.model].make()
        model = model if y.ndim == 1 else MultiOutputRegressor(model)
        model.fit(table.X.iloc[train], y[train])
        yield Fit(job, model, time.perf_counter() - start)


def _target(table):
    """Return the numbers to be predicted: a column of them, or a matrix."""
    y = table.y.to_numpy(dtype=float)
    return y[:, 0] if y.shape[1] == 1 else y


def measure(table, fit):
    """Score a regressor by 1 − R², in units of the target's variance on test rows."""
    y, (train, test) = _target(table), rows_of(table, fit.job)
    start = time.perf_counter()
    predicted = fit.model.predict(table.X.iloc[test])
    measures = {
        "n_train": len(train),
        "n_test": len(test),
        "error": float(1 - r2_score(y[test], predicted)),
        "fit_seconds": fit.seconds,
        "predict_seconds": time.perf_counter() - start,
    }
    return measures, None


def report(frame):
    """Compare all with plain training.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.

    Returns
    -------
    text : str
        In Markdown.
    figures : dict
        Of none.
    """
    errors = frame.astype({"error": float}).pivot_table("error", "table", "model")
    errors = errors.dropna()
    if errors.empty or ERM not in errors:
        raise NothingToCompare("No table has results of all that is compared.")
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
    return f"{about}\n\n{as_markdown(heads, lines)}\n", {}


STUDY = Study(
    name="regression",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    measure=measure,
    schema=Schema(
        protocols=(PROTOCOL,),
        fields={"n_classes": NOTHING, "error": SCORE},
        needed=("error", "fit_seconds"),
        models=MODELS,
    ),
    add_options=add_options,
    settle=settle,
    load=load,
    file_name=lambda options: options.half,
    folds=0,
    has_tables=False,
    has_seed=False,
    needs_folder=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
