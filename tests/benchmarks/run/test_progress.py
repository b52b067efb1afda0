"""What a run shows of itself."""

import io
import re
import time
from contextlib import redirect_stderr
from types import SimpleNamespace

import pytest

from benchmarks.run import progress
from benchmarks.run.fit import fit_models
from benchmarks.run.jobs import make_jobs
from benchmarks.run.progress import Progress
from benchmarks.run.runner import run_units
from benchmarks.run.unit import make_units
from tests.benchmarks.helpers import ONE_FOLD


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal():
    """Let standard error be a terminal; pytest has its own until a test runs."""
    return redirect_stderr(Terminal())


def shown(terminal):
    """What stood on the bar's line, one after another."""
    texts = re.split(r"[\r\n]", terminal.getvalue())
    return [text.strip() for text in texts if text.strip("\x1b[A ")]


def slow_units(table, seconds):
    def fit(table, jobs):
        time.sleep(seconds)
        yield from fit_models(table, jobs)

    return make_units(table, make_jobs(table, ["dummy"], [], **ONE_FOLD), fit=fit)


@pytest.mark.slow
def test_a_bar_moves_each_second_while_one_fit_runs(iris):
    units = slow_units(iris, 3.3)[:1]
    with on_terminal() as terminal:
        assert len(list(run_units(units, n_jobs=1))) == 1
    first = [text for text in shown(terminal) if "0 of 1 jobs" in text]
    clocks = [re.search(r"(\d\d:\d\d), (\S+) left", text)[1] for text in first]
    assert {"00:00", "00:01", "00:02", "00:03"} <= set(clocks)
    assert first[1].endswith("; dummy on iris")
    assert shown(terminal)[-1].startswith("100%")


def test_where_there_is_no_terminal_lines_are_said_now_and_then(
    iris, monkeypatch, capsys
):
    assert len(list(run_units(slow_units(iris, 0.1), n_jobs=1))) == 3
    assert capsys.readouterr().err == ""  # it took no half a minute
    monkeypatch.setattr(progress, "LINE_EVERY", 0.05)
    assert len(list(run_units(slow_units(iris, 0.1), n_jobs=1))) == 3
    said = capsys.readouterr().err
    assert not {"\r", "\x1b", "█"} & set(said)
    lines = said.splitlines()
    assert 1 <= len(lines) <= 8
    form = r"\d\d:\d\d, (\?|\d\d:\d\d) left, \d of 3 jobs(; dummy on iris)?"
    assert all(re.fullmatch(form, line) for line in lines)


def fake_unit(cost, model="mlp", table="iris"):
    jobs = (SimpleNamespace(model=model),)
    return SimpleNamespace(cost=cost, jobs=jobs, table=SimpleNamespace(name=table))


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress, "EVERY", 0.05)
    monkeypatch.setattr(
        progress, "time", SimpleNamespace(monotonic=lambda: now.seconds)
    )
    return now


def tick():
    """Let the bar move twice."""
    time.sleep(3 * progress.EVERY)


def test_the_time_left_is_that_of_what_is_running_and_waiting(clock):
    units = [fake_unit(cost) for cost in (1.0, 2.0, 4.0)]
    with on_terminal() as terminal, Progress(units) as run:
        numbers = run.start(range(3))
        next(numbers)
        clock.seconds = 10
        run.end(0)  # a unit of cost takes ten seconds
        assert "14%" in shown(terminal)[-1] and "01:00 left" in shown(terminal)[-1]
        next(numbers)
        clock.seconds = 20
        tick()
        assert "29%" in shown(terminal)[-1] and "00:50 left" in shown(terminal)[-1]
        clock.seconds = 60  # it should have ended long ago, and may at any moment
        tick()
        assert "00:41 left" in shown(terminal)[-1]


def test_the_longest_of_several_at_once_says_when_all_ends(clock):
    units = [fake_unit(10.0, "mixup", "digits"), *(fake_unit(1.0) for _ in range(4))]
    with on_terminal() as terminal, Progress(units, n_at_once=2) as run:
        list(run.start(range(5)))
        clock.seconds = 3
        run.end(1)  # it had to wait for its process to start
        assert (
            "? left, 1 of 5 jobs; mixup on digits, mlp on iris" in shown(terminal)[-1]
        )
        clock.seconds = 4
        run.end(2)
        assert "00:06 left" in shown(terminal)[-1]


def test_names_of_tables_are_cut_and_steer_no_terminal(clock):
    units = [fake_unit(1.0, table="x" * 99), fake_unit(1.0, table="a\x1b[31m\nb")]
    units += [fake_unit(1.0, table=f"t{i}") for i in range(3)]
    with on_terminal() as terminal, Progress(units, n_at_once=5) as run:
        list(run.start(range(5)))
        run.end(0)
        assert shown(terminal)[-1].endswith(
            "mlp on a\\x1b[31m\\nb, mlp on t0 and 2 more"
        )


def test_of_several_processes_one_begins_with_what_takes_longest(iris):
    units = make_units(iris, make_jobs(iris, ["dummy", "forest"], [], **ONE_FOLD))
    for n_jobs, expected in ((1, ["dummy"] * 3), (2, ["forest", "dummy", "dummy"])):
        asked = []

        def is_wanted(unit, asked=asked):
            asked.append(unit.jobs[0].model)
            return False

        assert not list(run_units(units, n_jobs=n_jobs, is_wanted=is_wanted))
        assert asked[:3] == expected
        assert len(asked) == 6
