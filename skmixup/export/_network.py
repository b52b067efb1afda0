"""The members of a stack, and their mean, as nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor

from .._typing import Array
from ..estimators import MixupClassifier, MixupRegressor
from ..estimators._numeric_targets import CountTarget, QuantileTarget
from ..stack._embedding import StackedEmbedding
from ..stack._mlp import StackedMLP
from ..stack._periodic import StackedPeriodic
from ._graph import Value

_LARGEST, _LARGEST_RATE = np.finfo(np.float64).max, np.finfo(np.float32).max
_ACTIVATIONS: dict[str, Callable[[Value], Value]] = {
    "relu": lambda z: z.Relu(),
    "gelu": lambda z: z / 2 * ((z / np.sqrt(2)).Erf() + 1),
    "silu": lambda z: z * z.Sigmoid(),
    "selu": lambda z: z.Selu(),
    "mish": lambda z: z * z.Softplus().Tanh(),
    "tanh": lambda z: z.Tanh(),
    "logistic": lambda z: z.Sigmoid(),
    "identity": lambda z: z,
}


def predict_encoded(
    estimator: MixupClassifier | MixupRegressor,
    codes: Value | None,
    dense: Value | None,
) -> Value:
    """Return what an estimator predicts for encoded rows.

    Parameters
    ----------
    estimator : MixupClassifier or MixupRegressor
        Fitted.
    codes : Value or None
        Of levels to embed: int64, (n_rows, n_embedded).
    dense : Value or None
        The other columns: float32, (n_rows, n_columns).

    Returns
    -------
    predicted : Value
        Probabilities, or numbers: float64, (n_rows, ...). NaN in rows in which not all
        is finite.
    """
    mlp, weights = estimator.net_.module_, estimator.member_weights_
    if weights is None:
        weights = np.full(mlp.n_members, 1 / mlp.n_members)
    kept = np.flatnonzero(weights)
    scores = _scores(mlp, kept, codes, dense).to(np.float64)
    mean = _mean_proba if isinstance(estimator, MixupClassifier) else _mean_number
    predicted = mean(estimator, scores, weights[kept, None, None])
    if dense is None:
        return predicted
    nothing = (dense * 0).sum(1).to(np.float64)
    axes = np.arange(len(shape_of_row(estimator))) + 1
    return predicted + nothing.Unsqueeze(axes)


def _mean_proba(clf: MixupClassifier, scores: Value, weights: Array) -> Value:
    """Return the members' mean probabilities, at the temperature."""
    if not clf.multilabel_:
        proba = (scores.Softmax(axis=2) * weights).sum(0)
        return at_temperature(proba, clf.temperature_)
    proba, other = (
        ((scores * sign).Sigmoid() * weights).sum(0).Log() for sign in (1, -1)
    )
    return ((proba - other) / clf.temperature_).Sigmoid()


def at_temperature(proba: Value, temperature: float) -> Value:
    """Return probabilities of one label a row at a temperature."""
    if temperature == 1:
        return proba
    return (proba.Log() / temperature).Softmax(axis=1)


def _mean_number(reg: MixupRegressor, scores: Value, weights: Array) -> Value:
    """Return what the members tell together, in the units of the targets."""
    target = reg._target
    if isinstance(target, CountTarget):
        rate = (scores.Exp().Min(_LARGEST_RATE) * weights).sum(0)
        told = rate * target._unit
    elif isinstance(target, QuantileTarget):
        n_levels = len(target.levels)
        told = (scores * weights).sum(0)
        told = told.Reshape(np.array([0, target.n_targets, n_levels])).sort(n_levels)
        told = _in_units(told, target.scale[:, None], target.mean[:, None])
    else:
        told = _in_units((scores * weights).sum(0), target.scale, target.mean)
    shape = np.array([0, *shape_of_row(reg)])
    return told.Clip(-_LARGEST, _LARGEST).Reshape(shape)


def _in_units(told: Value, scale: Array, mean: Array) -> Value:
    """Return told · scale + mean.

    With signs turned, since onnxruntime leaves out the addition of a constant that is 0
    in single precision.
    """
    return told.graph.value(mean) - told * -scale


def shape_of_row(estimator: MixupClassifier | MixupRegressor) -> tuple[int, ...]:
    """Return the shape of what is predicted for a row: at least one axis."""
    if isinstance(estimator, MixupClassifier):
        return (estimator._target.n_outputs,)
    target = estimator._target
    shape: tuple[int, ...] = (target.n_targets,) if target.ndim > 1 else ()
    if isinstance(target, QuantileTarget) and isinstance(target.quantile, tuple):
        shape += (len(target.levels),)
    return shape or (1,)


def _scores(
    mlp: StackedMLP, kept: Array, codes: Value | None, dense: Value | None
) -> Value:
    """Return the scores of some members, (n_kept, n_rows, n_outputs)."""
    parts: list[tuple[Value, int | None]] = []
    if mlp.periodic is not None and dense is not None:
        parts.append((_waves(mlp.periodic, kept, dense), mlp.periodic.width))
    if mlp.embedding is not None and codes is not None:
        width = mlp.embedding.n_coded * mlp.embedding.size
        parts.append((_vectors(mlp.embedding, kept, codes, width), width))
    if dense is not None:
        parts.append((dense, None))
    weights, biases = (
        [_array(getattr(layer, name), kept) for layer in mlp.layers]
        for name in ("weight", "bias")
    )
    weights[-1], biases[-1] = (
        weights[-1][..., : mlp.width],
        biases[-1][..., : mlp.width],
    )
    # The first layer's product is the sum of its parts': nothing is copied for each
    # member, to be side by side.
    start: Any = 0
    Z: Any = biases[0]
    for part, n_inputs in parts:
        stop = None if n_inputs is None else start + n_inputs
        Z = part.MatMul(weights[0][:, start:stop]) + Z
        start = stop
    for weight, bias in zip(weights[1:], biases[1:], strict=True):
        Z = _ACTIVATIONS[mlp.activation](Z).MatMul(weight) + bias
    return Z


def _waves(periodic: StackedPeriodic, kept: Array, dense: Value) -> Value:
    """Return what numbers become, (n_kept, n_rows, 4·n_numbers)."""
    frequency, phase, mix = periodic._parts(periodic.weight[kept].detach().cpu())
    numbers = dense.take(range(periodic.n_numbers)).Transpose(perm=[1, 0])
    angle = numbers.Unsqueeze(np.array([2])) * frequency.numpy() + phase.numpy()
    waves = angle.Cos().MatMul(np.ascontiguousarray(mix.mT.numpy()))
    waves = waves.Transpose(perm=[0, 2, 1, 3])
    return waves.Reshape(np.array([0, 0, periodic.width]))


def _vectors(
    embedding: StackedEmbedding, kept: Array, codes: Value, width: int
) -> Value:
    """Return the vectors of levels, (n_kept, n_rows, width)."""
    place = (codes + embedding.shift.cpu().numpy()) * (codes > 0).to(np.int64)
    table = codes.graph.value(_array(embedding.weight, kept))
    return table.Gather(place, axis=1).Reshape(np.array([0, 0, width]))


def _array(parameter: Tensor, kept: Array) -> Array:
    return parameter.detach().cpu().numpy()[kept]
