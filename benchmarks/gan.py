"""mixup in GANs: does a discriminator of mixtures steady the training.

``python -m benchmarks.gan`` trains small GANs on toy sets in the plane, with mixup in
the discriminator and without, all seeds as one stack, and measures which modes they
cover (Zhang et al., "mixup", 2017, section 3.8).
"""

import sys
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import wilcoxon

from ._gan import CHECKPOINTS, N_ROWS, N_SAMPLES, TOY_SETS, measure
from ._gan_figures import MEASURES, samples_over_training, spread_over_seeds
from ._jobs import make_jobs
from ._models import GENERATOR
from ._recipes import ONE_BATCH, TWO_BATCHES
from ._script import add_alphas, at_least
from ._study import (
    NothingToCompare,
    Study,
    as_markdown,
    complete_tables,
    run_study,
)
from ._summary import p_value
from ._tables import Table

PLAIN = "no mixup, as usual"


def add_options(parser):
    """Add what only this study asks."""
    add_alphas(parser, [0.2], "alphas of mixup in the discriminator")
    add = parser.add_argument
    add("--sets", nargs="+", choices=TOY_SETS, default=list(TOY_SETS), help="toy sets")
    add("--seeds", type=at_least(1), default=10, help="networks of each kind and set")


def load(options):
    """Draw rows from the toy sets."""
    tables = []
    for name in dict.fromkeys(options.sets):
        X, y = TOY_SETS[name].draw(N_ROWS, np.random.default_rng(options.seed))
        tables.append(Table(name, pd.DataFrame(X), pd.Series(y)))
    return tables, {}


def jobs_of(table, options):
    """List a set's jobs: no mixup, with two batches and with one, and mixup."""
    how = {"folds": options.seeds, "seed": options.seed}
    return [
        *make_jobs(table, [GENERATOR], [0.0], protocol=TWO_BATCHES, **how),
        *make_jobs(table, [GENERATOR], options.alphas, protocol=ONE_BATCH, **how),
    ]


def name_of(row):
    """Return the name of a way to train."""
    if row["alpha"] > 0:
        return f"mixup α={row['alpha']:g}"
    return PLAIN if row["protocol"] == TWO_BATCHES else "no mixup, one batch"


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
    if PLAIN not in set(frame["label"]):
        raise NothingToCompare("All GANs without mixup have failed.")
    frame = complete_tables(frame, ["label", "fold"])
    frame = frame.astype(dict.fromkeys(MEASURES, float))
    text = "\n\n".join(
        [
            f"{frame['fold'].nunique()} seeds, mean ± standard deviation. Covered: the "
            "share of modes, or of 16 pieces of the curve, with a fifth of the samples "
            "that they should have; near: of samples within three standard deviations "
            "of a mode or the curve; distance: sliced Wasserstein, lower is better.",
            as_markdown(_table(frame)),
            sentence(frame),
        ]
    )
    figures = {"gan_seeds": spread_over_seeds(frame)}
    for name, rows in frame.groupby("table", sort=False):
        firsts = rows[rows["fold"] == 0]
        samples = dict(zip(firsts["label"], firsts["samples"], strict=True))
        figure = samples_over_training(samples, CHECKPOINTS, TOY_SETS[name])
        figures[f"gan_{name.replace(' ', '_')}"] = figure
    return text + "\n", figures


def _table(frame):
    groups = frame.groupby(["table", "label"], sort=False)[list(MEASURES)]
    means, spreads = groups.mean(), groups.std(ddof=1)
    cells = means.map("{:.3f} ± ".format) + spreads.map("{:.3f}".format)
    for name in frame["table"].unique():
        toy, rng = TOY_SETS[name], np.random.default_rng(0)
        for label, X in (
            ("real rows", toy.draw(N_SAMPLES, rng)[0]),
            ("a Gaussian", rng.normal(size=(N_SAMPLES, 2))),
        ):
            found = measure(X, toy, rng)
            cells.loc[(name, label), :] = [f"{found[m]:.3f}" for m in MEASURES]
    cells = cells.loc[frame["table"].unique()]
    cells.index = [f"{name}: {label}" for name, label in cells.index]
    return cells.rename_axis("set: GAN")


def sentence(frame):
    """Compare mixup with no mixup, seed by seed.

    Parameters
    ----------
    frame : DataFrame
        Rows with `table`, `label`, `fold`, `covered` and `distance`.

    Returns
    -------
    text : str
    """
    said = []
    for name, rows in frame.groupby("table", sort=False):
        by_seed = rows.pivot(index="fold", columns="label", values="distance")
        for label in by_seed.columns[by_seed.columns.str.startswith("mixup")]:
            change = by_seed[label] - by_seed[PLAIN]
            word = "closer to" if change.mean() < 0 else "farther from"
            p = wilcoxon(change).pvalue if change.any() else 1.0
            said.append(
                f"with {label} the samples are {word} the {name} on average than "
                f"without (closer for {int((change < 0).sum())} of {len(change)} "
                f"seeds, p {p_value(p)})"
            )
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}, by Wilcoxon's test, uncorrected."


STUDY = Study(
    name="gan",
    about=__doc__.splitlines()[0],
    jobs_of=jobs_of,
    report=report,
    add_options=add_options,
    load=load,
    folds=0,
    has_tables=False,
)

main = partial(run_study, STUDY)


if __name__ == "__main__":
    sys.exit(main())
