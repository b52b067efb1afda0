"""What passes the reader."""

import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.compare.summary import against_erm, as_text, label_rows, summarize
from benchmarks.run.jobs import Job
from benchmarks.run.lines import read_all
from benchmarks.run.parquet import write_parquet
from benchmarks.run.results import Results, read_rows
from tests.benchmarks.helpers import GOOD, line_of, write

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "x" * 300, "../..", "inf", "nan", "", "ok", "failed"]),
    lambda some: (
        st.lists(some, max_size=4)
        | st.dictionaries(st.text(max_size=3), some, max_size=3)
    ),
    max_leaves=6,
)


FEW = GOOD[:2] + GOOD[-2:]


@pytest.mark.slow
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    row=st.sampled_from(FEW),
    field=st.sampled_from([*GOOD[0], "curve", "samples", "attacks", "line", "other"]),
    value=VALUES,
)
def test_what_passes_the_reader_crashes_nothing(tmp_path, row, field, value):
    write(tmp_path, [json.dumps(row | {field: value}).encode(), *map(line_of, FEW)])
    results = Results(tmp_path)
    rows = [*results._rows.values()]
    assert len(rows) + results.n_unreadable in (4, 5)
    assert all(results.is_finished(Job.of(good)) for good in FEW if good != row)
    frame = label_rows(rows)
    as_text(summarize(frame))
    against_erm(rows)
    write_parquet(rows, tmp_path / "results.parquet")
    (tmp_path / "results.jsonl").unlink()
    assert [Job.of(row) for row in read_rows(tmp_path)] == [Job.of(row) for row in rows]


def test_arithmetic_that_fails_is_a_line_refused():
    rows, refused = read_all([1, 0, 2], lambda n: math.exp(800 * (n == 2)) / n)
    assert rows == [1.0] and list(refused) == [2, 3]
