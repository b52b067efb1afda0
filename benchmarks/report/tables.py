"""The report's tables, as texts in lines and columns."""

import numpy as np
import pandas as pd

from ..compare.summary import NAMES, SCORES, compare_with_erm, comparison_key, has_test
from ..models.registry import SEARCHES
from ..output.text import Marked, as_markdown, p_value

# Table 4 of the mixup paper (Zhang et al. 2017): ERM and mixup, in %, as remembered.
PAPER_ERRORS = {
    183: (74.0, 73.6),
    1458: (57.6, 48.0),
    5: (56.6, 46.3),
    45558: (2.0, 2.0),
    61: (21.3, 17.3),
    4534: (3.2, 3.2),
}
_TITLES = {"error": "Test error in %", "log_loss": "Test log-loss"}
_PERCENTS = ("majority_error", "error", "train_error")
_COLUMNS = {
    "model": "label",
    "error %": "error",
    "log-loss": "log_loss",
    "Brier": "brier",
    "ECE": "ece",
    "training error %": "train_error",
    "fit s": "fit_seconds",
    "fits": "n_ok",
}


def paper_grid(summary):
    """Put the paper's columns beside ours, for those of its tables that are there.

    Parameters
    ----------
    summary : DataFrame
        From :func:`benchmarks.compare.summary.summarize`.

    Returns
    -------
    grid : dict or None
        As :func:`score_grid` returns, with a `note`.
    """
    ours = summary[summary["model"].isin(["mixup", *SEARCHES])]
    ours = ours[ours["table_id"].isin(PAPER_ERRORS)]
    if ours.empty:
        return None
    # What is best among some models is no news.
    grid = score_grid(ours.assign(error_best=False), "error")
    numbers = ours.groupby("title", sort=False)["table_id"].first()
    for line, number in zip(grid["rows"], numbers, strict=True):
        line[2:2] = [f"{error:.1f}" for error in PAPER_ERRORS[number]]
    grid["heads"][2:2] = ["paper: ERM", "paper: mixup"]
    return grid | {
        "note": "The paper's figures are as remembered, not checked against its text; "
        "it states neither α nor the split.",
    }


def comparison_grid(good):
    """Return how all other models fare against ERM, None if there is no comparison.

    Parameters
    ----------
    good : DataFrame
        From :func:`benchmarks.compare.summary.leave_out_failures`.

    Returns
    -------
    grid : dict or None
        As :func:`score_grid` returns, with a `note`; the columns of tests over tables
        only where there is one.
    """
    compared = compare_with_erm(good)
    if not compared:
        return None
    counts = ("won", "tied", "lost", "better", "worse")
    heads = ["model", "score", "won", "tied", "lost", "clearly won", "clearly lost"]
    heads += ["effect", *(["p", "p (Holm)"] if has_test(compared) else [])]
    rows = [
        [
            row["label"],
            NAMES[row["score"]],
            *(str(row[count]) for count in counts),
            f"{row['effect']:+.2f}",
            p_value(row["p"]),
            p_value(row["p_holm"]),
        ][: len(heads)]
        for row in compared
    ]
    note = comparison_key(compared)
    return {"n_texts": 2, "heads": heads, "rows": rows, "note": note}


def score_grid(summary, score):
    """Return a score's means, a line for each table and a column for each model.

    Parameters
    ----------
    summary : DataFrame
        From :func:`benchmarks.compare.summary.summarize`.
    score : {"error", "log_loss"}
        Beside the error is that of guessing the majority class; it has no log-loss.

    Returns
    -------
    grid : dict
        `title`, `heads`, `rows` of texts, and `n_texts`, the number of columns that are
        names.
    """
    labels = list(dict.fromkeys(summary["label"]))
    has_majority = score == "error"
    lines = []
    for title, rows in summary.groupby("title", sort=False):
        cells = {
            row["label"]: _grid_cell(row, score) for row in rows.to_dict("records")
        }
        majority = [_text("majority_error", rows["majority_error"].mean())]
        line = [title, *(majority if has_majority else [])]
        lines.append([*line, *(cells.get(label, "") for label in labels)])
    return {
        "title": _TITLES[score],
        "n_texts": 1,
        "heads": ["table", *(["majority"] if has_majority else []), *labels],
        "rows": lines,
    }


def _grid_cell(row, score):
    text = _text(score, row[score])
    if row["n_ok"] < row["n_jobs"]:
        return f"{text} {_share_of_jobs(row)}"
    return Marked(f"**{text}**") if row[f"{score}_best"] else text


def _share_of_jobs(row):
    return f"[{row['n_ok']}/{row['n_jobs']} ok]"


def as_markdown_table(grid):
    """Lay `heads` and `rows` out as Markdown, the first columns as text."""
    return as_markdown(grid["heads"], grid["rows"], grid["n_texts"])


def score_groups(summary):
    """Return all scores, a group of lines for each table.

    Parameters
    ----------
    summary : DataFrame
        From :func:`benchmarks.compare.summary.summarize`.

    Returns
    -------
    table : dict
        `heads`, those of the columns that any row has a value of; and `groups`, each
        with the `title` of a table, the text `about` it, and `rows` of cells: what is
        shown as `text`, its `spread`, the `value` to sort by, and whether it is the
        table's `best`.
    """
    columns = {
        head: column
        for head, column in _COLUMNS.items()
        if column in summary and summary[column].notna().any()
    }
    groups = [
        {
            "title": title,
            "about": _about(rows.iloc[0], rows["majority_error"].mean()),
            "rows": [
                [_cell(row, column) for column in columns.values()]
                for row in rows.to_dict("records")
            ],
        }
        for title, rows in summary.groupby("title", sort=False)
    ]
    return {"heads": list(columns), "groups": groups}


def _about(row, majority):
    about = f"{_counted(row['n_rows'], 'row')}, {row['n_classes']} classes"
    if np.isnan(majority):
        return about
    share = _text("majority_error", majority)
    return f"{about}; guessing the majority class: {share} % error"


def _counted(n, name):
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def _cell(row, column):
    value = row[column]
    text = _text(column, value)
    if column == "label" and row["n_ok"] < row["n_jobs"]:
        text += f" {_share_of_jobs(row)}"
    spread, deviation = "", row.get(f"{column}_sd")
    if column in SCORES and not pd.isna(deviation) and not pd.isna(value):
        spread = f" ± {_text(column, deviation)}"
    return {
        "value": "" if pd.isna(value) else value,
        "text": text,
        "spread": spread,
        "best": bool(row.get(f"{column}_best", False)),
    }


def _text(column, value):
    """Return a value of the summary as it is shown."""
    if column == "label":
        return value
    if pd.isna(value):
        return "-"
    if column in _PERCENTS:
        return f"{100 * value:.1f}"
    if column.startswith("n_"):
        return str(value)
    return f"{value:.3g}" if column == "fit_seconds" else f"{value:.3f}"
