"""Many settings, trained within a time and averaged by what they are worth."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils import get_tags, indexable
from sklearn.utils.validation import check_is_fitted
from tqdm.auto import tqdm

from .._sklearn import Interval, StrOptions, fit_context, num_samples, safe_indexing
from .._typing import Array, MatrixLike, RandomState
from ..encoding._checks import as_table, check_weights, without_negligible
from ..estimators._base import SetAside
from ..estimators._calibration import apply_temperature, fit_shares, fit_temperature
from ..estimators._classifier import MixupClassifier
from ..estimators._regressor import MixupRegressor
from ..estimators._targets import check_labels, is_matrix
from ..estimators._validation import check_groups
from ..training._plan import Plan
from ..training._seeds import draw_seed
from ._ensemble import FoldEnsemble, FoldEnsembleRegressor
from ._fit_many import fit_stacked
from ._portfolio import portfolio

# Rows' worth of belief in even weights, and in a temperature of 1: 6 at 400 rows, and
# less of more by the square, as chosen on meta-train tables. On few, to choose does
# harm, also since networks were stopped where they were best on them.
_BELIEF, _BELIEF_ROWS = 6.0, 400
_ROWS_FOR_TREES = 100  # of fewer, boosted trees hardly know more than the mean
_MOST_VALUES = 2**22  # predicted by a candidate, from which is learned
_SMALLEST = 1e-3  # weight beside the largest: less changes nothing that anybody sees
# What rows are worth, and how all are trained.
_OF_ALL = frozenset({"callbacks", "class_weight", "random_state", "warm_start"})


def belief_in_even_weights(n_rows: int) -> float:
    """Return how many rows' worth it is, of so many rows that were set aside."""
    return _BELIEF * (_BELIEF_ROWS / max(n_rows, 1)) ** 2


class _MixupEnsemble(BaseEstimator):
    """What both ensembles share; subclasses say what is trained, and its loss."""

    # As of the estimators: a search's groups are its splitter's unless requested.
    __metadata_request__fit = {"groups": False}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "candidates": [list, StrOptions({"auto"})],
        "time_limit": [Interval(Real, 0, None, closed="neither"), None],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    ensemble_: Any
    candidates_: list[dict[str, Any]]
    weights_: Array
    losses_: Array
    fit_times_: Array

    def __init__(
        self,
        estimator: Any = None,
        *,
        candidates: list[dict[str, Any]] | Literal["auto"] = "auto",
        time_limit: float | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.estimator = estimator
        self.candidates = candidates
        self.time_limit = time_limit
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @property
    def _base(self) -> Any:
        """What the candidates differ from."""
        return self._default() if self.estimator is None else self.estimator

    # ---- training

    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: MatrixLike,
        y: MatrixLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: MatrixLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train the candidates, and find how much each is to count.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Labels or numbers, as for the estimator.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row; a weight of 0 leaves the row out. Trees that a candidate
            is told of do not know of it.
        groups : array-like of shape (n_rows,), default=None
            Rows of one group are set aside together, as in :class:`MixupClassifier`;
            then no candidate is told of trees, which would know a row's group.
        X_val, y_val, sample_weight_val : as X, y and `sample_weight`, default=None
            Rows to stop early on, and to find the weights by, in the place of folds.

        Returns
        -------
        self : object
            The fitted ensemble.

        Raises
        ------
        ValueError
            If X, y or a parameter is not what it may be; or as the first candidate
            says, if none could be trained.

        Warns
        -----
        FitFailedWarning
            If some of the candidates could not be trained.
        """
        start = time.perf_counter()
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)  # a fit that fails leaves no half model
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but "
                "the target y is None."
            )
        X, y, params = self._check_rows(X, y, sample_weight, groups)
        candidates = self._list_candidates(X, y, groups)
        later = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        params |= {name: rows for name, rows in later.items() if rows is not None}
        estimators = self._make_estimators(candidates)
        fits, failed = [], []
        with tqdm(
            total=len(candidates), desc="Candidates", disable=self.verbose < 1
        ) as bar:
            for i, estimator, seconds, error, set_aside in self._train(
                estimators, X, y, params, start
            ):
                bar.update()
                if error is None:
                    fits.append((i, estimator, seconds, set_aside))
                else:
                    failed.append((candidates[i], error))
        if not fits:
            raise failed[0][1]
        if failed:
            told = "\n".join(f"{one}: {error!r}" for one, error in failed)
            warnings.warn(
                f"{len(failed)} of {len(candidates)} candidates could not be trained, "
                f"and are left out:\n{told}",
                FitFailedWarning,
                stacklevel=2,
            )
        fits.sort(key=lambda fit: fit[0])
        numbers, fitted, seconds, set_aside = zip(*fits, strict=True)
        self.candidates_ = [candidates[i] for i in numbers]
        self.fit_times_ = np.array(seconds)
        self._learn_from_rows_set_aside(fitted[0]._target, set_aside)
        kept = np.flatnonzero(self.weights_)
        self.ensemble_ = self._kind([fitted[i] for i in kept], self.weights_[kept])
        self.ensemble_.fit()
        return self

    def _check_rows(
        self, X: Any, y: Any, sample_weight: ArrayLike | None, groups: ArrayLike | None
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return the rows that count, and what else `fit` takes of them."""
        X, y = indexable(as_table(X), y)
        params: dict[str, Any] = {}
        if groups is not None:
            params["groups"] = check_groups(groups, X)
        if sample_weight is None:
            return X, y, params
        params["sample_weight"] = without_negligible(check_weights(sample_weight, X))
        kept = np.flatnonzero(params["sample_weight"])
        if len(kept) < num_samples(X):
            X, y = (safe_indexing(part, kept) for part in (X, y))
            params = {name: value[kept] for name, value in params.items()}
        return X, y, params

    def _make_estimators(self, candidates: list[dict[str, Any]]) -> list[Any]:
        seed = draw_seed(self.random_state)
        seeds = np.random.RandomState(seed).randint(2**31 - 1, size=len(candidates))
        return [
            clone(self._base).set_params(
                **clone(params, safe=False), random_state=int(seed)
            )
            for params, seed in zip(candidates, seeds, strict=True)
        ]

    def _list_candidates(self, X: Any, y: Any, groups: object) -> list[dict[str, Any]]:
        """Return the parameters of each candidate."""
        own = self._base
        if type(own) is not type(self._default()):
            raise TypeError(
                f"estimator must be a {type(self._default()).__name__} or None, got "
                f"{own!r}."
            )
        if own.callbacks or own.warm_start:
            raise ValueError(
                "estimator must have no callbacks and warm_start=False: many are "
                "trained from it, in one stack."
            )
        if not isinstance(self.candidates, str):
            if not self.candidates:
                raise ValueError("candidates must hold at least one dict, got none.")
            for one in self.candidates:
                if not isinstance(one, dict):
                    raise TypeError(
                        "candidates must hold dicts of the estimator's parameters, "
                        f"as list(ParameterGrid(...)) does, got {one!r}."
                    )
                if named := _OF_ALL.intersection(one):
                    raise ValueError(
                        f"candidates must not set {sorted(named)}, got {one!r}: set "
                        "such in `estimator`, where it holds for all."
                    )
                clone(own).set_params(**one)  # raises if there is no such parameter
            return list(self.candidates)
        cannot = sparse.issparse(X) or is_matrix(y) or groups is not None
        may_stack = num_samples(X) >= _ROWS_FOR_TREES and not cannot
        found = portfolio(own.categorical_features, self._count_classes(y), may_stack)
        if own.numeric_embedding is None:
            found = [one for one in found if "numeric_embedding" not in one]
        if isinstance(own.preprocess, str):
            return found
        # The rows are encoded as the estimator's own transformer does it, and only so.
        return [one for one in found if "preprocess" not in one]

    def _train(
        self,
        estimators: list[Any],
        X: Any,
        y: Any,
        params: dict[str, Any],
        start: float,
    ) -> Iterator[tuple[Any, ...]]:
        """Yield as `fit_stacked`, until all are trained or the time is up."""
        rounds = [[i] for i in range(len(estimators))]
        if self.time_limit is None:  # one encoded table in memory at a time
            shared: dict[str, list[int]] = {}
            for i, estimator in enumerate(estimators):
                shared.setdefault(repr(estimator.preprocess), []).append(i)
            rounds = list(shared.values())
        longest = 0.0
        for numbers in rounds:
            if self.time_limit is not None and longest:
                if time.perf_counter() - start + longest > self.time_limit:
                    return
            begun = time.perf_counter()
            own = [estimators[i] for i in numbers]
            rows = [np.arange(num_samples(X))] * len(own)
            trained = fit_stacked(own, rows, X, y, params, _look, n_jobs=self.n_jobs)
            for place, *result in trained:
                yield numbers[place], *result
            longest = max(longest, time.perf_counter() - begun)

    def _learn_from_rows_set_aside(
        self, target: Any, parts: Sequence[SetAside]
    ) -> None:
        """Learn the weights, and each candidate's mean loss.

        Each has its own folds, and some have set aside a part of the rows only: a row
        is told by those candidates that know it.
        """
        rows = np.unique(np.concatenate([part.index for part in parts]))
        n_fits, n_values = len(parts), parts[0].predicted.shape[1]
        step = -(-len(rows) * n_values // _MOST_VALUES)
        rows = rows[:: max(step, 1)]
        predicted = np.zeros((n_fits, len(rows), n_values), dtype=np.float32)
        known = np.zeros((n_fits, len(rows)), dtype=bool)
        y = np.zeros((len(rows), *parts[0].y.shape[1:]), dtype=parts[0].y.dtype)
        weight = np.zeros(len(rows))
        for k, part in enumerate(parts):
            _, at, place = np.intersect1d(rows, part.index, return_indices=True)
            known[k, at], predicted[k, at] = True, part.predicted[place]
            y[at], weight[at] = part.y[place], part.weight[place]
        judged = np.stack([target.judge(y, one) for one in predicted]).astype(float)
        prior = belief_in_even_weights(len(rows))
        shares = fit_shares(judged, known, target.loss_of, weight, prior)
        shares[shares < _SMALLEST * shares.max()] = 0.0
        self.weights_ = shares / shares.sum()
        self.losses_ = np.full(n_fits, np.nan)
        for k in np.flatnonzero(known.any(axis=1)).tolist():
            losses = target.loss_of(judged[k, known[k]])[0].mean(axis=1)
            self.losses_[k] = np.average(losses, weights=weight[known[k]])
        told = self.weights_ @ known
        kept = told > 0
        predicted *= known[..., None]
        mean = np.tensordot(self.weights_, predicted[:, kept], 1) / told[kept, None]
        self._learn_from_mean(mean, y[kept], weight[kept], prior)

    def _learn_from_mean(
        self, predicted: Array, y: Array, weight: Array, prior: float
    ) -> None:
        """Learn what rows set aside tell of the weighted mean."""

    # ---- prediction

    @property
    def n_features_in_(self) -> int:
        """Number of columns seen in `fit`."""
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.n_features_in_

    @property
    def feature_names_in_(self) -> Array:
        """Names of the columns seen in `fit`, where they have any that are strings."""
        return self.ensemble_.feature_names_in_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "ensemble_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        own = get_tags(self._base)
        tags.input_tags, tags.target_tags = own.input_tags, own.target_tags
        return tags


class MixupEnsembleClassifier(ClassifierMixin, _MixupEnsemble):
    """Many classifiers with other settings, trained within a time and averaged.

    For those who can wait: in about 30 times the time of a
    :class:`MixupClassifier`, or less by `time_limit`, probabilities that are better.
    The candidates are good in different ways, by encoding, width, α and rate; among
    them some that are told what boosted trees say of each row
    (:class:`~skmixup.encoding.StackingTransformer`). Each is a :class:`MixupClassifier`
    whose networks have set rows aside. What they say of these tells how much each
    candidate is to count: those weights that have the lowest log-loss on them, drawn
    towards even ones, which is all that few rows allow.

    Parameters
    ----------
    estimator : MixupClassifier, default=None
        What the candidates differ from: its `class_weight`, `categorical_features` or
        `device` hold for all. None for the defaults. With a `preprocess` of its own, no
        candidate has another; with ``numeric_embedding=None``, none embeds numbers.
    candidates : "auto" or list of dict, default="auto"
        Parameters to set, one dict a candidate, as ``list(ParameterGrid(...))`` has
        them; not `class_weight`, `random_state`, `callbacks` or `warm_start`, which are
        the same for all. "auto" is a portfolio of up to 25, the default first: of fewer
        than 100 rows, sparse ones, several targets or groups, 20, without those that
        trees tell; and 10 with an `estimator` that has a `preprocess` of its own.
    time_limit : float, default=None
        Seconds, after which no candidate is begun: nor before, where the longest one so
        far would go beyond. The first is always trained. None for no limit.
    n_jobs : int, default=None
        Threads that share the networks; the results do not depend on it. None is 1, and
        -1 all processors, unless in a :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        From 1, shows a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds all candidates. With the same int, and no `time_limit`, two fits are the
        same.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted; of an indicator matrix, the numbers of its columns.
    ensemble_ : FoldEnsemble
        The fitted candidates that count, and their weights.
    candidates_ : list of dict
        Parameters of those that were trained.
    weights_ : ndarray of shape (n_trained,)
        How much each counts, in sum 1.
    losses_ : ndarray of shape (n_trained,)
        Mean log-loss of each on rows that it had set aside.
    temperature_ : float
        Of the mean: at most 1, and below where the rows set aside say clearly that
        sharper probabilities are better, as in :class:`MixupClassifier`. 1 for an
        indicator matrix.
    fit_times_ : ndarray of shape (n_trained,)
        Seconds that each took.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have any that are strings.

    See Also
    --------
    MixupSearchCV : A search for the best setting, by cross-validation.
    fit_many : What trains the candidates.

    References
    ----------
    .. [1] Caruana, Niculescu-Mizil, Crew, Ksikes, "Ensemble Selection from Libraries of
       Models", 2004.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skmixup import MixupEnsembleClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = MixupEnsembleClassifier(
    ...     candidates=[{}, {"alpha": 0.4, "dropout": 0.3}], random_state=0
    ... )
    >>> bool(clf.fit(X, y).score(X, y) > 0.9)
    True
    >>> len(clf.weights_)
    2
    """

    _parameter_constraints = {  # noqa: RUF012
        **_MixupEnsemble._parameter_constraints,
        "estimator": [MixupClassifier, None],
    }
    _kind, _default = FoldEnsemble, MixupClassifier
    temperature_: float

    @property
    def classes_(self) -> Array:
        """The class labels, sorted."""
        return self.ensemble_.classes_

    def _count_classes(self, y: Any) -> int | None:
        if not is_matrix(y):
            check_labels(y)
        return y.shape[1] if is_matrix(y) else len(np.unique(y))

    def _learn_from_mean(
        self, predicted: Array, y: Array, weight: Array, prior: float
    ) -> None:
        self.temperature_ = 1.0
        if y.ndim == 1 and len(y):
            log_proba = np.log(np.maximum(predicted, 1e-30))
            found = fit_temperature(log_proba, y, weight, prior)
            # Of later rows, all networks of a candidate make a softer mean than one.
            self.temperature_ = min(found, 1.0)

    def predict(self, X: MatrixLike) -> Array:
        """Return the most probable label of each row, or all that it likely has.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,), or of int of shape (n_rows, n_labels)
            Labels, as in `classes_`; or 1 for each label that a row has, else 0.
        """
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.predict(X)

    def predict_proba(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the candidates' mean probability of each class, at `temperature_`.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        proba : ndarray of shape (n_rows, n_classes)
            Columns in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the logarithm of the probability of each class.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        log_proba : ndarray of shape (n_rows, n_classes)
        """
        check_is_fitted(self, "ensemble_")
        log_proba = self.ensemble_.predict_log_proba(X)
        return apply_temperature(log_proba, self.temperature_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MixupEnsembleRegressor(RegressorMixin, _MixupEnsemble):
    """Many regressors with other settings, trained within a time and averaged.

    As :class:`MixupEnsembleClassifier`, by the estimator's `loss` in place of log-loss.

    Parameters
    ----------
    estimator : MixupRegressor, default=None
        What the candidates differ from. None for the defaults. With a `preprocess` of
        its own, no candidate has another.
    candidates : "auto" or list of dict, default="auto"
        Parameters to set, one dict a candidate, as ``list(ParameterGrid(...))`` has
        them; not `class_weight`, `random_state`, `callbacks` or `warm_start`, which are
        the same for all. "auto" is a portfolio of up to 25, the default first: of fewer
        than 100 rows, sparse ones, several targets or groups, 20, without those that
        trees tell; and 10 with an `estimator` that has a `preprocess` of its own.
    time_limit : float, default=None
        Seconds, after which no candidate is begun: nor before, where the longest one so
        far would go beyond. The first is always trained. None for no limit.
    n_jobs : int, default=None
        Threads that share the networks; the results do not depend on it. None is 1, and
        -1 all processors, unless in a :obj:`joblib.parallel_config` context.
    verbose : int, default=0
        From 1, shows a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds all candidates. With the same int, and no `time_limit`, two fits are the
        same.

    Attributes
    ----------
    ensemble_ : FoldEnsembleRegressor
        The fitted candidates that count, and their weights.
    candidates_ : list of dict
        Parameters of those that were trained.
    weights_ : ndarray of shape (n_trained,)
        How much each counts, in sum 1.
    losses_ : ndarray of shape (n_trained,)
        Mean loss of each on rows that it had set aside, of standardized targets: the
        squared error, unless `estimator` has another `loss`.
    fit_times_ : ndarray of shape (n_trained,)
        Seconds that each took.
    n_features_in_ : int
        Number of columns seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where they have any that are strings.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skmixup import MixupEnsembleRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = MixupEnsembleRegressor(
    ...     candidates=[{"max_epochs": 10}, {"max_epochs": 10, "alpha": 0.0}],
    ...     random_state=0,
    ... )
    >>> reg.fit(X, y).predict(X).shape
    (442,)
    """

    _parameter_constraints = {  # noqa: RUF012
        **_MixupEnsemble._parameter_constraints,
        "estimator": [MixupRegressor, None],
    }
    _kind, _default = FoldEnsembleRegressor, MixupRegressor

    def _count_classes(self, y: Any) -> int | None:
        return None

    def predict(self, X: MatrixLike) -> NDArray[np.float64]:
        """Return the weighted mean of the candidates' predictions.

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows, with the columns of `fit` in the same order.

        Returns
        -------
        y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
            As the targets of `fit`.
        """
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.predict(X)

    def score(
        self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> float:
        """Return R² of the predictions; of several quantiles, the mean of their D².

        Parameters
        ----------
        X : DataFrame, array-like or CSR matrix of shape (n_rows, n_features)
            The rows.
        y : array-like of shape (n_rows,) or (n_rows, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row.

        Returns
        -------
        score : float
            1 at best.
        """
        check_is_fitted(self, "ensemble_")
        return self.ensemble_.score(X, y, sample_weight)


def _look(estimator: Any, plan: Plan) -> SetAside:
    return estimator._predict_rows_set_aside(plan)
