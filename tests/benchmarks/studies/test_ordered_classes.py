"""Ordered classes: what they are made of, how they are told, what is found."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from benchmarks.compare.pairing import NothingToCompare
from benchmarks.data.tables import Table
from benchmarks.run.fit import Fit
from benchmarks.run.folds import rows_of
from benchmarks.studies import ordered_classes as ordered
from benchmarks.studies.numeric_targets import shipped
from benchmarks.studies.ordered_classes import CLASSES, INDICATORS, NUMBERS

CODES = st.lists(st.integers(0, 8), min_size=1, max_size=60).map(np.array)
ABOVE = arrays(float, array_shapes(min_dims=2, max_dims=2), elements=st.floats(0, 1))


@given(CODES, st.integers(1, 12))
def test_rare_ends_are_merged_and_the_order_is_kept(codes, least):
    assume(len(codes) >= least)
    merged = ordered.merge_rare_ends(codes, least)
    counts = np.bincount(merged)
    assert (counts > 0).all()
    order = np.argsort(codes, kind="stable")
    assert (np.diff(merged[order]) >= 0).all()
    assert len(set(zip(codes, merged, strict=True))) == len(set(codes))
    if len(counts) > 1:
        assert min(counts[0], counts[-1]) >= least


@given(ABOVE)
def test_probabilities_of_classes_are_those_of_being_above(above):
    proba = ordered.class_probabilities(above)
    assert proba.shape == (len(above), above.shape[1] + 1)
    assert (proba > 0).all()
    assert proba.sum(axis=1) == pytest.approx(1)
    again = 1 - proba.cumsum(axis=1)[:, :-1]
    np.testing.assert_allclose(again, -np.sort(-above, axis=1), atol=1e-5)


def ordered_table(labels, n_rows=12):
    y = pd.Series(labels, dtype="category")
    return Table("some", pd.DataFrame({"x": np.arange(float(len(y)))}), y, id=1)


def test_classes_are_numbered_in_their_order():
    labels = ["9", "10", "8", "10"] * 10
    table = ordered.in_order(ordered_table(labels), None)
    assert table.y.tolist() == [1, 2, 0, 2] * 10
    table = ordered.in_order(ordered_table(labels), ["10", "9", "8"])
    assert table.y.tolist() == [1, 0, 2, 0] * 10
    rare = ordered.in_order(ordered_table(["7", *labels, "11"]), None)
    assert rare.y.tolist() == [0, *[1, 2, 0, 2] * 10, 2]


def test_numbers_are_cut_into_classes_of_a_size():
    table = ordered.cut(shipped()[0])
    assert table.name == "diabetes"
    assert np.bincount(table.y) == pytest.approx(len(table.X) / 5, abs=3)
    order = np.argsort(table.y, kind="stable")
    assert (np.diff(shipped()[0].y.to_numpy()[order, 0]) >= 0).sum() > 200
    means = shipped()[0].y.iloc[:, 0].groupby(table.y).agg(["min", "max"])
    assert (means["min"].to_numpy()[1:] >= means["max"].to_numpy()[:-1]).all()


def test_many_rows_are_sampled_once_for_all(monkeypatch):
    monkeypatch.setattr(ordered, "MAX_ROWS", 100)
    first, again = (ordered.cut(shipped()[0]) for _ in range(2))
    assert len(first.X) == len(first.y) == 100
    pd.testing.assert_frame_equal(first.X, again.X)


def test_what_is_learned_of_classes():
    y = np.array([0, 2, 1, 3])
    assert ordered.targets_of(CLASSES, y) is y
    assert ordered.targets_of(NUMBERS, y).dtype == float
    indicators = ordered.targets_of(INDICATORS, y)
    assert indicators.tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 0], [1, 1, 1]]


def told_by(model, predict):
    """What is measured of a model that predicts as given, of four classes."""
    table = ordered_table(np.arange(40) % 4)
    table = Table("some", table.X, pd.Series(np.arange(40) % 4))
    job = SimpleNamespace(model=model, repeat=0, fold=0, folds=5, seed=0)
    y = table.y.to_numpy()[rows_of(table, job)[1]]
    fitted = SimpleNamespace(
        classes_=np.arange(4),
        predict=lambda X: predict(y),
        predict_proba=lambda X: predict(y),
    )
    measures, _ = ordered.measure(table, Fit(job, fitted))
    return measures


def test_who_knows_the_classes_has_no_error():
    above = told_by(INDICATORS, lambda y: ordered.targets_of(INDICATORS, y))
    classes = told_by(CLASSES, lambda y: np.eye(4)[y])
    number = told_by(NUMBERS, lambda y: y + 0.4)
    for found in (above, classes, number):
        assert found["error"] == found["absolute_error"] == 0
    for found in (above, classes):
        assert found["log_loss"] < 1e-5 and found["rps"] < 1e-5
    assert "log_loss" not in number


def test_the_error_is_of_the_mode_and_the_absolute_error_of_the_median():
    # The mode is 0, the median 2.
    found = told_by(CLASSES, lambda y: np.tile([0.4, 0.05, 0.3, 0.25], (len(y), 1)))
    assert found["error"] == pytest.approx(0.75)
    assert found["absolute_error"] == pytest.approx((2 + 1 + 0 + 1) / 4)
    up_to = np.array([0.4, 0.45, 0.75])
    rps = [((up_to - (k <= np.arange(3))) ** 2).sum() for k in range(4)]
    assert found["rps"] == pytest.approx(np.mean(rps), abs=1e-4)
    number = told_by(NUMBERS, lambda y: np.full(len(y), 7.0))
    assert number["absolute_error"] == pytest.approx(1.5)


def rows_of_ways(scores, n_tables=8):
    """Rows of ways: of each way and α a score, on tables that differ in scale."""
    return pd.DataFrame(
        [
            {"table": f"t{i}", "protocol": ordered.ORDERED, "model": model}
            | {"alpha": alpha, "repeat": 0, "fold": 0}
            | dict.fromkeys(ordered.MEASURES, score * (1 + i) + 0.01 * i)
            for (model, alpha), score in scores.items()
            for i in range(n_tables)
        ]
    )


@pytest.mark.slow
def test_ways_are_compared_table_by_table():
    scores = {(CLASSES, 0.0): 0.2, (CLASSES, 0.1): 0.3}
    scores |= {(INDICATORS, 0.0): 0.1, (INDICATORS, 0.1): 0.3, (NUMBERS, 0.0): 0.4}
    text, figures = ordered.report(rows_of_ways(scores))
    means = rows_of_ways(scores).set_index(["table", "protocol", "model", "alpha"])
    found = ordered.compare(
        means[list(ordered.MEASURES)].unstack(["model", "alpha"])
    ).set_index(["first", "second", "measure"])
    better = found.loc[((INDICATORS, 0.0), (CLASSES, 0.0), "log_loss")]
    assert (better["lower"], better["higher"]) == (8, 0)
    assert 0.5 < better["ratio"] < 0.6
    same = found.loc[((INDICATORS, 0.1), (CLASSES, 0.1), "rps")]
    assert (same["lower"], same["higher"], same["ratio"], same["p"]) == (0, 0, 1, 1)
    worse = found.loc[((CLASSES, 0.1), (CLASSES, 0.0), "error")]
    assert (worse["lower"], worse["higher"]) == (0, 8)
    # By Holm: of 20 comparisons, sixteen have the least p-value, 2 / 2 ** 8.
    assert better["p"] == pytest.approx(20 * 2 / 2**8)
    assert "at α = 0, error is level (0.5" in text  # by Holm, of eight tables
    assert len(figures["ordered_classes"].axes) == 2
    ordered.plt.close("all")
    many = ordered.report(rows_of_ways(scores, 20))[0]
    assert "at α = 0, error is lower (0.5" in many
    assert "at α = 0.1, error is level (1.000" in many
    few = ordered.report(rows_of_ways(scores, 4))[0]
    assert "at α = 0.1, error is 1.000 of it (lower on 0, higher on 0)" in few
    assert few.endswith(" A test takes 6 tables.\n")
    ordered.plt.close("all")


def test_without_plain_classes_there_is_nothing_to_compare():
    rows = rows_of_ways({(INDICATORS, 0.0): 0.1, (CLASSES, 0.1): 0.2})
    with pytest.raises(NothingToCompare, match="no result of classes, α=0"):
        ordered.report(rows)
