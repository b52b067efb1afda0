"""Where the tables come from."""

from dataclasses import dataclass

import pandas as pd
from sklearn import datasets

_EMBEDDED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast_cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}


@dataclass(frozen=True)
class Table:
    """A classification table: its name, raw columns and labels."""

    name: str
    X: pd.DataFrame
    y: pd.Series


def load_embedded():
    """Return the four UCI tables that scikit-learn ships."""
    loaded = ((name, load(as_frame=True)) for name, load in _EMBEDDED.items())
    return [Table(name, bunch.data, bunch.target) for name, bunch in loaded]


def load_openml(table_id):
    """Return a table of OpenML, from the client's cache where it is there.

    Parameters
    ----------
    table_id : int
        OpenML's id of the data set.
    """
    import openml

    dataset = openml.datasets.get_dataset(table_id)
    X, y, _, _ = dataset.get_data(target=dataset.default_target_attribute)
    known = y.notna()
    return Table(dataset.name, X[known], y[known].astype(str))
