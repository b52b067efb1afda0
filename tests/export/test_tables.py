"""Exported models on real tables, and on such as are drawn at random."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skmixup import MixupClassifier, MixupRegressor

from ..conftest import DATASETS, SHARED
from ..helpers import UNSEEN
from .helpers import QUICK, check_equal

_TEXT = st.text(st.characters(codec="utf-8"), max_size=4)
_COLUMNS = [
    st.floats(allow_infinity=False),
    st.floats(width=32, allow_infinity=False) | st.just(np.nan),
    st.integers(-(2**60), 2**60),
    st.sampled_from([0, 0, 0, 1, 10**6]),
    st.sampled_from([0.0, 0.0, 1e-300, 999_999.0, np.nan]),
    st.booleans(),
    st.sampled_from(["a", "b", "nan", "1", "True", None]),
    st.sampled_from([1.0, 2.5, -0.0, 1e20, np.nan]).map(str),
    _TEXT.filter(bool) | st.none(),
    st.none(),
]


@st.composite
def tables(draw):
    """Draw rows to fit on, and rows that come later."""
    n_rows, n_later = draw(st.integers(2, 30)), draw(st.integers(1, 10))
    n_all = n_rows + n_later
    columns = {
        draw(_TEXT.filter(bool)) + str(i): draw(
            st.lists(kind, min_size=n_all, max_size=n_all)
        )
        for i, kind in enumerate(
            draw(st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=5))
        )
    }
    X = pd.DataFrame(columns)
    return X[:n_rows], X


@UNSEEN
@pytest.mark.filterwarnings("ignore:Column.*different in nearly every row")
@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(drawn=tables(), typed=st.booleans(), seed=st.integers(0, 9), data=st.data())
def test_random_tables(drawn, typed, seed, data):
    X, later = drawn
    categories = data.draw(st.sampled_from(["from_dtype", [0]]))
    quick = QUICK | {"categorical_features": categories, "max_epochs": 1}
    y = np.random.default_rng(seed).integers(0, 3, len(X))
    est = data.draw(st.sampled_from([MixupClassifier, MixupRegressor]))(**quick)
    check_equal(est.fit(X, y), later, sample=X if typed else None)


@pytest.fixture
def load(cache):
    """Read a table of OpenML's from the private copy of its cache."""
    openml = pytest.importorskip("openml")

    def load(number):
        if not (cache / DATASETS / str(number)).is_dir():
            shutil.copytree(
                SHARED / DATASETS / str(number), cache / DATASETS / str(number)
            )
        dataset = openml.datasets.get_dataset(number)
        return dataset.get_data(target=dataset.default_target_attribute)[:2]

    return load


def _slow(number):
    return pytest.param(number, marks=pytest.mark.slow)


# Missing values and text; many columns and classes; counts of zeros; more rows; levels.
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    "number", [29, 38, 188, *map(_slow, (2, 5, 7, 23, 26, 30, 57, 183, 313, 1590))]
)
def test_real_tables(load, number):
    X, y = load(number)
    clf = MixupClassifier(**QUICK).fit(X, y.astype(str))
    for sample in (None, X):
        check_equal(clf, X[:1000], sample)
    numeric = X.select_dtypes("number")
    if len(numeric.columns):
        target = numeric.iloc[:, 0].fillna(0)
        reg = MixupRegressor(**QUICK).fit(X, target)
        check_equal(reg, X[:1000])
