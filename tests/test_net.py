"""MixupNet: any module, skorch's callbacks, and what training leaves behind."""

import functools
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from skmixup import ManifoldMixup, Mixer, MixupNet, StackedMLP

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)[:600]
Y = Y[:600]
IMAGES = X.reshape(-1, 1, 8, 8)


def convnet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)
    )


def convolutional(**params):
    return MixupNet(
        convnet, **{"lr": 5e-3, "max_epochs": 5, "random_state": 0} | params
    )


@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold", None])
@pytest.mark.parametrize("lambda_per", ["batch", "row"])
def test_a_convolutional_net_learns_images(mixing, lambda_per):
    net = convolutional(mixing=mixing, lambda_per=lambda_per, alpha=0.4)
    net.fit(IMAGES[:500], Y[:500])
    assert (net.predict(IMAGES[500:]) == Y[500:]).mean() > 0.75
    np.testing.assert_allclose(net.predict_proba(IMAGES).sum(1), 1, rtol=1e-5)


def test_manifold_hooks_do_not_survive():
    net = convolutional(mixing=ManifoldMixup(layers=["0", "3"])).fit(IMAGES, Y)
    assert not any(m._forward_pre_hooks for m in net.module_.modules())
    with pytest.raises(ValueError, match="not submodules"):
        convolutional(mixing=ManifoldMixup(layers=["head"])).fit(IMAGES, Y)


def test_callbacks_of_skorch_work(tmp_path, capsys):
    net = convolutional(
        train_split=ValidSplit(5),
        callbacks=[
            EpochScoring("accuracy", name="valid_acc", lower_is_better=False),
            Checkpoint(dirname=tmp_path),
            LRScheduler(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5),
            ProgressBar(detect_notebook=False),
        ],
    ).fit(IMAGES, Y)
    assert net.history[-1, "valid_acc"] > 0.5
    assert (tmp_path / "params.pt").exists()
    assert net.history[-1, "event_lr"] == pytest.approx(5e-3 * 0.5**4)
    assert "valid_loss" in net.history[-1]
    assert isinstance(net.history[-1, "batches", 0, "train_loss"], float)
    assert isinstance(net.history[-1, "batches", -1, "valid_loss"], float)


@pytest.mark.parametrize("split", [None, ValidSplit(5)])
def test_checkpoints_alone(tmp_path, split):
    monitor = "valid_loss_best" if split else "train_loss_best"
    callbacks = [
        Checkpoint(dirname=tmp_path, monitor=monitor),
        TrainEndCheckpoint(dirname=tmp_path),
    ]
    net = convolutional(callbacks=callbacks, train_split=split).fit(IMAGES, Y)
    other = convolutional().initialize()
    other.load_params(f_params=tmp_path / "train_end_params.pt")
    assert np.array_equal(other.predict(IMAGES), net.predict(IMAGES))


def test_gradients_can_be_clipped():
    class Largest(Callback):
        norms = ()

        def on_grad_computed(self, net, named_parameters, **kwargs):
            norms = [p.grad.norm() for _, p in named_parameters]
            self.norms = (*self.norms, float(torch.stack(norms).norm()))

    largest = Largest()
    clipping = GradientNormClipping(gradient_clip_value=0.01)
    convolutional(callbacks=[clipping, largest], max_epochs=1).fit(IMAGES, Y)
    assert len(largest.norms) == 10
    assert max(largest.norms) <= 0.01 * 1.001


def test_an_optimizer_with_a_closure():
    net = MixupNet(
        nn.Linear,
        optimizer=torch.optim.LBFGS,
        module__in_features=64,
        module__out_features=10,
        alpha=0,
        lr=0.5,
        batch_size=-1,
        max_epochs=3,
    ).fit(X, Y)
    assert (net.predict(X) == Y).mean() > 0.9


def test_one_schedule_at_a_time():
    scheduler = LRScheduler(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    with pytest.raises(ValueError, match="use lr_schedule='constant'"):
        convolutional(lr_schedule="cosine", callbacks=[scheduler]).fit(IMAGES, Y)


def test_regression_and_its_shapes():
    y = (X @ np.linspace(-1, 1, 64)).astype(np.float32)[:, None]
    net = MixupNet(
        nn.Linear, nn.MSELoss, module__in_features=64, module__out_features=1, lr=0.05
    ).fit(X, y)
    assert np.mean((net.predict(X) - y) ** 2) < 0.3 * y.var()
    with pytest.raises(ValueError, match="give y the output's shape"):
        net.fit(X, y[:, 0])
    net.set_params(module__out_features=10, criterion=nn.CrossEntropyLoss)
    assert net.fit(X, Y).predict(X).shape == Y.shape


def test_an_instance_is_left_alone():
    module = nn.Linear(64, 10)
    before = module.weight.detach().clone()
    MixupNet(module, max_epochs=1).fit(X, Y)
    assert torch.equal(module.weight, before)


def test_double_precision_rows_and_modules():
    net = MixupNet(nn.Linear, module__in_features=64, module__out_features=10)
    assert net.fit(X.astype(np.float64), Y).predict(X).shape == Y.shape
    net.set_params(module__dtype=torch.double)
    assert net.fit(X, Y).module_.weight.dtype == torch.double


def test_manifold_needs_layers_called_once():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(64, 10), nn.Linear(64, 10)

        def forward(self, X):
            return self.used(X)

    with pytest.raises(ValueError, match="called never or more often"):
        MixupNet(Net, mixing="manifold", random_state=0).fit(X, Y)
    MixupNet(Net, mixing=ManifoldMixup(["used"]), max_epochs=1).fit(X, Y)


def test_interruption_leaves_whole_epochs():
    class Interrupt(Callback):
        def on_batch_end(self, net, training, **kwargs):
            if training and len(net.history) == 3:
                raise KeyboardInterrupt

    net = convolutional(callbacks=[Interrupt()], lr_schedule="cosine")
    with pytest.warns(UserWarning, match="interrupted by user"):
        net.fit(IMAGES, Y)
    assert len(net.history) == 2
    assert net.optimizer_.param_groups[0]["lr"] == 5e-3


# ---- fits that fail


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
        context.setattr("skmixup.training._net.ResidentRows", interrupt)
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


def test_scores_of_mixed_rows_are_refused():
    scoring = EpochScoring("accuracy", on_train=True)
    with pytest.raises(ValueError, match="use_caching=False"):
        convolutional(callbacks=[scoring]).fit(IMAGES, Y)


def test_every_row_is_used_once_an_epoch():
    seen = []

    class Spy(Mixer):
        def mix(self, X, X_partner, lam):
            seen.append(X.reshape(-1).clone())
            return X, lam

    rows = np.arange(53, dtype=np.float32)[:, None]
    net = MixupNet(nn.Linear(1, 2), mixing=Spy(), batch_size=8, max_epochs=2)
    net.fit(rows, np.arange(53) % 2)
    epochs = torch.cat(seen).reshape(2, 53)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(53.0).expand(2, 53))
    assert not torch.equal(epochs[0], epochs[1])


def test_validation_is_never_mixed():
    class Broken(Mixer):
        def mix(self, X, X_partner, lam):
            return X * float("nan"), lam

    split = ValidSplit(5)
    net = convolutional(mixing=Broken(), train_split=split, max_epochs=1)
    with pytest.raises(ValueError, match="diverged"):
        net.fit(IMAGES, Y)
    clean = convolutional(alpha=float("inf"), train_split=split).fit(IMAGES, Y)
    train, valid = split(clean.get_dataset(IMAGES, Y), Y)
    proba = clean.predict_proba(IMAGES)[valid.indices]
    log_loss = -np.log(proba[np.arange(len(proba)), Y[valid.indices]]).mean()
    assert clean.history[-1, "valid_loss"] == pytest.approx(log_loss, rel=1e-4)
    assert len(train) + len(valid) == len(Y)


def test_validation_on_the_same_rows_has_its_own_targets():
    clean, noisy = Y, np.roll(Y, 1)
    losses = []
    for rows in (IMAGES, IMAGES.copy()):
        split = predefined_split(Dataset(rows, clean))
        net = convolutional(train_split=split).fit(IMAGES, noisy)
        losses.append(net.history[-1, "valid_loss"])
    assert losses[0] == losses[1]
    proba = net.predict_proba(IMAGES)
    log_loss = -np.log(proba[np.arange(len(proba)), clean]).mean()
    assert losses[0] == pytest.approx(log_loss, rel=1e-4)
    for rows in (IMAGES, IMAGES.copy()):
        net = convolutional(train_split=predefined_split(Dataset(rows)))
        with pytest.raises(ValueError, match="needs targets of validation rows"):
            net.fit(IMAGES, Y)


def test_members_may_have_alphas_and_rows_of_their_own():
    rows = np.stack([np.arange(0, 300), np.arange(300, 600)])
    params = {"module__n_features": 64, "module__n_outputs": 10, "max_epochs": 2}
    net = MixupNet(
        StackedMLP, module__n_members=2, alpha=[0.0, 1.0], random_state=0, **params
    ).fit(X, Y, rows=rows, valid_rows=rows[::-1])
    alone = MixupNet(StackedMLP, alpha=0.0, random_state=0, **params)
    alone.fit(X, Y, rows=rows[0])
    for a, b in zip(alone.module_.parameters(), net.module_.parameters(), strict=True):
        torch.testing.assert_close(a[0], b[0], atol=1e-5, rtol=1e-4)
    assert net.valid_losses_.shape == (2,)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": -1.0}, "alpha"),
        ({"lambda_per": "column"}, "lambda_per"),
        ({"lr_schedule": "linear"}, "lr_schedule"),
        ({"batch_size": 0}, "batch_size"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"mixing": "cutout"}, "mixing"),
        ({"alpha": [0.1, 0.2]}, "2 values for 1 member"),
        ({"iterator_train__drop_last": True}, "no DataLoader"),
    ],
)
def test_bad_parameters_are_named(params, message):
    with pytest.raises(ValueError, match=message):
        convolutional(**params).fit(IMAGES, Y)


def test_too_few_outputs():
    with pytest.raises(ValueError, match="needs at least 10"):
        MixupNet(nn.Linear(64, 3)).fit(X, Y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y.astype(object), "LabelEncoder"),
        (Y - 1, "y holds -1: class indices count from 0"),
    ],
)
def test_labels_are_numbers_from_zero(y, message):
    with pytest.raises(ValueError, match=message):
        convolutional(max_epochs=1).fit(IMAGES, y)


def test_labels_may_be_a_list_or_read_only(recwarn):
    expected = convolutional(max_epochs=1).fit(IMAGES, Y).predict_proba(IMAGES)
    frozen = Y.copy()
    frozen.setflags(write=False)
    for y in (list(Y), frozen, pd.Series(Y)):
        again = convolutional(max_epochs=1).fit(IMAGES, y).predict_proba(IMAGES)
        np.testing.assert_array_equal(again, expected)
    assert not recwarn.list


def test_no_rows_to_predict():
    net = convolutional(max_epochs=1).fit(IMAGES, Y)
    with pytest.raises(ValueError, match="0 rows"):
        net.predict(IMAGES[:0])


def test_tokens_are_mixed_where_they_are_vectors():
    class Sentences(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(20, 8)
            self.head = nn.Sequential(nn.Linear(40, 16), nn.ReLU(), nn.Linear(16, 2))

        def forward(self, X):
            return self.head(self.embedding(X.long()).flatten(1))

    tokens = np.random.default_rng(0).integers(20, size=(400, 5))
    y = (tokens[:, 0] < 10).astype(int)
    net = MixupNet(
        Sentences,
        mixing=ManifoldMixup(layers=["head"]),
        alpha=0.2,
        lr=1e-2,
        random_state=0,
    ).fit(tokens, y)
    assert (net.predict(tokens) == y).mean() > 0.95


def normalized():
    return nn.Sequential(
        nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10)
    )


class NormalizedByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, X):
        z = self.layer(X)
        if not self.training:
            return z
        return nn.functional.batch_norm(z, None, None, training=True)


@pytest.mark.parametrize("module", [normalized, NormalizedByHand])
@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (65, 64, [65]),
        (66, 64, [64, 2]),
        (33, 16, [16, 17]),
        (5, 2, [2, 3]),
        (65, -1, [65]),
        (2, 64, [2]),
    ],
)
@pytest.mark.parametrize("params", [{"alpha": 0}, {"lambda_per": "row"}])
def test_a_last_row_joins_the_batch_before(module, n_rows, batch_size, sizes, params):
    seen = []

    class Sizes(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            if training:
                seen.append(len(batch[0]))

    net = MixupNet(
        module, batch_size=batch_size, max_epochs=2, callbacks=[Sizes()], **params
    )
    net.fit(X[:n_rows], Y[:n_rows], sample_weight=1 + np.arange(n_rows))
    assert seen == sizes * 2
    assert net.history[-1, "train_batch_count"] == len(sizes)


@pytest.mark.parametrize(("n_rows", "batch_size"), [(1, 64), (8, 1)])
def test_single_rows_cannot_be_normalized(n_rows, batch_size):
    net = MixupNet(normalized, batch_size=batch_size)
    with pytest.raises(ValueError, match="batch_size=2 or more and give at least two"):
        net.fit(X[:n_rows], Y[:n_rows])
    plain = MixupNet(nn.Linear(64, 10), batch_size=batch_size, max_epochs=1)
    assert len(plain.fit(X[:n_rows], Y[:n_rows]).history) == 1


def test_parameters_of_numpy_are_shown_as_numbers():
    for params in ({"alpha": np.float64(-1)}, {"label_smoothing": np.float32(2)}):
        with pytest.raises(ValueError, match=r"got (-1\.0|2\.0)"):
            convolutional(**params).fit(IMAGES, Y)
