"""Temperature scaling, and when it is left alone."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import log_softmax
from sklearn.datasets import load_iris, make_blobs

from skmixup import MixupClassifier, fit_many
from skmixup.estimators._calibration import (
    apply_temperature,
    fit_shares,
    fit_temperature,
)


def drawn(n_rows, seed=0, n_classes=3, scale=2.0):
    """Probabilities, and classes drawn from them."""
    rng = np.random.default_rng(seed)
    log_proba = log_softmax(scale * rng.normal(size=(n_rows, n_classes)), axis=1)
    cumulative = np.exp(log_proba).cumsum(axis=1)
    return log_proba, (rng.random((n_rows, 1)) > cumulative).sum(axis=1).clip(max=2)


@pytest.mark.parametrize("temperature", [0.4, 2.5])
def test_a_temperature_is_found_again(temperature):
    log_proba, y = drawn(5000)
    off = apply_temperature(log_proba, temperature)
    assert_allclose(fit_temperature(off, y), 1 / temperature, rtol=0.1)


@given(st.integers(0, 2**31))
def test_calibrated_probabilities_are_nearly_always_left_alone(seed):
    log_proba, y = drawn(300, seed)
    assert 0.7 < fit_temperature(log_proba, y) < 1.4


def test_few_rows_say_nothing():
    log_proba, y = drawn(8)
    assert fit_temperature(log_proba / 2, y) == 1
    assert fit_temperature(log_proba[:1], y[:1]) == 1
    assert fit_temperature(np.zeros((8, 1)), np.zeros(8, dtype=int)) == 1


def test_weights_are_copies():
    log_proba, y = drawn(400)
    weight = np.arange(400) % 4
    copies = np.repeat(np.arange(400), weight)
    assert_allclose(
        fit_temperature(log_proba / 3, y, 7.0 * weight),
        fit_temperature(log_proba[copies] / 3, y[copies]),
        rtol=0.05,
    )


@given(st.floats(0.05, 20), st.integers(0, 100))
def test_a_temperature_changes_no_prediction(temperature, seed):
    log_proba, _ = drawn(20, seed)
    tempered = apply_temperature(log_proba, temperature)
    assert_allclose(np.exp(tempered).sum(axis=1), 1)
    assert (tempered.argmax(axis=1) == log_proba.argmax(axis=1)).all()
    back = apply_temperature(tempered, 1 / temperature)
    assert_allclose(back, log_proba, atol=1e-9)


def test_a_mean_of_members_is_never_softened():
    """Networks that are too sure of themselves, alone; their mean is less so."""
    X, y = make_blobs(800, 40, centers=40, cluster_std=9, random_state=0)
    params = {"alpha": 0, "dropout": 0, "early_stopping": True, "random_state": 0}
    params["validation_fraction"] = 0.25
    four = MixupClassifier(n_estimators=4, **params).fit(X, y)
    assert four.temperature_ == 1
    assert MixupClassifier(n_estimators=1, **params).fit(X, y).temperature_ > 1.1


def test_heavy_mixing_is_sharpened_by_the_rows_set_aside():
    """Half and half, a network is underconfident; what it learned from says so."""
    X, y = load_iris(return_X_y=True)
    params = {"alpha": np.inf, "n_estimators": 5, "early_stopping": True}
    params |= {"validation_fraction": 0.2, "random_state": 0, "max_epochs": 30}
    clf = MixupClassifier(**params).fit(X, y)
    assert 0.2 < clf.temperature_ < 0.9
    plain = MixupClassifier(temperature=1, **params).fit(X, y)
    assert plain.temperature_ == 1
    tempered = apply_temperature(plain.predict_log_proba(X), clf.temperature_)
    assert_allclose(clf.predict_log_proba(X), tempered)
    (together,) = fit_many([MixupClassifier(**params)], X, y)
    assert_allclose(together.estimator.temperature_, clf.temperature_, rtol=1e-3)
    on_all = MixupClassifier(max_epochs=1, early_stopping=False)
    assert on_all.fit(X, y).temperature_ == 1


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_is_found_again(share):
    """Of two sets of probabilities, of whose mixture classes are drawn."""
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 20_000))
    y = rng.random(20_000) < (1 - share) * first + share * second

    judged = np.stack([np.where(y, p, 1 - p) for p in (first, second)])[..., None]
    assert_allclose(shares_of(judged)[1], share, atol=0.05)
    weight = rng.integers(0, 3, 20_000)
    copies = np.repeat(np.arange(20_000), weight)
    assert_allclose(
        shares_of(judged, 5.0 * weight),
        shares_of(judged[:, copies]),
        atol=0.01,
    )


def test_few_rows_say_little_of_a_share():
    residuals = np.stack([np.full((4, 1), 0.5), np.full((4, 1), 0.45)])
    share = partial(shares_of, loss_of=lambda r: (r**2, 2 * r))
    assert 0.5 < share(residuals)[1] < 0.6
    assert share(np.repeat(residuals, 500, axis=1))[1] > 0.95


def test_of_many_rows_set_aside_every_nth_tells_as_much(monkeypatch):
    X, y = make_blobs(3000, centers=3, cluster_std=4.0, random_state=0)
    clf = MixupClassifier(n_estimators=4, max_epochs=30, alpha=1.0, random_state=0)
    whole = clf.fit(X, y).temperature_
    scored = []
    member_scores = type(clf.net_).member_scores

    def count(net, X, members=None):
        scored.append(len(X))
        return member_scores(net, X, members)

    monkeypatch.setattr(type(clf.net_), "member_scores", count)
    monkeypatch.setattr("skmixup.estimators._base._MOST_SET_ASIDE", 1000)
    assert_allclose(clf.fit(X, y).temperature_, whole, atol=0.1)
    assert 700 < sum(scored) <= 1000  # of 1500


def likelihoods(n_rows, seed=0):
    """Of three models: one that knows, one that does half, one that guesses."""
    rng = np.random.default_rng(seed)
    knows = rng.beta(8, 1.5, size=(n_rows, 1))
    return np.stack(
        [knows, rng.beta(3, 2, size=(n_rows, 1)), np.full((n_rows, 1), 0.3)]
    )


def log_loss_of(likelihood):
    return -np.log(likelihood), -1 / likelihood


def shares_of(judged, weight=None, prior=3.0, loss_of=log_loss_of, known=None):
    known = np.ones(judged.shape[:2], bool) if known is None else known
    return fit_shares(judged, known, loss_of, weight, prior)


def test_shares_have_the_lowest_loss_where_rows_are_many():
    judged = likelihoods(4000)
    shares = shares_of(judged, np.ones(4000), 1e-6)
    assert_allclose(shares.sum(), 1)

    def loss(shares):
        return -np.log(np.tensordot(shares, judged, 1)).mean()

    grid = np.array(
        [
            (a, b, 1 - a - b)
            for a in np.linspace(0, 1, 51)
            for b in np.linspace(0, 1, 51)
        ]
    )
    best = min(loss(one) for one in grid if one[2] >= 0)
    assert loss(shares) <= best + 1e-6
    assert shares[2] < 0.05


def test_shares_are_even_where_nothing_tells_or_belief_is_strong():
    few = likelihoods(5)
    even = np.full(3, 1 / 3)
    assert_allclose(shares_of(few, np.ones(5), 1e6), even, atol=1e-4)
    assert_allclose(shares_of(few[:, :0], np.ones(0), 1.0), even)
    perfect = np.ones((3, 9, 1))
    assert_allclose(shares_of(perfect, np.ones(9), 1.0), even)
    assert shares_of(few[:1], np.ones(5), 1.0).tolist() == [1]


@given(st.integers(0, 2**31))
def test_shares_by_weight_are_shares_of_copies(seed):
    judged = likelihoods(60, seed)
    weight = np.random.default_rng(seed).integers(1, 4, size=60)
    copied = np.repeat(judged, weight, axis=1)
    prior = 20.0
    shares = shares_of(judged, weight, prior * 60 / weight.sum())
    again = shares_of(copied, np.ones(weight.sum()), prior)
    assert_allclose(shares, again, atol=1e-4)


def test_shares_of_residuals_let_errors_cancel():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(500, 2))
    judged = np.stack([noise, -noise, 3 * rng.normal(size=(500, 2))])
    shares = shares_of(judged, np.ones(500), 1.0, lambda r: (r**2, 2 * r))
    assert_allclose(shares, [0.5, 0.5, 0], atol=0.02)


def test_a_row_is_told_by_those_that_know_it():
    """What is in the place of others is never looked at, and some are known of none."""
    judged = likelihoods(2000)
    whole = shares_of(judged, np.ones(2000), 1e-6)
    rng = np.random.default_rng(0)
    known = rng.random((3, 2000)) < 0.6
    hidden = np.where(known[..., None], judged, np.nan)
    shares = shares_of(hidden, np.ones(2000), 1e-6, known=known)
    assert_allclose(shares, whole, atol=0.05)
    known[1] = False
    shares = shares_of(hidden, np.ones(2000), 1.0, known=known)
    assert_allclose(shares.sum(), 1)
    assert shares[0] > 5 * shares[2]
