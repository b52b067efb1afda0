"""The regressors that a user would pick instead, which take the raw table."""

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import StandardScaler

from .preprocessing import categorical, filled, one_hot, ordinal
from .registry import Model, make_pytabkit
from .wrappers import ListedCategories


def _ridge(seed):
    return one_hot(RidgeCV(np.logspace(-3, 3, 13)))


def _mlp(seed):
    """On standardized targets: without, it learns little in its 200 epochs."""
    model = one_hot(MLPRegressor(random_state=seed))
    return TransformedTargetRegressor(model, transformer=StandardScaler())


def _forest(seed):
    return ordinal(RandomForestRegressor(random_state=seed))


def _hist_gradient_boosting(seed):
    return categorical(HistGradientBoostingRegressor(random_state=seed))


def _xgboost(seed):
    from xgboost import XGBRegressor

    model = XGBRegressor(enable_categorical=True, n_jobs=1, random_state=seed)
    return categorical(model)


def _lightgbm(seed):
    from lightgbm import LGBMRegressor

    return categorical(LGBMRegressor(n_jobs=1, verbose=-1, random_state=seed))


def _catboost(seed):
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(
        verbose=0, thread_count=1, allow_writing_files=False, random_seed=seed
    )
    return filled(ListedCategories(model, "cat_features"))


def _realmlp(seed):
    from pytabkit import RealMLP_TD_Regressor

    return filled(make_pytabkit(RealMLP_TD_Regressor, seed), impute=True)


REGRESSORS = {
    "ridge": Model(_ridge, cost=0.1),
    "mlp": Model(_mlp),
    "forest": Model(_forest, cost=2.0),
    "hist_gradient_boosting": Model(_hist_gradient_boosting),
    "xgboost": Model(_xgboost, packages=("xgboost",), cost=0.5),
    "lightgbm": Model(_lightgbm, packages=("lightgbm",), cost=0.5),
    "catboost": Model(_catboost, packages=("catboost",), cost=2.0),
    "realmlp": Model(_realmlp, packages=("pytabkit",), cost=10.0),
}
