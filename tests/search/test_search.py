"""The searches, with scikit-learn's as the oracle."""

import numpy as np
import pytest
import sklearn
from packaging.version import Version
from scipy import sparse, stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    RandomizedSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch.callbacks import EpochTimer

from skmixup import MixupClassifier, MixupRandomizedSearchCV, MixupSearchCV

from ..helpers import one_hot_rows
from .helpers import (
    ALPHAS,
    RNG,
    SHORT,
    WINE,
    assert_agrees,
    assert_same_results,
    mixed_table,
)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"n_estimators": 2, "dropout": 0.2},
        {"early_stopping": True, "n_iter_no_change": 1, "max_epochs": 12, "lr": 0.02},
        {"mixing": "manifold"},
        {"mixing": "cutmix", "lambda_per": "row"},
        {"preprocess": StandardScaler()},
        {"preprocess": None, "lr_schedule": "constant", "batch_size": 7},
        {"hidden_layer_sizes": (), "batch_size": 1000},
        {"activation": "selu", "label_smoothing": 0.1},
        {"class_weight": "balanced"},
    ],
    ids=str,
)
def test_agrees_with_grid_search(params):
    clf = clone(SHORT).set_params(**params)
    assert_agrees(clf, ALPHAS, *WINE, return_train_score=True)


@pytest.mark.slow
def test_every_parameter_of_a_member():
    grid = [
        {"alpha": [0.0, np.inf], "lr": [1e-3, 1e-2], "weight_decay": [0.0, 0.1]},
        {"label_smoothing": [0.1], "dropout": [0.0, 0.3], "n_estimators": [1, 2]},
        {"class_weight": [None, "balanced", {0: 2, 1: 1, 2: 0.5}]},
        {"random_state": [0, 1, 2]},
    ]
    search = assert_agrees(SHORT, grid, *WINE)
    spread = search.cv_results_["mean_test_score"][-3:]
    assert len(set(spread)) == 3


@pytest.mark.slow
def test_other_parameters_make_stacks_of_their_own():
    grid = {
        "hidden_layer_sizes": [(8,), (16, 8)],
        "batch_size": [16, "auto"],
        "mixing": ["input", "cutmix", None],
        "max_epochs": [1, 3],
    }
    assert_agrees(SHORT, grid, *WINE)


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.filterwarnings("ignore:The y_pred values do not sum to one")
@pytest.mark.parametrize(
    "cv",
    [
        3,
        KFold(4),
        pytest.param(
            StratifiedKFold(7, shuffle=True, random_state=0), marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.parametrize("mixing", ["input", "cutmix"])
def test_folds_that_differ_in_rows_columns_and_classes(cv, mixing):
    X, y = mixed_table()
    clf = clone(SHORT).set_params(mixing=mixing)
    seen = []

    def log_likelihood(estimator, X, y):
        seen.append(len(estimator.classes_))
        proba = estimator.predict_proba(X)
        columns = np.searchsorted(estimator.classes_, y).clip(max=proba.shape[1] - 1)
        return np.log(proba[np.arange(len(y)), columns]).mean()

    assert_agrees(clf, ALPHAS, X, y, cv=cv, scoring=log_likelihood)
    if isinstance(cv, KFold):
        assert {2, 3} <= set(seen)  # KFold(4) holds both rows of the class out


def test_rows_that_weigh_more():
    X, y = WINE
    weight = RNG.random(len(y)) + 0.1
    assert_agrees(
        SHORT, ALPHAS, X, y, fit_params={"sample_weight": weight}, scoring="accuracy"
    )
    counts = RNG.integers(0, 3, size=len(y))
    assert_agrees(SHORT, ALPHAS, X, y, fit_params={"sample_weight": counts})


def test_duplicates_in_the_table():
    X, y = load_iris(return_X_y=True)
    X = np.concatenate([X.round(), X.round()])
    assert_agrees(SHORT, ALPHAS, X, np.concatenate([y, y]))


@pytest.mark.parametrize("dense", [False, True])
def test_ell_rows(dense):
    X, y = WINE
    X = sparse.csr_array(np.where(X > X.mean(0), X, 0)) if not dense else X
    assert_agrees(clone(SHORT).set_params(preprocess=None, lr=1e-4), ALPHAS, X, y)


def test_a_search_over_ell_rows():
    clf = MixupClassifier(preprocess=None, max_epochs=3, random_state=0)
    params = {"param_grid": {"alpha": [0, 0.4]}, "scoring": "neg_log_loss", "cv": 3}
    X, y = one_hot_rows()
    X = sparse.csr_array(X)
    mine = MixupSearchCV(clf, **params).fit(X, y).cv_results_
    oracle = GridSearchCV(clf, **params).fit(X, y).cv_results_
    for name in ("split0_test_score", "mean_test_score"):
        np.testing.assert_allclose(mine[name], oracle[name], atol=1e-5)


def test_groups_and_uneven_folds():
    X, y = WINE
    groups = np.repeat(np.arange(6), [5, 10, 20, 30, 43, 70])
    RNG.shuffle(groups)
    assert_agrees(
        SHORT, ALPHAS, X, y, cv=GroupKFold(6), scoring="accuracy",
        fit_params={"groups": groups},
    )  # fmt: skip


def pipeline(**params):
    return Pipeline(
        [
            ("scale", StandardScaler()),
            ("select", SelectKBest(f_classif)),
            ("clf", clone(SHORT).set_params(**params)),
        ]
    )


class Counting(TransformerMixin, BaseEstimator):
    """Counts its fits, over all clones."""

    fits = 0

    def fit(self, X, y=None):
        type(self).fits += 1
        type(self).largest = len(X)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X


def test_a_pipelines_transformers_are_searched_too():
    grid = {"select__k": [3, 6], "clf__alpha": [0, 0.4], "scale__with_mean": [True]}
    search = assert_agrees(pipeline(), grid, *WINE)
    assert isinstance(search.best_estimator_, Pipeline)


def test_transformers_are_fitted_once_a_fold_on_training_rows():
    X, y = WINE
    pipe = Pipeline([("count", Counting()), ("clf", SHORT)])
    Counting.fits = 0
    MixupSearchCV(
        pipe, {"clf__alpha": [0, 0.2, 1], "clf__lr": [1e-3, 1e-2]}, refit=False
    ).fit(X, y)
    assert Counting.fits == 5
    assert Counting.largest < len(y)


def test_a_pipeline_with_columns_and_names():
    X, y = mixed_table()
    y[:2] = "yes"
    columns = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", sparse_output=False),
            ["color", "heavy"],
        ),
        remainder="passthrough",
    )
    pipe = Pipeline([("columns", columns), ("clf", SHORT)])
    search = assert_agrees(pipe, {"clf__alpha": [0, 0.2]}, X, y)
    assert search.feature_names_in_.tolist() == X.columns.tolist()
    assert search.n_features_in_ == 4


def test_weights_reach_a_pipelines_last_step():
    X, y = WINE
    weight = RNG.random(len(y)) + 0.1
    assert_agrees(
        pipeline(), {"clf__alpha": [0, 0.2]}, X, y,
        fit_params={"clf__sample_weight": weight},
    )  # fmt: skip


def routed(clf):
    """A classifier that asks for weights, those weights, and groups."""
    weight = RNG.random(len(WINE[1])) + 0.1
    groups = np.arange(len(weight)) % 5
    clf = clone(clf).set_fit_request(sample_weight=True)
    clf = clf.set_score_request(sample_weight=True)
    fit_params = {"sample_weight": weight, "groups": groups}
    return clf, {"cv": GroupKFold(5), "scoring": None, "fit_params": fit_params}


def test_routed_metadata():
    with sklearn.config_context(enable_metadata_routing=True):
        clf, how = routed(SHORT)
        assert_agrees(clf, ALPHAS, *WINE, **how)


@pytest.mark.skipif(
    Version(sklearn.__version__) < Version("1.8"),
    reason="GridSearchCV asks the Pipeline, and not its last step, and refuses it",
)
def test_routed_metadata_of_a_pipeline():
    with sklearn.config_context(enable_metadata_routing=True):
        clf, how = routed(SHORT)
        scale = StandardScaler().set_fit_request(sample_weight=False)
        pipe = Pipeline([("scale", scale), ("clf", clf)])
        assert_agrees(pipe, {"clf__alpha": [0, 1]}, *WINE, **how)


def test_many_metrics():
    params = {"scoring": ["accuracy", "neg_log_loss"], "refit": "neg_log_loss"}
    search = assert_agrees(SHORT, ALPHAS, *WINE, **params, return_train_score=True)
    assert search.multimetric_
    assert set(search.scorer_) == {"accuracy", "neg_log_loss"}
    assert_agrees(SHORT, ALPHAS, *WINE, scoring=params["scoring"], refit=False)

    def both(estimator, X, y):
        accuracy = accuracy_score(y, estimator.predict(X))
        return {"accuracy": accuracy, "error": 1 - accuracy}

    assert_agrees(SHORT, ALPHAS, *WINE, scoring=both, refit="accuracy")
    assert_agrees(SHORT, ALPHAS, *WINE, refit=lambda results: 1)


def test_random_settings():
    distributions = {
        "alpha": stats.loguniform(0.05, 2),
        "hidden_layer_sizes": [(8,), (16,)],
    }
    params = {"n_iter": 5, "random_state": 1, "scoring": "neg_log_loss", "cv": 3}
    mine = MixupRandomizedSearchCV(SHORT, distributions, **params).fit(*WINE)
    oracle = RandomizedSearchCV(SHORT, distributions, **params).fit(*WINE)
    assert_same_results(mine.cv_results_, oracle.cv_results_)


def test_candidates_that_cannot_share_a_stack():
    grid = [{"callbacks": [None, [("timer", EpochTimer())]], "alpha": [0, 0.2]}]
    assert_agrees(SHORT, grid, *WINE)
    pipe = Pipeline([("clf", SHORT)])
    grid = {"clf": [DummyClassifier(), clone(SHORT)]}
    search = MixupSearchCV(pipe, grid, scoring="accuracy", cv=3).fit(*WINE)
    oracle = GridSearchCV(pipe, grid, scoring="accuracy", cv=3).fit(*WINE)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], oracle.cv_results_["mean_test_score"]
    )


def test_verbose_shows_what_happens(capsys):
    MixupSearchCV(SHORT, ALPHAS, cv=3, verbose=1).fit(*WINE)
    assert (
        "Fitting 3 folds for each of 3 candidates, totalling 9 fits"
        in capsys.readouterr().out
    )


@pytest.mark.slow
def test_the_same_best_candidate_on_a_real_table():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    clf = MixupClassifier(max_epochs=10, random_state=0)
    assert_agrees(clf, {"alpha": [0, 0.1, 0.4, 1]}, X, y, atol=1e-4)
