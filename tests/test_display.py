"""Displays: what is drawn is what the search and the classifier hold."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixup import (
    AlphaCurveDisplay,
    LossCurveDisplay,
    MixupClassifier,
    MixupNet,
    MixupRegressor,
    MixupSearchCV,
)

plt = pytest.importorskip("matplotlib.pyplot")
X, y = load_iris(return_X_y=True)
CLF = MixupClassifier((8,), max_epochs=4, early_stopping=False, random_state=0)


@pytest.fixture(autouse=True)
def figures():
    yield
    plt.close("all")


def search(grid, estimator=CLF, cls=MixupSearchCV, **kwargs):
    kwargs = {"cv": 3, "scoring": "neg_log_loss"} | kwargs
    return cls(estimator, grid, **kwargs).fit(X, y)


@pytest.mark.parametrize("cls", [MixupSearchCV, GridSearchCV])
def test_curve_is_the_searchs(cls):
    fitted = search({"alpha": [np.inf, 0, 0.5]}, cls=cls)
    display = AlphaCurveDisplay.from_search(fitted)
    assert list(display.alphas) == [0, 0.5, np.inf]
    results = fitted.cv_results_
    assert_allclose(display.means, -results["mean_test_score"][[1, 2, 0]])
    expected = results["std_test_score"][[1, 2, 0]] / np.sqrt(2)
    assert_allclose(display.errors, expected)
    assert_allclose(display.line_.get_ydata(), display.means)
    ticks = [tick.get_text() for tick in display.ax_.get_xticklabels()]
    assert ticks == ["0\n(ERM)", "0.5", "∞"]
    assert display.ax_.get_ylabel() == "log loss"


def test_other_parameters_are_at_their_best():
    grid = {"mixupclassifier__alpha": [0, 1], "mixupclassifier__lr": [1e-5, 1e-2]}
    fitted = search(grid, make_pipeline(StandardScaler(), CLF), scoring="accuracy")
    display = AlphaCurveDisplay.from_search(fitted, name="iris")
    scores = fitted.cv_results_["mean_test_score"].reshape(2, 2)
    assert_allclose(display.means, scores.max(1))
    assert display.ax_.get_ylabel() == "accuracy"
    assert display.ax_.get_legend().get_texts()[0].get_text() == "iris"


def test_candidates_that_failed_are_left_out():
    with pytest.warns(match="fits failed|non-finite"):
        fitted = search({"alpha": [0, -1, 0.5]})
    assert list(AlphaCurveDisplay.from_search(fitted).alphas) == [0, 0.5]


def test_one_of_several_metrics():
    scoring = ["accuracy", "neg_log_loss"]
    fitted = search({"alpha": [0, 1]}, scoring=scoring, refit="neg_log_loss")
    results = fitted.cv_results_
    display = AlphaCurveDisplay.from_search(fitted)
    assert_allclose(display.means, -results["mean_test_neg_log_loss"])
    display = AlphaCurveDisplay.from_search(fitted, metric="accuracy")
    assert_allclose(display.means, results["mean_test_accuracy"])
    with pytest.raises(ValueError, match=r"one of \['accuracy', .* got 'f1'"):
        AlphaCurveDisplay.from_search(fitted, metric="f1")
    fitted.refit = False
    with pytest.raises(ValueError, match="got None"):
        AlphaCurveDisplay.from_search(fitted)


def test_search_without_alpha_is_refused():
    with pytest.raises(ValueError, match=r"exactly one step, got parameters \['lr'\]"):
        AlphaCurveDisplay.from_search(search({"lr": [1e-3]}))


def test_unfitted_search_is_refused():
    with pytest.raises(NotFittedError):
        AlphaCurveDisplay.from_search(MixupSearchCV(CLF, {"alpha": [0]}))


def test_two_curves_on_given_axes():
    figure, ax = plt.subplots()
    for name in ("a", "b"):
        display = AlphaCurveDisplay(alphas=[0, 1], means=[1.0, 2.0])
        assert display.plot(ax, name=name, linestyle=":") is display
        assert display.figure_ is figure
    assert len(ax.get_legend().get_texts()) == 2
    assert len(plt.get_fignums()) == 1


def test_loss_curves_are_the_classifiers():
    clf = make_pipeline(StandardScaler(), CLF).fit(X, y)
    display = LossCurveDisplay.from_estimator(clf)
    curves = {line.get_label(): line.get_ydata() for line in display.lines_}
    assert_allclose(curves["training, mixed"], clf[-1].loss_curve_)
    assert "validation, clean" not in curves
    assert list(display.lines_[0].get_xdata()) == [1, 2, 3, 4]


def test_loss_curves_of_a_regressor():
    reg = MixupRegressor((8,), max_epochs=4, random_state=0).fit(X, y)
    display = LossCurveDisplay.from_estimator(reg)
    assert "validation, clean" in {line.get_label() for line in display.lines_}
    assert display.ax_.get_ylabel() == "loss"


def test_loss_curves_of_a_search_and_of_a_net():
    fitted = search({"alpha": [0, 1.0]})
    expected = fitted.best_estimator_.loss_curve_
    for estimator in (fitted, fitted.best_estimator_.net_):
        lines = LossCurveDisplay.from_estimator(estimator).lines_
        curves = {line.get_label(): line.get_ydata() for line in lines}
        assert_allclose(curves["training, mixed"], expected)
    for other in (MixupNet(torch.nn.Linear), MixupSearchCV(CLF, {})):
        with pytest.raises(NotFittedError):
            LossCurveDisplay.from_estimator(other)
    with pytest.raises(ValueError, match="use refit=True"):
        LossCurveDisplay.from_estimator(search({"alpha": [0]}, refit=False))
    with pytest.raises(TypeError, match="got FoldEnsemble"):
        LossCurveDisplay.from_estimator(search({"alpha": [0]}, keep_folds=True))


def test_lowest_validation_loss_is_marked():
    display = LossCurveDisplay(curves={"validation, clean": [3.0, 1.0, 2.0]}).plot()
    marker = display.ax_.lines[-1]
    assert (list(marker.get_xdata()), list(marker.get_ydata())) == ([2], [1.0])


@pytest.mark.parametrize("other", [LogisticRegression(), "clf"])
def test_other_estimators_are_refused(other):
    with pytest.raises(
        TypeError, match="must be a MixupClassifier, a MixupRegressor, a Pipeline"
    ):
        LossCurveDisplay.from_estimator(other)


def test_unfitted_classifier_is_refused():
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(MixupClassifier())
