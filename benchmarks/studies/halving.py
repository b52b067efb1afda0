"""What successive halving costs, and what it finds, beside a full search.

``python -m benchmarks.studies.halving`` searches over 27 settings of `MixupClassifier`
by log-loss in a three-fold cross-validation, in full and with ``factor=3``, on tables
of up to ``--max-rows`` rows: by default the small ones that scikit-learn ships.
"""

import sys
import time
from functools import partial

import numpy as np
from scipy.stats import gmean

from skmixup import MixupClassifier, MixupSearchCV

from ..compare.leaderboard import COMPARED, SMALLEST, compare_with
from ..compare.pairing import complete_folds, demand
from ..data.tables import load_all
from ..models.registry import Model
from ..output.text import as_markdown, say
from ..run.cli import at_least, large_enough
from ..run.fit import Fit
from ..run.folds import labels_of, rows_of
from ..run.jobs import make_jobs
from ..run.schema import SCORES, Schema
from .study import Study, run_study

PROTOCOL, FOLDS = "halving", 3
GRID = {
    "alpha": [0.0, 0.1, 0.4],
    "lr": [1e-3, 4e-3, 1.6e-2],
    "dropout": [0.0, 0.1, 0.3],
}
FULL, DEFAULT = "full search", "default"
FACTORS = {f"factor={factor}": factor for factor in (3,)}


def _search(seed, factor=None):
    return MixupSearchCV(
        MixupClassifier(random_state=seed),
        GRID,
        scoring="neg_log_loss",
        cv=3,
        factor=factor,
    )


MODELS = {
    DEFAULT: Model(lambda seed: MixupClassifier(random_state=seed), has_protocol=True),
    FULL: Model(_search, has_protocol=True),
    **{
        name: Model(partial(_search, factor=factor), has_protocol=True)
        for name, factor in FACTORS.items()
    },
}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    add("--first", type=at_least(1), default=1, help=f"folds of the {FOLDS} to run")
    add("--max-rows", type=at_least(1), default=600, help="of tables, for the time")


def load(options):
    """Load the tables that are asked for, but large ones."""
    tables, unloaded = load_all(options.keys, say)
    for table in tables:
        if len(table.y) > options.max_rows:
            unloaded[table.name] = f"more than {options.max_rows} rows"
    kept = [table for table in tables if len(table.y) <= options.max_rows]
    return large_enough(kept, FOLDS, unloaded), unloaded


def list_jobs(table, options):
    """List a table's jobs."""
    how = {"protocol": PROTOCOL, "folds": FOLDS, "registry": MODELS}
    jobs = make_jobs(table, MODELS, [], **how)
    return [job for job in jobs if job.fold < options.first]


def fit(table, jobs):
    """Fit models one by one."""
    for job in jobs:
        model, train = (
            MODELS[job.model].make(seed=job.fold_seed),
            rows_of(table, job)[0],
        )
        start = time.perf_counter()
        model.fit(table.X.iloc[train], labels_of(table, job)[train])
        yield Fit(job, model, time.perf_counter() - start)


def report(frame):
    """Compare log-losses and seconds with those of the full search.

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
    frame = complete_folds(frame, ["label"])
    demand(frame, "label", [FULL])
    frame = frame.astype({"log_loss": float, "fit_seconds": float})
    values = frame.pivot_table(["log_loss", "fit_seconds"], "title", "label")
    losses, seconds = values["log_loss"].clip(lower=SMALLEST), values["fit_seconds"]
    cells = compare_with(frame, FULL)
    n_settings = int(np.prod([len(own) for own in GRID.values()]))
    about = (
        f"{len(losses)} tables, {frame['fold'].nunique()} of {FOLDS} folds; searches "
        f"over {n_settings} settings in three folds, with a fit of the best on all "
        "rows. Seconds are of one thread, and their ratio a geometric mean over "
        "tables, as that of log-losses."
    )
    lines = [
        [
            label,
            *cells.get(label, ["1.000", *[""] * 4]),
            f"{gmean(seconds[label] / seconds[FULL]):.2f}",
            f"{seconds[label].sum():.0f}",
        ]
        for label in sorted(losses, key=lambda label: seconds[label].sum())
    ]
    heads = ["model", *COMPARED, "time, ratio", "seconds, sum"]
    return f"{about}\n\n{as_markdown(heads, lines)}\n", {}


STUDY = Study(
    name="halving",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    schema=Schema(
        protocols=(PROTOCOL,), needed=(*SCORES, "ece"), fields={}, models=MODELS
    ),
    add_options=add_options,
    load=load,
    folds=0,
    has_seed=False,
    needs_folder=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
