"""Real UCI tables, through the public interface."""

import shutil

import pytest
from sklearn import datasets
from sklearn.model_selection import cross_val_score

from benchmarks import uci
from skmixup import MixupClassifier

from ..conftest import SHARED


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A copy of some cached tables, as the openml client's cache."""
    openml = pytest.importorskip("openml")
    if not SHARED.exists():
        pytest.skip("the cached UCI tables are not there")
    folder = "org/openml/www/datasets"
    for table in ("5", "61"):
        shutil.copytree(SHARED / folder / table, tmp_path / folder / table)
    before = openml.config.get_cache_directory()
    openml.config.set_root_cache_directory(tmp_path)
    yield openml
    openml.config.set_root_cache_directory(before)


@pytest.mark.parametrize(
    ("load", "at_least"),
    [
        (datasets.load_iris, 0.9),
        (datasets.load_wine, 0.93),
        (datasets.load_breast_cancer, 0.93),
        (datasets.load_digits, 0.85),
    ],
)
def test_cross_validation(load, at_least):
    X, y = load(return_X_y=True, as_frame=True)
    clf = MixupClassifier(max_epochs=30, random_state=0)
    assert cross_val_score(clf, X, y, cv=3).mean() > at_least


@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arrhythmia(cache):
    dataset = cache.datasets.get_dataset(5)
    X, y, _, _ = dataset.get_data(target=dataset.default_target_attribute)
    for stopping in (False, True):
        clf = MixupClassifier(max_epochs=30, early_stopping=stopping, random_state=0)
        assert cross_val_score(clf, X, y, cv=3).mean() > 0.6


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_benchmark_on_a_table_of_openml(cache, capsys):
    arguments = "--datasets 61 --alphas 0.2 --folds 2 --n-jobs 1"
    assert uci.main(arguments.split()) == 0
    out = capsys.readouterr().out
    assert "iris" in out
    assert "ERM" in out
