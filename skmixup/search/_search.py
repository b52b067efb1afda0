"""Searches over hyperparameters that train all candidates of all folds in stacks."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.model_selection import (
    GridSearchCV,
    ParameterGrid,
    ParameterSampler,
    RandomizedSearchCV,
    check_cv,
)
from sklearn.utils import get_tags, indexable

from .._sklearn import (
    Interval,
    MultimetricScorer,
    StrOptions,
    check_method_params,
    fit_and_score,
    fit_context,
    insert_error_scores,
    safe_split,
    score_estimator,
    warn_or_raise_about_fit_failures,
)
from .._typing import CV, Array, MatrixLike, Mixin, RandomState
from ..encoding._checks import as_table
from ..estimators._preprocess import last_step
from ..estimators._targets import check_labels
from ..training._halving import SuccessiveHalving
from ..training._joint import JointTraining
from ._ensemble import FoldEnsemble, FoldEnsembleRegressor
from ._fit_many import (
    can_stack,
    check_kind,
    fit_stacked,
    is_own,
    stop_if_interrupted,
)

Scoring: TypeAlias = (
    str | Callable[..., Any] | Sequence[str] | Mapping[str, Callable[..., Any]] | None
)


@dataclass(eq=False)
class _Cell:
    """One candidate on one fold."""

    estimator: Any
    train: np.ndarray
    test: np.ndarray
    candidate: int
    n_epochs: int = 0  # that it was trained for
    dropped_at: int | None = None
    result: Any = None  # as scikit-learn's _fit_and_score returns it


@dataclass(eq=False)
class _Data:
    """The rows, and what goes with them to `fit` and to the scorers."""

    X: Any
    y: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]
    scorers: Any


class _StackedSearch(Mixin):
    """What both searches add to scikit-learn's: the evaluation of the candidates."""

    _parameter_constraints = {  # noqa: RUF012
        "max_members": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "keep_folds": ["boolean"],
        "factor": [Interval(Real, 1, None, closed="neither"), None],
        "min_resources": [Interval(Integral, 1, None, closed="left")],
    }

    cv_results_: dict[str, Any]
    best_estimator_: Any
    best_score_: float
    best_params_: dict[str, Any]
    best_index_: int
    scorer_: Any
    n_splits_: int
    refit_time_: float
    multimetric_: bool

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: MatrixLike, y: MatrixLike | None = None, **params: Any) -> Self:
        """Train all candidates of all folds, and the best one on all rows.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Labels, an indicator matrix, or numbers.
        **params : dict of str -> object
            Passed to the estimator's `fit` (``sample_weight``; to a Pipeline as
            ``STEP__sample_weight``), to the splitter (``groups``) and to the scorer, as
            in :class:`sklearn.model_selection.GridSearchCV`.

        Returns
        -------
        self : object
            The fitted search.
        """
        check_kind(self.estimator, "estimator")
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(as_table(X), y)
        if is_classifier(self.estimator) and y is not None and not sparse.issparse(y):
            check_labels(y)  # the splitter's own error would say nothing
        params = check_method_params(X, params=params)
        routed = self._get_routed_params_for_fit(params)
        cv = check_cv(self.cv, y, classifier=is_classifier(self.estimator))
        self.n_splits_ = cv.get_n_splits(X, y, **routed.splitter.split)
        splits = list(cv.split(X, y, **routed.splitter.split))
        if len(splits) != self.n_splits_:
            raise ValueError(
                "cv.split and cv.get_n_splits return inconsistent results. Expected "
                f"{self.n_splits_} splits, got {len(splits)}"
            )
        candidates = list(self._candidates())
        if not candidates:
            raise ValueError("No fits were performed. Were there no candidates?")
        if self.verbose > 0:
            print(
                f"Fitting {self.n_splits_} folds for each of {len(candidates)} "
                f"candidates, totalling {self.n_splits_ * len(candidates)} fits"
            )
        splits = [tuple(map(np.asarray, split)) for split in splits]
        cells = [
            self._make_cell(parameters, train, test, candidate)
            for candidate, parameters in enumerate(candidates)
            for train, test in splits
        ]
        data = _Data(X, y, routed.estimator.fit, routed.scorer.score, scorers)
        stacked = [cell for cell in cells if can_stack(cell.estimator)]
        self._evaluate_stacks(stacked, data)
        others = [cell for cell in cells if cell.result is None]
        self._evaluate_jointly([c for c in others if not is_own(c.estimator)], data)
        self._evaluate_others([cell for cell in others if cell.result is None], data)
        out = [cell.result for cell in cells]
        warn_or_raise_about_fit_failures(out, self.error_score)
        if callable(self.scoring):
            insert_error_scores(out, self.error_score)
        results = self._format_results(candidates, self.n_splits_, out)
        if self.factor is not None:
            self._note_halving(results, cells)
        self._choose(results, out, refit_metric)
        if self.refit:
            self._refit(cells, data)
        is_many = isinstance(scorers, MultimetricScorer)
        self.scorer_ = scorers._scorers if is_many else scorers
        self.cv_results_ = results
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        own = get_tags(self.estimator)
        tags.input_tags, tags.target_tags = own.input_tags, own.target_tags
        return tags

    # ---- training and scoring

    def _make_cell(
        self, parameters: dict[str, Any], train: Array, test: Array, candidate: int
    ) -> _Cell:
        estimator = clone(self.estimator).set_params(**clone(parameters, safe=False))
        if self.factor is not None and not is_own(estimator):
            raise ValueError(
                f"factor={self.factor} drops candidates from the stack that are a "
                "MixupClassifier, a MixupRegressor or a Pipeline that ends in one, got "
                f"{estimator!r}: use factor=None."
            )
        last = last_step(estimator)[1]
        if self.factor is not None and last.early_stopping is False:
            raise ValueError(
                f"factor={self.factor} drops candidates by their loss on rows that are "
                f"set aside, and with early_stopping=False there are none, got "
                f"{parameters}: use early_stopping=True, or factor=None."
            )
        return _Cell(estimator, train, test, candidate)

    def _evaluate_stacks(self, cells: list[_Cell], data: _Data) -> None:
        """Train cells together, and score each as soon as it is trained."""
        halving = None
        if self.factor is not None:
            halving = SuccessiveHalving(self.factor, self.min_resources)
        trained = fit_stacked(
            [cell.estimator for cell in cells],
            [cell.train for cell in cells],
            data.X,
            data.y,
            data.fit_params,
            look=lambda estimator, plan: (estimator.n_iter_, plan.dropped_at),
            halving=halving,
            candidates=[cell.candidate for cell in cells],
            n_jobs=self.n_jobs,
            max_members=self.max_members,
            verbose=self.verbose,
        )
        for i, estimator, seconds, error, seen in trained:
            cell = cells[i]
            if error is not None:
                self._fail(cell, data, seconds, error)
                continue
            cell.n_epochs, cell.dropped_at = seen
            cell.estimator = estimator
            self._score(cell, data, seconds)
            if not self.keep_folds:
                cell.estimator = None  # so that memory does not grow with the grid

    def _fail(self, cell: _Cell, data: _Data, seconds: float, error: Exception) -> None:
        """Give a cell that failed the error score, or raise."""
        if self.error_score == "raise":
            raise error
        failed = self.error_score
        if isinstance(data.scorers, MultimetricScorer):
            failed = dict.fromkeys(data.scorers._scorers, failed)
        cell.result = {
            "fit_error": "".join(traceback.format_exception(error)),
            "n_test_samples": len(cell.test),
            "fit_time": seconds,
            "score_time": 0.0,
            "test_scores": failed,
        }
        if self.return_train_score:
            cell.result["train_scores"] = failed

    def _score(self, cell: _Cell, data: _Data, seconds: float) -> None:
        """Score a cell that is trained."""
        cell.result = {
            "fit_error": None,
            "n_test_samples": len(cell.test),
            "fit_time": seconds,
        }
        parts = {"test_scores": cell.test}
        if self.return_train_score:
            parts["train_scores"] = cell.train
        for name, rows in parts.items():
            start = time.perf_counter()
            X, y = safe_split(cell.estimator, data.X, data.y, rows, cell.train)
            params = check_method_params(data.X, params=data.score_params, indices=rows)
            cell.result[name] = score_estimator(
                cell.estimator, X, y, data.scorers, params, self.error_score
            )
            cell.result.setdefault("score_time", time.perf_counter() - start)

    def _evaluate_jointly(self, cells: list[_Cell], data: _Data) -> None:
        """Fit and score cells in turn; what they come to train shares stacks."""
        how = {"max_members": self.max_members, "verbose": self.verbose}
        joint = JointTraining(data.X, n_jobs=self.n_jobs, **how)
        calls = [partial(self._fit_and_score, cell, data) for cell in cells]
        for i, result, error in joint.run(calls):
            if error is not None:  # with error_score="raise"
                raise error
            result["fit_time"] += joint.corrections[i]
            self._note(cells[i], result)

    def _evaluate_others(self, cells: list[_Cell], data: _Data) -> None:
        """Fit and score cells one by one, as scikit-learn's searches do."""
        parallel = Parallel(
            n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch, return_as="generator"
        )
        out = parallel(
            delayed(self._fit_and_score)(cell, data, self.verbose) for cell in cells
        )
        for cell, result in zip(cells, out, strict=True):
            if not result["fit_error"]:
                stop_if_interrupted(result["estimator"])
                last = last_step(result["estimator"])[1]
                cell.n_epochs = getattr(last, "n_iter_", 0)  # another library's
            self._note(cell, result)

    def _fit_and_score(
        self, cell: _Cell, data: _Data, verbose: int = 0
    ) -> dict[str, Any]:
        result: dict[str, Any] = fit_and_score(
            clone(cell.estimator),
            data.X,
            data.y,
            scorer=data.scorers,
            train=cell.train,
            test=cell.test,
            verbose=verbose,
            parameters=None,
            fit_params=data.fit_params,
            score_params=data.score_params,
            return_train_score=self.return_train_score,
            return_n_test_samples=True,
            return_times=True,
            return_estimator=True,
            error_score=self.error_score,
        )
        return result

    def _note(self, cell: _Cell, result: dict[str, Any]) -> None:
        estimator = result.pop("estimator")
        cell.estimator = estimator if self.keep_folds else None
        cell.result = result

    def _note_halving(self, results: dict[str, Any], cells: list[_Cell]) -> None:
        """Add how long each candidate was trained, as scikit-learn's halving does."""
        n_candidates = len(results["params"])
        epochs = np.zeros(n_candidates, dtype=int)
        dropped = {}
        for cell in cells:
            epochs[cell.candidate] = max(epochs[cell.candidate], cell.n_epochs)
            if cell.dropped_at is not None:
                dropped[cell.candidate] = cell.dropped_at
            if cell.result is not None and cell.result["fit_error"]:
                dropped[cell.candidate] = 0
        rungs = np.unique([epoch for epoch in dropped.values() if epoch])
        results["n_resources"] = epochs
        results["iter"] = np.full(n_candidates, len(rungs))
        for candidate, epoch in dropped.items():
            results["iter"][candidate] = np.searchsorted(rungs, epoch)

    # ---- the best candidate

    def _choose(
        self, results: dict[str, Any], out: list[dict[str, Any]], refit_metric: str
    ) -> None:
        """Find the best candidate, as scikit-learn does."""
        first = out[0]["test_scores"]
        self.multimetric_ = isinstance(first, dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(first)
            refit_metric = self.refit
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(
                self.refit, refit_metric, self._of_survivors(results)
            )
            if not callable(self.refit):
                mean = results[f"mean_test_{refit_metric}"]
                self.best_score_ = mean[self.best_index_]
            self.best_params_ = results["params"][self.best_index_]

    def _of_survivors(self, results: dict[str, Any]) -> dict[str, Any]:
        """Return results in which candidates that were dropped rank last."""
        if self.factor is None or callable(self.refit):
            return results
        lasts = results["iter"] == results["iter"].max()
        changed = dict(results)
        for name, ranks in results.items():
            if name.startswith("rank_test_"):
                # Of what failed too, if nothing else is left.
                changed[name] = np.where(lasts, ranks, ranks + len(ranks))
        return changed

    def _refit(self, cells: list[_Cell], data: _Data) -> None:
        start = time.perf_counter()
        if self.keep_folds:
            first = self.best_index_ * self.n_splits_
            folds = cells[first : first + self.n_splits_]
            failed = [k for k, cell in enumerate(folds) if cell.result["fit_error"]]
            if failed:
                raise ValueError(
                    f"keep_folds=True averages all folds of the best candidate "
                    f"{self.best_params_}, and its fold(s) {failed} failed. The first "
                    f"failure:\n{folds[failed[0]].result['fit_error']}"
                )
            classifies = is_classifier(self.estimator)
            kind = FoldEnsemble if classifies else FoldEnsembleRegressor
            self.best_estimator_ = kind([cell.estimator for cell in folds]).fit()
        else:
            self.best_estimator_ = clone(self.estimator).set_params(
                **clone(self.best_params_, safe=False)
            )
            self.best_estimator_.fit(data.X, data.y, **data.fit_params)
        self.refit_time_ = time.perf_counter() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_


class MixupSearchCV(_StackedSearch, GridSearchCV):
    """Exhaustive search over a grid, all candidates of all folds trained at once.

    :class:`sklearn.model_selection.GridSearchCV` to the eye, for a
    :class:`MixupClassifier`, a :class:`MixupRegressor` or a Pipeline that ends in one.
    Candidates that differ only in `alpha`, `lr`, `weight_decay`, `dropout`,
    `label_smoothing`, `temperature`, `class_weight`, `n_estimators`, `random_state` and
    `validation_fraction` train in one stack, on all folds, as do those whose encodings
    are about as wide; others make stacks of their own. Rows are encoded once for all
    that differ in the network alone.

    Parameters
    ----------
    estimator : MixupClassifier, MixupRegressor or Pipeline
        The transformers of a Pipeline are fitted once for each fold and each setting
        of their own parameters, on the training rows. Or what holds one of these, such
        as :class:`sklearn.compose.TransformedTargetRegressor` or
        :class:`sklearn.calibration.CalibratedClassifierCV`: fits take turns, up to 32,
        each as far as it comes to train something, and what all have come to shares
        stacks. While it trains, a fit must hold no lock that another one needs.
    param_grid : dict or list of dict
        Parameter names and lists of settings.
    scoring : str, callable, list, tuple, dict or None, default=None
        By what candidates are judged. None is the estimator's `score`.
    n_jobs : int, default=None
        Stacks trained at a time, in processes or wherever joblib's backend takes them;
        one large stack is split to this many. None trains in this process, with
        torch's threads.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all rows; of several scores, the name of
        the one that says which is best; or a function of `cv_results_` that does.
    cv : int, cross-validation generator or iterable, default=None
        How rows are split. An int is a number of folds, stratified for a classifier;
        None is five.
    verbose : int, default=0
        From 1, says how many fits there are and shows a progress bar.
    pre_dispatch : int or str, default="2*n_jobs"
        For candidates that are fitted one by one: those with callbacks, and subclasses
        of this package's estimators.
    error_score : "raise" or float, default=nan
        Score of a candidate that fails, with a warning; or raise its error.
    return_train_score : bool, default=False
        Whether `cv_results_` has the scores on training rows too.
    max_members : int or "auto", default="auto"
        Members trained in one stack. "auto" is as many as take half of scikit-learn's
        ``working_memory`` (1024 MiB by default), and on a CPU not more than about a
        million weights, which is what its cache holds. A member takes 20 bytes for each
        weight, 16 for each training row, and 12 for each value of a batch and of its
        hidden layers. The encoded table of each fold, in float32, comes on top, and
        again for the stack under way.
    keep_folds : bool, default=False
        Whether the best candidate's fold members, averaged, become `best_estimator_`,
        in place of a new fit on all rows.
    factor : float, default=None
        Successive halving, while all train: after each of the epochs
        max_epochs / factor^k, of so many candidates one trains on, those with the
        lowest loss on rows that they set aside (`early_stopping`), mean over folds. The
        others are scored as they are then, and the best is one that was not dropped.
        With several stacks, one is compared with those before it [1]_, with `n_jobs`
        within a stack only. Those that are fitted one by one train to the end, as all
        do with None.
    min_resources : int, default=5
        Epochs before which no candidate is dropped. Used with `factor`.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        ``mean_fit_time`` is a candidate's fair share of its stacks' time. With
        `factor`, as in :class:`sklearn.model_selection.HalvingGridSearchCV`,
        ``n_resources`` is for how many epochs each was trained, and ``iter`` how often
        it was not dropped.
    best_estimator_ : as `estimator`, FoldEnsemble or FoldEnsembleRegressor
    best_score_ : float
    best_params_ : dict
    best_index_ : int
    scorer_ : callable or dict
    n_splits_ : int
    refit_time_ : float
        Seconds.
    multimetric_ : bool
    classes_ : ndarray of shape (n_classes,)

    See Also
    --------
    MixupRandomizedSearchCV : The same for settings drawn at random.

    Notes
    -----
    The scores are those of :class:`~sklearn.model_selection.GridSearchCV` for the same
    splits and seeds, up to floating-point round-off.

    References
    ----------
    .. [1] Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar, "A System for
       Massively Parallel Hyperparameter Tuning", 2020, section 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import MixupClassifier, MixupSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MixupClassifier(max_epochs=10, random_state=0)
    >>> search = MixupSearchCV(
    ...     clf, {"alpha": [0, 0.2, 1]}, scoring="neg_log_loss", cv=3
    ... )
    >>> sorted(search.fit(X, y).best_params_)
    ['alpha']
    """

    _parameter_constraints = {  # noqa: RUF012
        **GridSearchCV._parameter_constraints,
        **_StackedSearch._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        param_grid: Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Sequence[Any]]],
        *,
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: CV = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        max_members: int | Literal["auto"] = "auto",
        keep_folds: bool = False,
        factor: float | None = None,
        min_resources: int = 5,
    ) -> None:
        super().__init__(
            estimator,
            param_grid,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_members = max_members
        self.keep_folds = keep_folds
        self.factor = factor
        self.min_resources = min_resources

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterGrid(self.param_grid)


class MixupRandomizedSearchCV(_StackedSearch, RandomizedSearchCV):
    """Search over settings drawn at random, all trained at once on all folds.

    :class:`sklearn.model_selection.RandomizedSearchCV` to the eye, for a
    :class:`MixupClassifier`, a :class:`MixupRegressor` or a Pipeline that ends in one;
    see :class:`MixupSearchCV`, whose other parameters and attributes it shares.

    Parameters
    ----------
    estimator : MixupClassifier, MixupRegressor or Pipeline
        What is searched over.
    param_distributions : dict or list of dict
        Parameter names, and lists or distributions with a method ``rvs``.
    n_iter : int, default=10
        Settings drawn.
    scoring : str, callable, list, tuple, dict or None, default=None
        By what candidates are judged. None is the estimator's `score`.
    n_jobs : int, default=None
        Stacks trained at a time; None trains in this process.
    refit : bool, str or callable, default=True
        Whether to fit the best candidate on all rows; of several scores, the name of
        the one that says which is best; or a function of `cv_results_` that does.
    cv : int, cross-validation generator or iterable, default=None
        How rows are split. An int is a number of folds, stratified for a classifier;
        None is five.
    verbose : int, default=0
        From 1, says how many fits there are and shows a progress bar.
    pre_dispatch : int or str, default="2*n_jobs"
        For candidates that are fitted one by one.
    random_state : int, RandomState or None, default=None
        Seeds the drawing of the settings.
    error_score : "raise" or float, default=nan
        Score of a candidate that fails, with a warning; or raise its error.
    return_train_score : bool, default=False
        Whether `cv_results_` has the scores on training rows too.
    max_members : int or "auto", default="auto"
        Members trained in one stack.
    keep_folds : bool, default=False
        Whether the best candidate's fold members, averaged, become `best_estimator_`.
    factor : float, default=None
        Successive halving; None trains all to the end.
    min_resources : int, default=5
        Epochs before which no candidate is dropped.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import MixupClassifier, MixupRandomizedSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> search = MixupRandomizedSearchCV(
    ...     MixupClassifier(max_epochs=10, random_state=0),
    ...     {"alpha": loguniform(0.05, 2), "weight_decay": loguniform(1e-4, 1e-1)},
    ...     n_iter=4,
    ...     cv=3,
    ...     random_state=0,
    ... )
    >>> search.fit(X, y).best_estimator_.score(X, y) > 0.9
    True
    """

    _parameter_constraints = {  # noqa: RUF012
        **RandomizedSearchCV._parameter_constraints,
        **_StackedSearch._parameter_constraints,
    }

    def __init__(
        self,
        estimator: Any,
        param_distributions: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        n_iter: int = 10,
        scoring: Scoring = None,
        n_jobs: int | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: CV = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: RandomState = None,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        max_members: int | Literal["auto"] = "auto",
        keep_folds: bool = False,
        factor: float | None = None,
        min_resources: int = 5,
    ) -> None:
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.max_members = max_members
        self.keep_folds = keep_folds
        self.factor = factor
        self.min_resources = min_resources

    def _candidates(self) -> Iterable[dict[str, Any]]:
        return ParameterSampler(
            self.param_distributions, self.n_iter, random_state=self.random_state
        )
