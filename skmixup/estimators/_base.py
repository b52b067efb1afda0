"""What the estimators share: encoding, splits, the net, and its state."""

import contextlib
from itertools import islice
from numbers import Integral, Real

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from ..encoding._checks import (
    _check_numeric_columns,
    _equal_rows_equal_bits,
    as_table,
    check_table,
    check_weights,
    drop_weightless,
)
from ..encoding._encoder import TabularEncoder
from ..mixing._mixers import Mixer, make_mixer
from ..stack._layers import ACTIVATIONS
from ..training._callbacks import BestWeights, EpochProgress
from ..training._device import _device_at_hand, resolve_device
from ..training._seeds import draw_seed, member_seeds
from ..training._splits import split_rows
from ..training._state import arrays_to_net, net_to_arrays, new_net
from ..training._weights import collapse_duplicates, count_copies, repeat_by_weight
from ._preprocess import _cross_fits, _fit_transform, _plain_output, last_step

_ROWS_TO_SPLIT = 20  # distinct rows from which early_stopping="auto" sets some aside


class BaseMixup(BaseEstimator):
    """A network for tables; subclasses say what its target is.

    They give `_criterion`, `_n_outputs`, `_n_classes` (None where targets are numbers)
    and the methods from `_check_target` to `_learn_from_rows_set_aside`.
    """

    _parameter_constraints = {  # noqa: RUF012
        "hidden_layer_sizes": ["array-like", Integral],
        "alpha": [Interval(Real, 0, np.inf, closed="both")],
        "mixing": [StrOptions({"input", "manifold", "cutmix"}), Mixer, None],
        "lambda_per": [StrOptions({"batch", "row"})],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "n_estimators": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine"})],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "preprocess": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    # ---- what the target is

    def _check_target(self, y):
        """Return y as an array, or raise if it can't be learned."""
        raise NotImplementedError

    def _check_known_target(self, y, when):
        """Raise ValueError if y is not of the kind that was learned before."""
        raise NotImplementedError

    def _learn_target(self, y, weight):
        """Note what y is like, before rows are encoded."""
        raise NotImplementedError

    def _encode_target(self, y):
        """Return y as the net takes it."""
        raise NotImplementedError

    def _target_codes(self, y):
        """Return an integer for each encoded target, the same for equal ones."""
        raise NotImplementedError

    def _strata(self, y):
        """Return of what each part of a split gets its share."""
        raise NotImplementedError

    def _reweigh(self, X, y, weight):
        """Change the weights of rows by their target."""
        return X, y, weight

    def _learn_from_rows_set_aside(self, X, y, weight, splits):
        """Learn what only rows tell that were not trained on."""

    # ---- training

    def _fit(self, X, y, sample_weight):
        goes_on = self.warm_start and hasattr(self, "net_")
        if not goes_on:
            self.__dict__.pop("net_", None)  # a fit that fails leaves no half model
        X, y, weight = self._check_rows(X, y, sample_weight, reset=not goes_on)
        if goes_on:
            self._check_same_module()
            self._check_known_target(y, "with warm_start=True")
        else:
            self._learn_target(y, weight)
        X, y, weight = self._prepare(X, y, weight, not goes_on, again=goes_on)
        split_seed, seeds = self._draw_seeds()
        splits = self._split(y, split_seed)
        with self._forgotten_if_it_fails():
            if not goes_on:
                self._start_net(X.shape[1], weight, seeds)
            self._train(X, y, weight, splits, self.max_epochs)
        return self

    def _fit_piece(self, X, y, sample_weight, first, learns_target):
        """Train for an epoch; from the first piece, the encoding is learned."""
        X, y, weight = self._check_rows(X, y, sample_weight, reset=first)
        if learns_target:
            self._learn_target(y, weight)
        self._check_known_target(y, "in partial_fit")
        X, y, weight = self._prepare(X, y, weight, first=first)
        with self._forgotten_if_it_fails():
            if first:
                self._start_net(X.shape[1], weight, self._draw_seeds()[1])
            self._train(X, y, weight, self._all_rows(y), 1)
        return self

    @contextlib.contextmanager
    def _forgotten_if_it_fails(self):
        """Leave no half-trained net to predict from, whatever ends the training."""
        try:
            yield
        except BaseException:
            self.__dict__.pop("net_", None)
            raise

    def _prepare(self, X, y, weight, first, again=False):
        """Encode rows and targets, merge equal rows, and apply class weights.

        The encoding is learned if these are the `first` rows, and kept otherwise; but
        where they may be the same rows `again`, one that cross-fits is learned anew.
        """
        encoder = None
        if first:
            X = self._fit_encoder(X, y, weight)
        elif again and _cross_fits(self.encoder_, X, y, weight):
            X, encoder = self._fit_encoder_again(X, y, weight)
        else:
            X = self._encode(X)
        y = self._encode_target(y)
        X, y, weight = self._reweigh(X, y, weight)
        X = _equal_rows_equal_bits(X)
        index, weight = collapse_duplicates(X, self._target_codes(y), weight)
        if encoder is not None:  # nothing has failed
            self.encoder_ = encoder
        return X[index], y[index], weight

    def _check_rows(self, X, y, sample_weight, reset):
        """Validate X, y and weights as far as no encoding is needed."""
        _hidden_widths(self.hidden_layer_sizes)  # before anything is learned
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        y = self._check_target(y)
        X = self._check_X(X, reset=reset)
        check_consistent_length(X, y)
        return drop_weightless(X, y, check_weights(sample_weight, X))

    def _check_X(self, X, reset):
        """Check X as far as the encoder does not, and note its columns."""
        # What fit used, not what may have been set since.
        encodes = self.preprocess if reset else self.encoder_
        if encodes is not None:
            return check_table(self, X, reset=reset)
        X = as_table(X)
        _check_numeric_columns(X)
        with np.errstate(over="ignore"):  # what is too large is told as infinity
            return validate_data(
                self, X, reset=reset, accept_sparse="csr", dtype=np.float32, order="C"
            )

    def _fit_encoder(self, X, y, weight):
        """Fit the preprocessing and return the encoded rows.

        By `fit_transform`, as a Pipeline does: a transformer that learns from y, as
        TargetEncoder does, encodes the rows that it is fitted on otherwise than later
        ones, so that no row's encoding tells of its own target.
        """
        self.encoder_ = self._make_encoder()
        if self.encoder_ is None:
            return X
        Z = _fit_transform(self.encoder_, X, y, weight)
        return self._check_encoded(Z, _num_samples(X))

    def _fit_encoder_again(self, X, y, weight):
        """Return rows that a new encoder has cross-fitted, and that encoder."""
        encoder = clone(self.encoder_)
        Z = _fit_transform(encoder, X, y, weight)
        Z = self._check_encoded(Z, _num_samples(X))
        n_features = self._shape["module"]["n_features"]
        if Z.shape[1] != n_features:
            raise ValueError(
                f"preprocess={encoder!r} returned {Z.shape[1]} columns, and "
                f"{n_features} in the last fit: with warm_start=True the net is kept, "
                "and needs as many as before."
            )
        return Z, encoder

    def _make_encoder(self):
        if isinstance(self.preprocess, str):
            return TabularEncoder(categorical_features=self.categorical_features)
        return None if self.preprocess is None else clone(self.preprocess)

    def _encode(self, X):
        """Return rows that are checked as a float32 matrix, C-contiguous or CSR."""
        if self.encoder_ is None:
            return X
        with _plain_output(self.encoder_):
            Z = self.encoder_.transform(X)
        return self._check_encoded(Z, _num_samples(X))

    def _check_encoded(self, Z, n_rows):
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
        if not np.isfinite(values).all():
            raise ValueError(
                f"preprocess={self.encoder_!r} returned NaN or infinity: let it impute "
                "missing values, or use preprocess='auto'."
            )
        return Z

    def _split(self, y, seed):
        """Return each member's rows to train and to validate on, None for none."""
        sets_aside = self.early_stopping
        if isinstance(sets_aside, str):
            sets_aside = len(y) >= _ROWS_TO_SPLIT
        if not sets_aside:
            return self._all_rows(y)
        strata = self._strata(y)
        return split_rows(strata, self.validation_fraction, self.n_estimators, seed)

    def _all_rows(self, y):
        return [(np.arange(len(y)), None)] * self.n_estimators

    def _draw_seeds(self):
        """Draw the seed of the validation split, and that of each member."""
        rng = np.random.RandomState(draw_seed(self.random_state))
        split_seed, net_seed = rng.randint(2**31 - 1, size=2).tolist()
        return split_seed, list(islice(member_seeds(net_seed), self.n_estimators))

    def _start_net(self, n_inputs, weight, seeds):
        """Make a net with new weights."""
        self._note_shape(n_inputs, weight, seeds)
        self.net_ = self._make_net(resolve_device(self.device))

    def _note_shape(self, n_inputs, weight, seeds):
        """Keep what the net is made of: parameters may be set anew after a fit."""
        self._shape = {
            "module": self._module_params() | {"n_features": int(n_inputs)},
            "batch_size": self._batch_size(weight),
            "weight_decay": float(self.weight_decay),
            "seeds": seeds,
        }

    def _batch_size(self, weight):
        if self.batch_size != "auto":
            return int(self.batch_size)
        copies = count_copies(weight)
        n_rows = len(weight) if copies is None else copies.sum()
        return int(2 ** np.clip(np.round(np.log2(n_rows / 40)), 4, 8))

    def _make_net(self, device):
        """Return an initialized net for the shape and classes learned."""
        return new_net(device, **self._net_params())

    def _net_params(self):
        """Return the parameters of a net for the shape and classes learned."""
        return {
            "criterion": self._criterion,
            "module__n_outputs": self._n_outputs,
            **{f"module__{k}": v for k, v in self._shape["module"].items()},
            "module__seeds": self._shape["seeds"],
            "optimizer__weight_decay": self._shape["weight_decay"],
            "batch_size": self._shape["batch_size"],
        }

    def _module_params(self):
        """Return what a net cannot change once it is made."""
        return {
            "hidden_layer_sizes": _hidden_widths(self.hidden_layer_sizes),
            "n_members": int(self.n_estimators),
            "activation": self.activation,
            "dropout": float(self.dropout),
        }

    def _check_same_module(self):
        made = self._shape["module"]
        for name, value in self._module_params().items():
            if value != made[name]:
                name = {"n_members": "n_estimators"}.get(name, name)
                raise ValueError(
                    f"{name} has changed since the last fit, and with warm_start=True "
                    "the net is kept: set warm_start=False, or leave it as it was."
                )

    def _training_params(self):
        """Return what may change between two trainings of one net."""
        return {
            "alpha": self.alpha,
            "mixing": make_mixer(self.mixing, self._column_groups),
            "lambda_per": self.lambda_per,
            "label_smoothing": getattr(self, "label_smoothing", 0.0),
            "lr": self.lr,
        }

    @property
    def _column_groups(self):
        """The input column of each encoded one, where the encoder tells; else None."""
        return getattr(last_step(self.encoder_)[1], "column_groups_", None)

    def _train(self, X, y, weight, splits, epochs):
        """Train the net and read off what it learned."""
        splits, weight = repeat_by_weight(splits, weight)
        train, valid = map(list, zip(*splits, strict=True))
        valid = None if valid[0] is None else valid
        net = self.net_
        net.set_params(**self._training_params(), max_epochs=epochs)
        self._shape["weight_decay"] = float(self.weight_decay)
        net.optimizer_.param_groups[-1]["weight_decay"] = self._shape["weight_decay"]
        if self.batch_size != "auto":
            net.batch_size = self._shape["batch_size"] = int(self.batch_size)
        net.lr_schedule = self._schedule(epochs)
        net.callbacks = self._make_callbacks(valid, epochs)
        net.verbose = self.verbose > 1
        net.initialize_callbacks()
        try:
            net.partial_fit(X, y, sample_weight=weight, rows=train, valid_rows=valid)
            self._check_weights()
        finally:
            net.callbacks, net.callbacks_ = None, []  # they may hold rows
        if not net.history:
            raise KeyboardInterrupt  # within the first epoch: there is no model
        self._read_history(valid is not None)
        self._learn_from_rows_set_aside(X, y, weight, splits)

    def _read_history(self, validated):
        """Set what the net's history tells of the training."""
        history = self.net_.history
        self.n_iter_ = len(history)
        self.loss_curve_ = [epoch["mixed_loss"] for epoch in history]
        self.__dict__.pop("validation_loss_curve_", None)
        if validated:
            self.validation_loss_curve_ = [
                epoch["valid_loss"] for epoch in history if "valid_loss" in epoch
            ]

    def _schedule(self, epochs):
        return "constant" if epochs == 1 else self.lr_schedule

    def _make_callbacks(self, valid, epochs):
        callbacks = list(self.callbacks or [])
        if valid is not None:
            callbacks.append(("best_weights", BestWeights(self.n_iter_no_change)))
        if self.verbose and epochs > 1:
            callbacks.append(("epoch_progress", EpochProgress(epochs)))
        return callbacks

    def _check_weights(self):
        for parameter in self.net_.module_.parameters():
            if not torch.isfinite(parameter).all():
                raise ValueError(
                    "Training diverged: a weight is not finite. Lower lr (now "
                    f"{self.lr!r}), or scale X."
                )

    def _member_outputs(self, X):
        """Return the members' outputs in double precision: (n_rows, K, n_outputs)."""
        check_is_fitted(self, "net_")
        X = self._encode(self._check_X(X, reset=False))
        return self.net_.member_scores(X)

    # ---- scikit-learn's protocols

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = self.preprocess is not None
        tags.input_tags.string = isinstance(self.preprocess, str)
        return tags

    def __getstate__(self):
        state = dict(super().__getstate__())
        net = state.pop("net_", None)
        if net is not None:
            state["_net_state"] = net_to_arrays(net)
        return state

    def __setstate__(self, state):
        state = dict(state)
        arrays = state.pop("_net_state", None)
        super().__setstate__(state)
        if arrays is not None:
            self.net_ = self._make_net(_device_at_hand(arrays["device"]))
            arrays_to_net(arrays, self.net_)


def _hidden_widths(sizes):
    """Return the widths of the hidden layers as a list of int."""
    widths = np.atleast_1d(np.asarray(sizes, dtype=object)).tolist()
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, Integral) or width < 1:
            raise ValueError(
                "hidden_layer_sizes must hold integers of at least 1 (or nothing, for "
                f"a linear model), got {sizes!r}."
            )
    return [int(width) for width in widths]
