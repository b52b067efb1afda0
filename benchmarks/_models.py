"""The models: mixup and the baselines that a user would pick instead.

Every model takes the raw table. What a baseline needs by way of preprocessing is a part
of it, so nothing is ever fitted outside the training fold.
"""

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from ._metrics import score_by_log_loss

_NUMBERS = make_column_selector(dtype_include="number")
_OTHERS = make_column_selector(dtype_exclude="number")

# The paper's experiment on UCI tables: 2 x 128 ReLU, Adam with its defaults, 10 epochs
# of batches of 16. "default" is each estimator as it comes.
_MIXUP_PROTOCOLS = {
    "default": {},
    "paper": {
        "hidden_layer_sizes": (128, 128),
        "lr": 1e-3,
        "lr_schedule": "constant",
        "weight_decay": 0.0,
        "batch_size": 16,
        "max_epochs": 10,
    },
}
_MLP_PROTOCOLS = {
    "default": {},
    "paper": {
        "hidden_layer_sizes": (128, 128),
        "learning_rate_init": 1e-3,
        "alpha": 0.0,
        "batch_size": 16,
        "max_iter": 10,
    },
}
PROTOCOLS = tuple(_MIXUP_PROTOCOLS)
SEARCHED_ALPHAS = [0.0, 0.1, 0.2, 0.4, 1.0, 2.0]


def make_model(name, *, alpha=None, protocol="default", seed=None):
    """Make an unfitted classifier that takes a raw table.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    alpha : float or None, default=None
        mixup's α; None for the baselines, which have none.
    protocol : {"default", "paper"}, default="default"
        How the neural networks are trained. The other models have one way only.
    seed : int or None, default=None
        The model's `random_state`.

    Returns
    -------
    model : estimator
    """
    return MODELS[name](alpha, protocol, seed)


def _mixup(alpha, protocol, seed):
    from skmixup import MixupClassifier  # here: only mixup has to wait for torch

    return MixupClassifier(alpha=alpha, random_state=seed, **_MIXUP_PROTOCOLS[protocol])


def _mixup_search(alpha, protocol, seed):
    return _search(protocol, seed, keep_folds=False)


def _mixup_folds(alpha, protocol, seed):
    return _search(protocol, seed, keep_folds=True)


def _search(protocol, seed, *, keep_folds):
    """α by log-loss in 5 folds; then a new fit, or the folds' members as they are."""
    from skmixup import MixupSearchCV

    return MixupSearchCV(
        _mixup(0.0, protocol, seed),
        {"alpha": SEARCHED_ALPHAS},
        scoring=score_by_log_loss,
        keep_folds=keep_folds,
    )


def _mlp(alpha, protocol, seed):
    return _one_hot(MLPClassifier(random_state=seed, **_MLP_PROTOCOLS[protocol]))


def _logistic(alpha, protocol, seed):
    return _one_hot(LogisticRegression(max_iter=1000, random_state=seed))


def _forest(alpha, protocol, seed):
    return _ordinal(RandomForestClassifier(random_state=seed))


def _hist_gradient_boosting(alpha, protocol, seed):
    return _ordinal(HistGradientBoostingClassifier(random_state=seed))


def _dummy(alpha, protocol, seed):
    return DummyClassifier(strategy="prior")


def _one_hot(classifier):
    """Numbers imputed and scaled, all else one-hot; missing is a category."""
    numbers = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
    )
    others = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_pipeline(
        make_column_transformer((numbers, _NUMBERS), (others, _OTHERS)), classifier
    )


def _ordinal(classifier):
    """Numbers as they are, all else as codes; missing and unseen are NaN."""
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
    )
    columns = make_column_transformer(("passthrough", _NUMBERS), (codes, _OTHERS))
    return make_pipeline(columns, classifier)


MODELS = {
    "mixup": _mixup,
    "mixup_search": _mixup_search,
    "mixup_folds": _mixup_folds,
    "mlp": _mlp,
    "logistic": _logistic,
    "forest": _forest,
    "hist_gradient_boosting": _hist_gradient_boosting,
    "dummy": _dummy,
}
