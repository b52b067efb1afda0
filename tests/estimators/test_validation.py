"""Validation of one's own: groups that are set aside whole, and rows apart."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import MixupClassifier, MixupRegressor, MixupSearchCV, fit_many
from skmixup.training._splits import split_rows

from ..helpers import grouped

X, Y = load_breast_cancer(return_X_y=True, as_frame=True)
TRAIN, VALID, TEST = slice(0, 300), slice(300, 400), slice(400, None)
QUICK = {"max_epochs": 8, "random_state": 0}


@given(
    st.lists(st.integers(0, 6), min_size=2, max_size=60),
    st.integers(1, 12),
    st.floats(0.01, 0.9),
    st.integers(0, 2**31),
)
def test_groups_are_whole_on_one_side(groups, n_members, fraction, seed):
    groups = np.array(groups)
    y = np.random.default_rng(seed).integers(0, 3, size=len(groups))
    if len(set(groups)) < 2:
        with pytest.raises(ValueError, match="groups must be at least 2"):
            split_rows(y, fraction, n_members, seed, groups)
        return
    splits = split_rows(y, fraction, n_members, seed, groups)
    assert len(splits) == n_members
    for train, valid in splits:
        assert len(train) and len(valid)
        assert not set(groups[train]) & set(groups[valid])
        assert sorted([*train, *valid]) == list(range(len(y)))


def test_what_is_set_aside_is_of_other_groups():
    rows, y, groups = grouped()
    clf = MixupClassifier(max_epochs=60, random_state=0)
    assert min(clf.fit(rows, y).validation_loss_curve_) < 0.2
    assert min(clf.fit(rows, y, groups=groups).validation_loss_curve_) > 0.5
    named = np.array([f"patient {group}" for group in groups])
    expected = clf.predict_proba(rows)
    assert_array_equal(clf.fit(rows, y, groups=named).predict_proba(rows), expected)


def test_copies_of_a_row_in_two_groups_are_two_rows():
    rows, y, groups = grouped(8)
    copies = np.tile(np.arange(len(rows)), 2)
    other = np.concatenate([groups, groups + 8])
    clf = MixupClassifier(**QUICK).fit(rows[copies], y[copies], groups=other)
    weighted = MixupClassifier(**QUICK).fit(rows[copies], y[copies])
    assert clf.score(rows, y) > 0.5 and weighted.score(rows, y) > 0.5
    one = MixupClassifier(**QUICK).fit(
        rows, y, sample_weight=np.full(80, 2), groups=groups
    )
    two = MixupClassifier(**QUICK).fit(
        rows[copies], y[copies], groups=np.concatenate([groups, groups])
    )
    assert_array_equal(one.predict_proba(rows), two.predict_proba(rows))


@pytest.mark.parametrize("n_estimators", [1, 3])
def test_members_stop_on_the_rows_given(n_estimators):
    clf = MixupClassifier(
        n_estimators=n_estimators, temperature=1.0, max_epochs=30, random_state=0
    )
    clf.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID])
    lowest = min(clf.validation_loss_curve_)
    found = log_loss(Y[VALID], clf.predict_proba(X[VALID]))
    if n_estimators == 1:
        assert_allclose(found, lowest, rtol=1e-4)
    else:  # a mean of members, each of its own best epoch
        assert found < lowest
    assert clf.score(X[TEST], Y[TEST]) > 0.9


def test_nothing_is_learned_of_the_rows_given_but_when_to_stop():
    far = X[VALID] * 1e3
    clf = MixupClassifier(**QUICK)
    clf.fit(X[TRAIN], Y[TRAIN], X_val=far, y_val=Y[VALID])
    alone = MixupClassifier(**QUICK).fit(X[TRAIN], Y[TRAIN])
    transformed = (model.encoder_.transform(X[TEST]) for model in (clf, alone))
    assert_array_equal(*transformed)
    wrong = MixupClassifier(**QUICK, n_iter_no_change=100, class_weight="balanced")
    curves = [
        wrong.fit(X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=y_val).loss_curve_
        for y_val in (Y[VALID], 1 - Y[VALID])
    ]
    assert_allclose(*curves, rtol=1e-5)


def test_weights_of_rows_to_stop_on_count():
    weight = np.where(Y[VALID] == 1, 1.0, 0.0)
    clf = MixupClassifier(n_estimators=1, temperature=1.0, **QUICK)
    clf.fit(
        X[TRAIN], Y[TRAIN], X_val=X[VALID], y_val=Y[VALID], sample_weight_val=weight
    )
    ones = X[VALID][Y[VALID] == 1]
    found = -np.log(clf.predict_proba(ones)[:, 1]).mean()
    assert_allclose(found, min(clf.validation_loss_curve_), rtol=1e-4)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, pd.DataFrame])
def test_numbers_as_targets_and_rows_of_any_form(form):
    rows, y = load_diabetes(return_X_y=True)
    reg = MixupRegressor(n_estimators=1, **QUICK)
    reg.fit(form(rows[:300]), y[:300], X_val=form(rows[300:]), y_val=y[300:])
    found = mean_squared_error(y[300:], reg.predict(form(rows[300:])))
    scale = float(reg.target_scale_[0]) ** 2
    assert_allclose(found / scale, min(reg.validation_loss_curve_), rtol=1e-3)
    groups = np.arange(300) // 10
    assert reg.fit(form(rows[:300]), y[:300], groups=groups).predict(rows).shape == (
        442,
    )


def test_from_1600_rows_on_both_kinds_of_members_stop_on_them():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2400, 3))
    y = (rows[:, 0] > 0.3) ^ (rows[:, 1] > -0.2)
    clf = MixupClassifier(max_epochs=15, random_state=0)
    clf.fit(rows[:2000], y[:2000], X_val=rows[2000:], y_val=y[2000:])
    assert clf.member_weights_.sum() == pytest.approx(1)
    assert clf.score(rows[2000:], y[2000:]) > 0.9
    clf.fit(rows, y, groups=np.arange(2400) // 20)
    assert clf.member_weights_.sum() == pytest.approx(1)


def test_many_fits_take_them_as_one_does():
    groups = np.arange(300) // 7
    models = [MixupClassifier(alpha=a, **QUICK) for a in (0.0, 0.4)]
    how = [{"groups": groups}, {"X_val": X[VALID], "y_val": Y[VALID]}]
    for params in how:
        for fit in fit_many(models, X[TRAIN], Y[TRAIN], **params):
            assert fit.error is None
            alone = models[fit.index].fit(X[TRAIN], Y[TRAIN], **params)
            found = fit.estimator.predict_proba(X[TEST])
            assert_allclose(found, alone.predict_proba(X[TEST]), atol=1e-4)
    rows = [np.arange(0, 300, 2), np.arange(1, 300, 2)]
    for fit in fit_many(models, X[TRAIN], Y[TRAIN], rows=rows, groups=groups):
        own = rows[fit.index]
        alone = models[fit.index].fit(
            X[TRAIN].iloc[own], Y[TRAIN].iloc[own], groups=groups[own]
        )
        found = fit.estimator.predict_proba(X[TEST])
        assert_allclose(found, alone.predict_proba(X[TEST]), atol=1e-4)


def test_a_pipeline_hands_them_on():
    groups = np.arange(300) // 7
    pipe = make_pipeline(StandardScaler(), MixupClassifier(**QUICK))
    pipe.fit(X[TRAIN], Y[TRAIN], mixupclassifier__groups=groups)
    scaled = StandardScaler().fit_transform(X[TRAIN])
    alone = MixupClassifier(**QUICK).fit(scaled, Y[TRAIN], groups=groups)
    assert_array_equal(pipe.predict_proba(X[TRAIN]), alone.predict_proba(scaled))


@pytest.mark.parametrize("kind", [GridSearchCV, MixupSearchCV])
def test_a_search_hands_them_on_by_routing(kind):
    groups = np.arange(300) // 7
    with sklearn.config_context(enable_metadata_routing=True):
        clf = MixupClassifier(**QUICK).set_fit_request(groups=True)
        search = kind(clf, {"alpha": [0.0, 0.4]}, cv=2)
        search.fit(X[TRAIN], Y[TRAIN], groups=groups)
        best = search.best_estimator_
        splitters = kind(MixupClassifier(**QUICK), {"alpha": [0.0]}, cv=GroupKFold(2))
        splitters.fit(X[TRAIN], Y[TRAIN], groups=groups)  # not asked for by `fit`
    plain = MixupClassifier(**QUICK, alpha=0.0).fit(X[TRAIN], Y[TRAIN])
    found = splitters.best_estimator_.predict_proba(X[TEST])
    assert_allclose(found, plain.predict_proba(X[TEST]), atol=1e-4)
    alone = MixupClassifier(**QUICK, alpha=best.alpha)
    alone.fit(X[TRAIN], Y[TRAIN], groups=groups)
    found = best.predict_proba(X[TEST])
    assert_allclose(found, alone.predict_proba(X[TEST]), atol=1e-4)


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        ({}, {"X_val": X[VALID]}, "X_val is given without y_val"),
        ({}, {"y_val": Y[VALID]}, "y_val is given without X_val"),
        ({}, {"sample_weight_val": [1.0]}, "sample_weight_val is given without X_val"),
        ({"early_stopping": False}, {"X_val": X[VALID], "y_val": Y[VALID]}, "early_"),
        (
            {},
            {"X_val": X[VALID], "y_val": Y[VALID][:7]},
            "X_val and y_val: Found input",
        ),
        ({}, {"X_val": X[VALID], "y_val": Y[VALID] + 5}, r"y_val: y has label\(s\)"),
        ({}, {"X_val": X[VALID].iloc[:, :4], "y_val": Y[VALID]}, "X_val and y_val:"),
        ({}, {"groups": np.zeros(300)}, "groups must be at least 2"),
        ({}, {"groups": np.zeros(30)}, "inconsistent numbers of samples"),
        ({}, {"groups": [None] * 3 + ["a"] * 297}, "3 missing"),
        ({}, {"groups": np.zeros((300, 2))}, "1d array"),
        (
            {},
            {"groups": np.arange(300), "X_val": X[VALID], "y_val": Y[VALID]},
            "give one of them",
        ),
    ],
)
def test_what_does_not_go_together_is_named(params, given, message):
    with pytest.raises(ValueError, match=message):
        MixupClassifier(**QUICK, **params).fit(X[TRAIN], Y[TRAIN], **given)
