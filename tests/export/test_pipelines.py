"""Pipelines, searches and ensembles as exported models."""

import numpy as np
import pytest
import skl2onnx
from sklearn.compose import make_column_transformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmixup import (
    MixupClassifier,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
)
from skmixup.encoding import SmoothClipScaler
from skmixup.export import to_onnx
from skmixup.search import FoldEnsemble, FoldEnsembleRegressor

from ..helpers import digits, shops, sides
from .helpers import QUICK, check_equal, labels, mixed, run


def test_pipelines():
    X, y = digits(200)
    clf = MixupClassifier(preprocess=None, **QUICK)
    pipe = make_pipeline(StandardScaler(), clf).fit(X, y)
    check_equal(pipe, X, sample=X)
    model = skl2onnx.to_onnx(pipe, X[:1])
    np.testing.assert_allclose(
        run(model, X)[1], pipe.predict_proba(X), rtol=0, atol=1e-5
    )
    X, y = shops()
    X.loc[::7, "shop"] = None
    clf = MixupClassifier(**QUICK).fit(X, y)
    model = skl2onnx.to_onnx(
        clf, X.astype({"shop": object}), options={MixupClassifier: {"missing": "?"}}
    )
    np.testing.assert_allclose(
        run(model, X, missing="?")[1], clf.predict_proba(X), rtol=0, atol=1e-5
    )
    frame, y = sides()
    clf = MixupClassifier(preprocess=None, **QUICK)
    pipe = make_pipeline(TabularEncoder(), SmoothClipScaler(), clf).fit(frame, y)
    check_equal(pipe, frame)
    with pytest.raises(ValueError, match=r"X is needed, some rows.*StandardScaler"):
        to_onnx(make_pipeline(StandardScaler(), clf).fit(frame, y))


def test_transformers_of_scikit_learn_as_preprocess():
    X, y = shops()
    split = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["shop"]),
        (StandardScaler(), ["size"]),
    )
    for kind in (MixupClassifier, MixupRegressor):
        est = kind(preprocess=split, numeric_embedding="periodic", **QUICK).fit(X, y)
        check_equal(est, X, sample=X)
        check_equal(make_pipeline("passthrough", est), X, sample=X)
    with pytest.raises(ValueError, match=r"X is needed, some rows.*ColumnTransformer"):
        to_onnx(est)


def test_searches():
    X, y = shops()
    clf = MixupClassifier(**QUICK)
    for kind, more in ((GridSearchCV, {}), (MixupSearchCV, {"keep_folds": True})):
        search = kind(clf, {"alpha": [0, 0.5]}, cv=2, **more).fit(X, y)
        check_equal(search, X)


def test_ensembles():
    X = mixed()
    candidates = [{"max_epochs": 2}, {"max_epochs": 2, "activation": "silu"}]
    params = {"candidates": candidates, "random_state": 0}
    for kind in ("classes", "indicator"):
        clf = MixupEnsembleClassifier(**params).fit(X, labels(X, kind))
        check_equal(clf, X)
        clf.temperature_ = 0.7 if kind == "classes" else 1.0
        check_equal(clf, X)
    for kind in ("number", "numbers"):
        check_equal(MixupEnsembleRegressor(**params).fit(X, labels(X, kind)), X)


def test_folds_that_lack_a_class():
    frame, _ = sides()
    y = np.array(["a", "b", "c"])[frame["code"]]
    folds = [
        MixupClassifier(**QUICK).fit(frame[kept], y[kept])
        for kept in (y != "a", y != "b", y != "d")
    ]
    check_equal(FoldEnsemble(folds, weights=[1, 2, 3]).fit(), frame)
    pipe = make_pipeline(TabularEncoder(), MixupRegressor(**QUICK))
    pipe.fit(frame, frame["left"])
    with pytest.raises(TypeError, match="must be MixupClassifiers or MixupReg"):
        to_onnx(FoldEnsembleRegressor([pipe]).fit())
    scaled = MixupRegressor(preprocess=StandardScaler(), **QUICK)
    scaled.fit(frame, frame["left"])
    with pytest.raises(
        TypeError, match=r"preprocess=StandardScaler.*'auto', None or a"
    ):
        to_onnx(FoldEnsembleRegressor([scaled]).fit(), frame)
