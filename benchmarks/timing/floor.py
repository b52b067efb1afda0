"""The floor of a fit: what its steps would take if nothing but numbers cost anything.

A step of K networks with layers of a × b weights, on B rows each, has to multiply

- the rows of each layer with its weights, (B × a)·(a × b),
- these with the gradients of what comes out, (a × B)·(B × b),
- and in all layers but the first, these with the weights, (B × b)·(b × a),

each K times, and AdamW has to read a weight, its gradient and its two means, and to
write all but the gradient: 7 numbers of 4 bytes for a weight. The floor is the sum of
what this machine needs for just that: for each product, of its shapes, the faster of
one batched product and of K single ones; for AdamW, additions in place of as many
numbers as the weights are, which read two for each that they write. All is measured
right after the fit, with the same thread, in seconds of the processor, and everything
is in the cache that can be.

What is no product and no weight is not in it: drawing, gathering and mixing rows,
activations, dropout, losses, validation, encoding. Members that have stopped need
nothing: steps are those that a member takes in the mean. Where rows are kept sparse,
the first layer is taken to have as many inputs as a mixed row holds at most.
"""

import time
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from scipy import sparse

_BLOCK = 4e-3  # seconds in which calls are counted
_N_BLOCKS = 5
_MOVED = 7  # numbers that AdamW reads or writes for each weight


@dataclass(frozen=True)
class Steps:
    """The steps of a fit.

    Parameters
    ----------
    n_steps : int
        That a member took, in the mean.
    n_members : int
        K.
    batch_size : int
        B.
    layers : tuple of (int, int)
        Inputs and outputs of each.
    n_weights : int
        Of all members, biases too, but not what stands for the levels of a category:
        of these, few are touched in a step.
    """

    n_steps: int
    n_members: int
    batch_size: int
    layers: tuple
    n_weights: int


def steps_of(model, X):
    """Return the steps of a fit.

    Parameters
    ----------
    model : MixupClassifier or MixupRegressor
        Fitted.
    X : DataFrame or array
        The rows that it was fitted on.

    Returns
    -------
    steps : Steps
    """
    net = model.net_
    module = net.module_
    (n_inputs, width), *others = (
        tuple(layer.weight.shape[1:]) for layer in module.layers
    )
    rows = X if model.encoder_ is None else model.encoder_.transform(X[:1000])
    if sparse.issparse(rows):
        n_held = int(rows.getnnz(axis=1).max())
        n_inputs = min(n_inputs, n_held * (1 if net.alpha == 0 else 2))
    return Steps(
        _steps_taken(net),
        module.n_members,
        net.batch_size,
        ((n_inputs, width), *others),
        sum(p.numel() for p in module.layers.parameters()),
    )


def _steps_taken(net):
    """Return how many steps a member took, in the mean.

    One that has stopped may rest, and its loss is then the same epoch after epoch.
    """
    losses = np.array(net.member_losses_["mixed_loss"])
    changed = np.vstack([np.ones_like(losses[:1]), np.diff(losses, axis=0)]) != 0
    last = len(losses) - changed[::-1].argmax(axis=0)  # epochs of each member
    steps = np.cumsum([epoch["train_batch_count"] for epoch in net.history])
    return round(steps[last - 1].mean())


def floor_of(steps):
    """Measure the floor.

    Parameters
    ----------
    steps : Steps

    Returns
    -------
    seconds : float
        For all of the steps.
    """
    k, b = steps.n_members, steps.batch_size
    a_step = _addition_seconds(steps.n_weights) * _MOVED / 6
    for i, (n_in, n_out) in enumerate(steps.layers):
        a_step += _product_seconds(k, b, n_in, n_out)
        a_step += _product_seconds(k, n_in, b, n_out)
        if i:
            a_step += _product_seconds(k, b, n_out, n_in)
    return steps.n_steps * a_step


def _product_seconds(n_members, rows, inner, columns):
    """Time K products of one shape, in the faster of two ways."""
    left = torch.ones(n_members, rows, inner)
    right = torch.full((n_members, inner, columns), 1 / inner)
    out = torch.empty(n_members, rows, columns)
    each = list(zip(left, right, out, strict=True))

    def one_by_one():
        for a, b, c in each:
            torch.mm(a, b, out=c)

    batched = _seconds_a_call(lambda: torch.bmm(left, right, out=out))
    return min(batched, _seconds_a_call(one_by_one))


def _addition_seconds(n_weights):
    """Time two additions of as many numbers as there are weights: six are moved.

    Not copies: what these write is read first as well, unseen.
    """
    weights, grads, means, squares = torch.ones(4, n_weights)

    def add():
        weights.add_(grads)
        means.add_(squares)

    return _seconds_a_call(add)


def _seconds_a_call(work):
    """Return the median over some blocks of calls."""
    work()
    n_calls, cost = 1, _time(work, 1)
    while cost < _BLOCK:
        n_calls = max(2 * n_calls, int(n_calls * _BLOCK / max(cost, 1e-9)))
        cost = _time(work, n_calls)
    blocks = [cost, *(_time(work, n_calls) for _ in range(_N_BLOCKS - 1))]
    return median(blocks) / n_calls


def _time(work, n_calls):
    start = time.process_time()
    for _ in range(n_calls):
        work()
    return time.process_time() - start
