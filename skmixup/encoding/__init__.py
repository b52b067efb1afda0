"""Tables, checked and made into matrices of numbers."""

from ._encoder import TabularEncoder
from ._scaler import SmoothClipScaler

__all__ = ["SmoothClipScaler", "TabularEncoder"]
