"""Plots, in scikit-learn's Display convention: arrays are kept, drawing comes late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._sklearn import check_matplotlib_support
from ._typing import Array
from .estimators._base import BaseMixup
from .training._net import MixupNet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def _make_axes(ax: Axes | None, name: str) -> Axes:
    """Return the axes to draw on: those given, or new ones."""
    check_matplotlib_support(f"{name}.plot")
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots()[1]


class AlphaCurveDisplay:
    """A cross-validated score against mixup's α.

    α's are evenly spaced, and a dashed line continues the level of α = 0, which is
    plain training (ERM).

    Parameters
    ----------
    alphas : array-like of shape (n_alphas,)
        Sorted, in [0, inf].
    means : array-like of shape (n_alphas,)
        Mean scores over folds.
    errors : array-like of shape (n_alphas,), default=None
        Their standard errors; None draws no intervals.
    score_name : str, default="score"
        Label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What has been drawn on.
    figure_ : matplotlib Figure
        Its figure.
    line_ : matplotlib Line2D
        The curve.

    See Also
    --------
    AlphaCurveDisplay.from_search : Draw the results of a search.

    Examples
    --------
    >>> from skmixup import AlphaCurveDisplay
    >>> display = AlphaCurveDisplay(
    ...     alphas=[0, 0.2, 1], means=[0.31, 0.25, 0.28], score_name="log-loss"
    ... ).plot()
    >>> display.ax_.get_ylabel()
    'log-loss'
    """

    ax_: Axes
    figure_: Any  # a Figure, or a SubFigure, which has fewer methods
    line_: Line2D

    def __init__(
        self,
        *,
        alphas: ArrayLike,
        means: ArrayLike,
        errors: ArrayLike | None = None,
        score_name: str = "score",
    ) -> None:
        self.alphas = alphas
        self.means = means
        self.errors = errors
        self.score_name = score_name

    def plot(
        self, ax: Axes | None = None, *, name: str | None = None, **kwargs: Any
    ) -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name of the curve in a legend; None for no legend.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        display : AlphaCurveDisplay
            This object.
        """
        self.ax_ = _make_axes(ax, type(self).__name__)
        self.figure_ = self.ax_.figure
        alphas, at = np.asarray(self.alphas), np.arange(np.size(self.alphas))
        style: dict[str, Any] = {"marker": "o", "capsize": 2, "label": name} | kwargs
        drawn = self.ax_.errorbar(at, self.means, self.errors, **style)
        self.line_ = drawn.lines[0]
        if len(at) and alphas[0] == 0:
            self._mark_erm()
        self.ax_.set_xticks(at, [_tick(alpha) for alpha in alphas])
        self.ax_.set(xlabel="α", ylabel=self.score_name)
        if name is not None:
            self.ax_.legend()
        return self

    def _mark_erm(self) -> None:
        color, level = self.line_.get_color(), np.asarray(self.means)[0]
        self.ax_.axhline(level, color=color, linestyle="--", linewidth=0.8, alpha=0.6)
        self.ax_.plot(0, level, "o", color=color, markerfacecolor="white", zorder=3)

    @classmethod
    def from_search(
        cls,
        search: Any,
        *,
        metric: str | None = None,
        ax: Axes | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> Self:
        """Draw the results of a fitted search.

        Where other parameters vary too, each α is shown with the others at their best:
        a maximum over candidates, and so a little too good where there are many.

        Parameters
        ----------
        search : MixupSearchCV, GridSearchCV or one like them
            Fitted, with the `alpha` of one step among its parameters.
        metric : str, default=None
            Which score, if there are several. None is the one that `refit` names.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        name : str, default=None
            Name of the curve in a legend.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.errorbar`.

        Returns
        -------
        display : AlphaCurveDisplay
            Losses (scores named ``"neg_..."``) are drawn with their sign turned back.

        Raises
        ------
        NotFittedError
            If the search is not fitted.
        ValueError
            If the candidates have no `alpha`, or several, or `metric` is unknown.
        """
        check_is_fitted(search, "cv_results_")
        results = search.cv_results_
        alphas = np.asarray(results[_find_alpha(results)], dtype=float)
        metric = _find_metric(search, metric)
        scores = _split_scores(results, metric)
        title = metric if metric != "score" else search.scoring
        title = title if isinstance(title, str) else "score"
        best = [
            rows[np.nanargmax(scores[rows].mean(1))]
            for alpha in np.unique(alphas)
            if len(rows := _usable(scores, alphas == alpha))
        ]
        sign = -1 if title.startswith("neg_") else 1
        display = cls(
            alphas=alphas[best],
            means=sign * scores[best].mean(1),
            errors=stats.sem(scores[best], axis=1) if scores.shape[1] > 1 else None,
            score_name=title.removeprefix("neg_").replace("_", " "),
        )
        return display.plot(ax, name=name, **kwargs)


def _tick(alpha: float) -> str:
    if alpha == 0:
        return "0\n(ERM)"
    return "∞" if np.isinf(alpha) else f"{alpha:g}"


def _find_alpha(results: Mapping[str, Any]) -> str:
    """Return the one column of a search's results that holds α."""
    columns = [key for key in results if key.startswith("param_")]
    found = [key for key in columns if key.split("__")[-1] in ("alpha", "param_alpha")]
    if len(found) != 1:
        names = [key.removeprefix("param_") for key in columns]
        raise ValueError(
            "The candidates must differ in the `alpha` of exactly one step, got "
            f"parameters {names}."
        )
    return found[0]


def _find_metric(search: Any, metric: str | None) -> str:
    """Return the name that a metric has in a search's results."""
    prefix = "mean_test_"
    known = [key.removeprefix(prefix) for key in search.cv_results_ if prefix in key]
    if metric is None:
        metric = search.refit if isinstance(search.refit, str) else known[0]
        if len(known) > 1 and not isinstance(search.refit, str):
            metric = None
    if metric is None or metric not in known:
        raise ValueError(f"metric must be one of {known}, got {metric!r}.")
    return metric


def _split_scores(results: Mapping[str, Any], metric: str) -> Array:
    """Return the scores of all candidates and folds."""
    folds = sorted(
        (key for key in results if key.startswith("split")),
        key=lambda key: int(key[len("split") : key.index("_")]),
    )
    return np.column_stack(
        [results[key] for key in folds if key.endswith(f"_test_{metric}")]
    )


def _usable(scores: Array, mask: Array) -> Array:
    """Return the candidates in a mask of which no fold failed."""
    return np.flatnonzero(mask & np.isfinite(scores).all(1))


class LossCurveDisplay:
    """Loss against epochs: log-loss, or squared error of standardized targets.

    Parameters
    ----------
    curves : dict of str -> array-like of shape (n_epochs,)
        Curves by name. The lowest point of one whose name starts with "validation" is
        marked.

    Attributes
    ----------
    ax_ : matplotlib Axes
        What has been drawn on.
    figure_ : matplotlib Figure
        Its figure.
    lines_ : list of matplotlib Line2D
        One for each curve.

    See Also
    --------
    LossCurveDisplay.from_estimator : Draw the training of a classifier.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import LossCurveDisplay, MixupClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MixupClassifier(max_epochs=5, early_stopping=True, random_state=0)
    >>> display = LossCurveDisplay.from_estimator(clf.fit(X, y))
    >>> [line.get_label() for line in display.lines_]
    ['training, mixed', 'training, clean', 'validation, clean']
    """

    ax_: Axes
    figure_: Any  # a Figure, or a SubFigure, which has fewer methods
    lines_: list[Line2D]

    def __init__(self, *, curves: Mapping[str, ArrayLike]) -> None:
        self.curves = curves

    def plot(self, ax: Axes | None = None, **kwargs: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay
            This object.
        """
        self.ax_ = _make_axes(ax, type(self).__name__)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for name, curve in self.curves.items():
            losses = np.asarray(curve)
            epochs = np.arange(1, len(losses) + 1)
            (line,) = self.ax_.plot(epochs, losses, **{"label": name} | kwargs)
            self.lines_.append(line)
            if name.startswith("validation"):
                best = int(np.argmin(losses))
                self.ax_.plot(best + 1, losses[best], "o", color=line.get_color())
        self.ax_.set(xlabel="epoch", ylabel="loss")
        self.ax_.legend()
        return self

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Axes | None = None, **kwargs: Any
    ) -> Self:
        """Draw the training of a fitted estimator.

        Parameters
        ----------
        estimator : MixupClassifier, MixupRegressor, Pipeline, search or MixupNet
            Fitted; a Pipeline ends in one of them; of a search, the best.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to :meth:`matplotlib.axes.Axes.plot`.

        Returns
        -------
        display : LossCurveDisplay
            The loss on mixed rows, which training minimized; on clean training rows,
            where it is recorded; and on the rows set aside for early stopping.

        Raises
        ------
        TypeError
            If `estimator` is something else.
        NotFittedError
            If it is not fitted.
        """
        if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
            check_is_fitted(estimator)
            if not hasattr(estimator, "best_estimator_"):
                raise ValueError(
                    "Of a search with refit=False there is no best estimator, whose "
                    "training could be drawn: use refit=True."
                )
        last = getattr(estimator, "best_estimator_", estimator)
        last = last[-1] if isinstance(last, Pipeline) else last
        if not isinstance(last, BaseMixup | MixupNet):
            raise TypeError(
                "estimator must be a MixupClassifier, a MixupRegressor, a Pipeline "
                "that ends in one, a search whose best estimator is one, or a "
                f"MixupNet, got {last!r}."
            )
        check_is_fitted(last, "net_" if isinstance(last, BaseMixup) else "module_")
        net = last.net_ if isinstance(last, BaseMixup) else last
        return cls(curves=_loss_curves(net)).plot(ax, **kwargs)


def _loss_curves(net: MixupNet) -> dict[str, Any]:
    """Return the curves that a net has recorded."""
    names = {
        "training, mixed": "mixed_loss",
        "training, clean": "train_loss",
        "validation, clean": "valid_loss",
    }
    history = net.history
    return {
        label: [epoch[name] for epoch in history if name in epoch]
        for label, name in names.items()
        if history and name in history[-1]
    }
