"""Columns of a table: of what kind each is, and its values as numbers or as levels."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import singledispatch
from numbers import Complex, Integral, Real
from typing import Any, NoReturn

import narwhals as nw
import numpy as np
import pandas as pd

from .._typing import Array
from ._checks import is_table
from ._times import holds_durations

NUMBER, CATEGORY, TIME = "number", "category", "time"
_OBJECT_NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
_TIMES = ("date", "time", "period", "interval", "duration")
_OBJECT_TIMES = {"datetime", "datetime64", "date", "time", "timedelta", "timedelta64"}
_BOOLEANS = (bool, np.bool_)
_LONGEST = 4000  # digits of a level's name


def to_frame(X: Any) -> pd.DataFrame:
    """Return a table as a pandas DataFrame; its columns are read by position."""
    if isinstance(X, pd.DataFrame):
        return X
    if not is_table(X):
        try:
            return pd.DataFrame(X)
        except OverflowError:  # pandas 2, of integers that no float can hold
            return pd.DataFrame(X, dtype=object)
    table = nw.from_native(X)
    try:
        return table.to_pandas()
    except (NotImplementedError, TypeError, ValueError):
        _read_each(table)
        raise


def _read_each(table: nw.DataFrame[Any]) -> None:
    """Name the column that cannot be read, if one can't."""
    for column in table.iter_columns():
        try:
            column.to_pandas()
        except (NotImplementedError, TypeError, ValueError) as error:
            raise ValueError(
                f"Column {column.name!r} of type {column.dtype} cannot be read as a "
                f"pandas Series: {error}. Cast it to another type first."
            ) from error


def column_name(frame: Any, number: int) -> Any:
    """Return the name of a column as plain Python has it, for messages."""
    return plain(frame.columns[number])


def plain(name: Any) -> Any:
    """Return a NumPy scalar, or a tuple of such, as plain Python has it."""
    if isinstance(name, tuple):
        return tuple(map(plain, name))
    return name.item() if isinstance(name, np.generic) else name


def keep_types(y: Any) -> Any:
    """Return a list of text and other objects as an array that keeps them apart.

    NumPy would make text of all.
    """
    if getattr(getattr(y, "dtype", None), "kind", "") == "T":  # NumPy's StringDType
        return y.astype(object)
    if isinstance(y, list | tuple):
        are_text = {isinstance(label, str) for label in y}
        if len(are_text) == 2:
            return np.array(y, dtype=object)
    return y


def column_kind(column: pd.Series[Any], name: object) -> str:
    """Tell from its dtype, or from its objects, what a column holds.

    Objects are numbers if all that are not missing are: integers, floats, Decimals,
    Fractions, and booleans beside those, which count as 0 and 1. Booleans alone are
    categories.

    Parameters
    ----------
    column : pandas.Series
    name : object
        For messages.

    Returns
    -------
    kind : {"number", "category", "time"}

    Raises
    ------
    TypeError
        If the column holds times of day or intervals.
    ValueError
        If it holds complex numbers.
    """
    dtype = column.dtype
    if holds_durations(column) is not None:
        return TIME
    _refuse_times(dtype, name)
    if pd.api.types.is_object_dtype(dtype):
        try:
            return NUMBER if _holds_numbers(column, name) else CATEGORY
        except ArithmeticError as error:  # of a signaling NaN
            raise ValueError(
                f"Column {name!r} holds what is neither a number nor missing: {error!r}"
            ) from error
    if pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype):
        return NUMBER
    return CATEGORY


def _holds_numbers(column: pd.Series[Any], name: object) -> bool:
    """Tell whether the objects of a column are numbers."""
    inferred = pd.api.types.infer_dtype(column)
    if inferred in _OBJECT_TIMES:
        _refuse_times(inferred, name)
    if inferred == "complex":
        _refuse_complex(name)
    if not inferred.startswith("mixed"):
        return inferred in _OBJECT_NUMBERS
    return are_numbers(column[column.notna()], name)


def are_numbers(values: Iterable[object], name: object) -> bool:
    """Tell whether all objects are numbers, booleans among them.

    Parameters
    ----------
    values : iterable of object
        Without missing ones.
    name : object
        Of the column, for the message.

    Returns
    -------
    are_numbers : bool

    Raises
    ------
    ValueError
        If they are, and one of them is complex.
    """
    kinds = set(map(type, values))
    if not all(issubclass(k, (Complex, Decimal, *_BOOLEANS)) for k in kinds):
        return False
    if not all(issubclass(k, (Real, Decimal, *_BOOLEANS)) for k in kinds):
        _refuse_complex(name)
    return True


def _refuse_times(dtype: object, name: object) -> None:
    """Raise if a column holds dates or times, or complex numbers."""
    if getattr(dtype, "kind", "") == "c":
        _refuse_complex(name)
    if str(dtype).startswith(_TIMES):
        raise TypeError(
            f"Column {name!r} holds dates or times ({dtype}) that are not encoded "
            "here: make numbers of it first, such as the hour, or the seconds since "
            "midnight; or name it in categorical_features."
        )


def _refuse_complex(name: object) -> NoReturn:
    raise ValueError(f"Complex data not supported\ncolumn {name!r} is complex.")


def to_numbers(column: pd.Series[Any], name: object) -> Array:
    """Return a column as float64, missing values as NaN.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype; text is read as numbers.
    name : object
        For messages.

    Returns
    -------
    values : ndarray of shape (n_rows,)

    Raises
    ------
    TypeError
        If the column holds dates or times.
    ValueError
        If a value is no number, or is infinite or complex.
    """
    _refuse_times(column.dtype, name)
    try:
        if column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype):
            column = _parse_numbers(column.astype(object))
            _refuse_times(column.dtype, name)
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(
            f"Column {name!r} is numeric, but holds what is no float64: {error}"
        ) from error
    if np.isinf(values).any():
        refuse_infinity(name)
    return values


def _parse_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    try:
        return pd.to_numeric(column)
    except TypeError:  # which knows no Fraction
        return column.map(float, na_action="ignore")


def refuse_infinity(name: object) -> NoReturn:
    """Raise the ValueError of a column that holds infinity."""
    raise ValueError(
        "Input X contains infinity or a value too large for dtype('float64'): "
        f"column {name!r}."
    )


def to_levels(column: pd.Series[Any], name: object) -> Array:
    """Return a column as strings, missing values as NaN.

    Parameters
    ----------
    column : pandas.Series
        Of any dtype.
    name : object
        For messages.

    Returns
    -------
    levels : ndarray of object of shape (n_rows,)

    Raises
    ------
    TypeError
        If an object is neither text nor a number: has no hash, or no name of its own.
    """
    try:
        codes, levels = _factorize(column)
        names = [_level_name(level) for level in levels]
    except (ArithmeticError, NotImplementedError, TypeError) as error:
        raise TypeError(
            f"Column {name!r}: argument must be a string or a number in each row; "
            f"{error}."
        ) from error
    return np.array([*names, np.nan], dtype=object)[
        codes
    ]  # a missing value has code -1


def _factorize(column: pd.Series[Any]) -> tuple[Array, Any]:
    """Return each row's code, -1 where it is missing, and the values of the codes.

    Objects that are equal have a code for each of their types: what they are called
    is up to `_level_name`, and not to which of them comes first.
    """
    codes, levels = pd.factorize(column)
    if column.dtype != object:
        return codes, levels
    kinds, _ = pd.factorize(np.fromiter(map(id, map(type, column)), dtype=np.int64))
    both = np.where(codes < 0, -1, codes * (kinds.max(initial=0) + 1) + kinds)
    known = np.flatnonzero(codes >= 0)
    _, first, own = np.unique(both[known], return_index=True, return_inverse=True)
    codes[known] = own
    return codes, column.array[known[first]]


@singledispatch
def _level_name(level: object) -> str:
    """Spell a level: equal ones alike, whatever their types.

    So that a row's encoding depends on that row only, although 1, 1.0, True and
    Decimal("1.0") are one key to pandas, as are (1, 2) and (1.0, 2).
    """
    kind = type(level)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        raise TypeError(f"{kind.__name__!r} objects have no name but their address")
    return str(level)


@_level_name.register(str)
def _(level: str) -> str:
    return str.__str__(level)  # whatever an Enum's own would say


@_level_name.register(bytes)
def _(level: bytes) -> str:
    return level.decode(errors="replace")


@_level_name.register(tuple)
def _(level: tuple[object, ...]) -> str:
    return f"({', '.join(map(_level_name, level))})"


@_level_name.register(frozenset)
def _(level: frozenset[object]) -> str:
    return f"{{{', '.join(sorted(map(_level_name, level)))}}}"


@_level_name.register(pd.Interval)
def _(level: pd.Interval[Any]) -> str:
    ends = f"{_level_name(level.left)}, {_level_name(level.right)}"
    return f"{'(['[level.closed_left]}{ends}{')]'[level.closed_right]}"


@_level_name.register(datetime.datetime)
def _(level: datetime.datetime) -> str:
    moment = pd.Timestamp(level)
    return str(moment if moment.tz is None else moment.tz_convert("UTC"))


@_level_name.register(datetime.timedelta)
def _(level: datetime.timedelta) -> str:
    return str(pd.Timedelta(level))


@_level_name.register(Complex)
@_level_name.register(Decimal)
@_level_name.register(np.bool_)
def _(level: Complex | Decimal) -> str:
    if isinstance(level, Complex) and not isinstance(level, Real):
        return _number_name(level.real) if level.imag == 0 else str(level)
    return _number_name(level)


def _number_name(number: Any) -> str:
    if isinstance(number, Decimal) and abs(number.adjusted()) > _LONGEST:
        return f"{number.normalize():E}"
    try:
        whole = number if isinstance(number, Integral) else int(number)
        if whole != number:
            return repr(float(number))
    except OverflowError:  # infinite; or a Fraction too large for a float
        return str(number if isinstance(number, Fraction) else float(number))
    whole = int(whole)
    return str(whole) if abs(whole) < 10**_LONGEST else f"{whole:#x}"
