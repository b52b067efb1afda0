"""mixup against plain training and other classifiers on UCI's tables.

``python -m benchmarks.uci`` needs no network and takes some minutes on two cores.
``python -m benchmarks.uci --help`` lists what else it can do.
"""

import argparse
import re
import sys
from itertools import chain

import joblib
from tqdm.auto import tqdm

from ._jobs import Job, make_jobs, make_units, rare_classes
from ._models import MODELS, PROTOCOLS, SEARCHES, is_installed
from ._results import Results
from ._runner import Interrupted, NoCluster, run_units
from ._summary import (
    COMPARISON_KEY,
    ERM,
    TITLE_WIDTH,
    against_erm,
    as_text,
    label_rows,
    summarize,
)
from ._tables import SUITES, Task, group_by_reason, load_all, read_suite

MAX_FAILURES_SHOWN = 10
_ADDRESS = re.compile(r"(tcp|tls|wss?)://.+:\d+")


def main(argv=None):
    """Run the benchmark.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is no result at all, 2 if results can't be written or the cluster
        doesn't answer or is lost, 130 if interrupted, otherwise 0.
    """
    options = _parse(argv)
    try:
        results = Results(options.out)
    except OSError as error:
        return cannot_write(options.out, error)
    kept = f"; the same command goes on from {options.out}" if options.out else ""
    try:
        tables, unloaded = load_all(options.keys, say)
        tables = _large_enough(tables, options.folds, unloaded)
        jobs = {table: _jobs(table, options) for table in tables}
        run_jobs(
            jobs,
            results,
            n_jobs=options.n_jobs,
            scheduler=options.scheduler,
            keep_predictions=options.predictions,
        )
    except NoCluster as error:
        say(f"{error}{kept}.")
        return 2
    except OSError as error:
        return cannot_write(options.out, error)
    except (KeyboardInterrupt, Interrupted):
        say(f"Interrupted{kept}.")
        return 130
    rows = results.rows(chain(*jobs.values()))
    _report(rows, unloaded)
    return 0 if any(row["status"] == "ok" for row in rows) else 1


def cannot_write(folder, error):
    """Say that results can't be written, and return the status that says so."""
    say(f"Cannot write to --out {folder}: {error.strerror or error}")
    return 2


def _large_enough(tables, folds, unloaded):
    """Return the tables that can be split; say what is wrong with the others."""
    kept = []
    for table in tables:
        if table.splits is not None:  # a task's own
            kept.append(table)
        elif len(table.X) < folds:
            unloaded[table.name] = f"fewer rows ({len(table.X)}) than {folds} folds"
            say(f"{table.name} has {unloaded[table.name]}: left out")
        else:
            kept.append(table)
            if message := rare_classes(table.y, folds):
                say(f"Warning: {table.name}: {message}")
    return kept


def run_jobs(jobs, results, *, n_jobs, scheduler=None, keep_predictions=False):
    """Run the jobs that aren't finished, each row on disk as soon as it is known.

    Parameters
    ----------
    jobs : dict of Table -> list of Job
        What to run.
    results : Results
        Where the rows go.
    n_jobs : int
        Processes on this machine.
    scheduler : str, default=None
        Address of a Dask scheduler, whose workers run the jobs instead.
    keep_predictions : bool, default=False
        Whether to keep what is predicted for every test row.

    Raises
    ------
    NoCluster
        If the scheduler doesn't answer.
    """

    def is_finished(job):
        return results.is_finished(job) and (
            not keep_predictions or results.has_predictions(job)
        )

    n_all = sum(map(len, jobs.values()))
    todo = {
        table: [job for job in some if not is_finished(job)]
        for table, some in jobs.items()
    }
    n_todo = sum(map(len, todo.values()))
    _announce(n_all, n_todo, results)
    if not n_todo:
        return

    def is_wanted(unit):
        results.refresh()
        return not all(map(is_finished, unit.jobs))

    ran = run_units(
        [unit for table, some in todo.items() for unit in make_units(table, some)],
        n_jobs=n_jobs,
        scheduler=scheduler,
        is_wanted=is_wanted,
        keep_predictions=keep_predictions,
    )
    for outcomes in ran:
        for outcome in outcomes:
            results.add_environment(outcome.stamp)
            if outcome.predictions is not None:
                results.keep_predictions(Job.of(outcome.row), outcome.predictions)
        results.append([outcome.row for outcome in outcomes])


def _parse(argv):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.uci",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    _add_what(parser)
    _add_how(parser)
    options = parser.parse_args(argv)
    options.alphas = sorted({0.0, *options.alphas})
    options.models = _chosen_models(parser, options)
    if (options.backend == "dask") != (options.scheduler is not None):
        parser.error("--backend dask and --scheduler ADDRESS go together")
    if options.scheduler and not _ADDRESS.fullmatch(options.scheduler):
        parser.error(f"--scheduler {options.scheduler} is not like tcp://HOST:PORT")
    if options.predictions and options.out is None:
        parser.error("--predictions needs a folder to write to: --out DIR")
    try:
        options.keys = _keys(options)
    except ValueError as error:
        parser.error(f"--suite: {error}")
    return options


def _keys(options):
    """Return the keys of the tables to load, each once."""
    if options.datasets:
        return list(dict.fromkeys(options.datasets))
    if options.tasks:
        return [Task(number) for number in dict.fromkeys(options.tasks)]
    return list(read_suite(options.suite))


def _chosen_models(parser, options):
    """Return the models to run, each of them installed."""
    named = [name for name in options.models if name != "all"]
    models = [*named, *(SEARCHES if options.nested else ())]
    if "all" in options.models:
        others = [name for name in MODELS if name not in SEARCHES]
        models = [*filter(is_installed, others), *models]
    for name in named:
        if not is_installed(name):
            parser.error(
                f"model {name} is not installed: pip install -e '.[benchmarks,peers]'"
            )
    return list(dict.fromkeys(models))


def _add_what(parser):
    add = parser.add_argument
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument(
        "--suite",
        default="embedded",
        metavar="NAME|FILE",
        help=f"which tables: {', '.join(SUITES)}, or a file that lists OpenML ids",
    )
    tables.add_argument(
        "--tasks",
        nargs="+",
        type=int,
        metavar="ID",
        help="tasks of OpenML by id, with their own splits, instead of a suite",
    )
    tables.add_argument(
        "--datasets",
        nargs="+",
        type=int,
        metavar="ID",
        help="tables of OpenML by id, instead of a suite",
    )
    add(
        "--models",
        nargs="+",
        choices=[*MODELS, "all"],
        default=["mixup", "mlp"],
        help="mixup and its variants run once for every alpha; all are those that are "
        "installed",
    )
    add(
        "--nested",
        action="store_true",
        help="choose alpha inside every training fold too, and score that choice",
    )
    add(
        "--alphas",
        nargs="+",
        type=_alpha,
        default=[0.1, 0.4, 1.0],
        metavar="A",
        help="mixup's alphas; 0, which is plain training (ERM), is always run",
    )
    add(
        "--protocol",
        choices=PROTOCOLS,
        default="default",
        help="networks as they come, as in the mixup paper, or as skmixup's first were",
    )


def _add_how(parser):
    add = parser.add_argument
    add("--folds", type=at_least(2), default=5, help="folds of cross-validation")
    add(
        "--repeats",
        type=_repeats,
        default=1,
        help="repeats, each split anew; auto repeats small tables more often",
    )
    add("--seed", type=at_least(0), default=0, help="of folds and models")
    add(
        "--n-jobs",
        type=at_least(1),
        default=joblib.cpu_count(),
        help="processes, one thread each",
    )
    add(
        "--out",
        metavar="DIR",
        help="keep results in DIR; run with the same DIR again to resume",
    )
    add(
        "--predictions",
        action="store_true",
        help="keep what is predicted for every test row, as Parquet files in DIR",
    )
    add(
        "--backend",
        choices=["loky", "dask"],
        default="loky",
        help="processes on this machine, or the workers of a Dask cluster",
    )
    add("--scheduler", metavar="ADDRESS", help="of the Dask cluster: tcp://HOST:PORT")


def _repeats(text):
    if text == "auto" or text.isdecimal():
        return text if text == "auto" else at_least(1)(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor auto")


def _alpha(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number in [0, inf]")
    return value


def at_least(smallest):
    """Return what reads an integer of the command line, from `smallest` on."""

    def integer(text):
        value = int(text)
        if value < smallest:
            raise argparse.ArgumentTypeError(f"{text} is less than {smallest}")
        return value

    return integer


def _jobs(table, options):
    return make_jobs(
        table,
        options.models,
        options.alphas,
        protocol=options.protocol,
        folds=options.folds,
        repeats=options.repeats,
        seed=options.seed,
    )


def _announce(n_all, n_todo, results):
    if results.n_unreadable:
        n = results.n_unreadable
        say(f"Passed over {n} unreadable line{'s' * (n > 1)} in {results.path}")
    if n_todo < n_all:
        say(f"{n_all - n_todo} of {n_all} jobs were finished before")


def _report(rows, unloaded):
    if rows:
        summary = summarize(label_rows(rows, TITLE_WIDTH))
        print(f"\n{as_text(summary)}\n\nMean ± standard deviation over folds; * best.")
        if compared := against_erm(rows):
            print(f"\nAgainst {ERM}:\n{compared}\n{COMPARISON_KEY}")
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed[:MAX_FAILURES_SHOWN]:
        place = f"{row['table']}, repeat {row['repeat']}, fold {row['fold']}"
        print(f"Failed: {row['model']} on {place}: {row['message']}")
    if len(failed) > MAX_FAILURES_SHOWN:
        print(f"... and {len(failed) - MAX_FAILURES_SHOWN} more failed jobs.")
    for line in group_by_reason(unloaded):
        print(f"Not loaded: {line}")


def say(message):
    """Write a line to standard error, above a progress bar."""
    tqdm.write(message, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
