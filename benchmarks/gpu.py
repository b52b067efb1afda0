"""Fits on a GPU, against the same on the CPU: ``python -m benchmarks.gpu``.

A command of its own, and not an option of `benchmarks.speed`: a GPU is lent for some
minutes. So contests come in the order of what they tell, none is begun that the budget
has no time for, and the same command goes on where it stopped.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import torch

from .output.files import atomic_write_text, write_figure
from .output.text import say, show
from .run.cli import Parser, at_least, run_to_the_end, up_to
from .run.orphans import own_processes
from .run.row_file import RowFile
from .run.unit import interruptible
from .timing.devices import GOALS, REFERENCES, SECTIONS, contests_by_value
from .timing.measurements import Budget, Measurements, measure, those_that_went_well
from .timing.report import draw, make_report

FILE_NAME = "gpu.jsonl"


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
    return run_to_the_end(partial(_run, options), options.out)


def _run(options):
    results = RowFile(options.out, FILE_NAME, Measurements(SECTIONS))
    budget = Budget(options.budget)
    pieces = contests_by_value(options.device, options.quick)
    with own_processes(), interruptible():
        measure(pieces, options.repeats, results, not options.anew, budget)
    for what in budget.left_out:
        say(f"No time left for {what}: the same command goes on")
    rows = those_that_went_well(results.all_rows())
    if rows.empty:
        say(f"There is no measurement in {results.path}")
        return 1
    names = " and ".join(sorted({*rows["device"].dropna()} - {"cpu"}) or ["cpu"])
    report = make_report(f"The CPU, and {names}", rows, GOALS, REFERENCES)
    atomic_write_text(options.out / "gpu.md", report)
    write_figure(options.out / "gpu.png", draw(rows), dpi=120)
    show(report)
    return 0


def usable_device(text):
    """Read the name of a device that can compute here."""
    try:
        torch.ones(1, device=text).sum().item()
    except Exception as error:  # of as many kinds as there are devices
        why = str(error).split("\n")[0]
        raise argparse.ArgumentTypeError(f"{text} cannot be used: {why}") from error
    return text


def _parse(argv):
    parser = Parser(prog="python -m benchmarks.gpu", description=__doc__.split("\n")[0])
    add = parser.add_argument
    add(
        "--device",
        type=usable_device,
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="what is compared with the CPU: cuda, mps, or the CPU itself, for a look",
    )
    add(
        "--budget",
        type=up_to(1e6),
        default=600.0,
        metavar="SECONDS",
        help="no turn is begun that is expected to end later",
    )
    add("--repeats", type=at_least(1), default=2, help="turns, where none takes long")
    add("--quick", action="store_true", help="small work, for a look")
    add("--anew", action="store_true", help="begin a new run, and not go on with one")
    add(
        "--out",
        type=Path,
        default=Path("benchmarks/results/gpu"),
        metavar="DIR",
        help="where gpu.jsonl, gpu.md and gpu.png go",
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
