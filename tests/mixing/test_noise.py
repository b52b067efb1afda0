"""Noise among the partners."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import roc_auc_score

from skmixup import MixupClassifier, MixupRegressor, mixup_batch
from skmixup.mixing import (
    CutMix,
    InputMixup,
    ManifoldMixup,
    Mixer,
    NoiseMixup,
    one_hot,
)
from skmixup.mixing._draws import draw_steps

from ..helpers import QUICK, single

GROUPS = np.array([0, 1, 1, 1, 2, 3, 3])


def numbered(n_rows, n_columns=7):
    """Rows whose values are their numbers."""
    return torch.arange(float(n_rows))[:, None].expand(n_rows, n_columns)


@given(n=st.integers(1, 20), seed=st.integers(0, 2**32))
def test_noise_has_columns_of_several_rows_and_groups_of_one(n, seed):
    mixing = NoiseMixup(share=1, groups=GROUPS)
    # λ is next to 0 or to 1: a mixture is a row, or what it was mixed with.
    X, y = mixup_batch(numbered(n), torch.arange(n), 1e-9, mixing=mixing, rng=seed)
    assert torch.equal(X, X.round()) and X.min() >= 0 and X.max() < n
    assert torch.equal(X, X[:, [0, 1, 4, 5]][:, GROUPS])
    plain = mixup_batch(numbered(n), torch.arange(n), 1e-9, rng=seed)
    assert torch.equal(y, plain[1])  # partners and targets are those of plain mixup


def test_all_rows_give_their_columns_equally_often():
    n = 7
    lam, rng = torch.zeros(1, 4000, 1), np.random.default_rng(0)
    X = numbered(n)[None, None].expand(1, 4000, n, -1)
    mixer = NoiseMixup(share=1)
    drawn = mixer.draw_batches(rng, lam[0].numpy(), n)
    draws = {name: torch.from_numpy(a)[None] for name, a in drawn.items()}
    noise, _ = mixer.mix(X, X, lam, **draws)
    for column in noise.flatten(0, 2).T:
        shares = np.bincount(column.int(), minlength=n) / len(column)
        assert shares == pytest.approx(1 / n, abs=0.01)
    pairs = noise.flatten(0, 2)[:, 0] * n + noise.flatten(0, 2)[:, 1]
    shares = np.bincount(pairs.int(), minlength=n * n) / len(pairs)
    assert shares == pytest.approx(1 / n**2, abs=0.005)  # each by itself


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_the_share_of_noise(share):
    n = 2000
    X = one_hot(torch.arange(n))
    X_mixed, y_mixed = mixup_batch(
        X, torch.arange(n), float("inf"), mixing=NoiseMixup(share), rng=0
    )
    is_noise = (X_mixed != y_mixed).any(1)
    assert is_noise.double().mean() == pytest.approx(share, abs=0.03)


def test_no_noise_is_plain_mixup():
    X, y = torch.rand(9, 4), torch.arange(9)
    for lambda_per in ("batch", "row"):
        how = {"alpha": 0.7, "lambda_per": lambda_per, "rng": 3}
        plain, none = (
            mixup_batch(X, y, mixing=mixing, **how)
            for mixing in ("input", NoiseMixup(share=0))
        )
        assert torch.equal(plain[0], none[0]) and torch.equal(plain[1], none[1])


@pytest.mark.parametrize("lambda_per", ["batch", "row"])
def test_a_members_batches_are_the_same_beside_longer_ones(lambda_per):
    """Also one of a single row, whose draws look like those of rows."""
    mixer, sizes = NoiseMixup(), [9, 5, 1]
    X = numbered(9, 3)

    def mixed(members):
        rngs = [tuple(map(np.random.default_rng, (k, k, k))) for k in members]
        n_rows = [sizes[k] for k in members]
        drawn = draw_steps(mixer, rngs, [1.0] * len(members), 4, n_rows, lambda_per)
        draws = {name: torch.from_numpy(a) for name, a in drawn.items()}
        lam, partner = draws.pop("lam"), draws.pop("partner")
        rows = X[: max(n_rows)].expand(len(members), 4, -1, -1)
        return mixer.mix(rows, X[partner], lam, **draws)[0]

    together = mixed([0, 1, 2])
    for k, size in enumerate(sizes):
        assert torch.equal(together[k, :, :size], mixed([k])[0])


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_share_out_of_range(share):
    with pytest.raises(ValueError, match=r"share must be in the range \[0, 1\]"):
        NoiseMixup(share)


@pytest.mark.parametrize("share", ["0.5", [0.5]])
def test_share_that_is_no_number(share):
    with pytest.raises(TypeError, match="share must be a number"):
        NoiseMixup(share)


def test_groups_must_fit():
    with pytest.raises(ValueError, match="a group for each of the 2 columns, got 3"):
        mixup_batch(
            torch.rand(4, 2), torch.arange(4), mixing=NoiseMixup(groups=[0, 1, 2])
        )


def test_an_estimator_tells_of_its_columns_and_leaves_the_mixer_as_it_was():
    X, y = load_wine(return_X_y=True)
    mixer = NoiseMixup(0.3)
    bound = mixer.bind(np.arange(3))
    assert bound.share == 0.3 and list(bound.groups) == [0, 1, 2]
    assert mixer.bind(None) is mixer and bound.bind(np.arange(4)) is bound
    named = MixupClassifier(mixing="noise", **QUICK).fit(X, y)
    made = MixupClassifier(mixing=NoiseMixup(), **QUICK).fit(X, y)
    assert np.array_equal(named.predict_proba(X), made.predict_proba(X))


def test_rows_off_the_data_are_doubted():
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    noise = rng.permuted(X, axis=0)
    is_noise = np.repeat([0, 1], len(X))
    found = {}
    for name, mixing in (("input", "input"), ("noise", NoiseMixup(0.5))):
        clf = single(MixupClassifier, alpha=0.1, mixing=mixing).fit(X[::2], y[::2])
        sure = [clf.predict_proba(rows).max(1) for rows in (X[1::2], noise[1::2])]
        found[name] = roc_auc_score(is_noise[::2], -np.concatenate(sure))
        assert clf.score(X[1::2], y[1::2]) > 0.9
    assert found["noise"] > found["input"] + 0.05


def test_numbers_go_towards_their_mean_off_the_data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 1))
    X, y = np.hstack([x, x, x]), 5 + 3 * x[:, 0]  # no data off a line
    off = np.array([[2.0, -2.0, 2.0], [2.0, 2.0, -2.0], [-2.0, 2.0, 2.0]])
    plain, noise = (
        single(MixupRegressor, alpha=1.0, mixing=mixing).fit(X, y)
        for mixing in ("input", NoiseMixup(0.5))
    )
    assert noise.score(X, y) > 0.9
    far = [np.abs(reg.predict(off) - 5).mean() for reg in (plain, noise)]
    assert far[1] < far[0]


@pytest.mark.parametrize("kind", [NoiseMixup, CutMix])
def test_a_subclass_stays_one_when_it_is_bound(kind):
    class Own(kind):
        pass

    mixer = Own()
    bound = mixer.bind([0, 0, 1])
    assert type(bound) is Own and bound.groups == [0, 0, 1] and mixer.groups is None
    assert bound.bind([0, 1, 2]) is bound


def test_what_hands_draw_and_mix_on_may_hold_one():
    """A mixer around another, as users wrote them before there was `draw_batches`."""

    class Around(Mixer):
        def __init__(self, inner):
            self.inner = inner

        def draw(self, rng, lam):
            return self.inner.draw(rng, lam)

        def mix(self, X, X_partner, lam, **drawn):
            return self.inner.mix(X, X_partner, lam, **drawn)

    X, y = torch.arange(12.0).reshape(6, 2), torch.arange(6) % 2
    inner = NoiseMixup(1.0)
    found, expected = (
        mixup_batch(X, y, mixing=mixer, rng=0) for mixer in (Around(inner), inner)
    )
    torch.testing.assert_close(found, expected)


def test_mixers_show_their_settings():
    mixers = [NoiseMixup(0.2), InputMixup(reach=0.5), CutMix(), ManifoldMixup()]
    assert list(map(repr, mixers)) == [
        "NoiseMixup(share=0.2, groups=None)",
        "InputMixup(reach=0.5)",
        "CutMix(groups=None)",
        "ManifoldMixup(layers=None)",
    ]
