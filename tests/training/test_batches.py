"""Batches: every row is used once an epoch, and none is alone."""

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from skorch.callbacks import Callback
from torch import nn

from skmixup import MixupNet
from skmixup.mixing import Mixer
from skmixup.training._batches import EpochBatches
from skmixup.training._data import MemberRows, ResidentRows

from ..helpers import digits

X, Y = digits()
N = 120
RNG = np.random.default_rng(0)


def draw_batches(counts, batch_size, **how):
    """Return some members' rows, and what cuts them, each row's number its value."""
    rows = [RNG.choice(N, size=n, replace=False) for n in sorted(counts, reverse=True)]
    data = ResidentRows(np.arange(N, dtype=np.float32)[:, None], np.zeros(N, dtype=int))
    uniform = torch.ones(len(rows), 1)
    return rows, EpochBatches(
        data, MemberRows(rows), batch_size, uniform=uniform, **how
    )


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.integers(1, 17),
    st.integers(0, 3),
    st.booleans(),
)
@example([10, 9, 8], 2, 0, True)  # the middle one alone takes a row more
def test_every_member_sees_each_of_its_rows_once(counts, batch_size, epoch, joins):
    counts = sorted(counts, reverse=True)
    rows, batches = draw_batches(counts, batch_size, joins_single=joins)
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


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4),
    st.integers(1, 17),
    st.integers(2, 5),
    st.integers(0, 3),
)
def test_a_pass_in_several_epochs_visits_no_row_twice(
    counts, batch_size, n_parts, n_pass
):
    rows, batches = draw_batches(counts, batch_size, epochs_per_pass=n_parts)
    seen = [[] for _ in rows]
    for part in range(n_parts):
        epoch = n_pass * n_parts + part
        for batch, sizes in batches.epoch(range(len(rows)), epoch):
            for member, size in enumerate(sizes):
                seen[member] += batch.X[member, :size, 0].tolist()
    for own, visited in zip(rows, seen, strict=True):
        assert set(visited) <= set(own.tolist())
        if len(own) >= n_parts:
            assert len(set(visited)) == len(visited) == len(own) - len(own) % n_parts


def test_every_row_is_used_once_an_epoch():
    seen = []

    class Spy(Mixer):
        def mix(self, X, X_partner, lam):
            seen.append(X.reshape(-1).clone())
            return X, lam

    rows = np.arange(53, dtype=np.float32)[:, None]
    net = MixupNet(nn.Linear(1, 2), mixing=Spy(), batch_size=8, max_epochs=2)
    net.fit(rows, np.arange(53) % 2)
    epochs = torch.cat(seen).reshape(2, 53)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(53.0).expand(2, 53))
    assert not torch.equal(epochs[0], epochs[1])


def normalized():
    return nn.Sequential(
        nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 10)
    )


class NormalizedByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)

    def forward(self, X):
        z = self.layer(X)
        if not self.training:
            return z
        return nn.functional.batch_norm(z, None, None, training=True)


@pytest.mark.parametrize("module", [normalized, NormalizedByHand])
@pytest.mark.parametrize(
    ("n_rows", "batch_size", "sizes"),
    [
        (65, 64, [65]),
        (66, 64, [64, 2]),
        (33, 16, [16, 17]),
        (5, 2, [2, 3]),
        (65, -1, [65]),
        (2, 64, [2]),
    ],
)
@pytest.mark.parametrize("params", [{"alpha": 0}, {"lambda_per": "row"}])
def test_a_last_row_joins_the_batch_before(module, n_rows, batch_size, sizes, params):
    seen = []

    class Sizes(Callback):
        def on_batch_end(self, net, batch, training, **kwargs):
            if training:
                seen.append(len(batch[0]))

    net = MixupNet(
        module, batch_size=batch_size, max_epochs=2, callbacks=[Sizes()], **params
    )
    net.fit(X[:n_rows], Y[:n_rows], sample_weight=1 + np.arange(n_rows))
    assert seen == sizes * 2
    assert net.history[-1, "train_batch_count"] == len(sizes)


@pytest.mark.parametrize(("n_rows", "batch_size"), [(1, 64), (8, 1)])
def test_single_rows_cannot_be_normalized(n_rows, batch_size):
    net = MixupNet(normalized, batch_size=batch_size)
    with pytest.raises(ValueError, match="batch_size=2 or more and give at least two"):
        net.fit(X[:n_rows], Y[:n_rows])
    plain = MixupNet(nn.Linear(64, 10), batch_size=batch_size, max_epochs=1)
    assert len(plain.fit(X[:n_rows], Y[:n_rows]).history) == 1
