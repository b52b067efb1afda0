"""Intervals from what members missed of rows that they had set aside."""

from __future__ import annotations

from math import ceil, floor
from typing import Any

import numpy as np

from .._typing import Array
from ._numeric_targets import NumericTarget

_MOST_RESIDUALS = 8192  # that are kept: of more, so many at evenly spaced weights


def learn_residuals(
    scored: list[Any],
    target: NumericTarget,
    y: Array,
    weight: Array | None,
    member_weights: Array | None,
) -> dict[str, Array] | None:
    """Return how far rows were from what those members told that had set them aside.

    Parameters
    ----------
    scored : list of tuples of members, rows and outputs
        As the estimators' `_score_rows_set_aside` returns them.
    target : NumericTarget
    y : ndarray of shape (n_rows, n_outputs)
        Of all rows, encoded.
    weight : ndarray of shape (n_rows,) or None
        Of all rows.
    member_weights : ndarray of shape (n_members,) or None

    Returns
    -------
    residuals : dict or None
        `values` of shape (n_ends, n_targets, m), sorted, and of the same shape the
        weight `up_to` each of them. None where no rows were set aside.
    """
    if len(scored) > 1 and np.array_equal(scored[0].rows, scored[1].rows):
        # Rows to validate on, which no member has been trained on: all tell of them.
        members = [member for part in scored for member in part.members]
        outputs = np.concatenate([part.outputs for part in scored], axis=1)
        scored = [scored[0]._replace(members=members, outputs=outputs)]
    missed, parts = [], []
    for part in scored:
        shares = np.ones(len(part.members))
        if member_weights is not None:
            shares = member_weights[list(part.members)]
        if shares.any():
            told = target.combine(part.outputs, shares / shares.sum())
            ends, spread = target.bounds(told)
            missed.append((target.bounds(y[part.rows])[0] - ends) / spread)
            parts.append(part.rows)
    if not missed:
        return None
    values, rows = np.moveaxis(np.concatenate(missed, axis=1), 1, 2), np.hstack(parts)
    own = np.ones(len(rows))
    if weight is not None:
        own = weight[rows] / weight[rows].mean()
    order = np.argsort(values, axis=-1, kind="stable")
    values = np.take_along_axis(values, order, axis=-1)
    up_to = np.cumsum(own[order], axis=-1)
    return dict(zip(("values", "up_to"), _thinned(values, up_to), strict=True))


def widen(
    residuals: dict[str, Array],
    target: NumericTarget,
    told: Array,
    confidence_level: float,
) -> Array:
    """Return intervals that hold targets as often as is asked for.

    Parameters
    ----------
    residuals : dict
        From `learn_residuals`.
    target : NumericTarget
    told : ndarray of shape (n_rows, n_outputs)
        What all members tell, encoded.
    confidence_level : float

    Returns
    -------
    intervals : ndarray of shape (n_rows, 2) or (n_rows, n_targets, 2)
        In the units of y.

    Raises
    ------
    ValueError
        If there are too few residuals for this level.
    """
    n_rows = residuals["up_to"][0, 0, -1]
    rank = (1 - confidence_level) / 2 * (n_rows + 1)
    # Up to round-off, which must not take a row away.
    ranks = floor(rank + 1e-9), ceil(n_rows + 1 - rank - 1e-9)
    if ranks[0] < 1:
        least = ceil(2 / (1 - confidence_level) - 1 - 1e-9)
        raise ValueError(
            f"confidence_level={confidence_level} needs at least {least} rows that "
            f"were set aside in fit, and there were {n_rows:.0f}: give more rows, or "
            "a lower level."
        )
    ends, spread = target.bounds(told)
    found = np.empty((len(told), target.n_targets, 2))
    for end, rank in zip((0, -1), ranks, strict=True):
        for column in range(target.n_targets):
            at = residuals["up_to"][end, column].searchsorted(rank - 1e-9)
            missed = residuals["values"][end, column, at]
            own = ends[end, :, column], spread[end, :, column]
            found[:, column, end] = own[0] + own[1] * missed
    # Two quantiles that come closer may pass each other.
    return target.in_units(np.sort(found, axis=-1))


def _thinned(values: Array, up_to: Array) -> tuple[Array, Array]:
    """Return values in order, and the weight up to each, at evenly spaced weights."""
    if values.shape[-1] <= _MOST_RESIDUALS:
        return values, up_to
    steps = np.arange(1, _MOST_RESIDUALS + 1) / _MOST_RESIDUALS
    kept, weights = np.empty((2, *values.shape[:2], _MOST_RESIDUALS))
    for place in np.ndindex(values.shape[:2]):
        total = up_to[place][-1]
        at = np.searchsorted(up_to[place], steps * total * (1 - 1e-12))
        kept[place], weights[place] = values[place][at], steps * total
    return kept, weights
