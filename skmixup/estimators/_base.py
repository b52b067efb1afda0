"""What the estimators share: encoding, splits, the net, and its state."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from inspect import signature
from itertools import islice
from numbers import Integral, Real
from typing import Any, NamedTuple, Self
from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from .._sklearn import HasMethods, Interval, StrOptions, num_samples
from .._typing import Array, HiddenLayerSizes, Rows, Sparse
from .._warn import warn_user
from ..encoding._bins import count_rows
from ..encoding._checks import (
    as_table,
    check_numeric_columns,
    check_table,
    check_weights,
    drop_weightless,
    equal_rows_equal_bits,
)
from ..encoding._columns import column_name, to_frame
from ..encoding._encoder import MANY_ROWS, MAX_BINNED_COLUMNS, TabularEncoder
from ..encoding._parts import by_parts, join_rows
from ..mixing._mixers import MIXERS, Mixer, make_mixer, mixes_codes
from ..training._device import device_at_hand, resolve_device
from ..training._engine import Trained
from ..training._global_state import one_thread
from ..training._joint import train_alone
from ..training._net import MixupNet
from ..training._plan import Member, Plan, Shared, Table, allowed, module_params
from ..training._seeds import draw_seed, member_seeds
from ..training._splits import split_rows
from ..training._state import arrays_to_net, net_to_arrays
from ..training._weights import collapse_duplicates, count_copies, take_rows
from ._calibration import fit_shares
from ._preprocess import cross_fits, fit_transform, last_step, plain_output
from ._summary import as_html, summarize
from ._validation import check_groups, check_validation

_EPOCH_ROWS = 2**16  # rows that an epoch visits at most
_FEWEST_OF_TWO_KINDS = 4  # members, of which some see fewer columns
_MOST_SET_ASIDE = 2**17  # rows from which, set aside, is learned: of more every nth
# Columns of which it was told that levels are unseen, by the encoder that has not: not
# in the estimator, which predicting does not change.
_told: WeakKeyDictionary[Any, set[int]] = WeakKeyDictionary()
_MANY_UNSEEN = 0.1  # of the rows, from which on it is told that levels are unseen
_FEWEST_UNSEEN = 10  # rows of which that is told, unless it is all
_MUCH_MORE = 3  # times the share of unseen ones that rows of `fit` let expect
_ROWS_TO_SPLIT = 20  # distinct rows from which early_stopping="auto" sets some aside


class _Scored(NamedTuple):
    """Rows that members have set aside, and what those say of them.

    Parameters
    ----------
    members : sequence of K int
    rows : ndarray of int of shape (n_rows,)
    outputs : ndarray of shape (n_rows, K, n_outputs)
    """

    members: Sequence[int]
    rows: Array
    outputs: Array


class SetAside(NamedTuple):
    """Rows, and what was predicted for them by those that had set them aside.

    Parameters
    ----------
    index : ndarray of int of shape (n_rows,)
        Their numbers, among the rows that `fit` was given of weight above 0.
    weight : ndarray of shape (n_rows,)
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
        Encoded targets.
    predicted : ndarray of float32 of shape (n_rows, n_outputs)
        Probabilities, or encoded numbers.
    """

    index: Array  # type: ignore[assignment]  # a tuple has a method of this name
    weight: Array
    y: Array
    predicted: Array


class BaseMixup(BaseEstimator):
    """A network for tables; subclasses say what its target is.

    They give `_target` and the methods from `_check_target` to
    `_learn_from_rows_set_aside`.
    """

    net_: MixupNet
    encoder_: Any
    n_levels_: tuple[int, ...]
    n_periodic_: int
    n_iter_: int
    loss_curve_: list[float]
    validation_loss_curve_: list[float]
    member_weights_: Array | None
    n_features_in_: int
    feature_names_in_: Array
    _n_rows_: int

    # From how many rows for each number on these are embedded by default.
    _least_rows_per_number = 0

    # A search's groups are its splitter's, unless `fit` is said to request them too.
    __metadata_request__fit = {"groups": False}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        **allowed(Member),
        **allowed(Shared),
        "hidden_layer_sizes": ["array-like", Integral],
        "mixing": [StrOptions(set(MIXERS)), Mixer, None],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine"})],
        "dropout_schedule": [StrOptions({"constant", "cosine"})],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "preprocess": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "numeric_embedding": [StrOptions({"auto", "periodic"}), None],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = signature(cls.__init__).parameters
        cls._parameter_constraints = {
            k: v for k, v in cls._parameter_constraints.items() if k in own
        }

    # ---- what the target is

    @property
    def _target(self) -> Any:
        """What was learned of the target: one of those in `_targets`."""
        raise NotImplementedError

    def _check_target(self, y: Any) -> Array:
        """Return y as an array, or raise if it can't be learned."""
        raise NotImplementedError

    def _learn_target(self, y: Array, weight: Array) -> None:
        """Note what y is like, before rows are encoded."""
        raise NotImplementedError

    def _learn_more_of_target(self, y: Array, weight: Array) -> None:
        """Note of a known target what earlier rows could not tell."""

    def _reweigh(
        self, y: Array, weight: Array, learned_from: tuple[Array, Array]
    ) -> Array:
        """Return the weights of rows, changed by their target.

        By what is `learned_from` encoded targets and weights.
        """
        return weight

    def _learns_from_rows_set_aside(self) -> bool:
        """Tell whether there is anything to learn from rows that were set aside."""
        return self._has_two_kinds

    def _learn_from_rows_set_aside(
        self, scored: list[_Scored], y: Array, weight: Array | None
    ) -> None:
        """Learn what only rows tell that were not trained on.

        Parameters
        ----------
        scored : list of _Scored
            None where no rows were set aside.
        y : ndarray
            Of all rows.
        weight : ndarray or None
            Of all rows.
        """
        pairs = [part for part in scored if len(part.members) > 1]
        if not pairs:
            return
        target, rows = self._target, np.concatenate([part.rows for part in pairs])
        outputs = np.concatenate([part.outputs for part in pairs])
        judged = np.stack(
            [
                target.judge(y[rows], target.combine(outputs[:, [k]], np.ones(1)))
                for k in range(2)
            ]
        )
        known = np.ones(judged.shape[:2], dtype=bool)
        weight = None if weight is None else weight[rows]
        without, share = fit_shares(judged, known, target.loss_of, weight)
        widths = np.array(self.net_.module__n_features)
        wide = widths == widths.max()
        self.member_weights_ = np.where(
            wide, share / wide.sum(), without / (~wide).sum()
        )

    # ---- training

    def _fit(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, **validation: Any
    ) -> Self:
        goes_on = self.warm_start and hasattr(self, "net_")
        if not goes_on:
            self.__dict__.pop("net_", None)  # a fit that fails leaves no half model
        table = self._make_table(X, y, sample_weight, again=goes_on, **validation)
        return self._train(self._plan(table, net=self.net_ if goes_on else None))

    def _fit_piece(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        first: bool,
        learns_target: bool,
    ) -> Self:
        """Train for an epoch; from the first piece, the encoding is learned."""
        X, y, weight, _ = self._check_rows(X, y, sample_weight, reset=first)
        if not first:
            self._check_same_module()
        if learns_target:
            self._learn_target(y, weight)
        self._target.check_known(y, "in partial_fit")
        self._learn_more_of_target(y, weight)
        table = self._prepare(X, y, weight, first=first)
        self._n_rows_ = len(y) + (0 if first else self._n_rows_)
        net = None if first else self.net_
        return self._train(self._plan(table, net=net, is_piece=True))

    def _make_table(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        again: bool = False,
        groups: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Table:
        """Learn targets and encoding, and return the table that is trained on.

        With a net that goes on with what may be the same rows `again`, they are kept.
        """
        check_validation(X_val, y_val, sample_weight_val, groups, self.early_stopping)
        X, y, weight, groups = self._check_rows(
            X, y, sample_weight, reset=not again, groups=groups
        )
        self._n_rows_ = len(y)
        if again:
            self._check_same_module()
            self._target.check_known(y, "with warm_start=True")
            self._learn_more_of_target(y, weight)
        else:
            self._learn_target(y, weight)
        table = self._prepare(X, y, weight, first=not again, again=again, groups=groups)
        if X_val is None:
            return table
        learned_from = self._target.encode(y), weight
        try:
            rows = self._check_rows(X_val, y_val, sample_weight_val, reset=False)
            self._target.check_known(rows[1], "in y_val")
            apart = self._prepare(*rows[:3], first=False, learned_from=learned_from)
        except ValueError as error:
            raise ValueError(f"Of X_val and y_val: {error}") from error
        return table.with_validation(apart)

    def _plan(
        self, table: Table, net: MixupNet | None = None, is_piece: bool = False
    ) -> Plan:
        """Return the plan of a fit on a table, or of an epoch on a piece of one."""
        if net is None or not is_piece:
            split_seed, seeds = self._draw_seeds()
        if net is not None:
            seeds = net.seeds_
        rows = np.arange(len(table.y))
        splits: list[tuple[Array, Array | None]] = [(rows, None)] * len(seeds)
        if table.n_validation:
            apart = rows[: table.n_train], rows[table.n_train :]
            splits = [apart] * len(seeds)
        elif not is_piece and self._sets_aside(table):
            strata = self._target.strata(table.y)
            how = self.validation_fraction, len(seeds), split_seed, table.groups
            splits = [*split_rows(strata, *how)]
        widths = self._member_widths(table.X.shape[1], splits)
        if net is not None:
            widths = np.broadcast_to(net.module__n_features, len(seeds)).tolist()
        if len(set(widths)) > 1:  # pairs of the same rows
            splits = [splits[k // 2] for k in range(len(seeds))]
        batch_size = self._batch_size(table.weight[: table.n_train])
        if net is not None and self.batch_size == "auto":
            batch_size = net.batch_size
        max_epochs = 1 if is_piece else self.max_epochs
        shared = Shared(
            hidden_layer_sizes=hidden_widths(self.hidden_layer_sizes),
            criterion=self._target.criterion,
            mixing=make_mixer(self.mixing, self._column_groups),
            batch_size=batch_size,
            max_epochs=max_epochs,
            lr_schedule="constant" if max_epochs == 1 else self.lr_schedule,
            dropout_schedule="constant" if max_epochs == 1 else self.dropout_schedule,
            epochs_per_pass=1 if is_piece else -(-len(splits[0][0]) // _EPOCH_ROWS),
            patience=None if splits[0][1] is None else self.n_iter_no_change,
            device=resolve_device(self.device) if net is None else str(net.device),
            is_sparse=sparse.issparse(table.X),
            n_periodic=self.n_periodic_,
            **self._params_of(Shared),
        )
        own: dict[str, Any]
        own = {k: float(value) for k, value in self._params_of(Member).items()}
        own["n_outputs"], own["n_levels"] = self._target.n_outputs, self.n_levels_
        members = [
            Member(seed=seed, n_features=width, **own)
            for seed, width in zip(seeds, widths, strict=True)
        ]
        callbacks, verbose = tuple(self.callbacks or ()), int(self.verbose)
        return Plan(table, members, shared, splits, net, callbacks, verbose)

    def _member_widths(self, n_features: int, splits: list[Any]) -> list[int]:
        """Return how many of the encoded columns each member sees, from the first on.

        Where trees have laid bins, which are the last columns, every other member goes
        without: what has been laid by y suits some tables and not others, and rows that
        were set aside tell how much to trust either kind.
        """
        bins = getattr(last_step(self.encoder_)[1], "tree_bins_", None)
        n_last = 0 if bins is None else len(bins.columns_)
        n_members = len(splits)
        few = n_members < _FEWEST_OF_TWO_KINDS or n_members % 2  # with nobody beside it
        if not n_last or splits[0][1] is None or few:
            return [n_features] * n_members
        return [n_features - n_last, n_features] * (n_members // 2)

    def _params_of(self, kind: type) -> dict[str, Any]:
        """Return what is a parameter here, and a field of Member or of Shared."""
        return {k: getattr(self, k) for k in allowed(kind) if hasattr(self, k)}

    def _train(self, plan: Plan) -> Self:
        with self._forgotten_if_it_fails():
            trained = train_alone(plan, n_jobs=self.n_jobs)
        return self._adopt(trained)

    def _adopt(self, trained: Trained) -> Self:
        """Be as trained, or raise what the training ended with, and be not fitted."""
        with self._forgotten_if_it_fails():
            if trained.error is not None:
                raise trained.error
            self._learn_from(trained)
        return self

    @one_thread()
    def _learn_from(self, trained: Trained) -> None:
        assert trained.net is not None
        plan, self.net_ = trained.plan, trained.net
        history = self.net_.history
        self.n_iter_ = len(history)
        self.loss_curve_ = [epoch["mixed_loss"] for epoch in history]
        self.__dict__.pop("validation_loss_curve_", None)
        if plan.shared.patience is not None:
            self.validation_loss_curve_ = [
                epoch["valid_loss"] for epoch in history if "valid_loss" in epoch
            ]
        if plan.net is None:  # else the shares stay what they were
            self.member_weights_ = None
        scored = []
        if plan.splits[0][1] is not None and self._learns_from_rows_set_aside():
            scored = self._score_rows_set_aside(plan)
        self._learn_from_rows_set_aside(scored, plan.table.y, plan.weight)

    def _score_rows_set_aside(self, plan: Plan) -> list[_Scored]:
        """Return the outputs of members that have set the same rows aside, on these."""
        size = 2 if self._has_two_kinds else 1
        set_aside: list[Any] = [valid for _, valid in plan.splits]
        numbers = range(len(set_aside))
        groups = [numbers[k : k + size] for k in numbers[::size]]
        n_rows = sum(len(set_aside[group[0]]) for group in groups)
        step = -(-n_rows // _MOST_SET_ASIDE)
        scored = []
        for group in groups:
            rows = set_aside[group[0]][::step]
            outputs = self.net_.member_scores(plan.table.X[rows], list(group))
            scored.append(_Scored(group, rows, outputs))
        return scored

    def _predict_rows_set_aside(self, plan: Plan) -> SetAside:
        """Return what the members predicted for rows that they had set aside.

        Parameters
        ----------
        plan : Plan
            That `_adopt` has taken over.

        Returns
        -------
        set_aside : SetAside
            None were set aside: of no rows.
        """
        parts, predicted = [np.zeros(0, int)], [np.zeros((0, self._target.n_outputs))]
        if plan.splits[0][1] is not None:
            for part in self._score_rows_set_aside(plan):
                weights = np.full(len(part.members), 1.0)
                if self.member_weights_ is not None and len(part.members) > 1:
                    weights = self.member_weights_[list(part.members)]
                parts.append(part.rows)
                predicted.append(self._combine(part.outputs, weights / weights.sum()))
        # A row of several copies, or that several members have set aside, is one.
        rows, inverse, counts = np.unique(
            np.concatenate(parts), return_inverse=True, return_counts=True
        )
        sums = np.zeros((len(rows), predicted[0].shape[1]))
        np.add.at(sums, inverse, np.concatenate(predicted))
        table = plan.table
        mean = (sums / counts[:, None]).astype(np.float32)
        return SetAside(table.index[rows], table.weight[rows], table.y[rows], mean)

    @property
    def _has_two_kinds(self) -> bool:
        """Whether some members see fewer columns than the one beside them."""
        return np.unique(self.net_.module__n_features).size > 1

    @contextlib.contextmanager
    def _forgotten_if_it_fails(self) -> Iterator[None]:
        """Leave no half-trained net to predict from, whatever ends the training."""
        try:
            yield
        except BaseException:
            self.__dict__.pop("net_", None)
            raise

    def _prepare(
        self,
        X: Any,
        y: Array,
        weight: Array,
        first: bool,
        again: bool = False,
        groups: Array | None = None,
        learned_from: tuple[Array, Array] | None = None,
    ) -> Table:
        """Encode rows and targets, merge equal rows, and apply class weights.

        The encoding is learned if these are the `first` rows, and kept otherwise; but
        where they may be the same rows `again`, one that cross-fits is learned anew.
        Rows of several `groups` are not merged. Class weights are those of the encoded
        targets and weights that they are `learned_from`, of these if None.
        """
        encoder = None
        if first:
            X = self._fit_encoder(X, y, weight)
        elif again and cross_fits(self.encoder_, X, y, weight):
            X, encoder = self._fit_encoder_again(X, y, weight)
        else:
            X = self._encode(X)
        y = self._target.encode(y)
        weight = self._reweigh(y, weight, learned_from or (y, weight))
        weight, X, y, groups, kept = drop_weightless(
            weight, X, y, groups, np.arange(len(y))
        )
        # What our encoder has made is nobody else's memory.
        ours = self._encodes_row_by_row and not sparse.issparse(X) and X.flags.writeable
        X = equal_rows_equal_bits(X, may_write=ours)
        codes = self._target.codes(y)
        if groups is not None:
            pairs = np.stack([codes, groups])
            codes = np.unique(pairs, axis=1, return_inverse=True)[1].reshape(-1)
        index, weight = collapse_duplicates(X, codes, weight)
        if encoder is not None:  # nothing has failed
            self.encoder_ = encoder
        X = take_rows(X, index, may_write=ours)
        groups = None if groups is None else groups[index]
        return Table(X, y[index], weight, kept[index], groups)

    def _check_params(self) -> None:
        """Raise ValueError if a parameter, valid by itself, can't be trained with."""
        hidden_widths(self.hidden_layer_sizes)

    def _check_rows(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None,
        reset: bool,
        groups: ArrayLike | None = None,
    ) -> tuple[Any, Array, Array, Array | None]:
        """Validate X, y, weights and groups as far as no encoding is needed."""
        self._check_params()  # before anything is learned
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        y = self._check_target(y)
        X = self._check_X(X, reset=reset)
        check_consistent_length(X, y)
        codes, weight = check_groups(groups, X), check_weights(sample_weight, X)
        weight, X, y, codes = drop_weightless(weight, X, y, codes)
        return X, y, weight, codes

    def _check_X(self, X: Any, reset: bool) -> Any:
        """Check X as far as the encoder does not, and note its columns."""
        # What fit used, not what may have been set since.
        encodes = self.preprocess if reset else self.encoder_
        if encodes is not None:
            return check_table(self, X, reset=reset)
        X = as_table(X)
        check_numeric_columns(X)
        with np.errstate(over="ignore"):  # what is too large is told as infinity
            return validate_data(
                self, X, reset=reset, accept_sparse="csr", dtype=np.float32, order="C"
            )

    def _fit_encoder(self, X: Any, y: Array, weight: Array) -> Rows:
        """Fit the preprocessing and return the encoded rows.

        By `fit_transform`, as a Pipeline does: a transformer that learns from y, as
        TargetEncoder does, encodes the rows that it is fitted on otherwise than later
        ones, so that no row's encoding tells of its own target.
        """
        self.encoder_, has_waves = self._make_encoder(X, count_rows(weight))
        self.n_levels_ = ()
        if self.encoder_ is None:
            Z = X
        elif self._embeds and isinstance(self.encoder_, TabularEncoder):
            self.encoder_.fit(X, self._target.encode(y), sample_weight=weight)
            self.n_levels_ = tuple(self.encoder_.n_levels_.tolist())
            Z = self._encode(X)
        else:
            Z = fit_transform(self.encoder_, X, y, weight)
            Z = self._check_encoded(Z, num_samples(X))
        self.n_periodic_ = self._count_periodic(Z) if has_waves else 0
        self._embedded_as_ = self.numeric_embedding  # what was asked for
        return Z

    def _fit_encoder_again(self, X: Any, y: Array, weight: Array) -> tuple[Rows, Any]:
        """Return rows that a new encoder has cross-fitted, and that encoder."""
        encoder = clone(self.encoder_)
        Z = fit_transform(encoder, X, y, weight)
        Z = self._check_encoded(Z, num_samples(X))
        n_features = self.net_.module__n_features
        n_features = int(np.max(n_features))
        if Z.shape[1] != n_features:
            raise ValueError(
                f"preprocess={encoder!r} returned {Z.shape[1]} columns, and "
                f"{n_features} in the last fit: with warm_start=True the net is kept, "
                "and needs as many as before."
            )
        return Z, encoder

    def _make_encoder(self, X: Any, n_rows: float) -> tuple[Any, bool]:
        """Return an encoder or None, and whether numbers are to be embedded."""
        has_waves = self.numeric_embedding == "periodic"
        encoder: Any = default_encoder()
        if not isinstance(self.preprocess, str):
            encoder = None if self.preprocess is None else clone(self.preprocess)
        if not isinstance(encoder, TabularEncoder):
            return encoder, has_waves
        encoder._validate_params()  # before what is "auto" in it is set
        if isinstance(encoder.categorical_features, str):
            encoder.set_params(categorical_features=self.categorical_features)
        chooses = isinstance(encoder.n_bins, str)
        if self.numeric_embedding == "auto" and _leaves_bins_open(encoder):
            least = self._least_rows_per_number
            has_waves = not least or (  # counted where it matters alone
                n_rows >= MANY_ROWS and n_rows >= least * encoder._count_numbers(X)
            )
        n_bins, n_tree_bins = encoder._count_bins(n_rows, has_y=True)
        if chooses and has_waves and n_rows >= MANY_ROWS:
            n_bins = 0  # waves tell of numbers what few bins do
        return encoder.set_params(n_bins=n_bins, n_tree_bins=n_tree_bins), has_waves

    def _count_periodic(self, Z: Rows) -> int:
        """Return how many of the first encoded columns (after codes) are numbers."""
        encoder = last_step(self.encoder_)[1]
        if isinstance(encoder, TabularEncoder):
            return encoder._n_embeddable
        is_wide = sparse.issparse(Z) or Z.shape[1] > MAX_BINNED_COLUMNS
        return 0 if is_wide else Z.shape[1]

    def _encode(self, X: Any, unseen: Array | None = None) -> Rows:
        """Return rows that are checked as a float32 matrix, C-contiguous or CSR.

        Those of levels that `fit` has not seen are counted in `unseen`.
        """
        if self.encoder_ is None:
            return X
        if self._encodes_row_by_row:  # what is checked already, and to what is finite
            coded = bool(self.n_levels_)
            return self.encoder_._transform_checked(X, coded=coded, unseen=unseen)
        with plain_output(self.encoder_):
            encode = self.encoder_.transform
            if self.n_levels_:
                encode = self.encoder_._transform_coded
            Z = encode(X)
        return self._check_encoded(Z, num_samples(X))

    @property
    def _encodes_row_by_row(self) -> bool:
        """Whether a row's encoding is known to be the same in any part of a table."""
        return type(self.encoder_) is TabularEncoder

    def _check_encoded(self, Z: ArrayLike | Sparse, n_rows: int) -> Rows:
        """Return what the preprocessing made, or raise if it can't be trained on."""
        if sparse.issparse(Z):
            Z = Z.tocsr().astype(np.float32)
            values = Z.data
        else:
            try:
                Z = values = np.ascontiguousarray(Z, dtype=np.float32)
            except (TypeError, ValueError) as error:
                raise ValueError(
                    f"preprocess={self.encoder_!r} returned what are no numbers: "
                    f"{error}"
                ) from error
        if Z.ndim != 2 or Z.shape[0] != n_rows:
            raise ValueError(
                f"preprocess={self.encoder_!r} returned shape {Z.shape} for {n_rows} "
                "rows: it must return a matrix with one row for each."
            )
        with np.errstate(over="ignore", invalid="ignore"):
            total = values.sum()  # quick, and not finite if a value is not
        if not np.isfinite(total) and not np.isfinite(values).all():
            raise ValueError(
                f"preprocess={self.encoder_!r} returned NaN or infinity: let it impute "
                "missing values, or use preprocess='auto'."
            )
        return Z

    def _sets_aside(self, table: Table) -> bool:
        """Tell whether rows are set aside to stop early on."""
        if isinstance(self.early_stopping, str):
            return len(table.y) >= self._fewest_to_split()
        return self.early_stopping

    def _fewest_to_split(self) -> int:
        return _ROWS_TO_SPLIT

    def _draw_seeds(self) -> tuple[int, list[int]]:
        """Draw the seed of the validation split, and that of each member."""
        rng = np.random.RandomState(draw_seed(self.random_state))
        split_seed, net_seed = rng.randint(2**31 - 1, size=2).tolist()
        return split_seed, list(islice(member_seeds(net_seed), self.n_estimators))

    def _batch_size(self, weight: Array) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        copies = count_copies(weight)
        n_rows = len(weight) if copies is None else copies.sum()
        return int(2 ** np.clip(np.round(np.log2(n_rows / 40)), 4, 8))

    def _check_same_module(self) -> None:
        widths, net = hidden_widths(self.hidden_layer_sizes), self.net_
        pairs = {
            **self._kept_with_the_net(),
            "hidden_layer_sizes": (widths, net.module__hidden_layer_sizes),
            "n_estimators": (int(self.n_estimators), net.module__n_members),
        }
        for kind in (Member, Shared):
            names, params = module_params(kind), self._params_of(kind)
            for name in params.keys() & names.keys():
                pairs[name] = params[name], getattr(net, names[name])
        for name, (now, before) in pairs.items():
            if now != before:
                raise ValueError(
                    f"{name} has changed since the last fit, and the net is kept by "
                    "partial_fit and with warm_start=True: leave it as it was, or fit "
                    "a new estimator."
                )

    def _kept_with_the_net(self) -> dict[str, tuple[Any, Any]]:
        """Return what must not change while a net is kept: as it is now, and was."""
        return {"numeric_embedding": (self.numeric_embedding, self._embedded_as_)}

    @property
    def _column_groups(self) -> Array | None:
        """The input column of each encoded one, where the encoder tells; else None."""
        name = "coded_groups_" if self.n_levels_ else "column_groups_"
        return getattr(last_step(self.encoder_)[1], name, None)

    @property
    def _embeds(self) -> bool:
        """Whether columns of many levels may be embedded: a mixer may forbid it."""
        # Groups that a CutMix was given are those of one-hot columns.
        own_groups = getattr(self.mixing, "groups", None) is not None
        return mixes_codes(self.mixing) and not own_groups

    def _predict(self, X: Any, make: Callable[[Array], Array]) -> Array:
        """Return what is made of the members' outputs (n_rows, K, n_outputs).

        Rows are encoded and predicted a part at a time, to bound memory; but what a
        transformer that is not ours makes of them may depend on them all.
        """
        if not hasattr(self, "net_"):
            check_is_fitted(self, "net_")
        X = self._check_X(X, reset=False)
        n_rows, rows = X.shape[0], X
        unseen = np.zeros(self.n_features_in_, dtype=int)
        encode: Callable[[Any], Rows] = partial(self._encode, unseen=unseen)
        if not self._encodes_row_by_row:
            rows, encode = self._encode(X), lambda part: part
        scored = map(self.net_.member_scores, by_parts(encode, rows))
        predicted = join_rows(map(make, scored), n_rows)
        if unseen.any():
            expected = _MUCH_MORE * self.encoder_.unseen_share_
            many = unseen > np.maximum(_MANY_UNSEEN, expected) * n_rows
            many &= (unseen >= _FEWEST_UNSEEN) | (unseen == n_rows)
            self._tell_of_unseen(X, np.flatnonzero(many))
        return predicted

    def _tell_of_unseen(self, X: Any, columns: Array) -> None:
        """Warn of columns with levels that `fit` has not seen, of each once."""
        new = [i for i in columns.tolist() if i not in _told.get(self.encoder_, ())]
        if not new:
            return
        _told.setdefault(self.encoder_, set()).update(new)
        warn_user(
            f"Column(s) {[column_name(to_frame(X), i) for i in new]} hold levels that "
            f"fit has not seen in more than {_MANY_UNSEEN:.0%} of the rows, and more "
            f"than {_MUCH_MORE} times as often as could be expected: they are told as "
            "none of those that it has. Is another spelling, or another type, meant? "
            "encoder_.count_unseen(X) counts them."
        )

    def summary(self) -> pd.Series[Any]:
        """Return what the fitted estimator is, in a few lines.

        In a notebook it stands above the estimator's parameters.

        Returns
        -------
        summary : Series
            Rows, columns by kind, inputs of the networks, members, epochs, the mean of
            the members' best losses on rows set aside, and the temperature, each where
            there is one.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skmixup import MixupClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> clf = MixupClassifier(max_epochs=5, random_state=0).fit(X, y)
        >>> clf.summary()[["rows", "columns", "members", "epochs"]].to_dict()
        {'rows': 150, 'columns': 4, 'members': 8, 'epochs': 5}
        """
        check_is_fitted(self, "net_")
        return pd.Series(summarize(self), dtype=object)

    # ---- scikit-learn's protocols

    def _html_repr(self) -> str:
        html: str = super()._html_repr()
        if not hasattr(self, "net_"):
            return html
        return as_html(summarize(self), f"Fitted {type(self).__name__}") + html

    def set_params(self, **params: Any) -> Self:
        """Set parameters; of "auto", those of the encoder that it stands for, too.

        Parameters
        ----------
        **params : dict
            With ``preprocess__n_bins=8``, where `preprocess` is "auto", that becomes a
            :class:`TabularEncoder` which differs in this alone.

        Returns
        -------
        self : estimator
            This one.
        """
        inner = [name for name in params if name.startswith("preprocess__")]
        preprocess = params.get("preprocess", self.preprocess)
        if inner and isinstance(preprocess, str) and preprocess == "auto":
            params = params | {"preprocess": default_encoder()}
        elif inner and not hasattr(preprocess, "set_params"):
            raise ValueError(
                f"preprocess={preprocess!r} has no parameters, got {inner}: they are "
                "those of a transformer, or of the TabularEncoder that 'auto' is."
            )
        return super().set_params(**params)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if isinstance(self.preprocess, str):
            tags.input_tags = get_tags(default_encoder()).input_tags
        elif hasattr(self.preprocess, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.preprocess).input_tags
        else:
            tags.input_tags.sparse = self.preprocess is None
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        net = state.pop("net_", None)
        if net is not None:
            state["_net_state"] = net_to_arrays(net)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        arrays = state.pop("_net_state", None)
        super().__setstate__(state)
        if arrays is not None:
            device = device_at_hand(arrays["device"])
            self.net_ = arrays_to_net(arrays, self._target.criterion, device)


def hidden_widths(sizes: HiddenLayerSizes) -> tuple[int, ...]:
    """Return the widths of the hidden layers as a tuple of int."""
    widths = np.atleast_1d(np.asarray(sizes, dtype=object)).tolist()
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, Integral) or width < 1:
            raise ValueError(
                "hidden_layer_sizes must hold integers of at least 1 (or nothing, for "
                f"a linear model), got {sizes!r}."
            )
    return tuple(int(width) for width in widths)


def default_encoder() -> TabularEncoder:
    """Return the encoder that ``preprocess="auto"`` stands for."""
    return TabularEncoder(n_bins="auto", n_tree_bins="auto")


def _leaves_bins_open(encoder: TabularEncoder) -> bool:
    return isinstance(encoder.n_bins, str) or isinstance(encoder.n_tree_bins, str)
