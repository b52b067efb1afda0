"""One page that shows a run: ``python -m benchmarks.report DIR``.

Reads result files only, and writes ``report.html``, which needs nothing else, the same
figures as PNG in ``figures/``, the tables as Markdown in ``report.md``, and the rows as
``results.parquet``.
"""

import io
import re
import sys
from pathlib import Path

import jinja2
import matplotlib.pyplot as plt
import pandas as pd
from markupsafe import Markup

from ..compare.summary import (
    COMPARISON_KEY,
    ERM,
    SCORES,
    compare_with_erm,
    label_rows,
    leave_out_failures,
    summarize,
)
from ..models.protocols import PROTOCOLS
from ..models.registry import MODELS, SEARCHES
from ..output.files import (
    LONGEST_NAME,
    atomic_write_text,
    refuse_link,
    with_digest,
    write_figure,
)
from ..output.text import Marked, as_markdown, in_markdown, p_value, plain, say, show
from ..run.cli import Parser
from ..run.results import FILE_NAME, PARQUET_NAME, export_rows, read_rows
from ..run.row_file import read_environments
from ..run.schema import is_classifier
from . import figures

# Table 4 of the mixup paper (Zhang et al. 2017): ERM and mixup, in %, as remembered.
PAPER_ERRORS = {
    183: (74.0, 73.6),
    1458: (57.6, 48.0),
    5: (56.6, 46.3),
    45558: (2.0, 2.0),
    61: (21.3, 17.3),
    4534: (3.2, 3.2),
}
SHOWN = ("mixup α=0.1", "mixup α=0.2", "mixup α=1")
_COLUMNS = {
    "table": "title",
    "rows": "n_rows",
    "classes": "n_classes",
    "majority %": "majority_error",
    "model": "label",
    "error %": "error",
    "log-loss": "log_loss",
    "Brier": "brier",
    "ECE": "ece",
    "training error %": "train_error",
    "fit s": "fit_seconds",
    "fits": "n_ok",
}
_SVG_ID = re.compile(r'(\bid="|href="#|url\(#)')
_TITLES = {"error": "Test error in %", "log_loss": "Test log-loss"}
_TEXTS, _PERCENTS = ("title", "label"), ("majority_error", "error", "train_error")


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
    parser.add_argument("--title", default="mixup on UCI's tables")
    options = parser.parse_args(argv)
    try:
        rows = read_rows(options.folder)
    except OSError:
        parser.error(f"{options.folder} holds no {FILE_NAME} and no {PARQUET_NAME}")
    except ValueError as error:
        parser.error(str(error))
    if not any(row["status"] == "ok" for row in _of_models(rows)):
        say(f"No result of a classifier in {options.folder}")
        return 1
    try:
        write_report(rows, options.folder, options.title)
    except OSError as error:
        parser.error(f"cannot write to {options.folder}: {error.strerror or error}")
    show(f"wrote {options.folder / 'report.html'}")
    return 0


def write_report(rows, folder, title):
    """Write a report, its figures and the rows into a folder.

    Parameters
    ----------
    rows : list of dict
        All that the folder holds; those of GANs are exported, not reported.
    folder : Path
        Where to write; environments are read from there.
    title : str
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
        "sections": [
            _section(frame, number, protocol, pages)
            for number, protocol in enumerate(protocols)
        ],
        "heads": [
            {"name": name, "is_text": column in _TEXTS}
            for name, column in _COLUMNS.items()
        ],
        "environments": read_environments(folder),
        "erm": ERM,
        "comparison_key": COMPARISON_KEY,
    }
    for name in ("report.html", "report.md"):
        atomic_write_text(
            folder / name, _environment(name).get_template(name).render(found)
        )
    if (folder / FILE_NAME).exists():  # otherwise they are from there
        export_rows(rows, folder)


def _of_models(rows):
    """Leave out what tells no classes, such as GANs and regressors."""
    return list(filter(is_classifier, rows))


def _environment(name):
    """Return a Jinja environment that escapes all that a template is given."""
    is_html = name.endswith(".html")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=is_html,
        finalize=_in_html if is_html else in_markdown,
        keep_trailing_newline=True,
    )
    environment.filters["markdown"] = _markdown
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
            figure.savefig(text, format="svg", metadata={"Date": None})
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
    """Return an SVG for a page, on which no two figures share an id."""

    def number_ids(tag):
        return _SVG_ID.sub(rf"\1f{number}-", tag[0])

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
        "paper": _paper(summary),
        "comparison": _comparison(good),
        "overall": _overall(good, protocol, pages),
        "grids": [_grid(summary, score) for score in SCORES],
        "scores": [_cells(row) for row in summary.to_dict("records")],
        "groups": [
            {
                "title": "Against α",
                "about": "Mean over folds and repeats, with 95 % intervals that allow "
                "for overlapping training folds. Open circles and dashed lines are "
                "plain training (ERM).",
                "figures": list(_curves(good, protocol, pages)),
            },
            {
                "title": "Reliability",
                "about": "How often the predicted class is right, against its "
                "probability. Below the diagonal is overconfident.",
                "figures": list(_reliabilities(good, protocol, pages)),
            },
        ],
    }


def _paper(summary):
    """Put the paper's columns beside ours, for those of its tables that are there."""
    ours = summary[summary["model"].isin(["mixup", *SEARCHES])]
    ours = ours[ours["table_id"].isin(PAPER_ERRORS)]
    if ours.empty:
        return None
    # What is best among some models is no news.
    grid = _grid(ours.assign(error_best=False), "error")
    numbers = ours.groupby("title", sort=False)["table_id"].first()
    for line, number in zip(grid["rows"], numbers, strict=True):
        line[2:2] = [f"{error:.1f}" for error in PAPER_ERRORS[number]]
    grid["heads"][2:2] = ["paper: ERM", "paper: mixup"]
    return grid | {
        "note": "The paper's figures are as remembered, not checked against its text; "
        "it states neither α nor the split.",
    }


def _comparison(good):
    """Return how all other models fare against ERM, None if there is no comparison."""
    compared = compare_with_erm(good)
    if not compared:
        return None
    counts = ("won", "tied", "lost", "better", "worse")
    return {
        "n_texts": 2,
        "heads": [
            *("model", "score", "won", "tied", "lost", "clearly won", "clearly lost"),
            *("effect", "p", "p (Holm)"),
        ],
        "rows": [
            [
                row["label"],
                row["score"],
                *(str(row[count]) for count in counts),
                f"{row['effect']:+.2f}",
                p_value(row["p"]),
                p_value(row["p_holm"]),
            ]
            for row in compared
        ],
    }


def _overall(good, protocol, pages):
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
    if good.empty:
        return shown
    caption = (
        "Time for a fit, a box over tables. Those of mixup at fixed α are a share of "
        "their stack's."
    )
    shown.append(pages.add(figures.fit_times(good), f"{protocol}-times", caption))
    return shown


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
        labels = [label for label in (ERM, *SHOWN) if label in set(rows["label"])]
        if labels and "reliability" in rows:
            figure = figures.reliability_diagram(rows, labels)
            yield pages.add(figure, f"{protocol}-{title}-reliability", title)


def _grid(summary, score):
    """Return a score's means, a line for each table and a column for each model."""
    labels = list(dict.fromkeys(summary["label"]))
    lines = []
    for title, rows in summary.groupby("title", sort=False):
        cells = {
            row["label"]: _grid_cell(row, score) for row in rows.to_dict("records")
        }
        majority = _text("majority_error", rows["majority_error"].mean())
        lines.append([title, majority, *(cells.get(label, "") for label in labels)])
    return {
        "title": _TITLES[score],
        "n_texts": 1,
        "heads": ["table", "majority", *labels],
        "rows": lines,
    }


def _grid_cell(row, score):
    text = _text(score, row[score])
    if row["n_ok"] < row["n_jobs"]:
        return f"{text} [{row['n_ok']}/{row['n_jobs']} ok]"
    return Marked(f"**{text}**") if row[f"{score}_best"] else text


def _markdown(grid):
    """Lay out `heads` and `rows` as a table in Markdown, the first columns as text."""
    return as_markdown(grid["heads"], grid["rows"], grid["n_texts"])


def _cells(row):
    """Return a line of the table of scores."""
    cells = []
    for column in _COLUMNS.values():
        value = row.get(column)  # rows of older runs lack some
        cells.append(
            {
                "value": "" if pd.isna(value) else value,
                "text": _text(column, value),
                "is_text": column in _TEXTS,
                "best": row.get(f"{column}_best", False),
            }
        )
    return cells


def _text(column, value):
    """Return a value of the summary as it is shown."""
    if pd.isna(value):
        return "-"
    if column in _TEXTS:
        return value
    if column in _PERCENTS:
        return f"{100 * value:.1f}"
    if column.startswith("n_"):
        return str(value)
    return f"{value:.3g}" if column == "fit_seconds" else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
