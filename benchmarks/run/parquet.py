"""Parquet files of results, which are small enough to be kept."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet

from ..output.files import keep_aside
from ..output.text import say
from .lines import parse, read_all, say_refused
from .schema import CLASSIFIERS


class UnreadableResults(ValueError):
    """A file of results is not what it should be."""


def write_parquet(rows, path):
    """Export rows, to be read by :func:`read_parquet`.

    Parameters
    ----------
    rows : list of dict
        What is nested in them becomes JSON.
    path : path-like
        Of the new file.
    """
    rows = [{name: _packed(value) for name, value in row.items()} for row in rows]
    with np.errstate(invalid="ignore"):  # pandas 2 asks whether inf is an integer
        frame = pd.DataFrame(rows).convert_dtypes()
    for name, column in frame.items():
        if column.dtype.kind == "O" and not isinstance(column.dtype, pd.StringDtype):
            frame[name] = column.map(json.dumps, na_action="ignore")  # of several types
    how = {"compression": "zstd", "write_page_checksum": True}
    frame.to_parquet(path, index=False, **how)


def _packed(value):
    return json.dumps(value) if isinstance(value, list | dict) else value


def read_parquet(path, schema=CLASSIFIERS):
    """Return the rows of a Parquet file, and why its others are none, by number.

    Parameters
    ----------
    path : Path
    schema : Schema, default=CLASSIFIERS

    Returns
    -------
    rows : list of dict
    refused : dict of int -> str

    Raises
    ------
    UnreadableResults
        If it is a broken file.
    """
    found = open_parquet(path).to_pylist()
    rows, refused = read_all(found, lambda row: _unpacked(row, schema))
    say_refused(path, refused, "row")
    return rows, refused


def read_or_keep(path, schema):
    """Return the rows of a Parquet file; keep a copy if it holds something else too."""
    try:
        rows, refused = read_parquet(path, schema)
    except UnreadableResults as error:
        say(f"Warning: {error}")
        rows, refused = [], {1: "all"}
    if refused:
        keep_aside(path)
    return rows


def _unpacked(row, schema):
    """Return a row of a Parquet file with all that is nested in it, checked."""
    row = schema.restore(row)
    for name in schema.nested & set(row):
        if row[name] is not None and not isinstance(row[name], str):
            raise ValueError(f"{name} is no JSON")
    nested = {name: parse(row[name]) for name in row if _is_nested(name, row, schema)}
    return schema.check(row | nested)


def _is_nested(name, row, schema):
    """Tell whether a value is JSON; what only another study knows is, if it may be."""
    if not isinstance(row[name], str):
        return False
    if schema.knows(name):
        return name in schema.nested
    return row[name].startswith(("[", "{"))


def open_parquet(path):
    """Return the table of a Parquet file, read in full."""
    try:
        with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read()
    except Exception as error:  # Arrow has many ways to say so
        raise UnreadableResults(f"{path} is no whole Parquet file: {error}") from error


def check_predictions(path, row):
    """Raise UnreadableResults unless a file holds what the job of a row predicted."""
    table = open_parquet(path)
    n_test = row.get("n_test") or table.num_rows  # rows of older runs may lack it
    if table.num_rows != n_test:
        raise UnreadableResults(f"{path} has {table.num_rows} rows, not {n_test}")
    first, others = table.column_names[:2], table.column_names[2:]
    is_usual = first == ["row", "y"] and all(name.startswith("p_") for name in others)
    if not is_usual or len(others) != row["n_classes"]:
        raise UnreadableResults(
            f"{path} lacks the columns row, y and a p_ for each of the "
            f"{row['n_classes']} classes"
        )
