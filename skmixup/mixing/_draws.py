"""Random numbers of mixing: λ, partners, and what a mixer draws."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, overload

import numpy as np
from numpy.typing import NDArray

from .._typing import Array, LambdaPer, Rng

if TYPE_CHECKING:
    from ._mixers import Mixer


def check_alpha(alpha: float) -> float:
    """Return `alpha` as a float, or raise if Beta(alpha, alpha) has no meaning.

    Parameters
    ----------
    alpha : float
        Parameter of the Beta distribution, in [0, inf].

    Returns
    -------
    alpha : float

    Raises
    ------
    ValueError
        If `alpha` is negative or not a number.
    TypeError
        If `alpha` is not a real number.
    """
    if isinstance(alpha, (str, bytes)) or np.ndim(alpha) != 0:
        raise TypeError(f"alpha must be a number in [0, inf], got {alpha!r}.")
    value = float(alpha)
    if not value >= 0:
        raise ValueError(f"alpha must be in the range [0, inf], got {value!r}.")
    return value


def check_reach(reach: float) -> float:
    """Return `reach` as a float, or raise if λ cannot be stretched by it.

    Parameters
    ----------
    reach : float
        In [0, inf).

    Returns
    -------
    reach : float

    Raises
    ------
    ValueError
        If `reach` is negative, infinite or not a number.
    TypeError
        If `reach` is not a real number.
    """
    if not isinstance(reach, Real):
        raise TypeError(f"reach must be a number in [0, inf), got {reach!r}.")
    value = float(reach)
    if not 0 <= value < np.inf:
        raise ValueError(f"reach must be in the range [0, inf), got {value!r}.")
    return value


def check_lambda_per(lambda_per: str) -> None:
    """Raise ValueError unless `lambda_per` is "batch" or "row"."""
    if lambda_per not in ("batch", "row"):
        raise ValueError(f"lambda_per must be 'batch' or 'row', got {lambda_per!r}.")


@overload
def draw_lambda(
    alpha: float, size: None = None, rng: Rng = None, reach: float = 0.0
) -> float: ...
@overload
def draw_lambda(
    alpha: float, size: int | tuple[int, ...], rng: Rng = None, reach: float = 0.0
) -> NDArray[np.float64]: ...
def draw_lambda(
    alpha: float,
    size: int | tuple[int, ...] | None = None,
    rng: Rng = None,
    reach: float = 0.0,
) -> float | NDArray[np.float64]:
    """Draw mixing coefficients λ ~ Beta(alpha, alpha), or a stretched Beta.

    Parameters
    ----------
    alpha : float
        In [0, inf]. 0 gives λ = 1 always (no mixing), inf gives λ = 1/2.
    size : int or tuple of int, default=None
        Shape of the result; None for a single number.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.
    reach : float, default=0.0
        How far beyond [0, 1] λ may lie, in [0, inf): λ·(1 + 2·reach) − reach is
        returned. Where alpha is 0 there is no mixing all the same.

    Returns
    -------
    lam : float or ndarray of shape `size`
        Coefficients in [−reach, 1 + reach].

    Raises
    ------
    ValueError
        If `alpha` or `reach` is out of its range or not a number.

    References
    ----------
    Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
    2017, section 2.

    Examples
    --------
    >>> from skmixup.mixing import draw_lambda
    >>> draw_lambda(0, size=3)
    array([1., 1., 1.])
    >>> draw_lambda(float("inf"), size=2)
    array([0.5, 0.5])
    >>> draw_lambda(0.4, size=2, rng=0).round(3)
    array([0.895, 0.906])
    >>> draw_lambda(0.4, size=2, rng=0, reach=0.5).round(3)
    array([1.291, 1.313])
    """
    alpha, reach = check_alpha(alpha), check_reach(reach)
    shape = () if size is None else size
    if alpha == 0:
        return np.ones(shape)[()]
    # Beta(a, a) has standard deviation 1 / (2 sqrt(2a + 1)): past 1e12 all is 1/2.
    if alpha > 1e12:
        return np.full(shape, 0.5)[()]
    lam = np.asarray(np.random.default_rng(rng).beta(alpha, alpha, shape))
    # NumPy returns nan where both gamma variates underflow (alpha below about 1e-3):
    # there Beta(a, a) is a fair coin between 0 and 1, and both mean an unmixed row.
    lam[np.isnan(lam)] = 1.0
    return (lam + reach * (2 * lam - 1))[()] if reach else lam[()]


def draw_partners(
    n_rows: int, n_batches: int | None = None, rng: Rng = None
) -> NDArray[np.int64]:
    """Draw for each row of a batch the row it is mixed with.

    A random permutation of the same batch, as in the paper's code. A batch of one row
    is its own partner.

    Parameters
    ----------
    n_rows : int
        Rows in a batch.
    n_batches : int, default=None
        Number of batches; None for one batch without a leading axis.
    rng : numpy.random.Generator, int or None, default=None
        Source of random numbers, as taken by :func:`numpy.random.default_rng`.

    Returns
    -------
    partner : ndarray of int64, shape (n_rows,) or (n_batches, n_rows)
        A permutation of ``range(n_rows)``, one for each batch.

    Examples
    --------
    >>> from skmixup.mixing import draw_partners
    >>> draw_partners(5, rng=0)
    array([2, 4, 3, 0, 1])
    """
    rng = np.random.default_rng(rng)
    if n_batches is None:
        return rng.permutation(n_rows)
    return rng.permuted(np.tile(np.arange(n_rows), (n_batches, 1)), axis=1)


def draw_steps(
    mixer: Mixer,
    rngs: Sequence[tuple[np.random.Generator, ...]],
    alphas: Sequence[float] | Array,
    n_steps: int,
    n_rows: Sequence[int] | Array,
    lambda_per: LambdaPer,
) -> dict[str, Array]:
    """Draw all random numbers of some steps, for each member from its own streams.

    λ's, partners and the mixer's own come from a stream each: so it makes no difference
    how many steps are drawn at a time.

    Parameters
    ----------
    mixer : Mixer
    rngs : sequence of K tuples of three numpy.random.Generator
        For λ, for partners, and for the mixer.
    alphas : sequence of float, length K
    n_steps : int
    n_rows : sequence of int, length K
        Rows a step.
    lambda_per : {"batch", "row"}

    Returns
    -------
    draws : dict of str to ndarray, leading axes (K, n_steps)
        "lam" (float32; K, S, 1 or B), "partner" (int64; K, S, B) and the mixer's own,
        where B is the largest of `n_rows`. A row beyond a member's own has itself for
        its partner.
    """
    check_lambda_per(lambda_per)
    widest = max(n_rows)
    members: list[dict[str, Array]] = []
    for (rng, rng_partners, rng_mixer), alpha, size in zip(
        rngs, alphas, n_rows, strict=True
    ):
        shape = n_steps, 1 if lambda_per == "batch" else size
        lam = draw_lambda(alpha, shape, rng, mixer.reach)
        partner = draw_partners(size, n_steps, rng_partners)
        drawn = mixer.draw_batches(rng_mixer, lam, size)
        if size < widest:
            stay = np.tile(np.arange(size, widest), (n_steps, 1))
            partner = np.concatenate([partner, stay], axis=1)
            if lambda_per == "row":
                drawn = {k: _pad(v, lam.shape, widest) for k, v in drawn.items()}
                lam = _pad(lam, lam.shape, widest)
        own: dict[str, Array] = {"lam": lam.astype(np.float32), "partner": partner}
        members.append(own | drawn)
    return {name: np.stack([m[name] for m in members]) for name in members[0]}


def _pad(drawn: Array, shape: tuple[int, ...], widest: int) -> Array:
    """Repeat what was drawn for the last row, where there is a draw for each row."""
    if drawn.shape[:2] != shape:
        return drawn
    return drawn[:, np.minimum(np.arange(widest), shape[1] - 1)]
