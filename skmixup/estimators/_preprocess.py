"""A transformer within an estimator, fitted as a Pipeline would."""

from __future__ import annotations

import contextlib
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import (
    has_fit_parameter,
)

from .._typing import Array, Sparse
from ..encoding._encoder import TabularEncoder

_ROUND_OFF = 1e-4  # of a column's spread, in what a transformer computes in two ways


def last_step(estimator: Any) -> tuple[str | None, Any]:
    """Return the name (None if there is no Pipeline) and the estimator at the end."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[-1]
    return None, estimator


def fit_transform(encoder: Any, X: Any, y: Array, weight: Array) -> Any:
    """Fit a transformer as a Pipeline does, with weights where it takes them."""
    params = {}
    if has_fit_parameter(encoder, "sample_weight"):
        params["sample_weight"] = weight
    with plain_output(encoder):
        if not hasattr(encoder, "fit_transform"):
            return encoder.fit(X, y, **params).transform(X)
        named = signature(encoder.fit_transform).parameters.values()
        if not any(p.name in params or p.kind is p.VAR_KEYWORD for p in named):
            params = {}  # better without weights than each row with its own target
        return encoder.fit_transform(X, y, **params)


def plain_output(encoder: object) -> contextlib.AbstractContextManager[Any]:
    """Keep a user's setting of `transform_output` from our own encoder."""
    if isinstance(encoder, TabularEncoder):
        return config_context(transform_output="default")
    return contextlib.nullcontext()


def cross_fits(encoder: Any, X: Any, y: Array, weight: Array) -> bool:
    """Tell whether a transformer keeps from a row's encoding what its own target says.

    As TargetEncoder does: encoded by `fit_transform`, rows depend on y, and are not
    what `transform` makes of them. What is drawn at random is drawn alike each time.
    """
    if encoder is None or isinstance(encoder, TabularEncoder):
        return False
    fitted, other = _with_seeds(encoder), _with_seeds(encoder)
    Z = fit_transform(fitted, X, y, weight)
    if _are_close(Z, fitted.transform(X)):
        return False
    permuted = np.random.default_rng(0).permutation(len(y))
    return not _are_close(Z, fit_transform(other, X, y[permuted], weight))


def _with_seeds(encoder: Any) -> Any:
    """Return a clone in which all that is random has a seed."""
    encoder = clone(encoder)
    drawn = {
        name: 0
        for name, value in encoder.get_params().items()
        if name.rsplit("__", 1)[-1] == "random_state"
        and (value is None or isinstance(value, np.random.RandomState))
    }
    return encoder.set_params(**drawn)


def _are_close(first: Any, second: Any) -> bool:
    """Tell whether matrices are the same but for round-off, column by column."""
    if np.shape(first) != np.shape(second):
        return False
    first, second = map(_by_columns, (first, second))
    largest = abs(first).max(axis=0).toarray()
    spread = first.max(axis=0).toarray() - first.min(axis=0).toarray()
    apart = abs(first - second).max(axis=0).toarray()
    return bool((apart <= _ROUND_OFF * (spread + _ROUND_OFF * largest)).all())


def _by_columns(Z: ArrayLike | Sparse) -> Any:
    return Z.tocsc() if sparse.issparse(Z) else sparse.csc_array(np.asarray(Z, float))
