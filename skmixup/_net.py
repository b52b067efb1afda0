"""`MixupNet`: a skorch net whose training step mixes, for K members in a stack."""

import contextlib
import copy
import math
import warnings
from itertools import pairwise

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring, EpochTimer, LRScheduler, PrintLog
from torch import nn
from torch.utils.data import Subset

from ._mixing import (
    check_alpha,
    check_lambda_per,
    draw_steps,
    make_mixer,
    mix,
    one_hot,
    weighted_lambda,
)
from ._resident import ResidentRows, unpack

_ORDER, _MIXING = 1, 2  # what a member's random streams are for
_BLOCK_VALUES = 2**17  # values gathered and mixed at once, for each member
_POOL_WORK = 2e7  # multiply-adds in a step from which a thread pool pays
_CLEAN_ROWS = 1024  # rows on which the clean training loss is measured


def draw_seed(random_state):
    """Return an int seed from `random_state`, leaving global random states alone.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws fresh entropy from the system.

    Returns
    -------
    seed : int
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)
    return int(check_random_state(random_state).randint(2**31 - 1))


@contextlib.contextmanager
def _own_torch_seed(seed):
    """Let modules use torch's global generators, and put those back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def _threads_for(work):
    """Keep steps of few multiply-adds off the thread pool, which would slow them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if work < _POOL_WORK else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class MixupNet(NeuralNet):
    """A skorch net that trains any torch module with mixup.

    Data live on the device as tensors; batches are slices of a permutation, mixed
    inside the training step. Nothing is mixed in validation, prediction or scoring,
    and no hook or mixing state survives `fit`. A skorch callback works as in skorch.

    The module gets a batch (B, ...) and returns scores (B, n_classes). A module with an
    attribute ``n_members`` (:class:`StackedMLP`) gets (K, B, ...), a batch for each of
    its K members, and returns (K, B, n_classes).

    Parameters
    ----------
    module : callable or torch.nn.Module
        Class or function that makes what to train; its arguments are given as
        ``module__NAME``. Of an instance a copy is trained, which starts from the
        instance's weights: `random_state` cannot draw those.
    criterion : class, default=torch.nn.CrossEntropyLoss
        A loss that takes soft targets. It is called with ``reduction="none"`` where it
        has such an argument; row weights need that.
    optimizer : class, default=torch.optim.AdamW
        Its arguments are given as ``optimizer__NAME``.
    alpha : float or sequence of float of length K, default=1.0
        λ ~ Beta(alpha, alpha), in [0, inf]. 0 is training without mixing, bit for bit.
    mixing : {"input", "manifold", "cutmix"}, Mixer or None, default="input"
        What is mixed; None switches mixing off.
    lambda_per : {"batch", "row"}, default="batch"
        One λ for each batch or for each row.
    label_smoothing : float, default=0.0
        Share of the target spread evenly over the classes, in [0, 1). Targets given as
        floating-point rows are left as they are.
    lr_schedule : {"constant", "cosine"}, default="constant"
        "cosine" lets the learning rate fall to zero over the epochs of one `fit`.
    random_state : int, RandomState or None, default=None
        Seeds weights, order, mixing and dropout. Global random states are left as they
        were.
    lr : float, default=1e-3
    max_epochs : int, default=20
    batch_size : int, default=64
        -1 for all rows in one batch.
    train_split : callable or None, default=None
        Splits validation rows off, e.g. ``skorch.dataset.ValidSplit(5)``.
    callbacks : list of skorch callbacks, default=None
    verbose : int, default=0
        1 prints skorch's table of epochs.
    device : str, default="cpu"
    **kwargs
        Further parameters of :class:`skorch.NeuralNet`, and ``module__*``,
        ``optimizer__*``, ``criterion__*``, ``callbacks__*``.

    Attributes
    ----------
    module_ : torch.nn.Module
    history : skorch.history.History
        One entry an epoch: "mixed_loss", the mean loss that training minimized, on
        mixed rows; "train_loss", the clean loss on up to 1024 training rows after the
        epoch; "valid_loss", the clean loss on the validation rows. With K members, the
        mean over members.
    seeds_ : list of int
        Seed of each member.
    valid_losses_ : torch.Tensor of shape (K,)
        Clean validation loss of each member after the last epoch.

    Raises
    ------
    ValueError
        If a parameter is out of range, or the loss turns NaN in training.

    Examples
    --------
    A small convolutional net on the 8 × 8 digits:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from torch import nn
    >>> from skmixup import MixupNet
    >>> X, y = load_digits(return_X_y=True)
    >>> X = (X / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    >>> def convnet(channels):
    ...     return nn.Sequential(
    ...         nn.Conv2d(1, channels, 3), nn.ReLU(), nn.MaxPool2d(2),
    ...         nn.Flatten(), nn.Linear(9 * channels, 10),
    ...     )
    >>> net = MixupNet(
    ...     convnet, module__channels=16, alpha=0.2, max_epochs=15, lr=5e-3,
    ...     random_state=0,
    ... ).fit(X[:1000], y[:1000])
    >>> bool((net.predict(X[1000:]) == y[1000:]).mean() > 0.9)
    True

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2017.
    """

    def __init__(
        self,
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        *,
        alpha=1.0,
        mixing="input",
        lambda_per="batch",
        label_smoothing=0.0,
        lr_schedule="constant",
        random_state=None,
        lr=1e-3,
        max_epochs=20,
        batch_size=64,
        train_split=None,
        verbose=0,
        **kwargs,
    ):
        self.alpha = alpha
        self.mixing = mixing
        self.lambda_per = lambda_per
        self.label_smoothing = label_smoothing
        self.lr_schedule = lr_schedule
        self.random_state = random_state
        super().__init__(
            module,
            criterion,
            optimizer,
            lr=lr,
            max_epochs=max_epochs,
            batch_size=batch_size,
            train_split=train_split,
            verbose=verbose,
            **kwargs,
        )

    # ---- what the net is made of

    @property
    def _default_callbacks(self):
        timer = [("epoch_timer", EpochTimer())]
        # PrintLog makes its table at every epoch, also where nobody reads it.
        return [*timer, ("print_log", PrintLog())] if self.verbose else timer

    @property
    def n_members(self):
        """Number of members that the module holds."""
        return getattr(self.module_, "n_members", 1)

    @property
    def _stacked(self):
        return hasattr(self.module_, "n_members")

    def initialize_module(self):
        """Make the module, its weights drawn from the members' seeds."""
        rng = np.random.RandomState(draw_seed(self.random_state))
        self.seeds_ = [int(rng.randint(2**31 - 1))]
        with _own_torch_seed(self.seeds_[0]):
            super().initialize_module()
        if self.module_ is self.module:  # an instance is the caller's: train a copy
            self.module_ = copy.deepcopy(self.module)
        self.seeds_ += rng.randint(2**31 - 1, size=self.n_members - 1).tolist()
        if self._stacked:
            self.module_.reset_parameters(self.seeds_)
        return self

    def initialize_criterion(self):
        """Make the criterion, one loss a row where it can."""
        kwargs = self.get_params_for("criterion")
        if isinstance(self.criterion, type) and issubclass(
            self.criterion, nn.modules.loss._Loss
        ):
            kwargs = {"reduction": "none"} | kwargs
        self.criterion_ = self.initialized_instance(self.criterion, kwargs)
        return self

    def initialize(self):
        """Check the parameters and make all components."""
        self._check_mixing_params()
        self.n_outputs_ = None  # learned from the first batch
        return super().initialize()

    def _check_mixing_params(self):
        for alpha in np.atleast_1d(np.asarray(self.alpha, dtype=object)):
            check_alpha(alpha)
        check_lambda_per(self.lambda_per)
        if self.lr_schedule not in ("constant", "cosine"):
            raise ValueError(
                f"lr_schedule must be 'constant' or 'cosine', got {self.lr_schedule!r}."
            )
        if not 0 <= self.label_smoothing < 1:
            raise ValueError(
                f"label_smoothing must be in [0, 1), got {self.label_smoothing!r}."
            )
        if not (self.batch_size == -1 or self.batch_size >= 1):
            raise ValueError(
                f"batch_size must be at least 1, or -1, got {self.batch_size!r}."
            )
        ignored = [k for k in vars(self) if k.startswith("iterator_train__")]
        if ignored:
            raise ValueError(
                f"{ignored} would have no effect: MixupNet slices a permutation and "
                "uses no DataLoader. Use batch_size."
            )
        make_mixer(self.mixing)

    # ---- training

    def fit_loop(
        self,
        X,
        y=None,
        epochs=None,
        *,
        sample_weight=None,
        rows=None,
        valid_rows=None,
        _routing_method="fit",
    ):
        """Train for some epochs.

        Parameters
        ----------
        X : array-like, torch.Tensor, sparse matrix or skorch Dataset, first axis rows
        y : array-like or torch.Tensor
            Class indices, or floating-point targets.
        epochs : int, default=None
            By default `max_epochs`.
        sample_weight : array-like of shape (n_rows,), default=None
            Scaled to a mean of one. The loss of a mixed row is
            λ·w_i·loss(y_i) + (1−λ)·w_j·loss(y_j).
        rows, valid_rows : array-like of int, shape (n,) or (K, n), default=None
            Rows to train on and to validate on, for all members or for each; in place
            of `train_split`.

        Returns
        -------
        self : MixupNet
        """
        self._check_mixing_params()
        self.check_data(X, y)
        train_set, valid_set = self._split(X, y, rows, valid_rows)
        data_X, data_y, all_rows = unpack(train_set)
        if data_y is None:
            raise ValueError("MixupNet needs targets: y is None.")
        data = self._resident(data_X, data_y, sample_weight)
        train_rows = self._row_index(rows if rows is not None else all_rows, data)
        valid = self._valid_data(data, valid_set, valid_rows)
        epochs = self.max_epochs if epochs is None else epochs
        sets = {"dataset_train": train_set, "dataset_valid": valid_set}
        sample = self._clean_sample(train_rows)
        self._probe_outputs(data)
        mixer = self._active_mixer()
        mixing = (
            contextlib.nullcontext() if mixer is None else mixer.attached(self.module_)
        )
        seeded = _own_torch_seed(self.seeds_[0] + len(self.history))
        with self._threads(train_rows), seeded, mixing as inside:
            for epoch in range(epochs):
                self.notify("on_epoch_begin", **sets)
                progress = (epoch / epochs, (epoch + 1) / epochs)
                with self._whole_epochs():
                    self._train_epoch(data, train_rows, mixer, inside, progress)
                    self._record_loss("train_loss", self._clean_losses(data, sample)[0])
                    self._valid_epoch(*valid)
                    self._settle_batches()
                self.notify("on_epoch_end", **sets)
        return self

    @contextlib.contextmanager
    def _whole_epochs(self):
        """Forget an epoch that was not finished, and leave the learning rates alone."""
        groups = self.optimizer_.param_groups
        lrs = [group["lr"] for group in groups]
        try:
            yield
        except BaseException as error:
            self.history.pop()
            if isinstance(error, KeyboardInterrupt):
                warnings.warn("Training interrupted by user.", stacklevel=2)
            raise
        finally:
            if self.lr_schedule != "constant":
                for group, lr in zip(groups, lrs, strict=True):
                    group["lr"] = lr

    def _split(self, X, y, rows, valid_rows):
        """Return the datasets that callbacks see."""
        if rows is None:
            return self.get_split_datasets(X, y)
        dataset = self.get_dataset(X, y)
        shared = [
            r if r is None or np.ndim(r) == 1 else r[0] for r in (rows, valid_rows)
        ]
        return tuple(None if r is None else Subset(dataset, r) for r in shared)

    def _resident(self, X, y=None, weight=None):
        """Put rows on the device, in the module's precision."""
        dtypes = (p.dtype for p in self.module_.parameters() if p.is_floating_point())
        return ResidentRows(X, y, weight, self.device, next(dtypes, torch.float32))

    def _threads(self, rows):
        n_weights = sum(p.numel() for p in self.module_.parameters())
        return _threads_for(n_weights * self._batch_rows(rows))

    def _row_index(self, rows, data):
        """Return row numbers as (K, n)."""
        rows = np.arange(len(data)) if rows is None else np.asarray(rows)
        if rows.shape[-1] == 0:
            raise ValueError("Found no rows to train or validate on.")
        return np.broadcast_to(rows, (self.n_members, rows.shape[-1]))

    def _valid_data(self, data, valid_set, valid_rows):
        """Return the validation rows as resident data and (K, n) row numbers."""
        if valid_set is None:
            return None, None
        X, y, rows = unpack(valid_set)
        if valid_rows is None and rows is None:  # a data set of its own
            data = self._resident(X, y)
        rows = valid_rows if valid_rows is not None else rows
        return data, torch.as_tensor(self._row_index(rows, data).copy()).to(self.device)

    def _active_mixer(self):
        """Return the mixer, or None if nothing is to be mixed."""
        if np.size(self.alpha) not in (1, self.n_members):
            raise ValueError(
                f"alpha has {np.size(self.alpha)} values for {self.n_members} "
                "member(s): give one number, or one for each member."
            )
        return make_mixer(self.mixing) if np.any(np.asarray(self.alpha) != 0) else None

    def _member_rngs(self, purpose):
        """Return each member's stream for this epoch: a function of its seed alone."""
        epoch = len(self.history)
        return [np.random.default_rng([seed, epoch, purpose]) for seed in self.seeds_]

    def _blocks(self, data, rows, mixer):
        """Yield the epoch as blocks of whole steps: the rows and the random draws."""
        n_rows, batch_size = rows.shape[1], self._batch_rows(rows)
        order = np.stack(
            [rng.permutation(r) for rng, r in zip(self._member_rngs(_ORDER), rows)]  # noqa: B905
        )
        rngs = self._member_rngs(_MIXING)
        alphas = np.broadcast_to(self.alpha, self.n_members)
        # Not a function of K, so that a member's draws are the same in any company.
        steps = max(1, _BLOCK_VALUES // (batch_size * max(data.width, 1)))
        bounds = [*range(0, n_rows, steps * batch_size), n_rows]
        whole = n_rows // batch_size * batch_size  # the last batch may be smaller
        bounds = sorted({*bounds, whole})
        for start, stop in pairwise(bounds):
            size = min(batch_size, stop - start)
            shape = (self.n_members, (stop - start) // size, size)
            draws = {}
            if mixer is not None:
                draws = draw_steps(mixer, rngs, alphas, *shape[1:], self.lambda_per)
            yield order[:, start:stop].reshape(shape), draws

    def _steps(self, data, rows, mixer):
        """Yield batches: X, target, weight and the step's draws, members first."""
        for block, draws in self._blocks(data, rows, mixer):
            draws = {name: torch.as_tensor(value) for name, value in draws.items()}
            index = torch.as_tensor(block).to(self.device)
            X, y, weight = data.take(index), self._targets(data, index), None
            if data.weight is not None:
                weight = data.weight[index]
            if mixer is not None:
                lam, partner = (draws[k].to(self.device) for k in ("lam", "partner"))
                draws |= {"lam": lam, "partner": partner}
                X, y, weight = self._mix(data, index, mixer, draws, X, y, weight)
            for step in range(index.shape[1]):
                yield (
                    X[:, step],
                    y[:, step],
                    None if weight is None else weight[:, step],
                    {name: value[:, step] for name, value in draws.items()},
                )

    def _mix(self, data, index, mixer, draws, X, y, weight):
        """Mix a block of steps."""
        other = torch.take_along_dim(index, draws["partner"], dim=2)
        extra = {k: v for k, v in draws.items() if k not in ("lam", "partner")}
        X, lam = mixer.mix(X, data.take(other), draws["lam"], **extra)
        if weight is not None:
            lam, weight = weighted_lambda(lam, weight, data.weight[other])
        return X, mix(y, self._targets(data, other), lam), weight

    def _targets(self, data, index):
        """Return the targets of rows, one-hot and smoothed if they are classes."""
        y = data.y[index]
        if y.is_floating_point():
            return y
        y = one_hot(y, self.n_outputs_)
        return y.lerp(torch.full_like(y, 1 / y.shape[-1]), self.label_smoothing)

    def _train_epoch(self, data, rows, mixer, inside, progress):
        if self._stacked:
            self.module_.seed_members(self.seeds_, len(self.history))
        self._set_training(True)
        watched = self._watched()
        base_lrs = [group["lr"] for group in self.optimizer_.param_groups]
        n_steps = math.ceil(rows.shape[1] / self._batch_rows(rows))
        total = torch.zeros(self.n_members, device=self.device)
        for i, (X, y, weight, draws) in enumerate(self._steps(data, rows, mixer)):
            self._set_lr(base_lrs, np.interp(i, [0, n_steps], progress))
            batch = (X, y) if self._stacked else (X[0], y[0])
            if watched:
                self._set_training(True)
                self.notify("on_batch_begin", batch=batch, training=True)
            mixes_inside = inside.using(**draws) if inside else contextlib.nullcontext()
            with mixes_inside:
                step = self.train_step((X, y), weight=weight)
            total += step["losses"].detach() * X.shape[1]
            if watched:
                self._record_batch("train", step, X.shape[1])
                self.notify("on_batch_end", batch=batch, training=True, **step)
        self._record_training(total / rows.shape[1], n_steps)

    def _batch_rows(self, rows):
        n_rows = rows.shape[1]
        return n_rows if self.batch_size == -1 else min(self.batch_size, n_rows)

    def _set_lr(self, base_lrs, progress):
        """Set the learning rates for a share of the training done."""
        if self.lr_schedule == "constant":
            return
        factor = 0.5 * (1 + math.cos(math.pi * progress))
        for group, lr in zip(self.optimizer_.param_groups, base_lrs, strict=True):
            group["lr"] = lr * factor

    def train_step(self, batch, weight=None):
        """Take one step of the optimizer; return the losses and the prediction."""
        if isinstance(self.optimizer_, torch.optim.LBFGS):  # needs skorch's closure
            return super().train_step(batch, weight=weight)
        for group in self.optimizer_.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        step = self.train_step_single(batch, weight)
        if self._heard("on_grad_computed"):
            parameters = list(self.get_all_learnable_params())
            self.notify(
                "on_grad_computed",
                named_parameters=parameters,
                batch=batch,
                training=True,
            )
        self.optimizer_.step()
        return step

    def train_step_single(self, batch, weight=None):
        """Compute the loss of a batch (K, B, ...) and its gradient."""
        X, target = batch
        y_pred = self._forward_members(X)
        losses = self._member_losses(y_pred, target, weight)
        loss = losses.sum()  # members share no weights: no gradient leaks
        loss.backward()
        return {
            "loss": loss.detach() / len(losses),
            "losses": losses,
            "y_pred": self._rows_first(y_pred),
        }

    def _forward_members(self, X):
        return self.module_(X) if self._stacked else self.module_(X[0])[None]

    def _rows_first(self, y_pred):
        """Return outputs (K, B, ...) as skorch's callbacks take them: (B, [K,] ...)."""
        return y_pred.transpose(0, 1) if self._stacked else y_pred[0]

    def _member_losses(self, y_pred, target, weight):
        """Return the mean loss of each member, (K,)."""
        if y_pred.shape != target.shape:
            raise ValueError(
                f"The module returns shape {tuple(y_pred.shape[2:])} a row, and its "
                f"target has {tuple(target.shape[2:])}: give y the output's shape, "
                "or class indices (integers)."
            )
        loss = self.criterion_(y_pred.flatten(0, 1), target.flatten(0, 1))
        if loss.dim() == 0:
            if weight is not None:
                raise ValueError(
                    "sample_weight needs a criterion with reduction='none', got "
                    f"{self.criterion_}."
                )
            return loss[None]
        loss = loss.reshape(*y_pred.shape[:2], -1).mean(-1)
        return (loss if weight is None else loss * weight).mean(1)

    def _probe_outputs(self, data):
        """Learn how wide the module's output is, so that one-hot rows fit it."""
        if data.y.is_floating_point() or self.n_outputs_:
            return
        index = torch.zeros((self.n_members, 1), dtype=torch.long, device=self.device)
        y_pred = self._eval_members(data.take(index))
        n_labels = int(data.y.max()) + 1
        if y_pred.shape[-1] < n_labels:
            raise ValueError(
                f"y holds class index {n_labels - 1}, but the module returns "
                f"{y_pred.shape[-1]} score(s) a row: it needs at least {n_labels}."
            )
        self.n_outputs_ = y_pred.shape[-1]

    # ---- validation and records

    @torch.no_grad()
    def _eval_members(self, X):
        self._set_training(False)
        return self._forward_members(X)

    @torch.no_grad()
    def _clean_losses(self, data, rows):
        """Return the weighted clean loss of each member, without mixing or dropout."""
        y_pred = self._eval_members(data.take(rows))
        target = one_hot(data.y[rows], self.n_outputs_)
        if data.weight is None:
            return self._member_losses(y_pred, target, None), y_pred
        weight = data.weight[rows]
        weight = weight / weight.mean(1, keepdim=True)
        return self._member_losses(y_pred, target, weight), y_pred

    def _valid_epoch(self, data, rows):
        if data is None:
            return
        watched = self._watched()
        total, n_rows, weights = 0, rows.shape[1], 0
        step_size = n_rows if not watched else self._batch_rows(rows)
        step_size = min(step_size, max(1, 2**22 // max(data.width * len(rows), 1)))
        for part in rows.split(step_size, dim=1):
            if watched:
                batch = (data.take(part[:1])[0], data.y[part[0]])
                self.notify("on_batch_begin", batch=batch, training=False)
            losses, y_pred = self._clean_losses(data, part)
            mass = part.shape[1] if data.weight is None else data.weight[part].sum(1)
            total, weights = total + losses * mass, weights + mass
            if watched:
                step = {"loss": losses.mean(), "y_pred": self._rows_first(y_pred)}
                self._record_batch("valid", step, part.shape[1])
                self.notify("on_batch_end", batch=batch, training=False, **step)
        self.valid_losses_ = total / weights
        self._record_loss("valid_loss", self.valid_losses_)

    def _watched(self):
        """Tell whether a callback wants to hear of each batch."""
        return self._heard("on_batch_begin") or self._heard("on_batch_end")

    def _heard(self, event):
        """Tell whether a callback listens to an event."""
        return any(
            getattr(type(cb), event) is not getattr(Callback, event)
            for _, cb in self.callbacks_
        )

    def _record_batch(self, prefix, step, size):
        # A tensor, not a number: reading it would wait for the device.
        self.history.record_batch(prefix + "_loss", step["loss"].detach())
        self.history.record_batch(prefix + "_batch_size", size)

    def _record_loss(self, name, losses):
        value = float(losses.mean())
        earlier = [epoch[name] for epoch in self.history[:-1] if name in epoch]
        self.history.record(name, value)
        self.history.record(name + "_best", value < min(earlier, default=math.inf))

    def _record_training(self, losses, n_steps):
        mixed = losses.cpu().numpy()
        if not np.isfinite(mixed).all():
            raise ValueError(
                f"Training diverged: the loss of member(s) "
                f"{np.flatnonzero(~np.isfinite(mixed)).tolist()} is not finite in "
                f"epoch {len(self.history)}. Lower lr (now {self.lr!r}), or scale X."
            )
        self.history.record("mixed_loss", float(mixed.mean()))
        if not self.history[-1]["batches"]:  # skorch's Checkpoint looks for a batch
            self.history.new_batch()
            self.history.record_batch("train_loss", float(mixed.mean()))
        self.history.record("train_batch_count", n_steps)

    def _clean_sample(self, rows):
        """Return the rows on which the clean training loss is measured."""
        sample = np.random.default_rng(0).permuted(rows, axis=1)[:, :_CLEAN_ROWS]
        return torch.as_tensor(sample).to(self.device)

    def _settle_batches(self):
        """Make numbers of the losses that the batches have recorded as tensors."""
        for batch in self.history[-1].get("batches", []):
            for name, value in batch.items():
                if isinstance(value, torch.Tensor):
                    batch[name] = float(value)

    # ---- prediction

    def forward_iter(self, X, training=False, device="cpu"):
        """Yield the module's output chunk by chunk, rows first.

        Parameters
        ----------
        X : array-like, torch.Tensor, sparse matrix or skorch Dataset
        training : bool, default=False
            Whether to run the module in training mode.
        device : str, default="cpu"
            Where the results are put.

        Yields
        ------
        y_pred : torch.Tensor of shape (chunk, ...), or (chunk, K, ...) if stacked
        """
        rows = None
        if isinstance(X, torch.utils.data.Dataset):
            X, _, rows = unpack(X)
        data = self._resident(X)
        rows = np.arange(len(data)) if rows is None else rows
        size = int(np.clip(2**22 // max(data.width * self.n_members, 1), 1, 4096))
        for start in range(0, len(rows), size):
            part = torch.as_tensor(rows[start : start + size]).to(self.device)
            yield self.evaluation_step((data.take(part), None), training).to(device)

    def evaluation_step(self, batch, training=False):
        """Return the module's output for a batch (B, ...), rows first."""
        self.check_is_fitted()
        X, _ = batch
        self._set_training(training)
        with torch.set_grad_enabled(training):
            if not self._stacked:
                return self.module_(X)
            # In double precision, where the device has it, a row's prediction does not
            # depend on the rows beside it.
            X = X.double() if torch.device(self.device).type != "mps" else X
            return self.module_(X).transpose(0, 1)

    def predict_proba(self, X):
        """Return the probabilities of rows, the mean over members.

        Parameters
        ----------
        X : array-like, torch.Tensor, sparse matrix or skorch Dataset

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            For a criterion other than cross-entropy, what skorch's
            ``predict_nonlinearity`` makes of the module's outputs.
        """
        proba = super().predict_proba(X)
        return proba.mean(1) if self._stacked else proba

    def predict(self, X):
        """Return class indices if the criterion is cross-entropy, else the outputs.

        Parameters
        ----------
        X : array-like, torch.Tensor, sparse matrix or skorch Dataset

        Returns
        -------
        y_pred : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        """
        y_pred = self.predict_proba(X)
        classifies = isinstance(self.criterion_, nn.CrossEntropyLoss | nn.NLLLoss)
        return y_pred.argmax(1) if classifies else y_pred

    def initialize_callbacks(self):
        """Make the callbacks; refuse those at odds with mixing or with lr_schedule."""
        super().initialize_callbacks()
        for name, cb in self.callbacks_:
            if isinstance(cb, LRScheduler) and self.lr_schedule != "constant":
                raise ValueError(
                    f"Callback {name!r} and lr_schedule={self.lr_schedule!r} would "
                    "both set the learning rate: use lr_schedule='constant' with it."
                )
            if isinstance(cb, EpochScoring) and cb.on_train and cb.use_caching:
                raise ValueError(
                    f"Callback {name!r} would score the mixed rows of training against "
                    "soft targets: give it use_caching=False."
                )
        return self
