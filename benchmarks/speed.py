"""Speed, side by side in one run: ``python -m benchmarks.speed``.

Competitors take turns, several times over; what counts is the ratio of two of them
within a turn. Its median is printed with the lowest and the highest.
"""

import sys
from functools import partial
from pathlib import Path

from .output.files import atomic_write_text, write_figure
from .output.text import say, show
from .run.cli import Parser, at_least, run_to_the_end
from .run.orphans import own_processes
from .run.row_file import RowFile
from .run.unit import interruptible
from .timing.measurements import Measurements, measure, those_that_went_well
from .timing.report import draw, make_report, scatter
from .timing.sections import GOALS, ON_REQUEST, REFERENCES, SECTIONS
from .timing.tables import COMPETITORS, OURS, TABLES

FILE_NAME = "speed.jsonl"


def main(argv=None):
    """Measure, print and write the results.

    Parameters
    ----------
    argv : sequence of str, default=None
        By default the command line's.

    Returns
    -------
    status : int
        1 if there is no measurement at all, 2 if results can't be written, 130 if
        interrupted, otherwise 0.
    """
    options = _parse(argv)
    return run_to_the_end(partial(_run, options), options.out, goes_on=options.resume)


def _run(options):
    results = RowFile(options.out, FILE_NAME, Measurements(SECTIONS))
    with own_processes(), interruptible():
        measure(_chosen(options), options.repeats, results, options.resume)
    rows = those_that_went_well(results.all_rows())
    if rows.empty:
        say(f"There is no measurement in {results.path}")
        return 1
    report = report_on(rows)
    atomic_write_text(options.out / "speed.md", report)
    write_figure(options.out / "speed.png", draw(rows), dpi=120)
    figure = scatter(rows[rows["section"] == "tables"], OURS)
    if figure is not None:
        write_figure(options.out / "tables.png", figure, dpi=120)
    show(report)
    return 0


def report_on(rows):
    """Return the page in Markdown.

    Parameters
    ----------
    rows : DataFrame
        From `benchmarks.timing.measurements.those_that_went_well`.
    """
    return make_report("Speed", rows, GOALS, REFERENCES, OURS)


def _chosen(options):
    """Return the sections that are asked for, and what makes their contests."""
    which = {"tables": {"tables": options.tables, "models": options.models}}
    return [
        (name, partial(SECTIONS[name], options.quick, **which.get(name, {})))
        for name in options.sections
    ]


def _parse(argv):
    parser = Parser(prog="python -m benchmarks.speed")
    add = parser.add_argument
    add(
        "--sections",
        nargs="+",
        choices=SECTIONS,
        default=[name for name in SECTIONS if name not in ON_REQUEST],
        help=f"what to measure; by default all but {' and '.join(ON_REQUEST)}",
    )
    add(
        "--tables",
        nargs="+",
        type=int,
        choices=TABLES,
        default=TABLES,
        metavar="ID",
        help="the real tables, by OpenML's ids",
    )
    add(
        "--models",
        nargs="+",
        choices=COMPETITORS,
        default=tuple(COMPETITORS),
        help="what is fitted on the real tables",
    )
    turns = "turns that each competitor has, where none takes long"
    add("--repeats", type=at_least(1), default=5, help=turns)
    add("--quick", action="store_true", help="small work, for a look")
    add(
        "--resume",
        action="store_true",
        help="go on with the last run of each section, if it was made with what is "
        "here now: what it has is not measured again",
    )
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/speed"),
        metavar="DIR",
        help="where speed.jsonl, speed.md, speed.png and tables.png go",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
