"""How often the regressor's intervals hold the targets, and how wide they are.

``python -m benchmarks.studies.intervals`` fits on the tables of the regression study
(the meta-test half: none of it chose anything), and compares ``predict_interval`` of
the default, of three quantiles and of the absolute error with quantiles of
scikit-learn's HistGradientBoostingRegressor, which nothing has calibrated.
"""

import sys
from functools import partial

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from skmixup import MixupRegressor

from ..compare.pairing import complete_folds
from ..data.suites import HALVES
from ..models.preprocessing import categorical
from ..models.registry import Model
from ..output.text import as_markdown
from ..run.cli import at_least
from ..run.folds import rows_of
from ..run.jobs import make_jobs
from ..run.schema import NOTHING, SCORE, SHARE, Schema
from .numeric_targets import FOLDS, fit_jobs, load_targets, target_of
from .study import Study, run_study

PROTOCOL = "intervals"
LEVELS = (0.8, 0.9)  # confidence levels; widths are of the last
ENDS = ((1 - LEVELS[-1]) / 2, (1 + LEVELS[-1]) / 2)
OURS = {
    "default": {},
    "three quantiles": {"loss": "quantile", "quantile": (ENDS[0], 0.5, ENDS[1])},
    "absolute error": {"loss": "absolute_error"},
}
PEER = "quantiles of boosted trees"


class _BoostedQuantiles:
    """Two models, one for each end of an interval at the last of `LEVELS`."""

    def __init__(self, seed):
        self.models = [
            categorical(
                HistGradientBoostingRegressor(
                    loss="quantile", quantile=end, random_state=seed
                )
            )
            for end in ENDS
        ]

    def fit(self, X, y):
        for model in self.models:
            model.fit(X, y)
        return self

    def predict_interval(self, X, confidence_level):
        """Return the ends; those that cross change places."""
        ends = np.stack([model.predict(X) for model in self.models], axis=1)
        return np.sort(ends, axis=1)


MODELS = {
    **{
        name: Model(
            lambda seed, params=params: MixupRegressor(random_state=seed, **params),
            has_protocol=True,
            stacks=True,
        )
        for name, params in OURS.items()
    },
    PEER: Model(_BoostedQuantiles, has_protocol=True),
}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    add("--half", choices=HALVES, default="meta-test", help="of the tables")
    add("--first", type=at_least(1), default=1, help=f"folds of the {FOLDS} to run")


def load(options):
    """Load the regression study's tables, each of one target."""
    tables, unloaded = load_targets(options)
    return [table for table in tables if table.y.shape[1] == 1], unloaded


def list_jobs(table, options):
    """List a table's jobs."""
    how = {"protocol": PROTOCOL, "folds": FOLDS, "registry": MODELS}
    jobs = make_jobs(table, MODELS, [], **how)
    return [job for job in jobs if job.fold < options.first]


def fit(table, jobs):
    """Fit ours as members of few stacks, and the peer by itself."""
    return fit_jobs(MODELS, table, jobs)


def measure(table, fit):
    """Measure intervals on test rows, in standard deviations of their targets."""
    y, (train, test) = target_of(table), rows_of(table, fit.job)
    X, unit = table.X.iloc[test], y[test].std() or 1.0
    measures = {
        "n_train": len(train),
        "n_test": len(test),
        "fit_seconds": fit.seconds,
    }
    for level in LEVELS:
        if fit.job.model == PEER and level != LEVELS[-1]:
            continue  # its models are for one
        low, high = fit.model.predict_interval(X, level).T
        held = (low <= y[test]) & (y[test] <= high)
        measures[f"coverage_{level * 100:.0f}"] = float(held.mean())
    # Gneiting, Raftery, "Strictly Proper Scoring Rules", 2007, equation 43.
    missed = np.maximum(low - y[test], 0) + np.maximum(y[test] - high, 0)
    score = (high - low + missed * 2 / (1 - LEVELS[-1])).mean() / unit
    measures["width"] = float((high - low).mean() / unit)
    measures["interval_score"] = float(score)
    return measures, None


def report(frame):
    """Say how far from its level each is.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.

    Returns
    -------
    text : str
        In Markdown.
    figures : dict
        Of none.
    """
    frame = complete_folds(frame, ["model"])
    names = [f"coverage_{level * 100:.0f}" for level in LEVELS]
    frame = frame.astype(dict.fromkeys([*names, "width", "interval_score"], float))
    n_tables, n_rows = frame["table"].nunique(), frame.groupby("model")["n_test"].sum()
    about = (
        f"{n_tables} targets, {frame['fold'].nunique()} of {FOLDS} folds, "
        f"{int(n_rows.iloc[0])} test rows. Coverage is the share of targets that "
        "intervals hold, the mean over targets, and beside it the share of those "
        f"targets where it is within 5 points; width and interval score (lower is "
        f"better) are those at {LEVELS[-1]:.0%}, in standard deviations of the target, "
        "medians over targets."
    )
    lines = []
    for name in MODELS:
        own = frame[frame["model"] == name]
        if own.empty:
            continue
        line = [name]
        for level, column in zip(LEVELS, names, strict=True):
            held = own.groupby("table")[column].mean().dropna()
            close = (held - level).abs() <= 0.05
            line.append(f"{held.mean():.3f} ({close.mean():.0%})" if len(held) else "—")
        of_tables = own.groupby("table")[["width", "interval_score"]].mean().median()
        lines.append([*line, *(f"{value:.2f}" for value in of_tables)])
    heads = [f"coverage at {level:.0%}" for level in LEVELS]
    table = as_markdown(["intervals of", *heads, "width", "interval score"], lines)
    return f"{about}\n\n{table}\n", {}


STUDY = Study(
    name="intervals",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    measure=measure,
    schema=Schema(
        protocols=(PROTOCOL,),
        fields={
            "n_classes": NOTHING,
            **{f"coverage_{level * 100:.0f}": SHARE | NOTHING for level in LEVELS},
            "width": SCORE | NOTHING,
            "interval_score": SCORE | NOTHING,
        },
        needed=("coverage_90", "width", "interval_score", "fit_seconds"),
        models=MODELS,
    ),
    add_options=add_options,
    load=load,
    folds=0,
    has_tables=False,
    has_seed=False,
    needs_folder=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
