"""mixup's trade-off: training error, test error and their gap, by α and by width.

``python -m benchmarks.studies.alpha`` trains networks of several widths to the end, at
α from 0 to infinity. The mixup paper expects the training error to rise with α and the
gap to fall, and conjectures that larger networks suffer less from a large α (its
discussion).
"""

import sys
from functools import partial

import numpy as np

from ..compare.pairing import complete_folds
from ..models.protocols import ALONE, without_bins
from ..output.text import frame_as_markdown
from ..report.figures import legend_below, panels
from ..run.cli import add_alphas, at_least, jobs_of
from ..run.fit import fit_models
from ..run.schema import SCORES, Schema
from .study import Study, run_study

COLUMNS = ["train_error", "error", "log_loss"]
WIDTHS = {f"2 x {width}, to the end": width for width in (8, 32, 128, 512)}
PARAMS = {
    protocol: ALONE | {"hidden_layer_sizes": (width, width)}
    for protocol, width in WIDTHS.items()
}


def params_of(model, protocol):
    """Return the parameters of networks of a width."""
    return PARAMS[protocol] | {"preprocess": without_bins()}


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.1, 0.4, 1.0, 4.0, 32.0, float("inf")])
    parser.add_argument(
        "--widths",
        nargs="+",
        type=at_least(1),
        choices=WIDTHS.values(),
        default=list(WIDTHS.values())[:-1],
        help="of both hidden layers",
    )


def list_jobs(table, options):
    """List a table's jobs: for each width a stack."""
    return [
        job
        for protocol, width in WIDTHS.items()
        if width in options.widths
        for job in jobs_of(table, options, ["mixup"], protocol=protocol)
    ]


def report(frame):
    """Say what was found.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.

    Returns
    -------
    text : str
        In Markdown.
    figures : dict of str -> Figure
    """
    frame = frame.assign(width=frame["protocol"].map(WIDTHS))
    frame = complete_folds(frame, ["width", "alpha"])
    numbers = frame.astype(dict.fromkeys(COLUMNS, float))
    by_table = numbers.groupby(["width", "alpha", "table"])[COLUMNS].mean()
    means = by_table.groupby(["width", "alpha"]).mean()
    means["gap"] = means["error"] - means["train_error"]
    text = "\n\n".join(
        [
            "Clean training error, test error and their gap in %, and test log-loss, "
            f"mean over {frame['table'].nunique()} tables.",
            frame_as_markdown(_table(means)),
            sentence(means),
        ]
    )
    return text + "\n", {"alpha": draw(means)}


def _table(means):
    percent = (100 * means[["train_error", "error", "gap"]]).map("{:.1f}".format)
    cells = percent.assign(log_loss=means["log_loss"].map("{:.3f}".format))
    cells.columns = ["training error", "test error", "gap", "log-loss"]
    cells.index = [f"2 x {width}, {a:g}" for width, a in cells.index]
    return cells.rename_axis("network, α")


def sentence(means):
    """Say how error and gap move with α, and whether width helps.

    Parameters
    ----------
    means : DataFrame
        With index `width`, `alpha` and columns `train_error`, `error`, `gap`.

    Returns
    -------
    text : str
    """
    points = 100 * means[["train_error", "error", "gap"]]
    least, most = points.index.unique("alpha")[[0, -1]]
    moved = points.xs(most, level="alpha") - points.xs(least, level="alpha")
    said = [
        f"2 x {width}: training error {row['train_error']:+.1f} points, test error "
        f"{row['error']:+.1f}, gap {row['gap']:+.1f}"
        for width, row in moved.iterrows()
    ]
    text = f"From α = {least:g} to {most:g}: {'; '.join(said)}."
    if len(moved) > 1:
        narrow, wide = moved["error"].iloc[[0, -1]]
        word = "less" if wide < narrow else "no less"
        text += f" The widest network suffers {word} from the largest α."
    return text


def draw(means):
    """Draw training error, test error, their gap and the log-loss against α."""
    figure, axes = panels(4)
    at = np.arange(len(means.index.unique("alpha")))
    names = {
        "train_error": "clean training error (%)",
        "error": "test error (%)",
        "gap": "gap (points)",
        "log_loss": "test log-loss",
    }
    for ax, (column, name) in zip(axes, names.items(), strict=True):
        for width in means.index.unique("width"):
            scale = 1 if column == "log_loss" else 100
            values = scale * means.loc[width, column]
            ax.plot(at, values, marker=".", label=f"2 x {width}")
        ax.set_xticks(at, [f"{a:g}" for a in means.index.unique("alpha")])
        ax.set(xlabel="α", ylabel=name)
    legend_below(figure, axes[0], len(means.index.unique("width")))
    return figure


STUDY = Study(
    name="alpha",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=partial(fit_models, params_of=params_of),
    schema=Schema(protocols=tuple(WIDTHS), needed=(*SCORES, "train_error")),
    add_options=add_options,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
