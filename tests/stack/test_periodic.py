"""Numbers as learned waves."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from skmixup.stack import StackedMLP, StackedPeriodic
from skmixup.stack._periodic import N_WAVES, WAVE_RATE, WAVE_SIZE

K, D = 3, 4


def periodic(n_numbers=2, first=1):
    made = StackedPeriodic(K, n_numbers, first)
    made.reset_parameters([torch.Generator().manual_seed(k) for k in range(K)])
    return made


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_a_number_becomes_what_the_formula_says(seed, n_rows):
    layer, rng = periodic(), np.random.default_rng(seed)
    rows = torch.as_tensor(rng.normal(size=(K, n_rows, D)), dtype=torch.float32)
    found = layer(rows).detach().numpy()
    np.testing.assert_array_equal(found[..., -D:], rows)
    weight = layer.weight.detach().double().numpy()
    weight = weight.reshape(K, 2, 2 + WAVE_SIZE, N_WAVES)
    for k in range(K):
        for number in range(2):
            frequency, phase, *mix = weight[k, number]
            x = rows[k, :, 1 + number].double().numpy()[:, None]
            waves = np.cos(2 * math.pi * WAVE_RATE * (frequency * x + phase))
            columns = found[k, :, number * WAVE_SIZE : (number + 1) * WAVE_SIZE]
            np.testing.assert_allclose(columns, waves @ np.array(mix).T, atol=1e-5)


def test_each_member_draws_its_own_and_few_see_their_own():
    layer = periodic()
    assert not torch.equal(layer.weight[0], layer.weight[1])
    rows = torch.randn(K, 5, D)
    torch.testing.assert_close(layer(rows[:2]), layer(rows)[:2])


def test_a_stack_of_them_is_seeded_member_by_member():
    how = {"n_periodic": 2, "n_levels": (3,)}
    both = StackedMLP(D, 2, (5,), n_members=2, seeds=[7, 8], **how)
    alone = StackedMLP(D, 2, (5,), seeds=[8], **how)
    rows = torch.rand(6, D)
    torch.testing.assert_close(both(rows)[1:], alone(rows))
    torch.testing.assert_close(both.select([1])(rows), alone(rows))
    loaded = pickle.loads(pickle.dumps(both))
    torch.testing.assert_close(loaded(rows), both(rows))
    other = copy.deepcopy(both)
    other.reset_parameters([1, 2])
    other.load_state_dict(both.state_dict())
    torch.testing.assert_close(other(rows), both(rows))


def test_narrow_members_have_waves_as_well():
    both = StackedMLP([D - 1, D], 2, (5,), n_members=2, n_periodic=2)
    rows = torch.randn(6, D)
    changed = rows.clone()
    changed[:, -1] = 9.0
    scores, others = both(rows), both(changed)
    torch.testing.assert_close(scores[0], others[0])
    assert not torch.allclose(scores[1], others[1])
    changed = rows.clone()
    changed[:, 0] += 1 / 3
    assert not torch.isclose(both(changed), scores).all((1, 2)).any()
    torch.testing.assert_close(
        both.select([0])(rows[:, : D - 1]), scores[:1], msg="cut to its width"
    )


@pytest.mark.parametrize("widths", [1, [4, 2]])
def test_there_must_be_as_many_columns(widths):
    with pytest.raises(ValueError, match="n_features must be at least 3, for as many"):
        StackedMLP(widths, 2, n_members=2, n_periodic=2, n_levels=(5,))


@pytest.mark.parametrize("n_periodic", [-1, 1.5, None])
def test_it_must_be_a_number_of_columns(n_periodic):
    with pytest.raises(ValueError, match="n_periodic must be an integer of at least"):
        StackedMLP(4, 2, n_periodic=n_periodic)


def test_it_shows_what_it_is():
    assert "3 × (2 → 4 each)" in repr(periodic())
