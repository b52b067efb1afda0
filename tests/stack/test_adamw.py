"""StackedAdamW: each member is advanced as by an AdamW of its own."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmixup.stack import StackedAdamW, StackedMLP

D, C = 6, 4  # columns and classes


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
