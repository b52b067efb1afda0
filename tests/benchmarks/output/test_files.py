"""Names of files, and files that appear whole."""

import re

import matplotlib
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.output.files import LONGEST_NAME, file_name, keep_aside, write_figure
from benchmarks.report import figures
from tests.benchmarks.helpers import HOSTILE, half_saved
from tests.conftest import contents


@pytest.mark.parametrize("name", ["a.b.csv", "results.parquet", "plain"])
def test_what_is_kept_aside_is_never_replaced(tmp_path, name):
    path = tmp_path / name
    for content in (b"1", b"2", b"1", b"3", b"3"):
        path.write_bytes(content)
        keep_aside(path)
    copies = {p: c for p, c in contents(tmp_path).items() if p != path}
    assert sorted(copies.values()) == [b"1", b"2", b"3"]
    assert {p.suffix for p in copies} <= {
        path.suffix,
        ".refused",
        ".refused-2",
        ".refused-3",
    }


@given(st.text() | st.sampled_from(HOSTILE))
@example("")
@example("..")
@example("nul.txt")
@example("\ud800")
def test_a_name_of_a_file_is_short_and_safe(text):
    name = file_name(text)
    assert re.fullmatch("[A-Za-z0-9_][A-Za-z0-9._-]*", name)
    assert len(name) <= LONGEST_NAME and not name.endswith(".")
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name)


@given(st.lists(st.text(max_size=8) | st.sampled_from(HOSTILE), unique=True))
def test_no_two_texts_share_a_file(texts):
    assert len({file_name(text) for text in texts}) == len(texts)


def test_a_figure_is_whole_or_not_there(tmp_path, monkeypatch):
    path = tmp_path / "f.png"
    drawn, _ = figures.panels(1)
    write_figure(path, drawn)
    content = path.read_bytes()
    monkeypatch.setattr(matplotlib.figure.Figure, "savefig", half_saved)
    with pytest.raises(OSError):
        write_figure(path, drawn)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]
    figures.plt.close(drawn)
