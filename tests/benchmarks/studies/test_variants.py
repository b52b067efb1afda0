"""The ways to train that the study of the defaults tries, and the package lacks."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch.callbacks import Callback

from benchmarks.studies.defaults.variants import (
    AveragedWeights,
    Beta2,
    CleanEnd,
    Cycles,
    OwnAlphas,
    PriorOutput,
    Sometimes,
    WarmUp,
)
from skmixup import MixupClassifier

X, Y = load_iris(return_X_y=True)


class Watch(Callback):
    """Keep what `read` returns at each of skorch's events of a kind."""

    def __init__(self, event, read):
        self.seen = []
        setattr(self, event, lambda net, **kwargs: self.seen.append(read(net)))


def fit(*callbacks, **params):
    """Fit a small classifier on iris."""
    params = {"n_estimators": 2, "max_epochs": 4, "random_state": 0} | params
    named = [(f"cb{i}", callback) for i, callback in enumerate(callbacks)]
    return MixupClassifier((8,), callbacks=named, **params).fit(X, Y)


def rates(callback, epochs):
    watch = Watch("on_epoch_begin", lambda net: net.optimizer_.param_groups[0]["lr"])
    fit(callback, watch, max_epochs=epochs, lr=1e-2, early_stopping=False)
    return np.array(watch.seen)


def weights(clf):
    return [p.detach().numpy() for p in clf.net_.module_.parameters()]


def test_the_rate_warms_up():
    seen = rates(WarmUp(4), 6)
    assert seen == pytest.approx(1e-2 * np.array([1, 3, 5, 7, 8, 8]) / 8)


def test_the_rate_rises_and_falls_four_times():
    seen = rates(Cycles(200), 200)
    rises = np.diff(seen) > 0
    assert (rises[:-1] & ~rises[1:]).sum() == 4
    assert seen.max() == pytest.approx(1e-2, rel=1e-2) and seen.min() < 1e-4


def test_beta2_is_the_optimizers():
    clf = fit(Beta2(0.9))
    betas = [group["betas"] for group in clf.net_.optimizer_.param_groups]
    assert betas == [(0.9, 0.9)] * 2


def test_training_begins_with_the_classes_shares():
    watch = Watch("on_train_begin", lambda net: net.predict_proba(np.float32(X)))
    clf = MixupClassifier(
        max_epochs=1,
        early_stopping=False,
        preprocess=None,
        callbacks=[("prior", PriorOutput()), ("watch", watch)],
    )
    rows = np.r_[0:50, 50:70, 100:103]
    clf.fit(X[rows], Y[rows])
    (first,) = watch.seen
    distinct = [len(np.unique(X[rows][Y[rows] == k], axis=0)) + 1 for k in range(3)]
    share = np.array(distinct) / sum(distinct)
    np.testing.assert_allclose(first, np.tile(share, (len(X), 1)), rtol=1e-5)


def test_mixing_ends():
    never = fit(CleanEnd(0), mixing=Sometimes(1.0), alpha=np.inf).loss_curve_
    assert never == pytest.approx(fit(alpha=0.0).loss_curve_, rel=1e-5)
    mixed = fit(mixing=Sometimes(1.0), alpha=np.inf).loss_curve_
    late = fit(CleanEnd(2), mixing=Sometimes(1.0), alpha=np.inf).loss_curve_
    assert late[:2] == pytest.approx(mixed[:2], rel=1e-5)
    assert late[2] < mixed[2]


@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_average_of_the_last_step_alone_is_no_average(early_stopping):
    params = {"early_stopping": early_stopping}
    for a, b in zip(
        weights(fit(AveragedWeights(0.0), **params)),
        weights(fit(**params)),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_the_average_is_validated_and_kept():
    steps = []

    class Steps(Callback):
        def on_batch_end(self, net, training=False, **kwargs):
            if training:
                steps.append([p.detach().clone() for p in net.module_.parameters()])

    clf = fit(Steps(), AveragedWeights(1.0), max_epochs=1)
    mean = [torch.stack(parts).mean(0).numpy() for parts in zip(*steps, strict=True)]
    for a, b in zip(weights(clf), mean, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_members_have_alphas_of_their_own():
    alphas = [0.0, 2.0]
    both = weights(fit(OwnAlphas(alphas)))
    for member, alpha in enumerate(alphas):
        alone = weights(fit(alpha=alpha))
        for a, b in zip(both, alone, strict=True):
            np.testing.assert_allclose(a[member], b[member], atol=1e-5)
