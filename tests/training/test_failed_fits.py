"""What a fit that fails, or that is interrupted, leaves of a MixupNet."""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback, EarlyStopping
from torch import nn

from skmixup import MixupNet
from skmixup.stack import StackedMLP

from ..helpers import digits

X, Y = digits()


def small(**params):
    return MixupNet(
        nn.Linear,
        module__in_features=64,
        module__out_features=10,
        **{"max_epochs": 3, "lr": 0.01, "random_state": 0} | params,
    )


def assert_not_fitted(net):
    net.set_params(callbacks=None, **GOOD)
    with pytest.raises(NotFittedError):
        check_is_fitted(net)
    for predict in (
        net.predict,
        net.predict_proba,
        net.forward,
        lambda X: net.score(X, Y[:3]),
        lambda X: next(net.forward_iter(X)),
        lambda X: net.evaluation_step((torch.tensor(X), None)),
    ):
        with pytest.raises(NotFittedError):
            predict(X[:3])
    for name in ("module_", "classes_", "feature_names_in_"):
        assert not hasattr(net, name)
    assert not hasattr(pickle.loads(pickle.dumps(net)), "module_")
    np.testing.assert_array_equal(net.fit(X, Y).predict_proba(X), expected_proba())


@functools.cache
def expected_proba():
    return small().fit(X, Y).predict_proba(X)


GOOD = {"alpha": 1.0, "lr": 0.01, "module": nn.Linear, "criterion": nn.CrossEntropyLoss}
GOOD |= {"batch_size": 64, "optimizer": torch.optim.AdamW, "max_epochs": 3}


def without(y, value):
    y = y.astype(float)
    y[3] = value
    return y


BAD_DATA = {
    "X": ((without(X, np.nan), Y), {}),
    "X of text": ((X.astype(str), Y), {}),
    "y": ((X, without(Y, np.nan)), {}),
    "fractions": ((X, Y + 0.5), {}),
    "negative": ((X, Y - 1), {}),
    "too few outputs": ((X, Y + 1), {}),
    "too few rows": ((X, Y[:-1]), {}),
    "no y": ((X,), {}),
    "weights": ((X, Y), {"sample_weight": np.full(600, np.nan)}),
    "no weight": ((X, Y), {"sample_weight": np.zeros(600)}),
    "labels": ((X, Y), {"classes": ["a", None]}),
    "columns": ((pd.DataFrame({"a": ["x"] * 600}), Y), {}),
}


@pytest.mark.parametrize("bad", BAD_DATA)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_data_that_are_refused_leave_no_net(bad, method):
    args, params = BAD_DATA[bad]
    net = small()
    with pytest.raises(ValueError, match=r".+"):
        getattr(net, method)(*args, **params)
    assert_not_fitted(net)
    trained = small().fit(X, Y)
    with pytest.raises(ValueError, match=r".+"):
        trained.fit(*args, **params)
    assert_not_fitted(trained)


@pytest.mark.parametrize("bad", BAD_DATA)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_a_trained_net_stays_as_it_was_where_later_data_are_refused(bad, method):
    args, params = BAD_DATA[bad]
    net = small(warm_start=True).fit(X, Y)
    before = vars(net).keys() - {"_refused"}
    expected = net.predict_proba(X)
    with pytest.raises(ValueError, match=r".+"):
        getattr(net, method)(*args, **params)
    assert vars(net).keys() - {"_refused"} == before
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    assert net.classes_.tolist() == list(range(10))
    assert len(net.partial_fit(X, Y).history) == 6


def test_what_labels_meant_stays_where_later_ones_are_refused():
    rows, indicators = X[:, :64], np.eye(10, dtype=int)[Y]
    net = small(criterion=nn.BCEWithLogitsLoss).fit(rows, indicators)
    expected = net.predict(X)
    with pytest.raises(ValueError, match="sample_weight"):
        net.partial_fit(X, Y, sample_weight=-np.ones(600))
    with pytest.raises(ValueError, match="2 values for 1 member"):
        net.set_params(alpha=[0, 1]).partial_fit(X, Y)  # once targets were looked at
    np.testing.assert_array_equal(net.predict(X), expected)
    assert expected.shape == (600, 10)


@pytest.mark.parametrize(
    "params",
    [
        {"alpha": -1.0},
        {"alpha": [0, 1]},
        {"module": nn.Conv1d},
        {"module": nn.LSTM},
        {"criterion": nn.CTCLoss},
        {"criterion": nn.BCELoss},
        {"optimizer": torch.optim.Optimizer},
    ],
)
def test_parameters_that_fail_leave_no_net(params):
    for net in (small(), small().fit(X, Y)):
        for name, value in params.items():
            setattr(net, name, value)  # set_params would make a new module
        with pytest.raises((ValueError, TypeError, RuntimeError, NotImplementedError)):
            net.fit(X, Y)
        assert_not_fitted(net)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"max_epochs": 2, "batch_size": 64}, "loss of member"),
        ({"max_epochs": 1, "batch_size": -1}, "weight is not finite after the last"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_training_that_diverged_leaves_no_net(params, message, method):
    net = small(optimizer=torch.optim.SGD, lr=1e38, **params)
    with pytest.raises(ValueError, match=f"Training diverged.*{message}"):
        getattr(net, method)(X * 1e4, Y)
    assert_not_fitted(net)
    with pytest.raises(ValueError, match="Training diverged"):
        net.set_params(lr=1e38).partial_fit(X * 1e4, Y)
    assert_not_fitted(net)


class Ends(Callback):
    """Raises an error in a hook of an epoch; 0 for hooks before all."""

    def __init__(self, error, hook, epoch):
        self.error, self.hook, self.epoch = error, hook, epoch

    def notify(self, hook, net):
        if hook == self.hook and len(net.history) == self.epoch:
            raise self.error

    def on_train_begin(self, net, **kwargs):
        self.notify("train_begin", net)

    def on_epoch_begin(self, net, **kwargs):
        self.notify("epoch_begin", net)

    def on_batch_begin(self, net, **kwargs):
        self.notify("batch_begin", net)

    def on_grad_computed(self, net, **kwargs):
        self.notify("grad_computed", net)

    def on_batch_end(self, net, **kwargs):
        self.notify("batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        self.notify("epoch_end", net)

    def on_train_end(self, net, **kwargs):
        self.notify("train_end", net)


HOOKS = [("train_begin", 0), ("epoch_begin", 1), ("batch_begin", 1), ("batch_end", 1)]
HOOKS += [("grad_computed", 1)]
LATER = [("batch_end", 2), ("epoch_end", 1), ("epoch_end", 3), ("train_end", 3)]


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, StopIteration])
@pytest.mark.parametrize(("hook", "epoch"), HOOKS + LATER)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_error_in_a_callback_leaves_no_net(error, hook, epoch, method):
    net = small(callbacks=[Ends(error, hook, epoch)])
    with pytest.raises(error):
        getattr(net, method)(X, Y)
    assert_not_fitted(net)


@pytest.mark.parametrize(("hook", "epoch"), [*HOOKS, ("train_end", 3)])
@pytest.mark.parametrize("module", [nn.Linear, StackedMLP])
@pytest.mark.parametrize("trained", [False, True])
def test_ctrl_c_before_a_whole_epoch_leaves_no_net(hook, epoch, module, trained):
    net = small()
    if module is StackedMLP:
        net = MixupNet(
            module, module__n_features=64, module__n_outputs=10, max_epochs=3
        )
    net = net.fit(X, Y) if trained else net
    net.callbacks = [Ends(KeyboardInterrupt, hook, epoch)]
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y)
    assert not hasattr(net, "module_")
    if module is nn.Linear:
        assert_not_fitted(net)


@pytest.mark.parametrize(("hook", "epoch"), [("epoch_begin", 2), ("batch_end", 3)])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_ctrl_c_after_whole_epochs_keeps_what_they_made(hook, epoch, method):
    net = small(callbacks=[Ends(KeyboardInterrupt, hook, epoch)])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        getattr(net, method)(X, Y)
    assert len(net.history) == epoch - 1
    assert net.predict(X).shape == (600,)
    copy = clone(net).set_params(callbacks=None, max_epochs=epoch - 1).fit(X, Y)
    assert (net.predict(X) == copy.predict(X)).mean() > 0.7


def test_ctrl_c_while_data_are_read_leaves_a_trained_net(monkeypatch):
    net = small().fit(X, Y)
    expected = net.predict_proba(X)

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr("skmixup.training._data.ResidentRows", interrupt)
        with pytest.raises(KeyboardInterrupt):
            net.partial_fit(X, Y)
    np.testing.assert_array_equal(net.predict_proba(X), expected)


@pytest.mark.parametrize("patience", [1, 2])
def test_early_stopping_of_skorch_ends_a_fit(patience):
    stopping = EarlyStopping("train_loss", patience, threshold=1e9, sink=str)
    net = small(callbacks=[stopping], max_epochs=9).fit(X, Y)
    assert len(net.history) == 1 + patience
    assert net.predict(X).shape == (600,)


class MyLinear(nn.Linear):
    pass


@pytest.mark.parametrize(
    "params", [{"module__bias": False}, {"module": MyLinear}, {"module__x": 1}]
)
def test_a_new_module_is_not_a_trained_one(params):
    net = small().fit(X, Y)
    if "module__x" in params:  # fails, before anything is new
        with pytest.raises(TypeError):
            net.set_params(**params)
        assert net.score(X, Y) > 0.5
        return
    with pytest.raises(NotFittedError):
        net.set_params(**params).predict(X)
    with pytest.raises(NotFittedError):
        check_is_fitted(net)


def test_other_parameters_leave_a_net_fitted():
    net = small().fit(X, Y)
    expected = net.predict_proba(X)
    net.set_params(alpha=0.5, lr=0.1, max_epochs=1)
    np.testing.assert_array_equal(net.predict_proba(X), expected)
    untrained = small().initialize().set_params(module__bias=False)
    assert untrained.predict(X).shape == (600,)
