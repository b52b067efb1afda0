"""Many fits at once: searches, and ensembles of their folds."""

from ._ensemble import FoldEnsemble, FoldEnsembleRegressor
from ._fit_many import FitResult, fit_many
from ._search import MixupRandomizedSearchCV, MixupSearchCV

__all__ = [
    "FitResult",
    "FoldEnsemble",
    "FoldEnsembleRegressor",
    "MixupRandomizedSearchCV",
    "MixupSearchCV",
    "fit_many",
]
