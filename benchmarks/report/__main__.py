"""One page that shows a run: ``python -m benchmarks.report DIR``.

Reads result files only, and writes ``report.html``, which needs nothing else, the same
figures as PNG in ``figures/``, the tables as Markdown in ``report.md``, and the rows as
``results.parquet``.
"""

import sys
from pathlib import Path

from ..output.text import say, show
from ..run.cli import Parser
from ..run.results import FILE_NAME, PARQUET_NAME, read_rows
from .page import TITLE, has_results, write_report


def main(argv=None):
    """Write the report.

    Parameters
    ----------
    argv : list of str or None, default=None
        Arguments of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is nothing to report, otherwise 0.
    """
    parser = Parser(
        prog="python -m benchmarks.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of benchmarks.uci")
    parser.add_argument("--title", default=TITLE)
    options = parser.parse_args(argv)
    try:
        rows = read_rows(options.folder)
    except OSError:
        parser.error(f"{options.folder} holds no {FILE_NAME} and no {PARQUET_NAME}")
    except ValueError as error:
        parser.error(str(error))
    if not has_results(rows):
        say(f"No result of a classifier in {options.folder}")
        return 1
    try:
        write_report(rows, options.folder, options.title)
    except OSError as error:
        parser.error(f"cannot write to {options.folder}: {error.strerror or error}")
    show(f"wrote {options.folder / 'report.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
