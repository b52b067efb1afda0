"""What `MixupNet` learns: labels, indicators, numbers; a classifier as others are."""

import decimal
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.metrics import accuracy_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
)
from sklearn.preprocessing import scale
from skorch.callbacks import BatchScoring, EpochScoring, PassthroughScoring
from skorch.dataset import Dataset, ValidSplit
from skorch.helper import predefined_split
from torch import nn
from torch.nn import functional as F

from skmixup import MixupNet
from skmixup.mixing import ManifoldMixup
from skmixup.stack import StackedMLP
from skmixup.training._criteria import soft_nll_loss

X, Y = load_iris(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(Y))
X = scale(X).astype(np.float32)[ORDER]
Y = Y[ORDER]
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
TWO = np.flatnonzero(Y < 2)


def linear(n_outputs=3, criterion=nn.CrossEntropyLoss, n_columns=4, **params):
    return MixupNet(
        nn.Linear,
        criterion,
        module__in_features=n_columns,
        module__out_features=n_outputs,
        **{"max_epochs": 5, "lr": 0.05, "batch_size": 16, "random_state": 0} | params,
    )


def log_linear():
    return nn.Sequential(nn.Linear(4, 3), nn.LogSoftmax(-1))


def squeezed():
    return nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))


# ---- the kinds of y

EXPECTED = linear().fit(X, Y).predict_proba(X)


@pytest.mark.parametrize(
    "y",
    [
        list(NAMES),
        NAMES.astype(object),
        NAMES[:, None],
        pd.Series(NAMES),
        pd.Series(NAMES, dtype="string"),
        pd.Categorical(NAMES),
        pd.DataFrame({"kind": NAMES}),
    ],
)
def test_labels_of_text_are_learned_and_given_back(y):
    net = linear().fit(X, y)
    assert net.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(net.predict_proba(X), EXPECTED)
    np.testing.assert_array_equal(net.predict(X), net.classes_[EXPECTED.argmax(1)])
    assert net.score(X, y) == accuracy_score(NAMES, net.predict(X)) > 0.5


@pytest.mark.parametrize(
    "y",
    [
        Y[:, None],
        Y.astype(float),
        Y.astype(float)[:, None],
        Y.astype("uint16"),
        Y.astype(">i4"),
        torch.tensor(Y),
        pd.Series(Y, dtype="Int64"),
        pd.Categorical(Y),
    ],
)
def test_class_indices_come_in_any_type_and_in_a_column(y):
    net = linear().fit(X, y)
    assert net.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(net.predict_proba(X), EXPECTED)
    assert net.score(X, y) == net.score(X, Y)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float64])
def test_a_one_hot_matrix_is_its_labels(dtype):
    one_hot = np.eye(3, dtype=dtype)[Y]
    net = linear().fit(X, one_hot)
    assert net.classes_.tolist() == [0, 1, 2]
    np.testing.assert_allclose(net.predict_proba(X), EXPECTED, rtol=1e-5)
    assert net.score(X, one_hot) == net.score(X, Y)


@pytest.mark.parametrize("dtype", [np.int64, bool, np.float32])
def test_an_indicator_matrix_of_outputs_of_their_own(dtype):
    y = np.c_[Y == 0, Y > 0, X[:, 0] > 0].astype(dtype)
    net = linear(criterion=nn.BCEWithLogitsLoss, max_epochs=20).fit(X, y)
    proba = net.predict_proba(X)
    assert proba.shape == (150, 3)
    np.testing.assert_array_equal(net.predict(X), (proba > 0.5).astype(int))
    assert net.score(X, y) == accuracy_score(y.astype(int), net.predict(X)) > 0.5


@pytest.mark.parametrize("y", [Y[TWO], NAMES[TWO], Y[TWO][:, None], Y[TWO] > 0])
@pytest.mark.parametrize("module", [lambda: nn.Linear(4, 1), squeezed])
def test_two_classes_and_one_output(module, y):
    net = MixupNet(module, nn.BCEWithLogitsLoss, max_epochs=10, lr=0.1, random_state=0)
    net.fit(X[TWO], y)
    proba = net.predict_proba(X[TWO])
    assert proba.shape == (100, 2)
    assert roc_auc_score(Y[TWO], proba[:, 1]) > 0.95
    assert net.score(X[TWO], y) > 0.9
    assert len(net.classes_) == 2


def test_one_versus_rest():
    net = linear(criterion=nn.BCEWithLogitsLoss).fit(X, NAMES)
    assert set(net.predict(X)) <= set(NAMES)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (Y + 0.5, "Unknown label type: continuous"),
        (np.where(Y == 1, np.nan, Y), "Input y contains NaN"),
        (pd.Series(Y, dtype="Int64").where(Y > 0), "Input y contains NaN"),
        (np.where(Y == 1, None, NAMES), "Input y contains NaN"),
        (np.arange(450).reshape(150, 3), r"shape \(150, 3\).*one-hot or indicator"),
        (np.zeros((150, 2, 2), dtype=int), "one-hot or indicator"),
        (np.eye(4, dtype=int)[Y], "give y the output's shape"),
        ((Y > 0).astype(object), r"holds \['bool'\]: convert it"),
        ([0, "a"] * 75, r"uniformly strings.*holds \['int', 'str'\]"),
        (np.array([0, "a"] * 75, dtype=object), r"holds \['int', 'str'\]"),
        (NAMES.astype("S"), r"holds \['bytes'\]"),
        (Y + 0j, r"holds \['complex'\]"),
        (torch.tensor(Y + 0j), "complex128"),
        (np.full(150, np.datetime64("2020-01-01")), "uniformly strings"),
    ],
)
def test_targets_that_are_no_classes(y, message):
    with pytest.raises(ValueError, match=message) as caught:
        linear().fit(X, y)
    assert "np." not in str(caught.value)


def test_shares_lie_between_0_and_1():
    with pytest.raises(ValueError, match="takes 0 and 1, and what is between"):
        linear(criterion=nn.BCEWithLogitsLoss).fit(X, X[:, :3])
    with pytest.raises(ValueError, match="Found no rows"):
        linear(criterion=nn.BCEWithLogitsLoss).fit(X[:0], X[:0, :3])


def changed(targets, value):
    targets = np.array(targets, dtype=np.float64)
    targets[3, 1] = value
    return targets


@pytest.mark.parametrize(
    ("criterion", "value", "message"),
    [
        (nn.CrossEntropyLoss, -1e-3, "-0.001 to 1: .*CrossEntropyLoss.* from 0 on"),
        (nn.CrossEntropyLoss(reduction="none"), -1, "criterion=CrossEntropyLoss takes"),
        (partial(nn.CrossEntropyLoss), -1, "criterion=CrossEntropyLoss takes"),
        (nn.NLLLoss, -1, "criterion=NLLLoss takes of each class its share, from 0 on"),
        (nn.BCEWithLogitsLoss, -1, "takes 0 and 1, and what is between"),
        (nn.BCEWithLogitsLoss, 1.5, "0 to 1.5: criterion=BCEWithLogitsLoss takes"),
        (nn.MultiLabelSoftMarginLoss, 1.5, "takes 0 and 1, and what is between"),
        (nn.PoissonNLLLoss, -1, "criterion=PoissonNLLLoss takes numbers from 0 on"),
    ],
)
@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, pd.DataFrame])
@pytest.mark.parametrize("alpha", [0, 1])
def test_losses_without_a_minimum_are_refused(criterion, value, message, kind, alpha):
    module = log_linear if criterion is nn.NLLLoss else nn.Linear(4, 3)
    params = {"alpha": alpha, "max_epochs": 2, "random_state": 0}
    net = MixupNet(module, criterion, **params)
    bad = kind(changed(np.eye(3)[Y], value))
    with pytest.raises(ValueError, match=message):
        net.fit(X, bad)
    net.fit(X, kind(np.eye(3)[Y]))
    with pytest.raises(ValueError, match=message):
        net.partial_fit(X, bad)
    net.set_params(train_split=predefined_split(Dataset(X, np.asarray(bad))))
    with pytest.raises(ValueError, match=message):
        net.fit(X, np.eye(3)[Y])


def test_shares_of_classes_need_not_sum_to_one():
    net = linear().fit(X, 2 * np.eye(3)[Y])
    assert net.score(X, Y) > 0.5


@pytest.mark.parametrize("criterion", [nn.MSELoss, nn.L1Loss, nn.HuberLoss])
def test_numbers_come_in_any_type(criterion):
    number = X[:, :1].round().astype(int)
    net = linear(1, criterion).fit(X, number.astype(float))
    assert net.score(X, number) == r2_score(number, net.predict(X))
    assert not hasattr(net, "classes_")
    for y in (number, [[decimal.Decimal(n)] for n in number.ravel().tolist()]):
        again = linear(1, criterion).fit(X, y)
        np.testing.assert_array_equal(again.predict(X), net.predict(X))
    with pytest.raises(ValueError, match=f"{criterion.__name__} takes numbers as y"):
        linear(1, criterion).fit(X, NAMES)


@pytest.mark.parametrize("y", [X[:, 0], X])
@pytest.mark.parametrize("module", [nn.Linear(4, 1), StackedMLP(4, 1)])
def test_numbers_are_never_broadcast(module, y):
    with pytest.raises(ValueError, match="give y the output's shape"):
        MixupNet(module, nn.MSELoss).fit(X, y)


def test_labels_have_no_neighbors():
    net = MixupNet(nn.Linear(4, 2), partner="target")
    with pytest.raises(ValueError, match="got class labels"):
        net.fit(X, (Y > 0).astype(int))


# ---- labels that are named, and those that come later


def test_labels_named_beforehand():
    signs = np.where(Y > 0, 1, -1)
    net = linear(2).fit(X, signs, classes=[1, -1])
    assert net.classes_.tolist() == [-1, 1]
    assert net.score(X, signs) > 0.9
    named = {"classes": [-1, 1]}
    assert cross_val_score(linear(2), X, signs, params=named).mean() > 0.9


def test_pieces_may_lack_labels_that_were_named():
    first = np.flatnonzero(Y != 1)
    net = linear().partial_fit(X[first], NAMES[first], classes=np.unique(NAMES))
    assert net.predict_proba(X).shape == (150, 3)
    assert net.partial_fit(X, NAMES).score(X, NAMES) > 0.5
    with pytest.raises(ValueError, match="not those of the first call"):
        net.partial_fit(X, NAMES, classes=["setosa", "other"])
    unnamed = linear().partial_fit(X[first], NAMES[first])
    with pytest.raises(ValueError, match=r"holds \['versicolor'\], not among"):
        unnamed.partial_fit(X, NAMES)
    with pytest.raises(ValueError, match=r"holds \[0, 1, 2\], not among the labels"):
        unnamed.partial_fit(X, Y)
    others = np.array([np.str_("other")] * len(Y), dtype=object)
    with pytest.raises(ValueError, match=r"holds \['other'\], not among the labels"):
        unnamed.partial_fit(X, others)


def test_pieces_of_class_indices_go_as_far_as_the_outputs():
    net = linear().partial_fit(X[TWO], Y[TWO])
    assert net.partial_fit(X, Y).classes_.tolist() == [0, 1, 2]
    few = linear(2).partial_fit(X[TWO], Y[TWO])
    with pytest.raises(ValueError, match=r"returns 2 score\(s\).*at least 3"):
        few.partial_fit(X, Y)
    with pytest.raises(ValueError, match="needs at least 3"):
        linear(2).fit(X, NAMES)
    with pytest.raises(ValueError, match="not those of the first call"):
        net.partial_fit(X, NAMES)


def test_fits_forget_labels_and_warm_starts_do_not():
    net = linear().fit(X, NAMES)
    assert net.fit(X, Y).classes_.tolist() == [0, 1, 2]
    warm = linear(warm_start=True).fit(X, NAMES).fit(X, NAMES)
    assert len(warm.history) == 10


def test_outputs_without_a_label_count_for_nothing():
    net = linear(6).fit(X, NAMES)
    assert net.predict_proba(X).shape == (150, 3)
    np.testing.assert_allclose(net.predict_proba(X).sum(1), 1, rtol=1e-5)
    folds = KFold(3)  # of sorted rows: each lacks a label
    scores = cross_val_score(linear(), X[Y.argsort()], np.sort(NAMES), cv=folds)
    assert scores.tolist() == [0, 0, 0]


# ---- scikit-learn's protocols


def test_the_criterion_tells_what_a_net_is():
    for criterion in (nn.CrossEntropyLoss, nn.NLLLoss(), nn.BCEWithLogitsLoss):
        assert is_classifier(linear(criterion=criterion))
    for criterion in (nn.MSELoss, nn.SmoothL1Loss()):
        assert is_regressor(linear(criterion=criterion))
    unknown = linear(criterion=nn.KLDivLoss)
    assert not is_classifier(unknown)
    assert not is_regressor(unknown)
    with pytest.raises(TypeError, match="If no scoring is specified"):
        GridSearchCV(unknown, {"alpha": [0]}).fit(X, np.eye(3)[Y])


@pytest.mark.parametrize("y", [pytest.param(Y, marks=pytest.mark.slow), NAMES])
def test_searches_need_no_scoring(y):
    grid = GridSearchCV(linear(), {"alpha": [0, 0.5], "lr": np.logspace(-3, -1, 2)})
    assert grid.fit(X, y).best_score_ > 0.6
    assert grid.score(X, y) == accuracy_score(y, grid.predict(X))
    np.testing.assert_array_equal(grid.classes_, np.unique(y))
    assert cross_val_score(linear(), X, y, scoring="roc_auc_ovr").min() > 0.5
    proba = cross_val_predict(linear(), X, y, method="predict_proba")
    assert log_loss(y, proba) < np.log(3)
    binary = cross_val_score(linear(2), X[TWO], y[TWO], scoring="roc_auc")
    assert binary.min() > 0.95


@pytest.mark.parametrize("y", [pytest.param(Y, marks=pytest.mark.slow), NAMES])
def test_nets_are_parts_of_other_classifiers(y):
    two = [("a", linear()), ("b", linear(alpha=0))]
    for whole in (
        CalibratedClassifierCV(linear(), cv=3),
        CalibratedClassifierCV(linear(), cv=3, ensemble=False),
        VotingClassifier(two, voting="soft"),
        StackingClassifier(two, cv=3),
    ):
        assert clone(whole).fit(X, y).score(X, y) > 0.6
    how = {"cv": 3, "exploit_incremental_learning": True, "train_sizes": [20, 100]}
    assert learning_curve(linear(), X, y, **how)[2].shape == (2, 3)


def test_scores_of_numbers_are_r2():
    scores = cross_val_score(linear(1, nn.MSELoss, max_epochs=50), X, X[:, :1])
    assert scores.mean() > 0.5


def test_a_net_is_scored_on_its_dataset():
    net = linear().fit(Dataset(X, NAMES), None)
    assert net.score(Dataset(X, NAMES)) == net.score(X, NAMES)
    part = torch.utils.data.Subset(Dataset(X, NAMES), np.arange(30))
    assert net.score(part) == net.score(X[:30], NAMES[:30])
    weighted = net.score(X, NAMES, sample_weight=np.arange(150))
    right = net.predict(X) == NAMES
    assert weighted == pytest.approx(np.average(right, weights=np.arange(150)))


# ---- skorch's callbacks


def higher(scoring, **params):
    return EpochScoring(scoring, lower_is_better=False, **params)


@pytest.mark.parametrize("y", [Y, NAMES])
@pytest.mark.parametrize("stratified", [False, True])
def test_scoring_callbacks_see_clean_labels(y, stratified):
    callbacks = [
        higher("accuracy", name="cached"),
        higher("accuracy", name="predicted", use_caching=False),
        higher(None, name="score"),
        higher("roc_auc_ovr", name="auc"),
        BatchScoring("accuracy", lower_is_better=False, name="by_batch"),
        higher("accuracy", name="train", on_train=True, use_caching=False),
        PassthroughScoring("valid_loss"),
    ]
    split = ValidSplit(5, stratified=stratified)
    net = linear(train_split=split, callbacks=callbacks).fit(X, y)
    last = net.history[-1]
    train, valid = split(net.get_dataset(X, y), y)
    expected = net.score(X[valid.indices], y[valid.indices])
    for name in ("cached", "predicted", "score", "by_batch"):
        assert last[name] == pytest.approx(expected)
    assert last["train"] == net.score(X[train.indices], y[train.indices])
    assert 0 < last["auc"] <= 1


def test_scores_on_two_classes_and_on_a_set_of_its_own():
    split = predefined_split(Dataset(X[TWO][:40], NAMES[TWO][:40]))
    for module, criterion in ((squeezed, nn.BCEWithLogitsLoss), (None, None)):
        params = {"train_split": split, "callbacks": [higher("roc_auc")]}
        params |= {"max_epochs": 5, "lr": 0.1, "random_state": 0}
        net = MixupNet(module or nn.Linear(4, 2), **params)
        if criterion is not None:
            net.set_params(criterion=criterion)
        net.fit(X[TWO][40:], NAMES[TWO][40:])
        assert net.history[-1, "roc_auc"] > 0.95


def test_losses_of_training_pass_through():
    net = linear(callbacks=[PassthroughScoring("train_loss", on_train=True)]).fit(X, Y)
    assert net.history[-1, "train_loss"] == pytest.approx(
        net.history[-1, "mixed_loss"], rel=1e-6
    )


@pytest.mark.parametrize(
    ("callback", "params"),
    [
        (EpochScoring("accuracy", on_train=True), {}),
        (EpochScoring("roc_auc", on_train=True, use_caching=False), {"use_caching": 1}),
        (BatchScoring("accuracy", on_train=True), {}),
    ],
)
def test_mixed_rows_are_not_scored(callback, params):
    with pytest.raises(ValueError, match="would score the mixed rows"):
        linear(callbacks=[callback], **params).fit(X, Y)


# ---- criteria


@pytest.mark.parametrize("mixing", ["input", "cutmix", ManifoldMixup(["0"]), None])
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 4.0])])
def test_nll_on_logarithms_is_cross_entropy_on_scores(mixing, weight):
    params = {"mixing": mixing, "alpha": 0.5, "random_state": 0, "max_epochs": 5}
    params |= {"criterion__weight": weight, "lr": 0.05, "label_smoothing": 0.1}
    nll = MixupNet(log_linear, nn.NLLLoss, **params).fit(X, NAMES, sample_weight=1 + Y)
    entropy = MixupNet(lambda: nn.Sequential(nn.Linear(4, 3)), **params)
    entropy.fit(X, NAMES, sample_weight=1 + Y)
    proba = nll.predict_proba(X)
    np.testing.assert_allclose(proba, entropy.predict_proba(X), atol=1e-5)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(nll.predict(X), nll.classes_[proba.argmax(1)])


@pytest.mark.parametrize("reduction", ["none", "sum"])
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 4.0])])
def test_the_soft_nll_of_labels_is_torchs(reduction, weight):
    scores = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    scores[0, 1] = -torch.inf  # a class that cannot be
    log_proba, y = scores.log_softmax(-1), torch.arange(20) % 3
    criterion = nn.NLLLoss(weight, reduction=reduction)
    found = soft_nll_loss(criterion, log_proba, F.one_hot(y, 3).float())
    torch.testing.assert_close(found, criterion(log_proba, y))


@pytest.mark.parametrize(
    "module",
    [
        lambda: nn.Linear(4, 3),
        lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1)),
        lambda: StackedMLP(4, 3),
    ],
    ids=["scores", "probabilities", "stack"],
)
def test_nll_takes_logarithms_only(module):
    with pytest.raises(ValueError, match=r"LogSoftmax, or .* use CrossEntropyLoss"):
        MixupNet(module, nn.NLLLoss, max_epochs=1).fit(X, Y)


@pytest.mark.parametrize(
    "criterion",
    [
        nn.MultiMarginLoss,
        nn.MultiLabelMarginLoss,
        nn.CTCLoss,
        nn.GaussianNLLLoss,
        nn.CosineEmbeddingLoss,
        nn.TripletMarginLoss,
        nn.BCELoss,  # of outputs that are no probabilities
    ],
)
def test_a_criterion_that_fails_on_soft_targets_is_named(criterion):
    with pytest.raises(ValueError, match=f"{criterion.__name__} fails on the targets"):
        linear(criterion=criterion, max_epochs=1).fit(X, Y)


@pytest.mark.parametrize("criterion", [nn.HingeEmbeddingLoss, nn.SoftMarginLoss])
@pytest.mark.parametrize("made", [lambda c: c, lambda c: c(reduction="none"), partial])
def test_a_criterion_of_signs_is_named(criterion, made):
    targets = np.where(np.eye(3)[Y] > 0, 1.0, -1.0)
    for y in (Y, targets, np.eye(3)[Y]):
        with pytest.raises(ValueError, match=f"{criterion.__name__} takes .* -1 and 1"):
            linear(criterion=made(criterion)).fit(X, y)


@pytest.mark.parametrize("criterion", [nn.KLDivLoss, nn.MultiLabelSoftMarginLoss])
def test_outputs_of_other_criteria_come_as_they_are(criterion):
    module = log_linear if criterion is nn.KLDivLoss else lambda: nn.Linear(4, 3)
    net = MixupNet(module, criterion, max_epochs=5, random_state=0).fit(X, Y)
    outputs = net.forward(X).numpy()
    np.testing.assert_array_equal(net.predict_proba(X), outputs)
    net.predict_nonlinearity = torch.exp
    np.testing.assert_allclose(net.predict_proba(X), np.exp(outputs), rtol=1e-6)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_no_class_is_ignored(criterion):
    with pytest.raises(ValueError, match="ignore_index=1 has no meaning"):
        linear(criterion=criterion, criterion__ignore_index=1).fit(X, Y)
