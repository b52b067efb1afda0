"""mixup against wrong labels: how much of them is memorized, and what that costs.

``python -m benchmarks.studies.label_noise`` replaces some of the training labels at
random, and compares plain training (ERM), dropout, mixup and both with forests, at the
last epoch and at the best (Zhang et al., "mixup", 2017, section 3.4).
"""

import sys
from functools import partial

import pandas as pd

from ...compare.pairing import against, complete_folds, demand
from ...models.protocols import DEFAULT
from ...output.text import frame_as_markdown, in_figure
from ...report.figures import legend_below, panels
from ...run.cli import add_alphas, jobs_of, up_to
from ...run.fit import fit_models
from ...run.schema import SCORES, Schema
from ..study import Study, run_study
from .epoch_curves import FIELDS, WATCHED, fit_watched

ERM, DROPOUT = "ERM", "dropout"
_NAMES = {
    "forest": "random forest",
    "hist_gradient_boosting": "HistGradientBoosting",
}
_PERCENT = "{:.1f}".format
SHOWN = 0.5  # the noise that the curves and the sentence are about, if it is run


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [1.0, 8.0, 32.0])
    parser.add_argument(
        "--noises",
        nargs="+",
        type=up_to(1),
        default=[0.0, 0.2, 0.5, 0.8],
        metavar="P",
        help="shares of the training labels that are replaced",
    )


def list_jobs(table, options):
    """List a table's jobs."""
    ways = [
        *({"models": ["mixup"], "protocol": protocol} for protocol in WATCHED),
        {"models": ["mixup"], "protocol": DEFAULT, "alphas": [0.1]},
        {"models": list(_NAMES), "protocol": None},
    ]
    return [
        job
        for noise in sorted(set(options.noises))
        for way in ways
        for job in jobs_of(table, options, noise=noise, **way)
    ]


def fit(table, jobs):
    """Fit those that are watched as one stack, and the others as always."""
    is_watched = jobs[0].protocol in WATCHED
    return (fit_watched if is_watched else fit_models)(table, jobs)


def name_of(row):
    """Return the name of what a row trained."""
    if row["model"] != "mixup":
        return _NAMES[row["model"]]
    if row["protocol"] == DEFAULT:
        return "MixupClassifier()"
    drops = "dropout" in row["protocol"]
    if row["alpha"] == 0:
        return DROPOUT if drops else ERM
    return f"mixup α={row['alpha']:g}" + drops * " + dropout"


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
    frame = frame.assign(label=frame.apply(name_of, axis=1))
    demand(frame, "label", [ERM, DROPOUT])
    frame = complete_folds(frame, ["label", "noise"])
    order = list(frame["label"].unique())
    columns = ["error", "best_error", "wrong_error"]
    frame = frame.reindex(columns=frame.columns.union(columns))  # if none is wrong
    numbers = frame.astype(dict.fromkeys(columns, float))
    by_table = numbers.groupby(["label", "noise", "table"])[columns].mean()
    means = 100 * by_table.groupby(["label", "noise"]).mean()
    text = "\n\n".join(
        [
            f"Test error in %, mean over {frame['table'].nunique()} tables, by the "
            "share of training labels that were replaced at random: at the last epoch, "
            "and at the best (as if test labels could tell it); and of the wrongly "
            "labeled training rows, % whose wrong label is not predicted.",
            frame_as_markdown(_table(means, order)),
            sentence(by_table, order),
        ]
    )
    return text + "\n", {"label_noise": draw(means, frame, order)}


def _table(means, order):
    """Return the table's cells: a row for each model, three columns for each noise."""
    cells = {}
    for noise in means.index.unique("noise"):
        part = means.xs(noise, level="noise").reindex(order)
        heads = {"error": "last", "best_error": "best", "wrong_error": "not memorized"}
        for name, head in heads.items():
            if part[name].notna().any():
                texts = part[name].map(_PERCENT, na_action="ignore").fillna("")
                cells[f"{100 * noise:g} %: {head}"] = texts
    first = next(iter(cells.values()))
    return first.to_frame().assign(**cells)[list(cells)].rename_axis("model")


def sentence(by_table, order):
    """Compare mixup with ERM and with dropout at the last epoch.

    Parameters
    ----------
    by_table : DataFrame
        With index `label`, `noise`, `table` and column `error`.
    order : list of str
        The labels.

    Returns
    -------
    text : str
    """
    noise = _shown(by_table.index.unique("noise"))
    errors = 100 * by_table["error"].xs(noise, level="noise").unstack("label")
    found = [
        against(errors, name, [DROPOUT] if DROPOUT in name else [ERM, DROPOUT])
        for name in order
        if name.startswith("mixup ")
    ]
    return (
        f"At {100 * noise:g} % replaced labels, at the last epoch: {'; '.join(found)}."
    )


def _shown(noises):
    return SHOWN if SHOWN in noises else noises.max()


def draw(means, frame, order):
    """Draw test error and memorization against noise, and the error over epochs."""
    figure, (last, learned, epochs) = panels(3)
    noise = _shown(means.index.unique("noise"))
    watched = frame[frame["noise"] == noise]
    for label in order:
        part = means.loc[label]
        style = _style(label)
        color = "black" if label == list(_NAMES.values())[-1] else None
        (line,) = last.plot(
            *(100 * part.index, part["error"], style),
            **{"marker": ".", "label": in_figure(label), "color": color},
        )
        keep = {"color": line.get_color(), "linestyle": style}
        known = part["wrong_error"].dropna()
        learned.plot(100 * known.index, known, marker=".", **keep)
        _draw_curve(epochs, watched[watched["label"] == label], keep)
    last.set(ylabel="test error (%), last epoch", xlabel="labels replaced (%)")
    learned.set(ylabel="not memorized (%)", xlabel="labels replaced (%)")
    epochs.set(ylabel="test error (%)", xlabel="epoch")
    epochs.set_title(f"{100 * noise:g} % replaced", fontsize=9)
    legend_below(figure, last, 4)
    return figure


def _style(label):
    """Return a line's style: dashed with dropout, dotted for all but such networks."""
    if DROPOUT in label:
        return "--"
    return "-" if label == ERM or "α" in label else ":"


def _draw_curve(ax, rows, style):
    """Draw the mean test error over epochs."""
    curves = [point for curve in rows["curve"].dropna() for point in curve]
    if curves:
        points = pd.DataFrame(curves, columns=["epoch", "error"])
        means = 100 * points.groupby("epoch")["error"].mean()
        ax.plot(means.index, means, **style)


STUDY = Study(
    name="label_noise",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    schema=Schema(
        protocols=tuple(WATCHED),
        fields=FIELDS,
        needed=(*SCORES, "best_error", "curve", "noise"),
    ),
    add_options=add_options,
    folds=2,  # for the time it takes
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
