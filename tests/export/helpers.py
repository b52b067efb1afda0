"""Predictions of exported models, beside those of the estimators."""

import numpy as np
import onnxruntime
import pandas as pd
from onnx.helper import tensor_dtype_to_np_dtype

from skmixup import MixupClassifier, MixupRegressor
from skmixup.encoding._columns import to_levels
from skmixup.export import to_onnx

QUICK = {
    "max_epochs": 2,
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "random_state": 0,
}


def mixed(n=300, seed=0):
    """A table of all kinds of columns but dates."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "count": np.where(rng.random(n) < 0.7, 0, rng.poisson(20, n)),
            "code": np.where(rng.random(n) < 0.4, 999_999.0, rng.normal(size=n)),
            "id": rng.integers(2**52, 2**53, n),
            "heavy tail": rng.standard_cauchy(n) * 1e6,
            "constant": 3.5,
            "color": rng.choice(["red", "blue", "green"], n),
            "shop": rng.integers(0, 40, n).astype(str),
            "flag": rng.random(n) < 0.5,
            "never": np.full(n, np.nan),
        }
    )
    X.loc[rng.random(n) < 0.2, "size"] = np.nan
    X.loc[rng.random(n) < 0.1, ["color", "shop"]] = None
    return X


def labels(X, kind):
    """Targets of a kind, of which a table's columns tell something."""
    base = X["size"].fillna(0) + X["flag"] + (X["color"] == "red")
    if kind == "binary":
        return np.where(base > 0.5, "yes", "no")
    if kind == "classes":
        return np.clip(np.round(base), -1, 2).astype(int)
    if kind == "indicator":
        return np.column_stack([base > 0, X["flag"], X["count"] > 0]).astype(int)
    if kind == "number":
        return base.to_numpy() * 1e4 + 7
    return np.column_stack([base, 1e-3 * X["count"], np.full(len(X), 2.0)])


KINDS = {
    "binary": MixupClassifier,
    "classes": MixupClassifier,
    "indicator": MixupClassifier,
    "number": MixupRegressor,
    "numbers": MixupRegressor,
}


def feed(model, X, missing=""):
    """What a model's inputs get for a table, or for an array of numbers."""
    inputs = {
        value.name: value.type.tensor_type.elem_type for value in model.graph.input
    }
    dtypes = {name: tensor_dtype_to_np_dtype(kind) for name, kind in inputs.items()}
    if list(dtypes) == ["X"]:
        return {"X": np.asarray(X, dtype=dtypes["X"])}
    frame = pd.DataFrame(X)
    columns = [
        _column(frame.iloc[:, i], dtype, missing)
        for i, dtype in enumerate(dtypes.values())
    ]
    return dict(zip(dtypes, columns, strict=True))


def _column(column, dtype, missing):
    if dtype.kind == "O":  # spelled as the encoder does
        values = to_levels(column, column.name)
        return np.where(pd.isna(values), missing, values)[:, None]
    if str(column.dtype).startswith("datetime"):
        utc = column if column.dt.tz is None else column.dt.tz_convert(None)
        column = utc.astype("datetime64[us]").astype(np.int64) / 1e6
        column[utc.isna()] = np.nan
    elif str(column.dtype).startswith("timedelta"):
        column = column.dt.total_seconds()
    elif isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(float)
    return column.to_numpy(dtype)[:, None]


def run(model, X, missing=""):
    """What a model says of rows: label and probabilities, or numbers."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, feed(model, X, missing))


def check_equal(estimator, X, sample=None, missing="", **params):
    """Assert that a model that is exported says what the estimator does.

    Of all rows, and of one row alone.
    """
    model = to_onnx(estimator, sample, missing=missing, **params)
    for rows in (X, X[:1]):
        *label, predicted = run(model, rows, missing)
        if label:
            np.testing.assert_allclose(
                predicted, estimator.predict_proba(rows), rtol=0, atol=1e-5
            )
            np.testing.assert_array_equal(label[0], estimator.predict(rows))
        else:
            own = estimator.predict(rows)
            assert predicted.shape == (own.shape if own.ndim > 1 else (len(own), 1))
            own = own.reshape(predicted.shape)
            scale = np.abs(own).max() + 1e-300
            np.testing.assert_allclose(
                predicted / scale, own / scale, rtol=0, atol=1e-5
            )
    return model
