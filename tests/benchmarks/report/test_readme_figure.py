"""The README's figure."""

import pytest

from benchmarks.report import readme_figure as figure
from tests.benchmarks.helpers import small_disk, write
from tests.conftest import contents


@pytest.mark.slow
@pytest.mark.parametrize("size", [0, 5000])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_figure_that_does_not_fit_on_a_disk(tmp_path, lines, capfd, size, old):
    write(tmp_path, lines)
    if old:
        (tmp_path / "alpha.png").write_bytes(old)
    before = contents(tmp_path)
    with small_disk(size + 10**4 * (size > 0)), pytest.raises(SystemExit) as ended:
        figure.main(["--results", str(tmp_path)])
    assert ended.value.code == 2
    assert contents(tmp_path) == before
