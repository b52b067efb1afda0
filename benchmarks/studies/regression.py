"""The regressor's default, its neighbors, mixup's α and other regressors.

``python -m benchmarks.studies.regression`` compares the default, with and without
mixing, with the regressors that a user would pick instead, on tables made of the
meta-test half of the development set: a column of numbers is the target, the others and
the class tell of it. With ``--half meta-train`` it compares the default with its
neighbors instead, one thing changed at a time, on tables of that half and on those that
scikit-learn ships.
"""

import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.metrics import r2_score

from skmixup import MixupRegressor, TabularEncoder

from ..compare.pairing import complete_folds, demand
from ..compare.statistics import signed_rank_p
from ..data.suites import BANDS, HALVES
from ..models.registry import Model
from ..models.regressors import REGRESSORS
from ..output.text import as_markdown
from ..run.cli import at_least
from ..run.folds import rows_of
from ..run.jobs import make_jobs
from ..run.schema import NOTHING, SCORE, Schema
from .numeric_targets import FOLDS, fit_jobs, load_targets, target_of
from .study import Study, run_study

PROTOCOL = "regression"
_SMALLEST = 1e-6  # error: below, a ratio tells of nothing that a user sees
ERM = "alpha 0"  # the default
MIXED = {
    ERM: {"alpha": 0.0},
    **{f"alpha {a:g}": {"alpha": a} for a in (0.1, 0.4, 2.0)},
    **{
        f"alpha {a:g}, partners by target": {"alpha": a, "partner": "target"}
        for a in (0.1, 0.4, 2.0)
    },
    "cutmix 0.1": {"alpha": 0.1, "mixing": "cutmix"},
}
NEIGHBORS = {
    "1 member": {"n_estimators": 1},
    "1 member, all rows": {"n_estimators": 1, "early_stopping": False},
    "members on all rows": {"early_stopping": False},
    "patience": {"n_iter_no_change": 100},
    "no waves": {"numeric_embedding": None},
    "waves": {"numeric_embedding": "periodic"},
    "no tree bins": {"preprocess": TabularEncoder()},
    "tree bins": {"preprocess": TabularEncoder(n_tree_bins=16)},
    "no bins": {"preprocess": TabularEncoder(n_bins=0)},
    "8 bins": {"preprocess": TabularEncoder(n_bins=8)},
    "16 bins": {"preprocess": TabularEncoder(n_bins=16)},
    "constant dropout": {"dropout_schedule": "constant"},
    "no dropout": {"dropout": 0.0},
    "dropout 0.25": {"dropout": 0.25},
    "lr 2e-3": {"lr": 2e-3},
    "lr 8e-3": {"lr": 8e-3},
    "weight decay 0.1": {"weight_decay": 0.1},
    "2 x 256": {"hidden_layer_sizes": (256, 256)},
    "2 x 256, no dropout": {"hidden_layer_sizes": (256, 256), "dropout": 0.0},
    "3 x 128": {"hidden_layer_sizes": (128, 128, 128)},
    "SiLU": {"activation": "silu"},
}


def _mixup(seed, **params):
    return MixupRegressor(random_state=seed, **params)


MODELS = {
    **{
        name: Model(partial(_mixup, **params), has_protocol=True, stacks=True)
        for name, params in (MIXED | NEIGHBORS).items()
    },
    **{name: replace(peer, has_protocol=True) for name, peer in REGRESSORS.items()},
}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    add("--half", choices=HALVES, default="meta-test", help="of the tables")
    add(
        "--models",
        nargs="+",
        choices=MODELS,
        metavar="NAME",
        help="settings and peers; if none, on meta-train the default's neighbors, else "
        f"mixing and the peers, of {', '.join(MODELS)}",
    )
    add("--first", type=at_least(1), default=FOLDS, help=f"folds of the {FOLDS} to run")


def settle(parser, options):
    """Say what is compared on which half."""
    if options.models is None:
        is_train = options.half == "meta-train"
        options.models = NEIGHBORS if is_train else [*MIXED, *REGRESSORS]
    options.models = list(dict.fromkeys([ERM, *options.models]))


def file_name(options):
    """Name a report after what it is of, so that several can lie side by side."""
    part = f"-first-{options.first}" if options.first < FOLDS else ""
    return f"{options.half}{part}"


def list_jobs(table, options):
    """List a table's jobs."""
    how = {"protocol": PROTOCOL, "folds": FOLDS, "registry": MODELS}
    jobs = make_jobs(table, options.models, [], **how)
    return [job for job in jobs if job.fold < options.first]


def fit(table, jobs):
    """Fit the settings as members of one stack, and the peers one by one."""
    return fit_jobs(MODELS, table, jobs)


def measure(table, fit):
    """Score a regressor by 1 − R², in units of the target's variance on test rows."""
    y, (train, test) = target_of(table), rows_of(table, fit.job)
    start = time.perf_counter()
    predicted = fit.model.predict(table.X.iloc[test])
    measures = {
        "n_train": len(train),
        "n_test": len(test),
        "error": float(1 - r2_score(y[test], predicted)),
        "fit_seconds": fit.seconds,
        "predict_seconds": time.perf_counter() - start,
    }
    return measures, None


def report(frame):
    """Compare all with plain training.

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
    frame = complete_folds(frame.astype({"error": float}), ["model"])
    errors = frame.pivot_table("error", "table", "model")
    errors = errors.clip(lower=_SMALLEST)
    demand(frame, "model", [ERM])
    seconds = frame.astype({"fit_seconds": float}).groupby("model")["fit_seconds"]
    about = (
        f"{len(errors)} tables, {frame['fold'].nunique()} of {FOLDS} folds each. The "
        f"error is 1 − R² (what is below {_SMALLEST:g} counts as that), its ratio to "
        f"that of the default, {ERM}, a geometric mean; p is Wilcoxon's over tables; "
        "seconds are of a fit, the median: of ours, a share of a stack of all folds."
    )
    parts = [about, _compare(errors, seconds.median())]
    rows = frame.groupby("table")["n_rows"].first()
    bands = {
        name: errors[rows[errors.index].between(*limits)]
        for name, limits in BANDS.items()
    }
    bands = {name: part for name, part in bands.items() if len(part)}
    if len(bands) > 1:
        for name, part in bands.items():
            parts += [f"## Tables of {name} ({len(part)})", _compare(part)]
    return "\n\n".join(parts) + "\n", {}


def _compare(errors, seconds=None):
    """Lay out how models rank and how they compare with the default."""
    ranks = errors.rank(axis=1).mean()
    heads = ["model", "mean rank", "ratio", f"lower, higher than {ERM}", "p"]
    lines = []
    for name in ranks.sort_values().index:
        difference = errors[name] - errors[ERM]
        p = signed_rank_p(difference)
        ratio = np.exp(np.log(errors[name] / errors[ERM]).mean())
        counts = f"{(difference < 0).sum()}, {(difference > 0).sum()}"
        lines.append([name, f"{ranks[name]:.2f}", f"{ratio:.3f}", counts, f"{p:.2g}"])
        if seconds is not None:
            lines[-1].append(f"{seconds[name]:.1f}")
    return as_markdown(heads + ["seconds"] * (seconds is not None), lines)


STUDY = Study(
    name="regression",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    measure=measure,
    schema=Schema(
        protocols=(PROTOCOL,),
        fields={"n_classes": NOTHING, "error": SCORE},
        needed=("error", "fit_seconds"),
        models=MODELS,
    ),
    add_options=add_options,
    settle=settle,
    load=load_targets,
    file_name=file_name,
    folds=0,
    has_tables=False,
    has_seed=False,
    needs_folder=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
