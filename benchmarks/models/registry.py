"""The models: mixup, and the classifiers that a user would pick instead.

Every model takes the raw table. What it needs by way of preprocessing is a part of it,
so nothing is ever fitted outside the training fold. All have one thread.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from skmixup import MixupClassifier, MixupEnsembleClassifier, MixupSearchCV

from . import protocols
from .preprocessing import categorical, filled, one_hot, ordinal
from .scoring import score_by_log_loss
from .wrappers import ListedCategories, NumberedClasses

SEARCHED_ALPHAS = [0.0, 0.1, 0.2, 0.4, 1.0, 2.0]


@dataclass(frozen=True)
class Model:
    """All that the benchmark has to know of a model.

    Parameters
    ----------
    make : callable
        Takes `seed`, `alpha` if `takes_alpha`, and the parameters of a protocol if
        `has_protocol`, by name; returns an unfitted estimator.
    packages : tuple of str, default=()
        What it needs that is not in the extra "benchmarks".
    cost : float, default=1.0
        Rough share of the time that a fit takes; that of "mixup" is 1.
    takes_alpha, has_protocol : bool, default=False
        Whether there is a job for each α, and whether a protocol says how it is
        trained.
    stacks : bool, default=False
        Whether the jobs of several α's and folds train as one stack.
    searches : bool, default=False
        Whether it is a search for α.
    erm : str, default=None
        The model that it is at α = 0, which is run once for all such; None for itself.
    """

    make: Callable
    packages: tuple = ()
    cost: float = 1.0
    takes_alpha: bool = False
    has_protocol: bool = False
    stacks: bool = False
    searches: bool = False
    erm: str | None = None

    @property
    def is_installed(self):
        """Whether it can be made here."""
        return all(map(find_spec, self.packages))


def make_model(
    name, *, alpha=None, protocol=None, seed=None, params_of=protocols.params_of
):
    """Make an unfitted classifier that takes a raw table.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    alpha : float or None, default=None
        mixup's α; None for the models that have none.
    protocol : str or None, default=None
        How it is trained; None for the models that have one way only.
    seed : int or None, default=None
        The model's `random_state`.
    params_of : callable, default=benchmarks.models.protocols.params_of
        Takes the names of model and protocol, and returns parameters.

    Returns
    -------
    model : estimator
    """
    model = MODELS[name]
    params = {}
    if model.has_protocol:
        params |= params_of(name, protocol)
    if model.takes_alpha:
        params = {"alpha": alpha} | params
    return model.make(seed=seed, **params)


def is_installed(name):
    """Tell whether a model, a key of `MODELS`, can be made here."""
    return MODELS[name].is_installed


def _mixup(kind, seed, **params):
    return MixupClassifier(**{"mixing": kind, "random_state": seed} | params)


def _search(keep_folds, seed, **params):
    """α by log-loss in 5 folds; then a new fit, or the folds' members as they are."""
    return MixupSearchCV(
        _mixup("input", seed, alpha=0.0, **params),
        {"alpha": SEARCHED_ALPHAS},
        scoring=score_by_log_loss,
        keep_folds=keep_folds,
    )


def _ensemble(seed):
    return MixupEnsembleClassifier(random_state=seed)


def _mlp(seed, **params):
    return one_hot(MLPClassifier(random_state=seed, **params))


def _logistic(seed):
    return one_hot(LogisticRegression(max_iter=1000, random_state=seed))


def _forest(seed):
    return ordinal(RandomForestClassifier(random_state=seed))


def _hist_gradient_boosting(seed):
    return categorical(HistGradientBoostingClassifier(random_state=seed))


def _dummy(seed):
    return DummyClassifier(strategy="prior")


def _xgboost(seed):
    from xgboost import XGBClassifier

    model = XGBClassifier(enable_categorical=True, n_jobs=1, random_state=seed)
    return categorical(NumberedClasses(model))


def _lightgbm(seed):
    from lightgbm import LGBMClassifier

    return categorical(LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed))


def _catboost(seed):
    from catboost import CatBoostClassifier

    model = CatBoostClassifier(
        verbose=0, thread_count=1, allow_writing_files=False, random_seed=seed
    )
    return filled(NumberedClasses(ListedCategories(model, "cat_features")))


def _realmlp(seed):
    from pytabkit import RealMLP_TD_Classifier

    return _pytabkit(RealMLP_TD_Classifier, seed)


def _tabm(seed):
    from pytabkit import TabM_D_Classifier

    return _pytabkit(TabM_D_Classifier, seed)


def make_pytabkit(kind, seed):
    """Make an estimator of pytabkit, on one thread, that says nothing."""
    for name in ("lightning", "pytorch_lightning"):  # they report on every fit
        logging.getLogger(name).setLevel(logging.ERROR)
    # Its seeds go to numpy's old generators, which take half of the range.
    return kind(device="cpu", n_threads=1, random_state=seed % 2**31)


def _pytabkit(kind, seed):
    return filled(NumberedClasses(make_pytabkit(kind, seed)), impute=True)


_STACK = {"takes_alpha": True, "has_protocol": True, "stacks": True}
_SEARCH = {"has_protocol": True, "searches": True, "cost": 24.0}
MODELS = {
    "mixup": Model(partial(_mixup, "input"), **_STACK),
    "manifold": Model(partial(_mixup, "manifold"), cost=1.2, erm="mixup", **_STACK),
    "cutmix": Model(partial(_mixup, "cutmix"), cost=1.4, erm="mixup", **_STACK),
    "mixup_search": Model(partial(_search, False), **_SEARCH),
    "mixup_folds": Model(partial(_search, True), **_SEARCH),
    "ensemble": Model(_ensemble, cost=30.0),
    "mlp": Model(_mlp, cost=0.35, has_protocol=True),
    "logistic": Model(_logistic, cost=0.3),
    "forest": Model(_forest, cost=0.7),
    "hist_gradient_boosting": Model(_hist_gradient_boosting, cost=2.0),
    "xgboost": Model(_xgboost, packages=("xgboost",)),
    "lightgbm": Model(_lightgbm, packages=("lightgbm",), cost=0.7),
    "catboost": Model(_catboost, packages=("catboost",), cost=8.0),
    "realmlp": Model(_realmlp, packages=("pytabkit",), cost=20.0),
    "tabm": Model(_tabm, packages=("pytabkit",), cost=40.0),
    "dummy": Model(_dummy, cost=0.01),
}
STACKED = tuple(name for name, model in MODELS.items() if model.stacks)
SEARCHES = tuple(name for name, model in MODELS.items() if model.searches)
