"""The one door to training: plans share stacks where they may, and come out alone."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from skorch.callbacks import Callback
from torch import nn

from skmixup import MixupNet, fit_many
from skmixup.estimators import MixupClassifier
from skmixup.mixing import CutMix, InputMixup
from skmixup.training import Member, Plan, Shared, Table, train
from skmixup.training import _engine as engine

RNG = np.random.default_rng(0)
N = 60


def table(width=4):
    X = RNG.normal(size=(N, width)).astype(np.float32)
    return Table(X, (X[:, 0] > 0).astype(int), np.ones(N))


def plan(rows, seed=0, callbacks=(), net=None, alpha=0.2, **shared):
    member = Member(
        seed=seed,
        n_features=rows.X.shape[1],
        n_outputs=2,
        alpha=alpha,
        dropout=0.1,
        lr=1e-2,
        weight_decay=0.0,
    )
    how = {
        "hidden_layer_sizes": (8,),
        "criterion": nn.CrossEntropyLoss,
        "batch_size": 16,
        "max_epochs": 3,
        "lr_schedule": "constant",
        "device": "cpu",
        "patience": None,
        "is_sparse": False,
        "activation": "relu",
        "lambda_per": "batch",
        "mixing": InputMixup(),
    }
    splits = [(np.arange(N), None)]
    return Plan(rows, [member], Shared(**how | shared), splits, net, callbacks)


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


def stacks(plans):
    return [len(stack) for stack in engine._make_stacks(plans, 1, "auto")]


def test_plans_of_equal_shared_values_share_a_stack():
    rows = table()
    assert stacks([plan(rows, alpha=a) for a in (0.0, 0.2, 1.0)]) == [3]
    assert stacks([plan(rows), plan(rows, batch_size=8)]) == [1, 1]
    assert stacks([plan(rows), plan(rows, mixing=InputMixup())]) == [2]
    assert stacks([plan(rows), plan(rows, mixing=CutMix([0, 0, 1, 1]))]) == [1, 1]
    assert stacks([plan(rows), plan(rows, mixing=InputMixup(reach=1))]) == [1, 1]
    bound = [plan(rows, mixing=CutMix([0, 0, 1, 1])) for _ in range(2)]
    assert stacks(bound) == [2]


def test_a_mixer_that_cannot_be_pickled_is_like_itself_alone():
    rows, mixer, other = table(), InputMixup(), InputMixup()
    mixer.note = other.note = lambda: None
    alike = [plan(rows, mixing=mixer), plan(rows, mixing=mixer)]
    assert stacks([*alike, plan(rows, mixing=other)]) == [2, 1]


def test_tables_are_not_padded_to_many_times_their_width():
    wide, narrow = table(300), table(4)
    assert stacks([plan(narrow), plan(wide), plan(table(5))]) == [2, 1]
    assert stacks([plan(narrow), plan(table(290)), plan(wide)]) == [1, 2]


def test_a_plan_comes_out_of_a_stack_as_it_would_alone():
    tables = table(4), table(5)
    plans = [plan(t, seed) for seed in (1, 2) for t in tables]
    for trained in train(plans):
        (alone,) = train([plan(trained.plan.table, trained.plan.members[0].seed)])
        torch.testing.assert_close(weights(trained.net), weights(alone.net))
        found, expected = (
            [epoch["mixed_loss"] for epoch in t.net.history] for t in (trained, alone)
        )
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_plan_with_callbacks_is_trained_alone_and_they_are_heard():
    class Epochs(Callback):
        n = 0

        def on_epoch_end(self, net, **kwargs):
            self.n += net.n_members

    rows, heard = table(), Epochs()
    watched = plan(rows, callbacks=(heard,))
    assert sorted(stacks([plan(rows), watched, plan(rows)])) == [1, 2]
    (trained,) = train([watched])
    assert trained.error is None
    assert heard.n == 3


def test_a_plan_that_carries_its_net_goes_on_with_it():
    rows = table()
    (first,) = train([plan(rows)])
    before = weights(first.net)
    (on,) = train([plan(rows, net=first.net, max_epochs=2)])
    assert on.net is first.net
    assert len(on.net.history) == 5
    assert not torch.equal(weights(on.net), before)


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_what_goes_wrong_in_a_stack_is_each_plans_error(n_jobs):
    rows = table()
    bad = [plan(rows, criterion=nn.HingeEmbeddingLoss, seed=s) for s in (0, 1)]
    found = list(train([plan(rows), *bad], n_jobs=n_jobs))
    assert [t.error is None for t in sorted(found, key=lambda t: t.net is None)] == [
        *[True],
        *[False, False],
    ]
    assert all("HingeEmbeddingLoss" in str(t.error) for t in found if t.error)


def test_a_last_step_that_ends_in_infinity_is_an_error_of_its_own():
    """The loss before it was a number still."""
    X = RNG.normal(size=(N, 3))
    how = {"max_epochs": 1, "batch_size": N, "early_stopping": False, "n_estimators": 1}
    own = [MixupClassifier(lr=lr, random_state=0, **how) for lr in (1e-2, 1e39)]
    fits = sorted(fit_many(own, X, X[:, 0] > 0), key=lambda fit: fit.index)
    assert fits[0].error is None
    with pytest.raises(ValueError, match="Training diverged"):
        raise fits[1].error
    with pytest.raises(ValueError, match="Training diverged"):
        own[1].fit(X, X[:, 0] > 0)


def test_selected_members_survive_a_pickle_and_others_are_refused():
    X, y = load_iris(return_X_y=True)
    clf = MixupClassifier(max_epochs=3, n_estimators=3, random_state=0).fit(X, y)
    net, loaded = clf.net_, pickle.loads(pickle.dumps(clf)).net_
    for name, losses in net.member_losses_.items():
        np.testing.assert_array_equal(losses, loaded.member_losses_[name])
    own, same = net.select([2, 0]), loaded.select([2, 0])
    assert own.n_members == 2
    for mine, other in zip(
        own.module_.parameters(), same.module_.parameters(), strict=True
    ):
        torch.testing.assert_close(mine, other)
    assert own.history[:, "mixed_loss"] == same.history[:, "mixed_loss"]
    for members in ([], [3], [-1]):
        with pytest.raises(ValueError, match="members must be numbers from 0 to 2"):
            net.select(members)
    with pytest.raises(TypeError, match="StackedMLP, got Linear"):
        MixupNet(nn.Linear, module__in_features=4, module__out_features=3).fit(
            X.astype("f4"), y
        ).select([0])
