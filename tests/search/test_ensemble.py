"""The folds of the best candidate, kept as an ensemble."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import KFold
from skorch.callbacks import EpochTimer

from skmixup import MixupSearchCV
from skmixup.search import FoldEnsemble

from .helpers import ALPHAS, IRIS, SHORT, mixed_table


@pytest.mark.parametrize("refit", [True, "neg_log_loss"])
def test_the_folds_of_the_best_candidate_can_be_kept(refit):
    scoring = "neg_log_loss" if refit is True else ["accuracy", "neg_log_loss"]
    X, y = mixed_table()
    y[:2] = "yes"
    cv = KFold(3)
    search = MixupSearchCV(
        SHORT, ALPHAS, scoring=scoring, refit=refit, keep_folds=True, cv=cv
    ).fit(X, y)
    assert isinstance(search.best_estimator_, FoldEnsemble)
    best = clone(SHORT).set_params(**search.best_params_)
    alone = [clone(best).fit(X.iloc[i], y[i]).predict_proba(X) for i, _ in cv.split(X)]
    np.testing.assert_allclose(
        search.predict_proba(X), np.mean(alone, axis=0), atol=1e-4
    )
    np.testing.assert_allclose(
        np.exp(search.predict_log_proba(X)), search.predict_proba(X), atol=1e-12
    )
    assert set(search.predict(X)) <= set(search.classes_)
    assert search.feature_names_in_.tolist() == X.columns.tolist()


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("callbacks", [None, "own"])
def test_kept_folds_that_failed_tell_their_own_error(error_score, callbacks):
    X, y = mixed_table()
    fails = clone(SHORT).set_params(class_weight={"no": 1.0, "yes": -1.0})
    if callbacks:  # such candidates are fitted one by one
        fails.set_params(callbacks=[EpochTimer()])
    search = MixupSearchCV(
        fails, {"alpha": [0]}, cv=KFold(3), keep_folds=True, error_score=error_score
    )
    with pytest.raises(ValueError, match=r"class_weight\['yes'\] must be finite"):
        search.fit(X, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_one_failed_fold_of_the_best_candidate_is_named():
    X, y = mixed_table()
    y[:40], y[40:] = "no", "yes"
    search = MixupSearchCV(
        clone(SHORT).set_params(class_weight={"no": 1, "yes": -1.0}),
        {"alpha": [0]},
        cv=[(np.arange(30), np.arange(30, 60)), (np.arange(60), np.arange(60))],
        keep_folds=True,
        error_score=0.0,
    )
    with pytest.raises(ValueError, match=r"fold\(s\) \[1\] failed[\s\S]+finite"):
        search.fit(X, y)


def test_an_ensemble_of_different_classes():
    X, y = IRIS
    parts = [clone(SHORT).fit(X[y != c], y[y != c]) for c in range(3)]
    ensemble = FoldEnsemble(parts).fit()
    assert ensemble.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(ensemble.predict_proba(X).sum(1), 1)
    with pytest.raises(ValueError, match="at least one"):
        FoldEnsemble([]).fit()
