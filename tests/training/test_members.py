"""The law of the stack: a member is the same alone and in any company."""

import numpy as np
import pytest
import torch

from skmixup import MixupNet
from skmixup.mixing import InputMixup
from skmixup.stack import StackedAdamW, StackedMLP

RNG = np.random.default_rng(0)
N, D, C = 120, 6, 4
X = RNG.normal(size=(N, D)).astype(np.float32)
Y = RNG.integers(C, size=N)
X[np.arange(N), Y] += 2

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
        dropout_schedule="cosine",
        **params,
    ).initialize()
    valid = [np.arange(100 - k, 120) for k in chosen]
    net.partial_fit(rows_X, Y, sample_weight=weight, rows=rows, valid_rows=valid)
    return net


@pytest.mark.parametrize(
    "mixing", ["input", "cutmix", "manifold", "noise", InputMixup(reach=0.5)]
)
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


def test_a_member_that_is_not_mixed_is_not_extrapolated_either():
    plain, far = (
        fit_members(range(5), mixing=mixing).forward(X)
        for mixing in ("input", InputMixup(reach=0.5))
    )
    alike = [torch.equal(plain[:, k], far[:, k]) for k in range(5)]
    assert alike == [alpha in (0.0, np.inf) for _, alpha, *_ in MEMBERS]


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
