"""Rows of results become a summary, and the summary becomes text."""

import textwrap
from itertools import count

import numpy as np
import pandas as pd

from ..output.text import Marked, p_value, plain
from .statistics import LEVEL, MIN_TABLES, compare

SCORES = ("error", "log_loss")
# As they are shown: an error in %, with one digit.
DIGITS = {"error": 3, "log_loss": 3}
NAMES = {"error": "error", "log_loss": "log-loss"}
MEANS = ("brier", "ece", "train_error", "fit_seconds")
ERM = "ERM (α=0)"
TITLE_WIDTH = 23
_CLEARLY = (
    f"clearly: tables won/lost with p < {LEVEL} by the corrected resampled t-test. "
    "effect: rank-biserial, +1 if all tables are won."
)
_OVER_TABLES = "p: Wilcoxon's signed-rank test over tables, and by Holm."
_TOO_FEW = f"A test over tables takes {MIN_TABLES} tables or more."


def comparison_key(compared):
    """Say what the columns of a comparison are.

    Parameters
    ----------
    compared : list of dict
        From :func:`compare_with_erm`.

    Returns
    -------
    text : Marked
    """
    return Marked(f"{_CLEARLY} {_OVER_TABLES if has_test(compared) else _TOO_FEW}")


def has_test(compared):
    """Tell whether any of a comparison's rows has a test over tables."""
    return any(not np.isnan(row["p"]) for row in compared)


def summarize(frame):
    """Average over folds and repeats.

    Parameters
    ----------
    frame : DataFrame
        From :func:`label_rows`.

    Returns
    -------
    summary : pandas.DataFrame
        One row for each table and model, in the order of `frame`: its `title`, `label`,
        `table_id`, `model`, `n_rows`, `n_classes`, `n_jobs`, `n_ok`, the mean and the
        standard deviation of the scores over the jobs that went well, `majority_error`,
        and whether a score is the table's best, in the digits that are shown. A model
        with a failed job can't be best: its mean is over other folds.
    """
    groups = frame.groupby(["title", "label"], sort=False)
    summary = groups.agg(
        table_id=("table_id", "first"),
        model=("model", "first"),
        n_rows=("n_rows", "first"),
        n_classes=("n_classes", "first"),
        n_jobs=("status", "size"),
        n_ok=("status", lambda status: int((status == "ok").sum())),
        majority_error=("majority_error", _mean),
        **{score: (score, _mean) for score in SCORES},
        **{f"{score}_sd": (score, _deviation) for score in SCORES},
        **{name: (name, _mean) for name in MEANS if name in frame},
    ).reset_index()
    for score in SCORES:
        whole = summary[score].where(summary["n_ok"] == summary["n_jobs"])
        shown = whole.round(DIGITS[score])
        best = shown.groupby(summary["title"]).transform("min")
        summary[f"{score}_best"] = np.isclose(shown, best, rtol=0)
    return summary


def label_rows(rows, width=None):
    """Return rows as a frame, with the names of table and model as they are shown.

    Parameters
    ----------
    rows : list of dict
        As made by :func:`benchmarks.run.runner.run_unit`.
    width : int, default=None
        Characters of a title; None for all that it has.

    Returns
    -------
    frame : DataFrame
        With `title` and `label`. Where a table was split in more ways than one, each is
        a table of its own, and its title says which. No two share a title, however
        alike their names are.
    """
    splits = {}
    for row in rows:
        splits.setdefault(_table(row), set()).add(_splitting(row))
    titles = {}
    for row in rows:
        if (key := (_table(row), _splitting(row))) not in titles:
            tried = (_title(row, width, len(splits[key[0]]) > 1, n) for n in count(1))
            others = set(titles.values())
            titles[key] = next(title for title in tried if title not in others)
    return pd.DataFrame(rows).assign(
        title=[titles[_table(row), _splitting(row)] for row in rows],
        label=[_label(row) for row in rows],
    )


def _table(row):
    return row["table"], row["table_id"]


def _splitting(row):
    """Return what the splits of a table depend on."""
    task = row.get("task_id")
    split = (task,) if task else (None, row["folds"], row.get("seed"))
    return (*split, row.get("noise"))


def _mean(column):
    return pd.to_numeric(column).mean()


def _deviation(column):
    return pd.to_numeric(column).std(ddof=1)


def _title(row, width, is_one_of_many, number):
    """OpenML's tables carry their id, never cut off: two may have one name."""
    about = [] if row["table_id"] is None else [f"{row['table_id']}"]
    if row.get("task_id"):
        about.append(f"task {row['task_id']}")
    elif is_one_of_many:
        about.append(f"{row['folds']} folds, seed {row.get('seed')}")
    if row.get("noise") is not None:
        about.append(f"{100 * row['noise']:g} % wrong labels")
    suffix = f" ({', '.join(about)})" if about else ""
    suffix += f" #{number}" if number > 1 else ""
    return plain(row["table"])[: width and max(1, width - len(suffix))] + suffix


def _label(row):
    alpha = row["alpha"]
    if alpha is None or np.isnan(alpha):
        return row["model"]
    # As many digits as tell it from its neighbors.
    return ERM if alpha == 0 else f"{row['model']} α={str(alpha).removesuffix('.0')}"


def as_text(summary):
    """Lay a summary out as a table of at most 100 columns.

    Parameters
    ----------
    summary : pandas.DataFrame
        From :func:`summarize`.

    Returns
    -------
    text : str
        One line for each table and model; a star marks the best of a table.
    """
    heads = ("table", "rows", "classes", "major %", "model", "error %", "log-loss")
    lines = [_line(*heads), "-" * len(_line(*heads))]
    for title, group in summary.groupby("title", sort=False):
        first = group.iloc[0]
        majority = f"{100 * first['majority_error']:.1f}"
        about = (title, first["n_rows"], first["n_classes"], majority)
        for row in group.to_dict("records"):
            lines.append(_line(*about, *_cells(row)).rstrip())
            about = ("", "", "", "")
    return "\n".join(lines)


def _line(table, n_rows, n_classes, majority, model, error, log_loss):
    return (
        f"{table:<{TITLE_WIDTH}} {n_rows:>6} {n_classes:>7} {majority:>7}  "
        f"{model:<22} {error:<13} {log_loss:<15}"
    )


def _cells(row):
    label = row["label"]
    if row["n_ok"] < row["n_jobs"]:
        label = f"{label[:13]} [{row['n_ok']}/{row['n_jobs']} ok]"
    error = _mean_and_deviation(100 * row["error"], 100 * row["error_sd"], 1)
    log_loss = _mean_and_deviation(row["log_loss"], row["log_loss_sd"], 3)
    stars = [" *" if row[f"{score}_best"] else "" for score in SCORES]
    return label, error + stars[0], log_loss + stars[1]


def _mean_and_deviation(mean, deviation, digits):
    if np.isnan(mean):
        return "failed"
    if np.isnan(deviation):
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ± {deviation:.{digits}f}"


def against_erm(rows):
    """Say how all other models fare against ERM, table by table and over tables.

    Parameters
    ----------
    rows : list of dict
        As made by :func:`benchmarks.run.runner.run_unit`.

    Returns
    -------
    text : str
        One line for each model and score, and what the columns are; empty if there is
        nothing to compare with. Tables where a job failed are left out.
    """
    compared = compare_with_erm(leave_out_failures(label_rows(rows)))
    if not compared:
        return ""
    heads = ["model", "score", "won/tied/lost", "clearly", "effect"]
    heads += ["p", "Holm"] * has_test(compared)
    lines = [heads, *(_compared(row)[: len(heads)] for row in compared)]
    key = textwrap.fill(comparison_key(compared), 96)
    return "\n".join([*(_compared_line(*line) for line in lines), key])


def leave_out_failures(frame):
    """Return the rows of those tables and models of which no job failed.

    Parameters
    ----------
    frame : DataFrame
        From :func:`label_rows`.

    Returns
    -------
    frame : DataFrame
    """
    good = frame.groupby(["title", "label"])["status"].transform(
        lambda status: (status == "ok").all()
    )
    return frame[good]


def compare_with_erm(frame):
    """Compare all other models with ERM, by each of `SCORES`.

    Parameters
    ----------
    frame : DataFrame
        From :func:`leave_out_failures`.

    Returns
    -------
    rows : list of dict
        As in :func:`benchmarks.compare.statistics.compare`, with the `score`; none
        where there is no ERM.
    """
    if ERM not in set(frame["label"]):
        return []
    return [
        row | {"score": score}
        for score in SCORES
        for row in compare(frame, ERM, score).to_dict("records")
    ]


def _compared(row):
    return [
        row["label"],
        NAMES[row["score"]],
        f"{row['won']}/{row['tied']}/{row['lost']}",
        f"{row['better']}/{row['worse']}",
        f"{row['effect']:+.2f}",
        p_value(row["p"]),
        p_value(row["p_holm"]),
    ]


def _compared_line(model, score, counts, clear, effect, *p):
    tests = "".join(f" {text:>8}" for text in p)
    return f"{model:<22} {score:<9} {counts:>14} {clear:>9} {effect:>7}{tests}"
