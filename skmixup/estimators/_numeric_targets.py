"""What numeric targets are, by the loss that is minimized."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.metrics import d2_pinball_score
from torch import nn

from .._sklearn import check_y
from .._typing import Array
from ..stack._losses import PinballLoss
from ._rows_last import rows_first, rows_last


class NumericTarget:
    """One or several numbers in each row, standardized for the net.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_targets,)
        A scale of 0 says that a target is constant.
    ndim : int
        1 if targets come, and are predicted, without an axis of columns; else 2.
    """

    # What makes a net's criterion; the same object for the same levels.
    criterion: Callable[..., nn.Module] = nn.MSELoss

    def __init__(self, mean: Array, scale: Array, ndim: int) -> None:
        self.mean = mean
        self.scale = scale
        self.ndim = ndim

    @staticmethod
    def learn(y: Array, weight: Array) -> tuple[Array, Array]:
        """Return mean and scale of targets, checked; in weights and copies alike."""
        columns = y.reshape(len(y), -1).astype(np.float64)
        # Made small first, so that nothing near the largest float overflows.
        largest = np.abs(columns).max(axis=0)
        largest[largest == 0] = 1.0
        small = columns / largest
        mean = np.average(small, axis=0, weights=weight)
        spread = np.sqrt(np.average((small - mean) ** 2, axis=0, weights=weight))
        varies = spread > 1e-12  # above round-off
        # Rounded, so that weights and copies agree to the last bit.
        spread = np.where(varies, _round(spread), 0.0)
        unit = np.where(varies, spread, 1.0) * 2.0**-20
        mean = np.where(varies, np.round(mean / unit) * unit, mean)
        return mean * largest, spread * largest

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return len(self.mean)

    @property
    def n_outputs(self) -> int:
        """Width of the net's output."""
        return self.n_targets

    @property
    def deviation(self) -> float:
        """Standard deviation of encoded targets, all in all."""
        return 1.0

    @staticmethod
    def check(y: Any, estimator: Any) -> Array:
        """Return y as an array, or raise ValueError if it can't be learned."""
        if sparse.issparse(y):
            raise ValueError("y is sparse: give targets as an array, y.toarray().")
        with np.errstate(over="ignore", invalid="ignore"):  # in sums of large numbers
            y = check_y(y, multi_output=True, y_numeric=True, estimator=estimator)
        if y.dtype.kind not in "fiub":
            raise ValueError(f"y must hold numbers, got values of dtype {y.dtype}.")
        return y

    def check_known(self, y: Array, when: str) -> None:
        """Raise ValueError if y, checked, is not of the kind that was learned."""
        n_targets = 1 if y.ndim == 1 else y.shape[1]
        if (n_targets, y.ndim) != (self.n_targets, self.ndim):
            raise ValueError(
                f"y has shape {y.shape}, and had {self.n_targets} target(s) before: "
                f"{when} they cannot change."
            )

    def encode(self, y: Array) -> Array:
        """Return y as the net takes it: in standard deviations from the mean."""
        columns = y.reshape(len(y), -1)
        encoded = np.zeros(columns.shape)
        for column, scale in enumerate(self.scale):
            if scale > 0:  # a constant is 0, and predicted exactly
                mean = self.mean[column] / scale
                encoded[:, column] = columns[:, column] / scale - mean
        return encoded.astype(np.float32)

    def codes(self, y: Array) -> Array:
        """Return an integer for each encoded target, the same for equal ones."""
        return np.unique(y, axis=0, return_inverse=True)[1].reshape(-1)

    def strata(self, y: Array) -> Array:
        """Return of what each part of a split gets its share: nothing."""
        return np.zeros(len(y), dtype=int)

    def combine(self, outputs: Array, weights: Array) -> Array:
        """Return the members' weighted mean, encoded.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_members, n_outputs)
        weights : ndarray of shape (n_members,)

        Returns
        -------
        combined : ndarray of shape (n_rows, n_outputs)
        """
        return np.einsum("nko,k->no", outputs, weights)

    def judge(self, y: Array, predicted: Array) -> Array:
        """Return by how much each target was missed.

        Parameters
        ----------
        y, predicted : ndarray of shape (n_rows, n_outputs)
            Encoded.

        Returns
        -------
        residuals : ndarray of shape (n_rows, n_values)
            Of which a mean of models has the mean.
        """
        return predicted - y

    def loss_of(self, residuals: Array) -> tuple[Array, Array]:
        """Return the loss of what `judge` returns, and its slope.

        Parameters
        ----------
        residuals : ndarray of shape (n_rows, n_values)

        Returns
        -------
        loss, slope : ndarray
            In each place; losses are not negative.
        """
        return residuals**2, 2 * residuals

    def decode(self, outputs: Array, weights: Array | None = None) -> Array:
        """Return the members' mean in the units of y.

        Parameters
        ----------
        outputs : ndarray of shape (n_rows, n_members, n_outputs)
        weights : ndarray of shape (n_members,), default=None
            Of the members, in sum 1; None for equal ones.

        Returns
        -------
        y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        """
        return self.in_units(self._mean(outputs, weights))

    def in_units(self, encoded: Array) -> Array:
        """Return encoded numbers (n_rows, n_targets, ...) in the units of y."""
        shape = (-1, *(1,) * (encoded.ndim - 2))
        scale, mean = self.scale.reshape(shape), self.mean.reshape(shape)
        with np.errstate(over="ignore"):  # of targets near the largest float
            y = np.nan_to_num(encoded * scale + mean)
        return y[:, 0] if self.ndim == 1 else y

    def bounds(self, encoded: Array) -> tuple[Array, Array]:
        """Return what is to be widened to an interval: one number, or two ends.

        Parameters
        ----------
        encoded : ndarray of shape (n_rows, n_outputs)
            Targets, or what `combine` returns.

        Returns
        -------
        ends : ndarray of shape (n_ends, n_rows, n_targets)
        spread : ndarray of shape (n_ends, n_rows, n_targets)
            How far apart targets are that are told so, in some unit.
        """
        return encoded[None], np.ones_like(encoded)[None]

    def _mean(self, outputs: Array, weights: Array | None) -> Array:
        outputs, n_rows = rows_last(outputs), len(outputs)
        means = outputs.mean(axis=1)
        if weights is not None:
            means = np.einsum("okn,k->on", outputs, weights)
        return rows_first(means, n_rows)


class MedianTarget(NumericTarget):
    """Numbers that are told by their median."""

    criterion = nn.L1Loss

    def loss_of(self, residuals: Array) -> tuple[Array, Array]:
        """Return the absolute error of residuals, and its slope."""
        return np.abs(residuals), np.sign(residuals)


class QuantileTarget(NumericTarget):
    """Numbers of which quantiles are told, each in a column.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_targets,)
    ndim : int
    quantile : float or tuple of float
        In (0, 1), increasing. Predictions of a tuple have an axis of levels.
    """

    def __init__(
        self, mean: Array, scale: Array, ndim: int, quantile: float | tuple[float, ...]
    ) -> None:
        super().__init__(mean, scale, ndim)
        self.quantile = quantile
        self.levels = quantile if isinstance(quantile, tuple) else (quantile,)
        self.criterion = _pinball(self.levels * self.n_targets)

    @property
    def n_outputs(self) -> int:
        """Width of the net's output: all levels of a target, then of the next."""
        return self.n_targets * len(self.levels)

    @property
    def deviation(self) -> float:
        """Standard deviation of encoded targets, each of which is there many times."""
        return sqrt(len(self.levels))

    def encode(self, y: Array) -> Array:
        """Return y in standard deviations from the mean, once for each level."""
        return np.repeat(super().encode(y), len(self.levels), axis=1)

    def loss_of(self, residuals: Array) -> tuple[Array, Array]:
        """Return the pinball loss of residuals, and its slope."""
        levels = np.tile(self.levels, self.n_targets)
        slope = np.where(residuals > 0, 1 - levels, -levels) * (residuals != 0)
        return slope * residuals, slope

    def decode(self, outputs: Array, weights: Array | None = None) -> Array:
        """Return quantiles in the units of y, in order: none crosses another."""
        quantiles = self.in_units(self._in_order(self._mean(outputs, weights)))
        return quantiles if isinstance(self.quantile, tuple) else quantiles[..., 0]

    def bounds(self, encoded: Array) -> tuple[Array, Array]:
        """Return the lowest and the highest quantile, and how far they are apart."""
        quantiles = self._in_order(encoded)
        ends = np.stack([quantiles[..., 0], quantiles[..., -1]])
        if len(self.levels) == 1:
            return ends, np.ones_like(ends)
        # With one width for all, narrow ones would cross where they are to shrink:
        # Sesia, Candes, "A comparison of some conformal quantile regression methods".
        apart = np.maximum(ends[1] - ends[0], 1e-3)
        return ends, np.stack([apart, apart])

    def _in_order(self, encoded: Array) -> Array:
        # To put them in order takes none farther from the truth [1].
        # [1] Chernozhukov, Fernandez-Val, Galichon, "Quantile and Probability Curves
        # Without Crossing", 2010.
        shape = len(encoded), self.n_targets, len(self.levels)
        return np.sort(encoded.reshape(shape), axis=-1)


class CountTarget(NumericTarget):
    """Numbers from 0 on, whose rate is told: its logarithm is what the net puts out."""

    criterion = nn.PoissonNLLLoss

    @staticmethod
    def check(y: Any, estimator: Any) -> Array:
        """Return y as an array, or raise ValueError if it can't be learned."""
        y = NumericTarget.check(y, estimator)
        if (y < 0).any() or not (y.sum(axis=0) > 0).all():
            raise ValueError(
                "loss='poisson' requires non-negative y, not all of it 0 (in each "
                f"column): got values from {y.min()} to {y.max()}."
            )
        return y

    @property
    def deviation(self) -> float:
        """Standard deviation of encoded targets, all in all."""
        return sqrt(np.mean((self.scale / self._unit) ** 2)) or 1.0

    @property
    def _unit(self) -> Array:
        return np.where(self.mean > 0, self.mean, 1.0)  # rows with y > 0 may weigh 0

    def encode(self, y: Array) -> Array:
        """Return y as the net takes it: in multiples of the mean."""
        return (y.reshape(len(y), -1) / self._unit).astype(np.float32)

    def combine(self, outputs: Array, weights: Array) -> Array:
        """Return the weighted mean of the members' rates, encoded."""
        return np.einsum("nko,k->no", _rate(outputs), weights)

    def judge(self, y: Array, predicted: Array) -> Array:
        """Return rates and, beside them, what is to be told."""
        return np.concatenate([predicted, y], axis=-1)

    def loss_of(self, residuals: Array) -> tuple[Array, Array]:
        """Return the Poisson deviance of rates and targets, and its slope in rates."""
        rate, y = np.split(np.asarray(residuals, dtype=float), 2, axis=-1)
        rate = np.maximum(rate, 1e-12)
        at_0 = np.where(y > 0, y, 1.0)
        loss = np.where(y > 0, y * np.log(at_0 / rate), 0.0) - y + rate
        slope = 1 - y / rate
        none = np.zeros_like(y)
        # Rounding may leave of nothing a little less.
        loss = np.maximum(loss, 0)
        return np.concatenate([loss, none], -1), np.concatenate([slope, none], -1)

    def decode(self, outputs: Array, weights: Array | None = None) -> Array:
        """Return the mean of the members' rates in the units of y."""
        return self.in_units(self._mean(_rate(outputs), weights))

    def in_units(self, encoded: Array) -> Array:
        """Return encoded rates (n_rows, n_targets, ...) in the units of y."""
        unit = self._unit.reshape(-1, *(1,) * (encoded.ndim - 2))
        with np.errstate(over="ignore"):
            y = np.nan_to_num(np.maximum(encoded, 0) * unit)
        return y[:, 0] if self.ndim == 1 else y

    def bounds(self, encoded: Array) -> tuple[Array, Array]:
        """Return rates, and their roots: a count spreads the more the more it is."""
        return encoded[None], np.sqrt(np.maximum(encoded, 1e-6))[None]


KINDS: dict[str, type[NumericTarget]] = {
    "squared_error": NumericTarget,
    "absolute_error": MedianTarget,
    "quantile": QuantileTarget,
    "poisson": CountTarget,
}


def mean_d2(
    y: ArrayLike,
    told: Array,
    levels: tuple[float, ...],
    sample_weight: ArrayLike | None = None,
) -> float:
    """Return the mean of the D² of several quantiles.

    Parameters
    ----------
    y : array-like of shape (n_rows,) or (n_rows, n_targets)
    told : ndarray of shape (*y.shape, n_levels)
    levels : tuple of float
    sample_weight : array-like of shape (n_rows,), default=None

    Returns
    -------
    score : float
    """
    told = np.moveaxis(told, -1, 0)
    scores = [
        d2_pinball_score(y, one, sample_weight=sample_weight, alpha=level)
        for one, level in zip(told, levels, strict=True)
    ]
    return float(np.mean(scores))


@cache
def _pinball(levels: tuple[float, ...]) -> Callable[..., nn.Module]:
    """Return what makes a criterion: one object, so that plans with it are equal."""
    return partial(PinballLoss, quantile=levels, reduction="none")


def _rate(outputs: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.minimum(np.exp(outputs), np.finfo(np.float32).max)


def _round(values: Array) -> Array:
    """Round numbers to 24 bits."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**24) / 2**24, exponent)
