"""Callbacks that put parameters, or the optimizer's state, elsewhere in memory."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from skorch.callbacks import Callback

from skmixup import MixupClassifier


class _Load(Callback):
    """Gives the optimizer its own state again: nothing changes."""

    def on_epoch_end(self, net, **kwargs):
        net.optimizer_.load_state_dict(net.optimizer_.state_dict())


class _Swap(Callback):
    """Puts the parameters elsewhere in memory, as vector_to_parameters does."""

    def on_epoch_end(self, net, **kwargs):
        for parameter in net.module_.parameters():
            parameter.data = parameter.data.clone()


class _Forget(Callback):
    """Starts AdamW anew with each epoch."""

    def on_epoch_begin(self, net, **kwargs):
        net.optimizer_.state.clear()


class _Restart(Callback):
    """Makes a new optimizer."""

    def on_epoch_begin(self, net, **kwargs):
        net._initialize_optimizer()


class _Heard(Callback):
    """Is told of each step, which then is taken by autograd."""

    def on_batch_end(self, net, **kwargs):
        """Nothing."""


@pytest.mark.parametrize("change", [_Load, _Swap, _Forget, _Restart])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_what_a_callback_puts_elsewhere_is_trained_on(change, activation):
    """By compiled steps and by those in closed form, as by autograd."""
    X, y = load_iris(return_X_y=True)
    params = {"hidden_layer_sizes": (16,), "activation": activation, "max_epochs": 5}
    params |= {"n_estimators": 2, "random_state": 0, "dropout": 0.0}

    def losses(*callbacks):
        callbacks = [(str(i), callback()) for i, callback in enumerate(callbacks)]
        return MixupClassifier(callbacks=callbacks, **params).fit(X, y).loss_curve_

    expected = losses(change, _Heard)
    np.testing.assert_allclose(losses(change), expected, rtol=1e-3)
    same = np.allclose(expected, losses(), rtol=1e-3)
    assert same == (change in (_Load, _Swap))
