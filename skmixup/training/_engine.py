"""The one door to training: plans go in, trained nets come out, in as few stacks."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from sklearn import get_config
from tqdm.auto import tqdm

from .._typing import Array, Rows
from ._callbacks import BestWeights, EpochProgress
from ._global_state import one_thread
from ._halving import DropWorst, SuccessiveHalving
from ._loop import check_losses
from ._net import MixupNet
from ._plan import Member, Plan, Shared, Table, net_params
from ._state import new_net

# Beyond so many weights, a stack falls out of a processor's cache and slows down.
_CACHED_WEIGHTS = 2**20
_PADDING = 1.5  # times its width, to which a table may be padded in a stack


@dataclass(eq=False)
class Trained:
    """What became of a plan.

    Parameters
    ----------
    plan : Plan
    net : MixupNet or None
        Of the plan's members; None if their training failed.
    seconds : float
        A fair share of the time that its stack took.
    error : Exception or None
        Why it failed.
    """

    plan: Plan
    net: MixupNet | None
    seconds: float
    error: Exception | None


def train(
    plans: list[Plan],
    *,
    n_jobs: int | None = None,
    max_members: int | Literal["auto"] = "auto",
    verbose: int = 0,
) -> Iterator[Trained]:
    """Train the members of plans, in as few stacks as may be.

    Those of one plan come out as they would alone, up to floating-point round-off.

    Parameters
    ----------
    plans : list of Plan
    n_jobs : int, default=None
        Stacks trained at a time, by joblib; a stack is split so that there are enough.
        Of a single plan, threads among which its members are shared.
    max_members : int or "auto", default="auto"
        Members of a stack; "auto" is as many as take half of scikit-learn's
        ``working_memory``, and on a CPU not more than stay in its cache.
    verbose : int, default=0
        From 1, shows a progress bar.

    Yields
    ------
    trained : Trained
        Of each plan, as soon as its stack is trained.
    """
    n_workers = effective_n_jobs(n_jobs)
    stacks = list(_make_stacks(plans, n_workers, max_members))
    del plans  # nothing is held here that the caller lets go
    alone = len(stacks) == 1
    if alone:  # in this process, with its threads
        trained = (_train_timed(stack, verbose > 0, n_workers) for stack in stacks)
    else:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
        trained = parallel(delayed(_train_timed)(stack, False) for stack in stacks)
    bar = tqdm(
        trained, total=len(stacks), unit="stack", disable=verbose < 1 or alone, delay=1
    )
    for stack, (outcomes, dropped, seconds) in zip(stacks, bar, strict=True):
        share = seconds / sum(len(plan.members) for plan in stack)
        while stack:
            plan, net, error = stack.pop(), outcomes.pop(), None
            plan.dropped_at = dropped.get(plan.candidate)
            if isinstance(net, Exception):
                net, error = None, net
            yield Trained(plan, net, share * len(plan.members), error)


def _make_stacks(
    plans: list[Plan], n_jobs: int, max_members: int | Literal["auto"]
) -> Iterator[list[Plan]]:
    """Yield lists of plans whose members are trained in one stack each."""
    keyed: dict[Any, list[Plan]] = {}
    levels = [plan.members[0].n_levels for plan in plans]
    about = _about_as_wide(plan.widths[0] for plan in plans)
    about_levels = _about_as_wide(map(sum, levels))
    for plan, own in zip(plans, levels, strict=True):
        key: Any = plan
        if not plan.trains_alone:
            # Columns of codes stand side by side: there must be as many.
            key = plan.shared, about[plan.widths[0]], about_levels[sum(own)], len(own)
        keyed.setdefault(key, []).append(plan)
    for group in keyed.values():
        limit = max_members
        if limit == "auto":
            limit = _best_members(group[0])
        n_members = sum(len(plan.members) for plan in group)
        n_pieces = max(min(n_jobs, len(group)), -(-n_members // limit))
        # Neighbors share a table, so that each piece needs as few as may be.
        number: dict[Table, int] = {}
        for plan in group:
            number.setdefault(plan.table, len(number))
        group = sorted(group, key=lambda plan: number[plan.table])
        if group[0].halving is not None:  # a candidate's plans stay beside each other
            place = {plan.candidate: i for i, plan in enumerate(group)}
            group = sorted(group, key=lambda plan: place[plan.candidate])
        share = n_members / n_pieces
        ends = np.cumsum([len(plan.members) for plan in group])
        if group[0].halving is not None:
            last = {plan.candidate: end for plan, end in zip(group, ends, strict=True)}
            ends = np.array([last[plan.candidate] for plan in group])
        pieces = np.minimum((ends - 1e-9) // share, n_pieces - 1)
        for _, piece in groupby(
            zip(pieces, group, strict=True), key=lambda pair: pair[0]
        ):
            yield [plan for _, plan in piece]


def _about_as_wide(widths: Iterable[int]) -> dict[int, int]:
    """Return for each width one that it may be padded to without much waste.

    Folds differ by a few levels of a category; encodings differ by much more.
    """
    about, widest = {}, 0
    for width in sorted(set(widths), reverse=True):
        if width * _PADDING < widest:
            widest = 0
        widest = widest or width
        about[width] = widest
    return about


def _best_members(plan: Plan) -> int:
    """Return how many members to train at once: what memory and the cache allow."""
    # Weights, gradients, two means, the best weights; a batch and its gradients; order
    # and partners as int64.
    n_bytes = 4 * 5 * plan.n_weights
    n_bytes += 4 * 3 * plan.shared.batch_size * sum(plan.widths)
    n_bytes += 16 * len(plan.splits[0][0])
    limit = get_config()["working_memory"] * 2**20 / 2 // n_bytes
    if plan.shared.device == "cpu":
        limit = min(limit, max(16, _CACHED_WEIGHTS // plan.n_weights))
    return int(max(1, limit))


@one_thread()  # of torch's pool; see `Training._threads`
def _train_timed(
    stack: list[Plan], shows_progress: bool, n_threads: int = 1
) -> tuple[list[MixupNet | Exception], dict[Any, int], float]:
    """Return what `_train_stack` does, or each plan's error, and the seconds taken."""
    start = time.perf_counter()
    try:
        outcomes, dropped = _train_stack(stack, shows_progress, n_threads)
    except Exception as error:
        outcomes, dropped = [error] * len(stack), {}
    return outcomes, dropped, time.perf_counter() - start


def _train_stack(
    stack: list[Plan], shows_progress: bool, n_threads: int
) -> tuple[list[MixupNet | Exception], dict[Any, int]]:
    """Train plans as one net, and return for each a net of its members or an error.

    Beside them, after which epoch candidates were dropped that were.
    """
    placed = [(plan, k) for plan in stack for k in range(len(plan.members))]
    placed.sort(key=_place)
    first, shared = stack[0], stack[0].shared
    X, y, weight, offset_of = _join(stack)
    rows: list[Array] = []
    valid: list[Array | None] = []
    for plan, k in placed:
        to_train_on, to_validate_on = plan.splits[k]
        start = offset_of[plan.table]
        rows.append(to_train_on + start)
        valid.append(None if to_validate_on is None else to_validate_on + start)
    net = first.net
    if net is None:
        net = new_net(shared, [plan.members[k] for plan, k in placed])
    else:
        _set_anew(net, shared, first.members)
    many = len(stack) > 1
    n_before = len(net.history)
    net.callbacks = list(first.callbacks)
    places = {plan: [0] * len(plan.members) for plan in stack}
    for place, (plan, k) in enumerate(placed):
        places[plan][k] = place
    best = worst = None
    if shared.patience is not None:
        best = BestWeights(shared.patience)
        net.callbacks.append(("best_weights", best))
    if best is not None and first.halving is not None:
        worst = _drop_worst(first.halving, places, best, shared.max_epochs)
        net.callbacks.append(("drop_worst", worst))
    if shows_progress or (first.verbose and not many and shared.max_epochs > 1):
        net.callbacks.append(("epoch_progress", EpochProgress(shared.max_epochs)))
    net.verbose = first.verbose > 1 and not many
    net.initialize_callbacks()
    try:
        net.partial_fit(
            X,
            y,
            sample_weight=weight,
            rows=rows,
            valid_rows=None if shared.patience is None else valid,
            for_many=many,
            n_jobs=n_threads,
        )
    finally:
        net.callbacks, net.callbacks_ = None, []  # they may hold rows
    n_trained = len(net.history) - n_before
    ended = n_trained == shared.max_epochs or (best and best.stopped_.all())
    dropped = {} if worst is None else worst.dropped_
    if not many:
        net.interrupted_ |= not (ended or first.callbacks)  # which may end it as well
        return [net], dropped
    if not ended:
        raise KeyboardInterrupt  # skorch has swallowed it
    taken = [_take_out(net, best, plan, places[plan]) for plan in stack]
    net.module_ = net.optimizer_ = None  # the net is in cycles: memory would wait
    return taken, dropped


def _drop_worst(
    halving: SuccessiveHalving,
    places: dict[Plan, list[int]],
    best: BestWeights,
    max_epochs: int,
) -> DropWorst:
    """Return what drops candidates, given the places of each plan's members."""
    candidates: dict[Any, list[int]] = {}
    for plan, members in places.items():
        candidates.setdefault(plan.candidate, []).extend(members)
    return DropWorst(halving, candidates, best, max_epochs)


def _place(placed: tuple[Plan, int]) -> tuple[int, float, float]:
    """Order within a stack: most rows first, then those that can share a step."""
    plan, k = placed
    member = plan.members[k]
    return -plan.count_visited(k), member.lr, member.weight_decay


def _join(stack: list[Plan]) -> tuple[Rows, Array, Array | None, dict[Table, int]]:
    """Put the plans' tables below each other, padded to one width with zeros."""
    tables = list(dict.fromkeys(plan.table for plan in stack))
    starts = np.cumsum([0] + [len(table.y) for table in tables])
    offset_of = dict(zip(tables, starts[:-1].tolist(), strict=True))
    if len(stack) == 1:
        return tables[0].X, tables[0].y, stack[0].weight, offset_of
    y = np.concatenate([table.y for table in tables])
    weight = np.concatenate([table.loss_weight for table in tables])
    width = max(table.X.shape[1] for table in tables)
    if stack[0].shared.is_sparse:
        parts: list[Any] = [table.X.copy() for table in tables]
        for part in parts:
            part.resize(part.shape[0], width)
        return sparse.vstack(parts, format="csr"), y, weight, offset_of
    if len(tables) == 1:
        return tables[0].X, y, weight, offset_of
    X = np.zeros((len(y), width), dtype=np.float32)
    for table, start in offset_of.items():
        X[start : start + len(table.y), : table.X.shape[1]] = table.X
    return X, y, weight, offset_of


def _set_anew(net: MixupNet, shared: Shared, members: list[Member]) -> None:
    """Give a net that goes on the parameters that may have changed since."""
    params = net_params(shared, members)
    decay = params.pop("optimizer__weight_decay")
    kept = ("module__", "criterion", "device")
    net.set_params(**{k: v for k, v in params.items() if not k.startswith(kept)})
    net.optimizer__weight_decay = decay
    for group in net.optimizer_.param_groups[1:]:  # all but the biases
        group["weight_decay"] = decay


def _take_out(
    net: MixupNet, best: BestWeights | None, plan: Plan, members: list[int]
) -> MixupNet | Exception:
    """Return a net of a plan's members, or the error that its training ended with."""
    n_epochs = len(net.history)
    if best is not None:  # alone, it would have ended when its members had stopped
        n_epochs = best.n_epochs_[members].max()
    own = net.select(members, n_epochs)
    try:
        for epoch, losses in enumerate(own.member_losses_["mixed_loss"], 1):
            check_losses(losses, epoch, plan.members[0].lr)
        own._check_weights()
    except ValueError as error:
        return error
    return own
