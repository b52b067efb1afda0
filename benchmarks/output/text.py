"""Strings from outside as they are shown, by one function for each medium.

A table's name, a level, a label or an error's message may hold anything. For a page of
HTML, Jinja escapes what :func:`plain` returns.
"""

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
