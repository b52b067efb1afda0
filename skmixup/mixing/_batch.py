"""A batch mixed, for any training loop."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .._typing import LambdaPer, Rng
from ._core import mix, one_hot, read_targets
from ._draws import draw_steps
from ._mixers import MIXERS, Mixer, make_mixer


def mixup_batch(
    X: Tensor,
    y: Tensor,
    alpha: float = 1.0,
    *,
    mixing: Literal["input", "cutmix", "noise"] | Mixer = "input",
    lambda_per: LambdaPer = "batch",
    n_classes: int | None = None,
    groups: ArrayLike | None = None,
    rng: Rng = None,
) -> tuple[Tensor, Tensor]:
    """Mix a batch of rows and labels, for use in any torch training loop.

    Parameters
    ----------
    X : torch.Tensor of shape (n_rows, ...)
        Floating-point rows (or images, sequences), encoded and scaled.
    y : torch.Tensor of shape (n_rows,) or (n_rows, n_outputs)
        Class indices (also in one column), a one-hot or indicator matrix of any type,
        or floating-point targets (soft labels, regression).
    alpha : float, default=1.0
        λ ~ Beta(alpha, alpha), in [0, inf]; 0 leaves the batch as it is.
    mixing : str or Mixer, default="input"
        A key of :data:`skmixup.mixing.MIXERS`; but "manifold" mixes inside a module,
        and needs :class:`MixupNet`.
    lambda_per : {"batch", "row"}, default="batch"
        Draw one λ for the batch or one for each row.
    n_classes : int, default=None
        Width of the one-hot targets; by default the largest class index plus one.
    groups : array-like of int of shape (n_columns,), default=None
        For CutMix and NoiseMixup: columns of the same group are swapped together.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`. Pass a
        generator that lives as long as the loop: an int gives the same mix each time.

    Returns
    -------
    X_mixed : torch.Tensor, shape of X
    y_mixed : torch.Tensor of shape (n_rows, n_classes) or the shape of y
        Soft targets, as :func:`torch.nn.functional.cross_entropy` takes them.

    Raises
    ------
    ValueError
        If a parameter is out of range, X and y have no rows or different numbers of
        them, or integers in y are neither class indices nor 0 and 1.
    TypeError
        If X or y is no tensor.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skmixup import mixup_batch
    >>> X, y = torch.eye(4), torch.tensor([0, 1, 2, 1])
    >>> rng = np.random.default_rng(0)
    >>> X_mixed, y_mixed = mixup_batch(X, y, alpha=0.4, rng=rng)
    >>> loss = torch.nn.functional.cross_entropy(X_mixed[:, :3], y_mixed)
    """
    for name, value in (("X", X), ("y", y)):
        if not isinstance(value, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(value)}.")
    if X.dim() < 2:
        raise ValueError(f"X must have rows and columns, got shape {tuple(X.shape)}.")
    n_rows = len(y) if y.dim() else 0
    if len(X) != n_rows:
        raise ValueError(f"X has {len(X)} rows and y has {n_rows}: they must agree.")
    if not n_rows:
        raise ValueError("Found a batch of 0 rows, while at least one is required.")
    if not X.is_floating_point():
        raise ValueError(
            f"X must be floating-point to be mixed, got {X.dtype}: encode and scale it."
        )
    mixer = make_mixer(mixing, groups)
    if mixer is None or mixer.mixes_inside:
        named = [name for name, kind in MIXERS.items() if not kind.mixes_inside]
        raise ValueError(
            f"mixup_batch takes mixing in {named}, or a Mixer of rows as they come, "
            f"got {mixing!r}."
        )
    targets = _batch_targets(y, n_classes, X.dtype)
    rng = np.random.default_rng(rng)
    drawn = draw_steps(mixer, [(rng, rng, rng)], [alpha], 1, [len(X)], lambda_per)
    draws = {name: torch.from_numpy(a) for name, a in drawn.items()}
    lam, partner = (draws.pop(name).to(X.device) for name in ("lam", "partner"))
    partner = partner[0, 0]
    X_mixed, lam = mixer.mix(X[None, None], X[partner][None, None], lam, **draws)
    return X_mixed[0, 0], mix(targets, targets[partner], lam[0, 0])


def _batch_targets(y: Tensor, n_classes: int | None, dtype: torch.dtype) -> Tensor:
    """Return floating-point targets of a batch, or raise if they don't fit."""
    targets = read_targets(y)
    if targets.is_floating_point():
        if n_classes not in (None, y.shape[-1]) and not y.is_floating_point():
            raise ValueError(
                f"n_classes is {n_classes}, and y has {y.shape[-1]} columns: leave "
                "n_classes out, or give class indices."
            )
        return y if y.is_floating_point() else targets.to(dtype)
    low, high = (int(f(targets)) for f in (torch.min, torch.max))
    if low < 0 or (n_classes is not None and high >= n_classes):
        raise ValueError(
            f"y holds {low if low < 0 else high}: class indices count from 0"
            + ("." if n_classes is None else f", and n_classes is {n_classes}.")
        )
    return one_hot(targets, n_classes, dtype)
