"""Many fits at once: searches, and ensembles of their folds."""

from ._ensemble import FoldEnsemble, FoldEnsembleRegressor
from ._fit_many import FitResult, fit_many
from ._mixup_ensemble import MixupEnsembleClassifier, MixupEnsembleRegressor
from ._search import MixupRandomizedSearchCV, MixupSearchCV

__all__ = [
    "FitResult",
    "FoldEnsemble",
    "FoldEnsembleRegressor",
    "MixupEnsembleClassifier",
    "MixupEnsembleRegressor",
    "MixupRandomizedSearchCV",
    "MixupSearchCV",
    "fit_many",
]
