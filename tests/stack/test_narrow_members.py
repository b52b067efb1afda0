"""Members of a stack that see the first columns of a row alone."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from skmixup.stack import StackedAdamW, StackedMLP
from skmixup.stack._backprop import ClosedFormGradient
from skmixup.stack._compiled import CompiledSteps
from skmixup.stack._ell import EllRows

WIDTHS, N_ROWS, N_STEPS = [3, 7, 5], 6, 4


def make(n_features, seeds):
    mlp = StackedMLP(n_features, 2, (9,), n_members=len(seeds), seeds=seeds).train()
    return mlp, StackedAdamW(mlp.parameters(), lr=0.01, weight_decay=0.1)


def batches():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3, N_STEPS, N_ROWS, 7)).astype(np.float32)
    y = rng.integers(2, size=(3, N_STEPS, N_ROWS))
    return torch.from_numpy(X), torch.eye(2)[torch.from_numpy(y)]


def by_autograd(mlp, optimizer, X, target):
    for step in range(N_STEPS):
        optimizer.zero_grad()
        log_proba = mlp(X[:, step]).log_softmax(-1)
        (-(log_proba * target[:, step]).sum() / N_ROWS).backward()
        optimizer.step()


def in_closed_form(mlp, optimizer, X, target):
    gradient, advance = ClosedFormGradient(mlp), optimizer.prepare()
    with torch.no_grad():
        for step in range(N_STEPS):
            gradient(X[:, step], target[:, step] / N_ROWS, 1 / N_ROWS)
            advance()


def compiled(mlp, optimizer, X, target):
    pytest.importorskip("numba")
    steps = CompiledSteps(mlp, nn.CrossEntropyLoss(reduction="none"), optimizer)
    steps.start_epoch()
    counts = np.full(len(X), N_ROWS)
    steps(np.arange(len(X)), counts, X, target / N_ROWS, 1 / N_ROWS)


@pytest.mark.parametrize("train", [by_autograd, in_closed_form, compiled])
def test_it_is_trained_as_on_those_columns_alone(train):
    X, target = batches()
    together, optimizer = make(WIDTHS, [0, 1, 2])
    before = copy.deepcopy(together)
    train(together, optimizer, X, target)
    assert not together.layers[0].weight[0, 3:].any()
    for k, width in enumerate(WIDTHS):
        alone, optimizer = make([width], [k])
        train(alone, optimizer, X[k : k + 1, ..., :width], target[k : k + 1])
        for name, value in alone.named_parameters():
            rows, columns = value.shape[1:]
            found = dict(together.named_parameters())[name][k, :rows, :columns]
            torch.testing.assert_close(found, value[0], rtol=1e-4, atol=1e-5)
        first = before.layers[0].weight[k, :width]
        assert not torch.equal(together.layers[0].weight[k, :width], first)


def test_it_is_so_for_rows_of_few_values():
    rng = np.random.default_rng(0)
    dense = (rng.random((3, N_ROWS, 7)) < 0.3).astype(np.float32)
    index = np.argsort(dense == 0, axis=-1, kind="stable")[..., :5]
    values = np.take_along_axis(dense, index, axis=-1)
    rows = EllRows(torch.from_numpy(index), torch.from_numpy(values), 7)
    target = torch.eye(2)[torch.from_numpy(rng.integers(2, size=(3, N_ROWS)))]
    states = []
    for X in (rows, torch.from_numpy(dense)):
        mlp, optimizer = make(WIDTHS, [0, 1, 2])
        gradient, advance = ClosedFormGradient(mlp), optimizer.prepare()
        with torch.no_grad():
            gradient(X, target / N_ROWS, 1 / N_ROWS)
            advance()
        states.append(mlp.layers[0].weight.detach())
    assert not states[0][0, 3:].any() and not states[0][2, 5:].any()
    torch.testing.assert_close(*states, rtol=1e-4, atol=1e-5)


def test_some_are_selected_with_their_widths():
    mlp, _ = make(WIDTHS, [0, 1, 2])
    chosen = mlp.select([2, 0])
    assert chosen.n_features == [5, 3]
    X = torch.randn(4, 7)
    expected = mlp.scores(X.expand(3, 4, 7))
    found = chosen.scores(X[:, :5].expand(2, 4, 5))
    torch.testing.assert_close(found, expected[[2, 0]])
