"""The classifier."""

from __future__ import annotations

from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight

from .._sklearn import Interval, StrOptions, check_partial_fit_first_call, fit_context
from .._typing import (
    Activation,
    Array,
    CategoricalFeatures,
    ClassWeight,
    Device,
    HiddenLayerSizes,
    LambdaPer,
    MatrixLike,
    MixingName,
    NumericEmbedding,
    RandomState,
    Schedule,
    Transformer,
)
from ..encoding._checks import scale_weights, without_negligible
from ..encoding._columns import keep_types
from ..mixing._mixers import Mixer
from ..training._plan import Table
from ..training._weights import contradicted_share
from ._base import BaseMixup, _Scored
from ._calibration import fit_temperature
from ._rows_last import log_softmax
from ._targets import (
    ClassTarget,
    IndicatorTarget,
    check_label_types,
    is_matrix,
)

# Share of rows that equal ones of another label contradict, up to which "auto" sets
# rows aside. 0.27 is the most of 72 real tables; 1 of one column of few levels.
_MOST_CONTRADICTED = 0.5
# Of several members, which learn all rows nonetheless: without a fold, they are as sure
# of 10 to 19 rows' classes as of many rows', at 1.2 to 1.3 times the log-loss.
_ROWS_TO_SPLIT_AMONG_MEMBERS = 10


class MixupClassifier(ClassifierMixin, BaseMixup):
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
    mixing : str, Mixer or None, default="input"
        A key of :data:`skmixup.mixing.MIXERS`: "input" mixes whole rows, "manifold"
        the input of a layer chosen at random, "cutmix" swaps a random subset of
        columns, "noise" mixes some rows with noise, so that rows off the data are
        doubted. None switches mixing off, as ``alpha=0`` does.
    lambda_per : {"batch", "row"}, default="batch"
        Draw one λ for each batch or for each row.
    activation : {"relu", "gelu", "silu", "selu", "mish", "tanh", "logistic", \
            "identity"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.1
        Dropout rate after each hidden layer, in [0, 1).
    dropout_schedule : {"constant", "cosine"}, default="constant"
        "cosine" lets the dropout rate fall towards zero, epoch by epoch, much as in
        RealMLP [3]_.
    n_estimators : int, default=8
        Members of a deep ensemble, trained in one stack and averaged in probability. 1
        takes a fraction of the time.
    lr : float, default=4e-3
        Learning rate of AdamW.
    weight_decay : float, default=1e-2
        Decoupled weight decay of the weights; biases have none, and vectors of levels
        a hundred times as much.
    label_smoothing : float, default=0.0
        Share of each target spread evenly over the classes, in [0, 1); of an indicator
        matrix, over having a label or not.
    batch_size : int or "auto", default="auto"
        Rows a step. "auto" is a power of two from 16 to 256, about n_rows / 40.
    max_epochs : int, default=100
        Epochs of a `fit`. One visits all rows that are trained on, but of more than
        65,536 a part of them, others than the last: a pass takes several epochs.
    lr_schedule : {"constant", "cosine"}, default="cosine"
        "cosine" lets the learning rate fall towards zero, epoch by epoch.
    early_stopping : bool or "auto", default="auto"
        Set rows aside, and keep each member's weights of the epoch with the lowest
        clean log-loss on them. Each of several members sets aside rows of its own, a
        fold, so that all rows are learned from. "auto" does so from 20 distinct rows,
        or 10 with several members, unless more than half of the rows have equal ones
        of another label.
    validation_fraction : float, default=0.125
        Share of the rows that a member sets aside, stratified where that can be: with
        several members, 0.125 is eight folds. Used with `early_stopping`.
    n_iter_no_change : int, default=20
        Epochs without improvement before a member stops. Used with `early_stopping`.
    temperature : float or "auto", default="auto"
        Probabilities p become p^(1/temperature), normalized again: below 1 sharpens
        them, above 1 softens. "auto" learns it from the rows set aside by
        `early_stopping` [2]_. It is 1 where they do not say clearly that another is
        better, where there are none, as after `partial_fit`, and for an indicator
        matrix. With several members, what is learned is never above 1, since their
        mean is already less sure than each.
    class_weight : dict, "balanced" or None, default=None
        Weight of each class; multiplies `sample_weight`.
    preprocess : "auto", None or transformer, default="auto"
        "auto" encodes with ``TabularEncoder(n_bins="auto", n_tree_bins="auto")``: four
        bins of each number, and from 1,600 rows on 16 that trees lay, which then stand
        in the place of those four where numbers are embedded. Its parameters can be set
        by name, as ``preprocess__n_bins=8``. None takes numeric arrays as they are,
        already scaled; a transformer is cloned, fitted and used, on the training rows
        by its `fit_transform`, as in a Pipeline.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Handed to a :class:`TabularEncoder` that has none of its own.
    numeric_embedding : {"auto", "periodic"} or None, default="auto"
        "periodic" embeds each number x, beside x itself, as M·cos(2π(w·x + b)), where
        the network learns the 16 frequencies w and phases b of each number, and M,
        which makes four columns of them [4]_; "auto" does so where `preprocess` is
        "auto", or an encoder whose bins are, and there are 1,600 rows or more, and 40
        for each column of numbers or dates. Of more than 250 numbers, and of a sparse
        matrix, none is; of another `preprocess` than a :class:`TabularEncoder`, all
        columns are.
    callbacks : list of skorch callbacks, default=None
        Handed to :class:`MixupNet`.
    device : str or torch.device, default="auto"
        "auto", "cpu", "cuda", "cuda:1", "mps"; "auto" is the CPU, since no run on an
        accelerator has told yet from which sizes on one pays.
    warm_start : bool, default=False
        Whether `fit` goes on from the last one, with the encoding that it learned. But
        a transformer that keeps its targets from the rows that it is fitted on, as
        :class:`sklearn.preprocessing.TargetEncoder` does, is fitted anew.
    n_jobs : int, default=None
        Threads that share the members; the results do not depend on it. Where their
        steps are not compiled (see the Notes) there is one. None is 1, and -1 all
        processors, unless in a :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        1 shows a progress bar on fits over a second, 2 skorch's table of epochs too.
    random_state : int, RandomState or None, default=None
        Seeds weights, order, mixing, dropout and the validation split. Two fits with
        the same int are the same; global random states are left as they were.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; of an indicator matrix, the numbers of its columns.
    multilabel_ : bool
        Whether the targets are an indicator matrix: then each label has a probability
        of its own, and the loss is the mean of the labels' cross-entropies.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have any that are strings.
    encoder_ : TabularEncoder, transformer or None
        The fitted preprocessing.
    n_levels_ : tuple of int
        Levels of each category that the network embeds, since it has many; empty where
        there is none, or `preprocess` is no :class:`TabularEncoder`.
    n_periodic_ : int
        How many numbers the network embeds.
    net_ : MixupNet
        The trained net; ``net_.history`` is skorch's history.
    member_weights_ : ndarray of shape (n_estimators,) or None
        Each member's share of the prediction; None where all have the same.
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
    MixupEnsembleClassifier : Many settings, averaged, for those who can wait.
    MixupNet : The same training for any torch module.
    TabularEncoder : The preprocessing.

    Notes
    -----
    A row of weight w is the same as w copies of it, exactly: rows equal in every
    encoded value and in label are merged into one that has their total weight. It is
    visited that many times in an epoch where that makes the epoch at most four times
    as long; else once, and its weight multiplies its loss. No copy of a training row
    is among the rows set aside for early stopping.

    On a CPU, the steps of a network with ``activation="relu"`` on dense rows that are
    mixed before it are compiled by Numba, for about ten seconds at the first fit after
    an installation. Others are torch's, one call after the other: the same up to
    round-off, in two to five times the time.

    A category of many levels, by default more than 32, is embedded: the network learns
    a vector of 8 numbers for each level in place of a column of its first layer, and
    mixes those; ``preprocess=TabularEncoder(max_one_hot_levels=...)`` sets how many.
    Text that is different in nearly every row, such as an id, is left out with a
    warning.

    From 1,600 rows on, or with ``preprocess=TabularEncoder(n_tree_bins=...)``, decision
    trees of y lay further bins of each number. Of an even number of four members or
    more, every other one sees all columns but those. It has set aside the same rows as
    the next, and how much each kind counts in the prediction is what has the lowest
    log-loss on them: bins that follow y suit tables of counts and thresholds, and do
    harm on smooth ones, which learned waves of the numbers suit.

    A row's prediction does not depend on the rows beside it. On a CPU it is the same to
    the last bit where torch computes with MKL, as on x86; elsewhere but for round-off
    in single precision, of about 1e-6; on an accelerator up to 4096 rows. A part of the
    rows is encoded and predicted at a time, so that many take little memory.

    The defaults were chosen by log-loss on halves of 73 development tables, in two
    studies, and confirmed on the others (``python -m benchmarks.studies.defaults``;
    benchmarks/README.md, "Where the defaults come from"). Most of what they gain comes
    from members that are stopped early, each on a fold of its own, and averaged; then
    from bins, waves and the temperature. Mixing helps single networks that are trained
    to the end; among early-stopped members, α = 0.1 and α = 0 are about level. A fit
    with the defaults takes about four times as long as with ``n_estimators=1``: a
    second on iris, some seconds on a few thousand rows.

    A fitted or pickled estimator holds no training rows, but what its encoder has
    learned of them: of a numeric column the median, the scale and the edges of its
    bins, the smallest and the largest value among them; of a category all levels, as
    text. A value that one row alone has can be read from it, as can be that row's
    value in a column of zeros otherwise: leave out what must stay secret.

    skops loads a saved estimator with
    ``skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))``; the types
    that it asks for are listed in benchmarks/README.md.

    References
    ----------
    .. [1] Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk
       Minimization", 2017.
    .. [2] Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks",
       2017, section 4.2.
    .. [3] Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", 2024.
    .. [4] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.3; with phases b, as in [3]_.

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

    # With 4 to 34, waves had the higher log-loss on four of five meta-train tables
    # (313, 22, 1492, 1493; not 40966), with 49 or more about level or lower on ten.
    _least_rows_per_number = 40

    _parameter_constraints = {  # noqa: RUF012
        **BaseMixup._parameter_constraints,
        "temperature": [
            Interval(Real, 0, None, closed="neither"),
            StrOptions({"auto"}),
        ],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    classes_: Array
    multilabel_: bool
    temperature_: float

    def __init__(
        self,
        hidden_layer_sizes: HiddenLayerSizes = (128, 128),
        *,
        alpha: float = 0.1,
        mixing: MixingName | Mixer | None = "input",
        lambda_per: LambdaPer = "batch",
        activation: Activation = "relu",
        dropout: float = 0.1,
        dropout_schedule: Schedule = "constant",
        n_estimators: int = 8,
        lr: float = 4e-3,
        weight_decay: float = 1e-2,
        label_smoothing: float = 0.0,
        batch_size: int | Literal["auto"] = "auto",
        max_epochs: int = 100,
        lr_schedule: Schedule = "cosine",
        early_stopping: bool | Literal["auto"] = "auto",
        validation_fraction: float = 0.125,
        n_iter_no_change: int = 20,
        temperature: float | Literal["auto"] = "auto",
        class_weight: ClassWeight = None,
        preprocess: Literal["auto"] | Transformer | None = "auto",
        categorical_features: CategoricalFeatures = "from_dtype",
        numeric_embedding: NumericEmbedding = "auto",
        callbacks: list[Any] | None = None,
        device: Device = "auto",
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.alpha = alpha
        self.mixing = mixing
        self.lambda_per = lambda_per
        self.activation = activation
        self.dropout = dropout
        self.dropout_schedule = dropout_schedule
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
        self.numeric_embedding = numeric_embedding
        self.callbacks = callbacks
        self.device = device
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: MatrixLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,), or (n_rows, n_labels) of 0 and 1
            Labels of any kind; or which of several each row has, dense or sparse.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row; a weight of 0 leaves the row out.
        groups : array-like of shape (n_rows,), default=None
            Rows of one group, those of a patient say, are set aside together: what is
            learned of a row then tells nothing of those that a member is stopped on.
            Where metadata is routed, they are handed on only if requested.
        X_val, y_val, sample_weight_val : as X, y and `sample_weight`, default=None
            Rows to stop early on, later ones say, in the place of folds that are set
            aside: all members learn from all rows of X.

        Returns
        -------
        self : MixupClassifier
            The fitted estimator.

        Raises
        ------
        ValueError
            If X or y is empty, of different lengths, or not finite; if a parameter is
            out of range; if what is given to validate on does not go together; if
            training diverges.
        TypeError
            If a column of X holds what cannot be encoded.
        """
        return self._fit(
            X,
            y,
            sample_weight,
            groups=groups,
            X_val=X_val,
            y_val=y_val,
            sample_weight_val=sample_weight_val,
        )

    @fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch on a piece of a table.

        The encoding, with "auto" whether numbers are embedded and the batch size, are
        learned from the first piece: if it learns from y, as TargetEncoder does, later
        pieces must hold other rows. The learning rate is constant, and no rows are set
        aside.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,), or (n_rows, n_labels) of 0 and 1
            Labels.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever occur; needed in the first call. Of an indicator
            matrix, the numbers of its columns.
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

        Examples
        --------
        Three epochs over a table that comes in pieces, in an order that is mixed:

        >>> import pandas as pd
        >>> from skmixup import MixupClassifier
        >>> table = pd.DataFrame({"size": [4.0, 5.5, 60.0, 72.0] * 600})
        >>> y = pd.Series(["small", "small", "large", "large"] * 600)
        >>> clf = MixupClassifier(n_estimators=2, random_state=0)
        >>> for epoch in range(3):
        ...     for start in range(0, len(table), 800):
        ...         X, labels = table[start : start + 800], y[start : start + 800]
        ...         clf = clf.partial_fit(X, labels, classes=["small", "large"])
        >>> clf.predict(table[:4]).tolist()
        ['small', 'small', 'large', 'large']
        """
        if not hasattr(self, "net_"):  # a first call that failed is forgotten
            self.__dict__.pop("classes_", None)
        if classes is not None:
            classes = np.asarray(keep_types(classes))
            check_label_types(classes, "classes")
        new_classes = check_partial_fit_first_call(self, classes)
        if new_classes:
            self.multilabel_ = is_matrix(y)
            if self.multilabel_:
                IndicatorTarget(self.classes_).check_classes()
        first = new_classes or not hasattr(self, "net_")
        return self._fit_piece(X, y, sample_weight, first, learns_target=False)

    # ---- what the target is

    @property
    def _target(self) -> ClassTarget | IndicatorTarget:
        kind = IndicatorTarget if self.multilabel_ else ClassTarget
        return kind(self.classes_)

    def _check_target(self, y: Any) -> Array:
        kind = IndicatorTarget if is_matrix(y) else ClassTarget
        return kind.check(y, self)

    def _learn_target(self, y: Array, weight: Array) -> None:
        self.multilabel_ = y.ndim == 2
        self.classes_ = np.arange(y.shape[1]) if self.multilabel_ else np.unique(y)

    def _reweigh(
        self, y: Array, weight: Array, learned_from: tuple[Array, Array]
    ) -> Array:
        if self.class_weight is None:
            return weight
        return without_negligible(
            weight * scale_weights(self._class_weights(*learned_from))[y]
        )

    def _class_weights(self, y: Array, weight: Array) -> Array:
        """Return the weight of each class; 1 for those that are not named."""
        weights = np.ones(len(self.classes_))
        if isinstance(self.class_weight, str):
            codes = np.unique(y)
            weights[codes] = compute_class_weight(
                self.class_weight, classes=codes, y=y, sample_weight=weight
            )
            return weights
        given: dict[Any, Any] = self.class_weight or {}
        labels = self.classes_.tolist()
        unknown = [label for label in given if label not in labels]
        # A fold may lack a class; but then all that it has should be named.
        if unknown and any(label not in given for label in labels):
            raise ValueError(
                f"class_weight has label(s) {unknown} that are not among the classes "
                f"{labels}."
            )
        for code, label in enumerate(labels):
            own = given.get(label, 1.0)
            if isinstance(own, Real):
                weights[code] = own
            if not isinstance(own, Real) or not 0 <= weights[code] < np.inf:
                raise ValueError(
                    f"class_weight[{label!r}] must be finite and not negative, got "
                    f"{given[label]!r}."
                )
        return weights

    def _sets_aside(self, table: Table) -> bool:
        # With one label of a row set aside, all its copies, the other would be learned
        # as the only one.
        return super()._sets_aside(table) and (
            self.early_stopping != "auto"
            or contradicted_share(table.X, table.weight) <= _MOST_CONTRADICTED
        )

    def _fewest_to_split(self) -> int:
        if self.n_estimators == 1:
            return super()._fewest_to_split()
        return _ROWS_TO_SPLIT_AMONG_MEMBERS

    def _learns_from_rows_set_aside(self) -> bool:
        learns = self.temperature == "auto" and not self.multilabel_
        return learns or super()._learns_from_rows_set_aside()

    def _learn_from_rows_set_aside(
        self, scored: list[_Scored], y: Array, weight: Array | None
    ) -> None:
        super()._learn_from_rows_set_aside(scored, y, weight)
        self.temperature_ = self._find_temperature(scored, y, weight)

    def _combine(self, outputs: Array, weights: Array) -> Array:
        return self._target.combine(outputs, weights, self.temperature_)

    def _find_temperature(
        self, scored: list[_Scored], y: Array, weight: Array | None
    ) -> float:
        """Return the temperature given, or that the rows set aside ask for."""
        if self.temperature != "auto":
            return float(self.temperature)
        if not scored or self.multilabel_:
            return 1.0
        log_proba, parts, shares = [], [], []
        for part in scored:
            for place, member in enumerate(part.members):
                log_proba.append(log_softmax(part.outputs[:, place].T).T)
                parts.append(part.rows)
                if self.member_weights_ is not None:
                    share = self.member_weights_[member]
                    shares.append(np.full(len(part.rows), share))
        n_members, rows = len(parts), np.concatenate(parts)
        weight = None if weight is None else weight[rows]
        if shares:
            share = np.concatenate(shares)
            weight = share if weight is None else share * weight
        found = fit_temperature(np.concatenate(log_proba), y[rows], weight)
        # A mean of members is softer than the members, whose temperature this is.
        return found if n_members == 1 else min(found, 1.0)

    # ---- prediction

    def predict_proba(self, X: MatrixLike) -> NDArray[np.float64]:
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

    def predict_log_proba(self, X: MatrixLike) -> NDArray[np.float64]:
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
        return self._predict(
            X,
            lambda outputs: self._target.log_proba(
                outputs, self.temperature_, self.member_weights_
            ),
        )

    def predict(self, X: MatrixLike) -> Array:
        """Return the most probable label of each row, or all that it likely has.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,), or of int of shape (n_rows, n_labels)
            Labels, as in `classes_`; or 1 for each label that a row has, else 0.
        """
        proba = self.predict_proba(X)
        return self._target.decide(proba)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
