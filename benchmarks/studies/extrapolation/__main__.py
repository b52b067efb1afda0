"""mixup beyond the rows: λ outside [0, 1], and noise to mix with.

``python -m benchmarks.studies.extrapolation`` asks what networks say of rows off the
data, when they have learned from rows on the line through two rows but beyond them, or
from mixtures with rows off the data whose labels are those of a row at random (Zhang et
al., "mixup", 2017, section 5, ask for extrapolation). Variants are chosen with ``--half
meta-train --variants all`` and confirmed with ``--half meta-test``.
"""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from ...compare.pairing import complete_folds, demand
from ...compare.statistics import compare, holm
from ...compare.summary import ERM
from ...data.suites import HALVES
from ...data.tables import load_all
from ...output.text import as_markdown, frame_as_markdown, in_figure, p_value, say
from ...report.figures import legend_below, panels
from ...run.cli import add_alphas, at_least, jobs_of, large_enough
from ...run.schema import SCORES, Schema
from ..study import Study, run_study
from .networks import (
    BOX,
    CHOSEN,
    DELTAS,
    EPSILON,
    FIELDS,
    KINDS,
    MOVED,
    PLAIN,
    PROTOCOLS,
    SHUFFLED,
    TABLES,
    VARIANTS,
    fit_beyond,
)

MAX_ROWS, MAX_COLUMNS = 1500, 300  # for the time it takes; of longer ones, a sample
MIN_NUMBERS = 4  # so that there is something off the span
SHOWN = 0.5  # the δ that the table is about


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.1, 1.0])
    add = parser.add_argument
    add("--half", choices=HALVES, help="of the tables, instead of a suite")
    add(
        "--variants",
        nargs="+",
        choices=[*VARIANTS, "all"],
        metavar="NAME",
        default=list(CHOSEN),
        help=f"beside {PLAIN}: all, or of {'; '.join(VARIANTS)}".replace("%", "%%"),
    )
    add("--kinds", nargs="+", choices=KINDS, default=["single"], help="of networks")
    add("--first", type=at_least(1), default=1, help="folds to run")


def settle(parser, options):
    """Say which tables and variants."""
    if options.half is not None:
        options.keys = list(HALVES[options.half])
    names = VARIANTS if "all" in options.variants else options.variants
    options.variants = list(dict.fromkeys([PLAIN, *names]))


def load(options):
    """Load the tables with enough columns of numbers; of longer ones, some rows."""
    tables, unloaded = load_all(options.keys, say)
    for table in tables:
        if table.X.select_dtypes("number").shape[1] < MIN_NUMBERS:
            unloaded[table.name] = f"fewer than {MIN_NUMBERS} columns of numbers"
        elif table.X.shape[1] > MAX_COLUMNS:
            unloaded[table.name] = f"more than {MAX_COLUMNS} columns"
    tables = [_sampled(table) for table in tables if table.name not in unloaded]
    return large_enough(tables, options.folds, unloaded), unloaded


def _sampled(table):
    if len(table.X) <= MAX_ROWS:
        return table
    rows = np.sort(np.random.default_rng(0).permutation(len(table.X))[:MAX_ROWS])
    X, y = (part.iloc[rows].reset_index(drop=True) for part in (table.X, table.y))
    if isinstance(y.dtype, pd.CategoricalDtype):
        y = y.cat.remove_unused_categories()
    return replace(table, X=X, y=y)


def file_name(options):
    """Name a report after the half and the networks that it is of."""
    if options.half is None:
        return "extrapolation"
    return "-".join([options.half, *options.kinds])


def list_jobs(table, options):
    """List a table's jobs: a unit for each way to mix."""
    jobs = []
    for kind in options.kinds:
        for name in options.variants:
            own = [a for a in options.alphas if a > 0 or name == PLAIN]
            how = {"alphas": own, "protocol": f"{kind}: {name}"}
            jobs += jobs_of(table, options, ["mixup"], **how)
    return [job for job in jobs if job.fold < options.first]


def report(frame):
    """Say what was found.

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
    kinds, variants = zip(*map(PROTOCOLS.get, frame["protocol"]), strict=True)
    labels = list(map(_label, variants, frame["alpha"]))
    frame = frame.assign(kind=kinds, variant=variants, label=labels)
    parts, figures = [], {}
    for kind in KINDS:
        part = frame[frame["kind"] == kind]
        if len(part):
            text, figure = _report_kind(part, kind)
            parts.append(text)
            figures[f"extrapolation_{kind}"] = figure
    return "\n\n".join(parts) + "\n", figures


def _label(variant, alpha):
    return f"{variant} α={alpha:g}" if alpha else ERM


def _in_order(frame):
    """Return the labels, variant by variant and α by α, in whatever order rows come."""
    places = frame.drop_duplicates("label")[["variant", "alpha", "label"]]
    known = list(VARIANTS)
    lines = places.itertuples(index=False)
    return [row.label for row in sorted(lines, key=lambda r: (known.index(r[0]), r[1]))]


def _report_kind(frame, kind):
    """Lay out what one kind of networks does."""
    demand(frame, "label", [ERM])
    frame = complete_folds(frame, ["label"])
    frame = pd.concat([frame.reset_index(drop=True), _flat(frame)], axis=1)
    order = _in_order(frame)
    # Rows of a run without attacks lack their column.
    numbers = frame.reindex(columns=["label", "table", *_SCORES])
    numbers = numbers.astype(dict.fromkeys(_SCORES, float))
    means = numbers.groupby(["label", "table"])[_SCORES].mean()
    means = means.groupby("label").mean()
    n_tables = frame["table"].nunique()
    about = (
        f"Means over {n_tables} tables: test error and log-loss; both and the "
        f"calibration error of test rows moved by {SHOWN:g} standard deviations, off "
        "the span of the data; AUROC of the largest probability, of test rows against "
        "rows of other tables, noise in the box and rows whose columns are shuffled"
    )
    is_attacked = means[_ATTACK].notna().all()
    if is_attacked:
        about += f"; error under the iterated attack, white box, ε = {EPSILON:g}"
    parts = [
        f"## {KINDS[kind].about}",
        f"{about}.",
        frame_as_markdown(_cells(means.loc[order])),
    ]
    others = [label for label in order if not _is_plain(label)]
    if others:
        parts.append(_ABOUT.format(_ABOUT_ATTACK if is_attacked else ""))
        parts += [_compared(frame, others), _goal(frame, others)]
    return "\n\n".join(parts), _draw(frame, means)


_ATTACK = "attack_error"
_OFF = {TABLES: "other tables", BOX: "box", SHUFFLED: "shuffled"}
_SCORES = ["error", "log_loss", *(f"{n} {d:g}" for d in DELTAS for n in MOVED[1:])]
_SCORES += [*_OFF, _ATTACK]
_ABOUT = (
    "Against plain training, tables: where the AUROC against other tables is above "
    "that of ERM and of mixup at every α; where it is above and below that of ERM, and "
    "that of mixup at the same α; where the log-loss is lower and higher than ERM's, "
    "and than mixup's at the same α{}. p of Wilcoxon's signed-rank test over tables, "
    "by Holm over the column."
)
_ABOUT_ATTACK = "; and where the error under attack is lower and higher than ERM's"
_COMPARED = {"AUROC": "auroc", "log-loss": "log_loss", "attacked": _ATTACK}


def _flat(frame):
    """Return a column of floats for each score that is nested, and for the attack."""
    flat = {}
    for i, delta in enumerate(DELTAS):
        for j, name in enumerate(MOVED[1:], 1):
            flat[f"{name} {delta:g}"] = [lines[i][j] for lines in frame["moved"]]
    for i, name in enumerate(_OFF):
        flat[name] = [lines[i][1] for lines in frame["auroc"]]
    return pd.DataFrame(flat, dtype=float)


def _is_plain(label):
    return label == ERM or label.startswith(f"{PLAIN} α=")


def _cells(means):
    near = f"{SHOWN:g}"
    cells = {
        "error %": (100 * means["error"]).map("{:.1f}".format),
        "log-loss": means["log_loss"].map("{:.3f}".format),
        "moved: error %": (100 * means[f"error {near}"]).map("{:.1f}".format),
        "moved: log-loss": means[f"log_loss {near}"].map("{:.3f}".format),
        "moved: ECE": means[f"ece {near}"].map("{:.3f}".format),
        **{
            f"AUROC, {short}": means[name].map("{:.3f}".format)
            for name, short in _OFF.items()
        },
    }
    if means[_ATTACK].notna().all():
        cells["attacked %"] = (100 * means[_ATTACK]).map("{:.1f}".format)
    return pd.DataFrame(cells).rename_axis("mixing")


def _compared(frame, others):
    """Lay out tables won and lost against plain training, with p by Holm."""
    frame = frame.assign(auroc=1 - frame[TABLES])  # less is better
    alphas = frame.groupby("label")["alpha"].first()
    heads = ["mixing", f"above all, of {frame['table'].nunique()}"]
    columns = [others, _above_all(frame, others)]
    pairs = [(head, name) for head in ("AUROC", "log-loss") for name in (ERM, PLAIN)]
    if _ATTACK in frame and frame[_ATTACK].notna().all():
        pairs.append(("attacked", ERM))
    for head, name in pairs:
        score, rows = _COMPARED[head], []
        for label in others:
            plain = ERM if name == ERM else _label(PLAIN, alphas[label])
            both = frame[frame["label"].isin([label, plain])]
            rows.append(compare(both, plain, score).iloc[0])
        p = holm(np.array([row["p"] for row in rows], dtype=float))
        heads += [f"{head}, {name.split()[0]}", "p"]
        columns.append([f"{row['won']}, {row['lost']}" for row in rows])
        columns.append(list(map(p_value, p)))
    return as_markdown(heads, zip(*columns, strict=True))


def _above_all(frame, others):
    by_table = frame.pivot_table(TABLES, "table", "label")
    plain = by_table[[label for label in by_table if _is_plain(label)]].max(axis=1)
    return [str(int((by_table[label] > plain).sum())) for label in others]


def _goal(frame, others):
    """Say which variants are above all plain training on two tables in three."""
    n_tables = frame["table"].nunique()
    counts = dict(zip(others, map(int, _above_all(frame, others)), strict=True))
    met = [name for name, count in counts.items() if 3 * count >= 2 * n_tables]
    told = ", ".join(f"{name} ({counts[name]})" for name in met) or "none"
    return (
        "AUROC against other tables above that of all plain training on two in three "
        f"of {n_tables} tables: {told}."
    )


def _draw(frame, means):
    """Draw AUROCs, and what becomes of rows that are moved off the span."""
    shown = frame[frame["variant"].isin([PLAIN, *CHOSEN])]
    least = shown.loc[shown["alpha"] > 0, "alpha"].min()
    labels = _in_order(shown[shown["alpha"].isin([0, least])])
    figure, axes = panels(3)
    for label in labels:
        row = means.loc[label]
        axes[0].plot([*_OFF.values()], row[[*_OFF]], marker=".", label=in_figure(label))
        moved = [row[f"log_loss {d:g}"] for d in DELTAS]
        axes[1].plot([0, *DELTAS], [row["log_loss"], *moved], marker=".")
        axes[2].plot(DELTAS, [row[f"ece {d:g}"] for d in DELTAS], marker=".")
    axes[0].set(ylabel="AUROC of test rows against", xlabel="rows off the data")
    axes[1].set(ylabel="test log-loss", xlabel="moved off the span (sd)")
    axes[2].set(ylabel="calibration error", xlabel="moved off the span (sd)")
    legend_below(figure, axes[0], 3)
    return figure


STUDY = Study(
    name="extrapolation",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit_beyond,
    schema=Schema(
        protocols=tuple(PROTOCOLS), fields=FIELDS, needed=(*SCORES, "moved", "auroc")
    ),
    add_options=add_options,
    settle=settle,
    load=load,
    file_name=file_name,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
