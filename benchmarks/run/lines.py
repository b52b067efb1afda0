"""Lines of strict JSON, and what is said of those that are none."""

import json

from ..output.text import say

MAX_SHOWN = 5


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
            raise ValueError(f"{name[:30]!r} is there twice")
        found[name] = value
    return found


def _float(text):
    """Read a number; 1e999 is no way to write infinity."""
    value = float(text)
    if abs(value) == float("inf"):
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
