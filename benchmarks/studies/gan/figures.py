"""Figures of the toy GANs: samples over training, and measures over seeds."""

import numpy as np
from matplotlib.colors import TABLEAU_COLORS

from ...output.text import in_figure
from ...report.figures import legend_below, plt
from .training import N_SAMPLES, N_SHOWN

MEASURES = {
    "covered": "share of modes or pieces covered",
    "near": "share of samples near one",
    "distance": "sliced Wasserstein distance",
}
FAR = 1.0  # distance, of sets of unit variance: beyond, a GAN has gone astray
COLORS = ("tab:gray", *(c for c in TABLEAU_COLORS if c != "tab:gray"))


def samples_over_training(samples, steps, toy):
    """Draw samples at each checkpoint, a row of panels for each way to train.

    Parameters
    ----------
    samples : dict of str -> array of shape (n_checkpoints, n_samples, 2)
        Of one member for each way to train, best of the same seed.
    steps : sequence of int of length n_checkpoints
        How long the members had trained.
    toy : ToySet
        What they should look like; the last panel of each row shows it.

    Returns
    -------
    figure : Figure
    """
    real, _ = toy.draw(N_SAMPLES, np.random.default_rng(0))
    shape = len(samples), len(steps) + 1
    figure, axes = plt.subplots(
        *shape,
        figsize=(1.5 * shape[1], 1.6 * shape[0]),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, (label, shown) in zip(axes, samples.items(), strict=True):
        row[0].set_ylabel(in_figure(label), fontsize=8)
        for ax, X in zip(row, [*map(np.asarray, shown), real], strict=True):
            ax.plot(*real[:N_SHOWN].T, ".", markersize=1, color="lightgray")
            color = "black" if X is real else COLORS[1]
            ax.plot(*X[:N_SHOWN].T, ".", markersize=1.5, color=color)
    titles = [*(f"{n} steps" for n in steps), toy.name]
    for ax, title in zip(axes[0], titles, strict=True):
        ax.set_title(title, fontsize=8)
    # Samples that went far are not worth making the others small.
    reach = 1.4 * np.abs(real).max()
    axes[0, 0].set(xlim=(-reach, reach), ylim=(-reach, reach), xticks=[], yticks=[])
    for ax in axes.flat:
        ax.set_aspect("equal")
    return figure


def spread_over_seeds(frame):
    """Draw each measure of each seed by set and label; a bar is the median over seeds.

    Distances beyond `FAR` are drawn as that.

    Parameters
    ----------
    frame : DataFrame
        Rows with `table`, `label` and the `MEASURES`, one for each member at the end of
        its training.

    Returns
    -------
    figure : Figure
    """
    n_sets, n_labels = frame["table"].nunique(), frame["label"].nunique()
    width = max(5.0, 0.33 * n_sets * n_labels)
    shape = {"figsize": (width, 2.2 * len(MEASURES)), "layout": "constrained"}
    figure, axes = plt.subplots(len(MEASURES), 1, **shape)
    frame = frame.assign(distance=frame["distance"].clip(upper=FAR))
    for ax, (measure, label) in zip(axes, MEASURES.items(), strict=True):
        _draw_strips(ax, frame, measure)
        ax.set_title(label, fontsize=9)
        ax.set_ylim(0, None if measure == "distance" else 1.03)
    legend_below(figure, axes[0], min(3, n_labels), fontsize=9)
    return figure


def gradients_along_the_path(frame):
    """Draw how steep discriminators are from generated rows to real ones.

    Parameters
    ----------
    frame : DataFrame
        Rows with `table`, `label` and `gradients`, one for each member.

    Returns
    -------
    figure : Figure
        A panel for each set; lines are medians over seeds at the end of the training,
        and bands hold half of the seeds.
    """
    names, labels = frame["table"].unique(), frame["label"].unique()
    shape = {"figsize": (2.4 * len(names), 2.8), "layout": "constrained"}
    figure, axes = plt.subplots(1, len(names), sharey=True, squeeze=False, **shape)
    for ax, name in zip(axes[0], names, strict=True):
        for i, label in enumerate(labels):
            own = frame[(frame["table"] == name) & (frame["label"] == label)]
            ends = np.array([norms[-1] for norms in own["gradients"]], dtype=float)
            low, middle, high = np.quantile(ends, [0.25, 0.5, 0.75], axis=0)
            share, color = np.linspace(0, 1, len(middle)), COLORS[i % len(COLORS)]
            ax.plot(share, middle, color=color, label=in_figure(label))
            ax.fill_between(share, low, high, color=color, alpha=0.15, linewidth=0)
        ax.set_title(in_figure(name), fontsize=9)
        ax.set(xlabel="share of the real row", yscale="log")
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("gradient of the score")
    legend_below(figure, axes[0, 0], min(3, len(labels)), fontsize=9)
    return figure


def _draw_strips(ax, frame, measure):
    """Draw a strip of points for each set and label, side by side."""
    tables, labels = frame["table"].unique(), frame["label"].unique()
    width = 0.8 / len(labels)
    for i, label in enumerate(labels):
        strips = [
            frame.loc[(frame["table"] == t) & (frame["label"] == label), measure]
            for t in tables
        ]
        at = np.arange(len(tables)) + (i - (len(labels) - 1) / 2) * width
        color = COLORS[i % len(COLORS)]
        # Fanned out, since shares of a few modes fall on one another.
        fans = [
            x + width * _fan(len(strip)) for x, strip in zip(at, strips, strict=True)
        ]
        ax.plot(
            np.concatenate(fans),
            np.concatenate(strips),
            "o",
            markersize=3,
            color=color,
            alpha=0.6,
            label=in_figure(label),
        )
        medians = [strip.median() for strip in strips]
        ax.hlines(medians, at - 0.4 * width, at + 0.4 * width, color=color)
    ax.set_xticks(range(len(tables)), map(in_figure, tables), fontsize=8)
    ax.grid(axis="y", alpha=0.3)


def _fan(n):
    """Return n offsets, evenly spaced within half a strip's width."""
    return np.linspace(-0.25, 0.25, n) if n > 1 else np.zeros(n)
