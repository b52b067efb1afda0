"""What another model says of each row, as columns."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skmixup import MixupClassifier, TabularEncoder
from skmixup.encoding import StackingTransformer

WINE = load_wine(return_X_y=True)
NUMBERS = load_diabetes(return_X_y=True)


def test_rows_of_fit_are_told_by_models_that_have_not_seen_them():
    X, y = WINE
    made = StackingTransformer(KNeighborsClassifier(5), cv=StratifiedKFold(5))
    Z = made.fit_transform(X, y)
    proba = cross_val_predict(
        KNeighborsClassifier(5), X, y, cv=StratifiedKFold(5), method="predict_proba"
    )
    logs = np.log(np.clip(proba, 1e-3, 1 - 1e-3))
    expected = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    np.testing.assert_allclose(Z, expected, atol=1e-5)
    assert Z.dtype == np.float32 and Z.shape == (len(y), 3)
    later = np.log(np.clip(made.estimator_.predict_proba(X), 1e-3, 1 - 1e-3))
    np.testing.assert_allclose(
        made.transform(X), (later - made.center_) / made.scale_, atol=1e-5
    )


def test_a_row_is_not_told_its_own_target():
    """Of noise, nothing is to be known; a nearest neighbor tells what it has seen."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 3)), rng.integers(2, size=400)
    made = StackingTransformer(KNeighborsClassifier(1))
    Z = made.fit_transform(X, y)[:, 0]
    assert abs(np.corrcoef(Z, y)[0, 1]) < 0.15
    assert np.corrcoef(made.transform(X)[:, 0], y)[0, 1] > 0.99


def test_of_two_classes_there_is_one_column_and_of_numbers_too():
    X, y = WINE
    assert (
        StackingTransformer(LogisticRegression()).fit(X[:, :2], y > 0).n_outputs_ == 1
    )
    Z = StackingTransformer(KNeighborsRegressor(), cv=KFold(3)).fit_transform(*NUMBERS)
    told = cross_val_predict(KNeighborsRegressor(), *NUMBERS, cv=KFold(3))
    np.testing.assert_allclose(Z[:, 0], (told - told.mean()) / told.std(), atol=1e-5)
    both = np.column_stack([NUMBERS[1], NUMBERS[1] ** 2])
    assert StackingTransformer(Ridge()).fit(NUMBERS[0], both).n_outputs_ == 2


def test_what_says_the_same_of_all_is_zero():
    X, y = NUMBERS
    Z = StackingTransformer(Ridge()).fit_transform(X, np.zeros(len(y)))
    np.testing.assert_array_equal(Z, 0)


def test_a_class_of_few_rows_is_taken_without_a_word():
    X, y = WINE
    y = np.where(np.arange(len(y)) < 1, 7, y)
    made = StackingTransformer(DecisionTreeClassifier(random_state=0))
    Z = made.fit_transform(X, y)
    assert Z.shape == (len(y), 4) and np.isfinite(Z).all()


def test_names_and_errors():
    made = StackingTransformer(LogisticRegression())
    with pytest.raises(NotFittedError):
        made.transform(WINE[0])
    with pytest.raises(NotFittedError):
        made.get_feature_names_out()
    made.fit(WINE[0][:, :2], WINE[1])
    names = [f"logisticregression{i}" for i in range(3)]
    assert made.get_feature_names_out().tolist() == names
    with pytest.raises(ValueError, match="'estimator' parameter"):
        StackingTransformer("tree").fit_transform(*WINE)
    with pytest.raises(ValueError, match="estimator must be a classifier with"):
        StackingTransformer(LinearSVC()).fit(*WINE)
    with pytest.raises(ValueError, match="requires y to be passed"):
        made.fit(WINE[0], None)
    with pytest.raises(ValueError, match="one label a row"):
        made.fit(WINE[0], np.column_stack([WINE[1]] * 2))
    with pytest.raises(ValueError, match="two rows that are not equal"):
        made.fit(WINE[0][[0, 0]], WINE[1][:2])
    with pytest.raises(ValueError, match="X has 3 features"):
        made.fit(WINE[0][:, :2], WINE[1]).transform(WINE[0][:, :3])


def test_copies_are_in_one_fold():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=60), "b": rng.choice(["u", None], 60)})
    X, y = pd.concat([X] * 5), np.tile(rng.integers(2, size=60), 5)
    nearest = make_pipeline(TabularEncoder(), KNeighborsClassifier(1))
    Z = StackingTransformer(nearest).fit_transform(X, y)[:, 0]
    assert np.corrcoef(Z, y)[0, 1] < 0.4
    assert (np.ptp(Z.reshape(5, 60), axis=0) == 0).all()


@pytest.mark.parametrize("n_rows", [2, 3, 8, 30])
def test_few_rows_and_many_classes_have_fewer_folds(n_rows):
    X = np.arange(n_rows * 2.0).reshape(n_rows, 2)
    y = np.arange(n_rows) % max(n_rows // 4, 2)
    tree = DecisionTreeClassifier(random_state=0)
    Z = StackingTransformer(tree).fit_transform(X, y)
    assert len(Z) == n_rows and np.isfinite(Z).all()


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e200])
def test_units_of_the_target_are_nothing_to_it(unit):
    made = StackingTransformer(Ridge())
    Z = made.fit_transform(NUMBERS[0], NUMBERS[1] * unit)
    assert np.corrcoef(Z[:, 0], NUMBERS[1])[0, 1] > 0.6
    column = made.fit_transform(NUMBERS[0], NUMBERS[1][:, None] * unit)
    np.testing.assert_array_equal(column, Z)


def test_frames_come_out_where_they_are_asked_for():
    X, y = load_wine(return_X_y=True, as_frame=True)
    tree = StackingTransformer(DecisionTreeClassifier(max_leaf_nodes=4))
    union = FeatureUnion([("rows", TabularEncoder()), ("tree", tree)])
    made = union.set_output(transform="pandas").fit(X, y).transform(X)
    assert made.columns[-1] == "tree__decisiontreeclassifier2"


def test_a_network_learns_from_it_beside_a_frame():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(600, 2)), columns=["a", "b"])
    X["color"] = rng.choice(["red", "blue"], 600)
    y = np.where(X["a"] * 4 % 2 > 1, "in", "out")
    tree = make_pipeline(
        TabularEncoder(n_bins=0), DecisionTreeClassifier(min_samples_leaf=5)
    )
    union = FeatureUnion(
        [("rows", TabularEncoder()), ("tree", StackingTransformer(tree))]
    )
    params = {"max_epochs": 15, "n_estimators": 3, "random_state": 0}
    train, test = np.arange(400), np.arange(400, 600)
    scores = [
        MixupClassifier(preprocess=how, **params)
        .fit(X.iloc[train], y[train])
        .score(X.iloc[test], y[test])
        for how in ("auto", union)
    ]
    assert scores[1] > scores[0] + 0.1 and scores[1] > 0.85
