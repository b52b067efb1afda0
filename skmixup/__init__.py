"""mixup-trained neural networks for tables, as scikit-learn estimators.

What a user of estimators needs is here; the pieces for builders are in
:mod:`skmixup.mixing` and :mod:`skmixup.stack`, and what a fit is made of in
:mod:`skmixup.encoding` and :mod:`skmixup.search`. With the extra "onnx", fitted
estimators leave Python by :mod:`skmixup.export`.
"""

import warnings
from typing import TYPE_CHECKING, Any

from . import encoding, mixing, search, stack
from ._display import AlphaCurveDisplay, LossCurveDisplay
from .encoding import TabularEncoder
from .estimators import MixupClassifier, MixupRegressor
from .mixing import mixup_batch
from .search import (
    MixupEnsembleClassifier,
    MixupEnsembleRegressor,
    MixupRandomizedSearchCV,
    MixupSearchCV,
    fit_many,
)
from .training import MixupNet, PseudoLabels

__version__ = "0.2.0.dev0"

__all__ = [
    "AlphaCurveDisplay",
    "LossCurveDisplay",
    "MixupClassifier",
    "MixupEnsembleClassifier",
    "MixupEnsembleRegressor",
    "MixupNet",
    "MixupRandomizedSearchCV",
    "MixupRegressor",
    "MixupSearchCV",
    "PseudoLabels",
    "TabularEncoder",
    "fit_many",
    "mixup_batch",
]

# Names that were here before, for one release more: the module they are in now.
_MOVED = {
    name: room
    for room, names in {
        mixing: (
            *("CutMix", "InputMixup", "ManifoldMixup", "Mixer", "draw_lambda"),
            *("draw_partners", "draw_real_share", "mix", "mixup_real_fake"),
            *("one_hot", "soft_cross_entropy"),
        ),
        stack: ("StackedAdamW", "StackedLinear", "StackedMLP"),
        encoding: ("SmoothClipScaler",),
        search: ("FoldEnsemble", "FoldEnsembleRegressor"),
    }.items()
    for name in names
}
_RENAMED = {"fit_together": (search, "fit_many"), "TogetherFit": (search, "FitResult")}


if not TYPE_CHECKING:  # else any name would do

    def __getattr__(name: str) -> Any:
        room, now = _RENAMED.get(name, (_MOVED.get(name), name))
        if room is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        warnings.warn(
            f"skmixup.{name} is {room.__name__}.{now} now; the old name goes with 0.3.",
            FutureWarning,
            stacklevel=2,
        )
        return getattr(room, now)
