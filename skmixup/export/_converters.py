"""What skl2onnx is told of the estimators, so that it converts Pipelines of them."""

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

from ..encoding import SmoothClipScaler, TabularEncoder
from ._encoding import encode, fill, scale
from ._graph import Graph
from ._inputs import Columns
from ._network import predict_encoded
from ._prediction import (
    PREDICTORS,
    decide,
    foreign_encoder,
    is_multilabel,
    members_of,
    output_shape,
    predict,
)

PREPROCESSORS = (TabularEncoder, SmoothClipScaler)
_LABELS = {
    "b": (BooleanTensorType, np.bool_),
    "i": (Int64TensorType, np.int64),
    "u": (Int64TensorType, np.int64),
    "f": (DoubleTensorType, np.float64),
    "U": (StringTensorType, np.object_),
    "O": (StringTensorType, np.object_),
}


def register():
    """Tell skl2onnx of all estimators that can be exported."""
    missing = {"missing": None}  # any text
    zipmap = {"zipmap": [False, True, "columns"]}  # asked for by Pipelines, in vain
    for kind in PREDICTORS:
        update_registered_converter(
            kind,
            _alias(kind),
            _shape_of_predictor,
            _convert_predictor,
            parser=_parse_predictor,
            options=missing | zipmap,
        )
    for kind in PREPROCESSORS:
        update_registered_converter(
            kind, _alias(kind), _shape_of_encoder, _convert_encoder, options=missing
        )


def _alias(kind):
    return f"Skmixup{kind.__name__}"


def _parse_predictor(scope, model, inputs, custom_parsers=None):
    """Declare what a model puts out, and let its preprocessing come before it."""
    members_of(model)
    if foreign_encoder(model) is not None:
        inputs = _parse_sklearn(scope, model.encoder_, inputs, custom_parsers)
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


def _shape_of_predictor(operator):
    """Do nothing: the parser has declared the shapes."""


def _convert_predictor(scope, operator, container):
    model, graph = operator.raw_operator, Graph(scope, container)
    if foreign_encoder(model) is not None:
        parts = [graph.read(part).to(np.float32) for part in operator.inputs]
        predicted = predict_encoded(model, None, graph.join(parts))
    else:
        predicted = predict(graph, model, _columns(graph, operator, container))
    graph.write(predicted, operator.outputs[-1])
    if is_classifier(model):
        _, dtype = _label_type(model)
        graph.write(decide(model, predicted, dtype), operator.outputs[0])


def _label_type(clf):
    """Return the type of labels, skl2onnx's and NumPy's."""
    dtype = clf.classes_.dtype
    if dtype.kind not in _LABELS:
        raise ValueError(
            f"y held labels of type {dtype} in fit, which ONNX does not have: make "
            "text of them before fit, by astype(str)."
        )
    return _LABELS[dtype.kind]


def _shape_of_encoder(operator):
    width = len(operator.raw_operator.get_feature_names_out())
    operator.outputs[0].type = FloatTensorType([None, width])


def _convert_encoder(scope, operator, container):
    encoder, graph = operator.raw_operator, Graph(scope, container)
    columns = _columns(graph, operator, container)
    if isinstance(encoder, SmoothClipScaler):
        numbers = columns.numbers(range(encoder.n_features_in_))
        encoded = scale(encoder, fill(encoder, numbers))
    else:
        _, encoded = encode(graph, encoder, columns, coded=False)
    graph.write(encoded, operator.outputs[0])


def _columns(graph, operator, container):
    model = operator.raw_operator
    missing = container.get_options(model, {"missing": ""})["missing"]
    return Columns(graph, operator.inputs, model.n_features_in_, missing)
