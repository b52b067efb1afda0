"""The study that the defaults come from: recipes and peers on development tables.

``python -m benchmarks.studies.defaults`` compares the default with its neighbors, one
thing changed at a time, on the choosing half of the tables; with ``--half confirming``
it compares the default, and the same without mixing, with the models that a user would
pick instead, on the other half. ``--help`` lists what else it can do.
"""

import argparse
import sys
from functools import partial
from itertools import chain
from pathlib import Path

import joblib
import numpy as np

from ...compare.leaderboard import NoSharedTable, as_markdown, leaderboard
from ...compare.statistics import MIN_TABLES, compare
from ...compare.summary import as_markdown as table_of_texts
from ...compare.summary import label_rows, leave_out_failures
from ...data.tables import HALVES, load_all
from ...models.registry import STACKED, is_installed
from ...output.files import write_text_whole
from ...output.text import in_markdown, show
from ...run.cli import Parser, at_least, folder, run_jobs, run_to_the_end, say
from ...run.jobs import make_jobs
from ...run.results import Results
from .recipes import DEFAULT, RECIPES

FOLDS, SEED = 5, 0
PEERS = (
    *("logistic", "mlp", "forest", "hist_gradient_boosting"),
    *("xgboost", "lightgbm", "catboost", "realmlp", "tabm"),
)


def main(argv=None):
    """Run the study.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is no result at all, 2 if results can't be read or written, 130 if
        interrupted, otherwise 0.
    """
    options = _parse(argv)
    return run_to_the_end(partial(_run, options), options.out)


def _run(options):
    results = Results(options.out)
    tables, unloaded = load_all(list(options.tables), say)
    least, most = options.min_rows or 0, options.max_rows or np.inf
    tables = [t for t in tables if least <= len(t.X) <= most]
    if not tables:
        say(f"No table with {least} to {most} rows is there.")
        return 1
    jobs = {table: _jobs(table, options, results) for table in tables}
    run_jobs(jobs, results, n_jobs=options.n_jobs)
    rows = results.rows(chain(*jobs.values()))
    if not any(row["status"] == "ok" for row in rows):
        say("There is no result.")
        return 1
    try:
        text = report(rows, unloaded)
    except NoSharedTable as error:
        say(error)
        return 1
    if options.out is not None:
        results.export()
        write_text_whole(Path(options.out) / _file_name(options), text)
    show(text)
    return 0


def _parse(argv):
    parser = Parser(
        prog="python -m benchmarks.studies.defaults",
        description=__doc__.splitlines()[0],
        epilog="recipes:\n  "
        + "\n  ".join(RECIPES)
        + f"\n\nmodels:\n  {' '.join(PEERS)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    half = "of the tables (default: choosing)"
    add("--half", choices=HALVES, default="choosing", help=half)
    recipes = "of the list below (default: choosing, all; confirming, two)"
    add("--recipes", nargs="+", choices=RECIPES, metavar="NAME", help=recipes)
    models = "peers, of the list below; with no NAME, none (default: confirming, all)"
    add("--models", nargs="*", choices=PEERS, metavar="NAME", help=models)
    add("--min-rows", type=at_least(1), metavar="N", help="leave smaller tables out")
    add("--max-rows", type=at_least(1), metavar="N", help="leave larger tables out")
    first = f"folds of the {FOLDS} to run (default: all)"
    add("--first", type=int, choices=range(1, FOLDS + 1), default=FOLDS, help=first)
    n_jobs = "processes (default: one a core)"
    add("--n-jobs", type=at_least(1), default=joblib.cpu_count(), help=n_jobs)
    out = (
        "keep results in DIR; the same DIR resumes. The report there is named after "
        "the half, the limits, and whether recipes or models were named"
    )
    add("--out", type=folder, metavar="DIR", help=out)
    options = parser.parse_args(argv)
    confirms = options.half == "confirming"
    if None not in (options.min_rows, options.max_rows):
        if options.min_rows > options.max_rows:
            parser.error("argument --min-rows: must not be above --max-rows")
    options.tables = HALVES[options.half]
    options.is_part = bool(options.recipes) or options.models is not None
    usual = [DEFAULT, "alpha 0"] if confirms else RECIPES
    options.recipes = list(dict.fromkeys(options.recipes or usual))
    if options.models is None:
        options.models = PEERS if confirms else []
    return options


def _file_name(options):
    """Name a report after what it is of, so that several can lie side by side."""
    limits = {
        "min-rows": options.min_rows,
        "max-rows": options.max_rows,
        "first": options.first if options.first < FOLDS else None,
    }
    parts = [f"{name}-{limit}" for name, limit in limits.items() if limit is not None]
    return "-".join([options.half, *parts, *["part"] * options.is_part]) + ".md"


def _jobs(table, options, results):
    """List a table's jobs; of models that are not installed, those that are done."""
    settings = {"folds": FOLDS, "repeats": 1, "seed": SEED}
    jobs = make_jobs(table, options.models, [], protocol=DEFAULT, **settings)
    for name in options.recipes:
        recipe = RECIPES[name]
        jobs += make_jobs(
            table, [recipe.model], [recipe.alpha], protocol=name, **settings
        )
    return [
        job
        for job in jobs
        if job.fold < options.first
        and (is_installed(job.model) or results.is_finished(job))
    ]


def report(rows, unloaded=()):
    """Rank all recipes and models over the tables that all have results of.

    Parameters
    ----------
    rows : list of dict
        As made by :func:`benchmarks.run.runner.run_unit`.
    unloaded : dict of key -> str
        Tables that are not there.

    Returns
    -------
    text : str
        In Markdown.
    """
    frame = label_rows(rows)
    ours = frame["model"].isin(STACKED)
    frame["label"] = frame["protocol"].where(ours, frame["model"])
    everything = set(frame["title"])
    frame, left_out = _leave_out_parts(leave_out_failures(frame))
    board, tables = leaderboard(frame)
    shown = frame[frame["title"].isin(tables)]
    lines = [
        f"{len(tables)} tables, {len(shown)} fits; the mean rank among "
        f"{len(board)}, with its 95 % bootstrap interval over tables.",
        *("", as_markdown(board), ""),
    ]
    if {DEFAULT} < set(shown["label"]):
        lines += [_against_default(shown), ""]
    if left_out:
        names = ", ".join(map(in_markdown, left_out))
        lines += [f"Left out, since no table has all of its folds: {names}.", ""]
    if everything > set(tables):
        names = ", ".join(map(in_markdown, sorted(everything - set(tables))))
        lines += [f"Left out, since not all of these have all folds: {names}.", ""]
    failed = sum(row["status"] != "ok" for row in rows)
    if failed or len(unloaded):
        lines.append(f"Fits that failed: {failed}. Tables not there: {len(unloaded)}.")
    return "\n".join(lines).strip() + "\n"


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
    """Count on how many tables the others do better than the default."""
    parts = [
        compare(frame, DEFAULT, score).set_index("label")
        for score in ("log_loss", "error")
    ]
    lines = [
        [
            label,
            *chain.from_iterable(
                (f"{part.won[label]}, {part.lost[label]}", f"{part.p[label]:.2g}")
                for part in parts
            ),
        ]
        for label in parts[0].index
    ]
    heads = ["model", "log-loss lower, higher", "p", "error lower, higher", "p"]
    about = (
        f"Tables on which each has a lower score than {DEFAULT}, or a higher one; p of "
        f"Wilcoxon's signed-rank test over tables, from {MIN_TABLES} on:"
    )
    return f"{about}\n\n{table_of_texts(heads, lines)}"


if __name__ == "__main__":
    sys.exit(main())
