"""Dates and lengths of time, told as numbers."""

import datetime
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmixup import MixupClassifier, MixupRegressor, TabularEncoder

UTC = datetime.UTC
MOMENTS = pd.Series(pd.date_range("2020-01-30 07:00", periods=400, freq="37h"))
DATES = MOMENTS.dt.normalize()
POSITIONS = ["year", "month", "week", "day"]


def names_of(column, **params):
    encoder = TabularEncoder(n_bins=0, **params).fit(pd.DataFrame({"when": column}))
    return encoder.get_feature_names_out().tolist()


def test_a_moment_is_told_by_parts_that_have_names():
    waves = [f"when_{p}_{wave}" for p in POSITIONS for wave in ("sin", "cos")]
    assert names_of(MOMENTS) == ["when_seconds", "when_year", *waves]
    assert names_of(DATES) == ["when_seconds", "when_year", *waves[:6]]
    assert names_of(MOMENTS[:9] - MOMENTS[0]) == ["when_seconds"]
    assert names_of(pd.Series([MOMENTS[0]] * 3)) == ["when_seconds"]
    lacking = MOMENTS.where(MOMENTS.index % 3 > 0)
    assert names_of(lacking) == [*names_of(MOMENTS), "when_missing"]


def forms():
    """The same dates, and lengths of time, in all types that hold such."""
    dates = pd.Series(pd.date_range("2019-12-30", periods=60, freq="9D"))
    lengths = dates - dates[0]
    yield "objects", dates, dates.dt.date
    yield "datetimes", dates, dates.astype(object)
    yield "periods", dates, dates.dt.to_period("D")
    yield "seconds", dates, dates.astype("datetime64[s]")
    yield "arrow", dates, dates.astype("timestamp[us][pyarrow]")
    yield "arrow dates", dates, dates.dt.date.astype("date32[pyarrow]")
    yield "lengths", lengths, lengths.astype(object)
    yield "arrow lengths", lengths, lengths.astype("duration[us][pyarrow]")


@pytest.mark.parametrize(("name", "first", "second"), list(forms()))
def test_the_same_times_of_all_types_are_the_same(name, first, second):
    Z = [
        TabularEncoder().fit_transform(pd.DataFrame({"when": column, "a": range(60)}))
        for column in (first, second)
    ]
    assert_array_equal(*Z)
    fitted = TabularEncoder().fit(pd.DataFrame({"when": first}))
    assert_array_equal(
        *[fitted.transform(pd.DataFrame({"when": c})) for c in (first, second)]
    )


def test_arrays_and_polars_hold_times_as_well():
    pl = pytest.importorskip("polars")
    frame = pd.DataFrame({"a": MOMENTS, "b": MOMENTS[::-1].to_numpy()})
    expected = TabularEncoder().fit_transform(frame)
    array = frame.to_numpy(dtype="datetime64[us]")
    assert_array_equal(TabularEncoder().fit_transform(array), expected)
    assert_array_equal(TabularEncoder().fit_transform(pl.from_pandas(frame)), expected)


def test_positions_go_round():
    """New Year's Eve is beside New Year, Sunday's end beside Monday's beginning."""
    times = ["2022-12-31 23:59:59", "2023-01-01 00:00:00", "2022-07-02 12:00:00"]
    X = pd.DataFrame(
        {"when": pd.to_datetime([*times, "2023-01-08 23:59:59", "2023-01-09 00:00:00"])}
    )
    encoder = TabularEncoder(n_bins=0).fit(pd.DataFrame({"when": MOMENTS}))
    Z = pd.DataFrame(encoder.transform(X), columns=encoder.get_feature_names_out())
    for part in ("year", "month", "day"):
        waves = [f"when_{part}_sin", f"when_{part}_cos"]
        assert_allclose(Z.loc[0, waves], Z.loc[1, waves], atol=1e-3)
    week = ["when_week_sin", "when_week_cos"]
    assert_allclose(Z.loc[3, week], Z.loc[4, week], atol=1e-3)
    assert abs(Z.loc[2, "when_year_cos"] - Z.loc[1, "when_year_cos"]) > 1
    assert (np.diff(Z["when_seconds"][[2, 0, 1, 3]]) >= 0).all()


def test_time_zones():
    local = MOMENTS.dt.tz_localize("Asia/Tokyo")
    encoder = TabularEncoder().fit(pd.DataFrame({"when": local}))
    expected = encoder.transform(pd.DataFrame({"when": local}))
    abroad = pd.DataFrame({"when": local.dt.tz_convert("America/Lima")})
    assert_array_equal(encoder.transform(abroad), expected)
    positions = [
        i for i, n in enumerate(encoder.get_feature_names_out()) if "seconds" not in n
    ]
    naive = TabularEncoder().fit_transform(pd.DataFrame({"when": MOMENTS}))
    assert_allclose(expected[:, positions], naive[:, positions], atol=1e-6)
    with pytest.raises(ValueError, match="'when' had a time zone in fit"):
        encoder.transform(pd.DataFrame({"when": MOMENTS}))
    aware = pd.Series([datetime.datetime(2020, 1, day, tzinfo=UTC) for day in (1, 2)])
    mixed = pd.Series(
        [aware[0].to_pydatetime(), datetime.datetime(2020, 1, 1)], dtype=object
    )
    with pytest.raises(ValueError, match="'when' holds dates that differ"):
        TabularEncoder().fit(pd.DataFrame({"when": mixed}))


@pytest.mark.parametrize(
    "other", [[1.0, 2.0], ["a", "b"], pd.to_timedelta([1, 2], unit="h")]
)
def test_a_column_stays_what_it_was(other):
    X, Z = pd.DataFrame({"when": MOMENTS}), pd.DataFrame({"when": other})
    with pytest.raises(ValueError, match="'when' held dates in fit"):
        TabularEncoder().fit(X).transform(Z)
    with pytest.raises((TypeError, ValueError)):
        TabularEncoder(categorical_features=None).fit(X).transform(Z)


def test_what_is_missing_later_is_in_the_middle():
    X = pd.DataFrame({"when": MOMENTS, "a": range(len(MOMENTS))})
    encoder = TabularEncoder(n_bins=0).fit(X)
    later = pd.DataFrame({"when": pd.Series([None, None], dtype=object), "a": [0, 1]})
    Z = pd.DataFrame(encoder.transform(later), columns=encoder.get_feature_names_out())
    assert (Z[[name for name in Z if name.startswith("when")]] == 0).all(axis=None)


def test_dates_far_away_and_names_that_are_asked_for():
    far = pd.Series([datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None])
    assert np.isfinite(
        TabularEncoder().fit_transform(pd.DataFrame({"when": far}))
    ).all()
    named = TabularEncoder(categorical_features=["when"]).fit(
        pd.DataFrame({"when": far})
    )
    assert named.categorical_mask_.tolist() == [True]
    assert named.time_mask_.tolist() == [False]


@given(
    st.lists(
        st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),
        min_size=2,
        max_size=30,
    ),
    st.integers(0, 2**31),
)
def test_a_rows_code_depends_on_that_row_only(moments, seed):
    X = pd.DataFrame({"when": pd.Series(moments, dtype="datetime64[us]")})
    encoder = TabularEncoder().fit(X)
    Z = encoder.transform(X)
    order = np.random.default_rng(seed).permutation(len(X))
    assert_array_equal(encoder.transform(X.iloc[order]), Z[order])
    assert_array_equal(encoder.transform(X.iloc[:1]), Z[:1])
    assert np.isfinite(Z).all()
    weight = np.random.default_rng(seed).integers(1, 3, len(X))
    copies = X.iloc[np.repeat(np.arange(len(X)), weight)].reset_index(drop=True)
    weighted = clone(encoder).fit(X, sample_weight=weight).transform(X)
    assert_allclose(clone(encoder).fit(copies).transform(X), weighted, atol=1e-5)


@pytest.mark.filterwarnings("ignore:.*is different in nearly every row")
@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y %H:%M"])
def test_text_that_is_dates_is_told_of(form):
    X = pd.DataFrame({"when": MOMENTS.dt.strftime(form), "a": range(400)})
    with pytest.warns(UserWarning, match=r"\['when'\] hold text that reads as dates"):
        TabularEncoder().fit(X)
    twice = pd.concat([X] * 4, ignore_index=True)  # a category, of many levels
    with pytest.warns(UserWarning, match="pandas.to_datetime"):
        TabularEncoder().fit(twice)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TabularEncoder(categorical_features=["when"]).fit(twice)
        TabularEncoder().fit(pd.DataFrame({"when": MOMENTS}))


@pytest.mark.parametrize("text", ["{}", "1.{}", "10.0.0.{}", "A-{}-7", "{} 1/2"])
def test_text_that_is_no_dates_is_not(text):
    levels = [text.format(i) for i in range(100)]
    X = pd.DataFrame({"code": pd.Series(levels * 4, dtype="category")})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TabularEncoder().fit(X)
    assert not caught


def test_networks_learn_from_them():
    X = pd.DataFrame({"when": pd.date_range("2020", periods=900, freq="5h"), "a": 1.0})
    weekend = X["when"].dt.day_of_week >= 5
    clf = MixupClassifier(n_estimators=2, max_epochs=40, random_state=0)
    assert clf.fit(X[::2], weekend[::2]).score(X[1::2], weekend[1::2]) > 0.93
    assert clf.fit(X, weekend, sample_weight=np.arange(900) % 2).n_features_in_ == 2
    season = np.cos(2 * np.pi * X["when"].dt.day_of_year / 365)
    reg = MixupRegressor(n_estimators=2, max_epochs=40, random_state=0)
    assert reg.fit(X[::2], season[::2]).score(X[1::2], season[1::2]) > 0.98


@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold"])
def test_mixers_take_them(mixing):
    X = pd.DataFrame({"when": MOMENTS, "c": ["a", "b"] * 200})
    clf = MixupClassifier(mixing=mixing, alpha=0.5, n_estimators=2, max_epochs=2)
    clf.fit(X, np.arange(400) % 3)
    groups = clf.encoder_.column_groups_
    names = clf.encoder_.get_feature_names_out()
    assert [n.startswith("when") for n in names] == (groups == 0).tolist()
