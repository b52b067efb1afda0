"""Categories of many levels, which the estimators embed."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skmixup import (
    MixupClassifier,
    MixupRegressor,
    MixupSearchCV,
    TabularEncoder,
    fit_many,
)
from skmixup.mixing import CutMix, InputMixup, ManifoldMixup

from ..helpers import QUICK, UNSEEN, predictions

N_LEVELS = 60


def visits(n=240, seed=0):
    """A shop of many, which tells half of y, a day, a size, and what y is."""
    rng = np.random.default_rng(seed)
    shop = rng.integers(0, N_LEVELS, n)
    size = rng.normal(size=n)
    X = pd.DataFrame(
        {
            "shop": np.where(shop == 0, None, shop.astype(str).astype(object)),
            "size": size,
            "day": rng.choice(["Mon", "Tue"], n),
        }
    )
    return X, (shop % 2 + 0.5 * size + 0.1 * rng.normal(size=n) > 0.5).astype(int)


def is_embedded(estimator):
    return estimator.net_.module_.embedding is not None


@UNSEEN
@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("mixing", ["input", "cutmix", "manifold", "noise", None])
def test_all_mixing_learns_from_levels(kind, mixing):
    X, y = visits()
    params = QUICK | {"max_epochs": 30, "mixing": mixing, "alpha": 0.2}
    fitted = kind(**params).fit(X, y)
    assert is_embedded(fitted)
    assert fitted.n_levels_ == (X["shop"].nunique() + 1,)
    blind = fitted.score(X.assign(shop="another"), y)
    assert fitted.score(X, y) > blind + 0.1


def test_levels_are_one_hot_where_the_encoder_stands_before_the_estimator():
    X, y = visits()
    after = MixupClassifier(preprocess=None, **QUICK)
    before = make_pipeline(TabularEncoder(), after).fit(X, y)
    assert not is_embedded(before[-1])
    inside = MixupClassifier(preprocess=TabularEncoder(), **QUICK).fit(X, y)
    assert is_embedded(inside)
    never = TabularEncoder(max_one_hot_levels=None)
    plain = MixupClassifier(preprocess=never, **QUICK).fit(X, y)
    np.testing.assert_array_equal(before.predict_proba(X), plain.predict_proba(X))


class Doubled(InputMixup):
    """A mixer of somebody else's, who expects numbers."""

    def mix(self, X, X_partner, lam):
        return super().mix(X * 1.0, X_partner, lam)


@pytest.mark.parametrize(
    ("mixing", "embeds"),
    [
        (InputMixup(), True),
        (CutMix(), True),
        (ManifoldMixup(layers=["layers.1"]), True),
        (Doubled(), False),
        (CutMix(groups=np.arange(66)), False),
    ],
)
def test_mixers_that_know_no_codes_get_one_hot_rows(mixing, embeds):
    X, y = visits()
    clf = MixupClassifier(mixing=mixing, **QUICK)
    clf.fit(X, y)
    assert is_embedded(clf) == embeds
    fits = list(fit_many([clf, clone(clf).set_params(mixing="input")], X, y))
    for fit in fits:
        assert fit.error is None
    again = clone(clf).set_params(mixing="input", warm_start=True).fit(X, y)
    again.set_params(mixing=mixing)
    if isinstance(mixing, Doubled):
        with pytest.raises(ValueError, match="max_one_hot_levels=None"):
            again.fit(X, y)


class Hears(Callback):
    """Has the net take its steps by autograd, and looks at the batches."""

    def on_batch_end(self, net, batch, training, **kwargs):
        assert batch[0].shape[-1] == net.module_.n_features[0]


@pytest.mark.parametrize("mixing", ["input", "cutmix", "noise", InputMixup(reach=0.5)])
def test_a_fit_that_is_heard_is_the_same(mixing):
    X, y = visits()
    clf = MixupClassifier(mixing=mixing, alpha=0.4, **QUICK).fit(X, y)
    heard = clone(clf).set_params(callbacks=[("hears", Hears())]).fit(X, y)
    expected = clf.predict_proba(X)
    np.testing.assert_allclose(heard.predict_proba(X), expected, atol=1e-5)


@UNSEEN
def test_rows_of_an_unknown_level_are_all_alike():
    X, y = visits()
    clf = MixupClassifier(**QUICK).fit(X, y)
    some, other = (clf.predict_proba(X.assign(shop=name)) for name in ("?", "!"))
    np.testing.assert_array_equal(some, other)
    missing = clf.predict_proba(X.assign(shop=None))
    assert not np.allclose(some, missing)  # missing is a level of its own


def test_a_rows_prediction_depends_on_that_row_only():
    X, y = visits()
    clf = MixupClassifier(**QUICK).fit(X, y)
    whole = clf.predict_proba(X)
    # In double precision, where a product of one row sums in an order of its own.
    close = {"rtol": 1e-12}
    np.testing.assert_allclose(clf.predict_proba(X[100:101]), whole[100:101], **close)
    np.testing.assert_allclose(clf.predict_proba(X[::-1])[::-1], whole, **close)


def test_it_survives_a_pickle_and_goes_on_alike():
    X, y = visits()
    clf = MixupClassifier(warm_start=True, **QUICK).fit(X, y)
    copy = pickle.loads(pickle.dumps(clf))
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))
    for net in (clf, copy):
        net.fit(X, y)
    np.testing.assert_array_equal(copy.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
def test_pieces_are_learned_from_also_those_with_new_levels(kind):
    X, y = visits(600)
    model = kind(**QUICK)
    known = {"classes": [0, 1]} if kind is MixupClassifier else {}
    model.partial_fit(X[:300], y[:300], **known)
    n_levels = model.n_levels_
    for _ in range(3):
        model.partial_fit(X[300:].assign(shop=X["shop"][300:] + "*"), y[300:])
        model.partial_fit(X[:300], y[:300])
    assert model.n_levels_ == n_levels == (X["shop"][:300].nunique() + 1,)
    assert not model.net_.module_.embedding.weight[:, 0].any()  # of no level
    assert np.isfinite(predictions(model, X)).all()


@UNSEEN
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_a_weight_is_as_many_copies(alpha):
    X, y = visits()
    weight = np.random.default_rng(0).integers(0, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    params = QUICK | {"early_stopping": False, "alpha": alpha}
    weighted = MixupClassifier(**params).fit(X, y, sample_weight=weight)
    copied = MixupClassifier(**params).fit(X.iloc[copies], y[copies])
    expected = copied.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, atol=1e-6)


def test_rows_of_a_member_are_the_same_in_a_stack_of_folds():
    """Folds differ in their levels, and so in the height of their embeddings."""
    X, y = visits()
    folds = [train for train, _ in StratifiedKFold(3).split(X, y)]
    nets = [MixupClassifier(alpha=a, **QUICK) for a in (0.0, 0.4) for _ in folds]
    fits = list(fit_many(nets, X, y, rows=folds * 2))
    assert len({fit.estimator.n_levels_ for fit in fits}) > 1
    for fit in fits:
        rows = folds[fit.index % 3]
        alone = clone(nets[fit.index]).fit(X.iloc[rows], y[rows])
        expected = alone.predict_proba(X)
        np.testing.assert_allclose(fit.estimator.predict_proba(X), expected, atol=1e-4)


@pytest.mark.slow
def test_a_search_over_folds_is_that_of_single_fits():
    X, y = visits()
    one_hot = TabularEncoder(max_one_hot_levels=None)
    grid = {"alpha": [0.0, 0.4], "preprocess": ["auto", one_hot]}
    search = MixupSearchCV(
        MixupClassifier(**QUICK), grid, cv=3, scoring="neg_log_loss"
    ).fit(X, y)
    found = search.cv_results_
    for i, params in enumerate(found["params"]):
        for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, y)):
            alone = MixupClassifier(**QUICK | params).fit(X.iloc[train], y[train])
            loss = log_loss(y[test], alone.predict_proba(X.iloc[test]))
            assert found[f"split{fold}_test_score"][i] == pytest.approx(-loss, abs=1e-4)


def test_wide_tables_hold_codes_in_csr(monkeypatch):
    X, y = visits()
    monkeypatch.setattr("skmixup.encoding._encoder._DENSE_VALUES", 0)
    wide = X.assign(**{f"day{i}": X["day"] + X["shop"].str[:1] for i in range(5)})
    few = MixupClassifier(**QUICK).fit(wide, y)
    rows = few.encoder_._transform_coded(wide)
    assert sparse.issparse(rows)
    assert is_embedded(few)
    monkeypatch.undo()
    expected = clone(few).fit(wide, y).predict_proba(wide)
    np.testing.assert_allclose(few.predict_proba(wide), expected, atol=1e-5)


@UNSEEN
def test_folds_in_which_other_columns_are_embedded_are_fitted_apart():
    X, y = visits()
    days = np.where(np.arange(len(X)) < 120, X["day"], X.index.astype(str))
    X["day"] = days.astype(object)
    rows = [np.arange(120), np.arange(240)]
    fits = list(fit_many([MixupClassifier(**QUICK)] * 2, X, y, rows=rows))
    assert sorted(len(fit.estimator.n_levels_) for fit in fits) == [1, 2]
    for fit in fits:
        own = rows[fit.index]
        alone = MixupClassifier(**QUICK).fit(X.iloc[own], y[own])
        expected = alone.predict_proba(X)
        np.testing.assert_allclose(fit.estimator.predict_proba(X), expected, atol=1e-4)


def test_transform_is_one_hot_with_names_whatever_a_network_makes_of_it():
    X, y = visits()
    encoder = MixupClassifier(**QUICK).fit(X, y).encoder_
    names = encoder.get_feature_names_out()
    levels = [name for name in names if name.startswith("shop_")]
    assert len(levels) == X["shop"].nunique() + 1 == encoder.n_levels_[0]
    assert encoder.embedded_columns_.tolist() == [0]
    frame = clone(encoder).set_output(transform="pandas").fit_transform(X)
    assert (frame[levels].sum(axis=1) == 1).all()


def test_codes_tell_what_the_one_hot_columns_tell():
    X, _ = visits()
    encoder = TabularEncoder(n_bins=0).fit(X[:200])
    rows, coded = encoder.transform(X), encoder._transform_coded(X)
    names = encoder.get_feature_names_out()
    shops = [i for i, name in enumerate(names) if name.startswith("shop_")]
    others = [i for i in range(len(names)) if i not in shops]
    np.testing.assert_array_equal(coded[:, 1:], rows[:, others])
    expected = np.where(
        rows[:, shops].any(axis=1), rows[:, shops].argmax(axis=1) + 1, 0
    )
    np.testing.assert_array_equal(coded[:, 0], expected)
    assert encoder.coded_groups_.tolist() == [0, *encoder.column_groups_[others]]


@pytest.mark.parametrize(("limit", "embeds"), [(60, False), (59, True), (0, True)])
def test_the_limit_is_a_parameter(limit, embeds):
    X, y = visits()
    X["shop"] = (np.arange(len(X)) % 60).astype(str).astype(object)
    encoder = TabularEncoder(max_one_hot_levels=limit)
    clf = MixupClassifier(preprocess=encoder, **QUICK).fit(X, y)
    assert is_embedded(clf) == embeds
    assert len(clf.n_levels_) == (2 if limit == 0 else embeds)


def test_rare_levels_may_be_grouped_and_embedded():
    X, y = visits()
    encoder = TabularEncoder(max_one_hot_levels=5, min_frequency=4)
    clf = MixupClassifier(preprocess=encoder, **QUICK).fit(X, y)
    assert is_embedded(clf)
    n_common = (X["shop"].fillna("").value_counts() >= 4).sum()
    assert clf.n_levels_ == (n_common + 1,)
    rare = X["shop"].value_counts().idxmin()
    unknown = clf.predict_proba(X.assign(shop="?"))
    np.testing.assert_array_equal(clf.predict_proba(X.assign(shop=rare)), unknown)


@pytest.mark.parametrize("kind", [MixupClassifier, MixupRegressor])
@pytest.mark.parametrize("columns", [["size", "day"], ["shop", "size"]])
def test_results_do_not_depend_on_the_number_of_threads(kind, columns):
    """Bit for bit, with levels embedded and without."""
    X, y = visits()
    X, params = X[columns], {"n_estimators": 5, "max_epochs": 8, "random_state": 0}
    one, three = (kind(n_jobs=n, **params).fit(X, y) for n in (None, 3))
    assert is_embedded(one) == ("shop" in columns)
    np.testing.assert_array_equal(predictions(one, X), predictions(three, X))
    for mine, theirs in zip(one.net_.history, three.net_.history, strict=True):
        assert mine["valid_loss"] == theirs["valid_loss"]
