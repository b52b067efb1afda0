"""The models: mixup, and the classifiers that a user would pick instead.

Every model takes the raw table. What it needs by way of preprocessing is a part of it,
so nothing is ever fitted outside the training fold. All have one thread.
"""

import logging
from importlib.util import find_spec

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from ..run.metrics import score_by_log_loss
from ..studies.defaults.recipes import params_of
from .preprocessing import categorical, coded, filled, one_hot

# "default" is each estimator as it comes; what the others are for networks of skmixup,
# `benchmarks.studies.defaults.recipes` says.
_MLP_PROTOCOLS = {
    "default": {},
    "first": {},
    "paper": {
        "hidden_layer_sizes": (128, 128),
        "learning_rate_init": 1e-3,
        "alpha": 0.0,
        "batch_size": 16,
        "max_iter": 10,
    },
}
PROTOCOLS = tuple(_MLP_PROTOCOLS)
SEARCHED_ALPHAS = [0.0, 0.1, 0.2, 0.4, 1.0, 2.0]


def make_model(name, *, alpha=None, protocol=None, seed=None):
    """Make an unfitted classifier that takes a raw table.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    alpha : float or None, default=None
        mixup's α; None for the models that have none.
    protocol : str or None, default=None
        How those in `NETWORKS` are trained: "default", "paper" or, for mixup, a key of
        `benchmarks.studies.defaults.recipes.RECIPES`. Others have one way only.
    seed : int or None, default=None
        The model's `random_state`.

    Returns
    -------
    model : estimator
    """
    return MODELS[name](alpha, protocol, seed)


def is_installed(name):
    """Tell whether a model can be made here.

    Parameters
    ----------
    name : str
        A key of `MODELS`.

    Returns
    -------
    installed : bool
    """
    return all(find_spec(package) for package in PACKAGES.get(name, ()))


def _mixing(kind):
    def make(alpha, protocol, seed):
        from skmixup import MixupClassifier  # here: only mixup has to wait for torch

        params = {"mixing": kind, "alpha": alpha, "random_state": seed}
        return MixupClassifier(**params | params_of(protocol))

    return make


def _search(keep_folds):
    """α by log-loss in 5 folds; then a new fit, or the folds' members as they are."""

    def make(alpha, protocol, seed):
        from skmixup import MixupSearchCV

        return MixupSearchCV(
            _mixing("input")(0.0, protocol, seed),
            {"alpha": SEARCHED_ALPHAS},
            scoring=score_by_log_loss,
            keep_folds=keep_folds,
        )

    return make


def _mlp(alpha, protocol, seed):
    return one_hot(MLPClassifier(random_state=seed, **_MLP_PROTOCOLS[protocol]))


def _logistic(alpha, protocol, seed):
    return one_hot(LogisticRegression(max_iter=1000, random_state=seed))


def _forest(alpha, protocol, seed):
    return coded(RandomForestClassifier(random_state=seed))


def _hist_gradient_boosting(alpha, protocol, seed):
    return categorical(HistGradientBoostingClassifier(random_state=seed))


def _dummy(alpha, protocol, seed):
    return DummyClassifier(strategy="prior")


def _xgboost(alpha, protocol, seed):
    from xgboost import XGBClassifier

    from .wrappers import NumberedClasses

    model = XGBClassifier(enable_categorical=True, n_jobs=1, random_state=seed)
    return categorical(NumberedClasses(model))


def _lightgbm(alpha, protocol, seed):
    from lightgbm import LGBMClassifier

    return categorical(LGBMClassifier(n_jobs=1, verbose=-1, random_state=seed))


def _catboost(alpha, protocol, seed):
    from catboost import CatBoostClassifier

    from .wrappers import NumberedClasses

    model = CatBoostClassifier(
        verbose=0, thread_count=1, allow_writing_files=False, random_seed=seed
    )
    return filled(NumberedClasses(model, category_param="cat_features"))


def _realmlp(alpha, protocol, seed):
    from pytabkit import RealMLP_TD_Classifier

    return _pytabkit(RealMLP_TD_Classifier, seed)


def _tabm(alpha, protocol, seed):
    from pytabkit import TabM_D_Classifier

    return _pytabkit(TabM_D_Classifier, seed)


def _pytabkit(kind, seed):
    from .wrappers import NumberedClasses

    for name in ("lightning", "pytorch_lightning"):  # they report on every fit
        logging.getLogger(name).setLevel(logging.ERROR)
    # Its seeds go to numpy's old generators, which take half of the range.
    model = kind(device="cpu", n_threads=1, random_state=seed % 2**31)
    return filled(NumberedClasses(model), impute=True)


MODELS = {
    "mixup": _mixing("input"),
    "manifold": _mixing("manifold"),
    "cutmix": _mixing("cutmix"),
    "mixup_search": _search(keep_folds=False),
    "mixup_folds": _search(keep_folds=True),
    "mlp": _mlp,
    "logistic": _logistic,
    "forest": _forest,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
    "catboost": _catboost,
    "realmlp": _realmlp,
    "tabm": _tabm,
    "dummy": _dummy,
}
STACKED = ("mixup", "manifold", "cutmix")
SEARCHES = ("mixup_search", "mixup_folds")
# Makes rows and predicts none; its measures are its own.
GENERATOR = "gan"
WITH_ALPHA = (*STACKED, GENERATOR)
NETWORKS = (*WITH_ALPHA, *SEARCHES, "mlp")
# What is not in the extra "benchmarks".
PACKAGES = {
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "catboost": ("catboost",),
    "realmlp": ("pytabkit",),
    "tabm": ("pytabkit",),
}
# Rough shares of the time that a fit takes.
COSTS = {
    "mixup": 1.0,
    "manifold": 1.2,
    "cutmix": 1.4,
    "mixup_search": 24.0,
    "mixup_folds": 24.0,
    "mlp": 2.0,
    "logistic": 0.3,
    "forest": 0.7,
    "hist_gradient_boosting": 2.0,
    "xgboost": 1.0,
    "lightgbm": 0.7,
    "catboost": 8.0,
    "realmlp": 20.0,
    "tabm": 40.0,
    "dummy": 0.01,
    GENERATOR: 10.0,
}
