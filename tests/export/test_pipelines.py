"""Pipelines, searches and ensembles as exported models."""

import numpy as np
import pytest
import skl2onnx
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skmixup import (
    MixupClassifier,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
)
from skmixup.encoding import SmoothClipScaler, StackingTransformer
from skmixup.export import to_onnx
from skmixup.search import FoldEnsemble, FoldEnsembleRegressor
from skmixup.search._portfolio import portfolio

from ..helpers import UNSEEN, digits, shops, sides
from .helpers import KINDS, QUICK, check_equal, labels, mixed, run


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


@UNSEEN
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


@pytest.mark.parametrize("kind", ["binary", "classes", "number"])
def test_what_trees_see_in_a_table(kind):
    X = mixed()
    trees = RandomForestRegressor if kind == "number" else RandomForestClassifier
    model = make_pipeline(TabularEncoder(n_bins=0), trees(5, max_depth=4))
    union = FeatureUnion(
        [("table", TabularEncoder()), ("trees", StackingTransformer(model))]
    )
    single = KINDS[kind](preprocess=union, **QUICK).fit(X, labels(X, kind))
    check_equal(single, X, sample=X)
    other = KINDS[kind](**QUICK).fit(X, labels(X, kind))
    folds = FoldEnsembleRegressor if kind == "number" else FoldEnsemble
    check_equal(folds([single, other], weights=[0.7, 0.3]).fit(), X)


def test_boosted_trees_are_refused():
    X, y = shops(700)
    candidates = portfolio("from_dtype", 2, may_stack=True)[1:2]
    clf = MixupClassifier(**QUICK | {"random_state": None})
    clf = MixupEnsembleClassifier(clf, candidates=candidates).fit(X, y)
    with pytest.raises(
        TypeError, match="HistGradientBoostingClassifier within a Stack"
    ):
        to_onnx(clf, X)


def test_folds_that_lack_a_class():
    frame, _ = sides()
    y = np.array(["a", "b", "c"])[frame["code"]]
    folds = [
        MixupClassifier(**QUICK).fit(frame[kept], y[kept])
        for kept in (y != "a", y != "b", y != "d")
    ]
    check_equal(FoldEnsemble(folds, weights=[1, 2, 3]).fit(), frame)
    y = frame["left"]
    pipe = make_pipeline(StandardScaler(), MixupRegressor(**QUICK)).fit(frame, y)
    scaled = MixupRegressor(preprocess=StandardScaler(), **QUICK).fit(frame, y)
    check_equal(FoldEnsembleRegressor([pipe, scaled]).fit(), frame, sample=frame)
