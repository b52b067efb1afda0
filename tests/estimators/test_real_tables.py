"""Real UCI tables, through the public interface."""

import pytest
from sklearn import datasets
from sklearn.model_selection import cross_val_score

from skmixup import MixupClassifier


@pytest.mark.parametrize(
    ("load", "at_least"),
    [
        (datasets.load_iris, 0.9),
        (datasets.load_wine, 0.93),
        pytest.param(datasets.load_breast_cancer, 0.93, marks=pytest.mark.slow),
        pytest.param(datasets.load_digits, 0.85, marks=pytest.mark.slow),
    ],
)
def test_cross_validation(load, at_least):
    X, y = load(return_X_y=True, as_frame=True)
    clf = MixupClassifier(max_epochs=30, random_state=0)
    assert cross_val_score(clf, X, y, cv=3).mean() > at_least


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_arrhythmia(cache):
    openml = pytest.importorskip("openml")
    dataset = openml.datasets.get_dataset(5)
    X, y, _, _ = dataset.get_data(target=dataset.default_target_attribute)
    for stopping in (False, True):
        clf = MixupClassifier(max_epochs=30, early_stopping=stopping, random_state=0)
        assert cross_val_score(clf, X, y, cv=3).mean() > 0.6
