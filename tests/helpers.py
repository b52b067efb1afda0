"""Tables, estimators and strategies that tests of several modules share."""

import warnings
from pathlib import Path

import narwhals
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from sklearn.datasets import load_digits

ROOT = Path(__file__).resolve().parents[1]

# Of tests whose rows are to hold levels that `fit` has not seen.
UNSEEN = pytest.mark.filterwarnings("ignore:Column.* hold levels that fit has not")

QUICK = {
    "max_epochs": 8,
    "n_estimators": 2,
    "hidden_layer_sizes": (16,),
    "random_state": 0,
}

# α from end to end, 0 and infinity included.
alphas = st.one_of(
    st.sampled_from([0.0, float("inf"), 1e-300, 1e300]), st.floats(1e-3, 1e3)
)


def single(kind, **params):
    """A single network that learns from all rows."""
    plain = {"n_estimators": 1, "early_stopping": False, "dropout": 0.0}
    return kind(**plain | {"random_state": 0} | params)


def predictions(estimator, X):
    """What it predicts: probabilities, or numbers."""
    is_classifier = hasattr(estimator, "predict_proba")
    return estimator.predict_proba(X) if is_classifier else estimator.predict(X)


# Tables


def sides(n=60):
    """Two numbers and a code, of which the first number tells y."""
    x = np.random.default_rng(0).normal(size=n)
    codes = np.arange(n) % 3
    frame = pd.DataFrame({"left": x, "right": -x, "code": codes})
    return frame, (x > 0).astype(int)


def shops(n=120, seed=0):
    """A column of many levels that says nothing of y, and a size that does."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {"shop": rng.integers(0, 40, n).astype(str), "size": rng.normal(size=n)}
    )
    return X, (X["size"] + rng.normal(size=n) > 0).astype(int).to_numpy()


def grouped(n_groups=40, size=10):
    """Rows whose label is their group's, by chance: a row tells of its group's."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(n_groups), size)
    rows = rng.normal(size=(n_groups, 5))[groups]
    rows += 0.05 * rng.normal(size=rows.shape)
    return rows, rng.integers(0, 2, size=n_groups)[groups], groups


def digits(n=600):
    """Images of digits as rows of 64 numbers, and what they show."""
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32)[:n], y[:n]


def one_hot_rows(n=300, width=400):
    """A wide one-hot table with two columns of numbers, dense, and labels."""
    rng = np.random.default_rng(0)
    codes = rng.integers(width - 2, size=n)
    X = np.zeros((n, width), dtype=np.float32)
    X[np.arange(n), codes] = 1
    X[:, -2:] = rng.normal(size=(n, 2))
    return X, (codes % 3 + (X[:, -1] > 1)) % 3


# Tables of other libraries


def arrow_table(frame):
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def record_batch(frame):
    return arrow_table(frame).combine_chunks().to_batches()[0]


def polars_frame(frame):
    return pytest.importorskip("polars").DataFrame(frame.to_dict("list"))


def dask_frame(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=2)


def narwhals_frame(frame):
    return narwhals.from_native(frame)


def arrow_stream(frame):
    table = arrow_table(frame)
    return pytest.importorskip("pyarrow").RecordBatchReader.from_batches(
        table.schema, table.to_batches()
    )


LIBRARIES = [
    arrow_table,
    record_batch,
    arrow_stream,
    polars_frame,
    dask_frame,
    narwhals_frame,
]
