"""scikit-learn's own checks, with no expected failure."""

import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixup import (
    MixupClassifier,
    MixupRandomizedSearchCV,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
)
from skmixup.encoding import SmoothClipScaler

ESTIMATORS = [
    MixupClassifier(),
    MixupClassifier(preprocess=None, max_epochs=30),
    MixupClassifier(alpha=0, n_estimators=1, early_stopping=False),
    MixupClassifier(n_estimators=3, early_stopping=False, max_epochs=30),
    MixupClassifier(n_estimators=1, early_stopping=True),
    MixupSearchCV(
        MixupClassifier(n_estimators=1, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2]},
        cv=2,
        error_score="raise",
    ),
    MixupRandomizedSearchCV(
        MixupClassifier(n_estimators=2, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2, 0.4]},
        n_iter=2,
        cv=2,
        error_score="raise",
        keep_folds=True,
    ),
    MixupRegressor(),
    MixupRegressor(alpha=0.4, n_estimators=1, early_stopping=False),
    MixupRegressor(alpha=1, partner="target", max_epochs=30),
    MixupSearchCV(
        MixupRegressor(n_estimators=2, max_epochs=30, random_state=0),
        {"alpha": [0, 0.2]},
        cv=2,
        error_score="raise",
        keep_folds=True,
    ),
    TabularEncoder(),
    SmoothClipScaler(),
]


# What a check calls wrong it fails; what it only warns of (weights and the like) is
# its own noise.
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(ESTIMATORS)
def test_estimator_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", ESTIMATORS[:7], ids=str)
def test_is_a_classifier(estimator):
    assert is_classifier(estimator)
    assert repr(clone(estimator)) == repr(estimator)
    assert type(estimator).__name__ in estimator._repr_html_()


@pytest.mark.parametrize("estimator", ESTIMATORS[7:11], ids=str)
def test_is_a_regressor(estimator):
    assert is_regressor(estimator)
    assert not is_classifier(estimator)
    assert repr(clone(estimator)) == repr(estimator)
