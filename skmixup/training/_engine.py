"""Train many estimators, each on a table of its own, as members of few stacks."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from scipy import sparse
from sklearn import get_config
from tqdm.auto import tqdm

from ..mixing._mixers import make_mixer
from ._callbacks import BestWeights, EpochProgress
from ._device import resolve_device
from ._net import MixupNet, check_losses
from ._state import arrays_to_net, new_net
from ._weights import count_copies, repeat_by_weight

# Parameters of an estimator that each member of a stack may have of its own.
MEMBER_PARAMS = frozenset(
    {
        "alpha",
        "class_weight",
        "dropout",
        "label_smoothing",
        "lr",
        "n_estimators",
        "random_state",
        "temperature",
        "weight_decay",
    }
)
# Beyond so many weights, a stack falls out of a processor's cache and slows down.
_CACHED_WEIGHTS = 2**20
# The same for the net, as lists over members.
_NET_LISTS = (
    "module__n_outputs",
    "module__n_features",
    "module__dropout",
    "optimizer__weight_decay",
    "alpha",
    "label_smoothing",
    "lr",
)


@dataclass(eq=False)
class Table:
    """Encoded rows, ready for training: a fold, say, as one encoder left it."""

    X: np.ndarray | sparse.csr_matrix
    y: np.ndarray
    weight: np.ndarray

    @property
    def loss_weight(self):
        """Weight of each row in the loss: one where copies are visited one by one."""
        if count_copies(self.weight) is not None:
            return np.ones_like(self.weight)
        return self.weight / self.weight.mean()


@dataclass(eq=False)
class Fitting:
    """An estimator and the table that it is to be trained on.

    `group` names what must agree for two to share a stack. Training sets `seconds`, a
    fair share of the stack's, and either fits `estimator` or sets `error`.
    """

    estimator: object
    table: Table
    group: tuple = ()
    seconds: float = 0.0
    error: Exception | None = None
    # Of each member, the rows to train on and to validate on.
    splits: list = field(default_factory=list, repr=False)
    weight: np.ndarray | None = field(default=None, repr=False)  # of the table's rows

    def prepare(self):
        """Draw the estimator's seeds and split, as its `fit` would."""
        est, table = self.estimator, self.table
        resolve_device(est.device)  # an error of this fitting alone
        split_seed, seeds = est._draw_seeds()
        splits = est._split(table.y, split_seed)
        est._note_shape(table.X.shape[1], table.weight, seeds)
        self.splits, self.weight = repeat_by_weight(splits, table.weight)

    @property
    def n_members(self):
        """Members that it takes in a stack."""
        return self.estimator.n_estimators

    @property
    def widths(self):
        """Widths of a member's layers, from the rows to the scores."""
        shape = self.estimator._shape["module"]
        n_outputs = self.estimator._n_outputs
        return [shape["n_features"], *shape["hidden_layer_sizes"], n_outputs]

    def stack_key(self):
        """Return what must agree for two fittings to share a stack."""
        est = self.estimator
        mixer, groups = make_mixer(est.mixing), est._column_groups
        if mixer is None or groups is None or mixer.bind(groups) is mixer:
            groups = None  # all columns are alike to it
        else:
            groups = groups.tobytes()
        kinds = sparse.issparse(self.table.X), self.splits[0][1] is None
        return self.group, est._shape["batch_size"], groups, kinds


def train_together(fittings, *, n_jobs=None, max_members="auto", verbose=0):
    """Train estimators in as few stacks as may be, and fit each with its members.

    An estimator comes out as its own `fit` on the table would have left it, up to
    floating-point round-off.

    Parameters
    ----------
    fittings : list of Fitting
    n_jobs : int, default=None
        Stacks trained at a time, by joblib; a stack is split so that there are enough.
    max_members : int or "auto", default="auto"
        Members of a stack; "auto" is as many as take half of scikit-learn's
        ``working_memory``, and on a CPU not more than stay in its cache.
    verbose : int, default=0
        From 1, shows a progress bar.

    Yields
    ------
    fitting : Fitting
        Each of them, as soon as its stack is trained or an error is known.
    """
    ready = []
    for fitting in fittings:
        try:
            fitting.prepare()
        except ValueError as error:
            fitting.error = error
            yield fitting
        else:
            ready.append(fitting)
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    stacks = list(_make_stacks(ready, effective_n_jobs(n_jobs), max_members))
    del fittings, ready  # nothing is held here that the caller lets go
    alone = len(stacks) == 1
    if alone:  # in this process, with its threads
        parallel = Parallel(return_as="generator")
    trained = parallel(
        delayed(_train_stack)(_describe(stack, verbose > 0 and alone))
        for stack in stacks
    )
    bar = tqdm(
        trained, total=len(stacks), unit="stack", disable=verbose < 1 or alone, delay=1
    )
    for stack, (outcome, seconds) in zip(stacks, bar, strict=True):
        seconds /= sum(fitting.n_members for fitting in stack)
        while stack:
            fitting = stack.pop()
            fitting.seconds = seconds * fitting.n_members
            if isinstance(outcome, Exception):
                fitting.error = outcome
            else:
                _install(fitting, outcome.pop())
            yield fitting


def _make_stacks(fittings, n_jobs, max_members):
    """Yield lists of fittings to be trained in one stack each."""
    keyed = {}
    for fitting in fittings:
        keyed.setdefault(fitting.stack_key(), []).append(fitting)
    for group in keyed.values():
        limit = max_members
        if limit == "auto":
            limit = _best_members(group)
        n_members = sum(fitting.n_members for fitting in group)
        n_pieces = max(min(n_jobs, len(group)), -(-n_members // limit))
        # Neighbors share a table, so that each piece needs as few as may be.
        number = {}
        for fitting in group:
            number.setdefault(fitting.table, len(number))
        group = sorted(group, key=lambda fitting: number[fitting.table])
        share = n_members / n_pieces
        ends = np.cumsum([fitting.n_members for fitting in group])
        pieces = np.minimum((ends - 1e-9) // share, n_pieces - 1)
        for _, piece in groupby(
            zip(pieces, group, strict=True), key=lambda pair: pair[0]
        ):
            yield [fitting for _, fitting in piece]


def _place(member):
    """Order within a stack: most rows first, then those that can share a step."""
    fitting, number = member
    est = fitting.estimator
    return -len(fitting.splits[number][0]), est.lr, est.weight_decay


def _best_members(group):
    """Return how many members to train at once: what memory and the cache allow."""
    first = group[0]
    shape = first.estimator._shape
    widths = first.widths
    n_weights = sum((a + 1) * b for a, b in pairwise(widths))
    # Weights, gradients, two means, the best weights; a batch and its gradients; order
    # and partners as int64.
    n_bytes = 4 * 5 * n_weights
    n_bytes += 4 * 3 * shape["batch_size"] * sum(widths) + 16 * len(first.splits[0][0])
    limit = get_config()["working_memory"] * 2**20 / 2 // n_bytes
    if resolve_device(first.estimator.device) == "cpu":
        limit = min(limit, max(16, _CACHED_WEIGHTS // n_weights))
    return int(max(1, limit))


@dataclass
class _StackJob:
    """All that a process needs to train a stack."""

    tables: list
    placed: list  # for each member: table, rows to train on, to validate on
    places: list  # for each fitting: its members' places in the stack
    params: dict
    max_epochs: int
    patience: int
    shows_progress: bool


def _describe(stack, shows_progress):
    first = stack[0].estimator
    tables = list(dict.fromkeys(fitting.table for fitting in stack))
    number = {table: i for i, table in enumerate(tables)}
    members = [(f, k) for f in stack for k in range(f.n_members)]
    members.sort(key=_place)
    places = {fitting: [None] * fitting.n_members for fitting in stack}
    for place, (fitting, k) in enumerate(members):
        places[fitting][k] = place
    placed = [(number[f.table], *f.splits[k]) for f, k in members]
    params = {
        f: f.estimator._net_params() | f.estimator._training_params() for f in stack
    }
    merged = dict(params[stack[0]])
    for name in _NET_LISTS:
        merged[name] = [params[f][name] for f, _ in members]
    merged["module__seeds"] = [params[f]["module__seeds"][k] for f, k in members]
    merged["module__n_members"] = len(members)
    merged["lr_schedule"] = first._schedule(first.max_epochs)
    merged["device"] = resolve_device(first.device)
    return _StackJob(
        tables,
        placed,
        list(places.values()),
        merged,
        first.max_epochs,
        first.n_iter_no_change,
        shows_progress,
    )


class _StackNet(MixupNet):
    """A net whose members may fail, and are recorded, one by one."""

    def initialize(self):
        self.curves_ = defaultdict(list)
        return super().initialize()

    def _check_finite(self, losses):
        self.curves_["mixed_loss"].append(losses)

    def _clean_epoch(self, data, sample):
        """Leave the clean training loss out: nobody would see it."""

    def _valid_epoch(self, data, rows):
        super()._valid_epoch(data, rows)
        if data is not None:
            self.curves_["valid_loss"].append(self.valid_losses_.cpu().numpy())


def _train_stack(job):
    """Train a stack; return what `_train` does or the error, and the seconds taken."""
    start = time.perf_counter()
    try:
        outcome = _train(job)
    except Exception as error:
        outcome = error
    return outcome, time.perf_counter() - start


def _train(job):
    """Train a stack and return each fitting's weights and curves."""
    X, y, weight, offsets = _join(job.tables, max(job.params["module__n_features"]))
    rows = [train + offsets[table] for table, train, _ in job.placed]
    valid = [
        held_out + offsets[table]
        for table, _, held_out in job.placed
        if held_out is not None
    ]
    callbacks = []
    if valid:
        callbacks.append(("best_weights", BestWeights(job.patience)))
    if job.shows_progress:
        callbacks.append(("epoch_progress", EpochProgress(job.max_epochs)))
    net = new_net(
        cls=_StackNet, callbacks=callbacks, max_epochs=job.max_epochs, **job.params
    )
    net.partial_fit(X, y, sample_weight=weight, rows=rows, valid_rows=valid or None)
    best = dict(net.callbacks_).get("best_weights")
    if len(net.history) < job.max_epochs and not (best and best.stopped_.all()):
        raise KeyboardInterrupt  # skorch has swallowed it
    results = [_take_out(net, best, members) for members in job.places]
    net.module_ = net.optimizer_ = None  # the net is in cycles: memory would wait
    return results


def _join(tables, width):
    """Put tables below each other, padded to one width with columns of zeros."""
    offsets = np.cumsum([0] + [len(table.y) for table in tables])
    y = np.concatenate([table.y for table in tables])
    weight = np.concatenate([table.loss_weight for table in tables])
    if sparse.issparse(tables[0].X):
        parts = [table.X.copy() for table in tables]
        for part in parts:
            part.resize(part.shape[0], width)
        return sparse.vstack(parts, format="csr"), y, weight, offsets
    if len(tables) == 1:
        return tables[0].X, y, weight, offsets
    X = np.zeros((len(y), width), dtype=np.float32)
    for table, start, stop in zip(tables, offsets[:-1], offsets[1:], strict=True):
        X[start:stop, : table.X.shape[1]] = table.X
    return X, y, weight, offsets


def _take_out(net, best, members):
    """Return the weights and the curves of some members."""
    curves = {name: np.array(curve)[:, members] for name, curve in net.curves_.items()}
    if best is not None:  # alone, it would have ended when its members had stopped
        stops = best.best_epoch_[members] + best.patience
        curves = {name: curve[: stops.max()] for name, curve in curves.items()}
    state = net.module_.select(members).state_dict()
    return {
        "weights": {name: value.cpu().numpy() for name, value in state.items()},
        "curves": curves,
    }


def _install(fitting, member):
    """Fit an estimator with the weights and curves of its members."""
    est, curves = fitting.estimator, member["curves"]
    try:
        for epoch, losses in enumerate(curves["mixed_loss"], 1):
            check_losses(losses, epoch, est.lr)
        state = {
            "weights": member["weights"],
            "optimizer": {},  # training would go on with new running means
            "history": [
                {"epoch": epoch, "batches": []} | dict(zip(curves, means, strict=True))
                for epoch, means in enumerate(_mean_curves(curves), 1)
            ],
            "n_outputs": est._n_classes,
        }
        est.net_ = est._make_net(resolve_device(est.device))
        arrays_to_net(state, est.net_)
        est._check_weights()
    except ValueError as error:
        vars(est).pop("net_", None)
        fitting.error = error
    else:
        est._read_history("valid_loss" in curves)
        table = fitting.table
        est._learn_from_rows_set_aside(table.X, table.y, fitting.weight, fitting.splits)


def _mean_curves(curves):
    """Return for each epoch the curves' means over members."""
    return np.stack([curve.mean(1) for curve in curves.values()], axis=1).tolist()
