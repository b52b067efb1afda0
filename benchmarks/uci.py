"""mixup against plain training and other classifiers on UCI's tables.

``python -m benchmarks.uci`` needs no network and takes some minutes on two cores.
``python -m benchmarks.uci --help`` lists what else it can do.
"""

import argparse
import sys
from functools import partial
from itertools import chain

from .compare.summary import (
    COMPARISON_KEY,
    ERM,
    TITLE_WIDTH,
    against_erm,
    as_text,
    label_rows,
    summarize,
)
from .data.tables import group_by_reason, load_all
from .models.protocols import PROTOCOLS
from .models.registry import MODELS, SEARCHES, is_installed
from .output.text import plain, say, show
from .run.cli import (
    Parser,
    add_alphas,
    add_how,
    add_tables,
    jobs_of,
    large_enough,
    list_failures,
    parse,
    run_to_the_end,
)
from .run.results import Results
from .run.runner import run_jobs


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
    return run_to_the_end(partial(_run, options), options.out)


def _run(options):
    results = Results(options.out)
    tables, unloaded = load_all(options.keys, say)
    tables = large_enough(tables, options.folds, unloaded)
    jobs = {
        table: jobs_of(table, options, options.models, protocol=options.protocol)
        for table in tables
    }
    run_jobs(
        jobs,
        results,
        n_jobs=options.n_jobs,
        scheduler=options.scheduler,
        keep_predictions=options.predictions,
    )
    rows = results.rows(chain(*jobs.values()))
    _report(rows, unloaded)
    return 0 if any(row["status"] == "ok" for row in rows) else 1


def _parse(argv):
    parser = Parser(
        prog="python -m benchmarks.uci",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_tables(parser)
    _add_what(parser)
    add_how(parser)
    add = parser.add_argument
    add(
        "--predictions",
        action="store_true",
        help="keep what is predicted for every test row, as Parquet files in DIR",
    )
    options = parse(parser, argv)
    options.models = _chosen_models(parser, options)
    if options.predictions and options.out is None:
        parser.error("--predictions needs a folder to write to: --out DIR")
    return options


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
    add_alphas(parser, [0.1, 0.4, 1.0])
    add(
        "--protocol",
        choices=PROTOCOLS,
        default="default",
        help="networks as they come, as in the mixup paper, or as skmixup's first were",
    )


def _report(rows, unloaded):
    if rows:
        summary = summarize(label_rows(rows, TITLE_WIDTH))
        show(f"\n{as_text(summary)}\n\nMean ± standard deviation over folds; * best.")
        if compared := against_erm(rows):
            show(f"\nAgainst {ERM}:\n{compared}\n{COMPARISON_KEY}")
    for line in list_failures(rows):
        show(plain(line))
    for line in group_by_reason(unloaded):
        show(f"Not loaded: {line}")


if __name__ == "__main__":
    sys.exit(main())
