"""mixup beyond the rows: λ outside [0, 1], and noise to mix with.

``python -m benchmarks.studies.extrapolation`` asks what networks say of rows off the
data, when they have learned from rows on the line through two rows but beyond them, or
from mixtures with rows off the data whose labels are those of a row at random (Zhang et
al., "mixup", 2017, section 5, ask for extrapolation). Variants are chosen with ``--half
meta-train --variants all`` and confirmed with ``--half meta-test``.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import gmean

from ...compare.leaderboard import SMALLEST
from ...compare.pairing import complete_folds, demand
from ...compare.statistics import compare
from ...compare.summary import ERM
from ...data.suites import HALVES
from ...data.tables import load_all
from ...output.text import frame_as_markdown, in_figure, p_value, say
from ...report.figures import legend_below, panels
from ...run.cli import add_alphas, at_least, jobs_of, large_enough
from ...run.schema import SCORES, Schema
from ..study import Study, run_study
from .networks import (
    CHOSEN,
    DELTAS,
    EPSILON,
    FIELDS,
    KINDS,
    MOVED,
    PLAIN,
    PROTOCOLS,
    TABLES,
    VARIANTS,
    fit_beyond,
)

MAX_ROWS, MAX_COLUMNS = 1500, 300  # for the time it takes; of longer ones, a sample
MIN_NUMBERS = 4  # so that there is something off the span
SHOWN = 0.5  # the δ that the table is about


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.1, 1.0])
    add = parser.add_argument
    add("--half", choices=HALVES, help="of the tables, instead of a suite")
    add(
        "--variants",
        nargs="+",
        choices=[*VARIANTS, "all"],
        metavar="NAME",
        default=list(CHOSEN),
        help=f"beside {PLAIN}: all, or of {', '.join(VARIANTS)}",
    )
    add("--kinds", nargs="+", choices=KINDS, default=["single"], help="of networks")
    add("--first", type=at_least(1), default=1, help="folds to run")


def settle(parser, options):
    """Say which tables and variants."""
    if options.half is not None:
        options.keys = list(HALVES[options.half])
    names = VARIANTS if "all" in options.variants else options.variants
    options.variants = list(dict.fromkeys([PLAIN, *names]))


def load(options):
    """Load the tables with enough columns of numbers; of longer ones, some rows."""
    tables, unloaded = load_all(options.keys, say)
    for table in tables:
        if table.X.select_dtypes("number").shape[1] < MIN_NUMBERS:
            unloaded[table.name] = f"less than {MIN_NUMBERS} columns of numbers"
        elif table.X.shape[1] > MAX_COLUMNS:
            unloaded[table.name] = f"more than {MAX_COLUMNS} columns"
    tables = [_sampled(table) for table in tables if table.name not in unloaded]
    return large_enough(tables, options.folds, unloaded), unloaded


def _sampled(table):
    if len(table.X) <= MAX_ROWS:
        return table
    rows = np.sort(np.random.default_rng(0).permutation(len(table.X))[:MAX_ROWS])
    X, y = (part.iloc[rows].reset_index(drop=True) for part in (table.X, table.y))
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.cat.remove_unused_categories()
    return replace(table, X=X, y=y)


def file_name(options):
    """Name a report after the half that it is of."""
    return options.half or "extrapolation"


def list_jobs(table, options):
    """List a table's jobs: a unit for each way to mix."""
    jobs = []
    for kind in options.kinds:
        for name in options.variants:
            own = [a for a in options.alphas if a > 0 or name == PLAIN]
            how = {"alphas": own, "protocol": f"{kind}: {name}"}
            jobs += jobs_of(table, options, ["mixup"], **how)
    return [job for job in jobs if job.fold < options.first]


def report(frame):
    """Say what was found.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.

    Returns
    -------
    text : str
        In Markdown.
    figures : dict of str -> Figure
    """
    return str(frame.shape), {}


STUDY = Study(
    name="extrapolation",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit_beyond,
    schema=Schema(
        protocols=tuple(PROTOCOLS), fields=FIELDS, needed=(*SCORES, "moved", "auroc")
    ),
    add_options=add_options,
    settle=settle,
    load=load,
    file_name=file_name,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
