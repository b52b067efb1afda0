"""Numbers that the network embeds as learned waves."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)

from ..helpers import predictions

FEW = {"max_epochs": 6, "hidden_layer_sizes": (16,), "random_state": 0}
WAVES = {"numeric_embedding": "periodic"} | FEW
KINDS = pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])


def stripes(n=400, seed=0):
    """Two numbers, of which one tells y by many stripes, a color and a city."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 2)), columns=["a", "b"])
    X["color"] = rng.choice(["red", "blue"], n)
    X["city"] = rng.integers(40, size=n).astype(str)
    return X, (np.sin(7 * X["a"]) > 0).to_numpy().astype(int)


def n_waves(estimator):
    periodic = estimator.net_.module_.periodic
    assert estimator.n_periodic_ == (0 if periodic is None else periodic.n_numbers)
    return estimator.n_periodic_


@pytest.mark.parametrize(
    ("n", "n_columns", "expected"), [(1599, 1, 0), (1600, 40, 40), (1600, 41, 0)]
)
def test_by_default_a_classifier_has_them_of_many_rows(n, n_columns, expected):
    X = np.random.default_rng(0).normal(size=(n, n_columns))
    y = (X[:, 0] > 0).astype(int)
    clf = MixupClassifier(**FEW | {"max_epochs": 1})
    assert n_waves(clf.fit(X, y)) == expected
    assert clf.encoder_.n_bins == (0 if expected else 4)
    weights = np.where(np.arange(n) < 60, 2.0, 1.0)
    assert n_waves(clf.fit(X, y, sample_weight=weights)) == n_columns  # as many copies
    assert n_waves(clf.set_params(numeric_embedding=None).fit(X, y)) == 0
    assert clf.encoder_.n_bins == 4


@pytest.mark.parametrize("n", [30, 1600])
def test_by_default_a_regressor_has_them_of_any(n):
    X = np.random.default_rng(0).normal(size=(n, 3))
    model = MixupRegressor(**FEW | {"max_epochs": 1}).fit(X, X[:, 0])
    assert n_waves(model) == 3
    assert model.encoder_.n_bins == (4 if n < 1600 else 0)
    assert n_waves(model.set_params(numeric_embedding=None).fit(X, X[:, 0])) == 0


def test_they_tell_what_goes_up_and_down():
    X, y = stripes(1200)
    X_new, y_new = stripes(500, 1)
    params = {"max_epochs": 60, "random_state": 0, "n_estimators": 2}
    plain = MixupClassifier(numeric_embedding=None, **params).fit(X, y)
    waves = MixupClassifier(numeric_embedding="periodic", **params).fit(X, y)
    assert n_waves(waves) == 2 and len(waves.n_levels_) == 1
    assert waves.score(X_new, y_new) > max(0.85, plain.score(X_new, y_new) + 0.05)


@KINDS
@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        (None, 2),
        (StandardScaler(), 2),
        (TabularEncoder(), 2),
        (TabularEncoder(categorical_features=[1]), 1),
        (FunctionTransformer(sparse.csr_array), 0),
        (FunctionTransformer(lambda X: np.tile(X, 126)), 0),
    ],
    ids=["as it is", "scaled", "encoded", "a category", "sparse", "wide"],
)
def test_what_is_embedded_where_they_are_asked_for(kind, preprocess, expected):
    X, y = stripes(60)
    X = X[["a", "b"]].round(1).to_numpy()
    model = kind(preprocess=preprocess, **WAVES).fit(X, y)
    assert n_waves(model) == expected
    assert np.isfinite(predictions(model, X)).all()
    auto = clone(model).set_params(numeric_embedding="auto")
    assert n_waves(auto.fit(X, y)) == 0


@KINDS
def test_a_sparse_matrix_has_none(kind):
    X = sparse.random_array((50, 6), density=0.5, rng=0, format="csr")
    assert n_waves(kind(**WAVES).fit(X, np.arange(50) % 2)) == 0


def test_an_encoding_that_is_sparse_has_them():
    X, y = stripes(300)
    wide = X.assign(
        **{f"c{i}": X["city"].sample(300, random_state=i).to_numpy() for i in range(9)}
    )
    encoder = TabularEncoder(max_one_hot_levels=None)
    dense = MixupClassifier(preprocess=encoder, **WAVES).fit(wide, y)
    kept = MixupClassifier(preprocess=_Sparse(max_one_hot_levels=None), **WAVES)
    kept.fit(wide, y)
    assert n_waves(kept) == 2 and kept.net_.history[-1]["epoch"] > 0
    np.testing.assert_allclose(
        kept.predict_proba(wide), dense.predict_proba(wide), atol=1e-3
    )


class _Sparse(TabularEncoder):
    """As it encodes a table that is large."""

    def fit(self, X, y=None, sample_weight=None):
        super().fit(X, y, sample_weight)
        self.sparse_output_ = self.sparse_coded_ = True
        return self


@KINDS
@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold", None])
@pytest.mark.parametrize("activation", ["relu", "silu"])
def test_all_mixing_and_all_paths_train_them(kind, mixing, activation):
    X, y = stripes()
    if mixing == "manifold":
        X = X.drop(columns="city")
    model = kind(mixing=mixing, alpha=0.4, activation=activation, **WAVES).fit(X, y)
    before = clone(model).set_params(max_epochs=1, lr=1e-12).fit(X, y)
    weights = [m.net_.module_.periodic.weight.detach() for m in (before, model)]
    assert (weights[0] != weights[1]).float().mean() > 0.9
    assert np.isfinite(predictions(model, X)).all()


@KINDS
def test_it_is_kept_pickled_and_gone_on_with(kind):
    X, y = stripes()
    model = kind(warm_start=True, **WAVES).fit(X, y)
    before = predictions(model, X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(predictions(loaded, X), before)
    for one in (model, loaded):
        one.fit(X, y)
    np.testing.assert_array_equal(predictions(loaded, X), predictions(model, X))
    assert not np.array_equal(predictions(model, X), before)
    model.partial_fit(X, y)
    assert n_waves(model) == 2


@KINDS
def test_they_can_not_change_where_the_net_is_kept(kind):
    X, y = stripes(60)
    model = kind(warm_start=True, **WAVES).fit(X, y)
    model = pickle.loads(pickle.dumps(model)).set_params(numeric_embedding=None)
    with pytest.raises(ValueError, match="numeric_embedding has changed since"):
        model.fit(X, y)


@KINDS
def test_codes_in_a_column_are_told_by_bins_still(kind):
    """Scaled, numbers that lie far from all others are one and the same."""
    rng = np.random.default_rng(0)
    which = rng.choice(3, 1700)
    x = np.where(which == 0, 1e6, np.where(which == 1, 2e6, rng.normal(size=1700)))
    X = np.column_stack([x, rng.normal(size=1700)])
    y = (which == 0).astype(int)
    model = kind(max_epochs=20, n_estimators=2, random_state=0).fit(X, y)
    assert n_waves(model) == 2 and model.score(X, y) > 0.95


def test_dates_count_as_one_for_bins_and_waves():
    n = 1640
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n, 40))).add_prefix("a")
    X["a0"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(
        rng.integers(0, 10**8, n), unit="s"
    )
    y = (X["a1"] > 0).astype(int)
    clf = MixupClassifier(**FEW | {"max_epochs": 1}).fit(X, y)
    assert clf.encoder_.n_bins == 0 and n_waves(clf) > 40
    X["a40"] = X["a41"] = 1.0
    assert n_waves(clf.fit(X, y)) == 0 and clf.encoder_.n_bins == 4


@KINDS
def test_in_a_stack_of_many_each_is_as_alone(kind):
    X, y = stripes()
    how = [{}, {"alpha": 0.4}, {"numeric_embedding": None}, {"n_estimators": 3}]
    models = [kind(**WAVES | params) for params in how]
    for fit in fit_many(models, X, y):
        alone = clone(models[fit.index]).fit(X, y)
        found = predictions(fit.estimator, X)
        np.testing.assert_allclose(found, predictions(alone, X), atol=5e-4)


def test_a_search_over_them():
    X, y = stripes()
    grid = {"numeric_embedding": [None, "periodic"]}
    search = MixupSearchCV(MixupClassifier(**FEW), grid, cv=KFold(2)).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@KINDS
def test_weights_are_copies(kind):
    X, y = stripes(160)
    copies = np.random.default_rng(0).integers(1, 4, len(y))
    model = kind(**WAVES)
    weighted = predictions(clone(model).fit(X, y, sample_weight=copies), X)
    kept = np.repeat(np.arange(len(y)), copies)
    copied = predictions(clone(model).fit(X.iloc[kept], y[kept]), X)
    np.testing.assert_allclose(weighted, copied, atol=1e-5)


@KINDS
def test_what_else_there_is_to_ask_for_is_said(kind):
    X, y = stripes(40)
    with pytest.raises(ValueError, match="'numeric_embedding' parameter of Mixup"):
        kind(numeric_embedding="plr").fit(X, y)
