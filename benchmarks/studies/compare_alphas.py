"""What studies of other data than tables share: α's of mixup on the same folds."""

from functools import partial

import numpy as np

from ..compare.pairing import complete_folds, demand
from ..compare.statistics import LEVEL, corrected_t_test, holm, test_to_train
from ..output.text import as_markdown
from ..report.figures import NAMES, draw_curve, plt
from ..run.cli import add_alphas, jobs_of, large_enough
from ..run.schema import SCORES as ALL_SCORES
from ..run.schema import Schema
from .convnets import fit_nets
from .study import Study

SCORES = {"error": "error", "log_loss": "log-loss"}
_NUMBERS = (*SCORES, "train_error", "ece", "n_train", "n_test")


def make_study(name, about, title, load):
    """Return a study that compares α's of mixup with plain training.

    Parameters
    ----------
    name : {"images", "sequences"}
        The script's, the protocol's, and that of the files it writes.
    about : str
        A line for ``--help``.
    title : str
        What the data are.
    load : callable
        Returns a list of one table, and what is not loaded.

    Returns
    -------
    study : Study
    """
    return Study(
        name=name,
        about=about,
        jobs_of=partial(_list_jobs, protocol=name),
        report=partial(_report, name=name, title=title),
        fit=fit_nets,
        schema=Schema(
            protocols=(name,),
            needed=(*ALL_SCORES, "train_error", "ece", "n_train", "n_test"),
        ),
        add_options=_add_options,
        load=partial(_load, load),
        folds=2,
        repeats=5,
        has_tables=False,
    )


def _add_options(parser):
    add_alphas(parser, [0.1, 0.2, 0.4, 1.0])


def _load(load, options):
    tables, unloaded = load()
    return large_enough(tables, options.folds, unloaded), unloaded


def _list_jobs(table, options, protocol):
    return jobs_of(table, options, ["mixup"], protocol=protocol)


def _report(frame, name, title):
    demand(frame, "alpha", [0.0])
    frame = complete_folds(frame, ["alpha"])
    frame = frame.astype(dict.fromkeys(_NUMBERS, float))
    return report(frame, title), {name: draw(frame, title)}


def against_erm(frame, score):
    """Compare each α with α = 0, fold by fold.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.
    score : str
        A column in which less is better.

    Returns
    -------
    found : dict of float -> (Difference, float)
        For each α above 0, how much higher its score is, and the p-value corrected for
        the number of α's by Holm's method.
    """
    scores = frame.pivot(index=["repeat", "fold"], columns="alpha", values=score)
    others = scores.columns[scores.columns != 0]
    ratio = test_to_train(frame)
    differences = [corrected_t_test(scores[a] - scores[0.0], ratio) for a in others]
    p = holm(np.array([difference.p for difference in differences]))
    return dict(zip(others, zip(differences, p, strict=True), strict=True))


def sentence(frame, title):
    """Say in one sentence what was found, whichever way it went.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.
    title : str
        What the data are.

    Returns
    -------
    text : str
    """
    n_folds = len(frame.drop_duplicates(["repeat", "fold"]))
    told = [
        f"{name} is {_directions(against_erm(frame, score))}"
        for score, name in SCORES.items()
    ]
    return (
        f"On {title}, mixup's {told[0]}, and its {told[1]}, each against plain "
        f"training on the same {n_folds} folds and seeds."
    )


def _directions(found):
    """Say at which α's a score is clearly lower or higher, and where it is neither."""
    signs = {a: np.sign(d.mean) if p < LEVEL else 0 for a, (d, p) in found.items()}
    parts = []
    for word, sign in (("lower", -1), ("level", 0), ("higher", 1)):
        at = [a for a in found if signs[a] == sign]
        if at:
            sure = f"p {'<' if sign else '≥'} {LEVEL}"
            parts.append(f"{word} at α = {_listed(at)} ({sure})")
    return " and ".join(parts)


def _listed(alphas):
    """Return numbers as text: 1, 2 and 3."""
    *some, last = [f"{a:g}" for a in alphas]
    return f"{', '.join(some)} and {last}" if some else last


def report(frame, title):
    """Lay the results out.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.
    title : str
        What the data are.

    Returns
    -------
    text : str
        In Markdown: a table with a row for each α, its key, and :func:`sentence`.
    """
    found = [against_erm(frame, score) for score in SCORES]
    heads = ["α", "error %", "minus ERM's", "p", "log-loss", "minus ERM's", "p"]
    heads += ["training error %", "ECE"]
    lines = []
    for a, rows in frame.groupby("alpha"):
        error = _cells(rows["error"], found[0].get(a), 100, 2)
        loss = _cells(rows["log_loss"], found[1].get(a), 1, 4)
        name = "0 (ERM)" if a == 0 else f"{a:g}"
        others = f"{100 * rows['train_error'].mean():.2f}", f"{rows['ece'].mean():.3f}"
        lines.append([name, *error, *loss, *others])
    key = (
        f"Mean ± standard deviation over {frame['repeat'].nunique()} × "
        f"{frame['folds'].iloc[0]} folds; difference with its 95 % interval by the "
        "corrected resampled t-test, p by Holm over the α's. ECE: calibration error in "
        "15 bins of equal mass."
    )
    parts = as_markdown(heads, lines), key, sentence(frame, title)
    return "\n\n".join(parts) + "\n"


def _cells(column, compared, scale, digits):
    """Return a score, its difference from ERM's and the p-value as cells."""
    mean, spread = scale * column.mean(), scale * column.std()
    cells = [f"{mean:.{digits}f} ± {spread:.{digits}f}", "", ""]
    if compared is not None:
        difference, p = compared
        ends = difference.mean, difference.low, difference.high
        middle, low, high = (f"{scale * end:+.{digits}f}" for end in ends)
        cells[1:] = f"{middle} [{low}, {high}]", f"{p:.2g}"
    return cells


def draw(frame, title):
    """Draw error and log-loss against α, with intervals over folds.

    Parameters
    ----------
    frame : DataFrame
        Rows that went well.
    title : str
        What the data are.

    Returns
    -------
    figure : Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.4, 2.7), layout="constrained")
    for ax, (score, label) in zip(axes, NAMES.items(), strict=True):
        draw_curve(ax, frame, score, 100 if score == "error" else 1, label=None)
        ax.set_ylabel(label)
    figure.suptitle(title, fontsize=10)
    return figure
