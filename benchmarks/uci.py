"""mixup against plain training and other classifiers on UCI's tables.

``python -m benchmarks.uci`` needs no network and takes some minutes on two cores.
``python -m benchmarks.uci --help`` lists what else it can do.
"""

import argparse
import sys

import joblib

from ._models import MODELS, PROTOCOLS
from ._results import Results
from ._runner import make_jobs, rare_classes, run_jobs
from ._summary import COMPARISON_KEY, ERM, against_erm, as_text, summarize
from ._tables import SUITES, load

MAX_FAILURES_SHOWN = 10


def main(argv=None):
    """Run the benchmark.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is no result at all, otherwise 0.
    """
    options = _parse(argv)
    results = Results(options.out)
    tables, unloaded = _load_all(options.datasets or SUITES[options.suite])
    _warn_of_rare_classes(tables, options.folds)
    pairs = [(table, job) for table in tables for job in _jobs(table, options)]
    todo = [pair for pair in pairs if not results.is_finished(pair[1])]
    _announce(len(pairs), len(todo), results)
    for row in run_jobs(todo, options.n_jobs) if todo else ():
        results.append(row)
    rows = results.rows(job for _, job in pairs)
    _report(rows, unloaded)
    return 0 if any(row["status"] == "ok" for row in rows) else 1


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
    options.models = list(dict.fromkeys(options.models))
    options.datasets = list(dict.fromkeys(options.datasets or []))
    return options


def _add_what(parser):
    add = parser.add_argument
    tables = parser.add_mutually_exclusive_group()
    tables.add_argument(
        "--suite",
        choices=SUITES,
        default="embedded",
        help="the tables that scikit-learn ships, or the mixup paper's from OpenML",
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
        choices=MODELS,
        default=["mixup", "mlp"],
        help="mixup runs once for every alpha",
    )
    add(
        "--alphas",
        nargs="+",
        type=_alpha,
        default=[0.2, 0.4, 1.0],
        metavar="A",
        help="mixup's alphas; 0, which is plain training (ERM), is always run",
    )
    add(
        "--protocol",
        choices=PROTOCOLS,
        default="default",
        help="networks as they come, or as in the mixup paper",
    )


def _add_how(parser):
    add = parser.add_argument
    add("--folds", type=_at_least(2), default=5, help="folds of cross-validation")
    add("--repeats", type=_at_least(1), default=1, help="repeats, each split anew")
    add("--seed", type=_at_least(0), default=0, help="of folds and models")
    add(
        "--n-jobs",
        type=_at_least(1),
        default=joblib.cpu_count(),
        help="processes, one thread each",
    )
    add(
        "--out",
        metavar="DIR",
        help="keep results in DIR; run with the same DIR again to resume",
    )


def _alpha(text):
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not in [0, inf]")
    return value


def _at_least(smallest):
    def integer(text):
        value = int(text)
        if value < smallest:
            raise argparse.ArgumentTypeError(f"{text} is less than {smallest}")
        return value

    return integer


def _load_all(keys):
    """Load the tables; of those that can't be loaded, say why."""
    tables, unloaded = [], {}
    for key in keys:
        try:
            tables.append(load(key))
        except Exception as error:
            unloaded[key] = f"{type(error).__name__}: {error}"
            _say(f"Could not load table {key}: {unloaded[key]}")
    return tables, unloaded


def _warn_of_rare_classes(tables, folds):
    for table in tables:
        if message := rare_classes(table.y, folds):
            _say(f"Warning: {table.name}: {message}")


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
        _say(f"Passed over {results.n_unreadable} unreadable lines in {results.path}")
    if n_todo < n_all:
        _say(f"{n_all - n_todo} of {n_all} jobs were finished before")


def _report(rows, unloaded):
    if rows:
        summary = summarize(rows)
        print(f"\n{as_text(summary)}\n\nMean ± standard deviation over folds; * best.")
        if compared := against_erm(rows):
            print(f"\nAgainst {ERM}:\n{compared}\n{COMPARISON_KEY}")
    failed = [row for row in rows if row["status"] == "failed"]
    for row in failed[:MAX_FAILURES_SHOWN]:
        place = f"{row['table']}, repeat {row['repeat']}, fold {row['fold']}"
        print(f"Failed: {row['model']} on {place}: {row['message']}")
    if len(failed) > MAX_FAILURES_SHOWN:
        print(f"... and {len(failed) - MAX_FAILURES_SHOWN} more failed jobs.")
    for key, reason in unloaded.items():
        print(f"Not loaded: table {key}: {reason}")


def _say(message):
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
