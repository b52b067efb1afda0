"""Rows without labels: when they are visited, and that members stay on their own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.datasets import make_moons
from skorch.callbacks import Callback
from torch import nn

from skmixup import MixupNet, PseudoLabels
from skmixup.stack import StackedAdamW, StackedMLP
from skmixup.training import train
from skmixup.training._batches import EpochBatches
from skmixup.training._data import MemberRows, ResidentRows

from .test_engine import plan, table, weights

MOONS, TRUTH = make_moons(300, noise=0.1, random_state=0)
MOONS = MOONS.astype(np.float32)
PARTLY = np.where(np.arange(300) < 16, TRUTH, -1)


def fit(X=MOONS, y=PARTLY, members=(0, 1, 2), **params):
    """Return a stack of members, of which each has its rows and its seed."""
    rows = [np.arange(k, len(y) - 20 * k) for k in members]
    how = {
        "module__n_features": X.shape[1],
        "module__n_outputs": 2,
        "module__hidden_layer_sizes": (16,),
        "module__n_members": len(members),
        "module__seeds": list(members),
        "optimizer": StackedAdamW,
        "pseudo_labels": PseudoLabels(warmup=0.2),
        "batch_size": 16,
        "lr": 1e-2,
        "max_epochs": 6,
    }
    weight = params.pop("sample_weight", None)
    net = MixupNet(StackedMLP, **how | params).initialize()
    return net.partial_fit(X, y, rows=rows, sample_weight=weight)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(1, 20), st.integers(0, 60)), min_size=1, max_size=4),
    st.integers(1, 17),
    st.integers(0, 3),
)
def test_an_epoch_has_all_labels_and_a_pass_all_other_rows(counts, batch_size, n_pass):
    counts = sorted(counts, key=lambda pair: -pair[0] - min(pair))
    rng, n = np.random.default_rng(0), 100
    rows = [rng.permutation(n)[: a + b] for a, b in counts]
    labeled = [own[:a] for own, (a, _) in zip(rows, counts, strict=True)]
    others = [own[a:] for own, (a, _) in zip(rows, counts, strict=True)]
    data = ResidentRows(np.arange(n, dtype=np.float32)[:, None], np.zeros(n, dtype=int))
    data.weight = torch.ones(n)
    batches = EpochBatches(
        data,
        MemberRows(labeled),
        batch_size,
        uniform=torch.ones(len(rows), 1),
        unlabeled=others,
    )
    for k, (a, b) in enumerate(counts):
        n_epochs = -(-b // a) or 1
        passed = []
        for epoch in range(n_pass * n_epochs, (n_pass + 1) * n_epochs):
            seen = []
            for batch, sizes in batches.epoch(range(len(rows)), epoch):
                if k < len(sizes):
                    seen += batch.X[k, : sizes[k], 0].tolist()
            assert len(seen) == a + min(a, b)
            assert set(labeled[k]) <= set(seen)
            passed += [row for row in seen if row in others[k]]
        assert set(passed) == set(others[k])


@pytest.mark.parametrize("weight", [None, np.random.default_rng(0).random(300) + 0.5])
@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold"])
def test_a_member_is_the_same_alone_and_among_others(mixing, weight):
    params = {"mixing": mixing, "sample_weight": weight, "alpha": 0.5}
    scores = fit(**params).forward(MOONS)
    for k in range(3):
        alone = fit(members=(k,), **params).forward(MOONS)[:, 0]
        torch.testing.assert_close(scores[:, k], alone, rtol=1e-3, atol=1e-4)


def test_a_plan_comes_out_of_a_stack_as_it_would_alone():
    plans = []
    for seed, n_labeled in enumerate((20, 8, 60)):
        rows = table()
        rows.y[n_labeled:] = -1
        how = {"pseudo_labels": PseudoLabels(), "max_epochs": 8}
        plans.append(plan(rows, seed=seed, **how))
    joint = {trained.plan: trained.net for trained in train(plans)}
    for own in plans:
        (alone,) = train([own])
        torch.testing.assert_close(
            weights(joint[own]), weights(alone.net), rtol=1e-3, atol=1e-4
        )


class Ears(Callback):
    """Hears of each batch, so that each step is taken by autograd."""

    def on_batch_end(self, net, **kwargs):
        self.heard_ = True


@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_steps_of_autograd_learn_what_compiled_ones_do(alpha):
    ears = Ears()
    heard, compiled = fit(alpha=alpha, callbacks=[ears]), fit(alpha=alpha)
    assert ears.heard_
    torch.testing.assert_close(
        heard.forward(MOONS), compiled.forward(MOONS), rtol=1e-3, atol=1e-4
    )


def test_sparse_rows_learn_the_same():
    wide = np.zeros((300, 60), dtype=np.float32)
    wide[:, :2] = MOONS
    dense, few = fit(wide), fit(sparse.csr_matrix(wide))
    torch.testing.assert_close(
        dense.forward(wide), few.forward(wide), rtol=1e-3, atol=1e-4
    )


def test_rows_without_labels_tell_of_the_others():
    how = {"max_epochs": 150, "lr_schedule": "cosine", "alpha": 0.1}
    net = fit(pseudo_labels=PseudoLabels(), **how)
    labeled = np.flatnonzero(PARTLY >= 0)
    plain = fit(
        MOONS[labeled], PARTLY[labeled], members=(0,), pseudo_labels=None, **how
    )
    errors = [(one.predict(MOONS) != TRUTH).mean() for one in (net, plain)]
    assert errors[0] < errors[1]


def test_y_and_weights_are_left_as_they_were():
    y, weight = PARTLY.copy(), np.linspace(1, 2, 300)
    fit(y=y, sample_weight=weight)
    np.testing.assert_array_equal(y, PARTLY)
    np.testing.assert_array_equal(weight, np.linspace(1, 2, 300))


@pytest.mark.parametrize(
    ("names", "none"), [(["a", "b"], None), (["a", "b"], np.nan), ([5, 7], -1)]
)
def test_labels_may_have_names(names, none):
    y = np.array([none if code < 0 else names[code] for code in PARTLY], dtype=object)
    if none == -1:
        y = y.astype(int)
    how = {} if names[0] == "a" else {"classes": names}

    def net():
        sizes = {"module__in_features": 2, "module__out_features": 2}
        return MixupNet(
            nn.Linear, **sizes, pseudo_labels=PseudoLabels(), random_state=0
        )

    named = net().fit(MOONS, y, **how)
    assert named.classes_.tolist() == names
    plain = net().fit(MOONS, PARTLY)
    np.testing.assert_array_equal(
        named.predict_proba(MOONS), plain.predict_proba(MOONS)
    )


def test_with_one_epoch_a_call_it_is_told_that_nothing_is_learned():
    net = MixupNet(nn.Linear(2, 2), pseudo_labels=PseudoLabels(), max_epochs=1)
    with pytest.warns(UserWarning, match="are not learned in 1 epoch"):
        net.fit(MOONS, PARTLY)
    net.set_params(pseudo_labels=PseudoLabels(warmup=0)).fit(MOONS, PARTLY)


def test_any_module_may_learn_them():
    net = MixupNet(
        nn.Linear,
        module__in_features=2,
        module__out_features=2,
        pseudo_labels=PseudoLabels(),
        max_epochs=30,
        lr=0.05,
        random_state=0,
    )
    assert (net.fit(MOONS, PARTLY).predict(MOONS) == TRUTH).mean() > 0.8


def test_with_all_labels_nothing_changes():
    plain, with_them = fit(y=TRUTH, pseudo_labels=None), fit(y=TRUTH)
    assert torch.equal(plain.forward(MOONS), with_them.forward(MOONS))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"weight": 0}, "weight must be above 0"),
        ({"weight": np.inf}, "weight must be above 0, and finite"),
        ({"temperature": -1}, "temperature must be above 0"),
        ({"momentum": 1}, r"momentum must be in \[0, 1\)"),
        ({"warmup": 2}, r"warmup must be in \[0, 1\]"),
        ({"rampup": -0.1}, r"rampup must be in \[0, 1\]"),
        ({"momentum": "0.5"}, "momentum must be a number, got '0.5'"),
        ({"weight": None}, "weight must be a number, got None"),
    ],
)
def test_settings_out_of_range_are_refused(params, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PseudoLabels(**params)


def test_what_cannot_be_learned_is_refused():
    def net(out=2, **params):
        return MixupNet(nn.Linear(2, out), **{"pseudo_labels": PseudoLabels()} | params)

    with pytest.raises(ValueError, match="y holds -1"):
        net(pseudo_labels=None).fit(MOONS, PARTLY)
    with pytest.raises(ValueError, match=r"must be a PseudoLabels or None, got 0\.5"):
        net(pseudo_labels=0.5).fit(MOONS, PARTLY)
    with pytest.raises(ValueError, match="-1, no label, for all rows"):
        net().fit(MOONS, np.full(300, -1))
    with pytest.raises(ValueError, match="for all rows to train on"):
        net().initialize().partial_fit(MOONS, PARTLY, rows=np.arange(16, 300))
    with pytest.raises(ValueError, match="for a row to validate on"):
        net().initialize().partial_fit(
            MOONS, PARTLY, rows=np.arange(20), valid_rows=np.arange(20, 40)
        )
    for criterion in (nn.BCEWithLogitsLoss, nn.MSELoss):
        with pytest.raises(
            ValueError, match=f"NLLLoss, got criterion={criterion.__name__}"
        ):
            net(criterion=criterion).fit(MOONS, PARTLY)
    with pytest.raises(ValueError, match="holds -1, which with pseudo_labels is no"):
        net().fit(MOONS, 2 * TRUTH - 1, classes=[-1, 1])
    with pytest.raises(ValueError, match="y holds -2"):
        net().fit(MOONS, np.where(PARTLY == -1, -2, PARTLY))
