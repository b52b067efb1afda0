"""What estimators and ensembles of them predict, as nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ..encoding import TabularEncoder
from ..estimators import MixupClassifier, MixupRegressor
from ..search import (
    FoldEnsemble,
    FoldEnsembleRegressor,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
)
from ._encoding import encode
from ._graph import Graph, Value
from ._inputs import Columns
from ._network import at_temperature, predict_encoded, shape_of_row

SINGLE = (MixupClassifier, MixupRegressor)
_PATIENT = (MixupEnsembleClassifier, MixupEnsembleRegressor)
ENSEMBLES = (FoldEnsemble, FoldEnsembleRegressor, *_PATIENT)


def averaged(ensemble: Any) -> Any:
    """Return the ensemble of fitted estimators that one of many settings ends in."""
    return ensemble.ensemble_ if isinstance(ensemble, _PATIENT) else ensemble


def members_of(estimator: Any) -> list[Any]:
    """Return the single estimators within an ensemble, and within Pipelines in it."""
    if isinstance(estimator, Pipeline):
        estimator = estimator[-1]
    if not isinstance(estimator, ENSEMBLES):
        return [estimator]
    parts = averaged(estimator).estimators
    return [member for part in parts for member in members_of(part)]


def first_encoder(estimator: Any) -> Any:
    """Return what takes the columns first, rather one that tells of their types."""
    if isinstance(estimator, Pipeline):
        return estimator[0]
    if not isinstance(estimator, ENSEMBLES):
        return estimator.encoder_
    found = [first_encoder(part) for part in averaged(estimator).estimators]
    return next((one for one in found if isinstance(one, TabularEncoder)), found[0])


def encodes_itself(estimator: MixupClassifier | MixupRegressor) -> bool:
    """Tell whether skl2onnx need not convert an estimator's preprocessing."""
    return estimator.encoder_ is None or type(estimator.encoder_) is TabularEncoder


def is_multilabel(clf: Any) -> bool:
    """Tell whether rows have several labels."""
    return members_of(clf)[0].multilabel_


def output_shape(estimator: Any) -> tuple[int, ...]:
    """Return the shape of the probabilities, or the numbers, of a row."""
    if is_classifier(estimator):
        return (len(estimator.classes_),)
    return shape_of_row(members_of(estimator)[0])


def predict(
    graph: Graph, estimator: MixupClassifier | MixupRegressor, columns: Columns
) -> Value:
    """Return the probabilities, or the numbers, of rows.

    Parameters
    ----------
    graph : Graph
    estimator : MixupClassifier or MixupRegressor
        Fitted; it encodes itself.
    columns : Columns

    Returns
    -------
    predicted : Value
        Float64, (n_rows, ...).

    Raises
    ------
    ValueError
        If a column can't be encoded by nodes.
    """
    if estimator.encoder_ is None:
        every = range(estimator.n_features_in_)
        return predict_encoded(estimator, None, columns.numbers(every, np.float32))
    coded = bool(estimator.n_levels_)
    encoded = encode(graph, estimator.encoder_, columns, coded)
    return predict_encoded(estimator, *encoded)


def average(ensemble: Any, parts: Sequence[Value]) -> Value:
    """Return the weighted mean of what the estimators of an ensemble predict.

    Parameters
    ----------
    ensemble : one of ENSEMBLES
        Fitted.
    parts : list of Value
        Float64, (n_rows, ...), of each estimator.

    Returns
    -------
    predicted : Value
    """
    fitted, terms = averaged(ensemble), []
    for part, share, estimator in zip(
        parts, fitted._shares(), fitted.estimators, strict=True
    ):
        term = part * share
        if is_classifier(fitted):  # which may have seen fewer classes
            places = np.searchsorted(fitted.classes_, estimator.classes_)
            term = term.MatMul(np.eye(len(fitted.classes_))[places])
        terms.append(term)
    mean = terms[0].Sum(*terms[1:])
    return at_temperature(mean, getattr(ensemble, "temperature_", 1))


def decide(clf: Any, proba: Value, dtype: DTypeLike) -> Value:
    """Return the label of each row, or 1 for each label that it likely has.

    Parameters
    ----------
    clf : classifier
    proba : Value
    dtype : dtype
        Of labels.
    """
    if is_multilabel(clf):
        return (proba > 0.5).to(np.int64)
    classes = proba.graph.value(clf.classes_.astype(dtype))
    best = proba.ArgMax(axis=1, keepdims=0, dtype=np.int64)
    return classes.Gather(best, axis=0)
