"""From encoded rows to trained members: plans, batches, the loop, the net."""

from ._engine import Trained, train
from ._net import MixupNet
from ._plan import Member, Plan, Shared, Table
from ._pseudo_labels import PseudoLabels

__all__ = [
    "Member",
    "MixupNet",
    "Plan",
    "PseudoLabels",
    "Shared",
    "Table",
    "Trained",
    "train",
]
