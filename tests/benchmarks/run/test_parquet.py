"""Parquet files of results, whole and damaged."""

import math
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.report import __main__ as report
from benchmarks.run.jobs import Job
from benchmarks.run.parquet import UnreadableResults, write_parquet
from benchmarks.run.results import Results, read_rows
from tests.benchmarks.helpers import AT, GOOD, N, line_of, small_disk, write
from tests.conftest import contents


def parquet(path, rows):
    """Write rows as Arrow can, each column of one type."""
    write_parquet(rows, path)
    return pq.read_table(path)


PARQUET_DAMAGE = {
    "NaN": ("error", math.nan, pa.float64()),
    "Infinity": ("log_loss", math.inf, pa.float64()),
    "null score": ("error", None, pa.float64()),
    "null name": ("table", None, pa.string()),
    "null fold": ("fold", None, pa.int64()),
    "negative fold": ("fold", -1, pa.int64()),
    "cut JSON": ("reliability", "[[1, 2", pa.string()),
    "deep JSON": ("reliability", "[" * 10**5, pa.string()),
    "NaN in JSON": ("reliability", "[[1, NaN, 3, 4]]", pa.string()),
    "twice in JSON": ("versions", '{"a": "1", "a": "2"}', pa.string()),
    "other JSON": ("versions", "[]", pa.string()),
    "unknown model": ("model", "gone", pa.string()),
}


@pytest.mark.parametrize("at", AT)
@pytest.mark.parametrize("kind", PARQUET_DAMAGE)
def test_a_damaged_row_of_parquet_costs_its_own_job(tmp_path, capsys, kind, at):
    at = AT[at]
    name, value, type_ = PARQUET_DAMAGE[kind]
    path = tmp_path / "results.parquet"
    table = parquet(path, GOOD)
    column = table[name].to_pylist()
    column[at] = value
    number = table.column_names.index(name)
    table = table.set_column(number, name, pa.array(column, type_))
    pq.write_table(table, path)
    before = contents(tmp_path)
    assert read_rows(tmp_path) == [*GOOD[:at], *GOOD[at + 1 :]]
    assert f"{path}: row {at + 1} (" in capsys.readouterr().err
    assert contents(tmp_path) == before

    results = Results(tmp_path)
    assert results.append(GOOD) == [GOOD[at]]
    results.export()
    assert sorted(read_rows(tmp_path), key=GOOD.index) == GOOD
    kept = pq.read_table(tmp_path / "results.refused.parquet")
    assert kept.num_rows == N


@pytest.mark.parametrize("name", ["alpha", "chosen_alpha"])
@pytest.mark.parametrize("value", [0, 1, 2**53, 1e300, math.inf])
def test_an_alpha_of_any_size_goes_from_file_to_file(tmp_path, name, value):
    row = next(row for row in GOOD if row["model"] == "mixup") | {name: value}
    Results(tmp_path).append([row])
    assert read_rows(tmp_path) == [row]
    Results(tmp_path).export()
    (tmp_path / "results.jsonl").unlink()
    results = Results(tmp_path)
    assert results.n_unreadable == 0
    assert read_rows(tmp_path) == [row]


def test_a_column_of_another_type_is_said_for_every_row(tmp_path, capsys):
    path = tmp_path / "results.parquet"
    table = parquet(path, GOOD)
    number = table.column_names.index("error")
    pq.write_table(table.set_column(number, "error", pa.array(["0.1"] * N)), path)
    assert read_rows(tmp_path) == []
    assert f"passed over {N} unreadable rows" in capsys.readouterr().err
    before = path.read_bytes()
    assert report.main([str(tmp_path)]) == 1
    assert path.read_bytes() == before


@pytest.mark.parametrize("seed", range(20))
def test_bytes_of_a_parquet_file_that_changed_are_no_crash(tmp_path, seed, capsys):
    rng = np.random.default_rng(seed)
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    content = bytearray(path.read_bytes())
    for place in rng.integers(len(content), size=3):
        content[place] ^= 1 << rng.integers(8)
    if seed % 4 == 0:
        del content[rng.integers(1, len(content)) :]
    path.write_bytes(content)
    try:
        read_rows(tmp_path)
    except UnreadableResults as error:
        assert str(path) in str(error)
    assert path.read_bytes()


def test_a_folder_named_like_a_partition_is_no_column(tmp_path):
    folder = tmp_path / "alpha=7"
    folder.mkdir()
    write_parquet(GOOD, folder / "results.parquet")
    assert read_rows(folder) == GOOD


@pytest.mark.parametrize("touched", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3000, 10_000])
def test_an_import_that_fails_is_made_again(tmp_path, size, touched):
    """Half of it was taken for all, and the next export lost the others."""
    write_parquet(GOOD, tmp_path / "results.parquet")
    if touched:
        (tmp_path / "results.jsonl").touch()
    before = contents(tmp_path)
    with small_disk(size), pytest.raises(OSError):
        Results(tmp_path)
    lock = tmp_path / ".results.lock"
    assert contents(tmp_path) == before | {lock: b""}
    results = Results(tmp_path)
    assert results.rows(map(Job.of, GOOD)) == GOOD
    results.export()
    assert sorted(read_rows(tmp_path), key=GOOD.index) == GOOD


def exported(folder):
    """The rows of a Parquet file alone, in the order of `GOOD`."""
    alone = folder / "alone"
    alone.mkdir()
    shutil.copyfile(folder / "results.parquet", alone / "results.parquet")
    return sorted(read_rows(alone), key=lambda row: GOOD.index(row))


@pytest.mark.slow
@pytest.mark.parametrize("by", ["export", "report"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:2], b"\xff", *lines[3:]],
        lambda lines: [b"\x00" * len(line) for line in lines[:-1]] + lines[-1:],
        lambda lines: lines[: N // 2],
        lambda lines: [lines[-1][:-5], lines[0]],
        lambda lines: [line_of(GOOD[0] | {"status": "failed"}), *lines[1:]],
    ],
    ids=["a line", "all but one", "cut", "two", "failed anew"],
)
def test_an_export_keeps_what_the_lines_have_lost(tmp_path, capsys, lines, by, damage):
    write_parquet(GOOD, tmp_path / "results.parquet")
    write(tmp_path, damage(lines))
    if by == "export":
        Results(tmp_path).export()
    else:
        assert report.main([str(tmp_path)]) == 0
    assert f"results of {tmp_path / 'results.parquet'} that" in capsys.readouterr().err
    assert exported(tmp_path) == GOOD


@pytest.mark.slow
@pytest.mark.parametrize("by", ["export", "report"])
def test_an_export_takes_the_lines_for_what_they_have(tmp_path, capsys, lines, by):
    old = [row | {"log_loss": 0.75} for row in GOOD[: N // 2]]
    write_parquet(old, tmp_path / "results.parquet")
    write(tmp_path, lines)
    if by == "export":
        Results(tmp_path).export()
    else:
        assert report.main([str(tmp_path)]) == 0
    assert "Kept" not in capsys.readouterr().err
    assert exported(tmp_path) == GOOD


def test_a_parquet_file_that_cannot_be_read_is_kept_by_an_export(tmp_path, lines):
    write(tmp_path, lines)
    path = tmp_path / "results.parquet"
    kept = []
    for text in (b"", b"PAR1", b"PAR1"):
        path.write_bytes(text)
        Results(tmp_path).export()
        kept.append(sorted(p.name for p in tmp_path.glob("*.refused*")))
        assert pq.read_table(path).num_rows == N
    first, second = "results.refused.parquet", "results.refused-2.parquet"
    assert kept == [[first], [second, first], [second, first]]
    assert (tmp_path / first).read_bytes() == b""


def with_column(path, name, column):
    """Write a Parquet file again, with another column, or one in the place of its."""
    table = pq.read_table(path)
    if name in table.column_names:
        table = table.drop_columns(name)
    pq.write_table(table.append_column(name, column), path)


@pytest.mark.parametrize("type_", [pa.null(), pa.string(), pa.float64()])
@pytest.mark.parametrize("name", ["__index_level_0__", "a b", ""])
def test_a_column_of_nothing_costs_no_row(tmp_path, capsys, name, type_):
    path = tmp_path / "results.parquet"
    write_parquet(GOOD, path)
    with_column(path, name, pa.nulls(N, type_))
    assert read_rows(tmp_path) == GOOD
    assert capsys.readouterr().err == ""
    some = [None] * N
    some[3] = "x"
    with_column(path, name, pa.array(some))
    assert read_rows(tmp_path) == [*GOOD[:3], *GOOD[4:]]


INTEGERS = ("fold", "repeat", "folds", "seed", "n_rows", "n_classes", "n_train")


@pytest.mark.parametrize("name", [*INTEGERS, "stack_size", "table_id", "task_id"])
def test_whole_floats_are_integers(tmp_path, capsys, name):
    """As pandas makes them of a column that has gaps."""
    path = tmp_path / "results.parquet"
    rows = [row | {"table_id": 61, "task_id": 59} for row in GOOD]
    write_parquet(rows, path)
    values = [float(row[name]) for row in rows]
    with_column(path, name, pa.array(values))
    assert read_rows(tmp_path) == rows
    assert {type(row[name]) for row in read_rows(tmp_path)} == {int}
    for bad in (0.5, math.nan, math.inf, 1e300, -1.0):
        with_column(path, name, pa.array([bad, *values[1:]]))
        assert read_rows(tmp_path) == rows[1:]
        assert "row 1 (" in capsys.readouterr().err
