"""How models rank over tables, with intervals."""

import numpy as np
import pandas as pd
from scipy.stats import bootstrap, gmean

from ..output.text import as_markdown
from .pairing import NothingToCompare
from .statistics import compare

SMALLEST = 1e-4  # log-loss: below, a ratio tells of nothing that a user sees
# What `compare_with` returns, of each label.
COMPARED = ["log-loss, ratio", "log-loss lower, higher", "p"]
COMPARED += ["error lower, higher", "p"]
SHIFT = 0.01  # so that a table without errors does not decide a geometric mean
_LEVEL = 0.95
_NAMES = {
    "label": "model",
    "log_loss_rank": "rank, log-loss",
    "error_rank": "rank, error",
    "log_loss": "log-loss",
    "error": "error %, geometric",
    "ece": "ECE",
    "fit_seconds": "fit s, geometric",
}


def leaderboard(frame):
    """Rank models over the tables that all of them have results of.

    Parameters
    ----------
    frame : DataFrame
        One row a fold that went well, with `title` (the table), `label` (the model),
        `error`, `log_loss`, `ece` and `fit_seconds`. A score of a model on a table is
        its mean over folds.

    Returns
    -------
    board : DataFrame
        One row a model, best rank in log-loss first: `label`; `log_loss_rank` and
        `error_rank`, mean ranks (ties share theirs); `log_loss`, mean over tables;
        `error`, geometric mean of error + `SHIFT`, minus it; `ece`, mean;
        `fit_seconds`, geometric mean. Each of the first four has its 95 % bootstrap
        interval over tables in `*_low` and `*_high`.
    tables : list of str
        Titles of the tables.

    Raises
    ------
    NothingToCompare
        If there is none.
    """
    columns = ["error", "log_loss", "ece", "fit_seconds"]
    numbers = frame.astype(dict.fromkeys(columns, float))
    means = numbers.pivot_table(columns, "title", "label").dropna()
    if means.empty:
        raise NothingToCompare("No table has results of all models.")
    board = pd.DataFrame(
        {
            **_estimate("log_loss_rank", means["log_loss"].rank(axis=1)),
            **_estimate("error_rank", means["error"].rank(axis=1)),
            **_estimate("log_loss", means["log_loss"]),
            **_estimate("error", means["error"], _shifted_geometric_mean),
            "ece": means["ece"].mean(),
            "fit_seconds": gmean(means["fit_seconds"]),
        }
    )
    board = board.rename_axis("label").sort_values("log_loss_rank").reset_index()
    return board, list(means.index)


def _shifted_geometric_mean(values, axis=0):
    return np.exp(np.log(values + SHIFT).mean(axis=axis)) - SHIFT


def _estimate(name, scores, statistic=np.mean):
    """Return a statistic over tables for each model, and its interval's ends."""
    found = {label: _interval(column, statistic) for label, column in scores.items()}
    parts = zip(*found.values(), strict=True)
    return {
        key: pd.Series(part, index=list(found))
        for key, part in zip((name, f"{name}_low", f"{name}_high"), parts, strict=True)
    }


def _interval(scores, statistic):
    scores = scores.to_numpy(dtype=float)
    value = float(statistic(scores))
    if np.ptp(scores) == 0:  # a bootstrap of one value is no distribution
        return value, value, value
    interval = bootstrap(
        (scores,),
        statistic,
        confidence_level=_LEVEL,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return value, float(interval.low), float(interval.high)


def layout(board):
    """Lay a leaderboard out as a table of Markdown.

    Parameters
    ----------
    board : DataFrame
        From :func:`leaderboard`.

    Returns
    -------
    text : str
    """
    lines = [_cells(row) for row in board.to_dict("records")]
    return as_markdown(list(_NAMES.values()), lines)


def compare_with(frame, reference):
    """Compare models with one of them, by ratio of log-loss and by tables won.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`leaderboard`.
    reference : str
        A label.

    Returns
    -------
    cells : dict of str -> list of str
        Of each other label, in the order in which they come: the geometric mean of the
        ratio of log-losses, what is below `SMALLEST` counting as that; tables on which
        its log-loss is lower and higher, with Wilcoxon's p; and the same of the error.
    """
    parts = [
        compare(frame, reference, score).set_index("label")
        for score in ("log_loss", "error")
    ]
    means = frame.astype({"log_loss": float}).pivot_table("log_loss", "title", "label")
    means = means.clip(lower=SMALLEST)
    cells = {}
    for label in parts[0].index:
        cells[label] = [f"{gmean(means[label] / means[reference]):.3f}"]
        for part in parts:
            cells[label].append(f"{part.won[label]}, {part.lost[label]}")
            cells[label].append(f"{part.p[label]:.2g}")
    return cells


def _cells(row):
    return [
        row["label"],
        _with_interval(row, "log_loss_rank", "{:.2f}"),
        _with_interval(row, "error_rank", "{:.2f}"),
        _with_interval(row, "log_loss", "{:.3f}"),
        _with_interval(row, "error", "{:.2f}", scale=100),
        f"{row['ece']:.3f}",
        f"{row['fit_seconds']:.2g}",
    ]


def _with_interval(row, name, form, scale=1):
    value, low, high = (
        form.format(scale * row[name + end]) for end in ("", "_low", "_high")
    )
    return f"{value} [{low}, {high}]"
