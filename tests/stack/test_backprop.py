"""Gradients in closed form: those of autograd."""

from functools import partial

import pytest
import torch
from torch import nn

from skmixup.stack import PinballLoss, StackedMLP
from skmixup.stack._backprop import ClosedFormGradient
from skmixup.stack._layers import ACTIVATIONS

D, C = 6, 4  # columns and classes


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("dropout", [0.0, [0.0, 0.3, 0.5]])
@pytest.mark.parametrize("n_active", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("embedded", [{}, {"n_periodic": D - 1, "n_levels": (3,)}])
def test_the_closed_form_is_autograds_gradient(
    activation, dropout, n_active, weighted, embedded
):
    how = {"activation": activation, "dropout": dropout} | embedded
    mlp = StackedMLP(D, C, (8, 5), n_members=3, **how).train()
    rows = torch.randn(n_active, 7, D)
    rows[..., 0] = torch.arange(7) % 4 if embedded else rows[..., 0]
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


@pytest.mark.parametrize(
    "criterion",
    [
        nn.MSELoss,
        nn.BCEWithLogitsLoss,
        nn.L1Loss,
        partial(PinballLoss, 0.3),
        nn.PoissonNLLLoss,
    ],
)
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_closed_form_of_losses_of_each_output(criterion, n_outputs, weighted):
    mlp = StackedMLP(D, n_outputs, (8, 5), n_members=3)
    rows, target = torch.randn(3, 7, D), torch.rand(3, 7, n_outputs)
    weight = torch.rand(3, 7, 1) if weighted else 1 / 7
    criterion = criterion(reduction="none")
    gradient = ClosedFormGradient(mlp, criterion)
    with torch.no_grad():
        gradient(rows, target, weight)
    losses = gradient.take_losses(rows.shape)
    each = criterion(mlp(rows), target).mean(-1, keepdim=True)
    expected = (each * weight).sum((1, 2))
    torch.testing.assert_close(losses, expected)
    found = [p.grad.clone() for p in mlp.parameters()]
    grads = torch.autograd.grad(expected.sum(), list(mlp.parameters()))
    for mine, autograds in zip(found, grads, strict=True):
        torch.testing.assert_close(mine, autograds, rtol=1e-4, atol=1e-6)
