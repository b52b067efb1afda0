"""The searches, with scikit-learn's as the oracle."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import sklearn
from joblib import parallel_config
from scipy import sparse, stats
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
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
from skorch.callbacks import Callback, EarlyStopping, EpochTimer

from skmixup import (
    FoldEnsemble,
    ManifoldMixup,
    MixupClassifier,
    MixupRandomizedSearchCV,
    MixupSearchCV,
    fit_together,
)

RNG = np.random.default_rng(0)
WINE = load_wine(return_X_y=True)
IRIS = load_iris(return_X_y=True)
SHORT = MixupClassifier(
    n_estimators=1, early_stopping=False, dropout=0.0, max_epochs=4, random_state=0
)
ALPHAS = {"alpha": [0, 0.2, 1.0]}


def mixed_table(n=160):
    """Numbers, a category with rare levels, missing values, and a rare class."""
    X = pd.DataFrame(
        {
            "size": RNG.normal(size=n),
            "weight": RNG.exponential(size=n),
            "color": RNG.choice(
                ["red", "green", "blue", "pink"], n, p=[0.5, 0.3, 0.17, 0.03]
            ),
            "heavy": RNG.random(n) > 0.5,
        }
    )
    y = np.where(X["size"] + (X["color"] == "red") > 0.5, "yes", "no").astype(object)
    X.loc[RNG.random(n) < 0.1, "weight"] = np.nan
    X.loc[RNG.random(n) < 0.1, "color"] = None
    y[:2] = "maybe"  # in one or two folds only
    return X, y


def assert_same_results(mine, oracle, atol=1e-5):
    assert set(mine) == set(oracle)
    for name, expected in oracle.items():
        if name.endswith("_time"):
            assert (mine[name] >= 0).all()
        elif name.startswith(("split", "mean", "std")):
            np.testing.assert_allclose(mine[name], expected, atol=atol, err_msg=name)
        elif name == "params":
            assert mine[name] == expected
    first = next(name for name in oracle if name.startswith("rank_test"))
    assert np.argmin(mine[first]) == np.argmin(oracle[first])


def assert_agrees(estimator, grid, X, y, *, atol=1e-5, fit_params=None, **params):
    params = {"scoring": "neg_log_loss", "cv": 3} | params
    mine = MixupSearchCV(estimator, grid, **params).fit(X, y, **fit_params or {})
    oracle = GridSearchCV(estimator, grid, **params).fit(X, y, **fit_params or {})
    assert_same_results(mine.cv_results_, oracle.cv_results_, atol)
    if params.get("refit", True):
        assert mine.best_params_ == oracle.best_params_
        np.testing.assert_array_equal(
            mine.best_estimator_.predict_proba(X), oracle.predict_proba(X)
        )
    return mine


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
    "cv", [3, KFold(4), StratifiedKFold(7, shuffle=True, random_state=0)]
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


def test_routed_metadata():
    X, y = WINE
    weight = RNG.random(len(y)) + 0.1
    groups = np.arange(len(y)) % 5
    with sklearn.config_context(enable_metadata_routing=True):
        clf = clone(SHORT).set_fit_request(sample_weight=True)
        clf = clf.set_score_request(sample_weight=True)
        params = {"sample_weight": weight, "groups": groups}
        assert_agrees(
            clf, ALPHAS, X, y, cv=GroupKFold(5), scoring=None, fit_params=params
        )
        pipe = Pipeline(
            [
                ("scale", StandardScaler().set_fit_request(sample_weight=False)),
                ("clf", clf),
            ]
        )
        assert_agrees(
            pipe,
            {"clf__alpha": [0, 1]},
            X,
            y,
            cv=GroupKFold(5),
            scoring=None,
            fit_params=params,
        )


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


@pytest.mark.parametrize(
    "params", [{"max_members": 4}, {"n_jobs": 2}, {"max_members": 1}], ids=str
)
def test_however_it_is_split(params):
    grid = ALPHAS | {"n_estimators": [1, 2]}
    whole = MixupSearchCV(SHORT, grid, scoring="neg_log_loss").fit(*WINE)
    split = MixupSearchCV(SHORT, grid, scoring="neg_log_loss", **params).fit(*WINE)
    assert_same_results(split.cv_results_, whole.cv_results_)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_stacks_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    whole = MixupSearchCV(SHORT, ALPHAS, scoring="neg_log_loss").fit(*WINE)
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    with cluster, distributed.Client(cluster):
        with parallel_config(backend="dask"):
            spread = MixupSearchCV(
                SHORT, ALPHAS, scoring="neg_log_loss", max_members=5, n_jobs=-1
            ).fit(*WINE)
    assert_same_results(spread.cv_results_, whole.cv_results_)


@pytest.mark.parametrize("refit", [True, "neg_log_loss"])
def test_the_folds_of_the_best_candidate_can_be_kept(refit):
    scoring = "neg_log_loss" if refit is True else ["accuracy", "neg_log_loss"]
    X, y = mixed_table()
    y[:2] = "yes"
    cv = KFold(3)
    search = MixupSearchCV(
        SHORT, ALPHAS, scoring=scoring, refit=refit, keep_folds=True, cv=cv
    ).fit(X, y)
    assert isinstance(search.best_estimator_, FoldEnsemble)
    best = clone(SHORT).set_params(**search.best_params_)
    alone = [clone(best).fit(X.iloc[i], y[i]).predict_proba(X) for i, _ in cv.split(X)]
    np.testing.assert_allclose(
        search.predict_proba(X), np.mean(alone, axis=0), atol=1e-4
    )
    np.testing.assert_allclose(
        np.exp(search.predict_log_proba(X)), search.predict_proba(X), atol=1e-12
    )
    assert set(search.predict(X)) <= set(search.classes_)
    assert search.feature_names_in_.tolist() == X.columns.tolist()


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("callbacks", [None, "own"])
def test_kept_folds_that_failed_tell_their_own_error(error_score, callbacks):
    X, y = mixed_table()
    fails = clone(SHORT).set_params(class_weight={"no": 1.0, "yes": -1.0})
    if callbacks:  # such candidates are fitted one by one
        fails.set_params(callbacks=[EpochTimer()])
    search = MixupSearchCV(
        fails, {"alpha": [0]}, cv=KFold(3), keep_folds=True, error_score=error_score
    )
    with pytest.raises(ValueError, match=r"class_weight\['yes'\] must be finite"):
        search.fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_one_failed_fold_of_the_best_candidate_is_named():
    X, y = mixed_table()
    y[:40], y[40:] = "no", "yes"
    search = MixupSearchCV(
        clone(SHORT).set_params(class_weight={"no": 1, "yes": -1.0}),
        {"alpha": [0]},
        cv=[(np.arange(30), np.arange(30, 60)), (np.arange(60), np.arange(60))],
        keep_folds=True,
        error_score=0.0,
    )
    with pytest.raises(ValueError, match=r"fold\(s\) \[1\] failed[\s\S]+finite"):
        search.fit(X, y)


def test_an_ensemble_of_different_classes():
    X, y = IRIS
    parts = [clone(SHORT).fit(X[y != c], y[y != c]) for c in range(3)]
    ensemble = FoldEnsemble(parts).fit()
    assert ensemble.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(ensemble.predict_proba(X).sum(1), 1)
    with pytest.raises(ValueError, match="at least one"):
        FoldEnsemble([]).fit()


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


def test_one_bad_candidate_does_not_spoil_the_rest():
    grid = {"lr": [1e-3, 1e30], "alpha": [0.2, 0.4]}
    good = MixupSearchCV(SHORT, ALPHAS, refit=False).fit(*WINE).cv_results_
    with (
        pytest.warns(FitFailedWarning, match="Training diverged"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search = MixupSearchCV(SHORT, grid, cv=5).fit(*WINE)
    score = search.cv_results_["mean_test_score"]
    assert np.isnan(score[search.cv_results_["param_lr"] == 1e30]).all()
    assert np.isfinite(score[search.cv_results_["param_lr"] == 1e-3]).all()
    assert score[0] != good["mean_test_score"][1]
    with pytest.raises(ValueError, match="Training diverged"):
        MixupSearchCV(SHORT, grid, error_score="raise").fit(*WINE)
    with pytest.warns(FitFailedWarning, match="'alpha' parameter"):
        search = MixupSearchCV(SHORT, {"alpha": [-1, 0.2]}, error_score=0.0).fit(*WINE)
    assert search.cv_results_["mean_test_score"][0] == 0
    grid = {"mixing": [ManifoldMixup(layers=["head"]), "input"]}
    with pytest.warns(FitFailedWarning, match="are not submodules"):
        search = MixupSearchCV(SHORT, grid, error_score=0.0).fit(*WINE)
    assert search.cv_results_["mean_test_score"][1] > 0
    grid = {"device": ["cpu", "tpu"]}
    with pytest.warns(FitFailedWarning, match="'tpu' is not a torch device"):
        search = MixupSearchCV(SHORT, grid, error_score=0.0).fit(*WINE)
    assert search.best_params_ == {"device": "cpu"}
    with pytest.raises(ValueError, match=r"All the .* fits failed"):
        MixupSearchCV(SHORT, {"alpha": [-1]}).fit(*WINE)


@pytest.mark.parametrize(
    ("search", "error", "message"),
    [
        (MixupSearchCV(LogisticRegression(), {"C": [1]}), TypeError, "must be a Mixup"),
        (MixupSearchCV(SHORT, {"alfa": [1]}), ValueError, "Invalid parameter 'alfa'"),
        (MixupSearchCV(SHORT, ALPHAS, max_members=0), ValueError, "'max_members'"),
        (MixupSearchCV(SHORT, ALPHAS, keep_folds="yes"), ValueError, "'keep_folds'"),
        (MixupSearchCV(SHORT, ALPHAS, scoring=["accuracy"]), ValueError, "refit"),
        (MixupSearchCV(SHORT, ALPHAS, cv=200), ValueError, "n_splits=200"),
    ],
)  # fmt: skip
def test_bad_searches_are_named(search, error, message):
    with pytest.raises(error, match=message):
        search.fit(*WINE)


def test_verbose_shows_what_happens(capsys):
    MixupSearchCV(SHORT, ALPHAS, cv=3, verbose=1).fit(*WINE)
    assert (
        "Fitting 3 folds for each of 3 candidates, totalling 9 fits"
        in capsys.readouterr().out
    )


def test_the_same_best_candidate_on_a_real_table():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    clf = MixupClassifier(max_epochs=10, random_state=0)
    assert_agrees(clf, {"alpha": [0, 0.1, 0.4, 1]}, X, y, atol=1e-4)


def peak_of_a_search(max_members):
    """Return the MiB that a search adds to a process at its peak."""
    code = f"""
import numpy as np, torch
from benchmarks.timing.memory import peak_of
from skmixup import MixupClassifier, MixupSearchCV
torch.set_num_threads(1)
rng = np.random.default_rng(0)
X, y = rng.normal(size=(400, 20)), rng.integers(2, size=400)
alone = dict(n_estimators=1, early_stopping=False, dropout=0.0)
clf = MixupClassifier(
    (512, 512), max_epochs=1, batch_size=64, random_state=0, **alone
)
MixupSearchCV(clf, {{"alpha": [0.0]}}, cv=2, refit=False).fit(X, y)
params = {{"cv": 2, "refit": False, "max_members": {max_members}}}
search = MixupSearchCV(clf, {{"alpha": np.linspace(0, 1, 40)}}, **params)
print(peak_of(lambda: search.fit(X, y)))
"""
    run = [sys.executable, "-c", code]
    return float(subprocess.run(run, capture_output=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_max_members_bounds_the_memory():
    few, many = peak_of_a_search(8), peak_of_a_search(80)
    # 275k weights at 16 bytes, and the batches: about 5 MiB a member.
    assert few < 100
    assert 200 < many < 600


class InterruptsLate(Callback):
    """A user who presses Ctrl-C in the third epoch."""

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) > 2:
            raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore:Training interrupted")
def test_an_interrupt_ends_a_search_and_many_fits():
    X, y = mixed_table()
    clf = clone(SHORT).set_params(callbacks=[InterruptsLate()], max_epochs=5)
    for keep_folds in (False, True):
        search = MixupSearchCV(clf, ALPHAS, cv=2, keep_folds=keep_folds)
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        list(fit_together([clf, clf], X, y))
    stops = clone(SHORT).set_params(
        callbacks=[EarlyStopping("mixed_loss", patience=1, threshold=1e9)],
        max_epochs=5,
    )  # which ends a training by the same means, but between two epochs
    search = MixupSearchCV(stops, ALPHAS, cv=2, error_score="raise").fit(X, y)
    assert search.best_estimator_.n_iter_ < 5
