"""Peers tuned at random: what is trained, what counts, and within what time."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy.stats import loguniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.models import tuned
from benchmarks.models.tuned import ENSEMBLES, Member, TunedEnsemble
from skmixup import MixupEnsembleClassifier

SPACE = {"C": loguniform(1e-3, 1e3)}


def train_logistic(setting, X, codes, folds, seed):
    def train(X, y, X_left, y_left, n_classes):
        assert not set(X.index) & set(X_left.index)
        model = make_pipeline(StandardScaler(), LogisticRegression(**setting))
        return model.fit(X, y).predict_proba

    return tuned._train_apart(train, X, codes, folds)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, y.map(dict(enumerate(["setosa", "versicolor", "virginica"])))


@pytest.mark.slow
def test_settings_are_drawn_and_weighted(iris):
    X, y = iris
    models = [TunedEnsemble(train_logistic, SPACE, random_state=3) for _ in range(2)]
    proba, again = (model.fit(X, y).predict_proba(X) for model in models)
    model = models[0]
    assert np.array_equal(proba, again)
    assert list(model.classes_) == sorted(set(y))
    assert len(model.members_) == tuned.SETTINGS == len(model.weights_)
    assert model.weights_.sum() == pytest.approx(1)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert log_loss(y, proba) < 0.2


def test_what_says_more_of_rows_set_aside_counts_more(iris):
    X, y = iris
    seen = []

    def train(setting, X, codes, folds, seed):
        seen.append(setting)
        good = np.eye(3)[codes] * 0.94 + 0.02
        told = good if len(seen) == 2 else np.full((len(codes), 3), 1 / 3)
        return Member(told, lambda X: np.full((len(X), 3), 1 / 3))

    rows = np.tile(np.arange(len(X)), 20)  # many rows, so that weights are believed
    model = TunedEnsemble(train, SPACE, random_state=0)
    model.fit(X.iloc[rows].reset_index(drop=True), y.iloc[rows].to_numpy())
    assert seen[0] == {} and all(set(one) == {"C"} for one in seen[1:])
    assert model.weights_.argmax() == 1 and model.weights_[1] > 0.9


def test_no_setting_is_begun_that_would_end_too_late(iris):
    X, y = iris

    def train(setting, X, codes, folds, seed):
        time.sleep(0.1)
        return train_logistic(setting, X, codes, folds, seed)

    for limit, most in ((0.01, 1), (1.0, 9)):
        model = TunedEnsemble(train, SPACE, time_limit=limit, random_state=0)
        assert 1 <= len(model.fit(X, y).members_) <= most


def test_folds_have_as_many_rows_and_share_none():
    codes = np.repeat([0, 1, 2], [70, 30, 3])
    with pytest.warns(UserWarning, match="least populated class"):
        folds = tuned._folds(codes, 0)
    assert len(folds) == tuned.FOLDS and len({len(fold) for fold in folds}) == 1
    rows = np.concatenate(folds)
    assert len(rows) == len(set(rows)) > 95


@pytest.mark.slow
# What others warn of is theirs.
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ENSEMBLES)
def test_ensembles_take_a_table_with_categories(name):
    if not ENSEMBLES[name].is_installed:
        pytest.skip(f"{ENSEMBLES[name].packages} is not installed")
    rng = np.random.default_rng(0)
    numbers, words = rng.normal(size=80), rng.choice(["a", "b", None], size=80)
    X = pd.DataFrame({"number": numbers, "word": pd.Series(words, dtype="category")})
    y = np.where(numbers + (X["word"] == "a") > 0.3, "yes", "no")
    model = ENSEMBLES[name].make(seed=2**31 + 5, time_limit=0.5)
    proba = model.fit(X[:60], y[:60]).predict_proba(X[60:])
    assert proba.shape == (20, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    assert log_loss(y[60:], proba, labels=model.classes_) < 0.69


def test_mixups_ensemble_is_one_of_them():
    model = ENSEMBLES["ensemble"].make(seed=0, time_limit=3.0)
    assert isinstance(model, MixupEnsembleClassifier) and model.time_limit == 3.0
