"""mixup, exactly: coefficients, partners, and the mixed batch.

Random numbers are drawn in one place (``draw_*``, ``Mixer.draw``) from a NumPy
generator that the caller owns, and applied in another (``mix``, ``Mixer.mix``) by pure
functions on tensors. λ always weights the first row, in X and y alike.
"""

from ._batch import mixup_batch
from ._core import mix, one_hot, soft_cross_entropy
from ._draws import draw_lambda, draw_partners
from ._mixers import MIXERS, CutMix, InputMixup, ManifoldMixup, Mixer, NoiseMixup
from ._real_fake import draw_real_share, mixup_real_fake

__all__ = [
    "MIXERS",
    "CutMix",
    "InputMixup",
    "ManifoldMixup",
    "Mixer",
    "NoiseMixup",
    "draw_lambda",
    "draw_partners",
    "draw_real_share",
    "mix",
    "mixup_batch",
    "mixup_real_fake",
    "one_hot",
    "soft_cross_entropy",
]
