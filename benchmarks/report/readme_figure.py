"""Draw error and log-loss against α from the results of a run.

``python -m benchmarks.uci --out benchmarks/results/embedded`` makes the results and
``python -m benchmarks.report.readme_figure`` draws error and log-loss against α.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from skmixup import AlphaCurveDisplay

from ..output.files import write_figure
from ..output.text import in_figure, say, show
from ..run.cli import Parser
from ..run.results import read_rows
from .figures import NAMES, legend_below

RESULTS = Path(__file__).parents[1] / "results" / "embedded"


def draw(rows):
    """Return a figure: one column a table, error above and log-loss below.

    Parameters
    ----------
    rows : DataFrame
        Of a run with several α's and the model "mlp".
    """
    frame = rows[rows["status"] == "ok"]
    frame = frame.assign(error=100 * frame["error"])
    tables = list(frame["table"].unique())
    figure, axes = plt.subplots(
        2,
        len(tables),
        figsize=(2.6 * len(tables), 4.6),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for column, table in zip(axes.T, tables, strict=True):
        column[0].set_title(in_figure(table))
        for ax, figure_name in zip(column, NAMES, strict=True):
            _draw_panel(ax, frame[frame["table"] == table], figure_name)
            ax.set_xlabel("α" if ax is column[-1] else None)
    for ax, label in zip(axes[:, 0], NAMES.values(), strict=True):
        ax.set_ylabel(label)
    legend_below(figure, axes[0, 0], 2, fontsize=10)
    return figure


def _draw_panel(ax, frame, name):
    """Draw one score against α: mean and standard error over folds."""
    curve = frame[frame["alpha"].notna()].groupby("alpha")[name].agg(["mean", "sem"])
    display = AlphaCurveDisplay(
        alphas=list(curve.index), means=list(curve["mean"]), errors=list(curve["sem"])
    )
    display.plot(ax, label="MixupClassifier", markersize=4)
    mlp = frame.loc[frame["model"] == "mlp", name].mean()
    ax.axhline(mlp, color="gray", linestyle=":", label="MLPClassifier")
    ax.set_ylabel(None)
    ax.set_ylim(bottom=0)


def main(arguments=None):
    """Read the results, draw the figure and write it beside them.

    Parameters
    ----------
    arguments : list of str or None, default=None
        Of the command line; None for this process's.

    Returns
    -------
    status : int
        1 if there is nothing to draw, otherwise 0.
    """
    parser = Parser(
        prog="python -m benchmarks.report.readme_figure",
        description=__doc__.splitlines()[0],
    )
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="DIR")
    folder = parser.parse_args(arguments).results
    try:
        rows = read_rows(folder)
    except (OSError, ValueError) as error:
        parser.error(f"cannot read results in {folder}: {error}")
    drawn = [row for row in rows if row["model"] in ("mixup", "mlp")]
    if {row["model"] for row in drawn if row["status"] == "ok"} != {"mixup", "mlp"}:
        say(f"No results of mixup and mlp in {folder}")
        return 1
    try:
        write_figure(folder / "alpha.png", draw(pd.DataFrame(drawn)))
    except OSError as error:
        parser.error(f"cannot write to {folder}: {error.strerror or error}")
    show(f"wrote {folder / 'alpha.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
