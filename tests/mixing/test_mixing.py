"""The laws of mixing, on tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from skmixup import mixup_batch
from skmixup.mixing import (
    CutMix,
    ManifoldMixup,
    draw_lambda,
    draw_partners,
    mix,
    one_hot,
    soft_cross_entropy,
)
from skmixup.mixing._core import weighted_lambda

from ..helpers import alphas


@given(alpha=alphas, seed=st.integers(0, 2**32))
def test_lambda_is_in_the_unit_interval(alpha, seed):
    lam = draw_lambda(alpha, 50, seed)
    assert ((lam >= 0) & (lam <= 1)).all()


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.4, 1.0, 8.0, 32.0])
def test_lambda_has_the_moments_of_beta(alpha):
    lam = draw_lambda(alpha, 200_000, 0)
    variance = 1 / (4 * (2 * alpha + 1))
    assert lam.mean() == pytest.approx(0.5, abs=5e-3)
    assert lam.var() == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize(("alpha", "value"), [(0, 1.0), (float("inf"), 0.5)])
def test_lambda_at_the_ends(alpha, value):
    assert draw_lambda(alpha) == value
    assert (draw_lambda(alpha, (3, 2)) == value).all()


@pytest.mark.parametrize("alpha", [-0.1, float("nan"), -float("inf")])
def test_alpha_out_of_range(alpha):
    with pytest.raises(ValueError, match=r"alpha must be in the range \[0, inf\]"):
        draw_lambda(alpha)


@pytest.mark.parametrize("alpha", ["0.2", [0.1, 0.2]])
def test_alpha_that_is_no_number(alpha):
    with pytest.raises(TypeError, match="alpha must be a number"):
        draw_lambda(alpha)


@given(n=st.integers(1, 40), batches=st.integers(1, 5), seed=st.integers(0, 2**32))
def test_partners_are_a_permutation_of_each_batch(n, batches, seed):
    partner = draw_partners(n, batches, seed)
    assert (np.sort(partner, axis=1) == np.arange(n)).all()


def test_partners_are_drawn_uniformly():
    partner = draw_partners(4, 40_000, 0)
    for row in range(4):
        share = np.bincount(partner[:, row], minlength=4) / len(partner)
        assert share == pytest.approx(0.25, abs=0.01)


@given(seed=st.integers(0, 2**32), n=st.integers(1, 20))
def test_lambda_one_is_the_identity_bit_for_bit(seed, n):
    rng = np.random.default_rng(seed)
    a, b = (torch.from_numpy(rng.normal(size=(n, 3)) * 1e6) for _ in "ab")
    assert torch.equal(mix(a, b, 1.0), a)
    assert torch.equal(mix(a, b, torch.ones(n)), a)
    assert torch.equal(mix(a, b, torch.zeros(n)), b)


@given(seed=st.integers(0, 2**32), lam=st.floats(0, 1))
def test_soft_loss_is_the_mixture_of_hard_losses(seed, lam):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(7, 4, generator=generator, dtype=torch.double)
    y_i, y_j = torch.randint(4, (2, 7), generator=generator)
    soft = mix(one_hot(y_i, 4, torch.double), one_hot(y_j, 4, torch.double), lam)
    expected = lam * F.cross_entropy(logits, y_i, reduction="none")
    expected += (1 - lam) * F.cross_entropy(logits, y_j, reduction="none")
    torch.testing.assert_close(soft_cross_entropy(logits, soft), expected)
    torch.testing.assert_close(
        F.cross_entropy(logits, soft, reduction="none"), expected
    )


@given(
    lam=st.floats(0, 1, width=32),
    w_i=st.floats(0, 10, width=32),
    w_j=st.floats(0, 10, width=32),
)
def test_weights_fold_into_lambda(lam, w_i, w_j):
    lam, w_i, w_j = (torch.tensor(v, dtype=torch.double) for v in (lam, w_i, w_j))
    lam_target, weight = weighted_lambda(lam, w_i, w_j)
    loss_i, loss_j = 0.3, 2.0
    got = weight * (lam_target * loss_i + (1 - lam_target) * loss_j)
    torch.testing.assert_close(got, lam * w_i * loss_i + (1 - lam) * w_j * loss_j)


@pytest.mark.parametrize("lambda_per", ["batch", "row"])
@pytest.mark.parametrize("n", [1, 2, 33])
def test_rows_and_labels_have_the_same_partner_and_lambda(n, lambda_per):
    labels = torch.arange(n)
    X = one_hot(labels, n)
    X_mixed, y_mixed = mixup_batch(X, labels, 0.7, lambda_per=lambda_per, rng=1)
    assert torch.equal(X_mixed, y_mixed)
    torch.testing.assert_close(X_mixed.sum(1), torch.ones(n))
    torch.testing.assert_close(X_mixed.sum(0), torch.ones(n), atol=1, rtol=0)
    own = X_mixed.diagonal()
    n_lambdas = len(torch.unique(own[own < 1].round(decimals=5)))
    if n > 2:
        assert n_lambdas == 1 if lambda_per == "batch" else n_lambdas > 5


def test_nothing_is_changed_in_place():
    X, y = torch.rand(8, 3), torch.arange(8)
    X_before, y_before = X.clone(), y.clone()
    for mixing in ("input", "cutmix"):
        mixup_batch(X, y, 1.0, mixing=mixing, rng=0)
    assert torch.equal(X, X_before)
    assert torch.equal(y, y_before)


def test_regression_targets_and_images_mix():
    X, y = torch.rand(6, 2, 3, 3), torch.rand(6, 2)
    X_mixed, y_mixed = mixup_batch(X, y, float("inf"), rng=0)
    partner = draw_partners(6, 1, np.random.default_rng(0))[0]
    torch.testing.assert_close(X_mixed, (X + X[partner]) / 2)
    torch.testing.assert_close(y_mixed, (y + y[partner]) / 2)


@pytest.mark.parametrize("lambda_per", ["batch", "row"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), alpha=st.sampled_from([0.0, 0.3, 1.0, float("inf")]))
def test_cutmix_swaps_whole_groups_and_weighs_by_columns_kept(lambda_per, seed, alpha):
    groups = np.array([0, 1, 1, 1, 2, 3, 3])
    n = 12
    X = torch.arange(n, dtype=torch.float32)[:, None].expand(n, len(groups))
    X_mixed, y_mixed = mixup_batch(
        X,
        torch.arange(n),
        alpha,
        mixing="cutmix",
        groups=groups,
        lambda_per=lambda_per,
        rng=seed,
    )
    for row, target in zip(X_mixed.int().numpy(), y_mixed.numpy(), strict=True):
        first_of_group = row[[0, 1, 4, 5]]
        assert (row == first_of_group[groups]).all()
        share = np.bincount(first_of_group, minlength=n) / 4
        np.testing.assert_allclose(target, share, atol=1e-6)
    if alpha == 0:
        assert torch.equal(X_mixed, X)


def test_cutmix_keeps_every_column_equally_often():
    X = torch.eye(2).repeat_interleave(5, dim=1)
    kept = torch.zeros(10)
    for seed in range(2000):
        mixed, _ = mixup_batch(
            X, torch.tensor([0, 1]), float("inf"), mixing="cutmix", rng=seed
        )
        kept += mixed[0] if mixed[0, :5].sum() != 5 else 0
    assert kept[:5].numpy() == pytest.approx(kept[:5].mean().item(), rel=0.1)


def test_bad_batches_are_refused():
    X, y = torch.rand(4, 2), torch.arange(4)
    with pytest.raises(ValueError, match="X has 4 rows and y has 3"):
        mixup_batch(X, y[:3])
    with pytest.raises(ValueError, match="must be floating-point"):
        mixup_batch(X.int(), y)
    with pytest.raises(ValueError, match="mixing must be"):
        mixup_batch(X, y, mixing="cutout")
    with pytest.raises(ValueError, match="lambda_per must be"):
        mixup_batch(X, y, lambda_per="column")
    with pytest.raises(ValueError, match="mixup_batch takes"):
        mixup_batch(X, y, mixing=ManifoldMixup())
    with pytest.raises(ValueError, match="a group for each of the 2 columns"):
        mixup_batch(X, y, mixing=CutMix([0, 1, 2]))


LABELS = torch.arange(12) % 3
ONE_HOT = F.one_hot(LABELS, 3)
SEVERAL = torch.stack([LABELS > 0, LABELS == 1], 1)


@pytest.mark.parametrize(
    "y",
    [
        torch.zeros(0, dtype=torch.long),
        torch.zeros(0, 1, dtype=torch.long),
        torch.zeros(0, 3, dtype=torch.bool),
        torch.zeros(0, 3),
        torch.zeros(0),
    ],
)
@pytest.mark.parametrize("params", [{}, {"mixing": "cutmix"}, {"n_classes": 3}])
def test_a_batch_has_rows(y, params):
    with pytest.raises(ValueError, match="batch of 0 rows, while at least one"):
        mixup_batch(torch.zeros(0, 3), y, **params)
    one = torch.zeros(1, *y.shape[1:], dtype=y.dtype)
    assert len(mixup_batch(torch.zeros(1, 3), one, **params)[1]) == 1


@pytest.mark.parametrize("mixing", ["input", "cutmix"])
@pytest.mark.parametrize(
    ("y", "same"),
    [
        (LABELS[:, None], ONE_HOT),
        (LABELS.to(torch.uint8), ONE_HOT),
        (ONE_HOT, ONE_HOT),
        (ONE_HOT.bool(), ONE_HOT),
        (ONE_HOT.to(torch.int8), ONE_HOT),
        (SEVERAL, SEVERAL),
        (SEVERAL.int(), SEVERAL),
        (LABELS > 0, F.one_hot((LABELS > 0).long(), 2)),
    ],
)
def test_labels_and_indicators_of_any_type(y, same, mixing):
    X = torch.rand(12, 4, dtype=torch.double)
    _, found = mixup_batch(X, y, mixing=mixing, rng=0)
    _, expected = mixup_batch(X, same.double(), mixing=mixing, rng=0)
    assert torch.equal(found, expected)


@pytest.mark.parametrize(
    ("y", "params", "message"),
    [
        (torch.arange(36).reshape(12, 3), {}, r"shape \(12, 3\).*one-hot or indicator"),
        (torch.zeros(12, 2, 2, dtype=torch.long), {}, "one-hot or indicator"),
        (LABELS + 0j, {}, "complex64"),
        (LABELS - 1, {}, "y holds -1: class indices count from 0"),
        (LABELS, {"n_classes": 2}, "y holds 2.*n_classes is 2"),
        (ONE_HOT, {"n_classes": 5}, "n_classes is 5, and y has 3 columns"),
        (torch.tensor(1), {}, "X has 12 rows and y has 0"),
    ],
)
def test_integers_that_are_no_classes(y, params, message):
    with pytest.raises(ValueError, match=message):
        mixup_batch(torch.rand(12, 4), y, rng=0, **params)


def test_generators_are_explicit():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    X, y = torch.rand(4, 2, generator=torch.Generator()), torch.arange(4)
    rng = np.random.default_rng(0)
    first, again = (mixup_batch(X, y, rng=rng)[0] for _ in range(2))
    assert not torch.equal(first, again)
    assert torch.equal(first, mixup_batch(X, y, rng=0)[0])
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002
