"""K networks as one module: layers, perceptrons, losses, and their optimizer."""

from ._adamw import StackedAdamW
from ._embedding import StackedEmbedding
from ._layers import StackedDropout, StackedLinear
from ._losses import PinballLoss
from ._mlp import StackedMLP
from ._periodic import StackedPeriodic

__all__ = [
    "PinballLoss",
    "StackedAdamW",
    "StackedDropout",
    "StackedEmbedding",
    "StackedLinear",
    "StackedMLP",
    "StackedPeriodic",
]
