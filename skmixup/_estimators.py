"""The scikit-learn estimators."""

from itertools import islice
from numbers import Integral, Real

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)
from sklearn.utils.validation import (
    _check_y,
    check_consistent_length,
    check_is_fitted,
    has_fit_parameter,
    validate_data,
)
from skorch.history import History

from ._calibration import apply_temperature, fit_temperature
from ._callbacks import BestWeights, EpochProgress
from ._encoding import (
    TabularEncoder,
    check_some_weight,
    check_table,
    check_weights,
)
from ._mixing import Mixer, make_mixer
from ._modules import ACTIVATIONS, StackedMLP
from ._net import MixupNet, draw_seed, member_seeds
from ._optim import StackedAdamW
from ._rows import collapse_duplicates, count_copies, split_rows, visit_copies

_ROWS_TO_SPLIT = 20  # distinct rows from which early_stopping="auto" sets some aside
# How the dtypes begin, in pandas and polars, that preprocess=None cannot take.
_NOT_NUMERIC = ("object", "str", "categor", "datetime", "timedelta")


def resolve_device(device):
    """Return the torch device that a `device` parameter names.

    Parameters
    ----------
    device : str or torch.device
        "auto" is the first accelerator that is there, else the CPU.

    Returns
    -------
    device : str

    Raises
    ------
    ValueError
        If the device is unknown, or not there.
    """
    there = [name for name in ("cuda", "mps") if _is_there(name)]
    if device == "auto":
        return (there or ["cpu"])[0]
    try:
        kind = torch.device(device).type
    except (RuntimeError, TypeError) as error:
        raise ValueError(
            f"device={device!r} is not a torch device: use 'auto', 'cpu', 'cuda', "
            "'cuda:0' or 'mps'."
        ) from error
    if kind != "cpu" and kind not in there:
        raise ValueError(
            f"device={device!r} is not on this machine, which has "
            f"{['cpu', *there]}: use device='auto' or one of these."
        )
    return str(device)


def _is_there(kind):
    module = torch.cuda if kind == "cuda" else torch.backends.mps
    return module.is_available()


class MixupClassifier(ClassifierMixin, BaseEstimator):
    """A neural network for tables, trained with mixup.

    One or more multi-layer perceptrons, trained on virtual rows
    x~ = λ·x_i + (1−λ)·x_j with labels y~ = λ·y_i + (1−λ)·y_j, where λ ~ Beta(α, α) and
    i, j are two training rows drawn at random [1]_. Takes DataFrames with numbers,
    booleans, strings, categories and missing values, numeric arrays, and CSR matrices.

    Parameters
    ----------
    hidden_layer_sizes : array-like of int or int, default=(128, 128)
        Width of each hidden layer; empty for a linear model.
    alpha : float, default=0.1
        α of λ ~ Beta(α, α), in [0, inf]. 0 is plain training (ERM), inf mixes half and
        half. Not the L2 penalty, which :class:`sklearn.neural_network.MLPClassifier`
        calls alpha: that is `weight_decay` here.
    mixing : {"input", "manifold", "cutmix"}, Mixer or None, default="input"
        Mix whole rows; mix the input of a layer chosen at random; or swap a random
        subset of columns. None switches mixing off, as ``alpha=0`` does.
    lambda_per : {"batch", "row"}, default="batch"
        Draw one λ for each batch or for each row.
    activation : {"relu", "gelu", "silu", "selu", "mish", "tanh", "logistic", \
            "identity"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.1
        Dropout rate after each hidden layer, in [0, 1).
    n_estimators : int, default=8
        Members of a deep ensemble, trained in one stack and averaged in probability. 1
        takes a fraction of the time.
    lr : float, default=4e-3
        Learning rate of AdamW.
    weight_decay : float, default=1e-2
        Decoupled weight decay of the weights; biases have none.
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes, in [0, 1).
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" is a power of two from 16 to 256, about n_rows / 40.
    max_epochs : int, default=100
        Epochs of a `fit`.
    lr_schedule : {"constant", "cosine"}, default="cosine"
        "cosine" lets the learning rate fall towards zero, epoch by epoch.
    early_stopping : bool or "auto", default="auto"
        Set rows aside, and keep each member's weights of the epoch with the lowest
        clean log-loss on them. Each of several members sets aside rows of its own, a
        fold, so that all rows are learned from. "auto" does so from 20 distinct rows.
    validation_fraction : float, default=0.125
        Share of the rows that a member sets aside, stratified where that can be: with
        several members, 0.125 is eight folds. Used with `early_stopping`.
    n_iter_no_change : int, default=20
        Epochs without improvement before a member stops. Used with `early_stopping`.
    temperature : float or "auto", default="auto"
        Probabilities p become p^(1/temperature), normalized again: below 1 sharpens
        them, above 1 softens. "auto" learns it from the rows set aside by
        `early_stopping`, and is 1 where they do not say clearly that another is
        better, or where there are none [2]_.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; multiplies `sample_weight`.
    preprocess : "auto", None or transformer, default="auto"
        "auto" encodes with :class:`TabularEncoder`; None takes numeric arrays as they
        are, already scaled; a transformer is cloned, fitted and used.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Handed to :class:`TabularEncoder`.
    callbacks : list of skorch callbacks, default=None
        Handed to :class:`MixupNet`.
    device : str, default="auto"
        "auto", "cpu", "cuda", "cuda:1", "mps"; "auto" prefers an accelerator.
    warm_start : bool, default=False
        Whether `fit` goes on from the last one, with the encoding that it learned.
    verbose : int, default=0
        1 shows a progress bar on fits over a second, 2 skorch's table of epochs too.
    random_state : int, RandomState or None, default=None
        Seeds weights, order, mixing, dropout and the validation split. Two fits with
        the same int are the same; global random states are left as they were.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, where they have any that are strings.
    encoder_ : TabularEncoder, transformer or None
        The fitted preprocessing.
    net_ : MixupNet
        The trained net; ``net_.history`` is skorch's history.
    temperature_ : float
        The temperature of the probabilities.
    n_iter_ : int
        Number of epochs trained.
    loss_curve_ : list of float
        Mean loss that training minimized, on mixed rows, epoch by epoch.
    validation_loss_curve_ : list of float
        Clean log-loss on the rows set aside, mean over members; with `early_stopping`.

    See Also
    --------
    MixupNet : The same training for any torch module.
    TabularEncoder : The preprocessing.

    Notes
    -----
    A row of weight w is the same as w copies of it, exactly: rows equal in every
    encoded value and in label are merged into one that has their total weight. It is
    visited that many times in an epoch where that makes the epoch at most four times
    as long; else once, and its weight multiplies its loss. No copy of a training row
    is among the rows set aside for early stopping.

    Predictions are computed in double precision up to 4096 rows, so that a row's does
    not depend on the rows beside it, and in single precision, twice as fast, for more.

    skops loads a saved estimator with
    ``skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))``; the types
    that it asks for are listed in the README.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", 2017.
    .. [2] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       2017, section 4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import train_test_split
    >>> from skmixup import MixupClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> clf = MixupClassifier(alpha=0.2, random_state=0).fit(X_train, y_train)
    >>> bool(clf.score(X_test, y_test) > 0.9)
    True
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
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "lr_schedule": [StrOptions({"constant", "cosine"})],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "temperature": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "preprocess": [StrOptions({"auto"}), HasMethods(["fit", "transform"]), None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "callbacks": [list, None],
        "device": [str, torch.device],
        "warm_start": ["boolean"],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hidden_layer_sizes=(128, 128),
        *,
        alpha=0.1,
        mixing="input",
        lambda_per="batch",
        activation="relu",
        dropout=0.1,
        n_estimators=8,
        lr=4e-3,
        weight_decay=1e-2,
        label_smoothing=0.0,
        batch_size="auto",
        max_epochs=100,
        lr_schedule="cosine",
        early_stopping="auto",
        validation_fraction=0.125,
        n_iter_no_change=20,
        temperature="auto",
        class_weight=None,
        preprocess="auto",
        categorical_features="from_dtype",
        callbacks=None,
        device="auto",
        warm_start=False,
        verbose=0,
        random_state=None,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.mixing = mixing
        self.lambda_per = lambda_per
        self.activation = activation
        self.dropout = dropout
        self.n_estimators = n_estimators
        self.lr = lr
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.lr_schedule = lr_schedule
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.temperature = temperature
        self.class_weight = class_weight
        self.preprocess = preprocess
        self.categorical_features = categorical_features
        self.callbacks = callbacks
        self.device = device
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    # ---- training

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train on a table.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Labels of any kind.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row; a weight of 0 leaves the row out.

        Returns
        -------
        self : MixupClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, of different lengths, or not finite; if a parameter is
            out of range; if training diverges.
        TypeError
            If a column of X holds what cannot be encoded.
        """
        goes_on = self.warm_start and hasattr(self, "net_")
        if not goes_on:
            self.__dict__.pop("net_", None)  # a fit that fails leaves no half model
        X, y, weight = self._check_rows(X, y, sample_weight, reset=not goes_on)
        classes = np.unique(y)
        if goes_on:
            self._check_same_module()
            self._check_known_classes(classes, "with warm_start=True")
        X, y, weight = self._prepare(X, y, weight, None if goes_on else classes)
        split_seed, seeds = self._draw_seeds()
        splits = self._split(y, split_seed)
        if not goes_on:
            self._start_net(X.shape[1], weight, seeds)
        self._train(X, y, weight, splits, self.max_epochs)
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Train for one epoch on a piece of a table.

        The encoding and, with ``batch_size="auto"``, the batch size are learned from
        the first piece. The learning rate is constant, and no rows are set aside.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,)
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row.

        Returns
        -------
        self : MixupClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If `classes` is missing in the first call, or y has a label not in it.
        """
        new_classes = _check_partial_fit_first_call(self, classes)
        first = new_classes or not hasattr(self, "net_")
        X, y, weight = self._check_rows(X, y, sample_weight, reset=first)
        self._check_known_classes(np.unique(y), "in partial_fit")
        X, y, weight = self._prepare(X, y, weight, self.classes_ if first else None)
        if first:
            self._start_net(X.shape[1], weight, self._draw_seeds()[1])
        self._train(X, y, weight, self._all_rows(y), 1)
        return self

    def _check_rows(self, X, y, sample_weight, reset):
        """Validate X, y and weights as far as no encoding is needed."""
        _hidden_widths(self.hidden_layer_sizes)  # before anything is learned
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        y = _check_y(y, estimator=self)
        if pd.isna(y).any():
            raise ValueError(
                "Input y contains missing values: every row needs a label."
            )
        check_classification_targets(y)
        X = self._check_X(X, reset=reset)
        check_consistent_length(X, y, sample_weight)
        return _drop_weightless(X, y, check_weights(sample_weight, X))

    def _check_X(self, X, reset):
        """Check X as far as the encoder does not, and note its columns."""
        # What fit used, not what may have been set since.
        encodes = self.preprocess if reset else self.encoder_
        if encodes is not None:
            return check_table(self, X, reset=reset)
        _check_numeric_columns(X)
        return validate_data(
            self, X, reset=reset, accept_sparse="csr", dtype=np.float32, order="C"
        )

    def _check_known_classes(self, labels, when):
        unseen = np.setdiff1d(labels, self.classes_)
        if len(unseen):
            raise ValueError(
                f"y has label(s) {unseen.tolist()} that are not among the classes "
                f"{self.classes_.tolist()}: {when} the classes cannot change."
            )

    def _prepare(self, X, y, weight, classes):
        """Encode, number the classes, merge equal rows, and apply class weights."""
        if classes is not None:
            self.classes_ = classes
            X = self._fit_encoder(X, y, weight)
        else:
            X = self._encode(X)
        y = np.searchsorted(self.classes_, y)
        if self.class_weight is not None:
            weight = weight * self._class_weights(y, weight)[y]
            X, y, weight = _drop_weightless(X, y, weight)
        X = _equal_rows_equal_bits(X)
        index, weight = collapse_duplicates(X, y, weight)
        return X[index], y[index], weight

    def _class_weights(self, y, weight):
        """Return the weight of each class; 1 for those that are not named."""
        weights = np.ones(len(self.classes_))
        if isinstance(self.class_weight, str):
            codes = np.unique(y)
            weights[codes] = compute_class_weight(
                self.class_weight, classes=codes, y=y, sample_weight=weight
            )
            return weights
        labels = self.classes_.tolist()
        unknown = [label for label in self.class_weight if label not in labels]
        # A fold may lack a class; but then all that it has should be named.
        if unknown and any(label not in self.class_weight for label in labels):
            raise ValueError(
                f"class_weight has label(s) {unknown} that are not among the classes "
                f"{labels}."
            )
        for code, label in enumerate(labels):
            weights[code] = self.class_weight.get(label, 1.0)
            if not 0 <= weights[code] < np.inf:
                raise ValueError(
                    f"class_weight[{label!r}] must be finite and not negative, got "
                    f"{self.class_weight[label]!r}."
                )
        return weights

    def _fit_encoder(self, X, y, weight):
        """Fit the preprocessing and return the encoded rows."""
        if self.preprocess is None:
            self.encoder_ = None
            return X
        if isinstance(self.preprocess, str):
            self.encoder_ = TabularEncoder(
                categorical_features=self.categorical_features
            )
        else:
            self.encoder_ = clone(self.preprocess)
        if has_fit_parameter(self.encoder_, "sample_weight"):
            self.encoder_.fit(X, y, sample_weight=weight)
        else:
            self.encoder_.fit(X, y)
        return self._encode(X)

    def _encode(self, X):
        """Return rows that are checked as a float32 matrix, C-contiguous or CSR."""
        if self.encoder_ is None:
            return X
        X = self.encoder_.transform(X)
        if sparse.issparse(X):
            X = X.tocsr().astype(np.float32)
            return _check_encoded(X, X.data, self.encoder_)
        X = np.ascontiguousarray(X, dtype=np.float32)
        return _check_encoded(X, X, self.encoder_)

    def _split(self, y, seed):
        """Return each member's rows to train and to validate on, None for none."""
        sets_aside = self.early_stopping
        if isinstance(sets_aside, str):
            sets_aside = len(y) >= _ROWS_TO_SPLIT
        if not sets_aside:
            return self._all_rows(y)
        return split_rows(y, self.validation_fraction, self.n_estimators, seed)

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
            "module__n_outputs": len(self.classes_),
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
        groups = getattr(self.encoder_, "column_groups_", None)
        return {
            "alpha": self.alpha,
            "mixing": make_mixer(self.mixing, groups),
            "lambda_per": self.lambda_per,
            "label_smoothing": self.label_smoothing,
            "lr": self.lr,
        }

    def _train(self, X, y, weight, splits, epochs):
        """Train the net and read off what it learned."""
        splits, weight = visit_copies(splits, weight)
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
        except ValueError:
            del self.net_  # what diverged is of no use
            raise
        finally:
            net.callbacks, net.callbacks_ = None, []  # they may hold rows
        if not net.history:
            raise KeyboardInterrupt  # within the first epoch: there is no model
        self._read_history(valid is not None)
        self.temperature_ = self._find_temperature(X, y, weight, splits)

    def _find_temperature(self, X, y, weight, splits):
        """Return the temperature given, or that the rows set aside ask for."""
        if self.temperature != "auto":
            return float(self.temperature)
        if splits[0][1] is None:
            return 1.0
        log_proba = [
            self.net_.member_scores(X[valid])[:, member].log_softmax(-1).numpy()
            for member, (_, valid) in enumerate(splits)
        ]
        rows = np.concatenate([valid for _, valid in splits])
        weight = None if weight is None else weight[rows]
        return fit_temperature(np.concatenate(log_proba), y[rows], weight)

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

    # ---- prediction

    def _logits(self, X):
        """Return the members' scores in double precision: (n_rows, K, n_classes)."""
        check_is_fitted(self, "net_")
        X = self._encode(self._check_X(X, reset=False))
        return self.net_.member_scores(X)

    def predict_proba(self, X):
        """Return the probability of each class: the members' mean, at `temperature_`.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            Columns in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        log_proba : ndarray of shape (n_rows, n_classes)
            Finite also where the probability underflows.
        """
        log_proba = self._logits(X).log_softmax(-1)
        log_proba = (log_proba.logsumexp(1) - np.log(log_proba.shape[1])).numpy()
        return apply_temperature(log_proba, self.temperature_)

    def predict(self, X):
        """Return the most probable label of each row.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,)
            Labels, as in `classes_`.
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(1)]

    # ---- scikit-learn's protocols

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


def new_net(device, cls=MixupNet, **params):
    """Return an initialized net of perceptrons, whose biases do not decay.

    Parameters
    ----------
    device : str
    cls : type, default=MixupNet
    **params
        Of the net; `module__seeds` among them.

    Returns
    -------
    net : MixupNet
    """
    net = cls(
        StackedMLP,
        optimizer=StackedAdamW,
        optimizer__param_groups=[("*.bias", {"weight_decay": 0.0})],
        random_state=params["module__seeds"][0],
        device=device,
        **params,
    )
    return net.initialize()


def _drop_weightless(X, y, weight):
    """Leave out the rows of weight 0, as if they were not there."""
    check_some_weight(weight)
    if weight.all():
        return X, y, weight
    kept = np.flatnonzero(weight)
    return take_rows(X, kept), y[kept], weight[kept]


def _equal_rows_equal_bits(X):
    """Return X with one zero, +0.0, and in CSR without stored zeros or twins."""
    if not sparse.issparse(X):
        return X + np.float32(0)
    X = X.copy()
    X.sum_duplicates()
    X.eliminate_zeros()
    return X


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


def _check_encoded(X, values, encoder):
    """Return X, or raise if the preprocessing has left values that are not finite."""
    if not np.isfinite(values).all():
        raise ValueError(
            f"preprocess={encoder!r} returned NaN or infinity: let it impute missing "
            "values, or use preprocess='auto'."
        )
    return X


def _check_numeric_columns(X):
    """Name the columns of a DataFrame that preprocess=None cannot take."""
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return
    text = [
        name
        for name, dtype in zip(X.columns, X.dtypes, strict=True)
        if str(dtype).lower().startswith(_NOT_NUMERIC)
    ]
    if text:
        raise ValueError(
            f"preprocess=None takes numeric columns only; column(s) {text} are not "
            "numeric. Encode them first, or use preprocess='auto'."
        )


def _device_at_hand(device):
    """Return the device, or the one there is where it is missing."""
    try:
        return resolve_device(device)
    except ValueError:
        return resolve_device("auto")


def net_to_arrays(net):
    """Return the state of a trained net as NumPy arrays and plain values."""
    optimizer = net.optimizer_.state_dict()["state"]
    return {
        "device": str(net.device),
        "weights": {k: v.cpu().numpy() for k, v in net.module_.state_dict().items()},
        "optimizer": {
            str(i): {k: v.cpu().numpy() for k, v in slots.items()}
            for i, slots in optimizer.items()
        },
        "history": list(net.history),
        "n_outputs": net.n_outputs_,
    }


def arrays_to_net(arrays, net):
    """Put the state that `net_to_arrays` returned into a new net."""

    def tensor(array):
        return torch.as_tensor(np.array(array))

    net.module_.load_state_dict({k: tensor(v) for k, v in arrays["weights"].items()})
    state = net.optimizer_.state_dict()
    state["state"] = {
        int(i): {k: tensor(v) for k, v in slots.items()}
        for i, slots in arrays["optimizer"].items()
    }
    net.optimizer_.load_state_dict(state)
    net.history = History(arrays["history"])
    net.n_outputs_ = arrays["n_outputs"]
    net.callbacks_ = []
