"""Tables of every library, in everything that is fitted to one."""

import numpy as np
import pytest

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)
from skmixup.encoding import SmoothClipScaler

from ..helpers import LIBRARIES, QUICK, polars_frame, sides


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("preprocess", ["auto", None])
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_names_of_columns_are_kept_and_checked(library, preprocess, kind):
    frame, y = sides()
    est = kind(preprocess=preprocess, **QUICK).fit(library(frame), y)
    assert est.feature_names_in_.tolist() == ["left", "right", "code"]
    of_pandas = kind(preprocess=preprocess, **QUICK).fit(frame, y)
    np.testing.assert_array_equal(est.predict(library(frame)), of_pandas.predict(frame))
    with pytest.raises(ValueError, match="feature names should match"):
        est.predict(library(frame[["right", "left", "code"]]))
    with pytest.raises(ValueError, match="feature names should match"):
        est.predict(frame[["right", "left", "code"]])


@pytest.mark.parametrize("library", LIBRARIES)
def test_categories_by_name_in_every_library(library):
    frame, y = sides()
    est = MixupClassifier(categorical_features=["code"], **QUICK)
    mask = est.fit(library(frame), y).encoder_.categorical_mask_
    assert mask.tolist() == [False, False, True]
    with pytest.raises(ValueError, match=r"\['cod'\] that X does not have.*'code'"):
        est.set_params(categorical_features=["cod"]).fit(library(frame), y)


@pytest.mark.parametrize("library", LIBRARIES)
def test_pieces_searches_and_stacks_take_every_library(library):
    frame, y = sides()
    clf = MixupClassifier(**QUICK)
    swapped = frame[["right", "left", "code"]]
    search = MixupSearchCV(clf, {"alpha": [0, 1]}, cv=2, error_score="raise")
    (fit,) = fit_many([clf], library(frame), y)
    for fitted in (
        MixupClassifier(**QUICK).partial_fit(library(frame), y, classes=[0, 1]),
        search.fit(library(frame), y),
        fit.estimator,
    ):
        assert fitted.feature_names_in_.tolist() == ["left", "right", "code"]
        with pytest.raises(ValueError, match="feature names should match"):
            fitted.predict(library(swapped))


@pytest.mark.parametrize(
    "use",
    [
        lambda lazy, y: MixupClassifier(**QUICK).fit(lazy, y),
        lambda lazy, y: MixupRegressor(**QUICK).fit(lazy, y),
        lambda lazy, y: MixupClassifier(preprocess=None, **QUICK).fit(lazy, y),
        lambda lazy, y: MixupClassifier(**QUICK).partial_fit(lazy, y, [0, 1]),
        lambda lazy, y: MixupSearchCV(MixupClassifier(), {"alpha": [0]}).fit(lazy, y),
        lambda lazy, y: list(fit_many([MixupClassifier()], lazy, y)),
        lambda lazy, y: TabularEncoder().fit(lazy),
        lambda lazy, y: SmoothClipScaler().fit(lazy),
        lambda lazy, y: MixupClassifier(**QUICK).fit(sides()[0], y).predict(lazy),
    ],
)
def test_lazy_tables_say_collect(use):
    frame, y = sides()
    with pytest.raises(TypeError, match=r"X is a lazy table \(polars.*collect\(\)"):
        use(polars_frame(frame).lazy(), y)
