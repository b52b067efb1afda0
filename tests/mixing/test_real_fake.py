"""Mixtures of real and generated rows, for the discriminator of a GAN."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmixup.mixing import draw_real_share, mixup_real_fake

from ..helpers import alphas


@given(alpha=alphas, seed=st.integers(0, 2**32))
def test_shares_of_real_rows_are_in_the_unit_interval(alpha, seed):
    share = draw_real_share(alpha, (5, 10), seed)
    assert share.shape == (5, 10)
    assert ((share >= 0) & (share <= 1)).all()


@pytest.mark.parametrize("alpha", [0, 1e-300, 1e-4, 0.2, 1.0, 8.0, float("inf")])
def test_shares_of_real_rows_have_the_moments_of_beta(alpha):
    """Down to alpha = 0, whose limit is a fair coin: a GAN without mixup."""
    share = draw_real_share(alpha, 100_000, 0)
    assert share.mean() == pytest.approx(0.5, abs=5e-3)
    assert share.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.02)
    if alpha == 0:
        assert set(np.unique(share)) == {0, 1}


@given(seed=st.integers(0, 2**32), n=st.integers(1, 20))
def test_without_mixup_rows_are_real_or_generated_bit_for_bit(seed, n):
    real, fake = (
        torch.from_numpy(a) for a in np.random.default_rng(seed).random((2, n, 3))
    )
    X, target = mixup_real_fake(real, fake, alpha=0, rng=seed)
    assert torch.equal(X, torch.where(target[:, None] == 1, real, fake))
    assert set(target.tolist()) <= {0.0, 1.0}


@given(
    alpha=alphas,
    seed=st.integers(0, 2**32),
    shape=st.sampled_from([(6,), (6, 1), (6, 2, 3), (1, 4)]),
)
def test_the_target_is_the_share_of_the_real_row(alpha, seed, shape):
    X, target = mixup_real_fake(torch.ones(shape), torch.zeros(shape), alpha, rng=seed)
    assert X.shape == shape
    assert target.shape == shape[:1]
    assert target.dtype == X.dtype
    assert torch.equal(X, target.reshape(-1, *[1] * (len(shape) - 1)).expand(shape))


def test_members_of_a_stack_bring_their_own_shares():
    real, fake = torch.rand(2, 3, 5, 2)
    lam = np.stack([draw_real_share(a, 5, rng=k) for k, a in enumerate([0, 0.2, 1.0])])
    X, target = mixup_real_fake(real, fake, lam=torch.from_numpy(lam))
    torch.testing.assert_close(target, torch.from_numpy(lam).float())
    for k, alpha in enumerate([0, 0.2, 1.0]):
        alone, own = mixup_real_fake(real[k], fake[k], alpha, rng=k)
        assert torch.equal(X[k], alone)
        assert torch.equal(target[k], own)


def test_gradients_reach_the_generated_rows_by_their_share():
    fake = torch.zeros(4, 2, requires_grad=True)
    X, target = mixup_real_fake(torch.ones(4, 2), fake, alpha=1.0, rng=0)
    X.sum().backward()
    torch.testing.assert_close(fake.grad, (1 - target)[:, None].expand(4, 2))
    assert not target.requires_grad


ROWS = torch.rand(4, 2)


@pytest.mark.parametrize(
    ("real", "fake", "params", "message"),
    [
        (ROWS, ROWS[:3], {}, r"shape \(4, 2\) and fake \(3, 2\)"),
        (ROWS.int(), ROWS.int(), {}, "one floating-point type"),
        (ROWS.double(), ROWS, {}, r"torch.float64 and torch.float32"),
        (ROWS, ROWS, {"alpha": -1}, r"alpha must be in the range \[0, inf\]"),
        (ROWS, ROWS, {"lam": torch.rand(4, 2, 2)}, "no leading dimensions"),
        (ROWS, ROWS, {"lam": [0.5]}, "no leading dimensions"),
        (ROWS, ROWS, {"lam": 0.5}, "no leading dimensions"),
        (ROWS, ROWS, {"lam": [0, 0.5, 1, 2]}, r"in \[0, 1\]"),
        (ROWS, ROWS, {"lam": [0, 0.5, 1, np.nan]}, r"in \[0, 1\]"),
    ],
)
def test_real_and_generated_rows_must_match(real, fake, params, message):
    with pytest.raises(ValueError, match=message):
        mixup_real_fake(real, fake, **params)


def test_generated_rows_are_tensors():
    with pytest.raises(TypeError, match=r"fake must be a torch.Tensor, got ndarray"):
        mixup_real_fake(ROWS, ROWS.numpy())


def test_shares_are_taken_as_they_are_drawn():
    lam = draw_real_share(0.2, 4, rng=0)
    X, target = mixup_real_fake(ROWS, torch.zeros(4, 2), lam=lam)
    torch.testing.assert_close(target, torch.from_numpy(lam).float())
    torch.testing.assert_close(X, target[:, None] * ROWS)
