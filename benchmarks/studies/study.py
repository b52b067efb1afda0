"""What the studies of mixup's claims share: one way to run and to report them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from ..compare.summary import as_markdown as table_of_texts
from ..compare.summary import label_rows
from ..data.tables import group_by_reason, load_all
from ..output.files import write_figure, write_text_whole
from ..output.text import show
from ..report.figures import plt
from ..run.cli import (
    Parser,
    add_how,
    add_tables,
    large_enough,
    list_failures,
    parse,
    run_jobs,
    run_to_the_end,
    say,
)
from ..run.results import Results


class NothingToCompare(Exception):
    """Too much has failed for a report."""


def load_tables(options):
    """Load the tables that are asked for."""
    tables, unloaded = load_all(options.keys, say)
    return large_enough(tables, options.folds, unloaded), unloaded


@dataclass(frozen=True)
class Study:
    """What tells one study from another.

    Parameters
    ----------
    name : str
        Of its module, its folder and its files.
    about : str
        A line for ``--help``.
    jobs_of : callable
        Takes a table and the options, returns a list of jobs.
    report : callable
        Takes a frame of rows that went well, with `label`; returns a text in Markdown
        and a dict of figures by name.
    add_options : callable, default=None
        Takes the parser.
    load : callable, default=load_tables
        Takes the options, returns tables and what is not loaded; by default those of
        the benchmark.
    folds, repeats : int, default=3 and 1
        Of the cross-validation, if nothing else is said; 0 if there is none.
    has_tables : bool, default=True
        Whether the command line says which tables.
    """

    name: str
    about: str
    jobs_of: Callable
    report: Callable
    add_options: Callable | None = None
    load: Callable = load_tables
    folds: int = 3
    repeats: int = 1
    has_tables: bool = True


def run_study(study, argv=None):
    """Run a study: its jobs, then its table, its figures and its sentence.

    Parameters
    ----------
    study : Study
        Which.
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is no result at all, 2 if results can't be written or the cluster
        doesn't answer or is lost, 130 if interrupted, otherwise 0.
    """
    options = _parse(study, argv)
    return run_to_the_end(partial(_run, study, options), options.out)


def _run(study, options):
    results = Results(options.out)
    tables, unloaded = study.load(options)
    jobs = {table: study.jobs_of(table, options) for table in tables}
    run_jobs(jobs, results, n_jobs=options.n_jobs, scheduler=options.scheduler)
    rows = results.rows(chain(*jobs.values()))
    results.export()
    status = _report(study, rows, Path(options.out))
    for line in group_by_reason(unloaded):
        show(f"Not loaded: {line}")
    return status


def _parse(study, argv):
    parser = Parser(
        prog=f"python -m benchmarks.studies.{study.name}",
        description=study.about,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    if study.has_tables:
        add_tables(parser)
    if study.add_options is not None:
        study.add_options(parser)
    out = f"results/{study.name}"
    add_how(parser, folds=study.folds, repeats=study.repeats, out=out)
    options = parse(parser, argv)
    if options.alphas == [0]:
        parser.error("argument --alphas: there is none above 0 to compare with ERM")
    return options


def _report(study, rows, folder):
    """Write and print what was found."""
    for line in list_failures(rows):
        say(line)
    good = [row for row in rows if row["status"] == "ok"]
    if not good:
        say("There is no result.")
        return 1
    try:
        text, figures = study.report(label_rows(good))
    except NothingToCompare as error:
        say(str(error))
        return 1
    if len(good) < len(rows):
        text += f"\n{len(rows) - len(good)} of {len(rows)} fits failed.\n"
    write_text_whole(folder / f"{study.name}.md", text)
    for name, figure in figures.items():
        write_figure(folder / f"{name}.png", figure)
        plt.close(figure)
    show(text)
    files = ", ".join(f"{name}.png" for name in figures)
    say(f"In {folder}: {study.name}.md, {files}, and the rows.")
    return 0


def as_markdown(frame):
    """Lay a frame of texts out as a table of Markdown, its index first.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    text : str
    """
    lines = [[str(label), *cells] for label, *cells in frame.itertuples()]
    return table_of_texts([frame.index.name, *frame.columns], lines)


def complete_folds(frame, columns):
    """Return the rows of those folds that have a row for all that is compared.

    Parameters
    ----------
    frame : DataFrame
        With `table`, `repeat`, `fold`, and the columns that tell what is compared.
    columns : list of str

    Returns
    -------
    frame : DataFrame

    Raises
    ------
    NothingToCompare
        If there is no such fold.
    """
    kinds = frame.groupby(columns).ngroup()
    places = [frame[name] for name in ("table", "repeat", "fold")]
    complete = kinds.groupby(places).transform("nunique") == kinds.nunique()
    if not complete.any():
        raise NothingToCompare("No fold has results of all that is compared.")
    return frame[complete]


def demand(frame, column, values):
    """Raise NothingToCompare unless all values are there.

    Parameters
    ----------
    frame : DataFrame
    column : str
    values : iterable
    """
    for value in values:
        if value not in set(frame[column]):
            raise NothingToCompare(f"There is no result with {column} {value}.")


def against(errors, name, others):
    """Say on how many tables one has a lower error than others.

    Parameters
    ----------
    errors : DataFrame
        A row for each table, a column for each model.
    name : str
        Of the one.
    others : list of str

    Returns
    -------
    text : str
    """
    parts = []
    for other in others:
        difference = errors[name].mean() - errors[other].mean()
        word = "below" if difference < 0 else "not below"
        lower = int((errors[name] < errors[other]).sum())
        parts.append(
            f"{word} {other} ({errors[other].mean():.1f} %; lower on {lower} of "
            f"{len(errors)} tables)"
        )
    return f"{name} ({errors[name].mean():.1f} %) is " + " and ".join(parts)
