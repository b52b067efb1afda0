"""Tables, checked and made into matrices of numbers."""

from ._encoder import TabularEncoder
from ._scaler import SmoothClipScaler
from ._stacking import StackingTransformer

__all__ = ["SmoothClipScaler", "StackingTransformer", "TabularEncoder"]
