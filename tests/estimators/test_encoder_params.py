"""The encoder's parameters, by name, and what an estimator says that it takes."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skmixup import MixupClassifier, MixupRegressor, MixupSearchCV, TabularEncoder

from ..helpers import single

quick = partial(single, MixupClassifier, max_epochs=3)
X, y = load_iris(return_X_y=True)
MANY, LABELS = make_classification(1700, n_features=4, random_state=0)


def test_a_parameter_of_the_default_encoder_is_set_by_name():
    clf = quick().set_params(preprocess__n_bins=7).fit(X, y)
    assert clf.encoder_.n_bins == 7
    assert clf.get_params()["preprocess__n_bins"] == 7
    assert clone(clf).preprocess.n_bins == 7
    both = quick().set_params(preprocess__n_bins=7, preprocess__min_frequency=2)
    assert (both.preprocess.n_bins, both.preprocess.min_frequency) == (7, 2)


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("table", [(X, y), (MANY, LABELS)], ids=["few", "many"])
def test_what_is_not_set_stays_as_the_default_has_it(kind, table):
    reg = partial(single, kind, max_epochs=1)
    expected = reg().fit(*table)
    found = reg().set_params(preprocess__max_one_hot_levels=30).fit(*table)
    assert_array_equal(found.predict(table[0]), expected.predict(table[0]))
    assert found.n_periodic_ == expected.n_periodic_
    names = "n_bins_", "n_tree_bins_"
    assert all(
        getattr(found.encoder_, name) == getattr(expected.encoder_, name)
        for name in names
    )
    own = reg().set_params(preprocess__n_tree_bins=0).fit(*table)
    assert own.encoder_.n_tree_bins_ == 0


@pytest.mark.parametrize("wrapped", [False, True], ids=["alone", "in a pipeline"])
def test_it_works_in_a_grid(wrapped):
    model, prefix = quick(), ""
    if wrapped:
        model, prefix = make_pipeline(SimpleImputer(), model), "mixupclassifier__"
    grid = {prefix + "preprocess__n_bins": [0, 6], prefix + "alpha": [0, 1.0]}
    how = {"cv": 2, "scoring": "neg_log_loss"}
    ours = MixupSearchCV(model, grid, **how).fit(X, y)
    theirs = GridSearchCV(model, grid, **how).fit(X, y)
    found, expected = (s.cv_results_["mean_test_score"] for s in (ours, theirs))
    np.testing.assert_allclose(found, expected, rtol=1e-3)
    assert len(set(found)) == 4


def test_a_parameter_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="Invalid parameter 'bins'"):
        quick().set_params(preprocess__bins=3)
    with pytest.raises(ValueError, match="preprocess=None has no parameters"):
        quick(preprocess=None).set_params(preprocess__n_bins=3)
    for bad in ({"preprocess__n_bins": "8"}, {"preprocess__n_tree_bins": "some"}):
        with pytest.raises(ValueError, match="parameter of TabularEncoder must be"):
            quick().set_params(**bad).fit(X, y)
    chosen = quick(preprocess=None)
    chosen.set_params(preprocess="auto", preprocess__n_bins=3)
    assert chosen.preprocess.n_bins == 3
    scaled = quick(preprocess=StandardScaler()).set_params(preprocess__with_mean=False)
    assert not scaled.preprocess.with_mean


def test_an_encoder_has_the_estimators_categories_unless_it_has_some():
    frame = pd.DataFrame({"a": [1, 2, 3, 4] * 10, "b": [1, 2] * 20})
    labels = [0, 1] * 20
    own = {"preprocess": TabularEncoder(), "categorical_features": ["a"]}
    assert quick(**own).fit(frame, labels).encoder_.categorical_mask_.tolist() == [
        True,
        False,
    ]
    own["preprocess"] = TabularEncoder(categorical_features=["b"])
    assert quick(**own).fit(frame, labels).encoder_.categorical_mask_.tolist() == [
        False,
        True,
    ]


def test_auto_within_an_encoder_alone():
    encoder = TabularEncoder(n_bins="auto", n_tree_bins="auto")
    assert_array_equal(encoder.fit_transform(X, y), TabularEncoder().fit_transform(X))
    assert (encoder.n_bins_, encoder.n_tree_bins_) == (4, 0)
    by_trees = TabularEncoder(n_tree_bins=16).fit_transform(MANY, LABELS)
    assert_array_equal(encoder.fit_transform(MANY, LABELS), by_trees)
    assert encoder.fit(MANY).n_tree_bins_ == 0  # there is no y to lay them by
    with pytest.raises(ValueError, match="'n_bins' parameter"):
        TabularEncoder(n_bins="some").fit(X)


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        ("auto", {"sparse", "allow_nan", "string", "categorical"}),
        (None, {"sparse"}),
        (TabularEncoder(), {"sparse", "allow_nan", "string", "categorical"}),
        (StandardScaler(), {"allow_nan"}),
        (StandardScaler(with_mean=False), {"sparse", "allow_nan"}),
        (SimpleImputer(), {"sparse", "allow_nan"}),
    ],
    # A set's own text is another one in each process of pytest-xdist.
    ids=lambda it: "-".join(sorted(it)) if isinstance(it, set) else str(it),
)
def test_tags_say_what_is_taken(preprocess, expected):
    tags = get_tags(MixupClassifier(preprocess=preprocess)).input_tags
    names = "sparse", "allow_nan", "string", "categorical"
    assert {name for name in names if getattr(tags, name)} == expected
    assert tags.two_d_array


def test_a_transformer_of_text_needs_no_table():
    assert not get_tags(MixupClassifier(preprocess=TfidfVectorizer())).input_tags.sparse
