"""MixupNet: any module, and the callbacks of skorch."""

import numpy as np
import pandas as pd
import pytest
import torch
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EpochScoring,
    GradientNormClipping,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn

from skmixup import MixupNet
from skmixup.mixing import ManifoldMixup, Mixer
from skmixup.stack import StackedMLP

from ..helpers import digits

X, Y = digits()
IMAGES = X.reshape(-1, 1, 8, 8)


def convnet():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 10)
    )


def convolutional(**params):
    return MixupNet(
        convnet, **{"lr": 5e-3, "max_epochs": 5, "random_state": 0} | params
    )


@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold", "noise", None])
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


def test_scores_of_mixed_rows_are_refused():
    scoring = EpochScoring("accuracy", on_train=True)
    with pytest.raises(ValueError, match="use_caching=False"):
        convolutional(callbacks=[scoring]).fit(IMAGES, Y)


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


class Rates(Callback):
    """The rates of all layers of dropout, in each epoch's first step."""

    def __init__(self):
        self.seen = []

    def on_train_begin(self, net, **_):
        self.layers = [m for m in net.module_.modules() if hasattr(m, "p")]

    def on_epoch_begin(self, net, **_):
        self.is_new = True

    def on_batch_begin(self, net, **_):
        if self.is_new:
            self.seen.append([layer.p for layer in self.layers])
        self.is_new = False


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_dropout_falls_and_is_what_it_was(schedule):
    def module():
        layers = nn.Flatten(), nn.Dropout(0.5), nn.AlphaDropout(0.2), nn.Linear(64, 10)
        return nn.Sequential(*layers)

    rates = Rates()
    how = {"max_epochs": 4, "random_state": 0, "dropout_schedule": schedule}
    net = MixupNet(module, callbacks=[rates], **how).fit(IMAGES, Y)
    factors = np.ones(4)
    if schedule == "cosine":
        factors = 0.5 * (1 + np.cos(np.pi * (np.arange(4) + 0.5) / 4))
    np.testing.assert_allclose(rates.seen, np.outer(factors, [0.5, 0.2]))
    assert [layer.p for layer in rates.layers] == [0.5, 0.2]
    assert net.module_[1].p == 0.5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alpha": -1.0}, "alpha"),
        ({"lambda_per": "column"}, "lambda_per"),
        ({"lr_schedule": "linear"}, "lr_schedule"),
        ({"dropout_schedule": "linear"}, "dropout_schedule"),
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


def test_parameters_of_numpy_are_shown_as_numbers():
    for params in ({"alpha": np.float64(-1)}, {"label_smoothing": np.float32(2)}):
        with pytest.raises(ValueError, match=r"got (-1\.0|2\.0)"):
            convolutional(**params).fit(IMAGES, Y)
