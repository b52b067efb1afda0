"""What skl2onnx is told of the estimators, so that it converts Pipelines of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from skl2onnx import update_registered_converter
from skl2onnx._parse import _parse_sklearn
from skl2onnx.common.data_types import (
    BooleanTensorType,
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn.base import is_classifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)

from ..encoding import SmoothClipScaler, StackingTransformer, TabularEncoder
from ..estimators._preprocess import last_step
from ._encoding import encode, fill, scale, standardize
from ._graph import Graph, Value
from ._inputs import Columns
from ._network import predict_encoded
from ._prediction import (
    ENSEMBLES,
    SINGLE,
    average,
    averaged,
    decide,
    encodes_itself,
    is_multilabel,
    output_shape,
    predict,
)

ENCODERS = (TabularEncoder, SmoothClipScaler)
# Its converter makes attributes that protobuf refuses, as of 1.20.
_NOT_CONVERTED = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_LABELS: dict[str, tuple[Any, type[np.generic]]] = {
    "b": (BooleanTensorType, np.bool_),
    "i": (Int64TensorType, np.int64),
    "u": (Int64TensorType, np.int64),
    "f": (DoubleTensorType, np.float64),
    "U": (StringTensorType, np.object_),
    "O": (StringTensorType, np.object_),
}


def register() -> None:
    """Tell skl2onnx of all estimators that can be exported."""
    missing = {"missing": None}  # any text
    zipmap = {"zipmap": [False, True, "columns"]}  # asked for by Pipelines, in vain
    for kinds, shape, convert, more in (
        (SINGLE, _keep_shape, _convert_single, (_parse_single, missing | zipmap)),
        (ENSEMBLES, _keep_shape, _convert_ensemble, (_parse_ensemble, zipmap)),
        (ENCODERS, _shape_of_encoder, _convert_encoder, (None, missing)),
        ([StackingTransformer], _keep_shape, _convert_stacking, (_parse_stacking, {})),
    ):
        for kind in kinds:
            parser, options = more
            update_registered_converter(
                kind, _alias(kind), shape, convert, parser=parser, options=options
            )


def _alias(kind: type) -> str:
    return f"Skmixup{kind.__name__}"


def _keep_shape(operator: Any) -> None:
    """Do nothing: the parser has declared the shapes."""


# ---- prediction


def _parse_single(
    scope: Any, model: Any, inputs: Sequence[Any], custom_parsers: Any = None
) -> Sequence[Any]:
    """Declare what an estimator puts out; preprocessing not ours comes before it."""
    if not encodes_itself(model):
        inputs = _parse_sklearn(scope, model.encoder_, inputs, custom_parsers)
    return _declare(scope, model, inputs)


def _convert_single(scope: Any, operator: Any, container: Any) -> None:
    model, graph = operator.raw_operator, Graph(scope, container)
    if encodes_itself(model):
        predicted = predict(graph, model, _columns(graph, operator, container))
    else:
        parts = [graph.read_as(part, np.float32) for part in operator.inputs]
        predicted = predict_encoded(model, None, graph.join(parts))
    _write(operator, predicted)


def _parse_ensemble(
    scope: Any, model: Any, inputs: Sequence[Any], custom_parsers: Any = None
) -> Sequence[Any]:
    """Declare what an ensemble puts out; its estimators come before it."""
    parts = [
        _parse_sklearn(scope, estimator, inputs, custom_parsers)[-1]
        for estimator in averaged(model).estimators
    ]
    return _declare(scope, model, parts)


def _convert_ensemble(scope: Any, operator: Any, container: Any) -> None:
    graph = Graph(scope, container)
    parts = [graph.read_as(part, np.float64) for part in operator.inputs]
    _write(operator, average(operator.raw_operator, parts))


def _declare(scope: Any, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    """Return the outputs of a new operator."""
    operator = scope.declare_local_operator(_alias(type(model)), model)
    operator.inputs = list(inputs)
    shape = [None, *output_shape(model)]
    outputs = [("variable", DoubleTensorType(shape))]
    if is_classifier(model):
        kind, _ = _label_type(model)
        label = Int64TensorType(shape) if is_multilabel(model) else kind([None])
        outputs = [("label", label), ("probabilities", DoubleTensorType(shape))]
    operator.outputs += [scope.declare_local_variable(*output) for output in outputs]
    return operator.outputs


def _write(operator: Any, predicted: Value) -> None:
    """Let an operator's outputs be what is predicted."""
    model, graph = operator.raw_operator, predicted.graph
    graph.write(predicted, operator.outputs[-1])
    if is_classifier(model):
        _, dtype = _label_type(model)
        graph.write(decide(model, predicted, dtype), operator.outputs[0])


def _label_type(clf: Any) -> tuple[Any, type[np.generic]]:
    """Return the type of labels, skl2onnx's and NumPy's."""
    dtype = clf.classes_.dtype
    if dtype.kind not in _LABELS:
        raise ValueError(
            f"y held labels of type {dtype} in fit, which ONNX does not have: make "
            "text of them before fit, by astype(str)."
        )
    return _LABELS[dtype.kind]


# ---- preprocessing


def _shape_of_encoder(operator: Any) -> None:
    width = len(operator.raw_operator.get_feature_names_out())
    operator.outputs[0].type = FloatTensorType([None, width])


def _convert_encoder(scope: Any, operator: Any, container: Any) -> None:
    encoder, graph = operator.raw_operator, Graph(scope, container)
    columns = _columns(graph, operator, container)
    if isinstance(encoder, TabularEncoder):
        _, encoded = encode(graph, encoder, columns, coded=False)
        assert encoded is not None  # without codes, all is there
    else:
        numbers = columns.numbers(range(encoder.n_features_in_))
        encoded = scale(encoder, fill(encoder, numbers))
    graph.write(encoded, operator.outputs[0])


def _columns(graph: Graph, operator: Any, container: Any) -> Columns:
    model = operator.raw_operator
    missing = container.get_options(model, {"missing": ""})["missing"]
    return Columns(graph, operator.inputs, model.n_features_in_, missing)


def _parse_stacking(
    scope: Any, model: Any, inputs: Sequence[Any], custom_parsers: Any = None
) -> Sequence[Any]:
    """Declare the columns; the model whose predictions they are comes before them."""
    last = last_step(model.estimator_)[1]
    if isinstance(last, _NOT_CONVERTED):
        raise TypeError(
            f"{type(last).__name__} within a StackingTransformer can't be exported, as "
            "skl2onnx does not convert it. The candidates of an ensemble are without "
            "it where its `estimator` has a `preprocess` of its own, a TabularEncoder."
        )
    if is_classifier(last):
        scope.add_options(id(last), {"zipmap": False})
    operator = scope.declare_local_operator(_alias(type(model)), model)
    told = _parse_sklearn(scope, model.estimator_, inputs, custom_parsers)
    operator.inputs = told[-1:]
    kind = FloatTensorType([None, model.n_outputs_])
    operator.outputs.append(scope.declare_local_variable("stacked", kind))
    return operator.outputs


def _convert_stacking(scope: Any, operator: Any, container: Any) -> None:
    graph = Graph(scope, container)
    told = graph.read_as(operator.inputs[0], np.float64)
    graph.write(standardize(operator.raw_operator, told), operator.outputs[0])
