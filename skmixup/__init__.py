"""mixup-trained neural networks for tables, as scikit-learn estimators."""

from ._display import AlphaCurveDisplay, LossCurveDisplay
from ._encoding import SmoothClipScaler, TabularEncoder
from ._ensemble import FoldEnsemble, FoldEnsembleRegressor
from ._estimators import MixupClassifier, MixupRegressor
from ._mixing import (
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
from ._modules import StackedLinear, StackedMLP
from ._net import MixupNet
from ._optim import StackedAdamW
from ._search import MixupRandomizedSearchCV, MixupSearchCV
from ._together import TogetherFit, fit_together

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
