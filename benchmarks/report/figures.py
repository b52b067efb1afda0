"""The report's figures, drawn from rows of results."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scikit_posthocs as posthocs

from skmixup import AlphaCurveDisplay

from ..compare.statistics import MIN_TABLES, corrected_t_test, test_to_train
from ..output.text import in_figure

SMALL = (3.4, 2.6)
NAMES = {"error": "test error (%)", "log_loss": "test log-loss"}


def alpha_curve(frame, score):
    """Draw a score of one table against α, ERM marked, with intervals.

    Parameters
    ----------
    frame : DataFrame
        The rows of one table that have an α, of one model.
    score : {"error", "log_loss"}
        Of the error, the clean training error is drawn too: the gap is the paper's
        subject.

    Returns
    -------
    figure : Figure
    """
    figure, ax = _new(SMALL)
    scale = 100 if score == "error" else 1
    has_gap = score == "error" and "train_error" in frame
    if has_gap:
        draw_curve(ax, frame, "train_error", scale, label="training, clean")
    draw_curve(ax, frame, score, scale, label="test")
    ax.set_ylabel(NAMES[score])
    low, high = ax.get_ylim()
    if low < high / 2:
        ax.set_ylim(bottom=0)
    if has_gap:
        ax.legend(frameon=False, fontsize=8)
    return figure


def draw_curve(ax, frame, score, scale, label):
    """Draw the mean over folds, and its interval for overlapping training folds."""
    groups = frame.groupby("alpha")
    ratio = test_to_train(frame)
    found = [
        corrected_t_test(scale * group[score].to_numpy(dtype=float), ratio)
        for _, group in groups
    ]
    means = [difference.mean for difference in found]
    errors = [difference.high - difference.mean for difference in found]
    display = AlphaCurveDisplay(
        alphas=list(groups.groups), means=means, errors=np.nan_to_num(errors)
    )
    display.plot(ax, label=label, markersize=4)


def reliability_diagram(frame, labels):
    """Draw accuracy against confidence for some models of a table.

    Parameters
    ----------
    frame : DataFrame
        The rows of one table, with `label` and `reliability`.
    labels : list of str
        Which models.

    Returns
    -------
    figure : Figure
        Points stand for bins of confidence, their areas for numbers of rows.
    """
    figure, ax = _new(SMALL)
    ax.plot([0, 1], [0, 1], color="gray", linewidth=0.8)
    for label in labels:
        of_label = frame.loc[frame["label"] == label, "reliability"].dropna()
        bins = pd.DataFrame(
            [cell for cells in of_label for cell in cells],
            columns=["bin", "confidence", "rows", "correct"],
        )
        if bins.empty:
            continue
        sums = bins.groupby("bin").sum()
        sizes = 60 * sums["rows"] / sums["rows"].max() + 6
        at, height = sums["confidence"] / sums["rows"], sums["correct"] / sums["rows"]
        (line,) = ax.plot(at, height, linewidth=1)
        ax.scatter(
            *(at, height, sizes),
            color=line.get_color(),
            alpha=0.7,
            label=in_figure(label),
        )
    ax.set(xlabel="confidence", ylabel="accuracy")
    if ax.collections:
        ax.legend(frameon=False, fontsize=8)
    return figure


def critical_difference(scores, title):
    """Draw mean ranks over tables; a bar joins those that Nemenyi's test can't tell.

    Parameters
    ----------
    scores : DataFrame
        Mean scores, a row for each table and a column for each model.
    title : str
        What is ranked.

    Returns
    -------
    figure : Figure or None
        None if there are too few tables or models.
    """
    scores = scores.dropna(axis=1).rename(columns=in_figure)
    if len(scores) < MIN_TABLES or scores.shape[1] < 3:
        return None
    ranks = scores.rank(axis=1).mean()
    p = posthocs.posthoc_nemenyi_friedman(scores.to_numpy())
    p.index = p.columns = scores.columns
    figure, ax = _new((7.2, 0.6 + 0.23 * scores.shape[1]))
    posthocs.critical_difference_diagram(
        ranks,
        p,
        ax=ax,
        label_fmt_left="{label} {rank:.2f}  ",
        label_fmt_right="  {label} {rank:.2f}",
    )
    ax.set_title(in_figure(title), fontsize=9)
    return figure


def fit_times(frame):
    """Draw the time that a fit takes, over tables.

    Parameters
    ----------
    frame : DataFrame
        Rows with `label`, `title` and `fit_seconds`.

    Returns
    -------
    figure : Figure
        One box a model, of the tables' mean times.
    """
    means = frame.groupby(["label", "title"])["fit_seconds"].mean().unstack("label")
    order = means.median().sort_values().index
    figure, ax = _new((6.4, 0.8 + 0.24 * len(order)))
    columns = [means[label].dropna() for label in order]
    ax.boxplot(columns, orientation="horizontal", tick_labels=[*map(in_figure, order)])
    if (means > 0).any(axis=None):  # otherwise there is nothing that a log can show
        ax.set_xscale("log")
    ax.set_xlabel("seconds for a fit, one thread")
    ax.grid(axis="x", alpha=0.3)
    return figure


def panels(n, height=3.4):
    """Make a figure with panels side by side.

    Parameters
    ----------
    n : int
        Number of panels.
    height : float, default=3.4
        Inches.

    Returns
    -------
    figure : Figure
    axes : array of Axes, shape (n,)
    """
    size = (3.2 * n, height)
    figure, axes = plt.subplots(1, n, figsize=size, layout="constrained", squeeze=False)
    return figure, axes[0]


def legend_below(figure, ax, n_columns, fontsize=8):
    """Put the legend of one panel below all of them.

    Parameters
    ----------
    figure : Figure
    ax : Axes
        Whose lines have labels.
    n_columns : int
    fontsize : float, default=8
        Points.
    """
    figure.legend(
        *ax.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=n_columns,
        frameon=False,
        fontsize=fontsize,
    )


def _new(size):
    return plt.subplots(figsize=size, layout="constrained")
