"""Peers tuned at random and averaged, as the ensemble of mixup's settings is.

Each setting is trained on all but one of eight folds, eight times, with early stopping
on the fold that is left out; what it says of that fold tells how much it is to count.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from scipy.special import expit, softmax
from scipy.stats import bernoulli, loguniform, randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import ParameterSampler, StratifiedKFold
from sklearn.preprocessing import LabelEncoder

from skmixup import MixupEnsembleClassifier
from skmixup.estimators._calibration import (
    apply_temperature,
    fit_shares,
    fit_temperature,
)
from skmixup.estimators._targets import ClassTarget
from skmixup.search._mixup_ensemble import belief_in_even_weights

from .preprocessing import categorical, filled
from .registry import Model, make_pytabkit

SETTINGS = 30  # the first has the defaults
FOLDS = 8
_ROUNDS, _PATIENCE = 10_000, 100  # of boosting
_LEAST = 1e-30


def _whole(low, high):
    """Whole numbers whose logarithms are uniform, from low to high."""
    return np.unique(np.geomspace(low, high, 200).astype(int)).tolist()


# The spaces of TabArena (Erickson et al., "TabArena: A Living Benchmark for Machine
# Learning on Tabular Data", 2025), as pytabkit 1.7 has them; boosting stops after 100
# rounds without gain, not 300, for the time.
LIGHTGBM = {
    "learning_rate": loguniform(5e-3, 1e-1),
    "feature_fraction": uniform(0.4, 0.6),
    "bagging_fraction": uniform(0.7, 0.3),
    "bagging_freq": [1],
    "num_leaves": _whole(2, 200),
    "min_data_in_leaf": _whole(1, 64),
    "extra_trees": [False, True],
    "min_data_per_group": _whole(2, 100),
    "cat_l2": loguniform(5e-3, 2),
    "cat_smooth": loguniform(1e-3, 100),
    "max_cat_to_onehot": _whole(8, 100),
    "lambda_l1": loguniform(1e-5, 1),
    "lambda_l2": loguniform(1e-5, 2),
}
CATBOOST = {
    "learning_rate": loguniform(5e-3, 1e-1),
    "bootstrap_type": ["Bernoulli"],
    "subsample": uniform(0.7, 0.3),
    "grow_policy": ["SymmetricTree", "Depthwise"],
    "depth": randint(4, 9),
    "rsm": uniform(0.85, 0.15),
    "l2_leaf_reg": loguniform(1e-4, 5),
    "leaf_estimation_iterations": _whole(1, 20),
    "one_hot_max_size": _whole(8, 100),
    "model_size_reg": loguniform(0.1, 1.5),
    "max_ctr_complexity": randint(2, 6),
}
_USUAL = {
    "n_hidden_layers": randint(2, 5),
    "hidden_sizes": ["rectangular"],
    "hidden_width": [256, 384, 512],
    "p_drop": uniform(0, 0.5),
    "plr_sigma": loguniform(1e-2, 50),
    "act": ["mish"],
    "sq_mom": 1 - np.geomspace(5e-3, 5e-2, 200),
    "plr_lr_factor": loguniform(5e-2, 3e-1),
    "scale_lr_factor": loguniform(2, 10),
    "first_layer_lr_factor": loguniform(0.3, 1.5),
    "ls_eps": loguniform(5e-3, 1e-1),
    "ls_eps_sched": ["coslog4"],
    "lr": loguniform(2e-2, 3e-1),
    "wd": loguniform(1e-3, 5e-2),
    "use_ls": bernoulli(0.5),
}
_LARGE = {
    "plr_hidden_1": [8, 16, 32, 64],
    "plr_hidden_2": [8, 16, 32, 64],
    "n_epochs": [256, 512],
    "use_early_stopping": [True],
    "early_stopping_multiplicative_patience": [3],
    "early_stopping_additive_patience": [40],
}
REALMLP = [_USUAL, _USUAL | _LARGE]  # each as likely


@dataclass(frozen=True)
class Member:
    """A setting, trained.

    Parameters
    ----------
    set_aside : ndarray of shape (n_rows, n_classes)
        Probabilities of each row of the table, by the model that has not seen it; NaN
        where there is none.
    predict_proba : callable
        Takes rows, returns the mean of the models' probabilities.
    """

    set_aside: np.ndarray
    predict_proba: Callable = field(repr=False)


class TunedEnsemble(ClassifierMixin, BaseEstimator):
    """Random settings of a model, within a time, weighted as mixup's ensemble is.

    Parameters
    ----------
    train : callable
        Takes a setting, rows, classes as 0, 1, 2, ..., the rows of each fold, and a
        seed; returns a `Member`.
    space : dict or list of dict
        For :class:`sklearn.model_selection.ParameterSampler`.
    time_limit : float, default=None
        Seconds; no setting is begun that, if it took as long as the longest so far,
        would end later. The first is always trained.
    random_state : int, default=None
        Seeds folds, settings and models.
    """

    def __init__(self, train, space, *, time_limit=None, random_state=None):
        self.train = train
        self.space = space
        self.time_limit = time_limit
        self.random_state = random_state

    def fit(self, X, y):
        """Train the settings, and find how much each is to count.

        Parameters
        ----------
        X : DataFrame
        y : array of shape (n_rows,)
        """
        start = time.perf_counter()
        seed = self.random_state % 2**31
        encoder = LabelEncoder()
        codes = encoder.fit_transform(y)
        self.classes_ = encoder.classes_
        folds = _folds(codes, seed)
        sampler = ParameterSampler(self.space, SETTINGS - 1, random_state=seed)
        members, longest = [], 0.0
        for setting in [{}, *sampler]:
            begun = time.perf_counter()
            if self.time_limit is not None and members:
                if begun - start + longest > self.time_limit:
                    break
            members.append(self.train(setting, X, codes, folds, seed))
            longest = max(longest, time.perf_counter() - begun)
        self._weigh(members, codes)
        return self

    def _weigh(self, members, codes):
        rows = np.flatnonzero(np.isfinite(members[0].set_aside[:, 0]))
        told = np.stack([member.set_aside[rows] for member in members])
        likelihood = told[:, np.arange(len(rows)), codes[rows]][..., None]
        prior = belief_in_even_weights(len(rows))
        known = np.ones((len(members), len(rows)), dtype=bool)
        judged = likelihood.astype(float)
        self.weights_ = fit_shares(judged, known, ClassTarget.loss_of, prior=prior)
        mean = np.log(np.maximum(np.tensordot(self.weights_, told, 1), _LEAST))
        found = fit_temperature(mean, codes[rows], None, prior)
        self.temperature_ = min(found, 1.0)
        self.members_ = members

    def predict_proba(self, X):
        """Return the weighted mean of the settings' probabilities."""
        told = [member.predict_proba(X) for member in self.members_]
        mean = np.tensordot(self.weights_, np.stack(told), 1)
        log_proba = np.log(np.maximum(mean, _LEAST))
        return np.exp(apply_temperature(log_proba, self.temperature_))


def _folds(codes, seed):
    """Return the rows of each fold, of which all have as many."""
    n_folds = min(FOLDS, max(2, np.bincount(codes).max()))
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    folds = [test for _, test in splitter.split(codes, codes)]
    least = min(map(len, folds))
    return [fold[:least] for fold in folds]


def _train_apart(train_one, X, codes, folds):
    """Train a model for each fold, by a function that returns what predicts."""
    n_classes = codes.max() + 1
    models, told = [], np.full((len(codes), n_classes), np.nan)
    for fold in folds:
        is_train = np.ones(len(codes), dtype=bool)
        is_train[fold] = False
        parts = X[is_train], codes[is_train], X.iloc[fold], codes[fold]
        models.append(train_one(*parts, int(n_classes)))
        told[fold] = models[-1](X.iloc[fold])
    return Member(told, lambda X: np.mean([model(X) for model in models], axis=0))


def train_lightgbm(setting, X, codes, folds, seed):
    """Train LightGBM on all but each fold."""
    import lightgbm

    def train(X, y, X_left, y_left, n_classes):
        params = {"objective": "binary"}
        if n_classes > 2:
            params = {"objective": "multiclass", "num_class": n_classes}
        params |= {"num_threads": 1, "seed": seed, "verbose": -1, **setting}
        rows = lightgbm.Dataset(X, y)
        left = lightgbm.Dataset(X_left, y_left, reference=rows)
        stop = lightgbm.early_stopping(_PATIENCE, verbose=False)
        how = {"num_boost_round": _ROUNDS, "valid_sets": [left], "callbacks": [stop]}
        model = lightgbm.train(params, rows, **how)
        return lambda X: _both_classes(model.predict(X))

    return _train_apart(train, X, codes, folds)


def train_catboost(setting, X, codes, folds, seed):
    """Train CatBoost on all but each fold."""
    import catboost

    categories = list(X.select_dtypes("category"))

    def train(X, y, X_left, y_left, n_classes):
        params = {"loss_function": "Logloss"}
        if n_classes > 2:
            params = {"loss_function": "MultiClass", "classes_count": n_classes}
        params |= {"thread_count": 1, "random_seed": seed}
        if setting:  # else its own number, of which its rate depends
            params["iterations"] = _ROUNDS
        params |= {"allow_writing_files": False, "logging_level": "Silent", **setting}
        rows = catboost.Pool(X, y, cat_features=categories)
        left = catboost.Pool(X_left, y_left, cat_features=categories)
        model = catboost.CatBoost(params)
        model.fit(rows, eval_set=left, early_stopping_rounds=_PATIENCE)
        normalize = partial(softmax, axis=1) if n_classes > 2 else expit
        return lambda X: _both_classes(normalize(model.predict(X)))

    return _train_apart(train, X, codes, folds)


def _both_classes(proba):
    """Return probabilities of all classes, also where only the second's are given."""
    return np.stack([1 - proba, proba], axis=1) if proba.ndim == 1 else proba


def train_realmlp(setting, X, codes, folds, seed):
    """Train RealMLP on all but each fold, all at once."""
    from pytabkit import RealMLP_TD_Classifier

    model = make_pytabkit(RealMLP_TD_Classifier, seed)
    setting = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in setting.items()
    }
    model.set_params(n_cv=len(folds), val_metric_name="cross_entropy", **setting)
    model.fit(X, codes, val_idxs=np.stack(folds))
    told = np.full((len(codes), codes.max() + 1), np.nan)
    of_all = np.asarray(model.predict_proba_ensemble(X))
    for fold, proba in zip(folds, of_all, strict=True):
        told[fold] = proba[fold]
    return Member(told, model.predict_proba)


def _tuned(train, space, prepare, seed, time_limit):
    return prepare(
        TunedEnsemble(train, space, time_limit=time_limit, random_state=seed)
    )


def _ensemble(seed, time_limit):
    return MixupEnsembleClassifier(time_limit=time_limit, random_state=seed)


def _imputed(model):
    return filled(model, impute=True)


def _model(*how, packages=()):
    return Model(partial(_tuned, *how), packages=packages, has_protocol=True, cost=30.0)


# All take `time_limit`.
ENSEMBLES = {
    "ensemble": Model(_ensemble, has_protocol=True, cost=30.0),
    "tuned_lightgbm": _model(
        train_lightgbm, LIGHTGBM, categorical, packages=("lightgbm",)
    ),
    "tuned_catboost": _model(train_catboost, CATBOOST, filled, packages=("catboost",)),
    "tuned_realmlp": _model(train_realmlp, REALMLP, _imputed, packages=("pytabkit",)),
}
