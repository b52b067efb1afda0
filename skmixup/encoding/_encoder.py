"""A table of mixed columns becomes a float32 matrix."""

from numbers import Integral, Real

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.validation import check_is_fitted

from .._sklearn import (
    Interval,
    StrOptions,
    check_feature_names_in,
    fit_context,
    get_output_config,
)
from ._bins import PiecewiseLinearBins
from ._checks import check_table, check_weights
from ._columns import (
    CATEGORY,
    column_kind,
    column_name,
    plain,
    refuse_infinity,
    to_frame,
    to_levels,
    to_numbers,
)
from ._parts import PART, by_parts, join_rows
from ._scaler import SmoothClipScaler, _distinct, _readable

MAX_BINNED_COLUMNS = 250  # bins would make wide tables five times as wide
_DENSE_VALUES = 2**24  # a one-hot matrix up to this size is kept dense (64 MB)


class TabularEncoder(TransformerMixin, BaseEstimator):
    """Encode a table of mixed columns as a float32 matrix.

    Numbers are centered by the median, scaled by the quartiles and clipped smoothly
    (:class:`SmoothClipScaler`); a missing number becomes the median, and a column that
    lacks some gets an indicator column beside it. So that a network can bend where the
    data do, the scaled number is also told by how far it reaches into each of a few
    bins of equal mass, as a piecewise-linear code [1]_. Categories, strings and
    booleans are one-hot; missing is a category of its own, and one that `fit` has not
    seen is all zeros. Sparse matrices hold numbers only, which get no bins.

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
    n_bins : int, default=4
        Bins of each number, where there are at most `MAX_BINNED_COLUMNS` = 250 columns
        of numbers; 0 or 1 for none.
    min_frequency, max_categories : int, float or None, default=None
        Group rare categories, as in :class:`sklearn.preprocessing.OneHotEncoder`.

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of str
        Their names, where all are strings.
    categorical_mask_ : ndarray of bool of shape (n_features_in_,)
        Which columns are categories.
    column_groups_ : ndarray of int of shape (n_features_out,)
        For each output column, the input column that it comes from.
    sparse_output_ : bool
        Whether the output is CSR: where it is large, and less than 30 % are not zero.

    References
    ----------
    .. [1] Gorishniy, Rubachev, Babenko, "On Embeddings for Numerical Features in
       Tabular Deep Learning", 2022, section 3.2.

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
        "n_bins": [Interval(Integral, 0, None, closed="left")],
        "min_frequency": [
            Interval(Integral, 1, None, closed="left"),
            Interval(Real, 0, 1, closed="neither"),
            None,
        ],
        "max_categories": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        *,
        categorical_features="from_dtype",
        n_bins=4,
        min_frequency=None,
        max_categories=None,
    ):
        self.categorical_features = categorical_features
        self.n_bins = n_bins
        self.min_frequency = min_frequency
        self.max_categories = max_categories

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Learn the encoding.

        Parameters
        ----------
        X : DataFrame, array-like or sparse matrix of shape (n_rows, n_features)
            The table.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight w is the same as w copies of the row. Rare categories are counted
            by rows of weight above 0.

        Returns
        -------
        self : TabularEncoder

        Raises
        ------
        ValueError
            If X is empty, infinite or complex, or `categorical_features` names a
            column that is not there.
        TypeError
            If a column holds dates, or objects that are neither text nor numbers.
        """
        X = check_table(self, X, reset=True)
        weight = check_weights(sample_weight, X)
        X = _readable(X)
        self.categorical_mask_ = self._find_categories(X)
        numbers, levels = self._read(X)
        self._fit_numbers(numbers, weight)
        self._fit_levels(levels, weight)
        self._note_output(len(weight))
        return self

    def _fit_numbers(self, numbers, weight):
        n_columns = numbers.shape[1]
        self.scaler_ = self.bins_ = self.raw_bins_ = None
        self.lacking_ = np.zeros(n_columns, dtype=bool)
        if not n_columns:
            return
        if not weight.all():
            numbers, weight = numbers[weight > 0], weight[weight > 0]
        self.scaler_ = SmoothClipScaler()
        if sparse.issparse(numbers):
            self.scaler_.fit(numbers, sample_weight=weight)
            return
        self.scaler_.n_features_in_ = n_columns
        self.scaler_._fit_checked(numbers, weight)
        n_missing = np.array([np.isnan(column).sum() for column in numbers.T])
        # Wholly missing is constant: an indicator would say nothing.
        self.lacking_ = (n_missing > 0) & (n_missing < len(numbers))
        if n_columns <= MAX_BINNED_COLUMNS:
            self._fit_bins(numbers, weight)

    def _fit_bins(self, numbers, weight):
        """Lay bins in scaled numbers, but where those say little, in what they were."""
        coded, none = self.scaler_.coded_, np.empty(0)
        # A column at a time, in double precision.
        scaled = (
            none if coded[i] else self.scaler_._scale_column(values, i)
            for i, values in enumerate(numbers.T)
        )
        self.bins_ = PiecewiseLinearBins(scaled, weight, self.n_bins, dtype=np.float32)
        raw = (
            values.astype(np.float64) if coded[i] else none
            for i, values in enumerate(numbers.T)
        )
        self.raw_bins_ = PiecewiseLinearBins(
            raw, weight, self.n_bins, narrowest=0, around_common=True
        )

    def _encode_bins(self, numbers, Z):
        codes = [self.bins_.encode(Z)]
        if self.raw_bins_.columns_.size:
            raw = np.where(np.isnan(numbers), self.scaler_.center_, numbers)
            codes.append(self.raw_bins_.encode(raw))
        return codes

    def _fit_levels(self, levels, weight):
        self.one_hot_ = None
        if levels.shape[1]:
            grouped = not (self.min_frequency is None and self.max_categories is None)
            self.one_hot_ = OneHotEncoder(
                handle_unknown="infrequent_if_exist" if grouped else "ignore",
                min_frequency=self.min_frequency,
                max_categories=self.max_categories,
                dtype=np.float32,
            ).fit(levels[weight > 0])

    def _note_output(self, n_rows):
        """Note where the output columns come from, and whether they are sparse."""
        numbers = np.flatnonzero(~self.categorical_mask_)
        categories = np.flatnonzero(self.categorical_mask_)
        widths = []
        if self.one_hot_ is not None:
            names = [str(i) for i in range(len(categories))]
            parts = self.one_hot_.get_feature_names_out(names)
            owner = [int(part.split("_", 1)[0]) for part in parts]
            widths = np.bincount(owner, minlength=len(categories))
        binned = numbers[self._bin_columns()]
        self.column_groups_ = np.concatenate(
            [numbers, binned, numbers[self.lacking_], np.repeat(categories, widths)]
        ).astype(int)
        n_outputs = len(self.column_groups_)
        n_filled = len(numbers) + len(binned) + self.lacking_.sum() + len(categories)
        wide = n_rows * n_outputs > _DENSE_VALUES and n_filled < 0.3 * n_outputs
        self.sparse_output_ = bool(wide)

    def _bin_columns(self):
        """Return for each bin which of the columns of numbers it belongs to."""
        if self.bins_ is None:
            return np.empty(0, dtype=int)
        return np.concatenate([self.bins_.columns_, self.raw_bins_.columns_])

    def _find_categories(self, X):
        """Return the mask of categorical columns."""
        if sparse.issparse(X):
            if self._chosen_categories(X).any():
                raise ValueError(
                    "categorical_features names columns, but X is sparse: sparse "
                    "matrices hold numbers only."
                )
            return np.zeros(X.shape[1], dtype=bool)
        mask = np.zeros(X.shape[1], dtype=bool)
        if isinstance(X, pd.DataFrame):
            kinds = [
                column_kind(X.iloc[:, i], column_name(X, i)) for i in range(X.shape[1])
            ]
            mask = np.array(kinds) == CATEGORY
        if isinstance(self.categorical_features, str):
            return mask
        chosen = self._chosen_categories(X)
        text = [column_name(X, i) for i in np.flatnonzero(mask & ~chosen)]
        if self.categorical_features is None and text:
            raise ValueError(
                f"categorical_features=None, but column(s) {text} hold no "
                "numbers: use 'from_dtype' or name them."
            )
        return mask | chosen

    def _chosen_categories(self, X):
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

    def _given_categories(self):
        """Return `categorical_features` as a list of names, indices or booleans."""
        given = self.categorical_features
        items = given.tolist() if hasattr(given, "tolist") else list(given)
        items = [plain(item) for item in items]
        if any(np.ndim(item) and not isinstance(item, tuple) for item in items):
            raise ValueError(
                "categorical_features must be 'from_dtype', None or one-dimensional, "
                f"got {given!r}."
            )
        return items

    def _read(self, X):
        """Return the numbers (floats or CSR) and the levels (object) of a table."""
        if sparse.issparse(X):
            return X.astype(np.float64), np.empty((X.shape[0], 0), dtype=object)
        mask = self.categorical_mask_
        if isinstance(X, np.ndarray) and not mask.any():
            if X.dtype.kind != "f" or X.dtype.itemsize > 8:
                X = X.astype(np.float64)
            infinite = np.isinf(X)
            if infinite.any():
                refuse_infinity(int(infinite.any(axis=0).argmax()))
            return X, np.empty((len(X), 0), dtype=object)
        frame = to_frame(X)
        numbers = np.empty((len(frame), (~mask).sum()))
        levels = np.empty((len(frame), mask.sum()), dtype=object)
        for part, chosen, read in (
            (numbers, ~mask, to_numbers),
            (levels, mask, to_levels),
        ):
            for out, i in enumerate(np.flatnonzero(chosen)):
                part[:, out] = read(frame.iloc[:, i], column_name(frame, i))
        return numbers, levels

    def transform(self, X):
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

    def _transform_checked(self, X):
        """Encode a table that `check_table` has returned, a part at a time."""
        if self.categorical_mask_.any() and sparse.issparse(X):
            raise ValueError("X is sparse, but had categorical columns in fit.")
        X = _readable(X)
        if X.shape[0] <= PART:
            return self._encode_rows(X)
        return join_rows(by_parts(self._encode_rows, X), X.shape[0])

    def _encode_rows(self, X):
        numbers, levels = self._read(X)
        numbers = numbers.astype(np.float64, copy=False)
        parts = []
        if self.scaler_ is not None:
            parts.append(self.scaler_._transform_checked(numbers))
        if self.bins_ is not None:
            parts += self._encode_bins(numbers, parts[0])
        if self.lacking_.any():
            lacking = np.isnan(_dense(numbers)[:, self.lacking_])
            parts.append(lacking.astype(np.float32))
        if self.one_hot_ is not None:
            with config_context(transform_output="default"):
                parts.append(self.one_hot_.transform(levels))
        if self.sparse_output_ or not isinstance(numbers, np.ndarray):
            # A DataFrame, if one is asked for, is made of a dense array.
            if get_output_config("transform", self)["dense"] == "default":
                return sparse.hstack(parts, format="csr", dtype=np.float32)
        return np.concatenate([_dense(part) for part in parts], axis=1)

    def get_feature_names_out(self, input_features=None):
        """Name the output columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input columns, where `fit` has seen none.

        Returns
        -------
        names : ndarray of str objects
            The column's name; with ``_bin0``, ``_bin1``, ... for its bins, with
            ``_missing`` for its indicator, with the category for a one-hot column. One
            that another column has already is numbered: ``_2``, ``_3``, ....
        """
        check_is_fitted(self)
        names = np.asarray(check_feature_names_in(self, input_features), dtype=object)
        numbers = names[~self.categorical_mask_]
        binned = pd.Series(self._bin_columns())
        count = binned.groupby(binned).cumcount()
        parts = [
            numbers,
            [f"{numbers[i]}_bin{k}" for i, k in zip(binned, count, strict=True)],
            [f"{name}_missing" for name in numbers[self.lacking_]],
        ]
        if self.one_hot_ is not None:
            categories = names[self.categorical_mask_]
            parts.append(self.one_hot_.get_feature_names_out(categories))
        return _distinct(name for part in parts for name in part)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # always float32
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags


def _dense(X):
    return X if isinstance(X, np.ndarray) else X.toarray()
