"""Tables of every kind, drawn at random: they train, or an error says why not."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from skmixup import MixupClassifier, MixupRegressor, MixupSearchCV
from tests.helpers import UNSEEN

# No shrinking: a search for the smallest table takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)

_COUNTS = st.one_of(
    st.just(0), st.just(0), st.just(0), st.integers(1, 9), st.just(10**6)
)
_NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.sampled_from([Decimal("1.0"), Decimal("1.00"), Decimal("-0.1")]),
    st.sampled_from([Fraction(1, 2), Fraction(3, 1), np.float32(0.1), np.int8(2)]),
    st.booleans(),
    st.none(),
)
_VALUES = [
    st.floats(allow_infinity=False) | st.none(),
    st.floats() | st.just(Decimal("1E+5000")),
    st.integers(-(2**40), 2**40),
    st.integers(0, 3) | st.sampled_from([2**70, 10**400, -(10**5000)]),
    st.sampled_from(["a", "b", "", "nan", None]),
    st.booleans() | st.none(),
    st.none(),
    st.one_of(st.integers(0, 3), st.sampled_from(["1", "x", True, 1.0]), st.none()),
    st.sampled_from([10**400, "x", 1.5, Fraction(10**400, 3), Decimal("1E+9999")]),
    _COUNTS,
    _NUMBERS,
    st.sampled_from([1j, 2.0]),
    st.sampled_from([pd.Timestamp("2020-01-01"), None]),
    st.sampled_from([b"a", b"\xff", "a"]),
    st.sampled_from([{}, "a"]),
]
_NAMES = st.sampled_from(["a", "a_bin0", "a_1", "a_missing", "b", "ü", "", "x0"])


@st.composite
def tables(draw):
    """Draw a table as one of several libraries' or as an array."""
    n_rows = draw(st.integers(1, 40))
    columns = [
        draw(st.lists(draw(st.sampled_from(_VALUES)), min_size=n_rows, max_size=n_rows))
        for _ in range(draw(st.integers(1, 5)))
    ]
    kind = draw(
        st.sampled_from(["objects", "frame", "array", "tuples", "arrow", "polars"])
    )
    frame = pd.DataFrame({i: pd.Series(c, dtype=object) for i, c in enumerate(columns)})
    if kind == "array":
        return frame.to_numpy()
    if kind == "tuples":
        frame.columns = pd.MultiIndex.from_tuples([("t", i) for i in frame])
        return frame
    names = draw(
        st.lists(_NAMES, min_size=len(columns), max_size=len(columns), unique=True)
    )
    frame = frame.set_axis(names, axis=1)
    if kind == "objects":
        return frame
    try:
        return _as_other(kind, frame.infer_objects())
    except OverflowError:  # pandas 2, of integers that no float can hold
        return frame


def _as_other(kind, frame):
    """Return a table of another library's, or the frame if that cannot hold it."""
    if kind == "frame":
        return frame
    pyarrow = pytest.importorskip("pyarrow")
    try:
        table = pyarrow.Table.from_pandas(frame)
        return (
            table
            if kind == "arrow"
            else pytest.importorskip("polars").from_arrow(table)
        )
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
        return frame


_LABELS = [
    np.array([0, 1, 2]),
    np.array(["x", "y", "z"]),
    np.array([True, False, True], dtype=object),
    np.array([3, 1, 2], dtype=object),
    np.array([1, "a", 2], dtype=object),
]
_WEIGHTS = [None, [1, 2, 3], [0, 1, 1], [1e-300, 1, 1e300], [1e308, 1e308, 1e308]]
_TARGETS = [[0.0, 1.0, 2.5], [1.8e308 / 1.01, -1e308, 0.0], [7, 7, 7]]
_QUICK = {"max_epochs": 1, "hidden_layer_sizes": (8,), "n_estimators": 2}


def trains_or_says_why(fit, predict, X):
    try:
        found = predict(fit())
    except (TypeError, ValueError) as error:
        named = ["Column", "column", r"\bX\b", r"\by\b", "y holds", "early_stopping"]
        assert re.search("|".join(named), str(error)), error
        assert "np.int64" not in str(error), error
    else:
        assert np.isfinite(found).all()


def all_train_or_say_why(X, seed, labels, targets, weights):
    n_rows = X.shape[0]
    drawn = np.random.default_rng(seed).integers(0, 3, n_rows)
    weight = None if weights is None else np.take(weights, np.arange(n_rows) % 3)
    if weight is not None and not weight.any():
        weight = None
    y, numbers = labels[drawn], np.take(targets, drawn)
    clf = MixupClassifier(random_state=0, **_QUICK)
    reg = MixupRegressor(random_state=0, alpha=0.2, **_QUICK)
    trains_or_says_why(
        lambda: clf.fit(X, y, sample_weight=weight), lambda f: f.predict_proba(X), X
    )
    trains_or_says_why(
        lambda: reg.fit(X, numbers, sample_weight=weight), lambda f: f.predict(X), X
    )
    if n_rows >= 4:
        search = MixupSearchCV(
            reg, {"alpha": [0, 0.4]}, cv=2, error_score="raise", scoring=finite
        )
        trains_or_says_why(lambda: search.fit(X, numbers), lambda f: f.predict(X), X)


def finite(estimator, X, y):
    """Score whether all predictions are finite."""
    return float(np.isfinite(estimator.predict(X)).all())


DRAWN = {
    "X": tables(),
    "seed": st.integers(0, 99),
    "labels": st.sampled_from(_LABELS),
    "targets": st.sampled_from(_TARGETS),
    "weights": st.sampled_from(_WEIGHTS),
}
HOW = {"suppress_health_check": list(HealthCheck), "phases": PHASES}


@UNSEEN
@settings(max_examples=60, **HOW)
@given(**DRAWN)
def test_some_random_tables_train_or_say_why_not(**drawn):
    all_train_or_say_why(**drawn)


@UNSEEN
@pytest.mark.slow
@settings(max_examples=500, **HOW)
@given(**DRAWN)
def test_random_tables_train_or_say_why_not(**drawn):
    all_train_or_say_why(**drawn)
