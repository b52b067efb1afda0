"""What is read from files of results: the schema, and lines that keep to it."""

import json
from dataclasses import dataclass

import numpy as np

from ..models.registry import GENERATOR, MODELS, WITH_ALPHA
from ..output.text import say
from ..studies.defaults.recipes import (
    ATTACKED,
    EPSILONS,
    IMAGES,
    PARTS,
    RECIPES,
    SEQUENCES,
    WATCHED,
    WIDTHS,
    width_protocol,
)

MOST = 2**53  # the largest integer that all readers of JSON agree on
MAX_SHOWN = 5
INF = float("inf")
_MODELS = {*MODELS, GENERATOR}
# What is attacked, and how: the study compares all of these. Columns that don't vary
# have no span, and one that holds all of their variance leaves nothing off it.
_ATTACKS = {
    *((box, kind) for box in ("white", "black") for kind in ("FGSM", "I-FGSM")),
    *(("white", part) for part in PARTS),
}
_MAY_LACK = ((), PARTS[1:], PARTS)
# What the study of each protocol reads, beside what all rows have.
_STUDIED = {
    ATTACKED: ("attacks", "line"),
    **dict.fromkeys(WATCHED, ("best_error", "curve", "noise")),
    **{width_protocol(width): ("train_error",) for width in WIDTHS},
    **dict.fromkeys((IMAGES, SEQUENCES), ("train_error", "ece", "n_train", "n_test")),
    **dict.fromkeys(RECIPES, ("ece",)),
}


@dataclass(frozen=True)
class Field:
    """What a value may be.

    Parameters
    ----------
    about : str
        Says so.
    accepts : callable
        Tells whether it is, of any value.
    """

    about: str
    accepts: object

    def __or__(self, other):
        return Field(
            f"{self.about} or {other.about}",
            lambda value: self.accepts(value) or other.accepts(value),
        )


def _is_text(value):
    """Lone surrogates are no text: no file can hold them."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value


def _number(low, high, kinds=(int, float)):
    def accepts(value):
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or (isinstance(value, int) and abs(value) > MOST):
            return False
        return low <= value <= high  # NaN is nowhere

    return accepts


def _array(*shape, low=0):
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
    return _array(None, 4)(value) and all(n_rows >= 1 for _, _, n_rows, _ in value)


def _are_attacks(value):
    score = _number(0, 1e9)
    if not isinstance(value, list):
        return False
    whole = all(
        isinstance(line, list)
        and len(line) == 4
        and all(map(_is_text, line[:2]))
        and all(map(score, line[2:]))
        for line in value
    )
    tried = sorted(tuple(line[:3]) for line in value) if whole else None
    return tried in map(_attacks_without, _MAY_LACK)


def _attacks_without(parts):
    kinds = [kind for kind in _ATTACKS if kind[1] not in parts]
    return sorted((*kind, epsilon) for kind in kinds for epsilon in EPSILONS)


def _are_texts(value):
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


NOTHING = Field("null", lambda value: value is None)
TEXT = Field("a text", _is_text)
COUNT = Field("a count", _number(0, MOST, int))
SIZE = Field("a positive count", _number(1, MOST, int))
SHARE = Field("a share", _number(0, 1))
SCORE = Field("a number from 0 on", _number(0, 1e9))
ALPHA = Field("an alpha", _number(0, INF))

_KEY = {
    "table": TEXT,
    "table_id": SIZE | NOTHING,
    "model": Field("a model", lambda value: _is_text(value) and value in _MODELS),
    "alpha": ALPHA | NOTHING,
    "protocol": TEXT | NOTHING,
    "folds": COUNT,
    "repeat": COUNT,
    "fold": COUNT,
    "seed": Field("a seed", _number(0, 2**32 - 1, int)),
    "n_rows": SIZE,
    "n_classes": SIZE,
    "status": Field("ok or failed", lambda value: value in ("ok", "failed")),
}
_OTHERS = {
    "task_id": SIZE,
    "noise": SHARE,
    "n_features": COUNT,
    "stack_size": SIZE,
    "versions": Field("names and versions", _are_texts),
    "environment": TEXT,
    "message": TEXT,
    "n_train": SIZE,
    "n_test": SIZE,
    **dict.fromkeys(("error", "train_error", "majority_error"), SHARE),
    **dict.fromkeys(("best_error", "wrong_error", "covered", "near"), SHARE),
    **dict.fromkeys(("log_loss", "train_log_loss", "brier", "ece", "distance"), SCORE),
    **dict.fromkeys(("fit_seconds", "predict_seconds"), SCORE),
    "chosen_alpha": ALPHA,
    "best_epoch": SIZE,
    "reliability": Field("bins of four numbers", _are_bins),
    "curve": Field("pairs of numbers", _array(None, 2)),
    "line": Field("triples of numbers", _array(None, 3)),
    "attacks": Field("attacks of both boxes", _are_attacks),
    "samples": Field("sets of points", _array(None, None, 2, low=-1e9)),
}
_FIELDS = _KEY | {name: field | NOTHING for name, field in _OTHERS.items()}
NESTED = ("versions", "reliability", "curve", "attacks", "line", "samples")
_SCORES = ("error", "log_loss", "majority_error", "fit_seconds")
_SCORES_OF_GANS = ("covered", "near", "distance", "fit_seconds")

_STAMP = {"id": TEXT}
_STAMPED = TEXT | COUNT | NOTHING


def check_row(row):
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
    check_fields(row, _FIELDS, _KEY)
    if (row["alpha"] is None) is (row["model"] in WITH_ALPHA):
        raise ValueError(f"alpha of {row['model']} is {_shown(row['alpha'])}")
    if row["folds"] and row["fold"] >= row["folds"]:
        raise ValueError(f"fold is {row['fold']} of {row['folds']} folds")
    if row["status"] == "ok":
        for name in _needed(row):
            if row.get(name) is None:
                raise ValueError(f"{name} is missing")
    return row | {"alpha": None if row["alpha"] is None else float(row["alpha"])}


def restore(row):
    """Return a row of a table as what it was, where columns have a type each.

    Parameters
    ----------
    row : dict

    Returns
    -------
    row : dict
        Without what is null in columns that are no field; whole numbers that are to be
        integers are such.
    """
    known = {name: v for name, v in row.items() if v is not None or name in _FIELDS}
    return {name: _restored(name, value) for name, value in known.items()}


def _restored(name, value):
    """Return an integer for a whole float, where that is what is accepted."""
    if name not in _FIELDS or not isinstance(value, float) or not value.is_integer():
        return value
    return value if _FIELDS[name].accepts(value) else int(value)


def _needed(row):
    """Return what a row that went well must have, beside the key."""
    if row["model"] == GENERATOR:
        return (*_SCORES_OF_GANS, *["samples"] * (row["fold"] == 0))
    return (*_SCORES, *_STUDIED.get(row["protocol"], ()))


def check_stamp(stamp):
    """Check an environment stamp, as :func:`check_row` does a row."""
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
    if value is None or isinstance(value, float) or _number(-MOST, MOST)(value):
        return str(value)
    return f"of type {type(value).__name__}"


def parse(line):
    """Return what a line of strict JSON holds.

    Parameters
    ----------
    line : bytes

    Raises
    ------
    ValueError
        If it is none: cut off, nested too deeply, or with a NaN or a name twice.
    """
    hooks = {"parse_constant": _refuse, "parse_float": _float}
    try:
        return json.loads(line, object_pairs_hook=_object, **hooks)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg}") from error


def _object(pairs):
    """Return what an object holds; of a name that is there twice, neither is right."""
    found = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{_shown(name)} is there twice")
        found[name] = value
    return found


def _float(text):
    """Read a number; 1e999 is no way to write infinity."""
    value = float(text)
    if abs(value) == INF:
        _refuse(text[:30])
    return value


def _refuse(constant):
    raise ValueError(f"{constant} is no number")


def read_all(items, check, start=1):
    """Check items, such as lines, one by one.

    Parameters
    ----------
    items : iterable
    check : callable
        Returns what an item holds, or raises ValueError or ArithmeticError.
    start : int, default=1
        Number of the first.

    Returns
    -------
    rows : list
        What is in those that are as they should be.
    refused : dict of int -> str
        Why the others are not, by number.
    """
    rows, refused = [], {}
    for number, item in enumerate(items, start):
        try:
            rows.append(check(item))
        except (ValueError, ArithmeticError) as error:
            refused[number] = str(error)
    return rows, refused


def say_refused(path, refused, unit="line"):
    """Warn of what was passed over in a file, the first ones by number.

    Parameters
    ----------
    path : Path
    refused : dict of int -> str
        From :func:`read_all`.
    unit : str, default="line"
        What is numbered.
    """
    if not refused:
        return
    shown = [f"{unit} {n} ({why})" for n, why in list(refused.items())[:MAX_SHOWN]]
    more = len(refused) - len(shown)
    shown += [f"and {more} more"] * (more > 0)
    say(
        f"Warning: passed over {len(refused)} unreadable {unit}"
        f"{'s' * (len(refused) > 1)} in {path}: {', '.join(shown)}"
    )
