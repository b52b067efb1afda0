"""Levels as vectors: what one-hot rows would be times a matrix, mixed or not."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from skmixup.mixing import CutMix, InputMixup, NoiseMixup
from skmixup.mixing._core import mix
from skmixup.stack import StackedEmbedding, StackedMLP
from skmixup.stack._backprop import ClosedFormGradient

LEVELS = [(3, 5), (4, 2), (6, 1)]  # of two columns, of each of three members
N_NUMBERS, SIZE = 3, 4


def embedding():
    made = StackedEmbedding(3, LEVELS, SIZE)
    made.reset_parameters([torch.Generator().manual_seed(k) for k in range(3)])
    return made


def coded_rows(shape, rng):
    """Rows of any member's own levels, some unknown, beside numbers."""
    codes = [
        np.stack([rng.integers(0, n + 1, size=shape) for n in own], axis=-1)
        for own in LEVELS
    ]
    numbers = rng.normal(size=(len(LEVELS), *shape, N_NUMBERS))
    rows = np.concatenate([np.stack(codes), numbers], axis=-1)
    return torch.as_tensor(rows, dtype=torch.float32)


def one_hot(rows, weights):
    """Each member's rows with a column for each level, and its matrix."""
    wide = torch.zeros(*rows.shape[:-1], sum(map(max, zip(*LEVELS, strict=True))))
    start = 0
    for column, most in enumerate(map(max, zip(*LEVELS, strict=True))):
        codes = rows[..., column].long()
        for level in range(1, most + 1):
            wide[..., start + level - 1] = codes == level
        start += most
    return torch.cat([wide, rows[..., 2:]], dim=-1), weights[:, 1:]


def times_matrix(wide, matrix):
    """Vectors of both columns, and the numbers, of one-hot rows (K, S, B, ...)."""
    first = max(own[0] for own in LEVELS)
    numbers = wide[..., len(matrix[0]) :]
    matrix = matrix[:, None]
    left = wide[..., :first] @ matrix[:, :, :first]
    right = wide[..., first : matrix.shape[2]] @ matrix[:, :, first:]
    return torch.cat([left, right, numbers], dim=-1)


@given(st.integers(0, 2**31), st.sampled_from([-0.5, 0.0, 0.25, 1.0, 1.5, None]))
def test_a_mixed_vector_is_the_mixed_one_hot_row_times_the_matrix(seed, lam):
    layer, rng = embedding(), np.random.default_rng(seed)
    rows, partners = coded_rows((2, 5), rng), coded_rows((2, 5), rng)
    lam = torch.tensor(rng.random((3, 2, 5)) if lam is None else lam).float()
    lam = lam.expand(3, 2, 5)
    mixed, _ = InputMixup().mix(layer.read(rows), layer.read(partners), lam)
    assert mixed.shape == rows.shape
    wide, matrix = one_hot(rows, layer.weight.detach())
    expected = times_matrix(mix(wide, one_hot(partners, matrix)[0], lam), matrix)
    for step in range(2):
        torch.testing.assert_close(layer(mixed[:, step]), expected[:, step])


@given(st.integers(0, 2**31))
def test_cutmix_moves_a_column_as_a_whole(seed):
    layer, rng = embedding(), np.random.default_rng(seed)
    rows, partners = coded_rows((2, 5), rng), coded_rows((2, 5), rng)
    mixer = CutMix(groups=[0, 1, 2, 2, 3])
    lam = torch.as_tensor(rng.random((3, 2, 5)), dtype=torch.float32)
    draws = {"column_seed": torch.as_tensor(rng.integers(2**63, size=(3, 2, 5)))}
    expected, weight = mixer.mix(rows, partners, lam, **draws)
    found, own = mixer.mix(layer.read(rows), layer.read(partners), lam, **draws)
    assert torch.equal(own, weight)
    for step in range(2):
        assert torch.equal(layer(found[:, step]), layer(expected[:, step]))


@given(st.integers(0, 2**31))
def test_noise_has_whole_columns_of_other_rows(seed):
    layer, rng = embedding(), np.random.default_rng(seed)
    rows, partners = coded_rows((2, 5), rng), coded_rows((2, 5), rng)
    mixer = NoiseMixup(share=0.5, groups=[0, 1, 2, 2, 3])
    lam = torch.as_tensor(rng.random((3, 2, 5)), dtype=torch.float32)
    seeds = torch.as_tensor(rng.integers(2**63, size=(3, 2)))
    draws = {"noise_seed": seeds, "n_rows": torch.tensor([[5, 5], [4, 4], [1, 1]])}
    found, own = mixer.mix(layer.read(rows), layer.read(partners), lam, **draws)
    assert torch.equal(own, lam)
    # Codes mixed as numbers mean nothing, but for λ of 0 and 1.
    ends = lam.round()
    expected, _ = mixer.mix(rows, partners, ends, **draws)
    for step in range(2):
        at_ends, _ = mixer.mix(layer.read(rows), layer.read(partners), ends, **draws)
        torch.testing.assert_close(layer(at_ends[:, step]), layer(expected[:, step]))
    numbers, _ = mixer.mix(rows, partners, lam, **draws)
    torch.testing.assert_close(found.dense, numbers[..., 2:])


def test_a_level_that_nobody_knows_is_the_zero_vector():
    rows = torch.zeros(3, 4, 2 + N_NUMBERS)
    assert not embedding()(rows).any()


@pytest.mark.parametrize("n_active", [1, 2, 3])
@pytest.mark.parametrize("mixing", [None, "input", "cutmix"])
def test_the_closed_form_is_autograds_gradient(n_active, mixing):
    rng = np.random.default_rng(n_active)
    mlp = StackedMLP(2 + N_NUMBERS, 3, (8,), n_members=3, n_levels=LEVELS)
    rows = mlp.embedding.read(coded_rows((6,), rng)[:n_active])
    partners = mlp.embedding.read(coded_rows((6,), rng)[:n_active])
    if mixing == "input":
        rows = rows.mix(partners, torch.rand(n_active, 6))
    if mixing == "cutmix":
        rows = rows.where(torch.rand(n_active, 6, 5) < 0.5, partners)
    target = torch.rand(n_active, 6, 3).softmax(-1)
    gradient = ClosedFormGradient(mlp)
    for p in mlp.parameters():
        p.grad.fill_(1.0)  # of an earlier batch
    with torch.no_grad():
        scores = gradient(rows, target / 6, 1 / 6)
    found = [p.grad[:n_active].clone() for p in mlp.parameters()]
    expected = mlp(rows)
    torch.testing.assert_close(scores, expected)
    loss = -(target * expected.log_softmax(-1)).sum() / 6
    grads = torch.autograd.grad(loss, list(mlp.parameters()))
    for mine, autograds in zip(found, grads, strict=True):
        torch.testing.assert_close(mine, autograds[:n_active], rtol=1e-4, atol=1e-6)
    assert not mlp.embedding.weight.grad[:, 0].any()


def test_no_level_learns_but_a_members_own():
    mlp = StackedMLP(2 + N_NUMBERS, 3, n_members=3, n_levels=LEVELS)
    for member, own in enumerate(LEVELS):
        table = mlp.embedding.weight[member]
        assert table.any(1).sum() == sum(own)


def test_selected_members_are_cut_to_their_levels():
    mlp = StackedMLP(2 + N_NUMBERS, 3, n_members=3, n_levels=LEVELS)
    rows = coded_rows((5,), np.random.default_rng(0))
    for member, own in enumerate(LEVELS):
        alone = mlp.select([member])
        assert alone.embedding.weight.shape == (1, 1 + sum(own), 8)
        expected = mlp.scores(rows)[member]
        torch.testing.assert_close(alone.scores(rows[member : member + 1])[0], expected)
        seeded = StackedMLP(2 + N_NUMBERS, 3, n_levels=own, seeds=[member])
        assert torch.equal(alone.embedding.weight, seeded.embedding.weight)


def test_numbers_need_no_gradient():
    mlp = StackedMLP(2 + N_NUMBERS, 3, (8,), n_levels=LEVELS[0])
    bound = [p.grad for p in mlp.parameters()]
    assert bound == [None] * len(bound)
    ClosedFormGradient(mlp)
    linear = mlp.layers[0].bind(1, (5,), is_first=False)
    linear.forward(torch.randn(5, 16 + N_NUMBERS))
    assert linear.backward(torch.randn(5, 8)).shape == (5, 16)


def test_it_survives_a_pickle_and_prints_its_shape():
    layer = embedding()
    copy = pickle.loads(pickle.dumps(layer))
    rows = coded_rows((5,), np.random.default_rng(0))
    assert torch.equal(copy(rows), layer(rows))
    assert "11 levels in 2" in repr(layer)
    assert isinstance(layer, nn.Module)
