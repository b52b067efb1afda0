"""What `preprocess` may be."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.decomposition import NMF, PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    OneHotEncoder,
    StandardScaler,
    TargetEncoder,
)

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)

from ..helpers import QUICK, UNSEEN, predictions, shops


class LeaveOneOut(TransformerMixin, BaseEstimator):
    """The mean target of a level; of a row that it is fitted on, without the row's."""

    def __init__(self, sparse=False):
        self.sparse = sparse

    def fit(self, X, y):
        self.fit_transform(X, y)
        return self

    def fit_transform(self, X, y):
        y = np.asarray(y, dtype=float)
        level = np.asarray(X).ravel()
        groups = pd.Series(y).groupby(level)
        self.prior_ = y.mean()
        self.means_ = groups.mean()
        total, count = groups.transform("sum"), groups.transform("count")
        without = (total - y + self.prior_) / count
        return without.to_numpy()[:, None]

    def transform(self, X):
        level = pd.Series(np.asarray(X).ravel())
        return level.map(self.means_).fillna(self.prior_).to_numpy()[:, None]


def encoder():
    return make_column_transformer(
        (LeaveOneOut(), ["shop"]), (StandardScaler(), ["size"])
    )


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_a_transformer_learns_as_in_a_pipeline(kind):
    (X, y), (X_new, _) = shops(), shops(seed=1)
    inside = kind(preprocess=encoder(), **QUICK)
    outside = make_pipeline(encoder(), kind(preprocess=None, **QUICK)).fit(X, y)
    expected = predictions(outside, X_new)
    (fit,) = fit_many([inside], X, y)
    search = MixupSearchCV(inside, {"alpha": [0.5]}, cv=2, error_score="raise")
    other = MixupSearchCV(outside, {f"{outside.steps[1][0]}__alpha": [0.5]}, cv=2)
    np.testing.assert_array_equal(predictions(inside.fit(X, y), X_new), expected)
    np.testing.assert_allclose(predictions(fit.estimator, X_new), expected, atol=1e-5)
    np.testing.assert_allclose(
        search.fit(X, y).cv_results_["split0_test_score"],
        other.fit(X, y).cv_results_["split0_test_score"],
        atol=1e-5,
    )


@pytest.mark.filterwarnings("ignore:.TargetEncoder:FutureWarning")
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_a_target_encoder_does_not_tell_a_row_its_target(kind):
    X, y = shops(400)
    columns = [(TargetEncoder(random_state=0), ["shop"]), (StandardScaler(), ["size"])]
    encode = make_column_transformer(*columns)
    seen = []

    class Watched(FunctionTransformer):
        pass

    def look(Z):
        seen.append(Z)
        return Z

    kind(preprocess=make_pipeline(encode, Watched(look)), **QUICK).fit(X, y)
    told = abs(np.corrcoef(seen[0][:, 0], y)[0, 1])
    assert told < 0.2 < abs(np.corrcoef(encode.fit(X, y).transform(X)[:, 0], y)[0, 1])


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_a_warm_start_does_not_tell_a_row_its_target_either(kind, monkeypatch):
    X, y = shops()
    est = kind(preprocess=encoder(), warm_start=True, **QUICK).fit(X, y)
    trained_on = []
    train = est._train
    monkeypatch.setattr(
        est, "_train", lambda plan: trained_on.append(plan.table.X) or train(plan)
    )
    est.fit(X, y)
    expected = encoder().fit_transform(X, y).astype(np.float32)
    assert {*map(tuple, trained_on[0])} == {*map(tuple, expected)}
    X_new, y_new = shops(seed=1)
    est.fit(X_new, y_new)
    np.testing.assert_allclose(
        est.encoder_.transform(X), encoder().fit(X_new, y_new).transform(X)
    )


def test_a_warm_start_keeps_an_encoding_that_does_not_learn_from_y():
    X, y = shops()
    scaler = make_column_transformer((StandardScaler(), ["size"]))
    est = MixupClassifier(preprocess=scaler, warm_start=True, **QUICK).fit(X, y)
    before = est.encoder_.transform(X)
    est.fit(X.assign(size=X["size"] * 100), y)
    np.testing.assert_array_equal(est.encoder_.transform(X), before)


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize(
    "transformer",
    [
        NMF(3, init="random", max_iter=20_000, tol=1e-2),
        PCA(2),
        FunctionTransformer(np.log1p),
        KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"),
        LinearDiscriminantAnalysis(),
        SelectKBest(k=2),
    ],
    ids=lambda t: type(t).__name__,
)
def test_a_warm_start_keeps_the_encoding_of_what_does_not_cross_fit(kind, transformer):
    """Random as it may be, or learned from y: the net's inputs stay what they were."""
    X, y = load_iris(return_X_y=True)
    est = kind(preprocess=transformer, warm_start=True, **QUICK).fit(X, y)
    before = est.encoder_
    est.set_params(lr=1e-12, max_epochs=1).fit(X, y)
    assert est.encoder_ is before


@pytest.mark.parametrize("amount", [3.0, 5e4, 1e12])
@pytest.mark.parametrize("sparse_output", [False, True])
def test_a_large_column_does_not_hide_an_encoder_that_learns(amount, sparse_output):
    X, y = shops()
    X.loc[0, "size"] = amount
    encode = make_column_transformer((LeaveOneOut(), ["shop"]), remainder="passthrough")
    if sparse_output:
        encode = make_pipeline(encode, FunctionTransformer(sparse.csr_matrix))
    est = MixupClassifier(preprocess=encode, warm_start=True, **QUICK).fit(X, y)
    before = est.encoder_
    est.fit(X, y)
    assert est.encoder_ is not before


def test_a_warm_start_with_other_columns_says_so_and_loses_nothing():
    X, y = shops()
    encode = make_column_transformer(
        (LeaveOneOut(), ["shop"]), (OneHotEncoder(handle_unknown="ignore"), ["size"])
    )
    X["size"] = X["size"].round(0)
    est = MixupClassifier(preprocess=encode, warm_start=True, **QUICK).fit(X, y)
    before = est.predict_proba(X)
    few = X["size"] < 1
    with pytest.raises(ValueError, match=r"columns, and \d+ in the last fit"):
        est.fit(X[few], y[few])
    np.testing.assert_array_equal(est.predict_proba(X), before)


def test_weights_reach_a_transformer_that_takes_them():
    X, y = shops()
    weight = np.arange(len(y)) % 3
    method = {"quantile_method": "averaged_inverted_cdf"}
    bins = KBinsDiscretizer(4, encode="ordinal", **method)
    encode = make_column_transformer((bins, ["size"]))
    inside = MixupClassifier(preprocess=bins, **QUICK)
    inside.fit(X[["size"]], y, sample_weight=weight)
    own = sklearn.clone(bins).fit(X[["size"]][weight > 0], None, weight[weight > 0])
    np.testing.assert_array_equal(inside.encoder_.bin_edges_[0], own.bin_edges_[0])
    MixupClassifier(preprocess=encode, **QUICK).fit(X, y, sample_weight=weight)


class WeighedFitOnly(LeaveOneOut):
    """Takes weights in `fit`, and none in `fit_transform`."""

    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


def test_cross_fitting_comes_before_weights():
    X, y = shops()
    weight = np.arange(len(y)) % 3 + 1
    plain, weighed = (
        MixupClassifier(preprocess=kind(), **QUICK).fit(X[["shop"]], y, weight)
        for kind in (LeaveOneOut, WeighedFitOnly)
    )
    np.testing.assert_array_equal(
        plain.predict_proba(X[["shop"]]), weighed.predict_proba(X[["shop"]])
    )


@pytest.mark.parametrize(
    ("returns", "message"),
    [
        (lambda X: X[:-1], r"shape \(119, 1\) for 120 rows"),
        (lambda X: X[[0]], r"shape \(1, 1\) for 120 rows"),
        (lambda X: X[:, 0], r"shape \(120,\) for 120 rows"),
        (lambda X: X[..., None], r"shape \(120, 1, 1\) for 120 rows"),
        (lambda X: X.astype(str), "shape|no numbers|NaN"),
        (lambda X: np.full(X.shape, "a"), "returned what are no numbers"),
        (lambda X: X * np.nan, "NaN or infinity"),
    ],
)
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_what_a_transformer_returns_is_checked(returns, message, kind):
    X, y = shops()
    X = X[["size"]].to_numpy()
    est = kind(preprocess=FunctionTransformer(returns), **QUICK)
    if returns(X).dtype.kind == "U" and returns(X)[0, 0] != "a":
        assert np.isfinite(est.fit(X, y).predict(X)).all()  # numbers as text
        return
    with pytest.raises(ValueError, match=f"preprocess=.*{message}"):
        est.fit(X, y)
    assert not hasattr(est, "net_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_bins": None}, "'n_bins' parameter of TabularEncoder"),
        ({"n_bins": -1}, "'n_bins' parameter of TabularEncoder"),
        ({"min_frequency": 2.5}, "'min_frequency' parameter of TabularEncoder"),
        ({"max_categories": 0}, "'max_categories' parameter of TabularEncoder"),
    ],
)
@pytest.mark.parametrize(
    "nest", [lambda t: t, make_pipeline, lambda t: make_column_transformer((t, [0, 1]))]
)
def test_parameters_of_a_nested_transformer_are_checked(params, message, nest):
    X, y = shops()
    preprocess = nest(TabularEncoder(**params))
    clf = MixupClassifier(preprocess=preprocess, **QUICK)
    uses = [
        lambda: MixupClassifier(preprocess=preprocess, **QUICK).fit(X, y),
        lambda: MixupRegressor(preprocess=preprocess, **QUICK).fit(X, y),
        lambda: clf.partial_fit(X, y, classes=[0, 1]),
        lambda: MixupSearchCV(
            MixupClassifier(preprocess=preprocess, **QUICK),
            {"alpha": [0]},
            error_score="raise",
        ).fit(X, y),
    ]
    for use in uses:
        with pytest.raises(ValueError, match=message):
            use()
    (fit,) = fit_many([MixupClassifier(preprocess=preprocess, **QUICK)], X, y)
    assert message in str(fit.error)


@UNSEEN
@pytest.mark.parametrize("output", ["pandas", "polars", "default"])
@pytest.mark.parametrize("preprocess", ["auto", TabularEncoder(), encoder()])
def test_a_users_output_setting_is_no_matter(output, preprocess):
    pytest.importorskip(output) if output != "default" else None
    X, y = shops()
    fitted = MixupClassifier(preprocess=preprocess, **QUICK).fit(X, y)
    expected = fitted.predict_proba(X)
    search = MixupSearchCV(
        MixupClassifier(preprocess=preprocess, **QUICK), {"alpha": [0, 1]}, cv=2
    ).fit(X, y)
    with sklearn.config_context(transform_output=output):
        again = MixupClassifier(preprocess=preprocess, **QUICK).fit(X, y)
        within = sklearn.clone(search).fit(X, y)
        np.testing.assert_array_equal(fitted.predict_proba(X), expected)
        np.testing.assert_array_equal(again.predict_proba(X), expected)
        np.testing.assert_array_equal(within.predict_proba(X), search.predict_proba(X))
    np.testing.assert_array_equal(again.predict_proba(X), expected)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_a_wide_table_as_a_frame_is_dense(output, monkeypatch):
    pytest.importorskip(output)
    monkeypatch.setattr("skmixup.encoding._encoder._DENSE_VALUES", 100)
    X, y = shops()
    plain = TabularEncoder().fit_transform(X)
    assert plain.format == "csr"
    with sklearn.config_context(transform_output=output):
        framed = TabularEncoder().fit_transform(X)
        clf = MixupClassifier(**QUICK).fit(X, y)
    assert framed.shape == plain.shape
    np.testing.assert_array_equal(np.asarray(framed), plain.toarray())
    assert clf.predict(X).shape == y.shape
