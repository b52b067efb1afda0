"""What a fitted estimator tells of itself, and of rows that are unlike its own."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import MixupClassifier, MixupRegressor, TabularEncoder, fit_many

from ..helpers import single

quick = partial(single, MixupClassifier, max_epochs=3)
X, y = load_iris(return_X_y=True)


def messy(n_rows=120, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "size": rng.lognormal(size=n_rows),
            "color": rng.choice(["red", "blue", None], n_rows),
            "when": pd.Timestamp("2024-03-01") + pd.to_timedelta(range(n_rows), "D"),
            "shop": rng.integers(40, size=n_rows).astype(str),
        }
    )
    return frame, np.where(frame["color"] == "red", "yes", "no")


def test_a_summary_tells_rows_columns_members_and_epochs():
    frame, labels = messy()
    summary = quick(n_estimators=4, early_stopping=True).fit(frame, labels).summary()
    assert summary["rows"] == 120
    kinds = ["columns", "numbers", "categories", "categories embedded", "dates"]
    assert summary[kinds].tolist() == [4, 1, 2, 1, 1]
    assert (summary["members"], summary["epochs"]) == (4, 3)
    assert 0 < float(summary["validation log-loss"]) < 2
    assert float(summary["temperature"]) > 0
    assert "temperature" in repr(summary)


def test_what_is_not_there_is_not_told():
    summary = quick(preprocess=StandardScaler()).fit(X, y).summary()
    assert list(summary.index) == [
        "rows",
        "columns",
        "inputs",
        "members",
        "epochs",
        "temperature",
    ]
    assert (summary["columns"], summary["inputs"]) == (4, 4)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("squared_error", "squared error"),
        ("absolute_error", "absolute error"),
        ("quantile", "pinball loss"),
        ("poisson", "Poisson loss"),
    ],
)
def test_a_regressor_tells_its_loss(loss, name):
    reg = single(MixupRegressor, max_epochs=2, early_stopping=True, loss=loss)
    summary = reg.fit(X, y + 1).summary()
    assert f"validation {name}" in summary
    assert summary["numbers as waves"] == 4


def test_all_ways_to_fit_tell_the_rows():
    clf = quick()
    assert clf.fit(X[:100], y[:100]).summary()["rows"] == 100
    pieces = quick()
    for part in np.array_split(np.arange(150), 3):
        pieces.partial_fit(X[part], y[part], classes=[0, 1, 2])
    assert pieces.summary()["rows"] == 150
    (fit,) = fit_many([quick()], X, y)
    assert fit.estimator.summary()["rows"] == 150
    with pytest.raises(NotFittedError):
        quick().summary()


def test_a_notebook_shows_it():
    clf = quick()
    assert "epochs" not in clf._repr_html_().split("<style>")[0]
    html = clf.fit(X, y)._repr_html_()
    assert html.startswith('<table style="')
    assert "Fitted MixupClassifier" in html
    assert clf._repr_mimebundle_()["text/html"].split("<style>")[0].count("<tr>") == 7
    with config_context(display="text"):
        assert "text/html" not in clf._repr_mimebundle_()
    assert "MixupClassifier" in make_pipeline(StandardScaler(), clf)._repr_html_()


def test_names_are_escaped():
    frame = pd.DataFrame({"<b>": ["x", "y"] * 20, "n": range(40)})
    html = quick().fit(frame, [0, 1] * 20)._repr_html_().split("<style>")[0]
    assert "<b>" not in html


# ---- levels that fit has not seen


def test_levels_that_are_mostly_unseen_are_told():
    frame, labels = messy()
    clf = quick().fit(frame, labels)
    upper = frame.assign(color=frame["color"].str.upper(), size=1.0)
    with pytest.warns(UserWarning, match=r"\['color'\] hold levels that fit has not"):
        clf.predict(upper)
    counts = clf.encoder_.count_unseen(upper)
    assert_array_equal(counts, [0, upper["color"].notna().sum(), 0, 0])


def test_they_are_told_once_and_where_the_user_asks():
    frame, labels = messy()
    clf = quick().fit(frame, labels)
    new = frame.assign(color="new")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for n_rows in (50, 60, 70):
            clf.predict_proba(new[:n_rows])
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_a_few_are_as_usual():
    frame, labels = messy()
    clf = quick().fit(frame, labels)
    few = frame.copy()
    few.loc[:10, "color"] = "new"
    clf.predict(few)  # warnings are errors here
    assert clf.encoder_.count_unseen(few)[1] == 11
    sizes = pd.DataFrame({"size": np.arange(30.0)})
    quick().fit(sizes, labels[:30]).predict(sizes * 100)  # a number is never unseen


def test_where_many_levels_are_rare_unseen_ones_are_as_usual():
    rng = np.random.default_rng(0)
    streets = np.minimum(rng.zipf(1.5, 400), 10**6)
    frame = pd.DataFrame({"street": streets.astype(str)})
    labels = np.arange(400) % 2
    clf = quick().fit(frame[:200], labels[:200])
    assert 0.1 < clf.encoder_.unseen_share_[0] < 0.5
    assert clf.encoder_.count_unseen(frame[200:])[0] > 0.1 * 200
    clf.predict(frame[200:])  # warnings are errors here


def test_rare_levels_that_are_grouped_are_no_unseen_ones():
    frame, labels = messy()
    encoder = TabularEncoder(min_frequency=6).fit(frame)
    assert not encoder.count_unseen(frame.assign(shop="other"))[3]
    assert quick(preprocess=encoder).fit(frame, labels).predict(frame).size == 120


def test_unseen_levels_of_a_table_in_parts():
    frame, _ = messy()
    encoder = TabularEncoder().fit(frame)
    many = pd.concat([frame.assign(color="new")] * 300, ignore_index=True)
    assert encoder.count_unseen(many)[1] == len(many)
    assert not encoder.count_unseen(many.assign(color="red")).any()


# ---- what matters


def test_permutation_importance_finds_what_tells():
    frame, labels = messy(240)
    clf = MixupClassifier(n_estimators=2, max_epochs=15, random_state=0)
    clf.fit(frame[:160], labels[:160])
    found = permutation_importance(
        clf, frame[160:], labels[160:], n_repeats=3, random_state=0
    )
    means = found.importances_mean
    assert means.argmax() == 1
    assert means[1] > 0.2
    assert (means[[0, 2, 3]] < 0.1).all()
