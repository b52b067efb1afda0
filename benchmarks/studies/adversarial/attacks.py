"""Networks and the adversarial rows that are made against them."""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.utils import check_random_state

from skmixup import fit_many
from skmixup.mixing import mix

from ...models.preprocessing import standardized
from ...models.protocols import ALONE
from ...models.registry import MODELS
from ...run.fit import Fit
from ...run.folds import labels_of, rows_of
from ...run.schema import TEXT, Field, array, number
from ..attacking import Target, attacked, movable

ATTACKED = "attacked"
PARAMS = ALONE | {"max_epochs": 100}
SPAN = 0.9  # share of the variance of the columns that the span of the data holds
PARTS = "in the span", "off the span"  # of it, a move may be
# Shares of a column's standard deviation by which it may be moved.
EPSILONS = (0.05, 0.1, 0.25, 0.5, 1.0)
# What is attacked, and how: the study compares all of these. Columns that don't vary
# have no span, and one that holds all of their variance leaves nothing off it.
_ATTACKS = {
    *((box, kind) for box in ("white", "black") for kind in ("FGSM", "I-FGSM")),
    *(("white", part) for part in PARTS),
}
_MAY_LACK = ((), PARTS[1:], PARTS)
N_PAIRS, N_PLACES = 300, 11  # of training rows, and along the line between them


def fit_attacked(table, jobs):
    """Train the networks of all jobs as one stack, and attack them.

    Parameters
    ----------
    table : Table
        With columns of numbers: the others are left as they are.
    jobs : list of Job
        Of the protocol `ATTACKED`.

    Yields
    ------
    fit : Fit
        With the measures `attacks`, [box, attack, ε, error on the test rows] for each
        attack; and `line`, [λ, misses, gradient] between pairs of training rows. In the
        black box, rows are made against another network, which was trained without
        mixing from other weights.
    """
    y = labels_of(table, jobs[0])
    folds = {job.fold: rows_of(table, job) for job in jobs}
    sources = {job.fold: _model(job, 0.0, job.fold_seed + 1) for job in jobs}
    models = [*sources.values(), *(_model(j, j.alpha, j.fold_seed) for j in jobs)]
    rows = [folds[fold][0] for fold in (*sources, *(job.fold for job in jobs))]
    fits = sorted(fit_many(models, table.X, y, rows=rows), key=lambda f: f.index)
    for fold, fit in zip(sources, fits, strict=False):
        if fit.error is not None:
            raise fit.error
        sources[fold] = Target(fit.estimator)
    for job, fit in zip(jobs, fits[len(sources) :], strict=True):
        measures = {}
        if fit.error is None:
            measures = _attack(table, job, fit.estimator, sources[job.fold])
        yield Fit(job, fit.estimator, fit.seconds, fit.error, measures)


def _model(job, alpha, seed):
    """Make a network that gets numbers standardized, and moved by no binning."""
    params = PARAMS | {"preprocess": standardized()}
    return MODELS["mixup"].make(alpha=alpha, seed=seed % 2**32, **params)


def _attack(table, job, estimator, source):
    target = Target(estimator)
    y, (train, test) = np.asarray(table.y), rows_of(table, job)
    X, truth = target.encode(table.X.iloc[test]), y[test]
    known = target.encode(table.X.iloc[train])
    moves = movable(table, known)
    made = [
        *(("white", *one) for one in attacked(target, X, truth, moves, EPSILONS)),
        *(("black", *one) for one in attacked(source, X, truth, moves, EPSILONS)),
        *(("white", *one) for one in within_span(target, X, truth, moves, known)),
    ]
    attacks = [
        [box, name, epsilon, target.error(moved, truth)]
        for box, name, epsilon, moved in made
    ]
    line = between(target, known, y[train], job.fold_seed)
    return {"attacks": attacks, "line": line}


def within_span(target, X, y, moves, known):
    """Yield rows moved along the gradient's part in the data's span, or off it.

    The span is that of the leading principal components of the columns that may be
    moved, which hold `SPAN` of their variance.

    Parameters
    ----------
    target, X, y, moves
        As in :func:`benchmarks.studies.attacking.attacked`.
    known : ndarray of float32 of shape (n_known, n_columns)
        Encoded training rows.

    Yields
    ------
    name : {"in the span", "off the span"}
    epsilon : float
        The move is as long as FGSM's: ε times the root of the number of columns.
    moved : ndarray, shape of X
    """
    movable = np.flatnonzero(moves)
    if not len(movable):
        return
    pca = PCA(SPAN, svd_solver="full").fit(known[:, movable])
    one_hot = np.eye(target.network.nb_classes, dtype=np.float32)[target.codes(y)]
    slope = target.network.loss_gradient(X, one_hot)[:, movable]
    inside = slope @ pca.components_.T @ pca.components_
    for name, part in zip(PARTS, (inside, slope - inside), strict=True):
        if name == PARTS[1] and pca.n_components_ == len(movable):
            continue
        # Not by sklearn's normalize, which takes the least gradients for zero.
        length = np.linalg.norm(part.astype(float), axis=1, keepdims=True)
        step = np.sqrt(len(movable)) * part / np.where(length > 0, length, 1)
        for epsilon in EPSILONS:
            moved = X.copy()
            moved[:, movable] += (epsilon * step).astype(np.float32)
            yield name, epsilon, moved


def between(target, X, y, seed):
    """Measure a network along lines between pairs of rows.

    Parameters
    ----------
    target : Target
        The network.
    X : ndarray of float32 of shape (n_rows, n_columns)
        Encoded training rows.
    y : ndarray of shape (n_rows,)
        Their classes.
    seed : int
        Of the pairs.

    Returns
    -------
    line : list of [λ, misses, gradient]
        At x = λ·x_i + (1−λ)·x_j: the share of pairs where neither row's class is
        predicted, and the mean norm of the Jacobian of the class probabilities, by x
        (figure 2 of the mixup paper).
    """
    rng = check_random_state(seed)
    first, second = rng.randint(len(X), size=(2, N_PAIRS))
    classes = target.estimator.classes_
    found = []
    for lam in np.linspace(0, 1, N_PLACES):
        rows = mix(torch.from_numpy(X[first]), torch.from_numpy(X[second]), float(lam))
        rows.requires_grad_(True)
        proba = target.scores(rows)[:, : len(classes)].softmax(1)
        grads = [
            torch.autograd.grad(column.sum(), rows, retain_graph=True)[0]
            for column in proba.unbind(1)
        ]
        norm = torch.stack(grads).square().sum((0, 2)).sqrt().mean()
        named = classes[proba.argmax(1).numpy()]
        missed = (named != y[first]) & (named != y[second])
        found.append([float(lam), float(missed.mean()), float(norm)])
    return found


def _are_attacks(value):
    score = number(0, 1e9)
    if not isinstance(value, list):
        return False
    whole = all(
        isinstance(line, list)
        and len(line) == 4
        and all(map(TEXT.accepts, line[:2]))
        and all(map(score, line[2:]))
        for line in value
    )
    tried = sorted(tuple(line[:3]) for line in value) if whole else None
    return tried in map(_attacks_without, _MAY_LACK)


def _attacks_without(parts):
    kinds = [kind for kind in _ATTACKS if kind[1] not in parts]
    return sorted((*kind, epsilon) for kind in kinds for epsilon in EPSILONS)


FIELDS = {
    "attacks": Field("attacks of both boxes", _are_attacks, is_nested=True),
    "line": Field("triples of numbers", array(None, 3), is_nested=True),
}
