"""The report's figures, drawn from rows of results."""

from itertools import cycle

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scikit_posthocs as posthocs
from matplotlib.ticker import MaxNLocator, NullLocator

from skmixup import AlphaCurveDisplay

from ..compare.statistics import MIN_TABLES, corrected_t_test, test_to_train
from ..compare.summary import ERM
from ..output.text import in_figure

SMALL = (3.4, 2.6)
NAMES = {"error": "test error (%)", "log_loss": "test log-loss"}
# A color means the same in all figures of the page, where each is a variable.
COLORS = {
    "ink": "#1c2024",
    "erm": "#b3500a",
    "mixup": "#1f62b0",
    "kin": "#7d45b8",
    "mlp": "#1d7a46",
    "other": "#646c75",
}
_MODELS = {"mixup": "mixup", "manifold": "kin", "cutmix": "kin", "mlp": "mlp"}
LEGEND_WIDTH = 40  # characters of all names that have room side by side
MIN_ROWS = 10  # of a bin whose share of hits says something
_INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor")
INK = dict.fromkeys((*_INKED, "xtick.color", "ytick.color"), COLORS["ink"])
INK["font.size"] = 9


def color_of(label):
    """Return the color that a model has in all figures.

    Parameters
    ----------
    label : str
        As in :func:`benchmarks.compare.summary.label_rows`.

    Returns
    -------
    color : str
    """
    if label == ERM:
        return COLORS["erm"]
    return COLORS[_MODELS.get(label.split(" ")[0].split("_")[0], "other")]


@plt.rc_context(INK)
def alpha_curve(frame, score):
    """Draw a score of one table against α, beside the level of plain training.

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
        The intervals are of the difference from α = 0 on the same folds: one that does
        not reach its level is a clear difference.
    """
    figure, ax = _new(SMALL)
    scale = 100 if score == "error" else 1
    frame = frame.astype({score: float, "alpha": float})
    means = scale * frame.groupby("alpha")[score].mean()
    at = np.arange(len(means))
    reach = [scale * _reach(frame, alpha, score) for alpha in means.index]
    is_erm = means.index == 0
    ends = []
    if is_erm.any():
        level = means.iloc[0]
        ax.axhline(level, color=COLORS["erm"], linestyle="--", linewidth=1)
        ax.plot(0, level, "o", color=COLORS["erm"], markersize=5)
        ends.append((level, "ERM", COLORS["erm"]))
    mixed = ~is_erm
    ax.errorbar(
        *(at[mixed], means[mixed], np.array(reach)[mixed]),
        color=COLORS["mixup"],
        marker="o",
        markersize=5,
        linewidth=1.5,
        elinewidth=1,
        capsize=4,
    )
    if mixed.any():
        ends.append((means.iloc[-1], "mixup", COLORS["mixup"]))
    if (
        score == "error"
        and "train_error" in frame
        and frame["train_error"].notna().any()
    ):
        training = frame.astype({"train_error": float}).groupby("alpha")["train_error"]
        heights = scale * training.mean()
        style = {"color": COLORS["other"], "linestyle": ":", "marker": "."}
        ax.plot(at, heights, **style)
        ends.append((heights.iloc[-1], "training", COLORS["other"]))
    ax.set_xticks(at, [_tick(alpha) for alpha in means.index])
    ax.set(xlabel="α", ylabel=NAMES[score])
    ax.margins(x=0.08)
    low, high = ax.get_ylim()
    if low < high / 2:
        ax.set_ylim(bottom=-0.03 * high)
    _name_ends(ax, ends)
    return figure


def _reach(frame, alpha, score):
    """Return half the interval of the difference from α = 0, 0 where there is none."""
    place = [name for name in ("repeat", "fold") if name in frame]
    first, second = (
        frame[frame["alpha"] == one].groupby(place)[score].mean() for one in (alpha, 0)
    )
    differences = (first - second).dropna()
    if alpha == 0 or differences.empty:
        return 0.0
    found = corrected_t_test(differences, test_to_train(frame))
    return float(np.nan_to_num(found.high - found.mean))


def _tick(alpha):
    if alpha == 0:
        return "0"
    return "∞" if np.isinf(alpha) else f"{alpha:g}"


def _name_ends(ax, ends, apart=0.1):
    """Name lines at the right of a panel, at their heights or as near as there is room.

    Parameters
    ----------
    ax : Axes
        Its limits are set.
    ends : list of (float, str, str)
        Height, name and color of each line.
    apart : float, default=0.1
        Least distance of two names, as a share of the panel's height.
    """
    low, high = ax.get_ylim()
    ends = sorted(ends)
    heights = [(height - low) / (high - low or 1) for height, *_ in ends]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + apart)
    for i in reversed(range(len(heights))):
        most = 1.0 if i == len(heights) - 1 else heights[i + 1] - apart
        heights[i] = min(heights[i], most)
    for height, (_, name, color) in zip(heights, ends, strict=True):
        place = {"xycoords": "axes fraction", "va": "center", "annotation_clip": False}
        ax.annotate(name, (1.02, height), color=color, fontsize=8.5, **place)


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


@plt.rc_context(INK)
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
    figure : Figure or None
        Points stand for bins of confidence of `MIN_ROWS` rows or more, their areas for
        numbers of rows. None where no model has two such bins.
    """
    bins = {label: _bins(frame, label) for label in labels}
    if max(map(len, bins.values()), default=0) < 2:
        return None
    n_columns = len(labels) if sum(map(len, labels)) < LEGEND_WIDTH else 1
    width, height = SMALL
    figure, ax = _new((width, height + 0.17 * (len(labels) // n_columns - 1)))
    ax.plot([0, 1], [0, 1], color=COLORS["other"], linewidth=0.8)
    lowest = 1.0
    for (label, sums), mark in zip(bins.items(), cycle("os^Dv"), strict=False):
        if sums.empty:
            continue
        sizes = 60 * sums["rows"] / sums["rows"].max() + 10
        at, height = sums["confidence"] / sums["rows"], sums["correct"] / sums["rows"]
        color = color_of(label)
        ax.plot(at, height, linewidth=1, color=color)
        about = {"color": color, "alpha": 0.8, "label": in_figure(label)}
        ax.scatter(at, height, sizes, marker=mark, linewidths=0, **about)
        lowest = min(lowest, at.min(), height.min())
    start = max(0.0, lowest - 0.06)
    ax.set(xlabel="confidence", ylabel="accuracy")
    ax.set(xlim=(start, 1.03), ylim=(start, 1.03))
    legend = figure.legend(
        *ax.get_legend_handles_labels(),
        loc="outside upper left",
        ncols=n_columns,
        frameon=False,
        fontsize=8,
        columnspacing=0.9,
        handletextpad=0.2,
    )
    for handle in legend.legend_handles:
        handle.set_sizes([30])
    return figure


def _bins(frame, label):
    """Return the sums of a model's bins that hold enough rows."""
    of_label = frame.loc[frame["label"] == label, "reliability"].dropna()
    bins = pd.DataFrame(
        [cell for cells in of_label for cell in cells],
        columns=["bin", "confidence", "rows", "correct"],
    )
    sums = bins.groupby("bin").sum()
    return sums[sums["rows"] >= MIN_ROWS]


@plt.rc_context(INK)
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
        crossbar_props={"color": COLORS["ink"]},
        color_palette={label: color_of(label) for label in scores.columns},
        label_fmt_left="{label} {rank:.2f}  ",
        label_fmt_right="  {label} {rank:.2f}",
    )
    ax.set_title(in_figure(title), fontsize=9)
    return figure


@plt.rc_context(INK)
def fit_times(frame):
    """Draw the time that a fit takes, over tables.

    Parameters
    ----------
    frame : DataFrame
        Rows with `label`, `title` and `fit_seconds`.

    Returns
    -------
    figure : Figure
        A line a model: a point for each table's mean time, and a bar at their median.
    """
    means = frame.groupby(["label", "title"])["fit_seconds"].mean().unstack("label")
    order = means.median().sort_values(ascending=False).index
    width = 4.0 if max(map(len, order)) < LEGEND_WIDTH else 6.4
    figure, ax = _new((width, 0.8 + 0.24 * len(order)))
    for height, label in enumerate(order):
        times = means[label].dropna()
        color = color_of(label)
        ax.plot(times, [height] * len(times), "o", color=color, markersize=4, alpha=0.6)
        ax.plot(times.median(), height, "|", color=color, markersize=14, mew=2)
    ax.set_yticks(range(len(order)), [*map(in_figure, order)])
    ax.set_ylim(-0.6, len(order) - 0.4)
    if (means > 0).any(axis=None):  # otherwise there is nothing that a log can show
        ax.set_xscale("log")
    ax.set_xlabel("seconds for a fit, one thread")
    ax.grid(axis="x", alpha=0.3)
    return figure


def show_ratios(ax):
    """Let the y-axis be logarithmic, with plain numbers at its ticks.

    Parameters
    ----------
    ax : Axes
    """
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())


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
