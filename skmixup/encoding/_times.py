"""Dates and times as numbers: what they are far from, and where in what they lie."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from .._typing import Array
from .._warn import without_warnings

SECONDS = "seconds"
# Beside the seconds since 1970 and the year: positions, each as a sine and a cosine.
PERIODS = ("year", "month", "week", "day")
_DAY = 86_400.0
_OBJECT_DURATIONS = {"timedelta", "timedelta64"}
_OBJECT_TIMES = {"datetime", "datetime64", "date"} | _OBJECT_DURATIONS
# 2020-01-31, 31.1.2020, 1/31/20, with or without a time.
_DATE_TEXT = re.compile(r"\s*\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?!\1|\d)")
_SHOWN = 20  # values that are looked at


def reads_as_dates(values: Sequence[str] | Array) -> bool:
    """Tell whether text is that of dates, by some values.

    Parameters
    ----------
    values : sequence of str

    Returns
    -------
    are_dates : bool
    """
    shown = list(values[:: max(len(values) // _SHOWN, 1)])
    if not all(map(_DATE_TEXT.match, shown)):
        return False
    with without_warnings():  # of months that may be days
        return bool(pd.to_datetime(pd.Series(shown), errors="coerce").notna().any())


class Times(NamedTuple):
    """What `fit` has learned of a column of dates or times.

    Parameters
    ----------
    is_duration : bool
        Whether it holds lengths of time, which have seconds and no more.
    zone : tzinfo or None
        In which its positions are; None where it has none.
    parts : tuple of str
        By which it is told: one that never varies is none.
    """

    is_duration: bool
    zone: datetime.tzinfo | None
    parts: tuple[str, ...]

    def encode(self, column: pd.Series[Any], name: object) -> Array:
        """Return a column's parts.

        Parameters
        ----------
        column : pandas.Series
        name : object
            For messages.

        Returns
        -------
        values : ndarray of float64 of shape (n_rows, n_parts)
            NaN where the time is missing.

        Raises
        ------
        ValueError
            If it holds something else than in `fit`.
        """
        had = "lengths of time" if self.is_duration else "dates"
        if column.isna().all():
            return np.full((len(column), len(self.parts)), np.nan)
        is_duration = holds_durations(column)
        if is_duration is None or is_duration != self.is_duration:
            raise ValueError(
                f"Column {name!r} held {had} in fit, and holds others now."
            )
        moments = _read(column, name, is_duration)
        zone = _zone(moments)
        if (zone is None) != (self.zone is None):
            word = "no" if self.zone is None else "a"
            raise ValueError(
                f"Column {name!r} had {word} time zone in fit, unlike now."
            )
        if zone is not None:
            moments = moments.dt.tz_convert(self.zone)
        return _parts_of(moments, is_duration)[list(self.parts)].to_numpy()


def holds_durations(column: pd.Series[Any]) -> bool | None:
    """Tell whether a column holds lengths of time; None if it holds no times at all.

    Parameters
    ----------
    column : pandas.Series

    Returns
    -------
    is_duration : bool or None
    """
    if pd.api.types.is_object_dtype(column.dtype):
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        return inferred in _OBJECT_DURATIONS if inferred in _OBJECT_TIMES else None
    kind = str(column.dtype)
    if kind.startswith(("timedelta", "duration")):
        return True
    is_moment = kind.startswith(("datetime", "date", "timestamp", "period"))
    return False if is_moment else None


def learn_times(column: pd.Series[Any], name: object) -> Times:
    """Learn by which parts a column of dates or times is told.

    Parameters
    ----------
    column : pandas.Series
        For which `holds_durations` is not None.
    name : object
        For messages.

    Returns
    -------
    times : Times

    Raises
    ------
    ValueError
        If it can't be read, such as where some rows have a time zone and some not.
    """
    is_duration = bool(holds_durations(column))
    moments = _read(column, name, is_duration)
    found = _parts_of(moments, is_duration)
    varies = [part for part in map(str, found) if found[part].nunique() > 1]
    return Times(is_duration, _zone(moments), tuple(varies) or (SECONDS,))


def _read(column: pd.Series[Any], name: object, is_duration: bool) -> pd.Series[Any]:
    """Return a column of any type of times as pandas' own."""
    try:
        if isinstance(column.dtype, pd.PeriodDtype):
            return column.dt.to_timestamp()
        if isinstance(column.dtype, pd.ArrowDtype):
            column = pd.Series(
                column.array.__arrow_array__().to_pandas(date_as_object=False)
            )
        if not pd.api.types.is_object_dtype(column.dtype):
            return column
        if is_duration:
            return pd.to_timedelta(column)
        try:
            return pd.to_datetime(column)
        except pd.errors.OutOfBoundsDatetime:  # of nanoseconds
            return pd.Series(column.to_numpy().astype("datetime64[us]"))
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"Column {name!r} holds dates that differ: {error}") from error


def _zone(moments: pd.Series[Any]) -> datetime.tzinfo | None:
    return getattr(moments.dtype, "tz", None)


def _parts_of(moments: pd.Series[Any], is_duration: bool) -> pd.DataFrame:
    """Return all parts of times, as columns."""
    if is_duration:
        return pd.DataFrame({SECONDS: moments.dt.total_seconds()})
    local = moments.dt.tz_localize(None) if _zone(moments) is not None else moments
    dates = local.dt
    day = (local - dates.normalize()).dt.total_seconds() / _DAY
    first = pd.Timestamp("1970-01-01", tz=_zone(moments) and "UTC")
    at = {
        "year": (dates.day_of_year - 1 + day) / (365 + dates.is_leap_year),
        "month": (dates.day - 1 + day) / dates.days_in_month,
        "week": (dates.day_of_week + day) / 7,
        "day": day,
    }
    parts = {SECONDS: (moments - first).dt.total_seconds(), "year": dates.year}
    for period in PERIODS:
        angle = 2 * np.pi * at[period].to_numpy(dtype=float)
        parts |= {f"{period}_sin": np.sin(angle), f"{period}_cos": np.cos(angle)}
    return pd.DataFrame(parts).astype(float)
