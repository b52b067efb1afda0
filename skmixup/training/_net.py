"""`MixupNet`: a skorch net whose training step mixes, for K members in a stack."""

from __future__ import annotations

import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields
from typing import Any, Self

import numpy as np
import torch
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from scipy import sparse
from skorch import NeuralNet
from skorch.callbacks import (
    BatchScoring,
    EpochScoring,
    EpochTimer,
    LRScheduler,
    PrintLog,
)
from torch import Tensor, nn

from .._typing import (
    Array,
    LambdaPer,
    MixingName,
    NetData,
    NetTargets,
    Partner,
    RandomState,
    Rows,
    Schedule,
    Weight,
)
from ..encoding._checks import as_table, is_table
from ..encoding._columns import to_frame
from ..mixing._core import one_hot
from ..mixing._draws import check_alpha, check_lambda_per
from ..mixing._mixers import MIXERS, Mixer, make_mixer
from ..stack._adamw import StackedAdamW
from ..stack._layers import check_member_values, shown
from ..stack._losses import LOSSES
from ..stack._mlp import StackedMLP
from ._criteria import (
    EACH_OUTPUT,
    as_array,
    criterion_name,
    criterion_traits,
    is_criterion,
    soft_nll_loss,
)
from ._data import ResidentRows, load, resident, unpack
from ._fit_state import FitState
from ._global_state import OwnStream, full_precision, recording, without_subnormals
from ._loop import Training, is_heard
from ._plan import Member, one_or_each
from ._predicts import PredictsTargets
from ._pseudo_labels import UNLABELED, PseudoLabels
from ._scores import chunk_rows, member_scores
from ._seeds import draw_seed, member_seeds

_PROBE_ROWS = 16  # on which the module and the criterion are tried before training
_OF_MODULE = ("seed", "n_levels")  # of Member's fields: what a stack itself tells
_OF_SIGNS = (nn.HingeEmbeddingLoss, nn.SoftMarginLoss)  # and fail on no others


def _are_log(y_pred: Tensor) -> bool:
    """Tell whether rows are logarithms of probabilities."""
    return bool((y_pred.double().logsumexp(-1).abs() < 0.1).all())


class MixupNet(FitState, PredictsTargets, NeuralNet):  # numpydoc ignore=PR02
    """A skorch net that trains any torch module with mixup.

    Data live on the device as tensors; batches are slices of a permutation, mixed
    inside the training step. Nothing is mixed in validation, prediction or scoring,
    and no hook or mixing state survives `fit`. A skorch callback works as in skorch.

    The module gets a batch (B, ...) and returns scores (B, n_classes). A module with an
    attribute ``n_members`` (:class:`StackedMLP`) gets (K, B, ...), a batch for each of
    its K members, and returns (K, B, n_classes).

    Rows become floating-point. Numbers that name something, as tokens do, cannot be
    mixed: give a module that looks them up with ``X.long()`` a mixer of what it makes
    of them, such as ``ManifoldMixup(layers=[...])`` of a later layer.

    To scikit-learn a net is what its criterion says: with CrossEntropyLoss, NLLLoss,
    BCELoss or BCEWithLogitsLoss a classifier, whose labels may be text and whose
    `score` is the accuracy; with MSELoss, L1Loss, SmoothL1Loss or HuberLoss a
    regressor, whose `score` is R²; with any other neither, and class indices are
    learned as one-hot rows.

    Parameters
    ----------
    module : callable or torch.nn.Module
        Class or function that makes what to train; its arguments are given as
        ``module__NAME``. Of an instance a copy is trained, which starts from the
        instance's weights: `random_state` cannot draw those.
    criterion : class, default=torch.nn.CrossEntropyLoss
        A loss that takes soft targets; of torch's NLLLoss, which does not, they are
        taken here: the module then returns logarithms of probabilities. It is called
        with ``reduction="none"`` where it has such an argument; row weights need that.
        HingeEmbeddingLoss and SoftMarginLoss, of targets -1 and 1, are refused.
    optimizer : class, default=torch.optim.AdamW
        Its arguments are given as ``optimizer__NAME``.
    alpha : float or sequence of float of length K, default=1.0
        λ ~ Beta(alpha, alpha), in [0, inf]. 0 is training without mixing, bit for bit.
    mixing : str, Mixer or None, default="input"
        What is mixed, a key of :data:`skmixup.mixing.MIXERS`; None switches mixing off.
    lambda_per : {"batch", "row"}, default="batch"
        One λ for each batch or for each row.
    partner : {"random", "target"}, default="random"
        Mix a row with one of its batch at random; or with one of all rows whose target
        is like its own, as C-Mixup does, where targets are numbers.
    bandwidth : float, default=0.5
        σ of the kernel exp(−|y_i − y_j|² / 2σ²) that partners are drawn by, in units of
        the targets. Used with ``partner="target"``.
    label_smoothing : float or sequence of float of length K, default=0.0
        Share of the target spread evenly over the classes, in [0, 1). Targets given as
        floating-point rows are left as they are, but with BCEWithLogitsLoss drawn
        towards 1/2.
    lr_schedule : {"constant", "cosine"}, default="constant"
        "cosine" lets the learning rate fall towards zero, epoch by epoch, over one
        `fit`.
    dropout_schedule : {"constant", "cosine"}, default="constant"
        "cosine" lets the rates of the module's layers of dropout (`torch.nn.Dropout`
        and its kin, not what other layers drop within) fall towards zero in the same
        way.
    epochs_per_pass : int, default=1
        Epochs in which all rows are visited once: of more than 1, each takes a part of
        them, so that callbacks and early stopping hear more often of a long table. The
        validation loss is then that of at most 16,384 rows.
    pseudo_labels : PseudoLabels, default=None
        Rows whose class is -1 (or missing, where labels are text) have no label, and
        are learned by what each member says of them itself. With None, there are no
        such rows.
    random_state : int, RandomState or None, default=None
        Seeds weights, order, mixing and dropout. Global random states are left as they
        were. A module that is no StackedMLP draws from torch's global generators, which
        belong to the process: in threads, its fits take turns, epoch by epoch. Such a
        module follows torch's default dtype and device, and autocast, as it does
        elsewhere, and its results with them; a StackedMLP depends on none of them.
    lr : float or sequence of float of length K, default=1e-3
        Learning rate; of each member, with ``optimizer=StackedAdamW``.
    max_epochs : int, default=20
        Epochs of a `fit`.
    batch_size : int, default=64
        -1 for all rows in one batch. A last batch of a single row, which would be mixed
        with nothing and fails in BatchNorm, is joined to the one before it; in a
        StackedMLP it stays alone.
    train_split : callable or None, default=None
        Splits validation rows off, e.g. ``skorch.dataset.ValidSplit(5)``.
    callbacks : list of skorch callbacks, default=None
        Told of what happens in the training, as in skorch.
    verbose : int, default=0
        1 prints skorch's table of epochs.
    device : str, default="cpu"
        Where the module and the rows are: "cpu", "cuda", "cuda:1", "mps".
    **kwargs
        Further parameters of :class:`skorch.NeuralNet`, and ``module__*``,
        ``optimizer__*``, ``criterion__*``, ``callbacks__*``.

    Attributes
    ----------
    module_ : torch.nn.Module
    classes_ : ndarray of shape (n_classes,)
        Of a classifier, the labels in the order of `predict_proba`: those of text, or
        named in ``fit(X, y, classes=...)``, sorted; else 0, 1, ....
    history : skorch.history.History
        One entry an epoch: "mixed_loss", the mean loss that training minimized, on
        mixed rows; "train_loss", the clean loss on up to 256 training rows after the
        epoch; "valid_loss", the clean loss on the validation rows. With K members, the
        mean over members.
    seeds_ : list of int
        Seed of each member.
    interrupted_ : bool
        Whether a user has ended the last training before its end.
    n_features_in_ : int
        Number of columns, of a net that was fitted on a table.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of a table's columns, where all are strings. A table whose columns have
        other names, or another order, is refused.
    valid_losses_ : torch.Tensor of shape (K,)
        Clean validation loss of each member after the last epoch.
    member_losses_ : dict of str to list of ndarray of shape (K,)
        Each member's losses of the last training, epoch by epoch: "mixed_loss",
        "train_loss" and "valid_loss", of which the history has the means.

    Raises
    ------
    ValueError
        If a parameter is out of range, X, y or weights are not what can be learned
        from, or the loss turns NaN in training.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", 2017.

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
    """

    module_: Any
    criterion_: Any
    optimizer_: Any
    history: Any
    seeds_: list[int]
    interrupted_: bool
    n_features_in_: int
    feature_names_in_: Array
    valid_losses_: Tensor
    member_losses_: dict[str, list[Array]]

    def __init__(
        self,
        module: Callable[..., nn.Module] | nn.Module,
        criterion: Callable[..., Any] | nn.Module = nn.CrossEntropyLoss,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW,
        *,
        alpha: float | Sequence[float] | Array = 1.0,
        mixing: MixingName | Mixer | None = "input",
        lambda_per: LambdaPer = "batch",
        partner: Partner = "random",
        bandwidth: float = 0.5,
        label_smoothing: float | Sequence[float] | Array = 0.0,
        lr_schedule: Schedule = "constant",
        dropout_schedule: Schedule = "constant",
        epochs_per_pass: int = 1,
        pseudo_labels: PseudoLabels | None = None,
        random_state: RandomState = None,
        lr: float | Sequence[float] | Array = 1e-3,
        max_epochs: int = 20,
        batch_size: int = 64,
        train_split: Callable[..., Any] | None = None,
        verbose: int = 0,
        **kwargs: Any,
    ) -> None:
        self.alpha = alpha
        self.mixing = mixing
        self.lambda_per = lambda_per
        self.partner = partner
        self.bandwidth = bandwidth
        self.label_smoothing = label_smoothing
        self.lr_schedule = lr_schedule
        self.dropout_schedule = dropout_schedule
        self.epochs_per_pass = epochs_per_pass
        self.pseudo_labels = pseudo_labels
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
    def _default_callbacks(self) -> list[tuple[str, Any]]:
        timer = [("epoch_timer", EpochTimer())]
        # PrintLog makes its table at every epoch, also where nobody reads it.
        return [*timer, ("print_log", PrintLog())] if self.verbose else timer

    @property
    def n_members(self) -> int:
        """Number of members that the module holds."""
        return getattr(self.module_, "n_members", 1)

    @property
    def _stacked(self) -> bool:
        return hasattr(self.module_, "n_members")

    def initialize_module(self) -> Self:
        """Make the module, its weights drawn from the members' seeds."""
        seeds = member_seeds(draw_seed(self.random_state))
        first = next(seeds)
        if self.module is StackedMLP:  # which draws from generators of its own
            super().initialize_module()
        else:
            with OwnStream(first, self.device).flowing():
                super().initialize_module()
        if self.module_ is self.module:  # an instance is the caller's: train a copy
            self.module_ = copy.deepcopy(self.module)
        if "seeds" in self.get_params_for("module"):
            self.seeds_ = list(self.module_.seeds)
            return self
        self.seeds_ = [first, *itertools.islice(seeds, self.n_members - 1)]
        if self._stacked:
            self.module_.reset_parameters(self.seeds_)
        return self

    def initialize_criterion(self) -> Self:
        """Make the criterion, one loss a row where it can."""
        kwargs = self.get_params_for("criterion")
        if isinstance(self.criterion, type) and issubclass(
            self.criterion, nn.modules.loss._Loss
        ):
            kwargs = {"reduction": "none"} | kwargs
        self.criterion_ = self.initialized_instance(self.criterion, kwargs)
        if getattr(self.criterion_, "ignore_index", -100) != -100:
            raise ValueError(
                f"criterion__ignore_index={self.criterion_.ignore_index} has no "
                "meaning for the targets of mixed rows: leave those rows out, or give "
                "them a sample_weight of 0."
            )
        if isinstance(self.criterion_, _OF_SIGNS):
            raise ValueError(
                f"criterion={type(self.criterion_).__name__} takes targets of -1 and 1 "
                "alone, and is wrong for what is between, as in mixed rows: use "
                "BCEWithLogitsLoss, which takes numbers from 0 to 1."
            )
        return self

    def initialize(self) -> Self:
        """Check the parameters and make all components."""
        self._check_mixing_params()
        self._forget_data()
        self.member_losses_ = {}
        self.n_outputs_ = None  # learned from the first batch
        self.labels_ = self.n_columns_ = None
        try:
            with recording():
                return super().initialize()
        except BaseException:
            self._forget()
            raise

    def _check_mixing_params(self) -> None:
        for alpha in np.atleast_1d(np.asarray(self.alpha, dtype=object)):
            check_alpha(alpha)
        check_lambda_per(self.lambda_per)
        if self.partner not in ("random", "target"):
            raise ValueError(
                f"partner must be 'random' or 'target', got {self.partner!r}."
            )
        if not self.bandwidth > 0:
            raise ValueError(f"bandwidth must be above 0, got {shown(self.bandwidth)}.")
        for name in ("lr_schedule", "dropout_schedule"):
            if getattr(self, name) not in ("constant", "cosine"):
                raise ValueError(
                    f"{name} must be 'constant' or 'cosine', got "
                    f"{getattr(self, name)!r}."
                )
        smoothing = np.asarray(self.label_smoothing)
        if not ((smoothing >= 0) & (smoothing < 1)).all():
            raise ValueError(
                f"label_smoothing must be in [0, 1), got {shown(self.label_smoothing)}."
            )
        if not (self.batch_size == -1 or self.batch_size >= 1):
            raise ValueError(
                f"batch_size must be at least 1, or -1, got {shown(self.batch_size)}."
            )
        if not self.epochs_per_pass >= 1:
            raise ValueError(
                "epochs_per_pass must be at least 1, got "
                f"{shown(self.epochs_per_pass)}."
            )
        if not isinstance(self.pseudo_labels, PseudoLabels | None):
            raise ValueError(
                f"pseudo_labels must be a PseudoLabels or None, got "
                f"{self.pseudo_labels!r}."
            )
        if self.pseudo_labels is not None and not is_criterion(
            self.criterion, (nn.CrossEntropyLoss, nn.NLLLoss)
        ):
            raise ValueError(
                "pseudo_labels need a criterion of classes, CrossEntropyLoss or "
                f"NLLLoss, got criterion={criterion_name(self.criterion)}."
            )
        ignored = [k for k in vars(self) if k.startswith("iterator_train__")]
        if ignored:
            raise ValueError(
                f"{ignored} would have no effect: MixupNet slices a permutation and "
                "uses no DataLoader. Use batch_size."
            )
        make_mixer(self.mixing)

    # ---- training

    def fit(self, X: NetData, y: NetTargets = None, **fit_params: Any) -> Self:
        """Train from new weights; from those that are there with ``warm_start=True``.

        A fit that fails leaves no net to predict from. One that Ctrl-C interrupts
        returns what whole epochs have made of it, if there are any.

        Parameters
        ----------
        X, y : as for `fit_loop`
            Rows and targets.
        **fit_params
            As in `partial_fit`.

        Returns
        -------
        self : MixupNet
        """
        goes_on = self.warm_start and self.initialized_
        try:
            return super().fit(X, y, **fit_params)
        except BaseException:
            if not goes_on:
                self._forget()
            raise

    def partial_fit(
        self,
        X: NetData,
        y: NetTargets = None,
        classes: ArrayLike | None = None,
        **fit_params: Any,
    ) -> Self:
        """Train for `max_epochs` epochs more, from the weights that are there.

        If the data are refused, the net stays as it was; if training fails, there is
        none to predict from.

        Parameters
        ----------
        X, y : as for `fit_loop`
            Rows and targets.
        classes : array-like of shape (n_classes,), default=None
            All labels, where the first y may lack some; to be given as well (to `fit`,
            too) where labels are integers that do not count from 0.
        **fit_params
            Further parameters of `fit_loop`.

        Returns
        -------
        self : MixupNet
        """
        with recording(), self._forgotten_if_it_fails():
            if not self.initialized_:
                self.initialize()
            with self._unchanged_if_refused():
                if classes is not None:
                    self._learn_labels(as_array(classes))
                X, y = as_table(X), as_array(y)
                X = to_frame(X) if is_table(X) else X
            self.notify("on_train_begin", X=X, y=y)
            try:
                self.fit_loop(X, y, **fit_params)
            except KeyboardInterrupt:
                if self._refused or not self.history:  # nothing has been trained
                    raise
            self.notify("on_train_end", X=X, y=y)
            if not fit_params.get("for_many", False):
                self._check_weights()
        return self

    def fit_loop(
        self,
        X: NetData,
        y: NetTargets = None,
        epochs: int | None = None,
        *,
        sample_weight: ArrayLike | Tensor | None = None,
        rows: Any = None,
        valid_rows: Any = None,
        for_many: bool = False,
        n_jobs: int | None = None,
        _routing_method: str = "fit",
    ) -> Self:
        """Train for some epochs.

        Parameters
        ----------
        X : array-like, DataFrame, torch.Tensor, sparse matrix or skorch Dataset
            Numbers; the first axis is the rows'.
        y : array-like or torch.Tensor
            For a criterion of classes, labels: class indices (0, 1, ...) or text, also
            in one column; or a matrix with a column for each output: one-hot, indicator
            or soft. For one of numbers, an array of the output's shape.
        epochs : int, default=None
            By default `max_epochs`.
        sample_weight : array-like of shape (n_rows,), default=None
            Not negative, and scaled to a mean of one. The loss of a mixed row is
            λ·w_i·loss(y_i) + (1−λ)·w_j·loss(y_j).
        rows, valid_rows : array-like of int, shape (n,), or K such, default=None
            Rows to train on and to validate on, for all members or for each; in place
            of `train_split`. Members with more rows to train on come first.
        for_many : bool, default=False
            Whether members belong to many who look at theirs alone: the clean training
            loss is not measured, and no error is raised where a member's loss is no
            number.
        n_jobs : int, default=None
            Threads that share the members of a StackedMLP whose steps are compiled, as
            those of its defaults are; the results do not depend on it. None is 1, and
            -1 all processors, unless in a :obj:`joblib.parallel_config` context.

        Returns
        -------
        self : MixupNet
        """
        with recording(), self._own_precision():
            with self._unchanged_if_refused():
                self._check_mixing_params()
                y = as_array(y)
                self.check_data(X, y)
                data = load(self, X, y, sample_weight, rows, valid_rows)
                mixer = self._active_mixer()
                flowing = self._own_stream(mixer)
                with flowing():
                    self._probe(data.train, data.valid)
            n_threads = effective_n_jobs(n_jobs)
            training = Training(self, data, mixer, flowing, for_many, n_threads)
            self.interrupted_, self.member_losses_ = False, training.member_losses
            training.run(self.max_epochs if epochs is None else epochs)
        return self

    def _own_precision(self) -> AbstractContextManager[Any]:
        """Return the context in which a stack computes; others follow the user's."""
        if type(self.module_) is StackedMLP:
            return full_precision(self.device)
        return contextlib.nullcontext()

    def _own_stream(
        self, mixer: Mixer | None
    ) -> Callable[[], AbstractContextManager[Any]]:
        """Return the context in which what others wrote may draw random numbers."""
        ours = mixer is None or type(mixer) in MIXERS.values()  # draws are made before
        if type(self.module_) is StackedMLP and ours:  # there is no such thing
            return contextlib.nullcontext
        return OwnStream(self.seeds_[0] + len(self.history), self.device).flowing

    def _active_mixer(self) -> Mixer | None:
        """Return the mixer, or None if nothing is to be mixed."""
        for name in ("alpha", "label_smoothing"):
            check_member_values(name, getattr(self, name), self.n_members)
        return make_mixer(self.mixing) if np.any(np.asarray(self.alpha) != 0) else None

    def train_step(
        self, batch: tuple[Any, Tensor], weight: Weight | None = None
    ) -> dict[str, Tensor]:
        """Take one step of the optimizer; return the losses and the prediction.

        Parameters
        ----------
        batch : tuple of X (A, B, ...) and target (A, B, ...)
            A batch for each of the first A members.
        weight : float or torch.Tensor of shape (A, B, 1)
            Weight of each row in its member's loss.

        Returns
        -------
        step : dict
            "loss", the mean over members; "losses" (A,); "y_pred", rows first.
        """
        if isinstance(self.optimizer_, torch.optim.LBFGS):  # needs skorch's closure
            return super().train_step(batch, weight=weight)
        # StackedAdamW's calls point at the gradients: they stay where they are.
        stays = isinstance(self.optimizer_, StackedAdamW)
        self.optimizer_.zero_grad(set_to_none=not stays)
        step = self.train_step_single(batch, weight)
        if is_heard(self, "on_grad_computed"):
            parameters = list(self.get_all_learnable_params())
            self.notify(
                "on_grad_computed",
                named_parameters=parameters,
                batch=batch,
                training=True,
            )
        if isinstance(self.optimizer_, StackedAdamW):
            self.optimizer_.advance(len(batch[0]))
        elif self.optimizer_.state:
            self.optimizer_.step()
        else:  # what it makes now would be on torch's default device, up to torch 2.8
            with torch.device(self.device):
                self.optimizer_.step()
        return step

    def train_step_single(
        self, batch: tuple[Any, Tensor], weight: Weight | None = None
    ) -> dict[str, Tensor]:
        """Compute the loss of a batch and its gradient; see `train_step`."""
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

    def _forward_members(self, X: Any) -> Tensor:
        return self._call(X) if self._stacked else self._call(X[0])[None]

    def _call(self, X: Any) -> Tensor:
        # An autocast around a whole fit would go on with the weights it has seen first.
        torch.clear_autocast_cache()
        scores: Tensor = self.module_(X)
        return scores

    def _rows_first(self, y_pred: Tensor) -> Tensor:
        """Return outputs (K, B, ...) as skorch's callbacks take them: (B, [K,] ...)."""
        return y_pred.transpose(0, 1) if self._stacked else y_pred[0]

    def _member_losses(self, y_pred: Tensor, target: Tensor, weight: Any) -> Tensor:
        """Return the loss of each member, (A,): the rows' losses times `weight`."""
        self._check_shape(y_pred, target)
        loss = self._row_losses(y_pred.flatten(0, 1), target.flatten(0, 1))
        if loss.dim() == 0:
            if isinstance(weight, torch.Tensor):
                raise ValueError(
                    "sample_weight needs a criterion with reduction='none', got "
                    f"{self.criterion_}."
                )
            return loss[None]
        loss = loss.reshape(*y_pred.shape[:2], -1).mean(-1, keepdim=True)
        return (loss * weight).sum((1, 2))

    def _row_losses(self, y_pred: Tensor, target: Tensor) -> Tensor:
        """Return what the criterion gives of outputs and their soft targets."""
        if y_pred.dtype != target.dtype:  # a module of double or of half precision
            dtype = torch.promote_types(y_pred.dtype, target.dtype)
            y_pred, target = y_pred.to(dtype), target.to(dtype)
        if isinstance(self.criterion_, nn.NLLLoss):
            return soft_nll_loss(self.criterion_, y_pred, target)
        return self.criterion_(y_pred, target)

    def _check_shape(self, y_pred: Tensor, target: Tensor) -> None:
        if y_pred.shape != target.shape:
            takes_numbers = criterion_traits(self.criterion)[0] == "regressor"
            other = "use CrossEntropyLoss for" if takes_numbers else "give"
            raise ValueError(
                f"The module returns shape {tuple(y_pred.shape[2:])} a row, and its "
                f"target has {tuple(target.shape[2:])}: give y the output's shape, "
                f"or {other} class indices (integers)."
            )

    def _probe(self, data: ResidentRows, valid_data: ResidentRows | None) -> None:
        """Learn how wide the module's output is, and check that targets fit it."""
        index = torch.arange(min(len(data), _PROBE_ROWS), device=self.device)
        index = index.expand(self.n_members, -1)
        if type(self.module_) is StackedMLP:
            y_pred = index.new_zeros((*index.shape, self.module_.width)).float()
        else:
            y_pred = self._eval_members(data.take(index))
        for part in (data, valid_data):
            if part is not None and not part.y.is_floating_point():
                self._check_classes(self._of_label(part.y), y_pred)
                part.y = self._fit_outputs(part.y, y_pred)
        self.n_columns_ = data.y[0].numel() if data.y.is_floating_point() else None
        y = data.y[index]
        target = one_hot(
            y if data.y.is_floating_point() else y.clamp(min=0), self.n_outputs_
        )
        self._check_shape(y_pred, target)
        if type(self.module_) is not StackedMLP or type(self.criterion_) not in LOSSES:
            self._check_criterion(y_pred.flatten(0, 1), target.flatten(0, 1))

    def _of_label(self, y: Tensor) -> Tensor:
        """Return the classes of rows that have one."""
        if self.pseudo_labels is None:
            return y
        known = y[y != UNLABELED]
        if not len(known):
            raise ValueError(
                f"y is {UNLABELED}, no label, for all rows: some need one."
            )
        return known

    def _check_classes(self, y: Tensor, y_pred: Tensor) -> None:
        """Raise ValueError unless the module has an output for each class."""
        if y.min() < 0:
            raise ValueError(
                f"y holds {int(y.min())}: class indices count from 0. Name other "
                "labels in fit(X, y, classes=...), or see "
                "sklearn.preprocessing.LabelEncoder."
            )
        n_labels = int(y.max()) + 1 if self.labels_ is None else len(self.labels_)
        width = max(y_pred[0, 0].numel(), 2 if self._one_output(y_pred) else 1)
        if width < n_labels:
            raise ValueError(
                f"y holds class index {n_labels - 1}, but the module returns "
                f"{y_pred[0, 0].numel()} score(s) a row: it needs at least {n_labels}."
            )

    def _one_output(self, y_pred: Tensor) -> bool:
        """Tell whether a row has one output, the score of the second of two classes."""
        return y_pred[0, 0].numel() == 1 and is_criterion(self.criterion, EACH_OUTPUT)

    def _fit_outputs(self, y: Tensor, y_pred: Tensor) -> Tensor:
        """Return class indices, or of a criterion for one output, what it is to be."""
        if self._one_output(y_pred):
            return y.to(torch.float32).reshape(len(y), *y_pred.shape[2:])
        self.n_outputs_ = y_pred.shape[-1]
        return y

    @torch.no_grad()
    def _check_criterion(self, y_pred: Tensor, target: Tensor) -> None:
        """Raise ValueError if the criterion cannot take soft targets."""
        name = type(self.criterion_).__name__
        if isinstance(self.criterion_, nn.NLLLoss) and not _are_log(y_pred):
            raise ValueError(
                f"criterion={name} takes logarithms of probabilities, and the module "
                "returns others: let it end with LogSoftmax, or return scores and use "
                "CrossEntropyLoss."
            )
        try:
            self._row_losses(y_pred, target)
        except (RuntimeError, TypeError, ValueError, IndexError) as error:
            raise ValueError(
                f"criterion={name} fails on the targets of mixed rows, floating-point "
                f"numbers of the output's shape {tuple(y_pred.shape[1:])} a row; "
                "CrossEntropyLoss, BCEWithLogitsLoss and MSELoss take them. It says: "
                f"{error}"
            ) from error

    # ---- validation and records

    @torch.no_grad()
    def _eval_members(self, X: Any) -> Tensor:
        if type(self.module_) is StackedMLP:  # without its modules' calls
            return self.module_.scores(X)
        self._set_training(False)
        return self._forward_members(X)

    def _check_weights(self) -> None:
        """Raise ValueError if the training has left a weight that is not finite."""
        for name, value in self.module_.state_dict().items():
            if not torch.isfinite(value).all():
                raise ValueError(
                    f"Training diverged: {name} is not finite after the last epoch. "
                    f"Lower lr (now {shown(self.lr)}), or scale X."
                )

    # ---- members

    def select(
        self, members: Sequence[int] | Array, n_epochs: int | None = None
    ) -> Self:
        """Return a net of some members of a :class:`StackedMLP`.

        Parameters
        ----------
        members : sequence of int
            They must agree in `n_outputs` and `n_levels`.
        n_epochs : int, default=None
            Of the last training, those that the history tells of; None for all.

        Returns
        -------
        net : MixupNet
            With their weights, and the history of their mean losses; a training would
            go on with new running means of the gradients. It has no callbacks.

        Raises
        ------
        NotInitializedError
            If there is no trained net.
        TypeError
            If the module is another.
        ValueError
            If there is no such member.
        """
        self.check_is_fitted()
        members = list(members)
        if type(self.module_) is not StackedMLP:
            raise TypeError(
                "select needs a module that is a StackedMLP, got "
                f"{type(self.module_).__name__}."
            )
        if not members or not all(0 <= k < self.n_members for k in members):
            raise ValueError(
                f"members must be numbers from 0 to {self.n_members - 1}, at least "
                f"one, got {members}."
            )
        module = self.module_.select(members)
        params = self.get_params(deep=False) | {
            "module__n_members": module.n_members,
            "module__seeds": module.seeds,
            "module__n_levels": module.n_levels[0],
        }
        for own in fields(Member):
            name = own.metadata["net"]
            if own.name not in _OF_MODULE and np.ndim(params.get(name, 0)):
                values = [params[name][k] for k in members]
                params[name] = one_or_each(values)
        net = type(self)(**params | {"callbacks": None}).initialize()
        net.module_.load_state_dict(module.state_dict())
        net.n_outputs_ = self.n_outputs_ and module.width
        net.n_columns_ = self.n_columns_ and module.width
        net.labels_ = self.labels_
        losses = {
            name: [epoch[members] for epoch in epochs[:n_epochs]]
            for name, epochs in self.member_losses_.items()
        }
        net.member_losses_ = losses
        for epoch, recorded in enumerate(zip(*losses.values(), strict=True), 1):
            net.history.new_epoch()
            net.history.record("epoch", epoch)
            for name, of_members in zip(losses, recorded, strict=True):
                net.history.record(name, float(of_members.mean()))
        return net

    # ---- prediction

    def forward_iter(
        self, X: NetData, training: bool = False, device: str = "cpu"
    ) -> Iterator[Tensor]:
        """Yield the module's output chunk by chunk, rows first.

        Parameters
        ----------
        X : array-like, DataFrame, torch.Tensor, sparse matrix or skorch Dataset
            The rows.
        training : bool, default=False
            Whether to run the module in training mode.
        device : str, default="cpu"
            Where the results are put.

        Yields
        ------
        y_pred : torch.Tensor of shape (chunk, ...), or (chunk, K, ...) if stacked
        """
        if not self.initialized_:
            self.check_is_fitted()
        rows = None
        if isinstance(X, torch.utils.data.Dataset):
            X, _, rows = unpack(X)
        self._compare_columns(X, passed=not self._fitting)
        data = resident(self, X)
        rows = np.arange(len(data)) if rows is None else rows
        if not len(rows):
            raise ValueError("Found array with 0 rows, while at least one is required.")
        size = int(np.clip(2**22 // max(data.width * self.n_members, 1), 1, 4096))
        if type(self.module_) is StackedMLP:
            size = chunk_rows(self.module_, torch.device(self.device))
        for start in range(0, len(rows), size):
            part = torch.as_tensor(rows[start : start + size], device=self.device)
            yield self.evaluation_step((data.take(part), None), training).to(device)

    def evaluation_step(self, batch: tuple[Any, Any], training: bool = False) -> Tensor:
        """Return the module's output for a batch (B, ...), rows first."""
        self.check_is_fitted()
        X, _ = batch
        self._set_training(training)
        grad = torch.set_grad_enabled(training)
        with grad, self._own_precision(), without_subnormals():
            if not self._stacked:
                return self._call(X)
            return self._call(X).transpose(0, 1)

    def member_scores(self, X: Rows, members: Sequence[int] | None = None) -> Array:
        """Return the scores that a StackedMLP's members give to rows.

        On a CPU a row's scores do not depend on the rows beside it, to the last bit
        with MKL, which torch has on x86, and else to round-off. On an accelerator they
        don't up to 4096 rows, which are computed in double precision where it has it.

        Parameters
        ----------
        X : array-like or CSR matrix of shape (n_rows, n_features)
            Finite numbers, encoded: of an estimator's `net_`, its `encoder_` makes
            them, but where levels are embedded.
        members : sequence of K int, default=None
            Of which; by default all.

        Returns
        -------
        scores : ndarray of float64 of shape (n_rows, K, n_outputs)

        Raises
        ------
        ValueError
            If X has another number of columns than the module takes.
        """
        module = self.module_
        if not sparse.issparse(X):
            X = np.ascontiguousarray(X, dtype=np.float32)
        n_features = max(module.n_features)
        if X.ndim != 2 or X.shape[1] != n_features:
            codes = ""
            if module.n_levels[0]:
                codes = f", the first {len(module.n_levels[0])} of them codes of levels"
            raise ValueError(
                f"X has shape {X.shape}, and the module takes rows of {n_features} "
                f"encoded numbers{codes}: estimators make them of raw columns."
            )
        if members is not None:
            module = module.select(members).to(self.device)
            X = X[:, : max(module.n_features)]
        return member_scores(module, X, self.device)

    def initialize_callbacks(self) -> Self:
        """Make the callbacks; refuse those at odds with mixing or with lr_schedule."""
        super().initialize_callbacks()
        for name, cb in self.callbacks_:
            if isinstance(cb, LRScheduler) and self.lr_schedule != "constant":
                raise ValueError(
                    f"Callback {name!r} and lr_schedule={self.lr_schedule!r} would "
                    "both set the learning rate: use lr_schedule='constant' with it."
                )
            if self._scores_mixed_rows(cb):
                raise ValueError(
                    f"Callback {name!r} would score the mixed rows of training against "
                    "soft targets: use EpochScoring, and give it use_caching=False."
                )
        return self

    def _scores_mixed_rows(self, callback: Any) -> bool:
        caches = self.use_caching
        if isinstance(callback, EpochScoring):
            caches = callback.use_caching if caches == "auto" else caches
            return callback.on_train and caches
        return isinstance(callback, BatchScoring) and callback.on_train
