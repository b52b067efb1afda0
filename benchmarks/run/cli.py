"""What the scripts share: their options, running the jobs, and what they say."""

import argparse
import os
import re
import sys

import joblib

from ..data.suites import SUITES, read_id, read_suite
from ..data.tables import Task
from ..output.text import plain, say
from .cluster import NoCluster
from .folds import rare_classes
from .jobs import make_jobs
from .results import UnreadableResults
from .unit import Interrupted

MAX_FAILURES_SHOWN = 10
_ADDRESS = re.compile(r"(tcp|tls|wss?)://.+:\d+")


class Parser(argparse.ArgumentParser):
    """Reads a command line; what it says of that, or of files, steers no terminal."""

    def error(self, message):
        """Say on one line what is wrong, and end with status 2."""
        super().error(plain(message))


def add_tables(parser):
    """Add the options that say which tables.

    Parameters
    ----------
    parser : ArgumentParser
    """
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
        type=openml_id,
        metavar="ID",
        help="tasks of OpenML by id, with their own splits, instead of a suite",
    )
    tables.add_argument(
        "--datasets",
        nargs="+",
        type=openml_id,
        metavar="ID",
        help="tables of OpenML by id, instead of a suite; of the openml client's "
        "cache, XML, ARFF and Parquet files are read, no pickles, no links out of it",
    )


def add_alphas(parser, default, about="mixup's alphas"):
    """Add the option that says which α's; :func:`parse` adds α = 0 to them.

    Parameters
    ----------
    parser : ArgumentParser
    default : list of float
    about : str, default="mixup's alphas"
        What they are.
    """
    parser.add_argument(
        "--alphas",
        nargs="+",
        type=up_to(float("inf")),
        default=default,
        metavar="A",
        help=f"{about}; 0, which is plain training (ERM), is always run",
    )


OUT = "keep results in DIR; run with the same DIR again to resume"


def add_how(parser, folds=5, repeats=1, out=None, has_seed=True, about_out=OUT):
    """Add the options that say how often, where and into what it runs.

    Parameters
    ----------
    parser : ArgumentParser
    folds, repeats : int
        Of the cross-validation, if nothing else is said; 0 if there is none.
    out : str, default=None
        Where results go if nothing else is said; None for nowhere.
    has_seed : bool, default=True
        Whether the command line says which seed; else it is 0.
    about_out : str, default=OUT
        What is said of the folder.
    """
    add = parser.add_argument
    if folds:
        text = "folds of cross-validation"
        add("--folds", type=at_least(2), default=folds, help=text)
        add(
            "--repeats",
            type=n_repeats,
            default=repeats,
            help="repeats, each split anew; auto repeats small tables more often",
        )
    if has_seed:
        seed = at_least(0, 2**32 - 1)
        add("--seed", type=seed, default=0, help="of all that is drawn")
    add(
        "--n-jobs",
        type=at_least(1),
        default=joblib.cpu_count(),
        help="processes, one thread each",
    )
    add(
        "--out",
        type=folder,
        metavar="DIR",
        default=out,
        help=about_out,
    )
    add(
        "--backend",
        choices=["loky", "dask"],
        default="loky",
        help="processes on this machine, or the workers of a Dask cluster",
    )
    add("--scheduler", metavar="ADDRESS", help="of the Dask cluster: tcp://HOST:PORT")


def folder(text):
    """Read the name of a folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("names no folder")
    return text


def n_repeats(text):
    """Read a number of repeats, or "auto"."""
    if text == "auto" or text.isdecimal():
        return text if text == "auto" else at_least(1)(text)
    raise argparse.ArgumentTypeError(f"{text!r} is neither a number nor auto")


def openml_id(text):
    """Read an OpenML id of the command line."""
    try:
        return read_id(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def up_to(largest):
    """Return what reads a number of the command line, from 0 to `largest`."""

    def number(text):
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= largest:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no number in [0, {largest:g}]"
            )
        return value

    return number


def at_least(smallest, largest=None):
    """Return what reads an integer of the command line, of `smallest` to `largest`."""

    def integer(text):
        value = int(text)
        if value < smallest:
            raise argparse.ArgumentTypeError(f"{text} is less than {smallest}")
        if largest is not None and value > largest:
            raise argparse.ArgumentTypeError(f"{text} is more than {largest}")
        return value

    return integer


def parse(parser, argv):
    """Read a command line that has the options of both.

    Parameters
    ----------
    parser : ArgumentParser
    argv : list of str or None

    Returns
    -------
    options : Namespace
        With the `keys` of the tables, and sorted `alphas`: those that are told apart
        in six digits, as they are shown.
    """
    options = parser.parse_args(argv)
    if hasattr(options, "alphas"):
        options.alphas = sorted({0.0, *(float(f"{a:g}") for a in options.alphas)})
    if (options.backend == "dask") != (options.scheduler is not None):
        parser.error("--backend dask and --scheduler ADDRESS go together")
    if options.scheduler and not _ADDRESS.fullmatch(options.scheduler):
        parser.error(f"--scheduler {options.scheduler} is not like tcp://HOST:PORT")
    try:
        options.keys = _keys(options) if hasattr(options, "suite") else None
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


def jobs_of(table, options, models, **other):
    """List a table's jobs as the command line wants them.

    Parameters
    ----------
    table : Table
    options : Namespace
        From :func:`parse`.
    models : list of str
    **other
        For :func:`benchmarks.run.jobs.make_jobs`, beside or in place of the options.

    Returns
    -------
    jobs : list of Job
    """
    names = ("alphas", "folds", "repeats", "seed")
    return make_jobs(table, models, **{n: getattr(options, n) for n in names} | other)


def large_enough(tables, folds, unloaded):
    """Return the tables that can be split; say what is wrong with the others.

    Parameters
    ----------
    tables : list of Table
    folds : int
    unloaded : dict of key -> str
        Tables that are left out are added, with the reason.

    Returns
    -------
    tables : list of Table
    """
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


def run_to_the_end(run, folder, goes_on=True):
    """Run a script's work, and say why if it ends early.

    Parameters
    ----------
    run : callable
        Returns the status.
    folder : path-like or None
        Where the results go.
    goes_on : bool, default=True
        Whether what is there is not done again.

    Returns
    -------
    status : int
        That of `run`; 1 if nobody reads what it prints, 2 if results can't be read or
        written or the cluster doesn't answer or is lost, 130 if interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):  # no α where it can't be printed
        sys.stdout.reconfigure(errors="replace")
    what = "the same command goes on from" if goes_on else "what was measured is in"
    kept = f"; {what} {folder}" if folder else ""
    try:
        status = run()
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # So that Python's own flush at the end does not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except NoCluster as error:
        say(f"{error}{kept}.")
        return 2
    except UnreadableResults as error:
        say(f"{error}; repair it, or name another folder.")
        return 2
    except OSError as error:
        return _cannot_write(folder, error)
    except (KeyboardInterrupt, Interrupted):
        say(f"Interrupted{kept}.")
        return 130


def list_failures(rows):
    """Yield lines that say what failed, the first ones in full.

    Parameters
    ----------
    rows : list of dict

    Yields
    ------
    line : str
    """
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed[:MAX_FAILURES_SHOWN]:
        place = f"{row['table']}, repeat {row['repeat']}, fold {row['fold']}"
        yield f"Failed: {row['model']} on {place}: {row.get('message')}"
    if len(failed) > MAX_FAILURES_SHOWN:
        yield f"... and {len(failed) - MAX_FAILURES_SHOWN} more failed jobs."


def _cannot_write(folder, error):
    """Say that results can't be written, and return the status that says so."""
    where = f" ({error.filename})" if error.filename else ""
    say(f"Cannot write to --out {folder}: {error.strerror or error}{where}")
    return 2
