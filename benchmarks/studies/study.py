"""What all studies share: what they declare, and one way to run and to report them."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from ..compare.pairing import NothingToCompare
from ..compare.summary import label_rows
from ..data.tables import group_by_reason, load_all
from ..output.files import atomic_write_text, write_figure
from ..output.text import say, show
from ..report.figures import plt
from ..run.cli import (
    Parser,
    add_how,
    add_tables,
    large_enough,
    list_failures,
    parse,
    run_to_the_end,
)
from ..run.fit import fit_models
from ..run.measure import measure
from ..run.results import Results
from ..run.runner import run_jobs
from ..run.schema import CLASSIFIERS, Schema
from ..run.unit import interruptible


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
        Takes a frame of rows that went well, with `title` and `label`; returns a text
        in Markdown and a dict of figures by name. Raises NothingToCompare.
    fit : callable, default=fit_models
        Takes a table and jobs that run at once, and yields a `benchmarks.run.fit.Fit`
        for each of them. Like `measure`, it is sent to other processes.
    measure : callable, default=measure
        Takes a table and a `Fit`, and returns measures for the row, and predictions or
        None.
    schema : Schema, default=CLASSIFIERS
        The study's own protocols, and what rows of these hold.
    add_options : callable, default=None
        Takes the parser.
    settle : callable, default=None
        Takes the parser and the options, and settles what depends on several of them.
    load : callable, default=load_tables
        Takes the options, returns tables and what is not loaded; by default those of
        the benchmark.
    file_name : callable, default=None
        Takes the options, returns the name of the report; by default, `name`.
    folds, repeats : int, default=3 and 1
        Of the cross-validation, if nothing else is said; 0 if there is none.
    has_tables, has_seed : bool, default=True
        Whether the command line says which tables, and which seed.
    needs_folder : bool, default=True
        Whether results are kept in ``results/NAME`` if nothing else is said.
    tells_failures : bool, default=False
        Whether `report` is given the rows that went wrong too.
    """

    name: str
    about: str
    jobs_of: Callable
    report: Callable
    fit: Callable = fit_models
    measure: Callable = measure
    schema: Schema = CLASSIFIERS
    add_options: Callable | None = None
    settle: Callable | None = None
    load: Callable = load_tables
    file_name: Callable | None = None
    folds: int = 3
    repeats: int = 1
    has_tables: bool = True
    has_seed: bool = True
    needs_folder: bool = True
    tells_failures: bool = False


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
    options = parse_options(study, argv)
    return run_to_the_end(partial(_run, study, options), options.out)


def _run(study, options):
    results = Results(options.out, study.schema)
    with interruptible():
        tables, unloaded = study.load(options)
    jobs = {table: _jobs_of(study, table, options, results) for table in tables}
    how = {"fit": study.fit, "measure": study.measure}
    how |= {"n_jobs": options.n_jobs, "scheduler": options.scheduler}
    run_jobs(jobs, results, **how)
    rows = results.rows(chain(*jobs.values()))
    results.export()
    with interruptible():
        status = _report(study, rows, unloaded, options)
    for line in group_by_reason(unloaded):
        show(f"Not loaded: {line}")
    return status


def _jobs_of(study, table, options, results):
    """List a table's jobs; of models that are not installed, those that are done."""
    models = study.schema.models
    return [
        job
        for job in study.jobs_of(table, options)
        if models[job.model].is_installed or results.is_finished(job)
    ]


def parse_options(study, argv=None):
    """Read a study's command line.

    Parameters
    ----------
    study : Study
    argv : list of str or None, default=None

    Returns
    -------
    options : Namespace
    """
    parser = Parser(
        prog=f"python -m benchmarks.studies.{study.name}",
        description=study.about,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    if study.has_tables:
        add_tables(parser)
    if study.add_options is not None:
        study.add_options(parser)
    add_how(
        parser,
        folds=study.folds,
        repeats=study.repeats,
        out=f"results/{study.name}" if study.needs_folder else None,
        has_seed=study.has_seed,
    )
    options = parse(parser, argv)
    if getattr(options, "alphas", None) == [0]:
        parser.error("argument --alphas: there is none above 0 to compare with ERM")
    if study.settle is not None:
        study.settle(parser, options)
    return options


def _report(study, rows, unloaded, options):
    """Write and print what was found."""
    for line in list_failures(rows):
        say(line)
    good = [row for row in rows if row["status"] == "ok"]
    if not good:
        say("There is no result.")
        return 1
    try:
        text, figures = study.report(label_rows(rows if study.tells_failures else good))
    except NothingToCompare as error:
        say(str(error))
        return 1
    n_failed = len(rows) - len(good)
    if n_failed or (unloaded and study.tells_failures):
        text += f"\nFits that failed: {n_failed}. Tables not there: {len(unloaded)}.\n"
    show(text)
    if options.out is not None:
        name = study.file_name(options) if study.file_name else study.name
        _write(Path(options.out), name, text, figures)
    for figure in figures.values():
        plt.close(figure)
    return 0


def _write(folder, name, text, figures):
    atomic_write_text(folder / f"{name}.md", text)
    for figure_name, figure in figures.items():
        write_figure(folder / f"{figure_name}.png", figure)
    files = ", ".join([f"{name}.md", *(f"{name}.png" for name in figures)])
    say(f"In {folder}: {files}, and the rows.")
