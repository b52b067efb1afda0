"""Partners that have targets near to those of a row: C-Mixup."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skmixup.mixing._cmixup import TargetPartners


def partners_of(targets, bandwidth, n_draws=4000):
    n = len(targets)
    drawn = TargetPartners(targets, [np.arange(n)], bandwidth)
    rows = np.tile(np.arange(n), (1, n_draws, 1))
    return drawn.draw([np.random.default_rng(0)], rows, [n])[0]


def test_partners_are_drawn_by_the_kernel():
    targets = np.array([0.0, 0.1, 0.2, 0.5, 1.0, 1.1, 3.0])[:, None]
    found = partners_of(targets, 0.4)
    for i in range(len(targets)):
        share = np.bincount(found[:, i], minlength=len(targets)) / len(found)
        distance = np.abs(targets[:, 0] - targets[i, 0]) / 0.4
        expected = np.exp(-(distance**2) / 2) * (distance <= 3)
        assert_allclose(share, expected / expected.sum(), atol=0.03)


def test_partners_of_many_targets_are_near_in_all():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(300, 3))
    found = partners_of(targets, 0.3, 20)
    distance = np.linalg.norm(targets[found] - targets, axis=-1)
    assert distance.max() <= 0.3 * 3 * np.sqrt(3)
    assert 0.05 < distance.mean() < 0.9


@given(st.integers(1, 7), st.integers(1, 5), st.integers(0, 100))
def test_partners_are_the_members_own_however_many_steps_at_a_time(
    n_own, n_steps, seed
):
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(10, 1))
    own = rng.choice(10, n_own, replace=False)
    partners = TargetPartners(targets, [own, np.arange(10)], 0.5)
    rows = rng.choice(own, (1, n_steps, 4))
    whole = partners.draw([np.random.default_rng(1)], rows, [4])
    assert np.isin(whole, own).all()
    stream = np.random.default_rng(1)
    fewer = partners.draw([stream], rows, [3])
    assert_array_equal(fewer[..., 3], rows[..., 3])
    stream = np.random.default_rng(1)
    steps = [partners.draw([stream], rows[:, [s]], [4]) for s in range(n_steps)]
    assert_array_equal(np.concatenate(steps, axis=1), whole)
