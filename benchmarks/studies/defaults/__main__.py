"""The study that the defaults come from: recipes and peers on development tables.

``python -m benchmarks.studies.defaults`` compares the default with its neighbors, one
thing changed at a time, on the meta-train half of the tables; with ``--half meta-test``
it compares the default, and the same without mixing, with the models that a user would
pick instead, on the other half. ``--help`` lists what else it can do.
"""

import sys
from functools import partial

import numpy as np

from ...compare.leaderboard import (
    COMPARED,
    SMALLEST,
    compare_with,
    layout,
    leaderboard,
)
from ...compare.statistics import MIN_TABLES
from ...compare.summary import leave_out_failures
from ...data.suites import BANDS, FIRST_HALVES, HALVES
from ...data.tables import load_all
from ...models.registry import STACKED
from ...output.text import as_markdown, in_markdown, say
from ...run.cli import at_least
from ...run.fit import fit_models
from ...run.jobs import make_jobs
from ...run.schema import SCORES, Schema
from ..study import Study, run_study
from .recipes import DEFAULT, RECIPES, params_of

FOLDS = 5
PEERS = (
    *("logistic", "mlp", "forest", "hist_gradient_boosting"),
    *("xgboost", "lightgbm", "catboost", "realmlp", "tabm"),
)
SLOW = "ensemble"
OTHERS = (*PEERS, SLOW)


def _halves():
    """Return the tables of each half, by the name that the command line takes."""
    return HALVES | {f"first-{half}": keys for half, keys in FIRST_HALVES.items()}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    about = "of the tables; those of the first study, up to 15,000 rows, are first-..."
    add("--half", choices=_halves(), default="meta-train", help=about)
    recipes = f"of {', '.join(RECIPES)}; if none is named, all, or on meta-test two"
    add("--recipes", nargs="+", choices=RECIPES, metavar="NAME", help=recipes)
    models = f"of {', '.join(OTHERS)}; if the option is not there, none, or"
    models += f" on meta-test all but {SLOW}"
    add("--models", nargs="*", choices=OTHERS, metavar="NAME", help=models)
    add("--min-rows", type=at_least(1), metavar="N", help="leave smaller tables out")
    add("--max-rows", type=at_least(1), metavar="N", help="leave larger tables out")
    first = f"folds of the {FOLDS} to run"
    add("--first", type=int, choices=range(1, FOLDS + 1), default=FOLDS, help=first)


def settle(parser, options):
    """Check what bounds there are, and say what is compared on which half."""
    if None not in (options.min_rows, options.max_rows):
        if options.min_rows > options.max_rows:
            parser.error("argument --min-rows: must not be above --max-rows")
    is_test = options.half.endswith("meta-test")
    options.is_part = bool(options.recipes) or options.models is not None
    usual = [DEFAULT, "alpha 0"] if is_test else RECIPES
    options.recipes = list(dict.fromkeys(options.recipes or usual))
    if options.models is None:
        options.models = PEERS if is_test else []


def load(options):
    """Load a half of the tables, those within the bounds."""
    tables, unloaded = load_all(list(_halves()[options.half]), say)
    least, most = options.min_rows or 0, options.max_rows or np.inf
    tables = [table for table in tables if least <= len(table.X) <= most]
    if not tables:
        say(f"No table with {least} to {most} rows is there.")
    return tables, unloaded


def file_name(options):
    """Name a report after what it is of, so that several can lie side by side."""
    limits = {
        "min-rows": options.min_rows,
        "max-rows": options.max_rows,
        "first": options.first if options.first < FOLDS else None,
    }
    parts = [f"{name}-{limit}" for name, limit in limits.items() if limit is not None]
    return "-".join([options.half, *parts, *["part"] * options.is_part])


def list_jobs(table, options):
    """List a table's jobs: those of the peers, then those of the recipes."""
    jobs = make_jobs(table, options.models, [], protocol=DEFAULT, folds=FOLDS)
    for name in options.recipes:
        recipe = RECIPES[name]
        how = {"protocol": name, "folds": FOLDS}
        jobs += make_jobs(table, [recipe.model], [recipe.alpha], **how)
    return [job for job in jobs if job.fold < options.first]


def report(frame):
    """Rank all recipes and models over the tables that all have results of.

    Over all of them, and over those of each band of sizes where there are several.

    Parameters
    ----------
    frame : DataFrame
        From :func:`benchmarks.compare.summary.label_rows`, with what has failed.

    Returns
    -------
    text : str
        In Markdown.
    figures : dict
        Of none.
    """
    ours = frame["model"].isin(STACKED)
    frame = frame.assign(label=frame["protocol"].where(ours, frame["model"]))
    everything = set(frame["title"])
    frame, left_out = _leave_out_parts(leave_out_failures(frame))
    tables, parts = _rank(frame)
    shown = frame[frame["title"].isin(tables)]
    bands = {
        name: shown[shown["n_rows"].between(*limits)] for name, limits in BANDS.items()
    }
    bands = {name: part for name, part in bands.items() if not part.empty}
    if len(bands) > 1:
        for name, part in bands.items():
            parts += [f"## Tables of {name}", *_rank(part)[1]]
    if left_out:
        names = ", ".join(map(in_markdown, left_out))
        parts.append(f"Left out, since no table has all of its folds: {names}.")
    if everything > set(tables):
        names = ", ".join(map(in_markdown, sorted(everything - set(tables))))
        parts.append(f"Left out, since not all of these have all folds: {names}.")
    return "\n\n".join(parts) + "\n", {}


def _rank(frame):
    """Return the tables that all models have, and paragraphs that compare these."""
    board, tables = leaderboard(frame)
    shown = frame[frame["title"].isin(tables)]
    parts = [
        f"{len(tables)} tables, {len(shown)} fits; the mean rank among "
        f"{len(board)}, with its 95 % bootstrap interval over tables.",
        layout(board),
    ]
    if {DEFAULT} < set(shown["label"]):
        parts.append(_against_default(shown))
    return tables, parts


def _leave_out_parts(frame):
    """Leave out of each table the models that lack a fold of it.

    Returns
    -------
    frame : DataFrame
    left_out : list of str
        Models that have all folds of no table.
    """
    has = frame.groupby(["title", "label"])["fold"].transform("nunique")
    whole = frame[has == frame.groupby("title")["fold"].transform("nunique")]
    return whole, sorted(set(frame["label"]) - set(whole["label"]))


def _against_default(frame):
    """Count on how many tables the others do better than the default, and by what."""
    cells = compare_with(frame, DEFAULT)
    lines = [[label, *told] for label, told in cells.items()]
    about = (
        f"Log-loss over that of {DEFAULT}, geometric mean over tables (what is below "
        f"{SMALLEST:g} counts as that); tables on which each has a lower score, or a "
        f"higher one; p of Wilcoxon's signed-rank test over tables, from {MIN_TABLES} "
        "on:"
    )
    table = as_markdown(["model", *COMPARED], lines)
    return f"{about}\n\n{table}"


STUDY = Study(
    name="defaults",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=partial(fit_models, params_of=params_of),
    schema=Schema(protocols=tuple(RECIPES), needed=(*SCORES, "ece")),
    add_options=add_options,
    settle=settle,
    load=load,
    file_name=file_name,
    folds=0,
    has_tables=False,
    has_seed=False,
    needs_folder=False,
    tells_failures=True,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
