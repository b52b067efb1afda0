"""Members that see bins laid by the target beside some that do not."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)
from skmixup.mixing import CutMix

from ..helpers import predictions

FEW = {"max_epochs": 6, "hidden_layer_sizes": (16,), "random_state": 0}
TREES = TabularEncoder(n_tree_bins=8)


def steps(n=400, seed=0):
    """Numbers, of which one tells y by a step, and a color."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    X["color"] = rng.choice(["red", "blue"], n)
    return X, ((X["a"] > 0.8) ^ (X["a"] < -0.9)).to_numpy().astype(int)


def widths(estimator):
    return np.broadcast_to(
        estimator.net_.module_.n_features, estimator.n_estimators
    ).tolist()


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_every_other_member_goes_without(kind):
    X, y = steps()
    model = kind(preprocess=TREES, n_estimators=6, **FEW).fit(X, y)
    n_tree = len(model.encoder_.tree_bins_.columns_)
    n_all = model.encoder_.transform(X[:2]).shape[1]
    assert n_tree > 2
    assert widths(model) == [n_all - n_tree, n_all] * 3
    assert not model.net_.module_.layers[0].weight[::2, n_all - n_tree :].any()
    weights = model.member_weights_
    assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
    np.testing.assert_array_equal(weights[:2].tolist() * 3, weights)


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize(("n", "lays"), [(1599, False), (1600, True)])
def test_many_rows_get_such_bins_by_default(kind, n, lays):
    X, y = steps(n)
    model = kind(numeric_embedding=None, **FEW | {"max_epochs": 2}).fit(X, y)
    assert (model.encoder_.tree_bins_.columns_.size > 0) == lays
    assert len(set(widths(model))) == 1 + lays
    assert (model.member_weights_ is not None) == lays
    plain = clone(model).set_params(preprocess=TabularEncoder()).fit(X, y)
    same = np.array_equal(predictions(plain, X), predictions(model, X))
    assert same == (not lays)


def test_copies_are_as_many_rows_as_weights_say():
    X, y = steps(800)
    params = FEW | {"max_epochs": 2}
    weighted = MixupClassifier(**params).fit(X, y, sample_weight=np.full(len(y), 2.0))
    assert weighted.encoder_.n_tree_bins == 16
    copied = MixupClassifier(**params).fit(pd.concat([X, X]), np.tile(y, 2))
    np.testing.assert_array_equal(predictions(weighted, X), predictions(copied, X))
    half = MixupClassifier(**params).fit(X, y, sample_weight=np.full(len(y), 0.5))
    assert half.encoder_.n_tree_bins == 0


def test_categories_alone_have_no_bins_and_members_of_one_kind():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"color": rng.choice(["red", "blue", "green"], 1700)})
    model = MixupClassifier(**FEW | {"max_epochs": 2}).fit(X, X["color"] == "red")
    assert len(set(widths(model))) == 1 and model.member_weights_ is None


def test_the_kind_that_does_better_on_rows_set_aside_has_the_larger_share():
    def stripes(n, seed):
        X, _ = steps(n, seed)
        inside = ((X["a"] - 0.5).abs() < 0.15) | ((X["a"] + 0.7).abs() < 0.15)
        return X, (inside ^ (np.random.default_rng(seed).random(n) < 0.05)).astype(int)

    X, y = stripes(1500, 0)
    params = FEW | {"max_epochs": 20}
    model = MixupClassifier(preprocess=TabularEncoder(n_tree_bins=16), **params)
    model.fit(X, y)
    assert model.member_weights_[1] > 0.2  # of eight, four of each kind
    X, y = stripes(4000, 1)
    outputs = model.net_.member_scores(model.encoder_._transform_coded(X))
    found = model.predict_log_proba(X)
    own = model.temperature_, model.member_weights_
    np.testing.assert_array_equal(found, model._target.log_proba(outputs, *own))
    even = model._target.log_proba(outputs, model.temperature_)
    assert log_loss(y, np.exp(found)) < log_loss(y, np.exp(even))


@pytest.mark.parametrize(
    "params",
    [
        {"n_estimators": 1},
        {"n_estimators": 3},
        {"n_estimators": 5},
        {"early_stopping": False, "n_estimators": 4},
    ],
    ids=str,
)
def test_few_members_and_those_without_rows_set_aside_see_all(params):
    X, y = steps()
    model = MixupClassifier(preprocess=TREES, **FEW | params).fit(X, y)
    assert len(set(widths(model))) == 1
    assert model.encoder_.tree_bins_.columns_.size
    assert model.member_weights_ is None


def test_members_beside_each_other_have_set_aside_the_same_copies():
    """Rows of several copies make folds of other lengths, and these are sorted."""
    X, y = steps(300)
    weight = np.random.default_rng(0).integers(1, 4, size=300).astype(float)
    model = MixupClassifier(preprocess=TREES, n_estimators=6, **FEW)
    plan = model._plan(model._make_table(X, y, weight))
    assert len({len(valid) for _, valid in plan.splits}) > 1
    for (_, valid), (train, other) in zip(
        plan.splits[::2], plan.splits[1::2], strict=True
    ):
        np.testing.assert_array_equal(valid, other)
        assert not np.isin(valid, train).any()


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_it_is_kept_pickled_and_gone_on_with(kind):
    X, y = steps()
    model = kind(preprocess=TREES, n_estimators=4, warm_start=True, **FEW).fit(X, y)
    before = predictions(model, X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(predictions(loaded, X), before)
    model.fit(X, y)
    assert widths(model) == widths(loaded)
    assert not np.array_equal(predictions(model, X), before)
    first = clone(model).set_params(warm_start=False)
    first.partial_fit(
        X, y, **({"classes": [0, 1]} if hasattr(model, "classes_") else {})
    )
    assert len(set(widths(first))) == 1 and first.member_weights_ is None
    shares = model.member_weights_
    model.partial_fit(X, y)
    assert widths(model) == widths(loaded)
    np.testing.assert_array_equal(model.member_weights_, shares)


@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold", CutMix(), None])
def test_all_mixing_and_both_paths_train_them(mixing):
    X, y = steps()
    params = FEW | {"max_epochs": 25, "n_estimators": 4, "mixing": mixing}
    model = MixupClassifier(preprocess=TREES, alpha=0.2, **params).fit(X, y)
    assert len(set(widths(model))) == 2
    n = widths(model)[0]
    assert not model.net_.module_.layers[0].weight[::2, n:].any()
    assert model.score(X, y) > 0.75


def test_indicators_are_learned_from():
    X, y = steps()
    Y = np.column_stack([y, X["b"] > 0]).astype(int)
    model = MixupClassifier(preprocess=TREES, n_estimators=4, **FEW).fit(X, Y)
    assert model.member_weights_.sum() == pytest.approx(1)
    assert np.isfinite(model.predict_log_proba(X)).all()


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_in_a_stack_of_many_each_is_as_alone(kind):
    X, y = steps()
    models = [
        kind(preprocess=TREES, n_estimators=4, alpha=alpha, **FEW)
        for alpha in (0.0, 0.4)
    ]
    fits = sorted(fit_many(models, X, y), key=lambda fit: fit.index)
    for fit, model in zip(fits, models, strict=True):
        alone = clone(model).fit(X, y)
        found = predictions(fit.estimator, X)
        np.testing.assert_allclose(found, predictions(alone, X), atol=2e-4)
        np.testing.assert_allclose(
            fit.estimator.member_weights_, alone.member_weights_, atol=1e-3
        )


def test_a_search_over_the_bins():
    X, y = steps()
    model = MixupClassifier(preprocess=TREES, n_estimators=4, **FEW)
    grid = {"preprocess__n_tree_bins": [0, 8]}
    search = MixupSearchCV(model, grid, cv=StratifiedKFold(2)).fit(X, y)
    assert set(search.cv_results_["param_preprocess__n_tree_bins"]) == {0, 8}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_weights_are_copies(kind):
    X, y = steps(160)
    copies = np.random.default_rng(0).integers(1, 4, len(y))
    model = kind(preprocess=TREES, n_estimators=4, **FEW)
    weighted = predictions(clone(model).fit(X, y, sample_weight=copies), X)
    kept = np.repeat(np.arange(len(y)), copies)
    copied = predictions(clone(model).fit(X.iloc[kept], y[kept]), X)
    np.testing.assert_allclose(weighted, copied, atol=1e-5)
