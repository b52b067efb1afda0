"""What mends a network that adversarial rows fool, against the strongest attack.

``python -m benchmarks.studies.defenses`` trains networks with noise, weight decay,
manifold mixup, attacked rows, alone and as ensembles, and moves the columns of numbers
by up to a quarter of a standard deviation: by FGSM, I-FGSM and AutoPGD in the white
box, by the square attack and by rows made against another network in the black box. A
row counts as wrong if any of these moves it over. Of the embedded tables, those of up
to 600 rows are attacked. ``--halves`` compares all variants on the meta-train half of
the tables, and on the meta-test half those `CHOSEN` there, which are the default
elsewhere.
"""

import sys
from functools import partial

import numpy as np

from ...compare.pairing import NothingToCompare, complete_folds, demand
from ...compare.statistics import LEVEL, MIN_TABLES, compare
from ...data.suites import HALVES, SUITES
from ...data.tables import load_all
from ...output.text import as_markdown, in_figure, p_value, say
from ...report.figures import COLORS, legend_below, panels
from ...run.jobs import make_jobs
from ...run.schema import SCORES, Schema
from ..study import Study, load_tables, run_study
from .attacks import ERRORS, FIELDS, fit_variants
from .variants import EPSILON, PLAIN, VARIANTS

# Of the tables of the halves: what is larger takes long.
MAX_ROWS, MAX_COLUMNS, MAX_CLASSES = 600, 50, 10
COST = 0.005  # of clean rows, that a defense may miss more often
# One of each kind: chosen on the meta-train half, before the other was looked at.
CHOSEN = (
    "mixup α=1",
    "manifold mixup α=1",
    "noise rows α=1",
    "decay 3, mixup α=8",
    "attacked rows α=0.2",
    "8 members, mixup α=0.1",
    "8 members, noise rows α=1",
    "8 members, attacked rows α=0.2",
)


def add_options(parser):
    """Add what only this study asks."""
    add = parser.add_argument
    names = "; ".join(VARIANTS)  # there are commas in some
    about = f"beside {PLAIN}, of these: {names}. If none is named, the chosen"
    add("--variants", nargs="+", choices=VARIANTS, metavar="NAME", help=about)
    size = f"{MAX_ROWS} rows, {MAX_COLUMNS} columns and {MAX_CLASSES} classes"
    about = f"both halves of the tables, those of up to {size}, in place of a suite"
    add("--halves", action="store_true", help=about)


def settle(parser, options):
    """Refuse what `--halves` says already."""
    if options.halves and options.variants:
        parser.error("argument --variants: not allowed with argument --halves")


def load(options):
    """Load the tables that have columns of numbers, which alone are moved."""
    if options.halves:
        keys = [key for half in HALVES.values() for key in half]
        tables, unloaded = load_all(keys, say)
    else:
        tables, unloaded = load_tables(options)
    # Tables that are asked for by suite or id are attacked, however long that takes.
    if options.halves or options.keys == [*SUITES["embedded"]]:
        tables = list(filter(_is_small, tables))
    for table in tables:
        if not table.X.select_dtypes("number").shape[1]:
            unloaded[table.name] = "no columns of numbers, so nothing to move"
            say(f"{table.name} has {unloaded[table.name]}: left out")
    return [table for table in tables if table.name not in unloaded], unloaded


def _is_small(table):
    n_rows, n_columns = table.X.shape
    small = n_rows <= MAX_ROWS and n_columns <= MAX_COLUMNS
    return small and table.n_classes <= MAX_CLASSES


def list_jobs(table, options):
    """List a table's jobs."""
    names = options.variants or CHOSEN
    if options.halves and table.id in HALVES["meta-train"]:
        names = VARIANTS
    jobs = []
    for name in dict.fromkeys([PLAIN, *names]):
        variant = VARIANTS[name]
        how = {"protocol": name, "folds": options.folds, "repeats": options.repeats}
        how |= {"seed": options.seed}
        jobs += make_jobs(table, [variant.model], [variant.alpha], **how)
    return jobs


def report(frame):
    """Compare the variants with plain training, on each set of tables.

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
    frame = frame.assign(label=frame["protocol"], set=_sets(frame))
    columns = ["error", *FIELDS]
    frame = frame.astype(dict.fromkeys(columns, float))
    parts = [
        f"Test error in %, as it is and when columns of numbers are moved by up to "
        f"{EPSILON:g} standard deviations. White box: by FGSM, I-FGSM or AutoPGD; "
        "transfer: by the first two against another network; strongest: by any of "
        f"these, or by the square attack. ±: points above {PLAIN}; lower: tables on "
        "which the strongest attack's is below; p of Wilcoxon's signed-rank test over "
        "tables, and by Holm over the variants. Unseen: points that the black boxes "
        "add to the white one."
    ]
    compared = {}
    for name in (*HALVES, "other"):
        part = frame[frame["set"] == name]
        if part.empty:
            continue
        demand(part, "label", [PLAIN])
        part = complete_folds(part, ["label"])
        compared[name] = _compare(part)
        n_tables = part["title"].nunique()
        parts += [
            f"## {name} tables ({n_tables})",
            _table(compared[name]),
            _sentence(compared[name], n_tables),
        ]
    return "\n\n".join(parts) + "\n", {"defenses": draw(compared)}


def _sets(frame):
    """Return of each row the half that its table is of."""
    of = {key: half for half, keys in HALVES.items() for key in keys}
    return [of.get(key, "other") for key in frame["table_id"]]


def _compare(frame):
    """Return the mean errors of each variant, and how it fares against ERM."""
    by_table = frame.groupby(["label", "title"])[["error", *FIELDS]].mean()
    means = by_table.groupby("label").mean()
    means["unseen"] = means["strongest_error"] - means["white_error"]
    for score, prefix in (("error", "clean"), ("strongest_error", "")):
        found = compare(frame, PLAIN, score)
        if found.empty:
            raise NothingToCompare(f"There is no variant beside {PLAIN}.")
        found = found.set_index("label")[["won", "p", "p_holm"]]
        means = means.join(found.add_prefix(f"{prefix}_" if prefix else ""))
        means[f"{prefix}_points".strip("_")] = means[score] - means.loc[PLAIN, score]
    order = [name for name in VARIANTS if name in means.index]
    return means.loc[order]


def _table(means):
    heads = ["", "clean", "±", *ERRORS.values()]
    heads += ["±", "lower", "p", "Holm", "unseen"]
    lines = []
    for label, row in means.iterrows():
        is_plain = label == PLAIN
        cells = [f"{100 * row['error']:.1f}"]
        cells.append("" if is_plain else f"{100 * row['clean_points']:+.1f}")
        cells += [f"{100 * row[name]:.1f}" for name in FIELDS]
        against = [f"{100 * row['points']:+.1f}", f"{row['won']:.0f}"]
        against += [p_value(row["p"]), p_value(row["p_holm"])]
        cells += [""] * 4 if is_plain else against
        lines.append([label, *cells, f"{100 * row['unseen']:.1f}"])
    return as_markdown(heads, lines)


def mended(means):
    """Return the variants that the strongest attack fools less, at no cost.

    Parameters
    ----------
    means : DataFrame
        With the columns `points`, `p_holm` and `clean_points`.

    Returns
    -------
    means : DataFrame
        Those whose error is lower than ERM's, p < 0.05 by Holm, and on clean rows at
        most 0.5 points higher, the lowest first.
    """
    good = (means["points"] < 0) & (means["p_holm"] < LEVEL)
    return means[good & (means["clean_points"] <= COST)].sort_values("points")


def _sentence(means, n_tables):
    good = mended(means)
    told = [
        f"{label} ({100 * row['strongest_error']:.1f} %, lower on {row['won']:.0f} of "
        f"{n_tables} tables, p {p_value(row['p_holm'])} by Holm; clean "
        f"{100 * row['clean_points']:+.1f})"
        for label, row in good.iterrows()
    ]
    plain = f"{100 * means.loc[PLAIN, 'strongest_error']:.1f} %"
    about = f"Under the strongest attack, {PLAIN} has {plain}"
    if means["p"].isna().all():
        return f"{about}; a test over tables takes {MIN_TABLES} tables or more."
    how = f" with p < {LEVEL:g} by Holm, at a cost of up to {100 * COST:g} points"
    if not told:
        return f"{about}; nothing is below{how}."
    return f"{about}. Below{how}: {'; '.join(told)}."


def draw(compared):
    """Draw the errors under attack against those on clean rows."""
    figure, axes = panels(max(2, len(compared)), height=4.6)
    for ax, (name, means) in zip(axes, compared.items(), strict=False):
        at = -np.arange(len(means))
        for column, color, about in (
            ("error", "mixup", "clean"),
            ("strongest_error", "erm", "strongest attack"),
        ):
            ax.plot(100 * means[column], at, "o", color=COLORS[color], label=about)
            level = 100 * means.loc[PLAIN, column]
            ax.axvline(level, color=COLORS[color], linestyle=":", linewidth=1)
        ax.set_yticks(at, map(in_figure, means.index), fontsize=7)
        ax.set(xlabel="test error (%)")
        ax.set_title(f"{name} tables", fontsize=9)
    legend_below(figure, axes[0], 2)
    for ax in axes[len(compared) :]:
        ax.set_visible(False)
    return figure


STUDY = Study(
    name="defenses",
    about=__doc__.splitlines()[0],
    jobs_of=list_jobs,
    report=report,
    fit=fit_variants,
    schema=Schema(protocols=tuple(VARIANTS), fields=FIELDS, needed=(*SCORES, *FIELDS)),
    add_options=add_options,
    settle=settle,
    load=load,
    folds=2,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
