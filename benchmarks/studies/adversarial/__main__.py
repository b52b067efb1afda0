"""mixup against adversarial rows: columns moved a little, in the worst direction.

``python -m benchmarks.studies.adversarial`` attacks networks trained with and without
mixup by the sign of the gradient, once (FGSM) and ten times, knowing the network (white
box) or another one (black box), and looks at them between training rows (Zhang et al.,
"mixup", 2017, section 3.5 and figure 2).
"""

import sys
from functools import partial

import pandas as pd

from ...compare.pairing import against, complete_folds, demand
from ...compare.summary import ERM
from ...output.text import frame_as_markdown, in_figure, say
from ...report.figures import legend_below, panels
from ...run.cli import add_alphas, jobs_of
from ...run.schema import SCORES, Schema
from ..study import Study, load_tables, run_study
from .attacks import ATTACKED, FIELDS, PARTS, SPAN, fit_attacked

SHOWN = 0.25  # the ε that the sentence is about


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.2, 1.0, 8.0])


def load(options):
    """Load the tables that have columns of numbers, which alone are moved."""
    tables, unloaded = load_tables(options)
    for table in tables:
        if not table.X.select_dtypes("number").shape[1]:
            unloaded[table.name] = "no columns of numbers, so nothing to move"
            say(f"{table.name} has {unloaded[table.name]}: left out")
    return [table for table in tables if table.name not in unloaded], unloaded


def list_jobs(table, options):
    """List a table's jobs."""
    return jobs_of(table, options, ["mixup"], protocol=ATTACKED)


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
    demand(frame, "label", [ERM])
    frame = complete_folds(frame, ["label"])
    order = list(frame["label"].unique())
    by_table = _with_both_parts(
        _long(frame, "attacks", ["box", "attack", "epsilon"], ["error"])
    )
    n_parted = by_table.loc[by_table["attack"].isin(PARTS), "table"].nunique()
    means = (
        100 * by_table.groupby(["label", "box", "attack", "epsilon"])["error"].mean()
    )
    kinds = by_table[["box", "attack"]].drop_duplicates().itertuples(index=False)
    sentences = [_sentence(by_table, order, *kind, SHOWN) for kind in kinds]
    text = "\n\n".join(
        [
            f"Test error in %, mean over {frame['table'].nunique()} tables, when the "
            "columns of numbers are moved by up to ε standard deviations; white box: "
            "against the network itself, black box: against another, trained without "
            "mixing. In and off the span: by as much, but along the gradient's part in "
            f"the span of the data ({100 * SPAN:g} % of its variance), or off it; mean "
            f"over the {n_parted} tables where there are both.",
            frame_as_markdown(_table(means, order)),
            *sentences,
        ]
    )
    return text + "\n", {"adversarial": draw(means, frame, order)}


def _long(frame, column, keys, values):
    """Return what is nested in a column, averaged over a table's folds."""
    parts = [
        pd.DataFrame(row[column], columns=[*keys, *values]).assign(
            label=row["label"], table=row["table"]
        )
        for row in frame.to_dict("records")
    ]
    keys = ["label", "table", *keys]
    return pd.concat(parts).groupby(keys, as_index=False).mean()


def _with_both_parts(by_table):
    """Leave out the moves in the span where it leaves nothing off it."""
    both = by_table.loc[by_table["attack"] == PARTS[1], "table"]
    return by_table[by_table["table"].isin(both) | ~by_table["attack"].isin(PARTS)]


def _table(means, order):
    cells = means.unstack("label")[order].map("{:.1f}".format)
    cells.index = [f"{box}, {name}, {e:g}" for box, name, e in cells.index]
    return cells.rename_axis("box, attack, ε")


def _sentence(by_table, order, box, attack, epsilon):
    part = by_table.query("box == @box and attack == @attack and epsilon == @epsilon")
    errors = 100 * part.pivot(index="table", columns="label", values="error")
    there = [name for name in order if name in errors and ERM in errors]
    found = [against(errors, name, [ERM]) for name in there if name != ERM]
    return f"At ε = {epsilon:g}, {attack}, {box} box: {'; '.join(found)}."


def draw(means, frame, order):
    """Draw the error against ε, and the network between training rows."""
    figure, axes = panels(5)
    clean = (
        100 * frame.groupby(["label", "table"])["error"].mean().groupby("label").mean()
    )
    line = _long(frame, "line", ["lam"], ["missed", "gradient"])
    line = line.groupby(["label", "lam"])[["missed", "gradient"]].mean()
    for label in order:
        for ax, box in zip(axes, ("white", "black"), strict=False):
            errors = means.loc[label, box, "FGSM"]
            (drawn,) = ax.plot(
                [0, *errors.index],
                [clean[label], *errors],
                **{"marker": ".", "label": in_figure(label)},
            )
            often = means.loc[label, box, "I-FGSM"]
            ax.plot(often.index, often, ":", color=drawn.get_color())
        for name, style in zip(PARTS, ("-", ":"), strict=True):
            if name in means.loc[label, "white"].index.unique("attack"):
                errors = means.loc[label, "white", name]
                axes[2].plot(errors.index, errors, style, color=drawn.get_color())
        axes[3].plot(line.loc[label].index, line.loc[label, "gradient"])
        axes[4].plot(line.loc[label].index, 100 * line.loc[label, "missed"])
    for ax, box in zip(axes, ("white", "black"), strict=False):
        ax.set(xlabel="ε (standard deviations)", ylabel="test error (%)")
        ax.set_title(f"{box} box; dotted: 10 steps", fontsize=9)
    axes[2].set(xlabel="ε (standard deviations)", ylabel="test error (%)")
    axes[2].set_title("in the data's span; dotted: off it", fontsize=9)
    axes[3].set(xlabel="λ, between training rows", ylabel="gradient of probabilities")
    axes[4].set(xlabel="λ, between training rows", ylabel="neither row's class (%)")
    legend_below(figure, axes[0], len(order))
    return figure


STUDY = Study(
    name="adversarial",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit_attacked,
    schema=Schema(
        protocols=(ATTACKED,), fields=FIELDS, needed=(*SCORES, "attacks", "line")
    ),
    add_options=add_options,
    load=load,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
