"""Temperature scaling, where rows that were set aside say clearly that it helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from .._typing import Array
from ._rows_last import log_softmax, rows_first, rows_last

_REACH = np.log(4)  # temperatures from 1/4 to 4
_PRIOR = 3.0  # rows' worth of belief in a temperature of 1, or in even shares
_LEAST_SHARE = 1e-4  # of an even one: a row's own models must not all have none
_CLEARLY = 2.0  # standard errors by which the loss must fall


def fit_temperature(
    log_proba: Array, y: Array, weight: Array | None = None, prior: float = _PRIOR
) -> float:
    """Return the temperature that probabilities need on rows not trained on, or 1.

    The temperature T makes p^(1/T), normalized again, of a row's probabilities p [1]_.
    It is the one with the lowest log-loss on the rows, drawn a little towards 1; and 1
    itself where that is not lower than without by two standard errors: on few rows, it
    would be fitted to their noise.

    Parameters
    ----------
    log_proba : ndarray of shape (n_rows, n_classes)
        Logarithms of predicted probabilities.
    y : ndarray of int of shape (n_rows,)
        Classes.
    weight : ndarray of shape (n_rows,), default=None
        Weight of each row.
    prior : float, default=3.0
        Rows' worth of belief in a temperature of 1.

    Returns
    -------
    temperature : float
        Below 1 sharpens, above 1 softens.

    References
    ----------
    .. [1] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       2017, section 4.2.
    """
    if len(y) < 2 or log_proba.shape[1] < 2:
        return 1.0
    weight = np.ones(len(y)) if weight is None else weight / np.mean(weight)

    def losses(log_temperature: float) -> Array:
        return -_of_class(apply_temperature(log_proba, np.exp(log_temperature)), y)

    best = minimize_scalar(
        lambda t: weight @ losses(t) + prior * t**2,
        bounds=(-_REACH, _REACH),
        method="bounded",
    ).x
    gain = weight * (losses(0.0) - losses(best))
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return float(np.exp(best)) if gain.mean() > _CLEARLY * error else 1.0


def fit_shares(
    judged: Array,
    known: Array,
    loss_of: Callable[[Array], tuple[Array, Array]],
    weight: Array | None = None,
    prior: float = _PRIOR,
) -> Array:
    """Return the shares of several models, of which the mean has the lowest loss.

    Drawn towards even ones: on few rows, they would be fitted to their noise.

    Parameters
    ----------
    judged : ndarray of shape (n_models, n_rows, n_outputs)
        What each model is worth on rows that it was not trained on: likelihoods, say.
    known : ndarray of bool of shape (n_models, n_rows)
        Which rows a model is judged on. A row is told by the mean of those that know
        it; one that none knows counts for nothing.
    loss_of : callable
        Takes what a mean of models is worth, (n_rows, n_outputs), the mean of theirs;
        returns its loss in each place, and the loss's slope.
    weight : ndarray of shape (n_rows,), default=None
        Weight of each row.
    prior : float, default=3.0
        Rows' worth of belief in even shares.

    Returns
    -------
    shares : ndarray of shape (n_models,)
        From 0 on, in sum 1.
    """
    some: Any = known.any(axis=0)
    weight = np.ones(len(some)) if weight is None else weight
    judged, known, weight = judged[:, some], known[:, some], weight[some]
    n_models, n_rows = known.shape
    even = np.full(n_models, 1 / n_models)
    if n_models == 1 or not n_rows:
        return even
    weight = (weight / weight.sum())[:, None] / judged.shape[2]
    judged = np.where(known[..., None], judged, 0.0)
    known = known.astype(float)

    def mean_of(shares: Array) -> tuple[Array, Array]:
        total = shares @ known
        return np.tensordot(shares, judged, 1) / total[:, None], total[:, None]

    unit = (weight * loss_of(mean_of(even)[0])[0]).sum()
    if unit == 0:
        return even
    belief = prior * n_models / n_rows

    def objective(shares: Array) -> tuple[float, Array]:
        mean, total = mean_of(shares)
        loss, slope = loss_of(mean)
        pull = weight * slope / total / unit
        slopes = np.tensordot(judged, pull, 2) - known @ (pull * mean).sum(axis=1)
        off = shares - even
        value = (weight * loss).sum() / unit + belief * off @ off
        return value, slopes + 2 * belief * off

    sum_is_1: Any = {
        "type": "eq",
        "fun": lambda shares: shares.sum() - 1,
        "jac": np.ones_like,
    }
    found = minimize(
        objective,
        even,
        jac=True,
        method="SLSQP",
        bounds=[(_LEAST_SHARE / n_models, 1)] * n_models,
        constraints=sum_is_1,
        options={"maxiter": 200},
    ).x
    found = np.where(found <= 2 * _LEAST_SHARE / n_models, 0.0, found)
    return found / found.sum()


def apply_temperature(log_proba: Array, temperature: float) -> Array:
    """Divide logarithms of probabilities by a temperature, and normalize again.

    Parameters
    ----------
    log_proba : ndarray of shape (n_rows, n_classes)
    temperature : float

    Returns
    -------
    log_proba : ndarray of shape (n_rows, n_classes)
    """
    if temperature == 1:
        return log_proba
    scaled = rows_last(log_proba) / temperature
    return rows_first(log_softmax(scaled), len(log_proba))


def _of_class(log_proba: Array, y: Array) -> Array:
    return np.take_along_axis(log_proba, y[:, None], axis=1)[:, 0]
