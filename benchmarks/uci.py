"""mixup against plain training and other classifiers on UCI's tables.

``python -m benchmarks.uci`` needs no network, takes a minute or two on two cores, and
writes a page, ``results/uci/report.html``. ``python -m benchmarks.uci --help`` lists
what else it can do.
"""

import argparse
import sys
from functools import partial
from itertools import chain
from pathlib import Path
from textwrap import fill

from .compare.findings import find
from .compare.summary import (
    ERM,
    TITLE_WIDTH,
    against_erm,
    as_text,
    label_rows,
    leave_out_failures,
    summarize,
)
from .data.tables import group_by_reason, load_all
from .models.protocols import PROTOCOLS
from .models.registry import MODELS, SEARCHES, is_installed
from .output.files import with_digest
from .output.text import plain, say, show
from .report.page import write_report
from .run.cli import (
    OUT,
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
from .run.environment import describe
from .run.results import Results
from .run.row_file import read_environments
from .run.runner import run_jobs

FOLDER = Path("results")
# What rows follow from: each setting of these has a folder of its own, unless told.
_SETTINGS = ("keys", "models", "alphas", "nested", "protocol")
_SETTINGS += ("folds", "repeats", "seed")


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
    say(f"Results go to {options.out}; Ctrl-C keeps those that are there")
    tables, unloaded = load_all(options.keys, say)
    tables = large_enough(tables, options.folds, unloaded)
    jobs = {
        table: jobs_of(table, options, options.models, protocol=options.protocol)
        for table in tables
    }
    _say_what_differs(results.rows(chain(*jobs.values())), options.out)
    run_jobs(
        jobs,
        results,
        n_jobs=options.n_jobs,
        scheduler=options.scheduler,
        keep_predictions=options.predictions,
    )
    rows = results.rows(chain(*jobs.values()))
    _report(rows, unloaded)
    if not any(row["status"] == "ok" for row in rows):
        return 1
    show(f"\nThe page: {write_report(results.all_rows(), Path(options.out))}")
    return 0


def _say_what_differs(rows, folder):
    """Say of results that are there what they were made with, if not with this."""
    now = describe()
    others = {row.get("environment") for row in rows if row["status"] == "ok"}
    others -= {now["id"], None}
    if not others:
        return
    stamps = [one for one in read_environments(folder) if one["id"] in others]
    differ = sorted(
        {n for one in stamps for n in one | now if one.get(n) != now.get(n)}
    )
    named = ", ".join(name for name in differ if name != "id") or "what made them"
    say(
        f"Note: {folder} has results of another run, which differs in: {named}. They "
        "are kept, not made anew; another --out DIR makes all anew"
    )


def _parse(argv):
    parser = Parser(
        prog="python -m benchmarks.uci",
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_tables(parser)
    _add_what(parser)
    # No "(default: None)": its default says so itself.
    about = f"%(default).0s{OUT}; by default {FOLDER / 'uci'}, or one for each setting"
    add_how(parser, about_out=about)
    add = parser.add_argument
    add(
        "--predictions",
        action="store_true",
        help="keep what is predicted for every test row, as Parquet files in DIR",
    )
    options = parse(parser, argv)
    options.models = _chosen_models(parser, options)
    if options.out is None:
        options.out = str(_folder_of(options, parser))
    return options


def _folder_of(options, parser):
    """Return the folder of all runs with these settings, and of no others."""
    usual = parse(parser, [])
    usual.models = _chosen_models(parser, usual)
    told = [(name, getattr(options, name)) for name in _SETTINGS]
    if told == [(name, getattr(usual, name)) for name in _SETTINGS]:
        return FOLDER / "uci"
    return FOLDER / with_digest(f"uci-{options.protocol}", repr(told))


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
        labeled = label_rows(rows, TITLE_WIDTH)
        text = as_text(summarize(labeled))
        show(f"\n{text}\n\nMean ± standard deviation over folds; * best.")
        if compared := against_erm(rows):
            show(f"\nAgainst {ERM}:\n{compared}")
        if found := find(leave_out_failures(labeled)):
            show(f"\n{fill(' '.join(found), 96)}")
    for line in list_failures(rows):
        show(plain(line))
    for line in group_by_reason(unloaded):
        show(f"Not loaded: {line}")


if __name__ == "__main__":
    sys.exit(main())
