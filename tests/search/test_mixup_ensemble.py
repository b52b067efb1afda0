"""Many settings, trained within a time and averaged by what they are worth."""

import pickle
import time

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    ParameterGrid,
    train_test_split,
)
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import (
    MixupClassifier,
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupRegressor,
    TabularEncoder,
)
from skmixup.search._portfolio import portfolio

from ..helpers import grouped
from .helpers import IRIS, WINE, mixed_table

QUICK = MixupClassifier(max_epochs=8, hidden_layer_sizes=(16,), n_estimators=3)
TWO = [{"alpha": 0.0}, {"alpha": 1.0, "hidden_layer_sizes": (8,)}]
NUMBERS = load_diabetes(return_X_y=True)
QUICK_NUMBERS = MixupRegressor(max_epochs=8, hidden_layer_sizes=(16,), n_estimators=3)


def ensemble(**params):
    params = {"estimator": QUICK, "candidates": TWO, "random_state": 0} | params
    return MixupEnsembleClassifier(**params)


def test_it_predicts_the_weighted_mean_of_the_candidates():
    model = ensemble().fit(*WINE)
    assert model.candidates_ == TWO and model.weights_.shape == (2,)
    assert model.weights_.sum() == pytest.approx(1)
    parts = [fit.predict_proba(WINE[0]) for fit in model.ensemble_.estimators]
    mean = np.tensordot(model.weights_, parts, 1)
    sharp = mean ** (1 / model.temperature_)
    sharp /= sharp.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(WINE[0]), sharp, atol=1e-12)
    logs = model.predict_log_proba(WINE[0])
    np.testing.assert_allclose(np.exp(logs), sharp, atol=1e-12)
    labels = model.classes_[mean.argmax(axis=1)]
    np.testing.assert_array_equal(model.predict(WINE[0]), labels)
    for fit, params in zip(model.ensemble_.estimators, TWO, strict=True):
        assert {name: fit.get_params()[name] for name in params} == params
        assert fit.max_epochs == 8


def test_regressors_are_averaged_likewise():
    model = MixupEnsembleRegressor(QUICK_NUMBERS, candidates=TWO, random_state=0)
    model.fit(*NUMBERS)
    parts = [fit.predict(NUMBERS[0]) for fit in model.ensemble_.estimators]
    mean = np.tensordot(model.weights_, parts, 1)
    np.testing.assert_allclose(model.predict(NUMBERS[0]), mean, rtol=1e-6)
    assert (model.losses_ > 0.1).all() and (model.losses_ < 1.5).all()
    both = np.column_stack([NUMBERS[1], -NUMBERS[1]])
    assert clone(model).fit(NUMBERS[0], both).predict(NUMBERS[0]).shape == both.shape


def test_the_losses_are_those_on_rows_that_were_set_aside():
    """One candidate, whose members' rows are found again from its parts."""
    X, y = mixed_table(200)
    y[:2] = "no"
    model = ensemble(candidates=[{}], estimator=clone(QUICK).set_params(n_estimators=8))
    model.fit(X, y)
    train = log_loss(y, model.predict_proba(X))
    new = log_loss(*_drawn_anew(model))
    assert train < model.losses_[0] < 2 * new


def _drawn_anew(model):
    X, y = mixed_table(400)
    y[:2] = "no"
    return y, model.predict_proba(X)


def test_what_knows_nothing_hardly_counts():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1200, 4))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    useless = {"hidden_layer_sizes": ()}  # linear
    own = clone(QUICK).set_params(max_epochs=30, hidden_layer_sizes=(64, 64))
    model = ensemble(estimator=own, candidates=[useless, {}]).fit(X, y)
    assert model.losses_[0] > 2 * model.losses_[1]
    assert model.weights_[0] < 0.15


def test_few_rows_are_weighed_about_evenly():
    X, y = WINE
    rows = np.random.default_rng(0).permutation(len(y))[:40]
    model = ensemble(candidates=list(ParameterGrid({"alpha": [0, 0.2, 0.4, 1.0]})))
    model.fit(X[rows], y[rows])
    assert abs(model.weights_ - 0.25).max() < 0.1
    # Too few to set any aside: nothing is known of any.
    tiny = clone(model).fit(X[rows[:9]], y[rows[:9]])
    np.testing.assert_array_equal(tiny.weights_, np.full(4, 0.25))
    assert np.isnan(tiny.losses_).all()


@pytest.mark.slow
def test_the_portfolio_learns_a_real_table():
    X, y = WINE
    rows = train_test_split(np.arange(len(y)), stratify=y, random_state=0)
    own = MixupClassifier(max_epochs=15, n_estimators=4)
    model = MixupEnsembleClassifier(own, random_state=0).fit(X[rows[0]], y[rows[0]])
    assert len(model.candidates_) == 25 and model.candidates_[0] == {}
    assert log_loss(y[rows[1]], model.predict_proba(X[rows[1]])) < 0.2
    assert all(fit.max_epochs == 15 for fit in model.ensemble_.estimators)


def test_a_frame_with_text_and_gaps_is_taken_whole():
    X, y = mixed_table(120)
    own = clone(QUICK).set_params(max_epochs=2)
    model = ensemble(estimator=own, candidates="auto").fit(X, y)
    assert len(model.candidates_) == 25
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model.n_features_in_ == 4
    assert set(model.classes_) == set(y)


@pytest.mark.parametrize("kind", ["sparse", "own encoder", "no encoder", "few rows"])
def test_what_trees_can_not_read_they_are_not_told(kind):
    X, y = WINE
    own = clone(QUICK).set_params(max_epochs=2)
    if kind == "sparse":
        X = sparse.csr_array(X)
    elif kind == "few rows":
        X, y = X[::2], y[::2]
    elif kind == "own encoder":
        own.set_params(preprocess=make_pipeline(StandardScaler()))
    else:
        own.set_params(preprocess=None)
        X = StandardScaler().fit_transform(X)
    model = ensemble(estimator=own, candidates="auto").fit(X, y)
    assert 10 <= len(model.candidates_) < 25
    kinds = {type(fit.encoder_) for fit in model.ensemble_.estimators}
    wanted = {"no encoder": type(None)}
    assert len(kinds) == 1
    assert kind == "own encoder" or kinds == {wanted.get(kind, TabularEncoder)}


def test_several_labels_a_row():
    X, y = IRIS
    both = np.column_stack([y == 0, y > 0]).astype(int)
    model = ensemble(candidates="auto", estimator=clone(QUICK).set_params(max_epochs=2))
    model.fit(X, both)
    assert model.predict_proba(X).shape == both.shape
    assert set(np.unique(model.predict(X))) <= {0, 1}


def test_no_candidate_is_begun_when_the_time_is_up():
    start = time.perf_counter()
    model = ensemble(candidates=[{}] * 500, time_limit=2.0).fit(*IRIS)
    seconds = time.perf_counter() - start
    assert 1 <= len(model.candidates_) < 500
    assert seconds < 20  # the first one may have to be compiled
    alone = ensemble(candidates=TWO * 3, time_limit=1e-6).fit(*IRIS)
    assert alone.candidates_ == TWO[:1] and alone.weights_.tolist() == [1]


def test_a_time_that_is_not_used_up_changes_nothing():
    models = [ensemble(time_limit=limit).fit(*IRIS) for limit in (None, 1e6)]
    first, second = (model.predict_proba(IRIS[0]) for model in models)
    np.testing.assert_allclose(first, second, atol=1e-5)


@pytest.mark.slow
def test_seeds_weights_and_threads():
    X, y = IRIS
    first = ensemble().fit(X, y).predict_proba(X)
    again = ensemble(n_jobs=2).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(first, again)
    other = ensemble(random_state=1).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)
    weight = (np.arange(len(y)) % 5 > 0) * 2.0
    weighted = ensemble().fit(X, y, sample_weight=weight).predict_proba(X)
    kept = np.repeat(np.flatnonzero(weight), 2)
    copied = ensemble().fit(X[kept], y[kept]).predict_proba(X)
    np.testing.assert_allclose(weighted, copied, atol=1e-5)


def test_a_candidate_that_fails_is_told_and_left_out():
    broken = {"dropout": 3.0}
    with pytest.warns(FitFailedWarning, match=r"(?s)1 of 3 candidates.*'dropout'"):
        model = ensemble(candidates=[*TWO, broken]).fit(*IRIS)
    assert model.candidates_ == TWO
    with pytest.raises(ValueError, match="'dropout' parameter"):
        model.set_params(candidates=[broken]).fit(*IRIS)
    with pytest.raises(NotFittedError):
        model.predict(IRIS[0])
    assert not [name for name in vars(model) if name.endswith("_")]


def test_each_is_judged_by_its_own_rows_and_all_by_those_that_any_knows():
    """Folds are drawn by seed and encoding, and some set aside a part of the rows."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1700, 3))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    own = MixupClassifier(max_epochs=12, hidden_layer_sizes=(32,), n_estimators=4)
    useless = {"hidden_layer_sizes": (), "max_epochs": 2}
    never = {"early_stopping": False}
    one = {"n_estimators": 1, "preprocess": TabularEncoder(n_bins=8)}
    candidates = [{}, useless, {"alpha": 0.4}, one, never, {"lr": 8e-3}]
    model = ensemble(estimator=own, candidates=candidates).fit(X, y)
    assert np.isnan(model.losses_).tolist() == [False] * 4 + [True, False]
    assert model.losses_[1] > 2 * model.losses_[[0, 2, 3, 5]].max()
    assert model.weights_[1] < 0.05 < model.weights_[5]
    assert model.weights_.sum() == pytest.approx(1)


@pytest.mark.slow
def test_hundreds_of_equal_candidates_count_alike():
    own = clone(QUICK).set_params(max_epochs=1, hidden_layer_sizes=(2,))
    model = ensemble(estimator=own, candidates=[{}] * 300).fit(
        IRIS[0][::3], IRIS[1][::3]
    )
    assert np.isfinite(model.weights_).all()
    assert model.weights_.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"candidates": []}, ValueError, "at least one dict"),
        ({"candidates": [3]}, TypeError, "must hold dicts .* got 3"),
        ({"candidates": "all"}, ValueError, "'candidates' parameter"),
        ({"candidates": [{"alhpa": 1}]}, ValueError, "Invalid parameter 'alhpa'"),
        ({"candidates": [{"random_state": 1}]}, ValueError, "must not set .*random"),
        ({"candidates": [{"class_weight": None}]}, ValueError, "must not set .*class"),
        ({"estimator": MixupRegressor()}, ValueError, "'estimator' parameter"),
        ({"estimator": MixupClassifier(warm_start=True)}, ValueError, "warm_start"),
        ({"time_limit": 0}, ValueError, "'time_limit' parameter"),
        ({"time_limit": -1.0}, ValueError, "'time_limit' parameter"),
    ],
    ids=str,
)
def test_what_is_no_parameter_is_refused(params, error, message):
    with pytest.raises(error, match=message):
        ensemble(**params).fit(*IRIS)


def test_it_is_pickled_cloned_and_searched():
    X, y = IRIS
    model = ensemble().fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert not hasattr(clone(model), "ensemble_")
    search = GridSearchCV(ensemble(), {"estimator__dropout": [0.0, 0.2]}, cv=2)
    assert search.fit(X, y).best_score_ > 0.5
    in_frame = make_pipeline(ensemble()).fit(pd.DataFrame(X), y)
    assert in_frame.predict(pd.DataFrame(X)).shape == y.shape


@pytest.mark.parametrize("n_classes", [None, 2, 3, 100])
def test_every_setting_of_the_portfolio_can_be_set(n_classes):
    kind = MixupRegressor if n_classes is None else MixupClassifier
    found = portfolio("from_dtype", n_classes, may_stack=True)
    assert len({repr(one) for one in found}) == len(found) == 25
    for one in found:
        made = kind(**one)
        made._validate_params()
        made._check_params()
    assert found[0] == {}
    fewer = list(map(repr, portfolio("from_dtype", n_classes, may_stack=False)))
    left_out = [one for one in found if repr(one) not in fewer]
    assert len(left_out) == 5
    assert {type(one["preprocess"]) for one in left_out} == {FeatureUnion}


@pytest.mark.slow
def test_groups_are_set_aside_together_and_trees_are_not_asked():
    X, y, groups = grouped(30, 6)
    own = MixupClassifier(max_epochs=40)
    known = ensemble(estimator=own).fit(X, y)
    apart = ensemble(estimator=own).fit(X, y, groups=groups)
    assert known.losses_[0] < 0.1 < 0.4 < apart.losses_[0]
    weight = np.ones(len(y))
    weight[:6] = 0
    some = ensemble(estimator=own).fit(X, y, sample_weight=weight, groups=groups)
    rest = ensemble(estimator=own).fit(X[6:], y[6:], groups=groups[6:])
    np.testing.assert_array_equal(some.predict_proba(X), rest.predict_proba(X))
    quick = clone(QUICK).set_params(max_epochs=2)
    model = ensemble(estimator=quick, candidates="auto").fit(X, y, groups=groups)
    assert len(model.candidates_) == 20
    with pytest.raises(ValueError, match="groups must name a group for each row"):
        ensemble().fit(X, y, groups=np.where(groups == 3, np.nan, groups))


@pytest.mark.parametrize("kind", [MixupEnsembleClassifier, MixupEnsembleRegressor])
def test_later_rows_weigh_the_candidates(kind):
    X, y = WINE
    model = kind(candidates=[{"max_epochs": 1, "lr": 1e-6}, {}], random_state=0)
    model.fit(X[::2], y[::2], X_val=X[1::2], y_val=y[1::2])
    best = model.ensemble_.estimators[-1]
    assert model.weights_[1] > 0.6
    if kind is MixupEnsembleClassifier:
        expected = log_loss(y[1::2], best.predict_proba(X[1::2]))
        assert model.losses_[1] == pytest.approx(expected, rel=0.3)
    with pytest.raises(ValueError, match="X_val is given without y_val"):
        kind(random_state=0).fit(X, y, X_val=X)


def test_groups_of_a_search_are_its_splitters():
    X, y, groups = grouped(30, 6)
    own = clone(QUICK).set_params(max_epochs=2)
    search = GridSearchCV(
        ensemble(estimator=own), {"candidates": [TWO]}, cv=GroupKFold(2)
    )
    search.fit(X, y, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    with config_context(enable_metadata_routing=True):
        asked = ensemble(estimator=own).set_fit_request(groups=True)
        search = GridSearchCV(asked, {"candidates": [TWO]}, cv=GroupKFold(2))
        search.fit(X, y, groups=groups)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
