"""mixup-trained neural networks for tables, as scikit-learn estimators."""

from ._display import AlphaCurveDisplay, LossCurveDisplay
from .encoding._encoder import TabularEncoder
from .encoding._scaler import SmoothClipScaler
from .estimators._classifier import MixupClassifier
from .estimators._regressor import MixupRegressor
from .mixing import (
    CutMix,
    InputMixup,
    ManifoldMixup,
    Mixer,
    draw_lambda,
    draw_partners,
    draw_real_share,
    mix,
    mixup_batch,
    mixup_real_fake,
    one_hot,
    soft_cross_entropy,
)
from .search._ensemble import FoldEnsemble, FoldEnsembleRegressor
from .search._fit_many import FitResult, fit_many
from .search._search import MixupRandomizedSearchCV, MixupSearchCV
from .stack import StackedAdamW, StackedLinear, StackedMLP
from .training._net import MixupNet

TogetherFit, fit_together = FitResult, fit_many
__version__ = "0.1.0"

__all__ = [
    "AlphaCurveDisplay",
    "CutMix",
    "FoldEnsemble",
    "FoldEnsembleRegressor",
    "InputMixup",
    "LossCurveDisplay",
    "ManifoldMixup",
    "Mixer",
    "MixupClassifier",
    "MixupNet",
    "MixupRandomizedSearchCV",
    "MixupRegressor",
    "MixupSearchCV",
    "SmoothClipScaler",
    "StackedAdamW",
    "StackedLinear",
    "StackedMLP",
    "TabularEncoder",
    "TogetherFit",
    "draw_lambda",
    "draw_partners",
    "draw_real_share",
    "fit_together",
    "mix",
    "mixup_batch",
    "mixup_real_fake",
    "one_hot",
    "soft_cross_entropy",
]
