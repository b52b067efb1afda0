"""What rows of results hold: the schema, of all rows and of a study's own."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..models.protocols import DEFAULT, PROTOCOLS
from ..models.registry import MODELS
from .jobs import Job

MOST = 2**53  # the largest integer that all readers of JSON agree on
INF = float("inf")


@dataclass(frozen=True)
class Field:
    """What a value may be.

    Parameters
    ----------
    about : str
        Says so.
    accepts : callable
        Tells whether it is, of any value.
    is_nested : bool, default=False
        Whether it holds lists or objects, which are JSON in a Parquet file.
    """

    about: str
    accepts: Callable
    is_nested: bool = False

    def __or__(self, other):
        return Field(
            f"{self.about} or {other.about}",
            lambda value: self.accepts(value) or other.accepts(value),
            self.is_nested or other.is_nested,
        )


def _is_text(value):
    """Lone surrogates are no text: no file can hold them."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def number(low, high, kinds=(int, float)):
    """Accept numbers of these kinds in a range."""

    def accepts(value):
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or (isinstance(value, int) and abs(value) > MOST):
            return False
        return low <= value <= high  # NaN is nowhere

    return accepts


def array(*shape, low=0):
    """Accept lists of lists of numbers from `low` on; a length may be None, for any."""

    def accepts(value):
        if not isinstance(value, list):
            return False
        try:
            array = np.asarray(value)
        except ValueError:  # lists of several lengths
            return False
        fits = array.ndim == len(shape) and all(
            n > 0 and wanted in (None, n)
            for n, wanted in zip(array.shape, shape, strict=True)
        )
        is_number = fits and array.dtype.kind in "if"
        return is_number and bool(((array >= low) & (array <= 1e9)).all())

    return accepts


def _are_bins(value):
    """Accept what `benchmarks.run.metrics.reliability` returns: no bin is empty."""
    return array(None, 4)(value) and all(n_rows >= 1 for _, _, n_rows, _ in value)


def _are_texts(value):
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_value(value):
    """Accept what a file can hold; of what is nested, its reader has seen to that."""
    is_simple = value is None or isinstance(value, bool | list | dict)
    return is_simple or _is_text(value) or number(-1e300, 1e300)(value)


NOTHING = Field("null", lambda value: value is None)
ANYTHING = Field("a value", _is_value)
TEXT = Field("a text", _is_text)
COUNT = Field("a count", number(0, MOST, int))
SIZE = Field("a positive count", number(1, MOST, int))
SHARE = Field("a share", number(0, 1))
SCORE = Field("a number from 0 on", number(0, 1e9))
ALPHA = Field("an alpha", number(0, INF))

_KEY = {
    "table": TEXT,
    "table_id": SIZE | NOTHING,
    "model": TEXT,
    "alpha": ALPHA | NOTHING,
    "protocol": TEXT | NOTHING,
    "folds": COUNT,
    "repeat": COUNT,
    "fold": COUNT,
    "seed": Field("a seed", number(0, 2**32 - 1, int)),
    "n_rows": SIZE,
    "n_classes": SIZE,
    "status": Field("ok or failed", lambda value: value in ("ok", "failed")),
}
_OTHERS = {
    "task_id": SIZE,
    "noise": SHARE,
    "n_features": COUNT,
    "stack_size": SIZE,
    "versions": Field("names and versions", _are_texts, is_nested=True),
    "environment": TEXT,
    "message": TEXT,
    "n_train": SIZE,
    "n_test": SIZE,
    **dict.fromkeys(("error", "train_error", "majority_error", "wrong_error"), SHARE),
    **dict.fromkeys(("log_loss", "train_log_loss", "brier", "ece"), SCORE),
    **dict.fromkeys(("fit_seconds", "predict_seconds"), SCORE),
    "chosen_alpha": ALPHA,
    "reliability": Field("bins of four numbers", _are_bins, is_nested=True),
}
_FIELDS = _KEY | {name: field | NOTHING for name, field in _OTHERS.items()}
SCORES = ("error", "log_loss", "majority_error", "fit_seconds")
# Networks as they come are compared by this too.
_NEEDED = dict.fromkeys((DEFAULT, "first"), (*SCORES, "ece"))

_STAMP = {"id": TEXT}
_STAMPED = TEXT | COUNT | NOTHING


@dataclass(frozen=True)
class Schema:
    """What rows of results hold: what all rows have, and what a study adds.

    A row names its protocol. Those of `benchmarks.models.protocols` are everybody's,
    and all others some study's. A row of a study that is not this one is taken as it
    is, but for what tells its job, so that it is kept whoever reads it; what else all
    rows have is checked if it is a classifier's, which may be reported.

    Parameters
    ----------
    protocols : collection of str, default=()
        Those of the study.
    fields : dict of str -> Field, default={}
        What a row of these protocols may hold, or null, beside or in the place of what
        all rows may hold.
    needed : tuple of str, default=SCORES
        What a row of these protocols must hold if it went well; `needed_first`, if it
        is also of the first fold.
    models : dict of str -> Model, default=MODELS
        Those that a row of these protocols may name.
    """

    protocols: Collection = ()
    fields: Mapping = field(default_factory=dict)
    needed: tuple = SCORES
    needed_first: tuple = ()
    models: Mapping = field(default_factory=lambda: MODELS)

    @staticmethod
    def key(row):
        """Return what tells a row from all others."""
        return Job.of(row)

    def __getstate__(self):
        own = ("protocols", "fields", "needed", "needed_first", "models")
        return {name: getattr(self, name) for name in own}

    @cached_property
    def nested(self):
        """The names of the fields that hold lists or objects."""
        return {name for name, field in self._all_fields.items() if field.is_nested}

    def knows(self, name):
        """Tell whether there is a field of a name."""
        return name in self._all_fields

    @cached_property
    def _all_fields(self):
        own = {name: field | NOTHING for name, field in self.fields.items()}
        return _FIELDS | own

    def check(self, row):
        """Check a row of results.

        Parameters
        ----------
        row : object
            What a line of JSON, or of a Parquet file, holds.

        Returns
        -------
        row : dict
            The same, its `alpha` a float.

        Raises
        ------
        ValueError
            If it breaks the schema; says where.
        """
        check_fields(row, {}, _KEY, others=Field("anything", lambda value: True))
        fields, others, models, needed = self._rules_of(row)
        check_fields(row, fields, _KEY, others)
        model = models.get(row["model"])
        if model is None and others is None:
            raise ValueError(f"model is {_shown(row['model'])}, not a model")
        if model is not None and (row["alpha"] is None) is model.takes_alpha:
            raise ValueError(f"alpha of {row['model']} is {_shown(row['alpha'])}")
        if row["folds"] and row["fold"] >= row["folds"]:
            raise ValueError(f"fold is {row['fold']} of {row['folds']} folds")
        if row["status"] == "ok":
            for name in needed:
                if row.get(name) is None:
                    raise ValueError(f"{name} is missing")
        return row | {"alpha": None if row["alpha"] is None else float(row["alpha"])}

    def _rules_of(self, row):
        """Return the fields of a row, what others are, its models and what it needs."""
        protocol = row["protocol"] if isinstance(row["protocol"], str) else None
        if protocol in self.protocols:
            needed = (*self.needed, *(self.needed_first if row["fold"] == 0 else ()))
            return self._all_fields, None, self.models, needed
        if protocol is None or protocol in PROTOCOLS:
            return _FIELDS, None, MODELS, _NEEDED.get(protocol, SCORES)
        if is_classifier(row):
            return _FIELDS, ANYTHING, MODELS, SCORES
        return _KEY | {"n_classes": ANYTHING}, ANYTHING, {}, ()

    def restore(self, row):
        """Return a row of a table as what it was, where columns have a type each.

        Parameters
        ----------
        row : dict

        Returns
        -------
        row : dict
            Without what is null in columns that not all rows have; whole numbers that
            are to be integers are such.
        """
        known = {name: v for name, v in row.items() if v is not None or name in _FIELDS}
        fields = self._all_fields
        return {name: _restored(fields.get(name), v) for name, v in known.items()}


def _restored(field, value):
    """Return an integer for a whole float, where that is what is accepted."""
    if field is None or not isinstance(value, float) or not value.is_integer():
        return value
    return value if field.accepts(value) else int(value)


def is_classifier(row):
    """Tell whether a row is of a model in `MODELS` that tells classes."""
    name = row["model"]
    is_known = isinstance(name, str) and name in MODELS
    return is_known and row["n_classes"] is not None


CLASSIFIERS = Schema()


def check_stamp(stamp):
    """Check an environment stamp, as :meth:`Schema.check` does a row."""
    check_fields(stamp, _STAMP, _STAMP, others=_STAMPED)
    return stamp


def check_fields(row, fields, needed, others=None):
    """Raise ValueError unless a row has the fields needed, and each as it should be.

    Parameters
    ----------
    row : object
    fields : dict of str -> Field
        Those that there may be.
    needed : iterable of str
        Those that there must be.
    others : Field, default=None
        What other fields are; None if there may be none.
    """
    if not isinstance(row, dict):
        raise ValueError(f"{_shown(row)} is no row")
    for name in needed:
        if name not in row:
            raise ValueError(f"{name} is missing")
    for name, value in row.items():
        field = fields.get(name, others)
        if field is None or not _is_text(name):
            raise ValueError(f"{_shown(name)} is no field")
        if not field.accepts(value):
            raise ValueError(f"{name} is {_shown(value)}, not {field.about}")


def _shown(value):
    if isinstance(value, str):
        return repr(value[:30])
    if value is None or isinstance(value, float) or number(-MOST, MOST)(value):
        return str(value)
    return f"of type {type(value).__name__}"
