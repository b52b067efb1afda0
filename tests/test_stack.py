"""The law of the stack: a member is the same alone and in any company."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import nn

from skmixup import MixupNet, StackedAdamW, StackedMLP
from skmixup.stack._backprop import ClosedFormGradient
from skmixup.stack._layers import ACTIVATIONS
from skmixup.training._batches import EpochBatches
from skmixup.training._data import MemberRows, ResidentRows

RNG = np.random.default_rng(0)
N, D, C = 120, 6, 4
X = RNG.normal(size=(N, D)).astype(np.float32)
Y = RNG.integers(C, size=N)
X[np.arange(N), Y] += 2


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dropout", [0.0, [0.0, 0.3, 0.5]])
@pytest.mark.parametrize("n_active", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_closed_form_is_autograds_gradient(activation, dropout, n_active, weighted):
    mlp = StackedMLP(
        D, C, (8, 5), n_members=3, activation=activation, dropout=dropout
    ).train()
    rows = torch.randn(n_active, 7, D)
    target = torch.randn(n_active, 7, C).softmax(-1)
    weight = torch.rand(n_active, 7, 1) if weighted else 1 / 7
    gradient = ClosedFormGradient(mlp)
    mlp.seed_members([1, 2, 3], 0)
    with torch.no_grad():
        scores = gradient(rows, target * weight, weight)
    losses = gradient.take_losses(rows.shape)
    found = [p.grad.clone() for p in mlp.parameters()]
    mlp.seed_members([1, 2, 3], 0)
    expected_scores = mlp(rows)
    entropy = -(target * expected_scores.log_softmax(-1)).sum(-1, keepdim=True)
    expected = (entropy * weight).sum((1, 2))
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(scores, expected_scores)
    assert not gradient.take_losses(rows.shape).any()
    grads = torch.autograd.grad(expected.sum(), list(mlp.parameters()))
    for mine, autograds in zip(found, grads, strict=True):
        torch.testing.assert_close(mine, autograds, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.BCEWithLogitsLoss])
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_closed_form_of_losses_of_each_output(criterion, n_outputs, weighted):
    mlp = StackedMLP(D, n_outputs, (8, 5), n_members=3)
    rows, target = torch.randn(3, 7, D), torch.rand(3, 7, n_outputs)
    weight = torch.rand(3, 7, 1) if weighted else 1 / 7
    gradient = ClosedFormGradient(mlp, criterion)
    with torch.no_grad():
        gradient(rows, target, weight)
    losses = gradient.take_losses(rows.shape)
    each = criterion(reduction="none")(mlp(rows), target).mean(-1, keepdim=True)
    expected = (each * weight).sum((1, 2))
    torch.testing.assert_close(losses, expected)
    found = [p.grad.clone() for p in mlp.parameters()]
    grads = torch.autograd.grad(expected.sum(), list(mlp.parameters()))
    for mine, autograds in zip(found, grads, strict=True):
        torch.testing.assert_close(mine, autograds, rtol=1e-4, atol=1e-6)


@given(
    st.lists(st.floats(1e-4, 0.1), min_size=3, max_size=3),
    st.lists(st.sampled_from([0.0, 0.1]), min_size=3, max_size=3),
    st.lists(st.integers(1, 3), min_size=1, max_size=6),
)
def test_each_member_has_its_own_adamw(lrs, decays, actives):
    start = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    stack = nn.Parameter(start.clone())
    optimizer = StackedAdamW([stack], lr=lrs, weight_decay=decays)
    alone = [nn.Parameter(member.clone()) for member in start]
    optimizers = [
        torch.optim.AdamW([p], lr=lr, weight_decay=decay)
        for p, lr, decay in zip(alone, lrs, decays, strict=True)
    ]
    stack.grad = torch.zeros_like(stack)
    for i, n_active in enumerate(actives):
        noise = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(i + 1))
        stack.grad.copy_(noise)
        optimizer.advance(n_active)
        for member in range(n_active):
            alone[member].grad = noise[member].clone()
            optimizers[member].step()
        if i == 2:  # a copy goes on as the original does
            state = copy.deepcopy(optimizer.state_dict())
            optimizer = StackedAdamW([stack], lr=lrs, weight_decay=decays)
            optimizer.load_state_dict(state)
    for member in range(3):
        torch.testing.assert_close(stack[member], alone[member], rtol=1e-4, atol=1e-6)


def test_an_adamw_that_follows_a_schedule():
    start = torch.ones(2, 3)
    stack, alone = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    mine, torchs = StackedAdamW([stack], lr=0.1), torch.optim.AdamW([alone], lr=0.1)
    schedules = [
        torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
        for optimizer in (mine, torchs)
    ]
    for _ in range(5):
        for p, optimizer in ((stack, mine), (alone, torchs)):
            optimizer.zero_grad()
            (p**2).sum().backward()
            optimizer.step()
        for schedule in schedules:
            schedule.step()
    torch.testing.assert_close(stack, alone)
    with pytest.raises(ValueError, match="no closure"):
        mine.step(lambda: 0.0)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.integers(1, 17),
    st.integers(0, 3),
    st.booleans(),
)
@example([10, 9, 8], 2, 0, True)  # the middle one alone takes a row more
def test_every_member_sees_each_of_its_rows_once(counts, batch_size, epoch, joins):
    counts = sorted(counts, reverse=True)
    rows = [RNG.choice(N, size=n, replace=False) for n in counts]
    data = ResidentRows(np.arange(N, dtype=np.float32)[:, None], np.zeros(N, dtype=int))
    batches = EpochBatches(
        data,
        MemberRows(rows),
        batch_size,
        uniform=torch.ones(len(rows), 1),
        joins_single=joins,
    )
    seen = [[] for _ in rows]
    for batch, sizes in batches.epoch(range(len(rows)), epoch):
        assert len(batch.X) == len(sizes)
        assert sizes.max() == batch.X.shape[1] <= batch_size + joins
        if joins and batch_size > 1:
            assert all(sizes[k] > 1 or counts[k] == 1 for k in range(len(sizes)))
        for member, size in enumerate(sizes):
            seen[member] += batch.X[member, :size, 0].tolist()
        weight = torch.as_tensor(batch.weight).expand(*batch.X.shape[:2], 1)
        torch.testing.assert_close(weight.sum((1, 2)), torch.ones(len(sizes)))
    for own, visited in zip(rows, seen, strict=True):
        assert sorted(visited) == sorted(own.tolist())


MEMBERS = [  # rows, alpha, lr, dropout, label smoothing: most rows first
    (np.arange(0, 97), 0.2, 1e-2, 0.0, 0.1),
    (np.arange(10, 97), 0.0, 3e-3, 0.2, 0.0),
    (np.arange(30, 110), 1.0, 1e-2, 0.5, 0.0),
    (np.arange(60, 109), np.inf, 1e-2, 0.0, 0.0),
    (np.arange(0, 5), 0.4, 1e-3, 0.0, 0.2),
]


def fit_members(chosen, rows_X=X, weight=None, **params):
    rows, alphas, lrs, dropouts, smoothings = zip(
        *[MEMBERS[k] for k in chosen], strict=True
    )
    net = MixupNet(
        StackedMLP,
        optimizer=StackedAdamW,
        module__n_features=params.pop("n_features", D),
        module__n_outputs=params.pop("n_outputs", C),
        module__hidden_layer_sizes=(16,),
        module__n_members=len(chosen),
        module__dropout=dropouts,
        module__seeds=[100 + k for k in chosen],
        alpha=alphas,
        lr=lrs,
        label_smoothing=smoothings,
        batch_size=16,
        max_epochs=4,
        lr_schedule="cosine",
        **params,
    ).initialize()
    valid = [np.arange(100 - k, 120) for k in chosen]
    net.partial_fit(rows_X, Y, sample_weight=weight, rows=rows, valid_rows=valid)
    return net


@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold"])
@pytest.mark.parametrize("lambda_per", ["batch", "row"])
@pytest.mark.parametrize("weight", [None, RNG.random(N)])
def test_a_member_is_the_same_alone_and_among_others(mixing, lambda_per, weight):
    params = {"mixing": mixing, "lambda_per": lambda_per, "weight": weight}
    together = fit_members(range(5), **params)
    scores = together.forward(X)
    for k in range(5):
        alone = fit_members([k], **params)
        # The weights are scaled over the whole data set and over a member's rows.
        torch.testing.assert_close(
            scores[:, k], alone.forward(X)[:, 0], rtol=1e-3, atol=1e-4
        )
        assert float(together.valid_losses_[k]) == pytest.approx(
            float(alone.valid_losses_[0]), rel=1e-4
        )


def stacked_net(**params):
    return MixupNet(
        StackedMLP,
        module__n_features=D,
        module__n_outputs=C,
        optimizer=StackedAdamW,
        max_epochs=2,
        random_state=0,
        **params,
    ).initialize()


def test_a_layer_that_is_frozen_stays():
    net = stacked_net()
    frozen = net.module_.layers[0].weight.requires_grad_(False)
    before = frozen.clone()
    net.partial_fit(X, Y)
    assert (frozen == before).all()
    assert (
        net.module_.layers[1].weight != stacked_net().module_.layers[1].weight
    ).any()


def test_hooks_of_the_module_are_called_and_change_nothing():
    calls = []
    net = stacked_net()
    net.module_.layers[0].register_forward_hook(lambda *args: calls.append(1))
    net.partial_fit(X, Y)
    assert calls
    quick = stacked_net().partial_fit(X, Y)
    torch.testing.assert_close(net.forward(X), quick.forward(X), rtol=1e-4, atol=1e-5)


def test_members_may_differ_in_width():
    wide = np.concatenate([X, np.zeros((N, 3), dtype=np.float32)], axis=1)
    outputs = [C, C + 2, C, C + 1, C]
    features = [D, D + 3, D, D + 1, D]
    together = fit_members(range(5), wide, n_features=features, n_outputs=outputs)
    proba = together.forward(wide).softmax(-1)
    for k in range(5):
        alone = fit_members(
            [k], wide[:, : features[k]], n_features=features[k], n_outputs=outputs[k]
        )
        own = together.module_.select([k])
        with torch.no_grad():
            rows = torch.as_tensor(wide[:, : features[k]])
            torch.testing.assert_close(
                own(rows)[0].softmax(-1),
                alone.forward(rows)[:, 0].softmax(-1).float(),
                rtol=1e-3,
                atol=1e-4,
            )
        assert (proba[:, k, outputs[k] :] == 0).all()


def test_the_order_of_members_is_checked():
    net = MixupNet(
        StackedMLP,
        module__n_features=D,
        module__n_outputs=C,
        module__n_members=2,
        optimizer=StackedAdamW,
    ).initialize()
    with pytest.raises(ValueError, match="in order of their number of rows"):
        net.partial_fit(X, Y, rows=[np.arange(5), np.arange(9)])
    net = MixupNet(
        StackedMLP, module__n_features=D, module__n_outputs=C, module__n_members=2
    ).initialize()
    with pytest.raises(ValueError, match="optimizer=StackedAdamW"):
        net.partial_fit(X, Y, rows=[np.arange(9), np.arange(5)])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr": [1e-3] * 3}, r"lr has 3 values for 2 member\(s\)"),
        ({"lr": -1.0}, "lr must not be negative"),
        ({"weight_decay": [0.1, np.nan]}, "weight_decay must not be negative"),
    ],
)
def test_an_adamw_checks_its_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        StackedAdamW(StackedMLP(D, C, n_members=2).parameters(), **params)
