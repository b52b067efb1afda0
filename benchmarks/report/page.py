"""The page of a report: what was found, scores, tests and figures."""

import io
import re
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt
from markupsafe import Markup

from ..compare.findings import find
from ..compare.summary import (
    ERM,
    SCORES,
    label_rows,
    leave_out_failures,
    summarize,
)
from ..models.protocols import PROTOCOLS
from ..models.registry import MODELS
from ..output.files import (
    LONGEST_NAME,
    atomic_write_text,
    refuse_link,
    with_digest,
    write_figure,
)
from ..output.text import Marked, in_markdown, plain
from ..run.results import FILE_NAME, export_rows
from ..run.row_file import read_environments
from ..run.schema import is_classifier
from . import figures
from .tables import (
    as_markdown_table,
    comparison_grid,
    paper_grid,
    score_grid,
    score_groups,
)

TITLE = "mixup on UCI's tables"
# Reliability is drawn of plain training, one α of mixup, and another network.
_ALPHAS = ("mixup α=0.1", "mixup α=0.2", "mixup α=0.4", "mixup α=1")
_NETWORK = "mlp"
_SVG_ID = re.compile(r'(\bid="|href="#|url\(#)')
_COLOR = re.compile("#[0-9a-f]{6}")
_VARIABLES = {color: f"var(--{name})" for name, color in figures.COLORS.items()}
# What names of models don't say.
_ABOUT_MODELS = {
    "mixup": "mixup is MixupClassifier",
    ERM: "ERM the same with α = 0, which is plain training",
    "mlp": "mlp scikit-learn's MLPClassifier",
    "dummy": "dummy the share of each class, whatever the row",
}


def has_results(rows):
    """Tell whether there is anything to report.

    Parameters
    ----------
    rows : list of dict

    Returns
    -------
    has_results : bool
        Whether a classifier has a result.
    """
    return any(row["status"] == "ok" for row in _of_models(rows))


def write_report(rows, folder, title=TITLE):
    """Write a report, its figures and the rows into a folder.

    Parameters
    ----------
    rows : list of dict
        All that the folder holds; those of GANs are exported, not reported.
    folder : Path
        Where to write; environments are read from there.
    title : str, default=TITLE
        The page's.

    Returns
    -------
    path : Path
        The page's.
    """
    frame = label_rows(sorted(_of_models(rows), key=_order))
    good = frame[frame["status"] == "ok"]
    pages = _Pages(folder / "figures")
    protocols = list(good["protocol"].dropna().unique()) or [None]
    found = {
        "title": title,
        "n_rows": len(good),
        "n_failed": len(frame) - len(good),
        "n_tables": good["title"].nunique(),
        "about_models": _about_models(good),
        "sections": [
            _section(frame, number, protocol, pages)
            for number, protocol in enumerate(protocols)
        ],
        "environments": read_environments(folder),
        "erm": ERM,
    }
    for name in ("report.html", "report.md"):
        atomic_write_text(
            folder / name, _environment(name).get_template(name).render(found)
        )
    if (folder / FILE_NAME).exists():  # otherwise they are from there
        export_rows(rows, folder)
    return folder / "report.html"


def _of_models(rows):
    """Leave out what tells no classes, such as GANs and regressors."""
    return list(filter(is_classifier, rows))


def _about_models(good):
    there = {*good["model"], *good["label"]}
    return "; ".join(about for name, about in _ABOUT_MODELS.items() if name in there)


def _environment(name):
    """Return a Jinja environment that escapes all that a template is given."""
    is_html = name.endswith(".html")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=is_html,
        finalize=_in_html if is_html else in_markdown,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = as_markdown_table
    return environment


def _in_html(value):
    """Return what Jinja is to escape; laid out texts may have lines."""
    is_bare = isinstance(value, str) and not isinstance(value, Markup | Marked)
    return plain(value) if is_bare else value


def _order(row):
    """Small tables first; then as models are listed, by α, fold by fold."""
    alpha = -1.0 if row["alpha"] is None else row["alpha"]
    model = list(MODELS).index(row["model"]), alpha
    return row["n_rows"], row["table"], *model, row["repeat"], row["fold"]


class _Pages:
    """Figures become SVG for the page, and PNG beside it."""

    def __init__(self, folder):
        self._folder = folder
        self._names = set()

    def add(self, figure, name, caption):
        """Return what the template needs of a figure, and close it."""
        refuse_link(self._folder).mkdir(exist_ok=True)
        write_figure(self._folder / f"{self._file_of(name)}.png", figure)
        text = io.StringIO()
        with plt.rc_context({"svg.hashsalt": "report", "svg.fonttype": "none"}):
            about = {"format": "svg", "metadata": {"Date": None}, "transparent": True}
            figure.savefig(text, **about)
        plt.close(figure)
        svg = _inline(text.getvalue(), len(self._names), caption)
        return {"svg": svg, "caption": caption}

    def _file_of(self, name):
        """Name a file after a figure, short and like no other figure's."""
        short = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        if len(short) > LONGEST_NAME or short in self._names:
            short = with_digest(short, name)
        self._names.add(short)
        return short


def _inline(svg, number, caption):
    """Return an SVG for a page: no two share an id, and colors are the page's."""

    def number_ids(tag):
        tag = _SVG_ID.sub(rf"\1f{number}-", tag[0])
        return _COLOR.sub(lambda color: _VARIABLES.get(color[0], color[0]), tag)

    # Matplotlib has escaped all that is drawn.
    svg = re.sub("<[^>]*>", number_ids, svg[svg.index("<svg") :])
    start = Markup('<svg role="img" aria-label="{}" ').format(plain(caption))
    return start + Markup(svg.removeprefix("<svg "))


def _section(frame, number, protocol, pages):
    """Return all that the page shows of one protocol."""
    frame = frame[frame["protocol"].isin([protocol]) | frame["protocol"].isna()]
    good = leave_out_failures(frame)
    summary = summarize(frame)
    return {
        "id": f"section-{number}",
        "title": f"Protocol “{protocol}”" if protocol else "Results",
        "about": PROTOCOLS[protocol].about if protocol in PROTOCOLS else "",
        "found": find(good),
        "paper": paper_grid(summary),
        "comparison": comparison_grid(good),
        "grids": [score_grid(summary, score) for score in SCORES],
        "scores": score_groups(summary),
        "ranks": _ranks(good, protocol, pages),
        "groups": [
            {
                "title": "Against α",
                "about": "Means over folds and repeats. The dashed line is plain "
                "training (ERM). Intervals are of the difference from it on the same "
                "folds (95 %, corrected for training folds that overlap): where one "
                "does not reach the line, the difference is clear.",
                "figures": list(_curves(good, protocol, pages)),
            },
            {
                "title": "Reliability",
                "about": "How often the predicted class is right, against its "
                f"probability, in bins of {figures.MIN_ROWS} rows or more. Below the "
                "diagonal is overconfident.",
                "figures": list(_reliabilities(good, protocol, pages)),
            },
            {
                "title": "Time",
                "about": "A point for each table, a bar at their median. α's of mixup "
                "train together: their times are shares.",
                "figures": _times(good, protocol, pages),
            },
        ],
    }


def _ranks(good, protocol, pages):
    shown = []
    for score in SCORES:
        means = good.pivot_table(index="title", columns="label", values=score)
        name = score.replace("_", "-")
        figure = figures.critical_difference(means, f"mean rank in {name}")
        if figure is not None:
            caption = (
                f"Mean rank in {name} over {len(means)} tables; a bar joins models "
                "that Nemenyi's test does not tell apart (0.05)."
            )
            shown.append(pages.add(figure, f"{protocol}-ranks-{name}", caption))
    return shown


def _times(good, protocol, pages):
    if good.empty:
        return []
    figure = figures.fit_times(good)
    return [pages.add(figure, f"{protocol}-times", "Time for a fit")]


def _curves(good, protocol, pages):
    mixup = good[good["model"] == "mixup"]
    for title, rows in mixup.groupby("title", sort=False):
        if rows["alpha"].nunique() < 2:
            continue
        for score in SCORES:
            figure = figures.alpha_curve(rows, score)
            name = f"{protocol}-{title}-{score}"
            caption = f"{title}: {score.replace('_', '-')}"
            yield pages.add(figure, name, caption)


def _reliabilities(good, protocol, pages):
    for title, rows in good.groupby("title", sort=False):
        there = set(rows["label"])
        mixed = [label for label in _ALPHAS if label in there][:1]
        labels = [label for label in (ERM, *mixed, _NETWORK) if label in there]
        if not labels or "reliability" not in rows:
            continue
        figure = figures.reliability_diagram(rows, labels)
        if figure is not None:
            yield pages.add(figure, f"{protocol}-{title}-reliability", title)
