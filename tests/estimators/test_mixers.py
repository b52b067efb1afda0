"""What mixers are told of the columns, whatever encoded them."""

import numpy as np
import pytest
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)
from skmixup.estimators._preprocess import last_step
from skmixup.mixing import CutMix, Mixer

from ..helpers import QUICK, UNSEEN, predictions, shops


class KeepsOneHot(Mixer):
    """Mixes nothing, and notes which groups it was told of."""

    told = ()

    def __init__(self, groups=None):
        self.groups = groups

    def bind(self, groups):
        type(self).told += (groups,)
        return KeepsOneHot(groups)

    def mix(self, X, X_partner, lam):
        return X, lam


def in_a_pipeline(transformer):
    return make_pipeline(FunctionTransformer(), transformer)


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("nest", [lambda t: t, in_a_pipeline])
def test_cutmix_as_an_object_is_cutmix_by_name(kind, nest):
    X, y = shops()
    plain = kind(alpha=1.0, preprocess=nest(TabularEncoder()), **QUICK)
    named = sklearn.clone(plain).set_params(mixing="cutmix").fit(X, y)
    mixer = CutMix()
    made = sklearn.clone(plain).set_params(mixing=mixer).fit(X, y)
    np.testing.assert_array_equal(predictions(named, X), predictions(made, X))
    assert mixer.groups is None  # the user's is left as it was
    fits = fit_many([named, made], X, y)
    for fit in fits:
        np.testing.assert_allclose(
            predictions(fit.estimator, X), predictions(made, X), atol=1e-5
        )
    encoder = last_step(named.encoder_)[1]
    own = CutMix(np.arange(len(encoder.column_groups_)))
    apart = sklearn.clone(plain).set_params(mixing=own).fit(X, y)
    assert not np.array_equal(predictions(apart, X), predictions(made, X))


@UNSEEN
def test_a_mixer_of_ones_own_is_told_of_the_columns():
    X, y = shops()
    KeepsOneHot.told = ()
    clf = MixupClassifier(mixing=KeepsOneHot(), **QUICK).fit(X, y)
    groups = clf.encoder_.column_groups_
    assert any(np.array_equal(told, groups) for told in KeepsOneHot.told)
    search = MixupSearchCV(clf, {"alpha": [0.5, 1]}, cv=2, error_score="raise")
    assert search.fit(X, y).predict(X).shape == y.shape
