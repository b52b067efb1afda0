"""What a graph takes: a table's columns, each by its name, or all in one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike
from scipy import sparse
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    StringTensorType,
    guess_data_type,
)

from .._typing import Array, MatrixLike
from ..encoding._checks import check_table
from ..encoding._columns import _level_name, to_frame
from ..encoding._encoder import TabularEncoder
from ._graph import Graph, Value


def input_types(
    estimator: Any, encoder: Any, X: MatrixLike | None
) -> list[tuple[str, Any]]:
    """Return the name and the type of each input.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    encoder : TabularEncoder, transformer or None
        What takes the columns first.
    X : DataFrame, array-like, sparse matrix or None
        Rows as they will come, of which the types are taken.

    Returns
    -------
    types : list of (str, object)
        As `initial_types` of skl2onnx.

    Raises
    ------
    ValueError
        If X is None, and the encoder is of another library, which does not tell; or if
        X has not the columns of `fit`.
    """
    n_columns = estimator.n_features_in_
    are_numbers = np.full(n_columns, encoder is None)
    if isinstance(encoder, TabularEncoder):
        are_numbers = encoder._number_mask | encoder.time_mask_
    elif encoder is not None and X is None:
        raise ValueError(
            f"X is needed, some rows as they will come: {encoder!r} does not tell of "
            "which types its columns are."
        )
    if X is not None:
        X = check_table(estimator, X, reset=False)
        if sparse.issparse(X) or (isinstance(X, np.ndarray) and X.dtype.kind in "biuf"):
            return [("X", _type_of(X.dtype)([None, n_columns]))]
    names = getattr(estimator, "feature_names_in_", None)
    if X is None and names is None and are_numbers.all():
        kind = FloatTensorType if encoder is None else DoubleTensorType
        return [("X", kind([None, n_columns]))]
    kinds = [DoubleTensorType if known else StringTensorType for known in are_numbers]
    if X is not None:
        dtypes = to_frame(X).dtypes
        kinds = [_type_of(dtypes.iloc[i], kinds[i]) for i in range(n_columns)]
    names = [""] * n_columns if names is None else names
    return [
        (name or f"x{i}", kind([None, 1]))
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]


def _type_of(dtype: Any, default: Any = DoubleTensorType) -> Any:
    """Return the type of an input that holds values of a dtype as they are."""
    if isinstance(dtype, pd.CategoricalDtype):
        is_text = not pd.api.types.is_numeric_dtype(dtype.categories.dtype)
        return default if is_text else DoubleTensorType
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        if dtype.kind != "f" or dtype in (np.float32, np.float64):
            return type(guess_data_type(np.empty((1, 1), dtype))[0][1])
    # The others may have missing values: NaN.
    return DoubleTensorType if pd.api.types.is_numeric_dtype(dtype) else default


class Columns:
    """The columns that a graph's inputs hold.

    Parameters
    ----------
    graph : Graph
    inputs : sequence of skl2onnx's variables
        Matrices, of one column or more.
    n_columns : int
        How many they hold.
    missing : str
        Text that stands for none.

    Raises
    ------
    ValueError
        If they hold more or fewer.
    """

    def __init__(
        self, graph: Graph, inputs: Sequence[Any], n_columns: int, missing: str
    ) -> None:
        self.graph = graph
        self.missing = missing
        self.places: list[tuple[Value, int, Any]] = []
        for variable in inputs:
            width, value = variable.type.shape[1], graph.read(variable)
            if value.dtype.kind == "f":
                value = graph.read_as(variable, value.dtype)
            width = n_columns if width is None and len(inputs) == 1 else width
            self.places += [(value, i, width) for i in range(width or 1)]
        if len(self.places) != n_columns:
            raise ValueError(
                f"The inputs hold {len(self.places)} column(s), and {n_columns} were "
                "seen in fit."
            )

    def numbers(
        self, which: Sequence[int] | Array, dtype: DTypeLike = np.float64
    ) -> Value:
        """Return columns as one matrix.

        Parameters
        ----------
        which : sequence of int
            Which, rising.
        dtype : dtype, default=np.float64
            Of the matrix.
        """
        by_input: dict[str, tuple[Value, Any, list[int]]] = {}
        for i in which:
            value, place, width = self.places[i]
            by_input.setdefault(value.name, (value, width, []))[2].append(place)
        parts = [
            value.to(dtype) if len(own) == width else value.to(dtype).take(own)
            for value, width, own in by_input.values()
        ]
        return self.graph.join(parts)

    def column(self, i: int) -> Value:
        """Return a column of text, of int64 or of float64."""
        value, place, width = self.places[i]
        if value.dtype.kind != "O":
            value = value.to(np.float64 if value.dtype.kind == "f" else np.int64)
        return value if width == 1 else value.take([place])

    def is_missing(self, i: int) -> Value:
        """Return where a column has no value, as a column of 0 and 1."""
        column = self.column(i)
        if column.dtype.kind == "O":
            return column.look_up({self.missing: 1}, 0).to(np.float32)
        return column.to(np.float64).IsNaN().to(np.float32)

    def codes(
        self, i: int, levels: dict[str, int], missing: int, unknown: int
    ) -> Value:
        """Return the numbers of a column's levels, as a column of int64.

        Parameters
        ----------
        i : int
            Which column.
        levels : dict of str to int
            Number of each level, as the encoder spells it.
        missing, unknown : int
            Number of no value, and of one that is no level.
        """
        column = self.column(i)
        if column.dtype.kind == "O":
            return column.look_up({self.missing: missing} | levels, unknown)
        table = _of_numbers(levels, column.dtype)
        table = table or {column.dtype.type(0): unknown}  # there is no empty one
        if column.dtype.kind == "i":
            return column.look_up(table, unknown)
        # Tables of float64 are too new for many runtimes.
        hit = column.Equal(np.array([list(table)])).to(np.int64)
        code = (hit * (np.array([list(table.values())]) - unknown)).sum(1, True)
        return column.IsNaN().Where(np.array(missing), code + unknown)


def _of_numbers(levels: dict[str, int], dtype: np.dtype[Any]) -> dict[Any, int]:
    """Return those of a table of levels that are spelled as numbers, by these."""
    found = {}
    for level, code in levels.items():
        try:
            number = dtype.type(level).item()
        except (OverflowError, ValueError):
            continue
        if _level_name(number) == level:
            found[number] = code
    return found
