"""Ordered classes: mixed as cumulative indicators, as plain classes or as numbers.

``python -m benchmarks.studies.ordered_classes`` trains the same networks on classes
0 < 1 < ... < C − 1 in three ways, with mixup and without: on the classes; on the C − 1
indicators "the class is above k", a binary cross-entropy each, which mixup mixes as it
does the rows (Frank and Hall, "A simple approach to ordinal classification", 2001, in
one network); and, beside them, on the class's number, rounded. The classes are columns
of numbers cut at quantiles, of tables that scikit-learn ships; with ``--tables ordered
cut``, those of OpenML's tables whose classes are ordered, and such columns of others.
All is set in advance: nothing is chosen by results.
"""

import sys
import time
from functools import partial
from itertools import product

import numpy as np
import pandas as pd

from skmixup import MixupClassifier, MixupRegressor, fit_many

from ..compare.pairing import NothingToCompare, complete_folds
from ..compare.statistics import LEVEL, MIN_TABLES, holm, signed_rank_p
from ..data.suites import HALVES, SUITES
from ..data.tables import Table, load_all
from ..models.registry import Model
from ..models.scoring import SMALLEST, over_all_classes
from ..output.text import as_markdown, in_figure, p_value, say
from ..report.figures import legend_below, plt, show_ratios
from ..run.cli import add_alphas, at_least
from ..run.fit import Fit
from ..run.folds import rows_of
from ..run.jobs import make_jobs
from ..run.metrics import evaluate
from ..run.schema import SCORE, SHARE, Schema
from .numeric_targets import regression_tables, shipped, target_of
from .study import Study, run_study

FOLDS = 5
MAX_ROWS = 2000  # for the time it takes; more rows are sampled
MIN_ROWS = 10  # of the lowest and of the highest class; fewer are merged with the next
N_CUTS = 5  # classes that a column of numbers is cut into
ORDERED, CUT = "ordered classes", "numbers cut at quantiles"
_CHESS = "zero one two three four five six seven eight nine ten eleven twelve thirteen"
# OpenML's tables whose classes are ordered, and how; None for labels that are numbers.
# Of tae they are low, medium and high; of autos, how risky; of kropt, moves to the end.
ORDERS = {
    9: None,
    11: ("L", "B", "R"),
    26: ("not_recom", "recommend", "very_recom", "priority", "spec_prior"),
    48: None,
    183: None,
    184: (*_CHESS.split(), "fourteen", "fifteen", "sixteen", "draw"),
    188: ("none", "low", "average", "good", "best"),
    40691: None,
    40975: ("unacc", "acc", "good", "vgood"),
}
SOURCES = ("shipped", "ordered", "cut")

CLASSES, INDICATORS, NUMBERS = "classes", "cumulative indicators", "rounded number"
MEASURES = {
    "error": "error",
    "absolute_error": "absolute error",
    "log_loss": "log-loss",
    "rps": "ranked probability score",
}
_SMALLEST_SCORE = 0.01  # below, a ratio tells of a row or two, or of nothing


def _classifier(seed, **params):
    # Of indicators none learns a temperature, so that none does of classes.
    return MixupClassifier(temperature=1.0, random_state=seed, **params)


def _regressor(seed, **params):
    return MixupRegressor(random_state=seed, **params)


_OURS = {"takes_alpha": True, "has_protocol": True, "stacks": True}
MODELS = {
    CLASSES: Model(_classifier, **_OURS),
    INDICATORS: Model(_classifier, **_OURS),
    NUMBERS: Model(_regressor, **_OURS),
}


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.1])
    add = parser.add_argument
    add(
        "--tables",
        nargs="+",
        choices=SOURCES,
        default=["shipped"],
        help="scikit-learn's, with a column of numbers cut at quantiles; OpenML's of "
        "ordered classes; OpenML's with a column cut",
    )
    add("--first", type=at_least(1), default=2, help=f"folds of the {FOLDS} to run")


def load(options):
    """Load tables of ordered classes, as numbers from 0 on."""
    found, unloaded = [], {}
    if "shipped" in options.tables:
        found += _cut_all(load_all(SUITES["embedded"], say)[0])
    ids = set(ORDERS) if "ordered" in options.tables else set()
    ids |= set().union(*HALVES.values()) if "cut" in options.tables else set()
    if ids:
        tables, unloaded = load_all(sorted(ids), say)
        if "ordered" in options.tables:
            found += [in_order(t, ORDERS[t.id]) for t in tables if t.id in ORDERS]
        if "cut" in options.tables:
            found += _cut_all(tables)
    return list({table.name: table for table in found}.values()), unloaded


def _cut_all(tables):
    """Return the diabetes table, and those with numbers, with a column cut in each."""
    numeric = [shipped()[0]]
    for table in tables:
        numeric += regression_tables(table)[:1]
    return [table for table in map(cut, numeric) if table.n_classes > 2]


def in_order(table, labels):
    """Return a table with its classes numbered in order, rare ends merged.

    Parameters
    ----------
    table : Table
    labels : sequence of str or None
        All that there are, in order; None where they are numbers.

    Returns
    -------
    table : Table
        Of at most `MAX_ROWS` rows.
    """
    y = table.y.astype(str)
    if labels is None:
        labels = sorted(y.unique(), key=float)
    codes = y.map({label: code for code, label in enumerate(labels)}).to_numpy(int)
    rows = _sample(len(codes))
    X = table.X.iloc[rows].reset_index(drop=True)
    return Table(table.name, X, pd.Series(merge_rare_ends(codes[rows])), table.id)


def cut(table):
    """Cut the numbers of a table into `N_CUTS` classes at their quantiles.

    Parameters
    ----------
    table : Table
        Of one column of numbers to be predicted.

    Returns
    -------
    table : Table
        Of at most `MAX_ROWS` rows; of fewer classes, where many rows share a number.
    """
    rows = _sample(len(table.X))
    y = target_of(table)[rows]
    codes = pd.qcut(y, N_CUTS, labels=False, duplicates="drop")
    X = table.X.iloc[rows].reset_index(drop=True)
    return Table(table.name, X, pd.Series(merge_rare_ends(codes)))


def _sample(n_rows):
    chosen = np.random.default_rng(0).permutation(n_rows)[:MAX_ROWS]
    return np.sort(chosen)


def merge_rare_ends(codes, least=MIN_ROWS):
    """Merge the lowest classes, and the highest, until they have enough rows.

    Parameters
    ----------
    codes : ndarray of int of shape (n_rows,)
        Classes by number, in their order.
    least : int, default=MIN_ROWS

    Returns
    -------
    codes : ndarray of int of shape (n_rows,)
        From 0 on, with no gap.
    """
    codes = np.unique(codes, return_inverse=True)[1]
    counts = np.bincount(codes)
    low = np.argmax(counts.cumsum() >= least)
    high = len(counts) - 1 - np.argmax(counts[::-1].cumsum() >= least)
    return codes.clip(low, max(low, high)) - low


def jobs_of(table, options):
    """List a table's jobs: each way, with each α."""
    kind = CUT if table.id is None else ORDERED
    how = {"protocol": kind, "folds": FOLDS, "seed": options.seed, "registry": MODELS}
    jobs = make_jobs(table, list(MODELS), options.alphas, **how)
    return [job for job in jobs if job.fold < options.first]


def targets_of(model, y):
    """Return what a model learns of classes 0, 1, ..., C − 1.

    Parameters
    ----------
    model : str
        A key of `MODELS`.
    y : ndarray of int of shape (n_rows,)

    Returns
    -------
    targets : ndarray of shape (n_rows,) or (n_rows, C - 1)
    """
    if model == INDICATORS:
        return (y[:, None] > np.arange(y.max())).astype(int)
    return y.astype(float) if model == NUMBERS else y


def fit(table, jobs):
    """Fit the jobs of one way, all α's and folds, as members of few stacks."""
    y = targets_of(jobs[0].model, table.y.to_numpy())
    made = [MODELS[job.model].make(seed=job.fold_seed, alpha=job.alpha) for job in jobs]
    rows = [rows_of(table, job)[0] for job in jobs]
    for fitted in fit_many(made, table.X, y, rows=rows):
        yield Fit(jobs[fitted.index], fitted.estimator, fitted.seconds, fitted.error)


def class_probabilities(above):
    """Return the probabilities of classes from those of being above each.

    Parameters
    ----------
    above : ndarray of shape (n_rows, C - 1)
        Of being above class k = 0, 1, ...: in falling order, if all is well. They are
        put in order, which takes none farther from the truth (Chernozhukov,
        Fernandez-Val, Galichon, "Quantile and Probability Curves Without Crossing").

    Returns
    -------
    proba : ndarray of shape (n_rows, C)
        Never below about 1e-7, as of the other classifiers.
    """
    falling = -np.sort(-above, axis=1)
    ends = np.ones((len(above), 1)), np.zeros((len(above), 1))
    proba = -np.diff(np.hstack([ends[0], falling, ends[1]]), axis=1)
    proba = proba.clip(SMALLEST, 1.0)
    return proba / proba.sum(axis=1, keepdims=True)


def measure(table, fit):
    """Score a model on the rows of its test fold.

    The class told is the most probable one for the error, the median for the absolute
    error; and for both the number, rounded, where that is what is predicted.

    Parameters
    ----------
    table : Table
    fit : Fit

    Returns
    -------
    measures : dict
        `MEASURES`; of numbers, those that need no probabilities.
    predictions : None
    """
    y, (train, test) = table.y.to_numpy(), rows_of(table, fit.job)
    classes, X = np.arange(y.max() + 1), table.X.iloc[test]
    start = time.perf_counter()
    measures = {"n_train": len(train), "n_test": len(test)}
    if fit.job.model == NUMBERS:
        told = np.clip(np.rint(fit.model.predict(X)), 0, y.max())
        measures |= {"error": float((told != y[test]).mean())}
    else:
        proba = fit.model.predict_proba(X)
        if fit.job.model == INDICATORS:
            proba = class_probabilities(proba)
        else:
            proba = over_all_classes(proba, fit.model.classes_, classes)
        up_to = proba.cumsum(axis=1)[:, :-1]
        told = (up_to < 0.5).sum(axis=1)
        gaps = up_to - (y[test][:, None] <= classes[:-1])
        measures |= evaluate(y[test], proba, classes)
        measures["rps"] = float((gaps**2).sum(axis=1).mean())
    measures["absolute_error"] = float(np.abs(told - y[test]).mean())
    measures["predict_seconds"] = time.perf_counter() - start
    return measures | {"fit_seconds": fit.seconds}, None


def report(frame):
    """Compare the ways, with mixup and without.

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
    frame = complete_folds(frame, ["model", "alpha"])
    frame = frame.astype(dict.fromkeys(MEASURES, float))
    ways = set(zip(frame["model"], frame["alpha"], strict=True))
    needed = product((CLASSES, INDICATORS), {0.0, *frame["alpha"]})
    if missing := sorted(set(needed) - ways):
        raise NothingToCompare(f"There is no result of {_name(missing[0])}.")
    means = frame.groupby(["table", "protocol", "model", "alpha"])[list(MEASURES)]
    means = means.mean().unstack(["model", "alpha"])
    n_folds = frame["fold"].nunique()
    parts = [
        f"{len(means)} tables, {n_folds} of {FOLDS} folds each. The class told is the "
        "most probable one for the error, and the median for the absolute error, which "
        f"counts classes; {NUMBERS} has one for both, and no probabilities. In the "
        "comparisons: the geometric mean of the ratio of a score to that of the other "
        "(lower on, higher on so many tables; p by Wilcoxon's signed-rank test of its "
        "logarithm over tables, by Holm over all cells of that part); what is below "
        f"{_SMALLEST_SCORE:g} counts as that. Less is better everywhere."
    ]
    kinds = means.index.get_level_values("protocol")
    for kind in (ORDERED, CUT):
        own = means[kinds == kind]
        if len(own):
            head = f"## {kind[:1].upper()}{kind[1:]} ({len(own)})"
            parts += [head, _table(own), _counts(compare(own))]
    found = compare(means)
    if kinds.nunique() > 1:
        parts += [f"## All tables ({len(means)})", _counts(found)]
    parts.append(sentence(found, len(means)))
    return "\n\n".join(parts) + "\n", {"ordered_classes": draw(means)}


def _table(means):
    lines = []
    for model, alpha in means["error"].columns.sort_values():
        scores = [means[m, model, alpha].mean() for m in MEASURES]
        cells = ["" if np.isnan(score) else f"{score:.3f}" for score in scores]
        lines.append([f"{model}, α={alpha:g}", *cells])
    return as_markdown(["mean over tables", *MEASURES.values()], lines)


def compare(means):
    """Compare ways at the same α, and α's of the same way.

    Parameters
    ----------
    means : DataFrame
        A row for each table; columns are measures, models and α's.

    Returns
    -------
    found : DataFrame
        One row for each `measure`, model and α, `first`, and those of the `second`: the
        geometric mean of the `ratio`, on how many tables it is `lower` and `higher`,
        and `p`, by Holm over all of them; NaN of fewer than `MIN_TABLES` tables.
    """
    ways = means["error"].columns.sort_values().tolist()
    pairs = [(way, (CLASSES, way[1])) for way in ways if way[0] != CLASSES]
    pairs += [(way, (way[0], 0.0)) for way in ways if way[1] > 0]
    pairs = [(first, second) for first, second in pairs if second in ways]
    rows = []
    for (first, second), measure in product(pairs, MEASURES):
        one, other = means[measure, *first], means[measure, *second]
        if one.isna().all():
            continue
        # Scores of many classes are larger: of these as of others, shares count.
        gap = np.log(one.clip(lower=_SMALLEST_SCORE))
        gap -= np.log(other.clip(lower=_SMALLEST_SCORE))
        p = np.nan
        if len(gap) >= MIN_TABLES:
            p = signed_rank_p(gap)
        counts = {"lower": int((gap < 0).sum()), "higher": int((gap > 0).sum())}
        row = {"measure": measure, "first": first, "second": second, **counts}
        rows.append(row | {"ratio": float(np.exp(gap.mean())), "p": p})
    found = pd.DataFrame(rows)
    return found.assign(p=holm(found["p"].to_numpy()))


def _counts(found):
    lines = []
    for (first, second), rows in found.groupby(["first", "second"], sort=False):
        by = rows.set_index("measure")
        cells = [_cell(by.loc[m]) if m in by.index else "" for m in MEASURES]
        lines.append([f"{_name(first)} over {_name(second)}", *cells])
    return as_markdown(["ratio", *MEASURES.values()], lines)


def _cell(row):
    counts = f"{row['lower']}, {row['higher']}"
    return f"{row['ratio']:.3f} ({counts}; p {p_value(row['p'])})"


def _name(way):
    model, alpha = way
    return f"{model}, α={alpha:g}"


def sentence(found, n_tables):
    """Say whether indicators are better than plain classes.

    Parameters
    ----------
    found : DataFrame
        As returned by :func:`compare`.
    n_tables : int

    Returns
    -------
    text : str
    """
    said = []
    for first, rows in found.groupby("first", sort=False):
        rows = rows[rows["second"] == (CLASSES, first[1])]
        if first[0] != INDICATORS or rows.empty:
            continue
        said.append(f"at α = {first[1]:g}, {', '.join(map(_said, rows.itertuples()))}")
    few = "" if n_tables >= MIN_TABLES else f" A test takes {MIN_TABLES} tables."
    return (
        f"Over {n_tables} tables, {INDICATORS} against plain classes: "
        f"{'; '.join(said)}.{few}"
    )


def _said(row):
    measure = MEASURES[row.measure]
    counts = f"lower on {row.lower}, higher on {row.higher}"
    if np.isnan(row.p):
        return f"{measure} is {row.ratio:.3f} of it ({counts})"
    how = f"{row.ratio:.3f} of it; {counts}; p {p_value(row.p)}"
    return f"{measure} is {_word(row)} ({how})"


def _word(row):
    if not row.p < LEVEL:
        return "level"
    # By ranks and by ratios it may point two ways; then neither is better.
    if row.lower > row.higher:
        return "lower"
    return "higher" if row.higher > row.lower else "level"


def draw(means):
    """Draw the ratio of each score to that of plain classes, a point for each table.

    Parameters
    ----------
    means : DataFrame
        As taken by :func:`compare`.

    Returns
    -------
    figure : Figure
        A panel for each α; a bar is the geometric mean.
    """
    alphas = sorted(means.columns.unique("alpha"))
    shape = {"figsize": (4.2 * len(alphas), 3.2), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(alphas), sharey=True, squeeze=False, **shape)
    kinds = means.index.get_level_values("protocol")
    for ax, alpha in zip(axes[0], alphas, strict=True):
        for i, kind in enumerate(kinds.unique()):
            own, color = means[kinds == kind].clip(lower=_SMALLEST_SCORE), f"C{i}"
            for place, score in enumerate(MEASURES):
                ratio = own[score, INDICATORS, alpha] / own[score, CLASSES, alpha]
                at = place + 0.2 * (2 * i - 1)
                x = at + np.linspace(-0.12, 0.12, len(ratio))
                label = in_figure(kind) if place == 0 else None
                ax.plot(
                    x, ratio, "o", markersize=3, color=color, alpha=0.6, label=label
                )
                middle = np.exp(np.log(ratio).mean())
                ax.hlines(middle, at - 0.17, at + 0.17, color=color)
        ax.axhline(1, color="gray", linewidth=0.8)
        ax.set_xticks(range(len(MEASURES)), MEASURES.values(), fontsize=8)
        ax.set_xticklabels([m.replace(" ", "\n", 1) for m in MEASURES.values()])
        ax.set_title(f"α = {alpha:g}", fontsize=9)
        show_ratios(ax)
        ax.grid(axis="y", alpha=0.3)
    axes[0, 0].set_ylabel("indicators over plain classes")
    legend_below(figure, axes[0, 0], kinds.nunique(), fontsize=9)
    return figure


STUDY = Study(
    name="ordered_classes",
    about=__doc__.splitlines()[0],
    jobs_of=jobs_of,
    report=report,
    fit=fit,
    measure=measure,
    schema=Schema(
        protocols=(ORDERED, CUT),
        fields={"error": SHARE, "absolute_error": SCORE, "rps": SCORE},
        needed=("error", "absolute_error", "fit_seconds", "n_train", "n_test"),
        models=MODELS,
    ),
    add_options=add_options,
    load=load,
    folds=0,
    has_tables=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
