"""Strings from outside as they are shown, by one function for each medium.

A table's name, a level, a label or an error's message may hold anything. For a page of
HTML, Jinja escapes what :func:`plain` returns.
"""

import math
import re
import sys
import unicodedata

from tqdm.auto import tqdm

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What Markdown, or HTML within it, takes for more than a character. A < or a _ between
# words is none of these.
_MARKS = re.compile(
    r"[\\`*~$|]|<(?=[A-Za-z/!?])|&(?=#?\w+;)|(?<=\])[(\[:]|(?<!\w)_|_(?!\w)"
)
_ENTITIES = {"<": "&lt;", "&": "&amp;"}
LONGEST = 60  # characters of a text in a figure, whose axes need room as well


class Marked(str):
    """Text of our own, or laid out already, that Markdown is to be left as it is."""


def plain(text):
    r"""Return a text on one line, with all that can't be seen as escapes.

    These are control characters, line ends, marks that turn the direction of writing,
    and what is no character at all.

    Parameters
    ----------
    text : object

    Returns
    -------
    text : str

    Examples
    --------
    >>> print(plain("a\x1b[31m\nb"))
    a\x1b[31m\nb
    """
    text = str(text)
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode() if unicodedata.category(c) in _UNSEEN else c
        for c in text
    )


def in_markdown(text):
    r"""Return a text that Markdown shows as it is.

    Parameters
    ----------
    text : object
        `Marked` is left alone.

    Returns
    -------
    text : Marked

    Examples
    --------
    >>> print(in_markdown("<b> *x* a_b | p < 0.1"))
    &lt;b> \*x\* a_b \| p < 0.1
    """
    if isinstance(text, Marked):
        return text
    return Marked(_MARKS.sub(_escape_mark, plain(text)))


def _escape_mark(found):
    return _ENTITIES.get(found[0], "\\" + found[0])


def as_markdown(heads, lines, n_texts=1):
    """Lay texts out as a table of Markdown.

    Parameters
    ----------
    heads : list of str
    lines : list of list of str
        Each text is shown as it is, but for those that are `Marked`.
    n_texts : int, default=1
        Columns that are aligned to the left; the others hold numbers.

    Returns
    -------
    text : Marked
    """
    rule = ["---"] * n_texts + ["---:"] * (len(heads) - n_texts)
    return Marked(
        "\n".join(
            f"| {' | '.join(map(in_markdown, line))} |"
            for line in [heads, rule, *lines]
        )
    )


def frame_as_markdown(frame):
    """Lay a frame of texts out as a table of Markdown, its index first.

    Parameters
    ----------
    frame : DataFrame

    Returns
    -------
    text : Marked
    """
    lines = [[str(label), *cells] for label, *cells in frame.itertuples()]
    return as_markdown([frame.index.name, *frame.columns], lines)


def in_figure(text):
    r"""Return a text that Matplotlib draws as it is, cut where it is too long.

    Parameters
    ----------
    text : object

    Returns
    -------
    text : str

    Examples
    --------
    >>> print(in_figure("$\\frac{"))
    \$\frac{
    """
    text = plain(text)
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    if text.startswith("_"):  # which a legend leaves out
        text = " " + text
    return text.replace("$", r"\$")


def in_terminal(text):
    """Return a text of several lines without what steers a terminal."""
    return "\n".join(map(plain, str(text).split("\n")))


def show(text):
    """Write a text, which may have several lines, to standard output, as it can."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    print(in_terminal(text).encode(encoding, "replace").decode(encoding))


def say(message):
    """Write a line to standard error, above a progress bar."""
    tqdm.write(plain(message), file=sys.stderr)


def p_value(p):
    """Return a p-value as it is shown, a dash for none.

    Parameters
    ----------
    p : float

    Returns
    -------
    text : str
    """
    return "-" if math.isnan(p) else f"{p:.2g}"
