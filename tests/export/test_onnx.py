"""Exported models say what the estimators do."""

import subprocess
import sys

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from skmixup import MixupClassifier, MixupRegressor, MixupSearchCV, TabularEncoder
from skmixup.export import to_onnx

from ..helpers import UNSEEN, sides
from .helpers import KINDS, QUICK, check_equal, labels, mixed, run


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("typed", [False, True])
def test_tables_of_all_kinds_of_columns(kind, typed):
    X = mixed()
    est = KINDS[kind](**QUICK).fit(X, labels(X, kind))
    assert est.n_levels_ == (41,)
    later = pd.concat([X, mixed(700, seed=1)], ignore_index=True)
    assert len(later) == 1000
    model = check_equal(est, later, sample=X if typed else None)
    onnx.checker.check_model(model, full_check=True)
    kinds = {
        value.name: value.type.tensor_type.elem_type for value in model.graph.input
    }
    assert list(kinds) == list(X)
    tensor = onnx.TensorProto
    assert kinds["size"] == tensor.DOUBLE
    assert kinds["id"] == (tensor.INT64 if typed else tensor.DOUBLE)
    assert kinds["flag"] == (tensor.BOOL if typed else tensor.STRING)


@pytest.mark.parametrize("kind", ["classes", "number"])
def test_more_rows_bins_of_trees_and_waves(kind):
    X = mixed(1700)
    X = X[["size", "count", "code", "color", "shop"]]
    y = labels(X.assign(flag=0), kind)
    est = KINDS[kind](**QUICK | {"n_estimators": 4, "max_epochs": 4}).fit(X, y)
    assert est.n_periodic_ == 3
    assert len(set(est.net_.module__n_features)) == 2
    check_equal(est, X)
    est.member_weights_ = np.array([0.25, 0.0, 0.75, 0.0])
    small = check_equal(est, X).ByteSize()
    est.member_weights_ = None
    assert small < 0.7 * check_equal(est, X).ByteSize()


@pytest.mark.parametrize("size", [1e-300, 1e-45, 1e45, 1e300])
def test_numbers_and_targets_of_any_size(size):
    frame, _ = sides()
    for X in (frame * size, frame[["left"]] * size):
        reg = MixupRegressor(**QUICK).fit(X, X["left"] + size)
        check_equal(reg, X)
        levels = {"loss": "quantile", "quantile": [0.2, 0.8]}
        check_equal(reg.set_params(**levels).fit(X, X["left"] + size), X)


@pytest.mark.parametrize("quantile", [0.3, [0.1, 0.5, 0.9]])
@pytest.mark.parametrize("loss", ["absolute_error", "poisson", "quantile"])
def test_losses_of_the_regressor(loss, quantile):
    X = mixed()
    y = np.exp(labels(X, "numbers")) / 1e3
    for target in (y[:, 0], y[:, :1], y):
        reg = MixupRegressor(loss=loss, quantile=quantile, **QUICK).fit(X, target)
        if loss == "quantile":  # in the wrong order: they cross
            last, n = reg.net_.module_.layers[-1], reg.net_.module_.width
            last.weight.data[..., :n] = last.weight.data[..., :n].flip(-1)
            last.bias.data[..., :n] = last.bias.data[..., :n].flip(-1)
        check_equal(reg, X)


@UNSEEN
@pytest.mark.parametrize("max_one_hot_levels", [32, 1])
def test_values_at_edges_unseen_and_missing_ones(max_one_hot_levels):
    X = mixed()
    encoder = TabularEncoder(n_tree_bins=8, max_one_hot_levels=max_one_hot_levels)
    clf = MixupClassifier(preprocess=encoder, **QUICK).fit(X, labels(X, "classes"))
    values = np.unique(X[["size", "count", "code", "heavy tail"]])
    around = [np.nextafter(values, to) for to in (-np.inf, np.inf)]
    values = np.concatenate([values, *around, [0.0, -0.0, 1e300, -1.7e308, 5e-324]])
    rows = X.iloc[np.zeros(len(values), dtype=int)].reset_index(drop=True)
    for name in ("size", "count", "code", "id", "heavy tail", "constant", "never"):
        rows[name] = values
    rows.loc[::3, "color"] = "violet"
    rows.loc[1::3, ["color", "shop"]] = None
    rows.loc[::5, "shop"] = "0.0"
    check_equal(clf, rows)


def test_infinity_makes_nan_of_its_row():
    X = mixed()
    clf = MixupClassifier(**QUICK).fit(X, labels(X, "binary"))
    reg = MixupRegressor(**QUICK).fit(X, labels(X, "numbers"))
    rows = X[:4].copy()
    rows.loc[1, "size"], rows.loc[3, "code"] = np.inf, -np.inf
    for est in (clf, reg):
        bad = np.isnan(run(to_onnx(est), rows)[-1]).all(axis=1)
        assert bad.tolist() == [False, True, False, True]
    frame, y = sides()
    plain = MixupClassifier(preprocess=None, **QUICK).fit(frame, y)
    for value in (np.nan, np.inf):
        frame.loc[0, "left"] = value
        proba = run(to_onnx(plain), frame)[1]
        assert np.isnan(proba[0]).all()
        assert not np.isnan(proba[1:]).any()


@pytest.mark.parametrize(
    "classes",
    [["b", "a", "ü"], [-3, 5, 2**40], [1.0, 2.0, 4.0], [True, False, True]],
)
def test_labels_are_of_the_type_of_fit(classes):
    frame, _ = sides()
    y = np.take(classes, frame["code"])
    clf = MixupClassifier(**QUICK).fit(frame, y)
    model = check_equal(clf, frame)
    label, _ = run(model, frame)
    assert type(label[0].item() if y.dtype.kind != "U" else label[0]) is type(
        y[0].item()
    )
    assert [output.name for output in model.graph.output] == ["label", "probabilities"]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("kind", ["binary", "indicator"])
def test_temperatures(kind, temperature):
    X = mixed()
    clf = MixupClassifier(temperature=temperature, **QUICK).fit(X, labels(X, kind))
    check_equal(clf, X)


@pytest.mark.parametrize(
    "activation",
    ["relu", "gelu", "silu", "selu", "mish", "tanh", "logistic", "identity"],
)
def test_activations_and_older_operators(activation):
    frame, _ = sides()
    reg = MixupRegressor(activation=activation, **QUICK).fit(frame, frame["left"])
    check_equal(reg, frame)
    model = check_equal(reg, frame, target_opset=13)
    assert model.opset_import[0].version == 13


def test_linear_models_single_ones_and_those_of_pieces():
    X, y = mixed(), labels(mixed(), "classes")
    for params in ({"hidden_layer_sizes": ()}, {"n_estimators": 1}):
        check_equal(MixupClassifier(**QUICK | params).fit(X, y), X)
    clf = MixupClassifier(**QUICK).partial_fit(X, y, classes=np.unique(y))
    check_equal(clf.partial_fit(X, y), X)


def test_no_rows_have_no_predictions():
    X = mixed()
    clf = MixupClassifier(**QUICK).fit(X, labels(X, "classes"))
    label, proba = run(to_onnx(clf), X[:0])
    assert label.shape == (0,)
    assert proba.shape == (0, 4)


def test_what_is_no_fitted_estimator_is_refused():
    frame, y = sides()
    short = MixupClassifier(**QUICK)
    search = MixupSearchCV(short, {"alpha": [0]}, cv=2, refit=False).fit(frame, y)
    with pytest.raises(ValueError, match="search with refit=False, which keeps no"):
        to_onnx(search)
    with pytest.raises(TypeError, match=r"estimator must be one of .'MixupClassifier"):
        to_onnx(LogisticRegression().fit(frame, y))
    search = MixupSearchCV(short, {"alpha": [0]})
    for est in (short, search, make_pipeline(TabularEncoder(), search)):
        with pytest.raises(NotFittedError):
            to_onnx(est)
    days = np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")[y]
    with pytest.raises(ValueError, match=r"y held labels of type datetime64.* in fit"):
        to_onnx(MixupClassifier(**QUICK).fit(frame, days))
    clf = short.fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        to_onnx(clf, frame[["right", "left", "code"]])


def test_export_is_imported_only_if_asked_for_and_says_what_it_needs():
    code = (
        "import sys, skmixup; assert 'onnx' not in sys.modules;"
        "sys.modules['skl2onnx'] = None; import skmixup.export"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ImportError: skmixup.export requires skl2onnx" in found.stderr
    assert '`pip install "skmixup[onnx]"`' in found.stderr
