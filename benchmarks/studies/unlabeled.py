"""Rows without labels: what pseudo-labels that are mixed in add to few labels.

``python -m benchmarks.studies.unlabeled`` takes the labels of most training rows away,
and compares `MixupClassifier` on the rest with members that learn the other rows by
what they say of these themselves: as it is, which draws the prediction at a mixed row
to the mix of two others (interpolation consistency: Verma et al. 2019), or sharpened
(MixMatch: Berthelot et al. 2019); with scikit-learn's self-training and label
spreading; and with CatBoost on the rows that have labels.
"""

import sys
import time
import warnings
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import gmean

from skmixup import MixupClassifier, PseudoLabels

from ..compare.pairing import NothingToCompare, demand
from ..compare.statistics import holm, signed_rank_p
from ..data.suites import HALVES
from ..data.tables import load_all
from ..models.registry import MODELS as BENCHMARK
from ..models.registry import Model
from ..models.semi_supervised import (
    UNLABELED,
    Averaged,
    PseudoLabeledMixup,
    Supervised,
    label_spreading,
    self_training,
)
from ..output.text import frame_as_markdown, in_figure, p_value, say
from ..report.figures import legend_below, panels, show_ratios
from ..run.cli import at_least, large_enough, up_to
from ..run.fit import Fit
from ..run.folds import derive, rows_of
from ..run.jobs import make_jobs
from ..run.schema import SCORES, SIZE, Schema
from .study import Study, load_tables, run_study

SHARES = (0.01, 0.05, 0.1, 0.25)  # of the training rows that keep their label
LEAST = 5  # labels that each class keeps
# Of a half's tables: rows of classes that have fewer rows are left out, rows are drawn
# from more, and the tables with the fewest rows of those that have enough are taken.
LEAST_OF_CLASS, MIN_ROWS, MAX_ROWS, MAX_COLUMNS, N_TABLES = 15, 400, 2000, 300, 20

SUPERVISED = "supervised"
MORE = "supervised, 16 members"
CONSISTENT = "consistency"
SHARPENED = "sharpened guesses"
BOTH = "supervised and sharpened guesses, 16 members"


def _mixup(seed, **params):
    return MixupClassifier(random_state=seed, **params)


def _averaged(seed):
    return Averaged([Supervised(_mixup(seed)), PseudoLabeledMixup(random_state=seed)])


MODELS = {
    SUPERVISED: lambda seed: Supervised(_mixup(seed)),
    MORE: lambda seed: Supervised(_mixup(seed, n_estimators=16)),
    CONSISTENT: lambda seed: PseudoLabeledMixup(
        PseudoLabels(temperature=1.0), random_state=seed
    ),
    SHARPENED: lambda seed: PseudoLabeledMixup(random_state=seed),
    BOTH: _averaged,
    "self-training": self_training,
    "label spreading": lambda seed: label_spreading(),
    "CatBoost": lambda seed: Supervised(BENCHMARK["catboost"].make(seed=seed)),
}
MODELS = {
    name: Model(
        make,
        packages=BENCHMARK["catboost"].packages if name == "CatBoost" else (),
        has_protocol=True,
    )
    for name, make in MODELS.items()
}
_SCORES = ["log_loss", "error", "fit_seconds"]
PROTOCOLS = {f"{100 * share:g} % labels": share for share in SHARES}


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    add("--half", choices=HALVES, help="of the tables, in the place of a suite")
    add(
        "--shares",
        nargs="+",
        type=up_to(1),
        choices=SHARES,
        default=[0.05, 0.1],
        metavar="P",
        help="shares of the training rows that keep their label",
    )
    add(
        "--first", type=at_least(1), help="folds of the --folds to run; all if not said"
    )
    add("--models", nargs="+", choices=MODELS, default=list(MODELS), help="which")


def load(options):
    """Load tables, with classes as numbers, and without classes of few rows."""
    if options.half is None:
        tables, unloaded = load_tables(options)
        return [as_numbers(table) for table in tables], unloaded
    tables, unloaded = load_all(sorted(HALVES[options.half]), say)
    tables = large_enough(tables, options.folds, unloaded)
    tables = [as_numbers(table) for table in tables if table.X.shape[1] <= MAX_COLUMNS]
    tables = [table for table in tables if len(table.X) >= MIN_ROWS]
    size = {table.name: len(table.X) for table in tables}
    few = sorted(tables, key=lambda table: (size[table.name], table.name))[:N_TABLES]
    return few, unloaded


def as_numbers(table):
    """Return up to `MAX_ROWS` rows of a table, its classes numbered from 0 on."""
    y = np.asarray(table.y)
    _, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts[codes] >= LEAST_OF_CLASS)
    if len(kept) > MAX_ROWS:
        kept = np.sort(np.random.default_rng(0).permutation(kept)[:MAX_ROWS])
        return as_numbers(replace(table, X=table.X.iloc[kept], y=table.y.iloc[kept]))
    X = table.X.iloc[kept].reset_index(drop=True)
    codes = np.unique(y[kept], return_inverse=True)[1]
    return replace(table, X=X.dropna(axis=1, how="all"), y=pd.Series(codes))


def list_jobs(table, options):
    """List a table's jobs."""
    how = {"folds": options.folds, "repeats": options.repeats, "seed": options.seed}
    return [
        job
        for name, share in PROTOCOLS.items()
        if share in options.shares
        for job in make_jobs(
            table, options.models, [], protocol=name, registry=MODELS, **how
        )
        if options.first is None or job.fold < options.first
    ]


def partly_labeled(y, share, seed):
    """Return labels of which most are `UNLABELED`.

    Parameters
    ----------
    y : ndarray of int of shape (n_rows,)
        Classes.
    share : float
        Of each class, that keep theirs; but at least `LEAST`.
    seed : int

    Returns
    -------
    y : ndarray of int of shape (n_rows,)
    """
    order = np.random.default_rng(seed).permutation(len(y))
    rank = pd.Series(y[order]).groupby(y[order]).cumcount().to_numpy()
    n_kept = np.maximum(np.round(share * np.bincount(y)), LEAST)
    kept = order[rank < n_kept[y[order]]]
    partly = np.full(len(y), UNLABELED)
    partly[kept] = y[kept]
    return partly


def fit(table, jobs):
    """Fit models one by one, on training rows of which most have no label."""
    y = np.asarray(table.y)
    for job in jobs:
        train, _ = rows_of(table, job)
        share = PROTOCOLS[job.protocol]
        # More labels are those of fewer, and some.
        partly = partly_labeled(y[train], share, derive(job.fold_seed, 1))
        model = MODELS[job.model].make(seed=job.fold_seed % 2**31)
        start = time.perf_counter()
        with warnings.catch_warnings():
            # Levels that no row with a label has are no news here.
            warnings.filterwarnings("ignore", message="Column.*hold levels that")
            model.fit(table.X.iloc[train], partly)
        seconds = time.perf_counter() - start
        n_labeled = int((partly != UNLABELED).sum())
        yield Fit(job, model, seconds, measures={"n_labeled": n_labeled})


def report(frame):
    """Say what rows without labels add.

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
    demand(frame, "model", [SUPERVISED])
    frame = frame.astype(dict.fromkeys([*_SCORES, "n_labeled"], float))
    pairs = {
        (share, name): _pairs(frame[frame["protocol"] == share], name)
        for share in PROTOCOLS
        for name in MODELS
    }
    pairs = {key: pair for key, pair in pairs.items() if len(pair)}
    if not any(name != SUPERVISED for _, name in pairs):
        raise NothingToCompare("There is nothing to compare with.")
    found = compare(pairs)
    text = "\n\n".join(
        [
            f"{frame['table'].nunique()} tables; of each fold, labels are drawn anew, "
            f"at least {LEAST} of each class; scores are those on test rows. Models "
            f"are compared with “{SUPERVISED}” on the folds that both have. Ratio: of "
            "the log-losses, geometric mean over tables, and median; lower, higher: "
            "tables; p by Wilcoxon's signed-rank test over tables, of logarithms of "
            "the log-loss, by Holm over all lines; error in %, mean over tables, and "
            f"its difference from that of “{SUPERVISED}”.",
            *(
                f"{share} ({_n_labeled(frame, share):.0f} rows on average)\n\n"
                + frame_as_markdown(_table(found, pairs, share))
                for share in dict.fromkeys(share for share, _ in pairs)
            ),
            sentence(found),
        ]
    )
    return text + "\n", {"unlabeled": draw(found)}


def _pairs(rows, name):
    """Return scores of a model and of the supervised one, by table, on joint folds."""
    place = ["table", "repeat", "fold"]
    own, other = (
        rows.loc[rows["model"] == model, [*place, *_SCORES]]
        for model in (name, SUPERVISED)
    )
    by_table = own.merge(other, on=place, suffixes=("", "_supervised")).groupby("table")
    return by_table.mean(numeric_only=True).assign(n_folds=by_table.size())


def compare(pairs):
    """Compare all models with the supervised one.

    Parameters
    ----------
    pairs : dict of (str, str) -> DataFrame
        By protocol and model: a row for each table, of `log_loss` and `error`, and of
        these with `_supervised` behind.

    Returns
    -------
    found : DataFrame
        With index `protocol`, `model`: `ratio`, `median`, `lower`, `higher`, `p`, and
        of the error `error_lower`, `error_higher`, `error_difference`, `error_p`.
    """
    rows = []
    for (share, name), pair in pairs.items():
        if name == SUPERVISED:
            continue
        ratio = pair["log_loss"] / pair["log_loss_supervised"]
        more = pair["error"] - pair["error_supervised"]
        rows.append(
            {
                "protocol": share,
                "model": name,
                "ratio": gmean(ratio),
                "median": ratio.median(),
                "lower": int((ratio < 1).sum()),
                "higher": int((ratio > 1).sum()),
                "p": signed_rank_p(np.log(ratio)),
                "error_lower": int((more < 0).sum()),
                "error_higher": int((more > 0).sum()),
                "error_difference": 100 * more.mean(),
                "error_p": signed_rank_p(more),
            }
        )
    found = pd.DataFrame(rows).set_index(["protocol", "model"])
    for name in ("p", "error_p"):
        found[name] = holm(found[name].to_numpy())
    return found


def _n_labeled(frame, share):
    return frame.loc[frame["protocol"] == share, "n_labeled"].mean()


def _table(found, pairs, share):
    lines = {}
    for (protocol, name), pair in pairs.items():
        if protocol != share:
            continue
        means = pair.mean()
        cells = [""] * 5
        if name != SUPERVISED:
            row = found.loc[(share, name)]
            cells = [
                f"{row.ratio:.3f}",
                f"{row['median']:.3f}",
                f"{row.lower:g}, {row.higher:g} (p {p_value(row.p)})",
                f"{row.error_difference:+.2f}",
                f"{row.error_lower:g}, {row.error_higher:g} (p {p_value(row.error_p)})",
            ]
        error = f"{100 * means['error']:.2f}"
        cells = [f"{means['log_loss']:.3f}", *cells[:3], error, *cells[3:]]
        seconds = f"{gmean(pair['fit_seconds']):.2f}"
        lines[name] = [f"{means['n_folds']:.3g}", *cells, seconds]
    heads = ["folds", "log-loss", "ratio", "median", "lower, higher", "error %"]
    heads += ["difference", "error lower, higher", "fit s"]
    cells = pd.DataFrame.from_dict(lines, orient="index", columns=heads)
    return cells.rename_axis("model")


def sentence(found):
    """Say on how many tables rows without labels lower the log-loss.

    Parameters
    ----------
    found : DataFrame
        From :func:`compare`.

    Returns
    -------
    text : str
    """
    parts = []
    for name in (CONSISTENT, SHARPENED, BOTH, MORE):
        if name not in found.index.unique("model"):
            continue
        said = [
            f"{row.lower:g} of {row.lower + row.higher:g} at {share}"
            for share, row in found.xs(name, level="model").iterrows()
        ]
        parts.append(f"“{name}”, {', '.join(said)}")
    if not parts:
        return "Of pseudo-labels there is no result."
    return f"Tables on which log-loss is lower than supervised: {'; '.join(parts)}."


def draw(found):
    """Draw ratios of log-losses and differences of errors against shares."""
    figure, axes = panels(2)
    ticks = [100 * PROTOCOLS[share] for share in found.index.unique("protocol")]
    for name in found.index.unique("model"):
        rows = found.xs(name, level="model")
        at = [100 * PROTOCOLS[share] for share in rows.index]
        style = {"marker": ".", "label": in_figure(name)}
        axes[0].plot(at, rows["ratio"], **style)
        axes[1].plot(at, rows["error_difference"], **style)
    axes[0].axhline(1, color="gray", linewidth=1)
    axes[1].axhline(0, color="gray", linewidth=1)
    axes[0].set_ylabel("log-loss over supervised")
    axes[1].set(ylabel="error, difference in points")
    for ax in axes:
        ax.set(xlabel="training rows with a label (%)", xscale="log")
        ax.set_xticks(ticks, [f"{x:g}" for x in ticks])
        ax.minorticks_off()
    show_ratios(axes[0])
    legend_below(figure, axes[0], 3)
    return figure


STUDY = Study(
    name="unlabeled",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit,
    schema=Schema(
        protocols=tuple(PROTOCOLS),
        fields={"n_labeled": SIZE},
        needed=(*SCORES, "n_labeled"),
        models=MODELS,
    ),
    add_options=add_options,
    load=load,
    folds=2,  # for the time it takes
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
