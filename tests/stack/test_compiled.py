"""Steps in compiled code: those of the closed form and of AdamW, for each member."""

import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from skmixup.stack import PinballLoss, StackedAdamW, StackedMLP
from skmixup.stack._backprop import ClosedFormGradient
from skmixup.stack._compiled import CompiledSteps, IndexedRows
from skmixup.stack._layers import ACTIVATIONS

pytest.importorskip("numba")

N_STEPS = 3
BENT = [nn.L1Loss, partial(PinballLoss, 0.2)]


def make_stack(
    widths, hidden, n_outputs, dropout, lr=4e-3, n_levels=(), n_periodic=0, eps=1e-8
):
    mlp = StackedMLP(
        [width + len(n_levels) for width in widths],
        n_outputs,
        hidden,
        n_members=len(widths),
        dropout=dropout,
        n_levels=n_levels,
        embedding_size=5,
        n_periodic=n_periodic,
    ).train()
    weights = [
        p
        for name, p in mlp.named_parameters()
        if name.endswith("weight") and not name.startswith("embedding")
    ]
    biases = [p for name, p in mlp.named_parameters() if name.endswith("bias")]
    groups = [
        {"params": biases, "weight_decay": 0.0, "lr": lr / 2},
        {"params": weights, "decay_factor": 3.0},
    ]
    if n_levels:
        vectors = {"params": [mlp.embedding.weight], "decay_factor": 2.0, "lr": lr * 2}
        groups.append(vectors)
    return mlp, StackedAdamW(groups, lr=lr, weight_decay=0.1, eps=eps)


def make_batches(widths, n_rows, n_outputs, criterion, weighted, n_levels=(), seed=0):
    """Return X, target and weight of some steps; X has codes of levels first."""
    rng = np.random.default_rng(seed)
    shape = len(widths), N_STEPS, max(n_rows)
    X = np.zeros((*shape, max(widths)), dtype=np.float32)
    for k, width in enumerate(widths):
        X[k, :, : n_rows[k], :width] = rng.normal(size=(N_STEPS, n_rows[k], width))
    codes = [rng.integers(0, n + 1, shape) for n in n_levels]
    X = np.concatenate([*(c[..., None].astype(np.float32) for c in codes), X], axis=-1)
    own = np.arange(max(n_rows)) < np.array(n_rows)[:, None]
    weight = np.broadcast_to(own[:, None, :, None], (*shape, 1)).astype(np.float32)
    if weighted:
        weight = weight * rng.random(weight.shape, dtype=np.float32)
    weight = weight / weight.sum(2, keepdims=True)
    target = rng.random((*shape, n_outputs), dtype=np.float32)
    if criterion in BENT:  # where one meets its target, round-off tells the slope
        target = np.where(target < 0.5, -9 - target, 9 + target)
    if criterion is nn.CrossEntropyLoss:
        target = target / target.sum(-1, keepdims=True) * weight
    return torch.from_numpy(X), torch.from_numpy(target), torch.from_numpy(weight)


def run_by_torch(mlp, optimizer, criterion, X, target, weight):
    gradient, advance = ClosedFormGradient(mlp, criterion), optimizer.prepare()
    with torch.no_grad():
        for step in range(N_STEPS):
            gradient(X[:, step], target[:, step], weight[:, step])
            advance()
    return gradient.take_losses(X[:, 0].shape).double().numpy()


def compiled(mlp, optimizer, criterion):
    steps = CompiledSteps(mlp, criterion, optimizer)
    steps.start_epoch()
    return steps


def run_compiled(steps, X, target, weight, n_rows, members=None):
    members = np.arange(len(n_rows)) if members is None else np.asarray(members)
    part = (np.asarray(n_rows)[members], *(v[members] for v in (X, target, weight)))
    return steps(members, *part)


def state_of(mlp, optimizer):
    """Return all that a training changes, name by name."""
    return {
        f"{name}, {slot}": value
        for name, p in mlp.named_parameters()
        for slot, value in ({"value": p.detach()} | optimizer.state[p]).items()
    }


STACKS = st.fixed_dictionaries(
    {
        "widths": st.lists(st.integers(1, 21), min_size=1, max_size=3),
        "hidden": st.lists(st.integers(1, 19), max_size=3).map(tuple),
        "n_outputs": st.integers(1, 6),
        "n_rows": st.integers(1, 11),
        "fewer": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.1, 0.5]),
        "criterion": st.sampled_from(
            [
                nn.CrossEntropyLoss,
                nn.MSELoss,
                nn.BCEWithLogitsLoss,
                *BENT,
                nn.PoissonNLLLoss,
            ]
        ),
        "weighted": st.booleans(),
        "n_levels": st.lists(st.integers(1, 6), max_size=2).map(tuple),
        "n_periodic": st.integers(0, 5),
    }
)


@settings(max_examples=60)
@given(STACKS)
def test_compiled_steps_are_torchs(stack):
    widths, kind = stack["widths"], stack["criterion"]
    n_rows = [stack["n_rows"]] * len(widths)
    if stack["fewer"] and not stack["dropout"]:  # else masks are of other rows
        n_rows[-1] = max(1, n_rows[-1] - 2)
    given_to_both = make_stack(
        widths,
        stack["hidden"],
        stack["n_outputs"],
        stack["dropout"],
        n_levels=stack["n_levels"],
        n_periodic=min(stack["n_periodic"], *widths),
        # By a smaller one, round-off tells the step where a gradient is 0.
        eps=1e-3,
    )
    criterion = kind(reduction="none")
    how = stack["weighted"], stack["n_levels"]
    batches = make_batches(widths, n_rows, stack["n_outputs"], kind, *how)
    expected_stack, found_stack = copy.deepcopy(given_to_both), given_to_both
    expected = run_by_torch(*expected_stack, criterion, *batches)
    found = run_compiled(compiled(*found_stack, criterion), *batches, n_rows)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    expected, found = state_of(*expected_stack), state_of(*found_stack)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        if "exp_avg" in name:
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-6)
        elif "step" in name:
            assert torch.equal(found[name], value), name
        else:
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("n_levels", [(), (4, 30)], ids=["numbers", "levels"])
@pytest.mark.parametrize("n_periodic", [0, 4], ids=["plain", "waves"])
@pytest.mark.parametrize("per_row", [False, True], ids=["a lambda", "lambdas"])
def test_rows_are_taken_and_mixed_as_torch_does(n_levels, n_periodic, per_row):
    rng = np.random.default_rng(3)
    shape, criterion = (2, N_STEPS, 8), nn.CrossEntropyLoss(reduction="none")
    embedded = {"n_levels": n_levels, "n_periodic": n_periodic}
    expected_stack = make_stack([6, 6], (7,), 3, 0.0, **embedded)
    found_stack = copy.deepcopy(expected_stack)
    codes = [rng.integers(0, n + 1, (20, 1)) for n in n_levels]
    data = np.hstack([*codes, rng.normal(size=(20, 6))]).astype(np.float32)
    data = torch.from_numpy(data)
    index, partner = torch.from_numpy(rng.integers(20, size=(2, *shape)))
    lam = torch.from_numpy(rng.random((2, N_STEPS, 8 if per_row else 1), np.float32))
    lam[0, 0], lam[0, 1], lam[1, 0], lam[1, 1] = 1.0, 0.0, 1.4, -0.4
    target = torch.full((*shape, 3), 1 / 24)

    embedding = expected_stack[0].embedding
    rows, others = data[index], data[partner]
    if embedding is not None:
        mixed = embedding.read(rows).mix(embedding.read(others), lam)
    else:
        mixed = torch.lerp(others, rows, lam.unsqueeze(-1))
    weight = torch.full((*shape, 1), 1 / 8)
    expected = run_by_torch(*expected_stack, criterion, mixed, target, weight)
    deferred = IndexedRows(data, index).mix(IndexedRows(data, partner), lam)
    steps = compiled(*found_stack, criterion)
    found = steps(np.arange(2), np.full(2, 8), deferred, target, 1 / 8)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    expected, found = state_of(*expected_stack), state_of(*found_stack)
    for name, value in expected.items():
        if "exp_avg" in name:
            torch.testing.assert_close(found[name], value, rtol=1e-3, atol=1e-6)
    if n_levels:
        name = "embedding.weight, exp_avg_sq"
        assert (expected[name][:, 1:] > 0).float().mean() > 0.4, "levels learn"


def test_a_member_is_the_same_bit_for_bit_in_any_company():
    widths, n_rows = [21, 21, 7, 16, 21], [9, 9, 9, 8, 5]
    batches = make_batches(widths, n_rows, 3, nn.CrossEntropyLoss, True)
    original = make_stack(widths, (19, 8), 3, 0.3, n_periodic=7)
    criterion = nn.CrossEntropyLoss()
    together, apart, threaded = (copy.deepcopy(original) for _ in range(3))
    expected = run_compiled(compiled(*together, criterion), *batches, n_rows)
    for k in reversed(range(5)):
        alone = run_compiled(compiled(*apart, criterion), *batches, n_rows, [k])
        np.testing.assert_array_equal(alone, expected[k])
    steps = compiled(*threaded, criterion)
    with ThreadPoolExecutor(3) as pool:
        each = [
            pool.submit(run_compiled, steps, *batches, n_rows, share)
            for share in ([0, 3], [1, 4], [2])
        ]
    assert all(done.exception() is None for done in each)
    expected = state_of(*together)
    for stack in (apart, threaded):
        for name, value in state_of(*stack).items():
            assert torch.equal(value, expected[name]), name


@pytest.mark.parametrize(
    "change",
    [
        lambda mlp, optimizer: mlp.double(),
        lambda mlp, optimizer: setattr(mlp, "activation", "tanh"),
        lambda mlp, optimizer: setattr(mlp, "embedding", ACTIVATIONS["tanh"]),
        lambda mlp, optimizer: setattr(mlp, "periodic", ACTIVATIONS["tanh"]),
        lambda mlp, optimizer: optimizer.param_groups[0].update(betas=(0.5, 0.9)),
    ],
    ids=["double", "tanh", "another layer", "other waves", "two betas"],
)
def test_what_there_is_no_code_for_is_left_to_torch(change):
    mlp, optimizer = make_stack([4], (5,), 2, 0.0)
    criterion = nn.CrossEntropyLoss()
    assert CompiledSteps.covers(mlp, criterion, optimizer, is_float=False)
    assert not CompiledSteps.covers(mlp, criterion, optimizer, is_float=True)
    change(mlp, optimizer)
    assert not CompiledSteps.covers(mlp, criterion, optimizer, is_float=False)


_WITHOUT = """
import os, sys
{how}
import numpy as np
from sklearn.datasets import load_iris
from skmixup import MixupClassifier
X, y = load_iris(return_X_y=True)
clf = MixupClassifier(max_epochs=3, n_estimators=2, random_state=0).fit(X, y)
assert ("skmixup.stack._kernel" in sys.modules) is {compiles}
print(*clf.predict_proba(X).ravel())
"""


@pytest.mark.slow
def test_a_fit_without_numba_is_the_same_up_to_round_off():
    def fit(how, compiles=False):
        code = _WITHOUT.format(how=how, compiles=compiles)
        run = [sys.executable, "-c", code]
        out = subprocess.run(run, stdout=subprocess.PIPE, check=True).stdout
        return np.array(out.split(), dtype=float)

    expected = fit("", compiles=True)
    missing = fit("sys.modules['numba'] = None")
    disabled = fit("os.environ['NUMBA_DISABLE_JIT'] = '1'")
    np.testing.assert_allclose(missing, expected, atol=1e-4)
    np.testing.assert_array_equal(disabled, missing)


@pytest.mark.slow
def test_code_that_was_kept_computes_what_fresh_code_does(tmp_path):
    """Bit for bit: else a run that goes on would not end as an undisturbed one."""
    how = f"os.environ['NUMBA_CACHE_DIR'] = {str(tmp_path)!r}"
    code = _WITHOUT.format(how=how, compiles=True)
    fresh, *kept = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        for _ in range(3)
    )
    (file,) = tmp_path.rglob("*.nbc")  # one kind of code, for all depths
    assert fresh.stdout
    assert [run.stdout for run in kept] == [fresh.stdout] * 2
    file.write_bytes(file.read_bytes()[:1000])
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert run.stdout == fresh.stdout
    assert (
        b"RuntimeWarning: Each process compiles the training steps anew" in run.stderr
    )
