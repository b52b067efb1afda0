"""Which tables: suites by name, and lists of OpenML ids."""

import re
from pathlib import Path

from sklearn import datasets

EMBEDDED = {
    "iris": datasets.load_iris,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "digits": datasets.load_digits,
}

# abalone, arcene, arrhythmia, HTRU2, iris, PhishingWebsites
PAPER = (183, 1458, 5, 45558, 61, 4534)

# The members of OpenML-CC18 (suite 99) that come from UCI, by dataset.
CC18_UCI = (
    *(3, 6, 11, 12, 14, 15, 16, 18, 22, 23, 28, 29, 31, 32, 37, 38, 44, 46, 50, 54),
    *(182, 300, 307, 1461, 1462, 1464, 1468, 1475, 1478, 1480, 1485, 1486, 1487, 1494),
    *(1497, 1501, 1510, 1590, 4534, 4538, 6332, 23381, 40668, 40670, 40923, 40966),
    *(40975, 40978, 40979, 40982, 40983, 40984, 40994),
)

# Those of the above with up to 2,000 rows that were at hand, for the studies.
SMALL_UCI = (
    *(11, 12, 16, 18, 22, 23, 29, 31, 50, 1462, 1464, 1480, 1494, 1501, 1510, 6332),
    *(40966, 40975),
)

# All 73 tables that were at hand, of up to 50,000 rows, split in each of three bands of
# size: numpy.random.default_rng(1).permutation of a band's ids in their order, band
# after band, of which the first half, and one more of an odd number, is meta-train.
HALVES = {
    "meta-train": (
        *(9, 10, 43, 51, 53, 55, 187, 1458, 1488, 1499),
        *(2, 11, 23, 50, 181, 313, 1462, 1492, 1493, 1494, 1501, 40966),
        *(3, 18, 22, 24, 26, 36, 38, 151, 183, 184, 1120, 1466, 1475, 1485, 1489, 1590),
    ),
    "meta-test": (
        *(7, 13, 27, 35, 39, 48, 49, 61, 171),
        *(5, 29, 31, 188, 1464, 1467, 1479, 1480, 1510, 6332, 40691),
        *(12, 16, 20, 28, 30, 32, 57, 60, 1461, 1471, 1497, 4534, 40975, 42477, 45558),
    ),
}

# From and up to how many rows.
BANDS = {
    "under 400 rows": (0, 399),
    "400 to 1,600 rows": (400, 1600),
    "over 1,600 rows": (1601, float("inf")),
}

# As the first study of the defaults had them: the tables of up to 15,000 rows, all but
# the six of the paper, numpy.random.default_rng(0).permutation of the 61.
FIRST_HALVES = {
    "meta-train": (
        *(2, 3, 7, 9, 10, 12, 16, 20, 22, 28, 29, 30, 32, 35, 38, 39, 49, 50, 53),
        *(171, 181, 187, 1467, 1471, 1475, 1493, 1494, 1499, 1501, 40691),
    ),
    "meta-test": (
        *(11, 13, 18, 23, 24, 26, 27, 31, 36, 43, 48, 51, 55, 57, 60, 188, 313, 1462),
        *(1464, 1466, 1479, 1480, 1485, 1488, 1489, 1492, 1497, 1510, 6332, 40966),
        *(40975,),
    ),
}

SUITES = {
    "embedded": tuple(EMBEDDED),
    "paper": PAPER,
    "cc18-uci": CC18_UCI,
    "small-uci": SMALL_UCI,
}


def read_suite(name):
    """Return the keys of a suite.

    Parameters
    ----------
    name : str
        A key of `SUITES`, or the path of a text file that lists OpenML ids, separated
        by white space or commas; what follows a # in a line is a comment.

    Returns
    -------
    keys : tuple of str or int
        For :func:`load_all`.

    Raises
    ------
    ValueError
        If there is no such suite or file, or something else than ids in it.
    """
    if name in SUITES:
        return SUITES[name]
    try:
        content = Path(name).read_bytes() if Path(name).is_file() else None
    except OSError as error:  # the name is too long, or the file not to be read
        raise ValueError(f"{name[:200]!r}: {error.strerror}") from error
    if content is None:
        names = ", ".join(SUITES)
        raise ValueError(
            f"{name[:200]!r} is no file of OpenML ids and no suite ({names})"
        )
    text = content.decode("utf-8-sig", errors="replace")
    lines = text.splitlines()
    words = " ".join(line.split("#")[0] for line in lines).replace(",", " ").split()
    if not words:
        raise ValueError(f"{name} must list OpenML ids, found nothing")
    try:
        return tuple(dict.fromkeys(map(read_id, words)))
    except ValueError as error:
        raise ValueError(f"{name} must list OpenML ids, found {error}") from error


def read_id(text):
    """Read an OpenML id; no other text is ever made a part of a path.

    Parameters
    ----------
    text : str or int
        As a file, a server or a user has it.

    Returns
    -------
    number : int

    Raises
    ------
    ValueError
        If it isn't a positive number in ASCII digits.
    """
    if not re.fullmatch("[0-9]{1,10}", str(text)) or int(text) == 0:
        raise ValueError(f"{str(text)[:50]!r} is no OpenML id, a whole number above 0")
    return int(text)
