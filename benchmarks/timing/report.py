"""The page on measurements: costs, ratios, goals."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ..output.text import as_markdown, in_figure, in_markdown

_OVERALL = "geometric mean"
_SUMMARIES = {
    "median": np.median,
    _OVERALL: lambda values: float(np.exp(np.mean(np.log(values)))),
    "largest": np.max,
    "smallest": np.min,
}
# Measures of a turn that have a table of their own, a competitor a column.
_BESIDE = {
    "log_loss": "Log-loss",
    "error": "Error",
    "peak": "Peak of memory, MiB",
    "us_a_step": "µs a step",
}
# Those that only some competitors have, a column each.
_DETAILS = {
    "n_rows": "rows trained on",
    "n_columns": "columns",
    "n_inputs": "inputs",
    "batch_size": "rows a batch",
    "epochs": "epochs",
    "steps": "steps",
    "us_a_step": "µs a step",
    "times_floor": "times the floor",
}
# Where a name may stand by its dot, best first: shifts in points, and what is aligned.
_LABEL_PLACES = (
    ((0, 8), {"ha": "center", "va": "bottom"}),
    ((0, -8), {"ha": "center", "va": "top"}),
    ((9, 0), {"ha": "left", "va": "center"}),
    ((-9, 0), {"ha": "right", "va": "center"}),
)


@dataclass(frozen=True)
class Goal:
    """What a figure should be.

    Parameters
    ----------
    about : str
        The figure's name.
    section, above : str
        Whose `measure` it is.
    below : str or None
        By whose it is divided; None for the figure itself.
    bound : str
        Such as ``<= 0.7``.
    settings : tuple of str, default=None
        Those of the section that count; None for all.
    measure : str, default="value"
        A key of `MEASURES`, or the cost.
    over : {"median", "geometric mean", "largest", "smallest"}, default="median"
        How the settings' medians over turns make one figure.
    """

    about: str
    section: str
    above: str
    below: str | None
    bound: str
    settings: tuple | None = None
    measure: str = "value"
    over: str = "median"

    def of(self, rows):
        """Return the figure's values, or none if nothing was measured."""
        return ratios(
            *(rows, self.section, self.settings, self.above, self.below),
            measure=self.measure,
        )

    def figure(self, values):
        """Return the one figure that is to meet the bound."""
        if self.over == "median":
            return float(np.median(values))
        medians = values.groupby("setting").median()
        return float(_SUMMARIES[self.over](medians))

    def is_met(self, values):
        """Tell whether the figure meets the bound."""
        relation, bound = self.bound.split()
        figure = self.figure(values)
        return figure <= float(bound) if relation == "<=" else figure >= float(bound)


def ratios(rows, section, settings, above, below, measure="value"):
    """Return the ratio of two competitors in each turn.

    Parameters
    ----------
    rows : DataFrame
    section : str
    settings : tuple of str, or None
        None for all of the section.
    above, below : str
        Competitors; `below` may be None for the value itself.
    measure : str, default="value"
        What is divided.

    Returns
    -------
    ratio : Series
        By setting and turn; empty if one of them was not measured.
    """
    here = rows[(rows["section"] == section) & rows[measure].notna()]
    if settings is not None:
        here = here[here["setting"].isin(settings)]
    index = ["setting", "repeat"]
    value = here.pivot_table(measure, index, "competitor", sort=False)
    if not {above, below or above} <= set(value.columns):
        return pd.Series(dtype=float)
    return (value[above] if below is None else value[above] / value[below]).dropna()


def make_report(title, rows, goals, references, ours=None):
    """Return the tables as Markdown: costs, ratios, and goals.

    Parameters
    ----------
    title : str
    rows : DataFrame
        From `benchmarks.timing.measurements.those_that_went_well`.
    goals : list of Goal
        Those of figures that were not measured are left out.
    references : dict of str -> list of str
        By what each section's competitors are divided.
    ours : str, default=None
        The competitor that, in sections without a reference, is divided by each of the
        others.

    Returns
    -------
    report : str
    """
    about = "Medians, with the lowest and the highest in brackets."
    parts = [f"# {title}", about]
    for section, here in rows.groupby("section", sort=False):
        parts += _section(section, here, references.get(section, []), ours)
    lines = []
    for goal in goals:
        values = goal.of(rows)
        if len(values):
            met = "met" if goal.is_met(values) else "missed"
            lines.append([goal.about, goal.bound, _spread(values, goal.figure), met])
    heads = ["figure", "goal", "measured", ""]
    parts += ["## Goals", as_markdown(heads, lines, len(heads))]
    return "\n\n".join(parts) + "\n"


def _section(section, rows, references, ours):
    """Yield the parts that a section has: costs, what was measured beside, ratios."""
    names = list(rows["competitor"].unique())
    settings = list(rows["setting"].unique())
    cost = partial(_ratio_of, rows, section, None)
    yield f"## {section}, in {in_markdown(' or '.join(rows['unit'].unique()))}"
    yield _table(settings, names, cost)
    for measure, title in _BESIDE.items():
        is_detail = measure in _DETAILS and rows["times_floor"].notna().any()
        if rows[measure].notna().any() and not is_detail:
            yield f"{title}:"
            yield _table(settings, names, partial(cost, measure=measure))
    for places in filter(None, rows["places"].dropna().unique()):
        yield f"From: {in_markdown(places)}"
    if rows["times_floor"].notna().any():
        yield f"Of the fits of {in_markdown(ours)}:"
        yield _details(rows[rows["times_floor"].notna()])
    for reference in references:
        others = [name for name in names if name != reference]
        if not others:
            continue
        yield f"Over {in_markdown(reference)}:"
        yield _table(settings, others, partial(_ratio_of, rows, section, reference))
    if ours in names and len(names) > 1 and not references:
        yield f"{in_markdown(ours)}, over each of the others:"
        yield _against_all(rows, section, ours, [n for n in names if n != ours])


def _ratio_of(rows, section, below, setting, name, measure="value"):
    return _spread(ratios(rows, section, (setting,), name, below, measure))


def _details(rows):
    """Lay out what there is to tell of each fit beside its cost."""
    there = [name for name in _DETAILS if rows[name].notna().any()]
    medians = rows.groupby("setting", sort=False)[there].median()
    lines = [
        [setting, *(_short(value) for value in values)]
        for setting, *values in medians.itertuples()
    ]
    return as_markdown(["", *(_DETAILS[name] for name in there)], lines)


def _against_all(rows, section, ours, others):
    """Lay out one competitor's cost over that of each other, and how it is overall."""
    found = {name: ratios(rows, section, None, ours, name) for name in others}
    medians = {name: ratio.groupby("setting").median() for name, ratio in found.items()}
    lines = [
        [setting, *(_short(medians[name].get(setting)) for name in others)]
        for setting in rows["setting"].unique()
    ]
    for about in (_OVERALL, "largest"):
        summary = _SUMMARIES[about]
        cells = [_short(summary(m)) if len(m) else "" for m in medians.values()]
        lines.append([about, *cells])
    return as_markdown(["", *others], lines)


def _short(value):
    if value is None or np.isnan(value):
        return ""
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def _spread(values, figure=np.median):
    """Return a figure as it is shown, with the lowest and the highest value."""
    if len(values) < 2:
        return "".join(f"{value:.3g}" for value in values)
    return f"{figure(values):.3g} [{values.min():.3g}, {values.max():.3g}]"


def _table(settings, names, cell):
    lines = [
        [setting, *(cell(setting, name) for name in names)] for setting in settings
    ]
    return as_markdown(["", *names], [x for x in lines if any(x[1:])], 1 + len(names))


def draw(rows):
    """Draw the medians, a panel for each section.

    Parameters
    ----------
    rows : DataFrame
        From `benchmarks.timing.measurements.those_that_went_well`.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    names = ["setting", "competitor", "unit"]
    rows = rows.assign(**rows[names].map(in_figure))
    groups = list(rows.groupby(["section", "unit"], sort=False))
    heights = [1.3 + 0.2 * here["setting"].nunique() for _, here in groups]
    figure = Figure(figsize=(11, sum(heights)), layout="constrained")
    axes = figure.subplots(
        len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights}
    )
    for ax, ((section, unit), here) in zip(axes[:, 0], groups, strict=True):
        median = here.pivot_table(
            "value", "setting", "competitor", "median", sort=False
        )
        for name, values in median.items():  # no bars: the axis has no zero
            ax.plot(values, values.index, "o", label=name, alpha=0.8)
        if (median > 0).any(axis=None):
            ax.set_xscale("log")
        ax.grid(axis="y", alpha=0.3)
        ax.invert_yaxis()
        ax.margins(y=0.5 / len(median))
        ax.set(xlabel=unit, title=section)
        ax.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def scatter(rows, ours):
    """Draw what models are worth against what they cost, over the tables of a section.

    Parameters
    ----------
    rows : DataFrame
        Of one section, with `log_loss`.
    ours : str
        The competitor that stands out.

    Returns
    -------
    figure : Figure or None
        None if there are no tables with results of all of at least two models.
    """
    losses = rows.pivot_table("log_loss", "setting", "competitor", "median")
    costs = rows.pivot_table("value", "setting", "competitor", "median")
    losses = losses.dropna()
    if losses.shape[1] < 2 or losses.empty:
        return None
    ranks = losses.rank(axis=1).mean()
    means = np.exp(np.log(costs.loc[losses.index].clip(lower=1e-6)).mean())
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    ax = figure.subplots()
    colors = {name: "C3" if name == ours else "0.35" for name in ranks.index}
    dots = []
    for name, rank in ranks.items():
        size = 9 if name == ours else 7
        dots += ax.plot(means[name], rank, "o", color=colors[name], markersize=size)
    cost = f"seconds for a fit, one thread (geometric mean over {len(losses)} tables)"
    ax.set(
        xlabel=cost,
        ylabel="mean rank in test log-loss (1: always lowest)",
        title="Models as they come: lower is better, further left is faster",
    )
    _scale_seconds(ax)
    figure.draw_without_rendering()  # from then on, places in points are known
    taken = [dot.get_window_extent() for dot in dots]
    for name, rank in ranks.items():
        weight = "bold" if name == ours else None
        style = {"color": colors[name], "weight": weight}
        taken.append(_label(ax, in_figure(name), (means[name], rank), taken, style))
    return figure


def _label(ax, name, dot, taken, style):
    """Write a name by a dot, where there is room, and return what it takes."""
    for n, (shift, sides) in enumerate(_LABEL_PLACES, 1):
        how = {"xytext": shift, "textcoords": "offset points"}
        label = ax.annotate(name, dot, **how, **sides, **style)
        room = label.get_window_extent()
        if n == len(_LABEL_PLACES) or not room.count_overlaps(taken):
            break
        label.remove()
    return room


def _scale_seconds(ax):
    """Scale by logarithm, and write seconds as a reader says them."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.margins(0.18)
    ax.grid(alpha=0.3)
