"""Rows and weights as they come: what `MixupNet` reads, and what it refuses."""

import decimal
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from skorch.callbacks import BatchScoring, Callback, EpochScoring
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn
from torch.utils.data import Subset, TensorDataset

from skmixup import MixupNet
from skmixup.stack import StackedMLP

from ..helpers import (
    arrow_table,
    dask_frame,
    narwhals_frame,
    polars_frame,
    record_batch,
)

RNG = np.random.default_rng(0)
X = RNG.integers(-8, 9, size=(60, 3)) / 4  # the same in single and double precision
Y = (X[:, 0] > 0).astype(int)
W = RNG.random(60)
FRAME = pd.DataFrame(X, columns=["a", "b", "c"])


def make_net(**params):
    return MixupNet(
        nn.Linear,
        module__in_features=3,
        module__out_features=2,
        **{"max_epochs": 2, "random_state": 0} | params,
    )


def fitted(data=X, y=Y, **params):
    return make_net().fit(data, y, **params).predict_proba(X)


TABLES = {
    "pandas": lambda: FRAME,
    "nullable": lambda: FRAME.astype("Float64"),
    "objects": lambda: FRAME.astype(object),
    "decimals": lambda: FRAME.map(lambda x: decimal.Decimal(repr(float(x)))),
    "polars": lambda: polars_frame(FRAME),
    "arrow": lambda: arrow_table(FRAME),
    "array of objects": lambda: X.astype(object),
    "other byte order": lambda: X.astype(">f8"),
    "long doubles": lambda: X.astype(np.longdouble),
    "tensor": lambda: torch.tensor(X, requires_grad=True),
    "sparse": lambda: sparse.coo_array(X),
}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_its_numbers(table):
    rows = TABLES[table]()
    net = make_net().fit(rows, Y)
    np.testing.assert_array_equal(net.predict_proba(rows), fitted())


def test_columns_of_numbers_may_be_of_several_types():
    frame = pd.DataFrame(
        {
            "int": pd.Series(range(60), dtype="Int64"),
            "bool": Y > 0,
            "nullable": pd.Series(Y > 0, dtype="boolean"),
        }
    )
    numbers = np.c_[np.arange(60), Y, Y].astype(float)
    net = make_net().fit(frame, Y)
    expected = make_net().fit(numbers, Y).predict_proba(numbers)
    np.testing.assert_array_equal(net.predict_proba(frame), expected)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["red", "green"] * 30, r"column\(s\) \['d'\] of X hold text"),
        (np.array(["1.5", 2.0] * 30, dtype=object), r"column\(s\) \['d'\]"),
        (pd.Categorical(["x", "y"] * 30), r"column\(s\) \['d'\]"),
        (pd.Timestamp("2020-01-01"), r"column\(s\) \['d'\]"),
        (pd.Series([1, None] * 30, dtype="Int64"), "NaN or infinity"),
        (pd.Series([True, None] * 30, dtype="boolean"), "NaN or infinity"),
        (np.array([1, None] * 30, dtype=object), "NaN or infinity"),
        (np.array([decimal.Decimal("nan"), 1] * 30, dtype=object), "NaN or infinity"),
    ],
)
def test_a_column_that_is_no_numbers_is_named(column, message):
    frame = FRAME.assign(d=column)
    net = MixupNet(nn.Linear(4, 2), max_epochs=1)
    with pytest.raises(ValueError, match=message):
        net.fit(frame, Y)
    with pytest.raises(ValueError, match=message):
        net.fit(FRAME.assign(d=1), Y).predict(frame)


def test_columns_with_numbers_for_names_are_shown_as_such():
    frame = pd.DataFrame({7: ["red", "green"] * 30, 8: Y})
    with pytest.raises(ValueError, match=r"column\(s\) \[7\] of X"):
        fitted(frame)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (X + 0j, "Complex data not supported"),
        (torch.tensor(X + 0j), "Complex data not supported"),
        (X.astype(str), r"column\(s\) \[0, 1, 2\] of X hold text"),
        (X.astype("datetime64[D]"), r"column\(s\) \[0, 1, 2\]"),
    ],
)
def test_arrays_of_other_things_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        fitted(rows)


@pytest.mark.parametrize("table", ["nullable", "polars"])
def test_tables_are_split_and_scored(table):
    scoring = {"scoring": "accuracy", "lower_is_better": False}
    callbacks = [
        EpochScoring(name="cached", **scoring),
        EpochScoring(name="predicted", use_caching=False, **scoring),
    ]
    net = make_net(train_split=ValidSplit(5, stratified=True), callbacks=callbacks)
    record = net.fit(TABLES[table](), pd.Series(Y)).history[-1]
    assert record["cached"] == record["predicted"]
    assert cross_val_score(make_net(), FRAME.astype("Float64"), Y, cv=3).shape == (3,)


# ---- names of columns

NAMED = {
    "pandas": lambda frame: frame,
    "polars": polars_frame,
    "arrow": arrow_table,
    "record batch": record_batch,
    "dask": dask_frame,
    "narwhals": narwhals_frame,
}
SWAPPED = FRAME[["b", "a", "c"]]
ORDER = "must be in the same order as they were in fit"
UNSEEN = "(?s)unseen at fit time:.*- d.*seen at fit time, yet now missing:.*- c"
USES = {
    "predict": lambda net, X: net.predict(X),
    "predict_proba": lambda net, X: net.predict_proba(X),
    "score": lambda net, X: net.score(X, Y),
    "forward": lambda net, X: net.forward(X),
    "forward_iter": lambda net, X: next(net.forward_iter(X)),
    "partial_fit": lambda net, X: net.partial_fit(X, Y),
    "warm fit": lambda net, X: net.set_params(warm_start=True).fit(X, Y),
    "fit_loop": lambda net, X: net.fit_loop(X, Y),
}


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("use", USES)
def test_columns_of_a_table_are_those_of_fit(kind, use):
    net = make_net().fit(NAMED[kind](FRAME), Y)
    assert net.feature_names_in_.tolist() == ["a", "b", "c"]
    assert net.n_features_in_ == 3
    expected = net.predict_proba(NAMED[kind](FRAME))
    for frame, message in (
        (SWAPPED, ORDER),
        (FRAME.rename(columns={"c": "d"}), UNSEEN),
        (FRAME[["a", "b"]], "seen at fit time, yet now missing"),
    ):
        with pytest.raises(ValueError, match=message):
            USES[use](net, NAMED[kind](frame))
    np.testing.assert_array_equal(net.predict_proba(FRAME), expected)


@pytest.mark.parametrize("made", [lambda X: Dataset(X, Y), "subset"])
def test_columns_of_a_dataset_are_those_of_fit(made):
    if made == "subset":
        made = lambda X: Subset(Dataset(X, Y), np.arange(40))  # noqa: E731
    for net in (make_net().fit(made(FRAME), None), make_net().fit(FRAME, Y)):
        assert net.feature_names_in_.tolist() == ["a", "b", "c"]
        for use in ("predict", "predict_proba", "forward_iter"):
            USES[use](net, made(FRAME))
            with pytest.raises(ValueError, match=ORDER):
                USES[use](net, made(SWAPPED))
        with pytest.raises(ValueError, match=ORDER):
            net.score(made(SWAPPED))
        with pytest.raises(ValueError, match=ORDER):
            net.partial_fit(made(SWAPPED), None)


def test_validation_rows_have_the_columns_of_the_others():
    for rows in (SWAPPED, FRAME[["a", "b"]]):
        net = make_net(train_split=predefined_split(Dataset(rows, Y)))
        with pytest.raises(ValueError, match="feature names should match"):
            net.fit(FRAME, Y)
    for rows in (FRAME, X):
        net = make_net(train_split=predefined_split(Dataset(rows, Y)))
        assert "valid_loss" in net.fit(FRAME, Y).history[-1]
        assert "valid_loss" in net.fit(X, Y).history[-1]


def test_a_split_may_not_change_the_columns():
    def split(dataset, y=None, **kwargs):
        return Dataset(SWAPPED, Y), None

    with pytest.raises(ValueError, match=ORDER):
        make_net(train_split=split).fit(FRAME, Y)


class PredictsArrays(Callback):
    def on_batch_end(self, net, batch, training, **kwargs):
        net.predict(batch[0])

    def on_epoch_end(self, net, **kwargs):
        net.predict(X)

    def on_train_end(self, net, **kwargs):
        net.score(X, Y)


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow"])
def test_callbacks_are_not_warned_of_missing_names(kind):
    scoring = {"lower_is_better": False}
    callbacks = [
        EpochScoring("accuracy", name="cached", **scoring),
        EpochScoring("accuracy", name="predicted", use_caching=False, **scoring),
        EpochScoring(None, name="train", on_train=True, use_caching=False, **scoring),
        BatchScoring("accuracy", name="by_batch", use_caching=False, **scoring),
        PredictsArrays(),
    ]
    net = make_net(train_split=ValidSplit(3), callbacks=callbacks)
    net.fit(NAMED[kind](FRAME), Y).partial_fit(NAMED[kind](FRAME), Y)
    copy = pickle.loads(pickle.dumps(net))
    for fitted_net in (net, copy):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            fitted_net.predict(X)
        with pytest.raises(ValueError, match=ORDER):
            fitted_net.predict(SWAPPED)


@pytest.mark.parametrize("kind", ["array", "tensor", "sparse"])
def test_rows_without_names_after_a_table_and_before(kind):
    rows = {"array": X, "tensor": torch.tensor(X), "sparse": sparse.csr_array(X)}[kind]
    net = make_net().fit(FRAME, Y)
    expected = net.predict_proba(FRAME)
    for use in ("predict", "score", "partial_fit"):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            USES[use](make_net().fit(FRAME, Y), rows)
    numbered = make_net().fit(pd.DataFrame(X), Y)
    with pytest.raises(ValueError, match="X has 2 features, but MixupNet is expecting"):
        numbered.predict(rows[:, :2])
    net.fit(rows, Y)  # which forgets the names
    assert not hasattr(net, "feature_names_in_")
    assert not hasattr(net, "n_features_in_")
    np.testing.assert_array_equal(net.predict_proba(rows), expected)
    with pytest.warns(UserWarning, match="X has feature names, but MixupNet was"):
        net.predict(FRAME)


def test_a_fit_learns_names_anew_and_a_clone_has_none():
    net = make_net().fit(FRAME, Y)
    assert not hasattr(clone(net), "feature_names_in_")
    net.fit(SWAPPED, Y)
    assert net.feature_names_in_.tolist() == ["b", "a", "c"]
    loaded = make_net().initialize()
    loaded.module_.load_state_dict(net.module_.state_dict())
    np.testing.assert_array_equal(loaded.predict(FRAME), loaded.predict(X))


def test_columns_named_by_numbers_are_counted():
    net = make_net().fit(pd.DataFrame(X), Y)
    assert not hasattr(net, "feature_names_in_")
    with pytest.raises(ValueError, match="X has 4 features, but MixupNet is expecting"):
        net.predict(pd.DataFrame(np.c_[X, Y]))


def test_arrays_may_have_any_shape():
    mean = nn.AdaptiveAvgPool1d(1)
    net = MixupNet(nn.Sequential(mean, nn.Flatten(), nn.Linear(3, 2)), max_epochs=1)
    net.fit(np.ones((8, 3, 5)), Y[:8]).partial_fit(np.ones((8, 3, 4)), Y[:8])
    assert net.predict(np.ones((8, 3, 7))).shape == (8,)
    assert not hasattr(net, "n_features_in_")


def test_searches_on_tables_check_the_columns():
    grid = GridSearchCV(make_net(), {"alpha": [0, 1]}, cv=2).fit(FRAME, Y)
    assert grid.feature_names_in_.tolist() == ["a", "b", "c"]
    assert grid.n_features_in_ == 3
    with pytest.raises(ValueError, match=ORDER):
        grid.predict(SWAPPED)


# ---- row weights


@pytest.mark.parametrize(
    "weight",
    [
        list(W),
        pd.Series(W, index=range(60, 0, -1)),
        pd.Series(W, dtype="Float64"),
        W.astype(object),
        torch.tensor(W, requires_grad=True),
        W * 2.0**1023,
        W * 2.0**-900,
    ],
)
def test_weights_come_in_any_form(weight):
    np.testing.assert_array_equal(fitted(sample_weight=weight), fitted(sample_weight=W))


def changed(value):
    weight = W.copy()
    weight[3] = value
    return weight


BAD_WEIGHTS = [
    (np.ones(70), r"sample_weight.shape == \(70,\), expected \(60,\)"),
    (np.ones(3), r"sample_weight.shape == \(3,\), expected \(60,\)"),
    ([], "sample_weight is refused"),
    (W[:, None], "sample_weight.* must be 1D array or scalar"),
    (np.c_[W, W], "sample_weight.* must be 1D array or scalar"),
    (changed(np.nan), "sample_weight contains NaN"),
    (pd.Series(changed(np.nan), dtype="Float64"), "sample_weight contains NaN"),
    (changed(np.inf), "sample_weight contains infinity"),
    (changed(-5), "Negative values in data passed to `sample_weight`"),
    (np.zeros(60), "sample_weight.* at least one non-zero number"),
    (np.zeros(60, dtype=bool), "sample_weight.* at least one non-zero number"),
    (W.astype(str), "sample_weight must hold numbers"),
    ("balanced", "sample_weight must hold numbers"),
    (np.array(["a"] * 60, dtype=object), "sample_weight is refused.*'a'"),
    (W + 1j, "sample_weight must hold numbers"),
]


@pytest.mark.parametrize(("weight", "message"), BAD_WEIGHTS)
@pytest.mark.parametrize("split", [None, ValidSplit(5)])
def test_weights_that_do_not_fit_are_refused(weight, message, split):
    net = make_net(train_split=split)
    with pytest.raises(ValueError, match=message):
        net.fit(X, Y, sample_weight=weight)
    with pytest.raises(ValueError, match=message):
        net.partial_fit(X, Y, sample_weight=weight)


def test_rows_chosen_need_some_weight():
    weight = np.repeat([0.0, 1.0], 30)
    none, some = np.arange(30), np.arange(30, 60)
    with pytest.raises(ValueError, match="sample_weight is 0 for all rows to train on"):
        make_net().fit(X, Y, sample_weight=weight, rows=none)
    with pytest.raises(ValueError, match="0 for all rows to validate on"):
        make_net().fit(X, Y, sample_weight=weight, rows=some, valid_rows=none)
    stack = MixupNet(
        StackedMLP, module__n_features=3, module__n_outputs=2, module__n_members=2
    )
    with pytest.raises(ValueError, match="sample_weight is 0 for all rows to train on"):
        stack.fit(X, Y, sample_weight=weight, rows=[some, none])


def test_weights_of_a_subset_are_those_of_its_rows():
    index = RNG.permutation(60)[:40]
    part = Subset(Dataset(X, Y), index)
    found = fitted(part, None, sample_weight=W[index])
    expected = fitted(sample_weight=W, rows=index)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(60,\), expected \(40,\)"):
        fitted(part, None, sample_weight=W)
    with pytest.raises(ValueError, match="two values for a row of the Subset"):
        fitted(Subset(Dataset(X, Y), [0, 0, 1]), None, sample_weight=[1, 2, 3])


def test_rows_of_a_subset_are_counted_within_it():
    index = RNG.permutation(60)[:40]
    part = Subset(Dataset(X, Y), index)
    found = fitted(part, None, rows=np.arange(30), valid_rows=np.arange(30, 40))
    np.testing.assert_array_equal(found, fitted(rows=index[:30]))


def test_weights_of_a_tensor_dataset():
    data = TensorDataset(torch.tensor(X), torch.tensor(Y))
    found = fitted(data, None, sample_weight=W)
    np.testing.assert_array_equal(found, fitted(sample_weight=W))
