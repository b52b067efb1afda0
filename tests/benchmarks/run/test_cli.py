"""What command lines and endings say."""

import os
import subprocess
import sys
from argparse import ArgumentParser

import pytest

from benchmarks import speed, uci
from benchmarks.compare.pairing import NothingToCompare
from benchmarks.models import registry
from benchmarks.report import __main__ as report
from benchmarks.report import readme_figure as figure
from benchmarks.run.cli import add_alphas, add_how, parse
from benchmarks.run.jobs import make_jobs
from benchmarks.run.results import Results
from benchmarks.studies import alpha, regression
from benchmarks.studies.defaults import __main__ as defaults
from benchmarks.studies.study import Study, run_study
from tests.benchmarks.conftest import pretend
from tests.benchmarks.helpers import HOSTILE, is_seen, small_table

STEERS = ("\x1b[31m", "\x07", "\u202e", "\x9b", "\x00")


@pytest.mark.parametrize("script", ["uci", "study"])
def test_no_name_or_message_steers_the_terminal(tmp_path, monkeypatch, capsys, script):
    name = "".join(STEERS) + "\nerror: all is lost"

    class Failing(registry.DummyClassifier):
        def fit(self, X, y):
            raise RuntimeError(name + "\ud800")

    pretend(monkeypatch, "logistic", Failing)
    tables = [small_table(name), small_table(HOSTILE[0])]
    unloaded = {7: f"ValueError: {name}"}
    arguments = ["--n-jobs", "1", "--folds", "2", "--out", str(tmp_path)]
    if script == "uci":
        monkeypatch.setattr(uci, "load_all", lambda *_: (tables, dict(unloaded)))
        assert uci.main([*arguments, "--models", "dummy", "logistic"]) == 0
    else:

        def give_up(frame):
            raise NothingToCompare(name)

        study = Study(
            "alpha",
            "about",
            lambda table, options: make_jobs(
                table, ["dummy", "logistic"], [], protocol="paper", folds=2
            ),
            give_up,
            load=lambda options: (tables, dict(unloaded)),
            add_options=lambda parser: parser.set_defaults(alphas=[0.5]),
        )
        assert run_study(study, arguments) == 1
    said = capsys.readouterr()
    for text in said:
        assert not [code for code in STEERS if code in text]
        assert "\nerror: all is lost" not in text
    assert "Not loaded: table 7" in said.out
    assert Results(tmp_path).n_unreadable == 0


STEERING = ["a\x1b[31mb", "\u202ea", "a\x9b2J", "a\rb", "a\nb", "\udc9b"]


@pytest.mark.parametrize("name", STEERING)
@pytest.mark.parametrize(
    ("main", "arguments"),
    [
        (figure.main, ["--results", "NAME"]),
        (report.main, ["NAME"]),
        (uci.main, ["--suite", "NAME"]),
        (uci.main, ["--scheduler", "tcpNAME", "--backend", "dask"]),
        *((main, ["NAME", "--no-such"]) for main in (uci.main, defaults.main)),
        *((main, ["NAME"]) for main in (speed.main, regression.main, alpha.main)),
    ],
)
def test_what_is_wrong_with_a_command_line_steers_no_terminal(
    capsys, monkeypatch, tmp_path, main, arguments, name
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([argument.replace("NAME", name) for argument in arguments])
    assert ended.value.code == 2
    *_, last = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert "error: " in last and is_seen(last)


def test_alphas_are_told_apart_in_six_digits():
    parser = ArgumentParser()
    add_alphas(parser, [1.0])
    add_how(parser)
    options = parse(parser, ["--alphas", "inf", "0.2", "0.20000001"])
    assert options.alphas == [0.0, 0.2, float("inf")]


@pytest.mark.slow
def test_a_reader_that_goes_away_costs_nothing():
    code = (
        "from benchmarks.run.cli import run_to_the_end\n"
        "raise SystemExit(run_to_the_end(lambda: print('α' * 10**6), None))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    ) as python:
        python.stdout.close()
        assert python.stderr.read() == b""
    assert python.returncode == 1
