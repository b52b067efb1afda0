"""Rows beyond the two that are mixed."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris
from skorch.callbacks import Callback

from skmixup import MixupClassifier, MixupRegressor, mixup_batch
from skmixup.mixing import InputMixup, draw_lambda, one_hot

from ..helpers import QUICK, alphas, predictions

reaches = st.floats(0, 100)


@given(alpha=alphas, reach=reaches, seed=st.integers(0, 2**32))
def test_lambda_is_stretched(alpha, reach, seed):
    lam = draw_lambda(alpha, 50, seed, reach)
    assert ((lam >= -reach) & (lam <= 1 + reach)).all()
    plain = draw_lambda(alpha, 50, seed)
    if alpha == 0:
        assert (lam == 1).all()
    else:
        np.testing.assert_allclose(lam, plain * (1 + 2 * reach) - reach, atol=1e-12)


@pytest.mark.parametrize("reach", [-0.1, float("nan"), float("inf")])
def test_reach_out_of_range(reach):
    with pytest.raises(ValueError, match=r"reach must be in the range \[0, inf\)"):
        InputMixup(reach=reach)
    with pytest.raises(ValueError, match=r"reach must be in the range \[0, inf\)"):
        draw_lambda(0, reach=reach)


@pytest.mark.parametrize("reach", ["0.2", [0.1, 0.2]])
def test_reach_that_is_no_number(reach):
    with pytest.raises(TypeError, match="reach must be a number"):
        InputMixup(reach=reach)


@pytest.mark.parametrize("lambda_per", ["batch", "row"])
@given(alpha=alphas, reach=reaches, seed=st.integers(0, 2**32))
def test_targets_are_those_of_the_nearest_row_between(lambda_per, alpha, reach, seed):
    labels = torch.arange(9)
    X, mixing = one_hot(labels, 9, torch.double), InputMixup(reach)
    how = {"mixing": mixing, "lambda_per": lambda_per, "rng": seed}
    X_mixed, y_mixed = mixup_batch(X, labels, alpha, **how)
    atol = 1e-5 * (1 + reach)
    ones = torch.ones(9, dtype=torch.double)
    torch.testing.assert_close(X_mixed.sum(1), ones, atol=atol, rtol=0)
    torch.testing.assert_close(y_mixed, X_mixed.clamp(0, 1), atol=atol, rtol=0)
    torch.testing.assert_close(y_mixed.sum(1), ones)


def test_no_reach_is_plain_mixup_bit_for_bit():
    X, y = load_iris(return_X_y=True)
    plain, none = (
        MixupClassifier(alpha=1.0, mixing=mixing, **QUICK).fit(X, y).predict_proba(X)
        for mixing in ("input", InputMixup(reach=0))
    )
    assert np.array_equal(plain, none)


class Hears(Callback):
    """Has the net take its steps by autograd."""

    def on_batch_end(self, net, **kwargs):
        pass


@pytest.mark.parametrize(
    ("kind", "load"), [(MixupClassifier, load_iris), (MixupRegressor, load_diabetes)]
)
@pytest.mark.parametrize("lambda_per", ["batch", "row"])
def test_steps_that_are_compiled_are_those_of_autograd(kind, load, lambda_per):
    X, y = load(return_X_y=True)
    how = {"alpha": 1.0, "mixing": InputMixup(0.5), "lambda_per": lambda_per}
    found = kind(**how, **QUICK).fit(X, y)
    heard = kind(**how, **QUICK, callbacks=[("hears", Hears())]).fit(X, y)
    expected = predictions(heard, X)
    np.testing.assert_allclose(predictions(found, X), expected, rtol=1e-4, atol=1e-5)
    plain = kind(**how | {"mixing": "input"}, **QUICK).fit(X, y)
    assert np.abs(predictions(plain, X) - expected).max() > 1e-2
