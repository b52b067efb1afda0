"""Many estimators fitted together: each ends as its own fit would have left it."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmixup import MixupClassifier, fit_many

X, y = load_iris(return_X_y=True)
FOLDS = [train for train, _ in StratifiedKFold(3, shuffle=True).split(X, y)]
CLF = MixupClassifier((8,), max_epochs=4, batch_size=16)


def by_index(fits):
    return sorted(fits, key=lambda fit: fit.index)


def cross(make):
    """Each of two α's on each of three folds, every fold with a seed of its own."""
    pairs = [
        (make(alpha=alpha, random_state=fold), train)
        for alpha in (0.0, 0.7)
        for fold, train in enumerate(FOLDS)
    ]
    return [list(column) for column in zip(*pairs, strict=True)]


def clf(**params):
    return MixupClassifier((8,), max_epochs=4, batch_size=16, **params)


def piped(**params):
    return make_pipeline(StandardScaler(), clf(preprocess=None, **params))


def piped_with_lambda(**params):
    double = FunctionTransformer(lambda X: 2 * X)
    return make_pipeline(double, clf(**params))


def with_callbacks(**params):
    from skorch.callbacks import EpochTimer

    return clf(callbacks=[("timer", EpochTimer())], **params)


def folded(**params):
    return clf(n_estimators=3, early_stopping=True, validation_fraction=0.3, **params)


MAKERS = [clf, piped, piped_with_lambda, with_callbacks, folded]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_each_is_as_its_own_fit_leaves_it(make, n_jobs):
    estimators, rows = cross(make)
    fits = by_index(fit_many(estimators, X, y, rows=rows, n_jobs=n_jobs))
    assert [fit.index for fit in fits] == list(range(6))
    for fit, train in zip(fits, rows, strict=True):
        alone = estimators[fit.index].fit(X[train], y[train])
        assert fit.error is None
        assert fit.seconds > 0
        assert_allclose(
            fit.estimator.predict_proba(X), alone.predict_proba(X), rtol=1e-4, atol=1e-6
        )


def test_folds_too_small_to_set_rows_aside_share_no_stack_with_others():
    rows = [np.arange(0, 150, 17), np.arange(0, 150, 5)]  # 9 and 30 of them
    estimators = [clf(n_estimators=2, random_state=0)] * 2
    fits = by_index(fit_many(estimators, X, y, rows=rows))
    for fit, train in zip(fits, rows, strict=True):
        alone = clf(n_estimators=2, random_state=0).fit(X[train], y[train])
        assert fit.error is None
        assert hasattr(alone, "validation_loss_curve_") == (len(train) == 30)
        assert_allclose(
            fit.estimator.predict_proba(X), alone.predict_proba(X), rtol=1e-4, atol=1e-6
        )


@pytest.mark.parametrize("make", [clf, piped])
def test_settings_of_a_fold_share_its_encoding(make, monkeypatch):
    seen = []

    def count(self, X, y=None, **params):
        seen.append(len(X))
        return original(self, X, y, **params)

    original = StandardScaler.fit
    monkeypatch.setattr(StandardScaler, "fit", count)
    encoder = {} if make is piped else {"preprocess": StandardScaler()}
    estimators, rows = cross(lambda **params: make(**params, **encoder))
    assert len(list(fit_many(estimators, X, y, rows=rows))) == 6
    assert len(seen) == 3


def test_sample_weights_follow_the_rows():
    weight = np.random.default_rng(0).random(150)
    estimators, rows = cross(clf)
    for fit in fit_many(estimators, X, y, rows=rows, sample_weight=weight):
        train = rows[fit.index]
        alone = estimators[fit.index].fit(X[train], y[train], weight[train])
        assert_allclose(
            fit.estimator.predict_proba(X), alone.predict_proba(X), rtol=1e-4, atol=1e-6
        )


def test_all_rows_of_a_frame_by_default():
    frame = pd.DataFrame(X).add_prefix("x").assign(name="a")
    (fit,) = fit_many([CLF], frame, y)
    assert list(fit.estimator.feature_names_in_) == list(frame.columns)
    assert not hasattr(CLF, "net_")


def test_one_failure_is_one_only():
    estimators = [CLF, clf(alpha=-1.0), clf(lr=1e30, random_state=0)]
    fits = by_index(fit_many(estimators, X, y))
    assert fits[0].error is None
    assert "'alpha' parameter" in str(fits[1].error)
    assert "lr" in str(fits[2].error)
    assert fits[1].estimator is fits[2].estimator is None


def test_bad_arguments_are_refused_at_the_call():
    with pytest.raises(TypeError, match=r"estimators\[1\] must be a MixupClassifier"):
        fit_many([CLF, LogisticRegression()], X, y)
    with pytest.raises(TypeError, match="got the class MixupClassifier: write Mixup"):
        fit_many([CLF, MixupClassifier], X, y)
    with pytest.raises(ValueError, match="entry for each of the 1 estimators, got 3"):
        fit_many([CLF], X, y, rows=FOLDS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fit_many([CLF], X, y[:9])
    assert list(fit_many([], X, y)) == []
