"""A benchmark on a real table, as OpenML has it."""

import pytest

from benchmarks import uci


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_benchmark_on_a_table_of_openml(cache, capsys):
    arguments = "--datasets 61 --alphas 0.2 --folds 2 --n-jobs 1"
    assert uci.main(arguments.split()) == 0
    out = capsys.readouterr().out
    assert "iris" in out
    assert "ERM" in out
