"""Ensembles of many settings at equal time: mixup's, and tuned peers.

``python -m benchmarks.studies.ensembles`` gives `MixupEnsembleClassifier` and three
peers, each with 30 random settings that are weighted in the same way, the same seconds,
on four tables of each band of sizes, of the largest on 3,000 rows; and compares all
with the default, which takes what it takes. All tables are of the meta-test half, and
were drawn at random.
"""

import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.stats import gmean

from skmixup import MixupClassifier

from ..compare.leaderboard import (
    COMPARED,
    SMALLEST,
    compare_with,
    layout,
    leaderboard,
)
from ..compare.pairing import complete_folds, demand
from ..data.tables import load_all
from ..models.registry import MODELS as SINGLE
from ..models.registry import Model
from ..models.tuned import ENSEMBLES
from ..output.text import as_markdown, say
from ..report.figures import legend_below, panels
from ..run.cli import at_least
from ..run.fit import Fit
from ..run.folds import labels_of, rows_of
from ..run.jobs import make_jobs
from ..run.schema import SCORES, SIZE, Schema
from .study import Study, run_study

FOLDS = 5
MAX_ROWS = 3000  # for the time it takes; of larger tables, a sample
# numpy.random.default_rng(2).permutation of a band's meta-test ids in their order, band
# after band: the first four, sorted.
TABLES = (27, 48, 49, 61, 188, 1467, 1510, 40691, 28, 32, 60, 1471)
DEFAULT, OPEN = "default", "no limit"
SECONDS = {f"{seconds} s": seconds for seconds in (30, 60, 240)}
PEERS = ("lightgbm", "catboost", "realmlp")


def _default(seed):
    return MixupClassifier(random_state=seed)


MODELS = {
    DEFAULT: Model(_default, has_protocol=True),
    **{name: replace(SINGLE[name], has_protocol=True) for name in PEERS},
    **ENSEMBLES,
}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    add(
        "--seconds",
        nargs="+",
        type=int,
        choices=SECONDS.values(),
        default=[60],
        help="that each ensemble has",
    )
    add("--first", type=at_least(1), default=1, help=f"folds of the {FOLDS} to run")


def load(options):
    """Load the tables; of larger ones, some rows."""
    tables, unloaded = load_all(list(TABLES), say)
    return list(map(_sampled, tables)), unloaded


def _sampled(table):
    if len(table.X) <= MAX_ROWS:
        return table
    rows = np.random.default_rng(0).permutation(len(table.X))[:MAX_ROWS]
    X = table.X.iloc[rows].reset_index(drop=True)
    y = table.y.iloc[rows].reset_index(drop=True)
    return replace(table, X=X, y=y)


def list_jobs(table, options):
    """List a table's jobs: without a limit, then ensembles within each."""
    how = {"folds": FOLDS, "registry": MODELS}
    jobs = make_jobs(table, [DEFAULT, *PEERS], [], protocol=OPEN, **how)
    for name, seconds in SECONDS.items():
        if seconds in options.seconds:
            jobs += make_jobs(table, list(ENSEMBLES), [], protocol=name, **how)
    return [job for job in jobs if job.fold < options.first]


def fit(table, jobs):
    """Fit models one by one."""
    for job in jobs:
        params = {"time_limit": SECONDS[job.protocol]} if job.model in ENSEMBLES else {}
        model = MODELS[job.model].make(seed=job.fold_seed, **params)
        train = rows_of(table, job)[0]
        start = time.perf_counter()
        model.fit(table.X.iloc[train], labels_of(table, job)[train])
        seconds, last = time.perf_counter() - start, getattr(model, "steps", None)
        trained = len((last[-1][1] if last else model).weights_) if params else None
        yield Fit(job, model, seconds, measures={"n_settings": trained})


def report(frame):
    """Rank the ensembles within each time, and compare all with the default.

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
    ours = frame["model"] == DEFAULT
    frame = frame.assign(label=frame["model"] + ", " + frame["protocol"])
    frame.loc[ours, "label"] = DEFAULT
    n_tables = frame["title"].nunique()
    has = frame.groupby("label")["title"].nunique()
    frame = frame[frame["label"].isin(has.index[has == n_tables])]
    demand(frame, "label", [DEFAULT])
    frame = complete_folds(frame, ["label"])
    parts = [f"{n_tables} tables, {frame['fold'].nunique()} of {FOLDS} folds each."]
    for name in SECONDS:
        within = frame[(frame["protocol"] == name)]
        if len(within):
            board, _ = leaderboard(within)
            parts += [f"## Ensembles, {name} each", layout(board), _say_more(within)]
    table, means = _against_default(frame)
    about = (
        "Log-loss over that of the default, geometric mean over tables (what is below "
        f"{SMALLEST:g} counts as that); tables on which each has a lower score, or a "
        "higher one; p of Wilcoxon's signed-rank test over tables; seconds of a fit, "
        "geometric mean."
    )
    parts += ["## Against the default", about, table]
    return "\n\n".join(parts) + "\n", {"ensembles": draw(means)}


def _say_more(within):
    """Say how many settings were trained, and how many took longer than allowed."""
    limit = SECONDS[within["protocol"].iloc[0]]
    parts = []
    for model, rows in within.groupby("model"):
        trained = rows.get("n_settings", rows["fit_seconds"] * np.nan).astype(float)
        late = (rows["fit_seconds"].astype(float) > 1.1 * limit).sum()
        told = f"{trained.median():g}" if trained.notna().any() else "not noted"
        parts.append(f"{model} {told} ({late})")
    return (
        "Settings trained, the median over fits that note it, and fits that took over "
        "1.1 of the time, since the first setting is always trained: "
        f"{'; '.join(parts)}."
    )


def _against_default(frame):
    """Lay out how all compare with the default; and return ratio and seconds."""
    frame = frame.astype({"log_loss": float, "fit_seconds": float})
    values = frame.pivot_table(["log_loss", "fit_seconds"], "title", "label")
    losses = values["log_loss"].clip(lower=SMALLEST)
    means = {
        label: (
            gmean(losses[label] / losses[DEFAULT]),
            gmean(values["fit_seconds"][label]),
        )
        for label in losses
    }
    cells = compare_with(frame, DEFAULT)
    lines = [
        [label, *cells.get(label, ["1.000", *[""] * 4]), f"{means[label][1]:.1f}"]
        for label in sorted(means, key=means.get)
    ]
    return as_markdown(["model", *COMPARED, "seconds"], lines), means


def draw(means):
    """Draw log-loss against time.

    Parameters
    ----------
    means : dict of str -> (float, float)
        Ratio to the default's log-loss and seconds, of each label.

    Returns
    -------
    figure : Figure
    """
    figure, axes = panels(1, height=4.2)
    ax = axes[0]
    for name in MODELS:
        labels = [label for label in means if label.split(", ")[0] == name]
        points = sorted(means[label][::-1] for label in labels)
        if points:
            ax.plot(*np.transpose(points), marker=".", label=name.replace("_", " "))
    ax.axhline(1, color="gray", linewidth=0.5)
    ax.set_xscale("log")
    ax.set(
        xlabel="seconds for a fit, one thread",
        ylabel="log-loss, ratio to the default's",
    )
    legend_below(figure, ax, 2)
    return figure


STUDY = Study(
    name="ensembles",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    schema=Schema(
        protocols=(OPEN, *SECONDS),
        fields={"n_settings": SIZE},
        needed=(*SCORES, "ece"),
        models=MODELS,
    ),
    add_options=add_options,
    load=load,
    folds=0,
    has_tables=False,
    has_seed=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
