"""One training of a net: its epochs, their steps, and what is recorded of them."""

from __future__ import annotations

import contextlib
import math
import threading
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from skorch.callbacks import Callback
from torch import Tensor, nn

from .._typing import Array, Device
from .._warn import warn_user
from ..mixing._cmixup import TargetPartners
from ..mixing._core import one_hot
from ..mixing._mixers import InputMixup, Mixer, mixes_codes
from ..stack._adamw import StackedAdamW
from ..stack._backprop import ClosedFormGradient
from ..stack._compiled import CompiledSteps, IndexedRows
from ..stack._embedding import StackedEmbedding
from ..stack._layers import StackedDropout, shown
from ..stack._mlp import StackedMLP
from ._batches import EpochBatches
from ._callbacks import BestWeights
from ._data import MemberRows, ResidentRows, TrainingData
from ._global_state import one_thread, raise_if_ended, without_subnormals
from ._pseudo_labels import UNLABELED, Guesses, split_by_label
from ._scores import chunk_rows

if TYPE_CHECKING:
    from ._net import MixupNet

_DROPOUTS = (
    *(StackedDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
)
_POOL_WORK = 8e6  # multiply-adds in a step from which a thread pool pays
_CLEAN_ROWS = 256  # rows on which the clean training loss is measured
_GUESSED_ROWS = 2**10  # of each member, that a module of others predicts in one go
_VALID_ROWS = 2**14  # on which the validation loss is, where an epoch is part of a pass


def check_losses(losses: Array, epoch: int, lr: ArrayLike) -> None:
    """Raise ValueError if the training of a member has diverged.

    Parameters
    ----------
    losses : ndarray of shape (K,)
        The members', in one epoch.
    epoch : int
        Number of the epoch, from 1.
    lr : float or sequence of float
        Learning rate, for the message.
    """
    diverged = np.flatnonzero(~np.isfinite(losses)).tolist()
    if diverged:
        raise ValueError(
            f"Training diverged: the loss of member(s) {diverged} is not finite in "
            f"epoch {epoch}. Lower lr (now {shown(lr)}), or scale X."
        )


@contextlib.contextmanager
def _single_row_explained(counts: Array) -> Iterator[None]:
    """Say what to do where BatchNorm refuses a batch of a single row."""
    try:
        yield
    except ValueError as error:
        if counts[0] > 1 or "more than 1 value per channel" not in str(error):
            raise
        raise ValueError(
            "BatchNorm cannot train on a batch of one row: use batch_size=2 or more "
            "and give at least two rows, or a module with LayerNorm or GroupNorm."
        ) from error


class Training:
    """One training of a net.

    Parameters
    ----------
    net : MixupNet
        Initialized.
    data : TrainingData
    mixer : Mixer or None
    flowing : callable
        Returns the context in which what others wrote may draw random numbers.
    for_many : bool, default=False
        Whether members belong to many who ask for no more than they need: a member's
        loss may be no number, and the clean training loss is not measured.

    Attributes
    ----------
    member_losses : dict of str to list of ndarray of shape (K,)
        What the history has the means of, epoch by epoch.
    """

    def __init__(
        self,
        net: MixupNet,
        data: TrainingData,
        mixer: Mixer | None,
        flowing: Callable[[], AbstractContextManager[Any]],
        for_many: bool = False,
        n_jobs: int = 1,
    ) -> None:
        self.net = net
        self.data = data
        self.mixer = mixer
        self.flowing = flowing
        self.for_many = for_many
        self.n_jobs = n_jobs
        self.member_losses: defaultdict[str, list[Array]] = defaultdict(list)
        self.gradient: ClosedFormGradient | None = None
        self.places: list[int] | None = None  # of the parameters in memory
        self.guesses: Guesses | None = None
        self.unlabeled: list[Array] | None = None

    def run(self, epochs: int) -> None:
        """Train for some epochs."""
        net, data = self.net, self.data
        self._set_unlabeled_apart(epochs)
        sample = None if self.for_many else data.train_rows.sample(_CLEAN_ROWS)
        self.valid_rows = data.valid_rows
        if data.valid_rows is not None and net.epochs_per_pass > 1:
            self.valid_rows = data.valid_rows.sample(_VALID_ROWS)
        mixing: AbstractContextManager[Any] = contextlib.nullcontext()
        if self.mixer is not None:
            mixing = self.mixer.attached(net.module_)
        with mixing as self.inside, self._own_buffers():
            self.in_closed_form = not self.inside and self._has_closed_form()
            self.compiled = self._compiled_steps()
            self.batches = self._make_batches()
            threads, computing = self._threads()
            with threads:
                for epoch in range(epochs):
                    raise_if_ended()
                    progress = (epoch + 0.5) / epochs
                    with self._whole_epochs():
                        net.notify("on_epoch_begin", **data.sets)
                        with computing(), self.flowing(), self._scheduled(progress):
                            self._guess(epoch / epochs)
                            self._train_epoch()
                            if sample is not None:
                                losses = self.clean_losses(data.train, sample)
                                self._record_loss("train_loss", losses)
                            self._valid_epoch()
                            self._settle_batches()
                    net.notify("on_epoch_end", **data.sets)

    # ---- an epoch's steps

    def _make_batches(self) -> EpochBatches:
        net = self.net
        y = self.data.train.y
        batches = EpochBatches(
            self.data.train,
            self.data.train_rows,
            net.batch_size,
            self.mixer,
            net.alpha,
            net.lambda_per,
            self._uniform(),
            net.label_smoothing,
            sparse=self.in_closed_form and self._mixes_whole_rows and self._takes_ell(),
            weighs_targets=self.in_closed_form and not y.is_floating_point(),
            mixes_inside=bool(self.inside),
            neighbors=self._neighbors(),
            binary=isinstance(net.criterion_, nn.BCEWithLogitsLoss),
            # Not mixed, and of no use to BatchNorm. A stack's members are as they were.
            joins_single=type(net.module_) is not StackedMLP,
            embedding=self._embedding(),
            epochs_per_pass=net.epochs_per_pass,
            unlabeled=self.unlabeled,
            defers=self.compiled is not None and self._takes_rows_as_they_are(),
        )
        if np.ptp(batches.counts) and not isinstance(net.optimizer_, StackedAdamW):
            raise ValueError(
                "Members with different numbers of rows take different numbers of "
                "steps: that needs optimizer=StackedAdamW, got "
                f"{type(net.optimizer_).__name__}."
            )
        if self.guesses is not None:
            batches.guess(self.guesses)
        return batches

    def _set_unlabeled_apart(self, epochs: int) -> None:
        """Part rows without labels from the others, where there are any."""
        how, data = self.net.pseudo_labels, self.data
        if how is None or data.train.y.is_floating_point():
            return
        if (data.train.y != UNLABELED).all():
            return
        data.train_rows, rows = split_by_label(data.train_rows, data.train.y)
        if not any(map(len, rows)):
            return
        if epochs and (epochs - 1) / epochs < how.warmup:
            warn_user(
                f"pseudo_labels: rows without labels are not learned in {epochs} "
                f"epoch(s), of which all are within warmup={how.warmup}: give more "
                "epochs a call, or warmup=0."
            )
        assert self.net.n_outputs_ is not None
        self.unlabeled = rows
        self.guesses = Guesses(how, data.train, rows, self.net.n_outputs_)

    @torch.no_grad()
    def _guess(self, progress: float) -> None:
        """Tell the batches what members say of rows without labels."""
        if self.guesses is None:
            return
        net, train = self.net, self.data.train
        size = _GUESSED_ROWS
        if type(net.module_) is StackedMLP:
            size = chunk_rows(net.module_, torch.device(net.device))
        self.guesses.update(
            progress, lambda at: net._eval_members(train.take(at)), size
        )
        self.batches.guess(self.guesses)

    @property
    def _mixes_whole_rows(self) -> bool:
        """Whether rows are mixed by λ alone, if at all."""
        return self.mixer is None or type(self.mixer) is InputMixup

    def _takes_rows_as_they_are(self) -> bool:
        """Tell whether the compiled steps can take rows from all, and mix them."""
        return self._mixes_whole_rows and isinstance(self.data.train.X, torch.Tensor)

    def _takes_ell(self) -> bool:
        """Tell whether a stack's first layer gets rows as they are, with zeros."""
        return not self.net.module_.embeddings

    def _embedding(self) -> StackedEmbedding | None:
        """Return what makes vectors of the levels in rows, or None."""
        module = self.net.module_
        embedding = module.embedding if isinstance(module, StackedMLP) else None
        if embedding is not None and not mixes_codes(self.mixer):
            raise ValueError(
                f"mixing={self.net.mixing!r} takes rows of numbers alone, and some "
                "columns are embedded: encode them with TabularEncoder("
                "max_one_hot_levels=None)."
            )
        return embedding

    def _neighbors(self) -> TargetPartners | None:
        net, y, rows = self.net, self.data.train.y, self.data.train_rows
        if net.partner == "random" or self.mixer is None:
            return None
        if self.inside or not y.is_floating_point():
            what = f"mixing={net.mixing!r}" if self.inside else "class labels"
            raise ValueError(
                f"partner='target' needs numeric targets and rows mixed as they come, "
                f"got {what}: use partner='random'."
            )
        y = y.flatten(1) if y.dim() > 1 else y[:, None]
        own = [r[:n] for r, n in zip(rows.index, rows.counts, strict=True)]
        return TargetPartners(y.cpu().numpy(), own, net.bandwidth)

    def _uniform(self) -> Tensor | None:
        """Return each member's uniform distribution over its classes."""
        net = self.net
        if net.n_outputs_ is None:  # floating-point targets
            return None
        is_mlp = isinstance(net.module_, StackedMLP)
        widths = net.module_.n_outputs if is_mlp else net.n_outputs_
        widths = np.broadcast_to(widths, net.n_members)[:, None]
        uniform = (np.arange(net.n_outputs_) < widths) / widths
        return torch.as_tensor(uniform, dtype=torch.float32, device=net.device)

    def _take_over_again(self) -> None:
        """Go on with what a callback may have put elsewhere, or made anew."""
        net = self.net
        places = [p.data_ptr() for p in net.module_.parameters()]
        if places != self.places:
            self.places, self.gradient = places, None
        if self.compiled is not None and not self.compiled.is_current(
            net.module_, net.optimizer_
        ):
            self.compiled = self._compiled_steps()
            self.batches = self._make_batches()

    def _train_epoch(self) -> None:
        net = self.net
        self._take_over_again()
        if net._stacked:
            net.module_.seed_members(net.seeds_, len(net.history))
        total = torch.zeros(net.n_members, dtype=torch.float32, device=net.device)
        if self.compiled is not None:
            self._run_compiled(self.compiled, total)
        elif self.in_closed_form:
            self._run_closed_form(total)
        else:
            self._run_steps(total)
        n_rows = torch.as_tensor(self.batches.counts, device=total.device)
        self._record_training(total / n_rows.to(total))

    def _compiled_steps(self) -> CompiledSteps | None:
        """Return the steps in compiled code, or None where there is none for them."""
        net, data = self.net, self.data.train
        parts = net.module_, net.criterion_, net.optimizer_
        if not self.in_closed_form:
            return None
        if sparse.issparse(data.X) and data.ell_rows is not None and self._takes_ell():
            return None  # few values: torch's products with those are faster
        if net.module_.embedding is not None and not self._takes_rows_as_they_are():
            return None  # what has mixed levels otherwise has them as tensors
        if not CompiledSteps.covers(*parts, data.y.is_floating_point()):
            return None
        return CompiledSteps(*parts)

    def _run_compiled(self, compiled: CompiledSteps, total: Tensor) -> None:
        """Take an epoch's steps in compiled code, with members shared among threads."""
        compiled.start_epoch()
        sums = total.numpy()

        def run(members: Array, failed: threading.Event) -> None:
            self._run_members(members, sums, failed)

        self._in_threads(run)

    def _in_threads(self, function: Callable[[Array, threading.Event], None]) -> None:
        """Call a function of members that have not stopped, in a thread for each share.

        It takes the members, and an Event that is set where another call has failed.
        """
        failed = threading.Event()
        members = np.flatnonzero(~self.stopped)
        shares = np.array_split(members, max(1, min(self.n_jobs, len(members))))

        def run(members: Array) -> None:
            try:
                with one_thread(), without_subnormals(), torch.no_grad():
                    function(members, failed)
            except BaseException:
                failed.set()
                raise

        with ThreadPoolExecutor(len(shares)) as pool:  # it starts threads when needed
            others = [pool.submit(run, share) for share in shares[1:]]
            try:
                run(shares[0])
                for other in others:
                    other.result()
            except BaseException:
                failed.set()
                raise
            finally:
                _wait_whatever_happens(others, failed)

    def _run_members(
        self, members: Array, total: Array, failed: threading.Event
    ) -> None:
        """Take an epoch's steps with some members, unless others have failed."""
        assert self.compiled is not None
        seeds = [self.net.seeds_[k] for k in members]
        batches = self.batches
        if len(members) < len(batches.rows):
            batches = batches.select(members)
        for block, counts in batches.blocks(seeds, len(self.net.history)):
            if failed.is_set():
                return
            active = members[: len(counts)]
            losses = self.compiled(active, counts, block.X, block.target, block.weight)
            total[active] += losses * counts

    @property
    def stopped(self) -> Array:
        """Which members have stopped, shape (K,): their best weights are kept."""
        for _, callback in self.net.callbacks_:
            if isinstance(callback, BestWeights):
                return callback.stopped_
        return np.zeros(self.net.n_members, dtype=bool)

    @torch.no_grad()
    def _run_closed_form(self, total: Tensor) -> None:
        """Take an epoch's steps with nothing between them."""
        net = self.net
        gradient = self.gradient
        if gradient is None:
            gradient = ClosedFormGradient(net.module_, net.criterion_)
            self.gradient = gradient
        prepared = {}
        seen: Any = None
        shape: Any = None
        for n_active in self.batches.active_counts():
            prepared[n_active] = net.optimizer_.prepare(n_active)
        for batch, counts in self.batches.epoch(net.seeds_, len(net.history)):
            if counts is not seen:  # batches of another shape begin
                if seen is not None:
                    _add_losses(total, gradient.take_losses(shape), seen)
                seen, shape = counts, batch.X.shape
                advance = prepared[len(counts)]
            gradient(batch.X, batch.target, batch.weight)
            advance()
        _add_losses(total, gradient.take_losses(shape), seen)

    def _run_steps(self, total: Tensor) -> None:
        """Take an epoch's steps, heard by callbacks and mixing inside the module."""
        net, watched = self.net, is_watched(self.net)
        net._set_training(True)
        for batch, counts in self.batches.epoch(net.seeds_, len(net.history)):
            if watched:
                seen = batch[:2] if net._stacked else (batch.X[0], batch.target[0])
                net._set_training(True)
                net.notify("on_batch_begin", batch=seen, training=True)
            mixes = contextlib.nullcontext()
            if self.inside:
                mixes = self.inside.using(**batch.draws)
            with mixes, _single_row_explained(counts):
                step = net.train_step(batch[:2], weight=batch.weight)
            _add_losses(total, step["losses"], counts)
            if watched:
                self._record_batch("train", step, int(counts[0]))
                net.notify("on_batch_end", batch=seen, training=True, **step)

    def _has_closed_form(self) -> bool:
        """Tell whether steps can do without autograd, and without being heard."""
        net, is_float = self.net, self.data.train.y.is_floating_point()
        return (
            type(net.module_) is StackedMLP
            and all(p.requires_grad for p in net.module_.parameters())
            and not any(
                m._forward_hooks or m._forward_pre_hooks or m._backward_hooks
                for m in net.module_.modules()
            )
            and isinstance(net.optimizer_, StackedAdamW)
            and ClosedFormGradient.covers(net.module_, net.criterion_, is_float)
            and not is_watched(net)
            and not is_heard(net, "on_grad_computed")
        )

    # ---- what is set for a while

    @contextlib.contextmanager
    def _own_buffers(self) -> Iterator[None]:
        """Leave no gradient nor buffer behind a training in closed form."""
        self.gradient = None
        try:
            yield
        finally:
            if self.gradient is not None:
                self.gradient = None
                self.net.optimizer_.zero_grad()

    @contextlib.contextmanager
    def _whole_epochs(self) -> Iterator[None]:
        """Forget an epoch that was not finished."""
        history = self.net.history
        n_whole, n_own = len(history), len(self.member_losses["mixed_loss"])
        try:
            yield
        except BaseException as error:
            del history[n_whole:]
            for losses in self.member_losses.values():
                del losses[n_own:]
            if n_whole and isinstance(error, KeyboardInterrupt):
                self.net.interrupted_ = True
                warnings.warn("Training interrupted by user.", stacklevel=2)
            raise

    @contextlib.contextmanager
    def _scheduled(self, progress: float) -> Iterator[None]:
        """Scale rates of learning and dropout for an epoch, by the training done."""
        net, rates = self.net, []
        if net.lr_schedule == "cosine":
            groups = net.optimizer_.param_groups
            rates += [
                (partial(group.__setitem__, "lr"), group["lr"]) for group in groups
            ]
        if net.dropout_schedule == "cosine":
            layers = [m for m in net.module_.modules() if isinstance(m, _DROPOUTS)]
            rates += [(partial(setattr, layer, "p"), layer.p) for layer in layers]
        factor = 0.5 * (1 + math.cos(math.pi * progress))
        for write, rate in rates:
            write((np.asarray(rate) * factor).tolist())
        try:
            yield
        finally:
            for write, rate in rates:
                write(rate)

    def _threads(
        self,
    ) -> tuple[AbstractContextManager[Any], Callable[[], AbstractContextManager[Any]]]:
        """Return contexts for the training and for its computing, of threads and modes.

        A pool's threads wait for each other in a loop that takes a whole core: where
        cores are shared, small steps take many times as long on a pool as without. It
        is left to large modules of others; it has its own modes, and would keep ours.
        """
        module = self.net.module_
        n_weights = sum(p.numel() for p in module.parameters())
        large = n_weights * self.batches.batch_size >= _POOL_WORK
        if large and type(module) is not StackedMLP:
            return contextlib.nullcontext(), contextlib.nullcontext
        return one_thread(), without_subnormals

    # ---- clean losses

    def _valid_epoch(self) -> None:
        if self.data.valid is None or self.valid_rows is None:
            return
        net, watched = self.net, is_watched(self.net)
        losses = self.clean_losses(self.data.valid, self.valid_rows, watched)
        recorded = self._record_loss("valid_loss", losses)
        net.valid_losses_ = torch.as_tensor(recorded, device=net.device)

    def clean_losses(
        self, data: ResidentRows, rows: MemberRows, watched: bool = False
    ) -> Tensor:
        """Return the weighted clean loss of each member, without mixing or dropout.

        Where callbacks watch, they see the rows batch by batch.
        """
        if self.compiled is not None and isinstance(data.X, torch.Tensor):
            return self._compiled_losses(self.compiled, data, rows)
        net, size = self.net, rows.index.shape[1]
        if watched and net.batch_size != -1:
            size = net.batch_size
        total: Any = 0
        weights: Any = 0
        for index, mass in _parts(data, rows, size, net.device):
            if watched:
                first = torch.as_tensor(index[0], device=net.device)
                batch = (data.take(first), net._as_given(data.y[first]))
                net.notify("on_batch_begin", batch=batch, training=False)
            losses, weight, y_pred = self._evaluate(data, index, mass)
            total, weights = total + losses * weight, weights + weight
            if watched:
                step = {"loss": losses.mean(), "y_pred": net._rows_first(y_pred)}
                self._record_batch("valid", step, len(first))
                net.notify("on_batch_end", batch=batch, training=False, **step)
        return total / weights

    def _compiled_losses(
        self, compiled: CompiledSteps, data: ResidentRows, rows: MemberRows
    ) -> Tensor:
        """Return what `clean_losses` does, of members that have not stopped."""
        X: Any = data.X
        losses = np.zeros(len(rows), dtype=np.float32)
        mask, width = rows.mask(), rows.index.shape[1]
        # Cut into batches, the last of which is filled up with rows of no weight.
        n_filled = -(-width // _CLEAN_ROWS) * _CLEAN_ROWS
        at = np.minimum(np.arange(n_filled), width - 1)
        shape = (1, n_filled // _CLEAN_ROWS, _CLEAN_ROWS)

        def measure(members: Array, failed: threading.Event) -> None:
            for k in members:
                if failed.is_set():
                    return
                index = torch.from_numpy(rows.index[k, at].reshape(shape))
                weight = torch.ones(shape, dtype=torch.float32, device="cpu")
                weight.view(-1)[width:] = 0
                if mask is not None:
                    weight *= torch.from_numpy(mask[k, at].reshape(shape))
                if data.weight is not None:
                    weight *= data.weight[index]
                weight = (weight / weight.sum())[..., None]
                target = one_hot(data.y[index], self.net.n_outputs_)
                if self.batches.weighs_targets:
                    target = target * weight
                member, n_rows = np.array([k]), np.array([_CLEAN_ROWS])
                batches = IndexedRows(X, index)
                losses[k] = compiled.clean_losses(
                    member, n_rows, batches, target, weight
                )[0]

        self._in_threads(measure)
        return torch.from_numpy(losses)

    @torch.no_grad()
    def _evaluate(
        self, data: ResidentRows, index: Array, mass: Tensor | None
    ) -> tuple[Tensor, int | Tensor, Tensor]:
        """Return each member's weighted clean loss, the total weight, and outputs."""
        net = self.net
        at = torch.as_tensor(index, device=net.device)
        y_pred = net._eval_members(data.take(at))
        target = one_hot(data.y[at], net.n_outputs_)
        if data.weight is not None:
            weight = data.weight[at]
            mass = weight if mass is None else weight * mass
        if mass is None:
            n_rows = at.shape[1]
            return net._member_losses(y_pred, target, 1 / n_rows), n_rows, y_pred
        total = mass.sum(1)
        # Of padding alone there is no loss.
        weight = mass / total.clamp(min=torch.finfo(total.dtype).tiny)[:, None]
        losses = net._member_losses(y_pred, target, weight[..., None])
        return losses, total, y_pred

    # ---- records

    def _record_batch(self, prefix: str, step: dict[str, Tensor], size: int) -> None:
        # A tensor, not a number: reading it would wait for the device.
        self.net.history.record_batch(prefix + "_loss", step["loss"].detach())
        self.net.history.record_batch(prefix + "_batch_size", size)

    def _of_stopped(self, name: str, losses: Tensor) -> Array:
        """Return losses (K,) as NumPy's, the last ones of members that have stopped."""
        now, earlier = losses.cpu().numpy(), self.member_losses[name]
        return np.where(self.stopped, earlier[-1], now) if earlier else now

    def _record_loss(self, name: str, losses: Tensor) -> Array:
        history, recorded = self.net.history, self._of_stopped(name, losses)
        value = float(recorded.mean())
        earlier = [epoch[name] for epoch in history[:-1] if name in epoch]
        history.record(name, value)
        history.record(name + "_best", value < min(earlier, default=math.inf))
        self.member_losses[name].append(recorded)
        return recorded

    def _record_training(self, losses: Tensor) -> None:
        history, mixed = self.net.history, self._of_stopped("mixed_loss", losses)
        if not self.for_many:
            check_losses(mixed, len(history), self.net.lr)
        self.member_losses["mixed_loss"].append(mixed)
        history.record("mixed_loss", float(mixed.mean()))
        if not history[-1]["batches"]:  # skorch's Checkpoint looks for a batch
            history.new_batch()
            history.record_batch("train_loss", float(mixed.mean()))
            n_rows = int(self.batches.counts[0])
            history.record_batch("train_batch_size", n_rows)
        history.record("train_batch_count", self.batches.n_steps)

    def _settle_batches(self) -> None:
        """Make numbers of the losses that the batches have recorded as tensors."""
        for batch in self.net.history[-1].get("batches", []):
            for name, value in batch.items():
                if isinstance(value, torch.Tensor):
                    batch[name] = float(value)


def _wait_whatever_happens(
    futures: Sequence[Future[Any]], failed: threading.Event
) -> None:
    """Wait until threads have ended, also where Ctrl-C is pressed meanwhile.

    What they write to is read afterwards.
    """
    interrupt = None
    while any(not future.done() for future in futures):
        try:
            wait(futures)
        except KeyboardInterrupt as error:
            failed.set()
            interrupt = error
    if interrupt is not None:
        raise interrupt


def is_watched(net: MixupNet) -> bool:
    """Tell whether a callback of a net wants to hear of each batch."""
    return is_heard(net, "on_batch_begin") or is_heard(net, "on_batch_end")


def is_heard(net: MixupNet, event: str) -> bool:
    """Tell whether a callback of a net listens to an event."""
    return any(
        getattr(type(cb), event) is not getattr(Callback, event)
        for _, cb in net.callbacks_
    )


def _add_losses(total: Tensor, losses: Tensor, counts: Array) -> None:
    """Add the sum of the rows' losses to those of the members that took part."""
    losses = losses.detach()
    if counts.min() == counts.max():
        total[: len(losses)].add_(losses, alpha=int(counts[0]))
    else:
        n_rows = torch.as_tensor(counts, device=losses.device).to(losses)
        total[: len(losses)] += losses * n_rows


def _parts(
    data: ResidentRows, rows: MemberRows, size: int, device: Device
) -> Iterator[tuple[Array, Tensor | None]]:
    """Yield member rows as indices and weights, some at a time to bound memory."""
    size = min(size, max(1, 2**22 // max(data.width * len(rows), 1)))
    mask = rows.mask()
    for start in range(0, rows.index.shape[1], size):
        part = np.s_[:, start : start + size]
        mass = None
        if mask is not None:
            mass = torch.as_tensor(mask[part], dtype=torch.float32, device=device)
        yield rows.index[part], mass
