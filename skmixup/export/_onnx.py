"""A fitted estimator as one ONNX model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from onnx import GraphProto, ModelProto
from skl2onnx import convert_sklearn
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._typing import MatrixLike
from ..encoding._scaler import _distinct
from ._converters import ENCODERS, register
from ._inputs import input_types
from ._prediction import ENSEMBLES, SINGLE, first_encoder

PREDICTORS = (*SINGLE, *ENSEMBLES)
_PASS = ("passthrough", None)  # steps that do nothing

register()


def to_onnx(
    estimator: Any,
    X: MatrixLike | None = None,
    *,
    missing: str = "",
    target_opset: int | dict[str, int] | None = None,
) -> ModelProto:
    """Return a fitted estimator as an ONNX model, which predicts from raw columns.

    One file holds all of it: encoding, members, temperature and decision. A runtime of
    ONNX predicts from it without Python, or in Python without this package.

    Of a table with names, each column is an input of its own, of shape (n_rows, 1) and
    its name, as for skl2onnx; of an array of numbers, the input is "X", of shape
    (n_rows, n_features). Numbers are float64, since in less some would lie on the other
    side of a bin's edge, or be another large id; but float32 with ``preprocess=None``.
    Text, and categories of any type, are strings. Outputs, in float64:

    - of a classifier "label", of shape (n_rows,), and "probabilities", of shape
      (n_rows, n_classes); with several labels a row, "label" has a column of 0 and 1
      for each;
    - of a regressor "variable", of shape (n_rows, n_outputs); where `quantile` is
      array-like, as `predict` returns it.

    Parameters
    ----------
    estimator : MixupClassifier, MixupRegressor, ensemble, search or Pipeline
        Fitted. Ensembles are MixupEnsembleClassifier, MixupEnsembleRegressor,
        FoldEnsemble and FoldEnsembleRegressor; of a search it is the best estimator; of
        a Pipeline that ends in one of them, skl2onnx converts the other steps.
    X : DataFrame, array-like or sparse matrix, default=None
        Some rows as they will come, of which the inputs' types are taken, such as int64
        and bool. Needed where the first to take the columns is of another library, and
        of use where categories are no text.
    missing : str, default=""
        Text that stands for a missing value, since strings in ONNX have none. Missing
        numbers are NaN.
    target_opset : int or dict, default=None
        Version of ONNX's operators, from 13 on, for older runtimes. None is the latest
        that skl2onnx knows.

    Returns
    -------
    model : onnx.ModelProto
        To be written by :func:`onnx.save`, or by ``model.SerializeToString()``.

    Raises
    ------
    TypeError
        If the estimator is of another kind; or if a StackingTransformer holds boosted
        trees, as candidates of the ensembles do where nothing else is said: with
        ``estimator=MixupClassifier(preprocess=TabularEncoder())`` there are none.
    NotFittedError
        If it is not fitted.
    ValueError
        If a column holds dates of a time zone whose offset varies; if `missing` is a
        level of a column that has missing values too; or if X is needed.

    Notes
    -----
    Probabilities are those of `predict_proba` but for round-off, about 1e-7. What
    Python refuses can't be refused here: of a row with infinity (or NaN, with
    ``preprocess=None``), all probabilities are NaN, and the label means nothing. So it
    may be with numbers near 1e38 that ``preprocess=None`` takes as they are.

    Where categories that held numbers or booleans come as strings, 1, 1.0 and True are
    "1", and 0.5 is "0.5". Dates are seconds since 1970 in UTC, as float64, and lengths
    of time are seconds; dates without a zone are as if in UTC. Columns that the encoder
    leaves out are inputs all the same. Those of an array of objects are called "x0",
    "x1" and so on. A name that another input or output has is numbered: "label_2".

    After ``import skmixup.export``, skl2onnx's own `to_onnx` takes the estimators as
    well, alone and in Pipelines; `missing` is among its `options` then.

    Examples
    --------
    >>> import onnxruntime
    >>> import pandas as pd
    >>> from skmixup import MixupClassifier
    >>> from skmixup.export import to_onnx
    >>> color = ["red", "blue", None, "red"]
    >>> X = pd.DataFrame({"size": [1.0, None, 3.0, 2.5] * 10, "color": color * 10})
    >>> y = ["small", "small", "large", "large"] * 10
    >>> clf = MixupClassifier(random_state=0).fit(X, y)
    >>> file = to_onnx(clf).SerializeToString()
    >>> session = onnxruntime.InferenceSession(file)
    >>> text = X[["color"]].fillna("").astype(object)
    >>> rows = {"size": X[["size"]].to_numpy(), "color": text.to_numpy()}
    >>> label, proba = session.run(None, rows)
    >>> label[:4].tolist(), bool(abs(proba - clf.predict_proba(X)).max() < 1e-5)
    (['small', 'small', 'large', 'large'], True)
    """
    check_is_fitted(estimator)
    if hasattr(estimator, "refit"):  # a search
        if not hasattr(estimator, "best_estimator_"):
            raise ValueError(
                f"estimator is a search with refit={estimator.refit!r}, which keeps no "
                "fitted estimator: fit it with refit=True, or export one of your own."
            )
        estimator = estimator.best_estimator_
    if isinstance(estimator, Pipeline):
        steps = [named for named in estimator.steps if named[1] not in _PASS]
        estimator = Pipeline(steps) if len(steps) > 1 else steps[0][1]
    is_pipeline = isinstance(estimator, Pipeline)
    first, last = (estimator[0], estimator[-1]) if is_pipeline else (estimator,) * 2
    if not isinstance(last, PREDICTORS):
        raise TypeError(
            f"estimator must be one of {[kind.__name__ for kind in PREDICTORS]}, a "
            f"Pipeline that ends in one, or a search for one, got {estimator!r}."
        )
    encoder = first_encoder(estimator)
    types = input_types(first, encoder, X)
    model = convert_sklearn(
        estimator,
        name=type(last).__name__,
        initial_types=types,
        options={kind: {"missing": missing} for kind in (*SINGLE, *ENCODERS)},
        target_opset=target_opset,
    )
    _rename_inputs(model.graph, [name for name, _ in types])
    return model


def _rename_inputs(graph: GraphProto, names: Iterable[str]) -> None:
    """Give inputs the names of columns, of which skl2onnx keeps letters and digits."""
    outputs = [value.name for value in graph.output]
    names = _distinct([*outputs, *names])[len(outputs) :]
    inner = {name for node in graph.node for name in node.output}
    inner |= {constant.name for constant in graph.initializer}
    new = {name: f"{name}_inner" for name in inner.intersection(names)}
    new |= dict(zip((value.name for value in graph.input), names, strict=True))
    for value in (*graph.input, *graph.initializer):
        value.name = new.get(value.name, value.name)
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [new.get(name, name) for name in values]
