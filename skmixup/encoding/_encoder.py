"""A table of mixed columns becomes a float32 matrix."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from .._sklearn import (
    Interval,
    StrOptions,
    check_feature_names_in,
    fit_context,
    get_output_config,
)
from .._typing import Array, CategoricalFeatures, MatrixLike, Rows
from .._warn import warn_user
from ._bins import PiecewiseLinearBins, count_rows, quantile_edges, tree_edges
from ._checks import check_table, check_weights
from ._columns import (
    CATEGORY,
    TIME,
    column_kind,
    column_name,
    plain,
    refuse_infinity,
    to_frame,
    to_levels,
    to_numbers,
)
from ._parts import by_parts, join_rows
from ._scaler import SmoothClipScaler, _distinct, _readable
from ._times import learn_times, reads_as_dates

MAX_BINNED_COLUMNS = 250  # bins would make wide tables five times as wide
_BINS = 4  # by default, and at least of a number that its scaled value does not tell
_TREE_BINS = 16  # with "auto", at most, of each number
MANY_ROWS = 1600  # from which on trees lay bins, with "auto"
MAX_TREE_BINS = 512  # of all columns: more cost time, and on wide tables gain nothing
_DENSE_VALUES = 2**24  # a one-hot matrix up to this size is kept dense (64 MB)
_MAX_CODE = 2**24  # beyond, not every whole number is one in single precision
# Text of so many values, and for so large a share of rows with one of their own, is
# no category.
_FEWEST_UNIQUE, _UNIQUE = 50, 0.9
_MOST_CLASSES = 100  # numbers of more values are a continuous target
_TINY = np.finfo(np.float64).tiny
_MOST_COPIES = 2  # weight of a level, on average, up to which it may be an id


class TabularEncoder(TransformerMixin, BaseEstimator):
    """Encode a table of mixed columns as a float32 matrix.

    Numbers are centered by the median, scaled by the quartiles and clipped smoothly
    (:class:`SmoothClipScaler`); a missing number becomes the median, and a column that
    lacks some gets an indicator column beside it. So that a network can bend where the
    data do, the scaled number is also told by how far it reaches into each of a few
    bins of equal mass, as a piecewise-linear code [1]_. Categories, strings and
    booleans are one-hot; missing is a category of its own, and one that `fit` has not
    seen is all zeros. Sparse matrices hold numbers only, which get no bins.

    Within :class:`MixupClassifier` and :class:`MixupRegressor`, a category of more than
    `max_one_hot_levels` levels is embedded: the network learns a vector of 8 numbers
    for each [2]_. An unseen level's vector is zero. This needs no other parameter, but
    the encoder must be their `preprocess`: what `transform` returns, as within a
    Pipeline, is one-hot for any number of levels.

    Text that is different in nearly every row, such as an id or a comment, tells a
    network nothing as a category. It is left out with a warning that names the column,
    and leaves an indicator where it is missing in some rows. A column named in
    `categorical_features` is a category whatever it holds.

    Dates (also Periods, and objects of Python's datetime) are several numbers: the
    seconds since 1970, the year, and where in the year, month, week and day they lie,
    as a sine and a cosine of the time zone that `fit` has seen; of these, what never
    varies is left out. Lengths of time are seconds.

    Objects are numbers where all of a column are: integers, floats, Decimals and
    Fractions, and booleans beside these, which count as 0 and 1. In an array of a
    numeric or boolean type, all are numbers. Among categories, equal numbers are one
    level whatever their types: 1, 1.0, Decimal("1.00") and True.

    Parameters
    ----------
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Which columns are categories: those whose dtype says so (category, string,
        bool, and object unless it holds numbers only; a column of objects with no
        value at all is one too, whatever comes later); those given by name, index or
        boolean mask, beside them text columns; or none.
    n_bins : int or "auto", default=4
        Bins of each number, where there are at most `MAX_BINNED_COLUMNS` = 250 columns
        of numbers; 0 or 1 for none, but for four of a number whose common values lie
        so far from all others that scaled they could not be told apart. "auto" is 4,
        and 0 within estimators that embed numbers.
    n_tree_bins : int or "auto", default=0
        Further bins of each number, at most, whose edges are the thresholds of a
        decision tree of `y` on that number alone [1]_; 0 or 1 for none. They are the
        last columns of the output, and `fit` needs `y`. A leaf has 20 rows or more. All
        numbers together get at most `MAX_TREE_BINS` = 512; of more than 250, and in a
        sparse matrix, there are none. "auto" is 16 from 1,600 rows on, where there is a
        `y`, and else 0.
    min_frequency, max_categories : int, float or None, default=None
        Group rare categories, as in :class:`sklearn.preprocessing.OneHotEncoder`.
    max_one_hot_levels : int or None, default=32
        Levels of a category, missing among them, up to which the networks of this
        package take it one-hot, and beyond which they embed it. None for never.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where all are strings.
    categorical_mask_ : ndarray of bool of shape (`n_features_in_`,)
        Which columns are categories.
    time_mask_ : ndarray of bool of shape (`n_features_in_`,)
        Which columns are dates, or lengths of time.
    dropped_mask_ : ndarray of bool of shape (`n_features_in_`,)
        Which columns are text that is different in nearly every row, and left out.
    unseen_share_ : ndarray of shape (`n_features_in_`,)
        Of each category, the share of rows whose level no other row has: in about as
        many of the rows to come, it may be expected to be an unseen one [3]_.
    n_bins_, n_tree_bins_ : int
        `n_bins` and `n_tree_bins`, with what "auto" came to.
    embedded_columns_ : ndarray of int of shape (n_embedded,)
        Numbers of the input columns that networks embed.
    n_levels_ : ndarray of int of shape (n_embedded,)
        How many levels each of them has.
    column_groups_ : ndarray of int of shape (n_features_out,)
        For each output column, the input column that it comes from.
    sparse_output_ : bool
        Whether the output is CSR: where it is large, and less than 30 % are not zero.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.2.
    .. [2] Holzmüller, Grinsztajn, Steinwart, "Better by Default: Strong Pre-Tuned MLPs
       and Boosted Trees on Tabular Data", 2024, section 3.
    .. [3] Good, "The Population Frequencies of Species and the Estimation of
       Population Parameters", 1953.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmixup import TabularEncoder
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 3.0], "color": ["red", "blue", None]})
    >>> encoder = TabularEncoder(n_bins=2).fit(X)
    >>> encoder.get_feature_names_out()
    array(['size', 'size_bin0', 'size_bin1', 'color_blue', 'color_red',
           'color_nan'], dtype=object)
    >>> encoder.transform(X).round(2)
    array([[-0.66,  0.  ,  0.  ,  0.  ,  1.  ,  0.  ],
           [ 0.  ,  1.  ,  0.  ,  1.  ,  0.  ,  0.  ],
           [ 0.66,  1.  ,  1.  ,  0.  ,  0.  ,  1.  ]], dtype=float32)
    """

    _parameter_constraints = {  # noqa: RUF012
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "n_bins": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "n_tree_bins": [
            Interval(Integral, 0, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
        "max_one_hot_levels": [Interval(Integral, 0, None, closed="left"), None],
    }

    n_features_in_: int
    feature_names_in_: Array
    categorical_mask_: Array
    time_mask_: Array
    dropped_mask_: Array
    embedded_columns_: Array
    n_levels_: Array
    column_groups_: Array
    sparse_output_: bool
    n_bins_: int
    n_tree_bins_: int
    # None where there are no numbers, or no categories.
    scaler_: Any
    bins_: Any
    raw_bins_: Any
    one_hot_: Any

    def __init__(
        self,
        *,
        categorical_features: CategoricalFeatures = "from_dtype",
        n_bins: int | Literal["auto"] = 4,
        n_tree_bins: int | Literal["auto"] = 0,
        min_frequency: int | float | None = None,
        max_categories: int | None = None,
        max_one_hot_levels: int | None = 32,
    ) -> None:
        self.categorical_features = categorical_features
        self.n_bins = n_bins
        self.n_tree_bins = n_tree_bins
        self.min_frequency = min_frequency
        self.max_categories = max_categories
        self.max_one_hot_levels = max_one_hot_levels

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Learn the encoding.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            The table.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs), default=None
            Labels or numbers, for `n_tree_bins`: whole numbers of up to 100 values are
            labels. Ignored without.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w is the same as w copies of the row. Rare categories are counted
            by rows of weight above 0.

        Returns
        -------
        self : TabularEncoder

        Raises
        ------
        ValueError
            If X is empty, infinite or complex, `categorical_features` names a column
            that is not there, or `n_tree_bins` asks for y and there is none.
        TypeError
            If columns hold times of day, intervals, or objects that are neither text
            nor numbers: all such are named.
        """
        table = check_table(self, X, reset=True)
        weight = check_weights(sample_weight, table)
        self.n_bins_, self.n_tree_bins_ = self._count_bins(
            count_rows(weight), y is not None
        )
        target = self._check_target(table, y) if self.n_tree_bins_ > 1 else None
        table = _readable(table)
        self.categorical_mask_, self.time_mask_ = self._find_kinds(table)
        self.dropped_mask_ = np.zeros_like(self.categorical_mask_)
        self._learn_times(table, weight)
        numbers, levels, _ = self._read(table)
        levels = self._drop_unique_text(table, numbers, levels, weight)
        self._fit_numbers(numbers, target, weight)
        self._fit_levels(levels, weight)
        self._note_output(len(weight))
        return self

    def _count_bins(self, n_rows: float, has_y: bool) -> tuple[int, int]:
        """Return `n_bins` and `n_tree_bins`, with what "auto" comes to."""
        n_bins, n_tree_bins = self.n_bins, self.n_tree_bins
        if isinstance(n_bins, str):
            n_bins = _BINS
        if isinstance(n_tree_bins, str):
            n_tree_bins = _TREE_BINS if has_y and n_rows >= MANY_ROWS else 0
        return n_bins, n_tree_bins

    def _check_target(self, X: Any, y: MatrixLike | None) -> tuple[Array, bool]:
        """Return what trees learn from, and whether it is classes."""
        if y is None:
            raise ValueError(
                "This TabularEncoder requires y to be passed, but the target y is "
                f"None: n_tree_bins={self.n_tree_bins} asks for bins that it lays."
            )
        dense: Any = y
        dense = dense.toarray() if sparse.issparse(y) else y
        target = check_array(dense, ensure_2d=False, dtype=None, input_name="y")
        target = column_or_1d(target) if target.ndim < 2 else target
        check_consistent_length(X, target)
        is_class = True
        if target.dtype.kind not in "iuf":
            type_of_target(target, input_name="y", raise_unknown=True)
        elif not np.array_equal(target, np.round(target)):
            is_class = False
        else:
            columns = np.atleast_2d(target.T)
            is_class = all(len(np.unique(part)) <= _MOST_CLASSES for part in columns)
        if is_class:
            target = np.unique(target, return_inverse=True)[1].reshape(target.shape)
        return target, is_class

    def _fit_numbers(
        self, numbers: Rows, target: tuple[Array, bool] | None, weight: Array
    ) -> None:
        n_columns = numbers.shape[1]
        self.scaler_ = self.bins_ = self.raw_bins_ = None
        self.tree_bins_ = PiecewiseLinearBins([], np.float32)
        self.lacking_ = np.zeros(n_columns, dtype=bool)
        if not n_columns:
            return
        if not weight.all():
            kept = weight > 0
            numbers, weight = numbers[kept], weight[kept]
            target = target and (target[0][kept], target[1])
        self.scaler_ = SmoothClipScaler()
        if sparse.issparse(numbers):
            self.scaler_.fit(numbers, sample_weight=weight)
            return
        if target and not target[1]:
            target = _standardized(target[0], weight), False
        self.scaler_.n_features_in_ = n_columns
        self.scaler_._fit_checked(numbers, weight)
        n_missing = np.array([np.isnan(column).sum() for column in numbers.T])
        # Wholly missing is constant: an indicator would say nothing.
        self.lacking_ = (n_missing > 0) & (n_missing < len(numbers))
        # Of a time, all parts are missing at once.
        owner = self._number_owner
        self.lacking_[1:] &= owner[1:] != owner[:-1]
        if n_columns <= MAX_BINNED_COLUMNS:
            self._fit_bins(numbers, target, weight)

    def _fit_bins(
        self, numbers: Array, target: tuple[Array, bool] | None, weight: Array
    ) -> None:
        """Lay bins in scaled numbers, but where those say little, in what they were."""
        edges, tree, raw = [], [], []
        n_tree_bins = min(self.n_tree_bins_, MAX_TREE_BINS // numbers.shape[1])
        for i, values in enumerate(numbers.T):  # a column at a time
            scaled, given = self.scaler_._scale_column(values, i), np.empty(0)
            if self.scaler_.coded_[i]:
                scaled, given = scaled[:0], values.astype(np.float64)
            edges.append(quantile_edges(scaled, weight, self.n_bins_))
            if target is not None:
                y, is_class = target
                tree.append(tree_edges(scaled, y, weight, n_tree_bins, is_class))
            n_bins = max(self.n_bins_, _BINS)
            raw.append(
                quantile_edges(given, weight, n_bins, narrowest=0, around_common=True)
            )
        self.bins_ = PiecewiseLinearBins(edges, np.float32)
        self.tree_bins_ = PiecewiseLinearBins(tree, np.float32)
        self.raw_bins_ = PiecewiseLinearBins(raw)

    def _encode_bins(self, numbers: Array, Z: Array) -> list[Array]:
        codes = [self.bins_.encode(Z)]
        if self.raw_bins_.columns_.size:
            raw = np.where(np.isnan(numbers), self.scaler_.center_, numbers)
            codes.append(self.raw_bins_.encode(raw))
        return codes

    def _fit_levels(self, levels: Array, weight: Array) -> None:
        self.one_hot_ = None
        self.unseen_share_ = np.zeros(self.n_features_in_)
        if levels.shape[1]:
            shares = [_share_of_single_levels(column, weight) for column in levels.T]
            self.unseen_share_[self.categorical_mask_] = shares
            grouped = not (self.min_frequency is None and self.max_categories is None)
            self.one_hot_ = OneHotEncoder(
                handle_unknown="infrequent_if_exist" if grouped else "ignore",
                min_frequency=self.min_frequency,
                max_categories=self.max_categories,
                dtype=np.float32,
            ).fit(levels[weight > 0])

    def _drop_unique_text(
        self, X: Any, numbers: Any, levels: Array, weight: Array
    ) -> Array:
        """Find text that is different in nearly every row; return the other levels."""
        self.dropped_lacking_ = np.zeros(0, dtype=bool)
        kept = weight > 0
        if not levels.shape[1]:
            return levels
        asked = self._chosen_categories(X)[self.categorical_mask_]
        rows = _DistinctRows(numbers[kept], levels[kept], weight[kept])
        unique = np.array(
            [
                not given and rows.are_told_by(column)
                for column, given in enumerate(asked)
            ],
            dtype=bool,
        )
        self._hint_at_dates(X, levels, asked)
        if not unique.any():
            return levels
        where = np.flatnonzero(self.categorical_mask_)[unique].tolist()
        # Without a count, which differs from fold to fold: it is shown once.
        warn_user(
            f"Column(s) {[column_name(to_frame(X), i) for i in where]} hold text that "
            "is different in nearly every row, as an id or a comment is, and no "
            "category: of it, only whether it is missing is used. Drop it; make "
            "numbers of it, if it holds such; or put a text encoder before, such as "
            "skrub's StringEncoder or scikit-learn's TfidfVectorizer with "
            "TruncatedSVD. To have it as a category, name it in categorical_features."
        )
        lacking: Any = pd.isna(levels[kept][:, unique]).any(axis=0)
        if unique.all() and not numbers.shape[1] and not lacking.any():
            return levels  # nothing else is there to learn from
        self.dropped_mask_[where] = True
        self.categorical_mask_ = self.categorical_mask_ & ~self.dropped_mask_
        self.dropped_lacking_ = lacking
        return levels[:, ~unique]

    def _hint_at_dates(self, X: Any, levels: Array, asked: Array) -> None:
        """Warn of categories that nobody asked for, and that are dates as text."""
        found = []
        for i, column in enumerate(levels.T):
            if not asked[i]:
                known = column[~pd.isna(column)]  # most are no dates at a glance
                if reads_as_dates(known) and len(pd.unique(known)) >= _FEWEST_UNIQUE:
                    found.append(np.flatnonzero(self.categorical_mask_)[i])
        if found:
            warn_user(
                f"Column(s) {[column_name(to_frame(X), i) for i in found]} hold text "
                "that reads as dates: make dates of it, by pandas.to_datetime, and "
                "they are encoded as such; or name it in categorical_features."
            )

    @property
    def _number_mask(self) -> Array:
        """Which columns are numbers."""
        return ~(self.categorical_mask_ | self.dropped_mask_ | self.time_mask_)

    @property
    def _number_owner(self) -> Array:
        """The column that each number comes from: those of times stand last."""
        n_parts = [len(times.parts) for times in self.times_]
        times = np.repeat(np.flatnonzero(self.time_mask_), n_parts)
        return np.concatenate([np.flatnonzero(self._number_mask), times])

    def _learn_times(self, X: Any, weight: Array) -> None:
        """Learn how each column of times is told."""
        self.times_ = []
        for i in np.flatnonzero(self.time_mask_).tolist():
            column = X.iloc[:, i][weight > 0].reset_index(drop=True)
            self.times_.append(learn_times(column, column_name(X, i)))

    def _note_output(self, n_rows: int) -> None:
        """Note where the output columns come from, and whether they are sparse."""
        numbers = self._number_owner
        categories = np.flatnonzero(self.categorical_mask_)
        text = np.flatnonzero(self.dropped_mask_)[self.dropped_lacking_]
        widths = np.zeros(0, dtype=int)
        if self.one_hot_ is not None:
            names = [str(i) for i in range(len(categories))]
            parts = self.one_hot_.get_feature_names_out(names)
            owner = [int(part.split("_", 1)[0]) for part in parts]
            widths = np.bincount(owner, minlength=len(categories))
        self._widths = widths
        binned = numbers[self._bin_columns()]
        filled = [numbers, binned, numbers[self.lacking_], text]
        last = numbers[self.tree_bins_.columns_]
        self.column_groups_ = np.concatenate(
            [*filled, np.repeat(categories, widths), last]
        ).astype(int)
        self.sparse_output_ = _pays_sparse(n_rows, [*filled, last], categories, widths)
        limit = (
            _MAX_CODE if self.max_one_hot_levels is None else self.max_one_hot_levels
        )
        embedded = (widths > limit) & (widths < _MAX_CODE)
        self.embedded_columns_, self.n_levels_ = categories[embedded], widths[embedded]
        # Of what networks get: codes of levels stand before all else.
        one_hot, widths = categories[~embedded], widths[~embedded]
        filled.insert(0, self.embedded_columns_)
        self.coded_groups_ = np.concatenate(
            [*filled, np.repeat(one_hot, widths), last]
        ).astype(int)
        self.sparse_coded_ = _pays_sparse(n_rows, [*filled, last], one_hot, widths)

    def _count_numbers(self, X: Any) -> int:
        """Return how many columns of a table hold numbers or times, before `fit`."""
        categories, _ = self._find_kinds(_readable(X))
        return int((~categories).sum())

    @property
    def _n_embeddable(self) -> int:
        """How many first columns (after codes) are numbers that may be embedded."""
        return 0 if self.bins_ is None else self.scaler_.n_features_in_

    def _bin_columns(self) -> Array:
        """Return for each bin which of the columns of numbers it belongs to."""
        if self.bins_ is None:
            return np.empty(0, dtype=int)
        return np.concatenate([self.bins_.columns_, self.raw_bins_.columns_])

    def _find_kinds(self, X: Rows | pd.DataFrame) -> Any:
        """Return the masks of columns of categories, and of times."""
        if sparse.issparse(X):
            if self._chosen_categories(X).any():
                raise ValueError(
                    "categorical_features names columns, but X is sparse: sparse "
                    "matrices hold numbers only."
                )
            return np.zeros((2, X.shape[1]), dtype=bool)
        chosen = self._chosen_categories(X)
        mask, times = np.zeros((2, X.shape[1]), dtype=bool)
        if isinstance(X, pd.DataFrame):
            kinds = np.array(_kinds_of(X, chosen))
            mask, times = kinds == CATEGORY, kinds == TIME
        if isinstance(self.categorical_features, str):
            return mask, times
        text = [column_name(X, i) for i in np.flatnonzero(mask & ~chosen).tolist()]
        if self.categorical_features is None and text:
            raise ValueError(
                f"categorical_features=None, but column(s) {text} hold no "
                "numbers: use 'from_dtype' or name them."
            )
        return mask | chosen, times & ~chosen

    def _chosen_categories(self, X: Any) -> Array:
        """Return the mask of columns given by name, index or mask."""
        n = X.shape[1]
        chosen = np.zeros(n, dtype=bool)
        if self.categorical_features is None or isinstance(
            self.categorical_features, str
        ):
            return chosen
        given = self._given_categories()
        if {type(item) for item in given} == {bool}:
            if len(given) != n:
                raise ValueError(
                    f"categorical_features is a mask of {len(given)} value(s): it "
                    f"needs one for each of the {n} columns."
                )
            return np.array(given)
        if all(isinstance(item, Integral) for item in given):
            if given and not (min(given) >= 0 and max(given) < n):
                raise ValueError(
                    f"categorical_features has indices out of range: {given} for {n} "
                    f"columns; allowed are 0 to {n - 1}."
                )
            chosen[given] = True
            return chosen
        is_frame = isinstance(X, pd.DataFrame)
        names = [column_name(X, i) for i in range(n)] if is_frame else []
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValueError(
                f"categorical_features names column(s) {unknown} that X does not have; "
                f"its columns are {names}."
            )
        return np.array([name in given for name in names])

    def _given_categories(self) -> list[Any]:
        """Return `categorical_features` as a list of names, indices or booleans."""
        given: Any = self.categorical_features
        items = given.tolist() if hasattr(given, "tolist") else list(given)
        items = [plain(item) for item in items]
        if any(np.ndim(item) and not isinstance(item, tuple) for item in items):
            raise ValueError(
                "categorical_features must be 'from_dtype', None or one-dimensional, "
                f"got {given!r}."
            )
        return items

    def _read(self, X: Rows | pd.DataFrame) -> Any:
        """Return the numbers (floats or CSR) and the levels (object) of a table.

        Beside them, where text is missing that is left out otherwise.
        """
        none = np.empty((X.shape[0], 0), dtype=object)
        if sparse.issparse(X):
            return X.astype(np.float64), none, none
        if isinstance(X, np.ndarray) and self._number_mask.all():
            if X.dtype.kind != "f" or X.dtype.itemsize > 8:
                X = X.astype(np.float64)
            infinite = np.isinf(X)
            if infinite.any():
                refuse_infinity(int(infinite.any(axis=0).argmax()))
            return X, none, none
        frame = to_frame(X)
        parts = []
        for dtype, chosen, read in (
            (float, self._number_mask, to_numbers),
            (object, self.categorical_mask_, to_levels),
            (bool, self.dropped_mask_, lambda column, name: column.isna()),
        ):
            part = np.empty((len(frame), chosen.sum()), dtype=dtype)
            for out, i in enumerate(np.flatnonzero(chosen).tolist()):
                part[:, out] = read(frame.iloc[:, i], column_name(frame, i))
            parts.append(part)
        moments = [
            times.encode(frame.iloc[:, i].reset_index(drop=True), column_name(frame, i))
            for i, times in zip(
                np.flatnonzero(self.time_mask_).tolist(), self.times_, strict=True
            )
        ]
        if moments:
            parts[0] = np.concatenate([parts[0], *moments], axis=1)
        return parts

    def transform(self, X: MatrixLike) -> Any:
        """Encode a table.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            The table, with the columns of `fit` in the same order.

        Returns
        -------
        Z : ndarray or CSR of float32 of shape (n_rows, n_features_out)
            The encoded rows.

        Raises
        ------
        ValueError
            If the columns differ from those of `fit`, or one that was numeric holds
            text.
        """
        check_is_fitted(self)
        return self._transform_checked(check_table(self, X, reset=False))

    def count_unseen(self, X: MatrixLike) -> Array:
        """Count the rows whose level of a category `fit` has not seen.

        Such a level is told as none of all: by zeros. A missing one counts, where none
        was missing in `fit`; but where rare levels are grouped, an unseen one is told
        as these are, and does not.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            The table, with the columns of `fit` in the same order.

        Returns
        -------
        n_unseen : ndarray of int of shape (`n_features_in_`,)
            For each column; 0 for those that are no categories.

        Examples
        --------
        >>> import pandas as pd
        >>> from skmixup import TabularEncoder
        >>> encoder = TabularEncoder().fit(pd.DataFrame({"color": ["red", "blue"]}))
        >>> encoder.count_unseen(pd.DataFrame({"color": ["red", "green", "gray"]}))
        array([2])
        """
        check_is_fitted(self)
        unseen = np.zeros(self.n_features_in_, dtype=int)
        self._transform_checked(check_table(self, X, reset=False), unseen=unseen)
        return unseen

    def _transform_coded(self, X: MatrixLike) -> Rows:
        """Encode a table as the networks of this package take it.

        Returns
        -------
        Z : ndarray or CSR of float32 of shape (n_rows, n_embedded + n_others)
            In the first columns the codes of the levels to embed: 1 to `n_levels_`, and
            0 for one that `fit` has not seen; then the other columns of `transform`.
        """
        return self._transform_checked(check_table(self, X, reset=False), coded=True)

    def _transform_checked(
        self, X: Any, coded: bool = False, unseen: Array | None = None
    ) -> Rows:
        """Encode a table that `check_table` has returned, a part at a time.

        Rows of unseen levels are counted in `unseen`, column by column.
        """
        if not (isinstance(X, np.ndarray) or self._number_mask.all()):
            if sparse.issparse(X):
                raise ValueError("X is sparse, but had categorical columns in fit.")
        X, encode = _readable(X), self._code_rows if coded else self._encode_rows
        return join_rows(by_parts(partial(encode, unseen=unseen), X), X.shape[0])

    def _encode_rows(self, X: Any, unseen: Array | None) -> Rows:
        parts, one_hot, last = self._encode_parts(X, unseen)
        are_sparse = self.sparse_output_ or any(map(_is_sparse, parts))
        parts += [*([] if one_hot is None else [one_hot]), *last]
        # A DataFrame, if one is asked for, is made of a dense array.
        if are_sparse:
            are_sparse = get_output_config("transform", self)["dense"] == "default"
        return _join(parts, are_sparse)

    def _code_rows(self, X: Any, unseen: Array | None) -> Rows:
        parts, one_hot, last = self._encode_parts(X, unseen)
        if one_hot is not None:
            categories = np.flatnonzero(self.categorical_mask_)
            embedded = np.isin(categories, self.embedded_columns_)
            codes, one_hot = _to_codes(one_hot, self._widths, embedded)
            parts = [codes, *parts, one_hot]
        return _join([*parts, *last], self.sparse_coded_ or _is_sparse(parts[0]))

    def _encode_parts(
        self, X: Any, unseen: Array | None
    ) -> tuple[list[Any], Any, list[Array]]:
        """Return columns of numbers and indicators, the one-hot CSR or None, the last.

        The last are those of bins that trees have laid, if there are any.
        """
        numbers, levels, text_missing = self._read(X)
        numbers = numbers.astype(np.float64, copy=False)
        parts: list[Any] = []
        last: list[Array] = []
        if self.scaler_ is not None:
            parts.append(self.scaler_._transform_checked(numbers))
        if self.bins_ is not None:
            if self.tree_bins_.columns_.size:
                last.append(self.tree_bins_.encode(parts[0]))
            parts += self._encode_bins(numbers, parts[0])
        if self.lacking_.any():
            lacking = np.isnan(_dense(numbers)[:, self.lacking_])
            parts.append(lacking.astype(np.float32))
        if self.dropped_lacking_.any():
            parts.append(text_missing[:, self.dropped_lacking_].astype(np.float32))
        one_hot = None
        if self.one_hot_ is not None:
            with config_context(transform_output="default"):
                one_hot = self.one_hot_.transform(levels)
            if unseen is not None:
                owner = np.repeat(np.arange(len(self._widths)), self._widths)
                seen = np.bincount(owner[one_hot.indices], minlength=len(self._widths))
                unseen[self.categorical_mask_] += len(levels) - seen
        return parts, one_hot, last

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Array:
        """Name the output columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns, where `fit` has seen none.

        Returns
        -------
        names : ndarray of str objects
            The column's name; with ``_bin0``, ``_bin1``, ... for its bins, with
            ``_missing`` for its indicator, with the category for a one-hot column, with
            ``_tree0``, ... for bins that a tree has laid; of a date, with ``_seconds``,
            ``_year``, ``_year_sin``, ... first. One that another column has
            already is numbered: ``_2``, ``_3``, ....
        """
        check_is_fitted(self)
        names = np.asarray(check_feature_names_in(self, input_features), dtype=object)
        moments = zip(names[self.time_mask_], self.times_, strict=True)
        told = [f"{name}_{part}" for name, times in moments for part in times.parts]
        numbers = np.array([*names[self._number_mask], *told], dtype=object)
        whole = names[self._number_owner]
        text = names[self.dropped_mask_][self.dropped_lacking_]
        parts: list[Any] = [
            numbers,
            _numbered(numbers, "bin", self._bin_columns()),
            [f"{name}_missing" for name in (*whole[self.lacking_], *text)],
        ]
        if self.one_hot_ is not None:
            categories = names[self.categorical_mask_]
            parts.append(self.one_hot_.get_feature_names_out(categories))
        parts.append(_numbered(numbers, "tree", self.tree_bins_.columns_))
        return _distinct(name for part in parts for name in part)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # always float32
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        asked = self.n_tree_bins
        tags.target_tags.required = not isinstance(asked, str) and asked > 1
        return tags


def _kinds_of(X: pd.DataFrame, chosen: Array) -> list[str]:
    """Return what each column holds; of those that can't be encoded, name all."""
    kinds, refused = [], []
    for i, is_chosen in enumerate(chosen):
        try:
            column = X.iloc[:, i]
            kinds.append(
                CATEGORY if is_chosen else column_kind(column, column_name(X, i))
            )
        except TypeError as error:
            refused.append(str(error))
    if refused:
        raise TypeError("\n".join(refused))
    return kinds


class _DistinctRows:
    """Rows of a table, of which equal ones count once: copies are as good as weights.

    Parameters
    ----------
    numbers : ndarray of float64 of shape (n_rows, n_numbers)
    levels : ndarray of object of shape (n_rows, n_categories)
    weight : ndarray of shape (n_rows,)
    """

    def __init__(self, numbers: Array, levels: Array, weight: Array) -> None:
        self.numbers = numbers
        self.levels = levels
        self.weight = weight

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All columns, levels as numbers: quick to compare."""
        levels = (pd.factorize(column)[0] for column in self.levels.T)
        return pd.DataFrame(dict(enumerate([*self.numbers.T, *levels])))

    def are_told_by(self, column: int) -> bool:
        """Tell whether a column of levels has another one in nearly every row."""
        codes, found = pd.factorize(self.levels[:, column])
        known = codes >= 0
        if len(found) < _FEWEST_UNIQUE:
            return False
        # A category that comes back is one, also where it tells all of a row: a country
        # beside its continent. Copies of a row say so as much as its weight does.
        if self.weight[known].sum() > _MOST_COPIES * len(found):
            return False
        n_distinct = (~self.frame[known].duplicated()).sum()
        return len(found) >= _UNIQUE * n_distinct


def _share_of_single_levels(column: Array, weight: Array) -> float:
    """Return the share of rows whose level no other row has."""
    codes, levels = pd.factorize(column, use_na_sentinel=False)
    counts = np.bincount(codes, weight, minlength=len(levels))
    return float(counts[counts <= 1].sum() / counts.sum())


def _standardized(y: Array, weight: Array) -> Array:
    """Return numbers in units of what is usual: of less, a tree takes no notice."""
    y = y / np.maximum(np.abs(y).max(axis=0), _TINY)
    y = y - np.average(y, axis=0, weights=weight)
    spread = np.sqrt(np.average(y**2, axis=0, weights=weight))
    return y / np.maximum(spread, _TINY)


def _numbered(names: Array, what: str, owner: Array) -> list[str]:
    """Name output columns after the one that each belongs to, and number its own."""
    count = pd.Series(owner, dtype=int).groupby(owner).cumcount()
    return [f"{names[i]}_{what}{k}" for i, k in zip(owner, count, strict=True)]


def _pays_sparse(
    n_rows: int, filled: Sequence[Array], categories: Array, widths: Array
) -> bool:
    """Tell whether to keep CSR what has columns without zeros, and one-hot ones."""
    n_filled = sum(map(len, filled))
    n_outputs = n_filled + np.sum(widths)
    few = n_filled + len(categories) < 0.3 * n_outputs
    return bool(n_rows * n_outputs > _DENSE_VALUES and few)


def _to_codes(one_hot: Any, widths: Array, embedded: Array) -> tuple[Array, Any]:
    """Return the codes of some categories, 0 for none, and the others one-hot."""
    owner = np.repeat(np.arange(len(widths)), widths)
    starts = np.cumsum(widths) - widths
    rows = np.repeat(np.arange(one_hot.shape[0]), np.diff(one_hot.indptr))
    columns = owner[one_hot.indices]
    codes = np.zeros((one_hot.shape[0], len(widths)), dtype=np.float32)
    codes[rows, columns] = one_hot.indices - starts[columns] + 1
    return codes[:, embedded], one_hot[:, ~embedded[owner]]


def _join(parts: Sequence[Any], are_sparse: bool) -> Rows:
    """Put matrices side by side."""
    if are_sparse:
        return sparse.hstack(parts, format="csr", dtype=np.float32)
    return np.concatenate([_dense(part) for part in parts], axis=1)


def _is_sparse(X: object) -> bool:
    return not isinstance(X, np.ndarray)


def _dense(X: Rows) -> Array:
    return X if isinstance(X, np.ndarray) else X.toarray()
