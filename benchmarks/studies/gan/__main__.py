"""mixup in GANs: does a discriminator of mixtures steady the training.

``python -m benchmarks.studies.gan`` trains small GANs on sets in the plane, with mixup
in the discriminator and without, all seeds as one stack, and measures which modes they
cover, and how steep the discriminator is between generated rows and real ones (Zhang et
al., "mixup", 2017, section 3.8). With mixup the generator learns either from its rows
as they are, by the non-saturating loss, or by the paper's formula to the letter: from
the mixtures that the discriminator sees, and against its loss. Each row has its λ: of
one λ a batch, Beta(0.2, 0.2) would show most batches all but real, or all but made.
"""

import sys
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ...compare.pairing import NothingToCompare, complete_folds
from ...compare.statistics import LEVEL, holm, signed_rank_p
from ...data.tables import Table
from ...output.text import frame_as_markdown, p_value
from ...run.cli import add_alphas, at_least
from ...run.jobs import make_jobs
from ..study import Study, run_study
from .figures import (
    FAR,
    MEASURES,
    gradients_along_the_path,
    samples_over_training,
    spread_over_seeds,
)
from .metrics import measure
from .toy_sets import TOY_SETS
from .training import (
    CHECKPOINTS,
    FORMULA,
    GENERATOR,
    MODELS,
    N_ROWS,
    N_SAMPLES,
    N_SHARES,
    ONE_BATCH,
    SCHEMA,
    SWAPPED,
    TWO_BATCHES,
    fit_gans,
)

N_SHOTS = len(CHECKPOINTS)
SCORES = (*MEASURES, "gradient")
LESS_IS_BETTER = ("distance", "gradient")
PLAIN = "no mixup, as usual"
# What each way to train is without mixup, and what tells its name with it.
CONTROLS = {
    ONE_BATCH: "no mixup, one batch",
    FORMULA: "no mixup, formula",
    SWAPPED: "no mixup, one batch",
}
SUFFIXES = {ONE_BATCH: "", FORMULA: ", formula", SWAPPED: ", mixed samples"}


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.2], "alphas of mixup in the discriminator")
    add = parser.add_argument
    add("--sets", nargs="+", choices=TOY_SETS, default=list(TOY_SETS), help="toy sets")
    add("--seeds", type=at_least(1), default=5, help="networks of each kind and set")
    add(
        "--swapped",
        action="store_true",
        help="also generators of mixed samples by the non-saturating loss",
    )


def load(options):
    """Draw rows from the toy sets."""
    tables = []
    for name in dict.fromkeys(options.sets):
        X, y = TOY_SETS[name].draw(N_ROWS, np.random.default_rng(options.seed))
        tables.append(Table(name, pd.DataFrame(X), pd.Series(y)))
    return tables, {}


def jobs_of(table, options):
    """List a set's jobs: no mixup, as usual and as each way of mixup, and mixup."""
    how = {"folds": options.seeds, "seed": options.seed, "registry": MODELS}
    alphas = {TWO_BATCHES: [0.0], ONE_BATCH: options.alphas, FORMULA: options.alphas}
    if options.swapped:
        alphas[SWAPPED] = [alpha for alpha in options.alphas if alpha > 0]
    jobs = [
        job
        for protocol, some in alphas.items()
        for job in make_jobs(table, [GENERATOR], some, protocol=protocol, **how)
    ]
    # A GAN is the same however many others there are.
    return [replace(job, folds=0) for job in jobs]


def name_of(row):
    """Return the name of a way to train."""
    if row["protocol"] == TWO_BATCHES:
        return PLAIN
    if row["alpha"] == 0:
        return CONTROLS[row["protocol"]]
    return f"mixup α={row['alpha']:g}{SUFFIXES[row['protocol']]}"


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
    frame = frame.assign(label=frame.apply(name_of, axis=1))
    if not {PLAIN, *CONTROLS.values()} <= set(frame["label"]):
        raise NothingToCompare("All GANs without mixup, of some kind, have failed.")
    frame = complete_folds(frame, ["label"])
    frame = frame.assign(gradient=[np.mean(norms[-1]) for norms in frame["gradients"]])
    frame = frame.astype(dict.fromkeys(SCORES, float))
    found = compare(frame)
    text = "\n\n".join(
        [
            f"{frame['fold'].nunique()} seeds, mean ± standard deviation, of distances "
            f"the median; astray: seeds with a distance beyond {FAR:g}. Covered: the "
            "share of modes, or of 16 pieces of the curve or clusters of rows, with a "
            "fifth of the samples that they should have; near: of samples within three "
            "standard deviations of a mode or the curve, or, of digits, as near a row "
            "held out as 95 % of these are to one another; distance: sliced "
            "Wasserstein, lower is better. "
            f"“{PLAIN}” shows the discriminator a batch of real rows and one of "
            "generated ones, twice the rows a step of the others. By the formula the "
            "generator learns from what the discriminator sees, against its loss; "
            "elsewhere from its own rows, by the non-saturating loss; with mixed "
            "samples, if any, by that from what the discriminator sees.",
            frame_as_markdown(_table(frame)),
            "Seeds for which mixup is better, worse (the gradient smaller, larger); p "
            "by Wilcoxon's signed-rank test, by Holm over the lines of a way of mixup:",
            frame_as_markdown(_counts(found)),
            sentence(found),
            "The discriminator's gradient between generated and real rows: the norm of "
            "that of its score (the logit) in the row, at mixtures of a generated and "
            "a real row with the share λ of the real one; means over 200 pairs of "
            f"rows and over {N_SHARES} λ's from 0 to 1, or for one λ at the end; "
            "medians over seeds.",
            frame_as_markdown(_gradients(frame)),
            what_goes_with_gradients(frame),
        ]
    )
    figures = {
        "gan_seeds": spread_over_seeds(frame),
        "gan_gradients": gradients_along_the_path(frame),
    }
    for name, rows in frame.groupby("table", sort=False):
        firsts = rows[rows["fold"] == 0]
        firsts = firsts[[len(shown) == N_SHOTS for shown in firsts["samples"]]]
        if firsts.empty:  # one of them has failed
            continue
        samples = dict(zip(firsts["label"], firsts["samples"], strict=True))
        figure = samples_over_training(samples, CHECKPOINTS, TOY_SETS[name])
        figures[f"gan_{name.replace(' ', '_')}"] = figure
    return text + "\n", figures


def _table(frame):
    groups = frame.groupby(["table", "label"], sort=False)[list(MEASURES)]
    means, spreads = groups.mean(), groups.std(ddof=1)
    cells = means.map("{:.3f}".format)
    if frame["fold"].nunique() > 1:
        cells += spreads.map(" ± {:.3f}".format)
    # Some end far away, which a mean would tell of alone.
    cells["distance"] = groups.median()["distance"].map("{:.3f}".format)
    astray = (frame["distance"] > FAR).groupby([frame["table"], frame["label"]]).sum()
    cells["astray"] = astray.astype(str)
    for name in frame["table"].unique():
        toy, rng = TOY_SETS[name], np.random.default_rng(0)
        for label, X in (
            ("real rows", toy.draw(N_SAMPLES, rng)[0]),
            ("a Gaussian", rng.normal(size=(N_SAMPLES, 2))),
        ):
            found = measure(X, toy, rng)
            scores = [f"{found[score]:.3f}" for score in MEASURES]
            cells.loc[(name, label), :] = [*scores, ""]
    cells = cells.loc[frame["table"].unique()]
    cells.index = [f"{name}: {label}" for name, label in cells.index]
    return cells.rename_axis("set: GAN")


def _gradients(frame):
    groups = frame.groupby(["table", "label"], sort=False)["gradients"]
    lines = {}
    for (name, label), norms in groups:
        norms = np.median(np.array(norms.tolist(), dtype=float), axis=0)
        shares = norms[-1, [0, N_SHARES // 2, -1]]
        lines[f"{name}: {label}"] = [*norms.mean(axis=1), *shares]
    heads = [f"{n} steps" for n in CHECKPOINTS[-len(norms) :]]
    heads += ["λ = 0, generated", "λ = 1/2", "λ = 1, real"]
    wide = pd.DataFrame.from_dict(lines, orient="index", columns=heads)
    return wide.map("{:.2f}".format).rename_axis("set: GAN")


def what_goes_with_gradients(frame):
    """Say whether seeds with a flatter discriminator end closer.

    Parameters
    ----------
    frame : DataFrame
        Rows with `table`, `label`, `distance` and `gradient`.

    Returns
    -------
    text : str
    """
    groups = frame.groupby(["table", "label"], sort=False)
    within = [
        spearmanr(own["gradient"], own["distance"]).statistic
        for _, own in groups
        if own[["gradient", "distance"]].nunique().min() > 1
    ]
    between = []
    for _, own in (
        groups[["gradient", "distance"]].median().groupby("table", sort=False)
    ):
        if own.nunique().min() > 1:
            between.append(spearmanr(own["gradient"], own["distance"]).statistic)
    if not within or not between:
        return "Of so few seeds, nothing tells what goes with a small gradient."
    return (
        "Rank correlation of the gradient with the distance: over the seeds of one set "
        f"and way to train {np.mean(within):+.2f} on average (above 0 for "
        f"{np.sum(np.array(within) > 0)} of {len(within)}); over the ways to train on "
        f"one set, by their medians, {np.mean(between):+.2f} (above 0 for "
        f"{np.sum(np.array(between) > 0)} of {len(between)} sets)."
    )


def compare(frame):
    """Compare mixup with no mixup, seed by seed.

    Parameters
    ----------
    frame : DataFrame
        Rows with `table`, `label`, `fold` and `SCORES`.

    Returns
    -------
    found : DataFrame
        One row for each `measure`, `table`, `label` of mixup and `other`, one without:
        as usual, and as that way of mixup is with α = 0. For how many seeds the one of
        mixup is `better` and `worse` (of gradients: smaller and larger), the `gain` on
        average, and `p`, by Holm within the measure and the way of mixup.
    """
    rows = []
    for (name, own), score in product(frame.groupby("table", sort=False), SCORES):
        by_seed = own.pivot(index="fold", columns="label", values=score)
        mixed = [label for label in own["label"].unique() if label.startswith("mixup")]
        for label, other in ((m, o) for m in mixed for o in (PLAIN, _control_of(m))):
            gain = by_seed[label] - by_seed[other]
            gain = -gain if score in LESS_IS_BETTER else gain
            row = {"measure": score, "table": name, "label": label, "other": other}
            counts = {"better": (gain > 0).sum(), "worse": (gain < 0).sum()}
            p = signed_rank_p(gain)
            rows.append(row | counts | {"gain": gain.mean(), "p": p})
    found = pd.DataFrame(rows)
    p = found.groupby(["measure", "label"])["p"].transform(lambda p: holm(p.to_numpy()))
    return found.assign(p=p)


def _control_of(label):
    """Return the name of the same way to train without mixup."""
    for protocol, suffix in SUFFIXES.items():
        if suffix and label.endswith(suffix):
            return CONTROLS[protocol]
    return CONTROLS[ONE_BATCH]


def _counts(found):
    """Lay out what `compare` returned: a line for each comparison."""
    found = found.assign(
        line=found["table"] + ": " + found["label"] + " against " + found["other"],
        cell=[
            f"{row.better}, {row.worse} (p {p_value(row.p)})"
            for row in found.itertuples()
        ],
    )
    wide = found.pivot(index="line", columns="measure", values="cell")
    return wide.loc[found["line"].unique(), list(SCORES)].rename_axis("set: GANs")


def sentence(found):
    """Say on how many sets mixup brings samples closer, and flattens discriminators.

    Parameters
    ----------
    found : DataFrame
        As returned by :func:`compare`.

    Returns
    -------
    text : str
    """
    subjects = {
        "distance": ("samples are", "closer", "farther"),
        "gradient": ("the gradient is", "smaller", "larger"),
    }
    said = []
    for label, rows in found.groupby("label", sort=False):
        parts = []
        for score, (subject, *words) in subjects.items():
            groups = rows[rows["measure"] == score].groupby("other", sort=False)
            tallies = [_tally(other, own, *words) for other, own in groups]
            parts.append(f"{subject} {'; '.join(tallies)}")
        said.append(
            f"{label[:1].upper()}{label[1:]}: {'. Of the discriminator, '.join(parts)}."
        )
    return "By Holm, at 0.05:\n\n" + "\n\n".join(said)


def _tally(other, rows, better, worse):
    """Count the sets on which mixup is clearly better or worse, and name them."""
    clear = rows["p"] < LEVEL
    kinds = {better: clear & (rows["gain"] > 0), worse: clear & (rows["gain"] < 0)}
    kinds["level"] = ~(kinds[better] | kinds[worse])
    parts = []
    for word, chosen in kinds.items():
        named = f" ({', '.join(rows.loc[chosen, 'table'])})" if chosen.any() else ""
        parts.append(f"{word} on {chosen.sum()}{named}")
    return f"against {other}, of {len(rows)} sets {', '.join(parts)}"


STUDY = Study(
    name="gan",
    about=__doc__.splitlines()[0],
    jobs_of=jobs_of,
    report=report,
    fit=fit_gans,
    schema=SCHEMA,
    add_options=add_options,
    load=load,
    folds=0,
    has_tables=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
