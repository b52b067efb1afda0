"""`TabularEncoder.transform` as nodes, in its precision and its order."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from .._typing import Array
from ..encoding._bins import PiecewiseLinearBins
from ..encoding._encoder import TabularEncoder, _to_codes
from ..encoding._scaler import SmoothClipScaler
from ..encoding._stacking import _LEAST, StackingTransformer
from ..encoding._times import PERIODS, SECONDS
from ._graph import Graph, Value
from ._inputs import Columns

_DAY = 86_400
# Days from the first of March of the year 0, and of January of the year 1, to 1970.
_FROM_MARCH_0, _FROM_YEAR_1 = 719_468, 719_162
_FOUR_CENTURIES = 146_097  # days


def encode(
    graph: Graph, encoder: TabularEncoder, columns: Columns, coded: bool
) -> tuple[Value | None, Value | None]:
    """Encode columns.

    Parameters
    ----------
    graph : Graph
    encoder : TabularEncoder
        Fitted.
    columns : Columns
    coded : bool
        Whether levels that are to be embedded become codes, as networks take them.

    Returns
    -------
    codes : Value or None
        Of the levels to embed, int64: 1 to `n_levels_`, and 0 for an unseen one.
    dense : Value or None
        The other columns, float32; NaN in rows with infinity, which `transform`
        refuses.

    Raises
    ------
    ValueError
        If a column holds dates of a time zone whose offset varies; or if what stands
        for missing text is a level.
    """
    codes = None
    parts: list[Value] = []
    last: list[Value] = []
    if encoder.scaler_ is not None:
        numbers = _numbers(graph, encoder, columns)
        lacks, filled = numbers.IsNaN(), fill(encoder.scaler_, numbers)
        Z = scale(encoder.scaler_, filled)
        parts.append(Z)
        if encoder.bins_ is not None:
            parts += _encode_bins(encoder.bins_, Z)
            parts += _encode_bins(encoder.raw_bins_, filled)
            last = _encode_bins(encoder.tree_bins_, Z)
        if encoder.lacking_.any():
            lacks = lacks.to(np.float32)
            parts.append(lacks.take(np.flatnonzero(encoder.lacking_)))
    text = np.flatnonzero(encoder.dropped_mask_)
    parts += [columns.is_missing(i) for i in text[encoder.dropped_lacking_]]
    if encoder.one_hot_ is not None:
        every = _codes(graph, encoder, columns)
        categories = np.flatnonzero(encoder.categorical_mask_)
        embedded = np.isin(categories, encoder.embedded_columns_) & coded
        if embedded.any():
            codes = every.take(np.flatnonzero(embedded))
        if not embedded.all():
            parts.append(_one_hot(every, encoder._widths, ~embedded))
    parts += last
    return codes, graph.join(parts) if parts else None


def fill(scaler: SmoothClipScaler, numbers: Value) -> Value:
    """Return numbers with the center where one is missing."""
    return numbers.IsNaN().Where(scaler.center_[None], numbers)


def scale(scaler: SmoothClipScaler, filled: Value) -> Value:
    """Return what `SmoothClipScaler` does, of numbers none of which is missing.

    With signs turned, since onnxruntime leaves out the subtraction of a constant that
    is 0 in single precision.
    """
    half, graph = scaler.half_scale_[None], filled.graph
    z = graph.value(scaler.center_[None] / 2) - filled / 2
    z /= -np.where(half > 0, half, 1.0)
    if not half.all():
        z *= (half > 0).astype(np.float64)
    z = z.Clip(-1e100, 1e100)
    bend = z / 3
    z /= (bend * bend + 1).Sqrt()
    return (z + filled * 0).to(np.float32)


def standardize(stacking: StackingTransformer, told: Value) -> Value:
    """Return what `StackingTransformer` makes of probabilities, or of numbers."""
    if is_classifier(stacking.estimator_):
        told = told.Clip(_LEAST, 1 - _LEAST).Log()
        told = told.take([1]) if len(stacking.estimator_.classes_) == 2 else told
    return ((told - stacking.center_) / stacking.scale_).to(np.float32)


def _encode_bins(bins: PiecewiseLinearBins, Z: Value) -> list[Value]:
    """Return what `PiecewiseLinearBins.encode` does, or nothing where there is none."""
    if not bins.columns_.size:
        return []
    lower = (bins.lower_ / 2)[None]
    crossed = (Z / 2).take(bins.columns_) - lower
    crossed /= (bins.upper_ / 2)[None] - lower
    return [crossed.Clip(0, 1).to(np.float32)]


def _codes(graph: Graph, encoder: TabularEncoder, columns: Columns) -> Value:
    """Return the number of each category's level, from 1, and 0 for none."""
    categories = [
        [level for level in own if not pd.isna(level)]
        for own in encoder.one_hot_.categories_
    ]
    n_rows = max(map(len, categories)) + 2
    table = np.full((n_rows, len(categories)), np.nan, dtype=object)
    for j, own in enumerate(categories):
        table[: len(own), j] = own
        table[-1, j] = max(own, key=len, default="") + "?"  # which is none of them
    every = np.ones(len(categories), dtype=bool)
    numbers, _ = _to_codes(encoder.one_hot_.transform(table), encoder._widths, every)
    parts = []
    for j, i in enumerate(np.flatnonzero(encoder.categorical_mask_).tolist()):
        *of_levels, missing, unknown = numbers[:, j].astype(int).tolist()
        levels = dict(zip(categories[j], of_levels, strict=False))
        if columns.missing in levels and missing != unknown:
            raise ValueError(
                f"Column {_name(encoder, i)!r} has missing values, and a level "
                f"{columns.missing!r}: set `missing` to a text that is no level."
            )
        parts.append(columns.codes(i, levels, missing, unknown))
    return graph.join(parts)


def _one_hot(codes: Value, widths: Array, which: Array) -> Value:
    """Return some categories one-hot."""
    owner = np.repeat(np.flatnonzero(which), widths[which])
    number = np.concatenate([np.arange(1, width + 1) for width in widths[which]])
    return codes.take(owner).Equal(number[None]).to(np.float32)


def _name(encoder: TabularEncoder, i: int) -> Any:
    names = getattr(encoder, "feature_names_in_", None)
    return i if names is None else names[i]


def _numbers(graph: Graph, encoder: TabularEncoder, columns: Columns) -> Value:
    """Return the columns of numbers, and after them the parts of dates."""
    which = np.flatnonzero(encoder._number_mask)
    parts = [columns.numbers(which)] if len(which) else []
    moments = np.flatnonzero(encoder.time_mask_).tolist()
    for i, times in zip(moments, encoder.times_, strict=True):
        seconds = columns.numbers([i])
        if times.is_duration:
            parts.append(seconds)
            continue
        found = _parts_of(seconds, _offset(times.zone, _name(encoder, i)))
        parts += [found[part] for part in times.parts]
    return graph.join(parts)


# ---- dates, in whole numbers that float64 holds exactly


def _offset(zone: datetime.tzinfo | None, name: object) -> float:
    """Return by how many seconds a zone is ahead of UTC."""
    if zone is None:
        return 0.0
    offset = zone.utcoffset(None)
    if offset is None:
        raise ValueError(
            f"Column {name!r} holds dates of the time zone {zone}, whose offset from "
            "UTC varies, and ONNX knows no time zones: before fit, make UTC of it, by "
            ".dt.tz_convert('UTC')."
        )
    return offset.total_seconds()


def _parts_of(seconds: Value, offset: float) -> dict[str, Value]:
    """Return all parts of moments, of their seconds since 1970 in UTC."""
    local = seconds + offset
    days = local // _DAY
    share = (local - days * _DAY) / _DAY  # of the day
    year, month, of_month = _date_of(days)
    new_year = _days_before(year)
    in_year = _days_before(year + 1) - new_year
    in_month = _days_in_year_before(month + 1) - _days_in_year_before(month)
    in_month -= (month > 10).to(np.float64) * (in_year * -1 + 367)  # February's 30
    weekday = days + 3  # 1970 began on a Thursday
    weekday -= weekday // 7 * 7
    at = {
        "year": (days - new_year + share) / in_year,
        "month": (of_month + share) / in_month,
        "week": (weekday + share) / 7,
        "day": share,
    }
    parts = {SECONDS: seconds, "year": year}
    for period in PERIODS:
        angle = at[period] * (2 * np.pi)
        # The cosine of float64 is too new for many runtimes.
        cosine = (angle + np.pi / 2).Sin()
        parts |= {f"{period}_sin": angle.Sin(), f"{period}_cos": cosine}
    return parts


def _date_of(days: Value) -> tuple[Value, Value, Value]:
    """Return year, month (0 is March) and day of the month, from 0, of days since 1970.

    Years begin in March, so that the leap day is the last: Hinnant,
    "chrono-Compatible Low-Level Date Algorithms", 2013.
    """
    since = days + _FROM_MARCH_0
    era = since // _FOUR_CENTURIES
    of_era = since - era * _FOUR_CENTURIES
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (year * 365 + year // 4 - year // 100)
    month = (of_year * 5 + 2) // 153
    year += era * 400 + (month > 9).to(np.float64)
    return year, month, of_year - _days_in_year_before(month)


def _days_in_year_before(month: Value) -> Value:
    """Return the days from the first of March to that of a month; February has 30."""
    return (month * 153 + 2) // 5


def _days_before(year: Value) -> Value:
    """Return the days from 1970 to the first of January of a year."""
    past = year - 1
    return past * 365 + past // 4 - past // 100 + past // 400 - _FROM_YEAR_1
