"""MixupClassifier's laws and its use, through the public interface."""

import copy
import datetime
import pickle
import re
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmixup import MixupClassifier, MixupNet

from ..helpers import ROOT, single

quick = partial(single, MixupClassifier, max_epochs=4)
X_IRIS, Y_IRIS = load_iris(return_X_y=True)


def mixed_table(n=60):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "color": rng.choice(np.array(["red", "blue", None], dtype=object), n),
            "flag": rng.random(n) < 0.5,
        }
    )
    return X, np.where(X["flag"], "yes", "no")


def test_alpha_zero_is_training_without_mixing_bit_for_bit():
    erm, off = (
        quick(**p).fit(X_IRIS, Y_IRIS) for p in ({"alpha": 0}, {"mixing": None})
    )
    for a, b in zip(
        erm.net_.module_.parameters(), off.net_.module_.parameters(), strict=True
    ):
        assert torch.equal(a, b)
    assert not np.array_equal(
        erm.predict_proba(X_IRIS),
        quick(alpha=1).fit(X_IRIS, Y_IRIS).predict_proba(X_IRIS),
    )


@pytest.mark.parametrize("mixing", ["input", "manifold", "cutmix", "noise"])
def test_a_member_trains_as_it_would_alone(mixing):
    params = {"mixing": mixing, "dropout": 0.2, "alpha": 0.5}
    alone = quick(**params).fit(X_IRIS, Y_IRIS)
    among = quick(n_estimators=4, **params).fit(X_IRIS, Y_IRIS)
    for a, b in zip(
        alone.net_.module_.parameters(), among.net_.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(a[0], b[0], atol=1e-5, rtol=1e-4)
        assert not torch.allclose(b[0], b[1])


def test_global_random_states_are_untouched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    quick(random_state=None, dropout=0.1).fit(X_IRIS, Y_IRIS)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_pickle_holds_no_rows_and_trains_on():
    clf = quick().fit(X_IRIS, Y_IRIS)
    loaded = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(loaded.predict_proba(X_IRIS), clf.predict_proba(X_IRIS))
    many = quick().fit(
        np.tile(X_IRIS, (9, 1)) + np.arange(1350)[:, None], [0, 1, 2] * 450
    )
    assert len(pickle.dumps(many)) < len(pickle.dumps(clf)) + 2000
    on, loaded_on = (c.partial_fit(X_IRIS, Y_IRIS) for c in (clf, loaded))
    assert np.array_equal(on.predict_proba(X_IRIS), loaded_on.predict_proba(X_IRIS))


def test_skops_needs_the_types_that_the_readme_lists():
    sio = pytest.importorskip("skops.io")
    X, y = mixed_table()
    clf = quick(n_estimators=2, early_stopping=True).fit(X, y)
    saved = sio.dumps(clf)
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    trusted = re.findall(r'"(skmixup\.[\w.]+)"', readme)
    assert sio.get_untrusted_types(data=saved) == sorted(trusted)
    loaded = sio.loads(saved, trusted=trusted)
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_a_net_from_a_gpu_loads_without_one():
    clf = quick().fit(X_IRIS, Y_IRIS)
    state = clf.__getstate__()
    state["_net_state"]["device"] = "cuda"
    loaded = MixupClassifier.__new__(MixupClassifier)
    loaded.__setstate__(state)
    np.testing.assert_allclose(
        loaded.predict_proba(X_IRIS), clf.predict_proba(X_IRIS), rtol=1e-5
    )


def test_warm_start_goes_on():
    clf = quick(warm_start=True).fit(X_IRIS, Y_IRIS)
    first = clf.loss_curve_[-1]
    clf.fit(X_IRIS, Y_IRIS)
    assert clf.n_iter_ == 8
    assert clf.loss_curve_[-1] < first


@pytest.mark.slow
def test_grid_search_in_a_pipeline_on_a_raw_table():
    X, y = mixed_table()
    pipe = make_pipeline(FunctionTransformer(), quick())
    grid = {"mixupclassifier__alpha": [0, 0.2, 1]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(search.predict(X)) <= {"yes", "no"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": -1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": "auto"}, "alpha"),
        ({"batch_size": 0}, "batch_size"),
        ({"hidden_layer_sizes": (-1,)}, "hidden_layer_sizes"),
        ({"device": "toaster"}, "device"),
        ({"lr": 1e30}, "diverged"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(X_IRIS, Y_IRIS)


def test_empty_hidden_layers_are_a_linear_model():
    clf = quick(hidden_layer_sizes=(), lr=0.05, max_epochs=60).fit(X_IRIS, Y_IRIS)
    assert clf.score(X_IRIS, Y_IRIS) > 0.85
    assert len(list(clf.net_.module_.parameters())) == 2


def test_text_with_preprocess_none():
    X, y = mixed_table()
    with pytest.raises(ValueError, match=r"\['color'\] are not numeric"):
        quick(preprocess=None).fit(X, y)


def test_a_device_that_is_not_there():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="is not on this machine"):
        quick(device="cuda").fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize(("n_estimators", "fewest"), [(1, 20), (2, 10)])
def test_few_rows_are_set_aside_by_several_members(n_estimators, fewest):
    X, y = load_iris(return_X_y=True)
    for n in (fewest - 1, fewest):
        rows = np.linspace(0, 149, n).astype(int)
        clf = quick(n_estimators=n_estimators, early_stopping="auto")
        clf.fit(X[rows], y[rows])
        assert hasattr(clf, "validation_loss_curve_") == (n == fewest)


@pytest.mark.parametrize("n_estimators", [2, 3, 7])
def test_each_member_sets_a_fold_of_its_own_aside(n_estimators, monkeypatch):
    seen = {}

    def spy(self, X, y, **params):
        seen.update(params)
        return original(self, X, y, **params)

    original = MixupNet.partial_fit
    monkeypatch.setattr(MixupNet, "partial_fit", spy)
    X = np.arange(60.0)[:, None]
    y = np.repeat([0, 1, 2, 3], [30, 20, 9, 1])
    clf = quick(
        n_estimators=n_estimators, early_stopping=True, validation_fraction=1 / 3
    )
    clf.fit(X, y)
    trained, held_out = seen["rows"], seen["valid_rows"]
    assert len(trained) == len(held_out) == n_estimators
    for train, valid in zip(trained, held_out, strict=True):
        assert sorted([*train, *valid]) == list(range(60))
        assert 18 <= len(valid) <= 20
    counts = np.bincount(np.concatenate(held_out), minlength=60)
    whole, rest = divmod(n_estimators, 3)
    if rest == 0:  # every row but the class of one is held out equally often
        assert sorted(counts) == [0] + [whole] * 59
    assert counts.max() <= whole + (rest > 0)
    proba = clf.predict_proba(X)
    assert len(clf.validation_loss_curve_) == clf.n_iter_
    assert np.array_equal(clf.fit(X, y).predict_proba(X), proba)


def test_parameters_set_after_fit_do_not_break_the_net():
    clf = quick(warm_start=True).fit(X_IRIS, Y_IRIS)
    proba = clf.predict_proba(X_IRIS)
    clf.set_params(hidden_layer_sizes=(4,), n_estimators=2)
    for copied in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert np.array_equal(copied.predict_proba(X_IRIS), proba)
    with pytest.raises(ValueError, match="hidden_layer_sizes has changed"):
        clf.fit(X_IRIS, Y_IRIS)
    clf.set_params(hidden_layer_sizes=(128, 128), n_estimators=1, alpha=1, lr=1e-4)
    assert clf.fit(X_IRIS, Y_IRIS).n_iter_ == 8


def test_refit_on_a_frame_is_silent_and_failed_refit_says_not_fitted():
    X, y = mixed_table()
    clf = quick().fit(X, y).fit(X, y)  # warnings are errors
    clf.partial_fit(X, y)
    with pytest.raises(TypeError, match="dates"):
        clf.fit(X.assign(size=datetime.time(3)), y)
    with pytest.raises(NotFittedError):
        clf.predict(X)


def test_preprocess_may_be_any_transformer():
    clf = quick(preprocess=SelectKBest(k=2)).fit(X_IRIS, Y_IRIS)
    assert clf.predict(X_IRIS).shape == Y_IRIS.shape
    with_gaps = np.where(X_IRIS > 5, np.nan, X_IRIS)
    scaled = quick(preprocess=StandardScaler()).fit(X_IRIS, Y_IRIS)
    with pytest.raises(ValueError, match=r"StandardScaler.* returned NaN"):
        scaled.predict(with_gaps)


def test_pickles_load_whatever_was_set_since():
    clf = quick(preprocess=None).fit(X_IRIS, Y_IRIS)
    proba = clf.predict_proba(X_IRIS)
    clf.set_params(alpha=-1, lr=-1, mixing="bogus", weight_decay=-1, preprocess="auto")
    loaded = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(loaded.predict_proba(X_IRIS), proba)


def test_weight_decay_under_warm_start_survives_pickling():
    clf = quick(warm_start=True).fit(X_IRIS, Y_IRIS).set_params(weight_decay=0.9)
    loaded = pickle.loads(pickle.dumps(clf))
    on, loaded_on = (c.fit(X_IRIS, Y_IRIS) for c in (clf, loaded))
    assert np.array_equal(on.predict_proba(X_IRIS), loaded_on.predict_proba(X_IRIS))
    assert on.net_.optimizer_.param_groups[-1]["weight_decay"] == 0.9


@pytest.mark.parametrize("columns", [np.array([0, 7]), ["a", "b"]])
def test_columns_are_named_as_python_has_them(columns):
    X = pd.DataFrame([[1.0, "x"], [2.0, "y"]] * 15, columns=columns)
    last = X.columns[1].item() if isinstance(columns, np.ndarray) else "b"
    uses = [
        lambda: quick(preprocess=None).fit(X, Y_IRIS[:30]),
        lambda: quick(categorical_features=None).fit(X, Y_IRIS[:30]),
    ]
    for use in uses:
        with pytest.raises(ValueError, match=rf"\[{last!r}\]"):
            use()
    X[X.columns[0]] = np.inf
    first = X.columns[0].item() if isinstance(columns, np.ndarray) else "a"
    with pytest.raises(ValueError, match=f"infinity.*column {first!r}"):
        quick().fit(X, Y_IRIS[:30])


def test_rows_too_large_for_single_precision():
    with pytest.raises(ValueError, match="infinity or a value too large"):
        quick(preprocess=None).fit(X_IRIS * 1e39, Y_IRIS)


def test_few_distinct_rows_are_learned_as_they_are():
    rng = np.random.default_rng(0)
    level = rng.integers(20, size=1000)
    mostly = rng.integers(2, size=20)[level]
    y = np.where(rng.random(1000) < 0.15, 1 - mostly, mostly)
    X = pd.DataFrame({"level": level.astype(str)})
    clf = MixupClassifier(n_estimators=2, max_epochs=40, random_state=0).fit(X, y)
    assert (clf.predict(X) == mostly).all()
    assert not hasattr(clf, "validation_loss_curve_")
