"""A row's prediction is its own: whatever rows are beside it, however many."""

import threading

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.preprocessing import FunctionTransformer

from skmixup import MixupClassifier, MixupRegressor, TabularEncoder
from skmixup.encoding import _parts

from ..helpers import (
    QUICK,
    arrow_table,
    one_hot_rows,
    polars_frame,
    predictions,
    sides,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(500, 6))
X[RNG.random(X.shape) < 0.05] = np.nan
Y = (np.nan_to_num(X[:, 0]) > 0).astype(int)
FRAME = pd.DataFrame(X).assign(code=RNG.integers(30, size=500).astype(str))
FRAME.columns = FRAME.columns.astype(str)
COARSE = FRAME.assign(code=RNG.integers(60, size=500).astype(str))
ONE_HOT, CODES = one_hot_rows()
ONE_HOT[::3, :100] = 1  # some rows are full, others have few values
LONG = np.tile(X, (5, 1))
# How other libraries cut their products, we do not know.
EXACT = torch.backends.mkl.is_available()


@pytest.fixture(autouse=True)
def short_parts(monkeypatch):
    """So that tables are long that take no time."""
    monkeypatch.setattr(_parts, "PART", 1000)
    monkeypatch.setattr(_parts, "TABLE_PART", 1000)


def fit(kind=MixupClassifier, rows=X, y=Y, **params):
    return kind(**QUICK | {"max_epochs": 2, "early_stopping": False} | params).fit(
        rows, y
    )


def assert_same(found, expected):
    if EXACT:
        assert_array_equal(found, expected)
    else:
        assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


WAVES = {"numeric_embedding": "periodic"}
CASES = {
    "default widths": lambda: (fit(n_estimators=8, hidden_layer_sizes=(128, 128)), X),
    "one member": lambda: (fit(n_estimators=1, hidden_layer_sizes=(100, 50)), X),
    "narrow layers": lambda: (fit(hidden_layer_sizes=(10, 3)), X),
    "linear": lambda: (fit(hidden_layer_sizes=()), X),
    "few columns": lambda: (
        fit(rows=X[:, :2], preprocess=TabularEncoder(n_bins=0)),
        X[:, :2],
    ),
    "tempered": lambda: (fit(temperature=0.7), X),
    "numbers": lambda: (fit(MixupRegressor, y=np.nan_to_num(X[:, 0])), X),
    "several labels": lambda: (fit(y=np.nan_to_num(X[:, :3]) > 0), X),
    "many classes": lambda: (fit(y=np.arange(500) % 20), X),
    "table": lambda: (fit(rows=FRAME), FRAME),
    "embedded levels": lambda: (fit(rows=COARSE), COARSE),
    "embedded numbers": lambda: (fit(rows=COARSE, **WAVES), COARSE),
    "sparse": lambda: (
        fit(rows=sparse.csr_array(ONE_HOT), y=CODES, preprocess=None),
        sparse.csr_array(ONE_HOT),
    ),
}


def rows_of(table, index):
    return table.iloc[index] if isinstance(table, pd.DataFrame) else table[index]


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_predicted_the_same_in_any_company(case):
    estimator, table = CASES[case]()
    whole = predictions(estimator, table)
    n_rows = len(whole)
    for size in (1, 2, 7, 8, 33, 250):
        index = np.random.default_rng(size).permutation(n_rows)[: max(40, size)]
        parts = [index[i : i + size] for i in range(0, len(index), size)]
        found = [predictions(estimator, rows_of(table, part)) for part in parts]
        assert_same(np.concatenate(found), whole[index])


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from([5, 13, 16, 20, 31, 64, 100]), max_size=3),
    st.integers(1, 9),
    st.integers(1, 40),
    st.integers(2, 120),
)
def test_so_it_is_for_any_shape_of_the_network(widths, n_members, n_columns, n_rows):
    rng = np.random.default_rng(n_rows)
    rows = rng.normal(size=(120, n_columns)).astype(np.float32)
    shape = {"hidden_layer_sizes": tuple(widths), "n_estimators": n_members}
    shape["numeric_embedding"] = "periodic" if n_rows % 2 else None
    clf = fit(rows=rows, y=np.arange(120) % 3, preprocess=None, max_epochs=1, **shape)
    whole = clf.predict_proba(rows)
    some = rng.permutation(120)[:n_rows]
    assert_same(clf.predict_proba(rows[some]), whole[some])


def test_a_long_table_is_predicted_as_its_rows_are():
    clf = fit(n_estimators=3)
    found = clf.predict_proba(LONG)
    assert_same(found, np.tile(clf.predict_proba(X), (5, 1)))
    clf = fit(rows=COARSE)
    long = pd.concat([COARSE] * (5), ignore_index=True)
    expected = np.tile(clf.predict_proba(COARSE), (5, 1))
    assert_same(clf.predict_proba(long), expected)


@pytest.mark.parametrize(
    "kind",
    [pd.DataFrame, arrow_table, polars_frame],
    ids=["pandas", "pyarrow", "polars"],
)
def test_long_tables_of_other_libraries_are_encoded_as_their_parts_are(kind):
    encoder = TabularEncoder().fit(FRAME)
    long = pd.concat([FRAME] * (5), ignore_index=True)
    expected = np.tile(encoder.transform(FRAME), (5, 1))
    assert_array_equal(encoder.transform(kind(long)), expected)


def test_a_long_sparse_table_is_encoded_as_its_parts_are():
    rows = sparse.csr_array(ONE_HOT)
    encoder = TabularEncoder().fit(rows)
    found = encoder.transform(sparse.vstack([rows] * (10), format="csr"))
    expected = np.tile(encoder.transform(rows).toarray(), (10, 1))
    assert_array_equal(found.toarray(), expected)


@pytest.mark.parametrize("change", ["data", "numpy", "parameter", "load_state_dict"])
def test_weights_that_were_changed_are_predicted_with(change):
    clf, other = fit(), fit(random_state=1)
    module, source = clf.net_.module_, other.net_.module_
    clf.predict_proba(X)
    if change == "load_state_dict":
        module.load_state_dict(source.state_dict())
    for mine, theirs in zip(module.layers, source.layers, strict=True):
        for name in ("weight", "bias"):
            new = getattr(theirs, name).detach()
            if change == "data":
                getattr(mine, name).data.copy_(new)
            elif change == "numpy":
                getattr(mine, name).detach().numpy()[...] = new.numpy()
            elif change == "parameter":
                setattr(mine, name, torch.nn.Parameter(new.clone()))
    assert_array_equal(clf.predict_proba(X), other.predict_proba(X))


def test_rows_beyond_single_precision_are_predicted():
    rows = np.nan_to_num(X).astype(np.float32)
    clf = fit(rows=rows, preprocess=None)
    far = rows.copy()
    far[3] = 3e38
    proba = clf.predict_proba(far)
    assert np.isfinite(clf.predict_log_proba(far)).all()
    waves = fit(rows=rows, preprocess=None, **WAVES)
    assert np.isfinite(waves.predict_log_proba(far)).all()
    assert_same(proba[np.arange(500) != 3], np.delete(clf.predict_proba(rows), 3, 0))


def test_threads_predict_with_one_estimator():
    clf = fit(n_estimators=4)
    expected, found = clf.predict_proba(LONG), [None] * 3

    def predict(i):
        found[i] = clf.predict_proba(LONG)

    threads = [threading.Thread(target=predict, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for proba in found:
        assert_array_equal(proba, expected)


@pytest.mark.parametrize("bad", [X[:, :3], np.where(X > 2, np.inf, X)])
def test_subnormals_are_left_to_others_after_a_prediction(bad):
    clf = fit()
    clf.predict_proba(X)
    assert np.float64(1e-308) / 10 > 0
    with pytest.raises(ValueError):
        clf.predict_proba(bad)
    assert np.float64(1e-308) / 10 > 0


def test_a_transformer_that_looks_at_all_rows_gets_them_all():
    seen = []

    def center(rows):
        seen.append(len(rows))
        return np.nan_to_num(rows) - np.nan_to_num(rows).mean(axis=0)

    clf = fit(preprocess=FunctionTransformer(center))
    seen.clear()
    assert len(clf.predict(LONG)) == len(LONG)
    assert seen == [len(LONG)]


def test_an_error_counts_rows_from_the_first():
    frame, y = sides()
    clf = fit(rows=frame, y=y)
    long = pd.concat([frame] * 50, ignore_index=True).astype(object)
    long.loc[2005, "right"] = "much"
    with pytest.raises(ValueError, match=r"'right'.*\b2005\b"):
        clf.predict(long)


def test_a_fit_leaves_its_rows_as_they_were():
    rows = np.where(np.arange(3000).reshape(500, 6) % 7 == 0, -0.0, 1.0)
    rows = (rows * np.nan_to_num(X)).astype(np.float32)
    before = rows.tobytes()
    for preprocess in (None, FunctionTransformer(), "auto"):
        fit(rows=rows, preprocess=preprocess)
        assert rows.tobytes() == before


def test_an_encoder_that_returns_tables_trains_the_same():
    encoder = TabularEncoder().set_output(transform="pandas")
    found = fit(preprocess=encoder).predict_proba(X)
    assert_array_equal(found, fit().predict_proba(X))
