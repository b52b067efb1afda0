"""The scikit-learn estimators."""

from ._classifier import MixupClassifier
from ._regressor import MixupRegressor

__all__ = ["MixupClassifier", "MixupRegressor"]
