"""Texts from outside, in each medium."""

import re

import matplotlib
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.output.text import (
    LONGEST,
    Marked,
    as_markdown,
    in_figure,
    in_markdown,
    in_terminal,
    plain,
)
from tests.benchmarks.helpers import (
    HOSTILE,
    is_seen,
)


@given(st.text() | st.sampled_from(HOSTILE))
@example("\ud800")
def test_plain_text_is_one_line_of_what_can_be_seen(text):
    shown = plain(text)
    assert is_seen(shown)
    assert plain(shown) == shown
    if is_seen(text):
        assert shown == text
    shown.encode()
    assert is_seen(in_terminal(text).replace("\n", ""))
    assert in_terminal("a\nb\x1b") == "a\nb\\x1b"


@given(st.text(alphabet="<>&|*_`[]()!\\$~#a1; \n", max_size=12))
@example("&lt;")
@example("\\|")
def test_markdown_has_no_mark_of_a_text(text):
    shown = in_markdown(text)
    assert in_markdown(shown) == shown  # once is enough
    bare = re.sub(r"\\[\\`*~$|(\[:_]", ".", shown)
    assert not re.search(r"[\\`*~$|\n]|<[A-Za-z/!?]|\]\(|\]\[", bare)
    assert not re.search(r"&(?!lt;|amp;)#?\w+;", bare)
    (line,) = as_markdown(["x", "y"], [[text, "1"]]).splitlines()[2:]
    assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3


@given(st.text() | st.sampled_from(HOSTILE))
@example("\\$x\\$")
@example("\\\\$")
def test_matplotlib_draws_a_text_as_it_is(text):
    shown = in_figure(text)
    parsed, is_math = matplotlib.text.Text(0, 0, shown)._preprocess_math(shown)
    assert not is_math
    cut = plain(text)
    cut = cut if len(cut) <= LONGEST else cut[: LONGEST - 1] + "…"
    assert parsed.lstrip() == cut.lstrip()
    assert not shown.startswith("_")


def test_marked_text_is_left_as_it_is():
    assert as_markdown(["a"], [[Marked("**1**")], ["**1**"]]).splitlines()[2:] == [
        "| **1** |",
        r"| \*\*1\*\* |",
    ]
