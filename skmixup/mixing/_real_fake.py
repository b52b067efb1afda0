"""mixup for the discriminator of a GAN."""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .._typing import Rng
from ._core import mix
from ._draws import draw_lambda


@overload
def draw_real_share(alpha: float, size: None = None, rng: Rng = None) -> float: ...
@overload
def draw_real_share(
    alpha: float, size: int | tuple[int, ...], rng: Rng = None
) -> NDArray[np.float64]: ...
def draw_real_share(
    alpha: float, size: int | tuple[int, ...] | None = None, rng: Rng = None
) -> float | NDArray[np.float64]:
    """Draw the real row's share λ of rows mixed of real and generated ones.

    Beta(alpha, alpha) for every alpha, and its limit at 0: a fair coin between 0 and 1.
    Unlike :func:`draw_lambda`, whose λ is 1 there: a row left unmixed is then either
    the first or the second, and here it matters which.

    Parameters
    ----------
    alpha : float
        In [0, inf]. 0 gives unmixed rows, real or generated; inf gives λ = 1/2.
    size : int or tuple of int, default=None
        Shape of the result; None for a single number.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    lam : float or ndarray of shape `size`
        Shares in [0, 1].

    Raises
    ------
    ValueError
        If `alpha` is negative or not a number.

    Examples
    --------
    >>> from skmixup.mixing import draw_real_share
    >>> draw_real_share(0, size=4, rng=0)
    array([0., 0., 0., 1.])
    """
    rng = np.random.default_rng(rng)
    # Beta(a, a) is symmetric, so that turning it over by a fair coin changes nothing
    # but the λ = 1 that stands for "unmixed".
    turned = rng.integers(2, size=size)
    return np.abs(turned - draw_lambda(alpha, size, rng))


def mixup_real_fake(
    real: Tensor,
    fake: Tensor,
    alpha: float = 0.2,
    *,
    lam: ArrayLike | Tensor | None = None,
    rng: Rng = None,
) -> tuple[Tensor, Tensor]:
    """Mix real rows with generated ones, for the discriminator of a GAN.

    In place of telling real rows (target 1) from generated ones (target 0), the
    discriminator learns how much of a mixture is real: x~ = λ·real + (1−λ)·fake has the
    target λ, and the loss is the binary cross-entropy.

    Parameters
    ----------
    real, fake : torch.Tensor of the same shape (B, ...)
        Rows of one floating-point type. Gradients pass to both: detach `fake` in the
        discriminator's step.
    alpha : float, default=0.2
        Parameter of Beta(alpha, alpha), from which one λ a row is drawn, in [0, inf].
        0 is a GAN without mixup: each row is real or generated, by a fair coin.
    lam : array-like or torch.Tensor, default=None
        Shares drawn beforehand by :func:`draw_real_share`, which replace `alpha` and
        `rng`. Its shape is that of the leading dimensions of `real`: (B,), or (K, B)
        for a stack of K members with a batch each.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    X_mixed : torch.Tensor, shape of `real`
    target : torch.Tensor, shape (B,) or that of `lam`
        λ, the share of the real row.

    Raises
    ------
    TypeError
        If rows are no tensors.
    ValueError
        If shapes or types differ, rows are not floating-point, or `alpha` or `lam` is
        out of range.

    Notes
    -----
    In the paper's formula the generator, too, learns through the mixtures. The usual
    way is to show its rows as they are to the discriminator, as if they were real:
    target 1, the non-saturating loss.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
    2017, section 3.8.

    Examples
    --------
    >>> import torch
    >>> from skmixup.mixing import mixup_real_fake
    >>> real, fake = torch.ones(3, 2), torch.zeros(3, 2)
    >>> X, target = mixup_real_fake(real, fake, alpha=1.0, rng=0)
    >>> torch.equal(X, target[:, None].expand(3, 2))
    True
    """
    for name, rows in (("real", real), ("fake", fake)):
        if not isinstance(rows, torch.Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(rows).__name__}")
    if real.shape != fake.shape:
        raise ValueError(
            f"real has shape {tuple(real.shape)} and fake {tuple(fake.shape)}: they "
            "must be the same."
        )
    if real.dtype != fake.dtype or not real.is_floating_point():
        raise ValueError(
            "real and fake must be of one floating-point type, got "
            f"{real.dtype} and {fake.dtype}"
        )
    if lam is None:
        lam = torch.from_numpy(draw_real_share(alpha, len(real), rng))
    else:
        if not isinstance(lam, torch.Tensor):
            lam = torch.from_numpy(np.asarray(lam, dtype=np.float64))
        if not lam.dim() or lam.shape != real.shape[: lam.dim()]:
            raise ValueError(
                f"lam has shape {tuple(lam.shape)}, which are no leading dimensions of "
                f"rows of shape {tuple(real.shape)}"
            )
        if not ((lam >= 0) & (lam <= 1)).all():
            raise ValueError("lam must be in [0, 1]")
    lam = lam.to(real)
    return mix(real, fake, lam), lam
