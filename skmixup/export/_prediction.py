"""What estimators and ensembles of them predict, from columns, as nodes."""

import numpy as np
from sklearn.base import is_classifier

from ..encoding import TabularEncoder
from ..estimators import MixupClassifier, MixupRegressor
from ..search import (
    FoldEnsemble,
    FoldEnsembleRegressor,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
)
from ._encoding import encode
from ._network import at_temperature, predict_encoded, shape_of_row

_SINGLE = (MixupClassifier, MixupRegressor)
_FOLDS = (FoldEnsemble, FoldEnsembleRegressor)
_PATIENT = (MixupEnsembleClassifier, MixupEnsembleRegressor)
PREDICTORS = (*_SINGLE, *_FOLDS, *_PATIENT)


def members_of(estimator):
    """Return the estimators that an ensemble averages; of a single one, itself.

    Raises
    ------
    TypeError
        If one is neither a MixupClassifier nor a MixupRegressor.
    """
    if isinstance(estimator, _PATIENT):
        estimator = estimator.ensemble_
    if isinstance(estimator, _SINGLE):
        return [estimator]
    for member in estimator.estimators:
        if not isinstance(member, _SINGLE):
            raise TypeError(
                "The estimators of an ensemble must be MixupClassifiers or "
                f"MixupRegressors to be exported, got {member!r}."
            )
    return estimator.estimators


def foreign_encoder(estimator):
    """Return the preprocessing of a single estimator if skl2onnx is to convert it."""
    if not isinstance(estimator, _SINGLE):
        return None
    encoder = estimator.encoder_
    return None if type(encoder) is TabularEncoder else encoder


def is_multilabel(clf):
    """Tell whether rows have several labels."""
    return members_of(clf)[0].multilabel_


def output_shape(estimator):
    """Return the shape of the probabilities, or the numbers, of a row."""
    if is_classifier(estimator):
        return (len(estimator.classes_),)
    return shape_of_row(members_of(estimator)[0])


def predict(graph, estimator, columns):
    """Return the probabilities, or the numbers, of rows.

    Parameters
    ----------
    graph : Graph
    estimator : one of PREDICTORS
        Fitted.
    columns : Columns

    Returns
    -------
    predicted : Value
        Float64, (n_rows, ...).

    Raises
    ------
    TypeError
        If skl2onnx would have to convert an estimator's preprocessing.
    ValueError
        If a column can't be encoded by nodes.
    """
    if isinstance(estimator, _PATIENT):
        predicted = predict(graph, estimator.ensemble_, columns)
        return at_temperature(predicted, getattr(estimator, "temperature_", 1))
    if isinstance(estimator, _FOLDS):
        return _predict_mean(graph, estimator, columns)
    if foreign_encoder(estimator) is not None:
        raise TypeError(
            f"preprocess={estimator.preprocess!r} of an ensemble's estimator can't be "
            "exported: it must be 'auto', None or a TabularEncoder."
        )
    if estimator.encoder_ is None:
        every = range(estimator.n_features_in_)
        return predict_encoded(estimator, None, columns.numbers(every, np.float32))
    coded = bool(estimator.n_levels_)
    encoded = encode(graph, estimator.encoder_, columns, coded)
    return predict_encoded(estimator, *encoded)


def _predict_mean(graph, ensemble, columns):
    """Return the weighted mean of what an ensemble's estimators predict."""
    parts = []
    members = members_of(ensemble)
    for member, share in zip(members, ensemble._shares(), strict=True):
        part = predict(graph, member, columns) * share
        if isinstance(ensemble, FoldEnsemble):  # a fold may lack a class
            places = np.searchsorted(ensemble.classes_, member.classes_)
            part = part.MatMul(np.eye(len(ensemble.classes_))[places])
        parts.append(part)
    return parts[0].Sum(*parts[1:])


def decide(clf, proba, dtype):
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
