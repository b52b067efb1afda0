"""A member's training steps in one compiled loop, for processors.

Compiled by Numba when it is first called. A step of few rows is all overhead where each
of its parts is a call; here it has none, a member's weights stay in the processor's
cache from step to step, and no lock is held, so that threads train members side by
side. What is computed is what `ClosedFormGradient` and `StackedAdamW` compute, in
another order of summation.
"""

from __future__ import annotations

import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from .._typing import Array
from ._losses import BINARY_CROSS_ENTROPY, CROSS_ENTROPY, PINBALL, SQUARED_ERROR
from ._periodic import N_WAVES, WAVE_RATE, WAVE_SIZE

# Sums may be reordered, so as to use vectors; NaN and infinity stay what they are.
# Other than Python, NumPy does not fail where a number is divided by zero.
_OPTIONS = {
    "fastmath": {"contract", "reassoc", "nsz", "arcp"},
    "error_model": "numpy",
    "nogil": True,
}

# Parts of `train_members`, compiled with it and each time in the same way: were each
# kept on disk by itself, what is inlined where, and so the last bits, would depend on
# which of them a process found there. Each is called with one kind of array, since to
# compile takes longer than to compute.
_part = njit(
    forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_OPTIONS
)


def _compiled(*signature: Any) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that compiles for these types, and keeps that on disk."""

    def compiled(function: Callable[..., Any]) -> Any:
        try:
            return njit(signature, cache=True, **_OPTIONS)(function)
        # There is no folder that may be written to, no space, or a damaged file.
        except (RuntimeError, OSError, EOFError, pickle.UnpicklingError) as error:
            warnings.warn(
                "Each process compiles the training steps anew, which takes seconds, "
                "since Numba can't keep them, or read what it has kept: let "
                "NUMBA_CACHE_DIR name a folder that can be written to, or empty it "
                f"({error!r}).",
                RuntimeWarning,
                stacklevel=2,
            )
            return njit(signature, **_OPTIONS)(function)

    return compiled


@intrinsic
def _pointer(context: Any, address: Any) -> Any:
    """Make of an integer a pointer to numbers of single precision."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = context.get_value_type(signature.return_type)
        return builder.inttoptr(args[0], kind)

    return types.CPointer(types.float32)(types.int64), generate


@_part
def _matrix(address: int, member: int, shape: Any) -> Array:
    """Return a member's matrix of an array (K, *shape) that starts at an address."""
    start = address + 4 * member * shape[0] * shape[1]
    return carray(_pointer(start), (shape[0], shape[1]))


@_part
def _vector(address: int, member: int, shape: Any) -> Array:
    """Return a member's row, (1, out), of an array (K, 1, out)."""
    return carray(_pointer(address + 4 * member * shape[1]), (1, shape[1]))


@_part
def _add_product(A: Array, B: Array, out: Array) -> None:
    """Add A @ B to `out`, (m, k) and (k, n); B may have more rows and columns.

    A comes as a slice of columns or a transpose, so that it is of one kind everywhere.
    """
    m, k = A.shape
    n = out.shape[1]
    whole = m - m % 4
    for i in range(0, whole, 4):  # a tile of 4 × 4 of A for a pass over rows of B
        c0, c1, c2, c3 = out[i], out[i + 1], out[i + 2], out[i + 3]
        for p in range(0, k - k % 4, 4):
            a00, a01, a02, a03 = A[i, p], A[i, p + 1], A[i, p + 2], A[i, p + 3]
            i1, i2, i3 = i + 1, i + 2, i + 3
            a10, a11, a12, a13 = A[i1, p], A[i1, p + 1], A[i1, p + 2], A[i1, p + 3]
            a20, a21, a22, a23 = A[i2, p], A[i2, p + 1], A[i2, p + 2], A[i2, p + 3]
            a30, a31, a32, a33 = A[i3, p], A[i3, p + 1], A[i3, p + 2], A[i3, p + 3]
            b0, b1, b2, b3 = B[p], B[p + 1], B[p + 2], B[p + 3]
            for j in range(n):
                x0, x1, x2, x3 = b0[j], b1[j], b2[j], b3[j]
                c0[j] += a00 * x0 + a01 * x1 + a02 * x2 + a03 * x3
                c1[j] += a10 * x0 + a11 * x1 + a12 * x2 + a13 * x3
                c2[j] += a20 * x0 + a21 * x1 + a22 * x2 + a23 * x3
                c3[j] += a30 * x0 + a31 * x1 + a32 * x2 + a33 * x3
        for p in range(k - k % 4, k):
            a0, a1, a2, a3 = A[i, p], A[i + 1, p], A[i + 2, p], A[i + 3, p]
            b0 = B[p]
            for j in range(n):
                x0 = b0[j]
                c0[j] += a0 * x0
                c1[j] += a1 * x0
                c2[j] += a2 * x0
                c3[j] += a3 * x0
    for i in range(whole, m):
        c0 = out[i]
        for p in range(0, k - k % 4, 4):
            a0, a1, a2, a3 = A[i, p], A[i, p + 1], A[i, p + 2], A[i, p + 3]
            b0, b1, b2, b3 = B[p], B[p + 1], B[p + 2], B[p + 3]
            for j in range(n):
                c0[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j]
        for p in range(k - k % 4, k):
            a0, b0 = A[i, p], B[p]
            for j in range(n):
                c0[j] += a0 * b0[j]


@_part
def _inner_products(A: Array, B: Array, out: Array) -> None:
    """Write A @ B.T to `out`, (m, k) and (n, k), all rows contiguous."""
    m, k = A.shape
    n = B.shape[0]
    zero = np.float32(0)
    for i in range(0, m - m % 4, 4):
        a0, a1, a2, a3 = A[i], A[i + 1], A[i + 2], A[i + 3]
        for j in range(0, n - n % 4, 4):
            b0, b1, b2, b3 = B[j], B[j + 1], B[j + 2], B[j + 3]
            s00 = s01 = s02 = s03 = zero
            s10 = s11 = s12 = s13 = zero
            s20 = s21 = s22 = s23 = zero
            s30 = s31 = s32 = s33 = zero
            for p in range(k):
                x0, x1, x2, x3 = b0[p], b1[p], b2[p], b3[p]
                y0, y1, y2, y3 = a0[p], a1[p], a2[p], a3[p]
                s00 += y0 * x0
                s01 += y0 * x1
                s02 += y0 * x2
                s03 += y0 * x3
                s10 += y1 * x0
                s11 += y1 * x1
                s12 += y1 * x2
                s13 += y1 * x3
                s20 += y2 * x0
                s21 += y2 * x1
                s22 += y2 * x2
                s23 += y2 * x3
                s30 += y3 * x0
                s31 += y3 * x1
                s32 += y3 * x2
                s33 += y3 * x3
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s00, s01, s02, s03
            i1, i2, i3 = i + 1, i + 2, i + 3
            out[i1, j], out[i1, j + 1], out[i1, j + 2], out[i1, j + 3] = (
                s10,
                s11,
                s12,
                s13,
            )
            out[i2, j], out[i2, j + 1], out[i2, j + 2], out[i2, j + 3] = (
                s20,
                s21,
                s22,
                s23,
            )
            out[i3, j], out[i3, j + 1], out[i3, j + 2], out[i3, j + 3] = (
                s30,
                s31,
                s32,
                s33,
            )
        for j in range(n - n % 4, n):
            b0 = B[j]
            s00 = s10 = s20 = s30 = zero
            for p in range(k):
                x0 = b0[p]
                s00 += a0[p] * x0
                s10 += a1[p] * x0
                s20 += a2[p] * x0
                s30 += a3[p] * x0
            out[i, j], out[i + 1, j], out[i + 2, j], out[i + 3, j] = s00, s10, s20, s30
    for i in range(m - m % 4, m):
        a0 = A[i]
        for j in range(n):
            b0 = B[j]
            s00 = zero
            for p in range(k):
                s00 += a0[p] * b0[p]
            out[i, j] = s00


@_part
def _draw(state: Array) -> Any:
    """Return the next 64 random bits of an SFC64 generator, as NumPy's."""
    a, b, c, n = state[0], state[1], state[2], state[3]
    drawn = a + b + n
    state[3] = n + np.uint64(1)
    state[0] = b ^ (b >> np.uint64(11))
    state[1] = c + (c << np.uint64(3))
    state[2] = ((c << np.uint64(24)) | (c >> np.uint64(40))) + drawn
    return drawn


@_part
def _rectify_and_drop(Z: Array, n_dropped: int, state: Array) -> None:
    """Apply ReLU and dropout in place; `state` ends with bits left, and their number.

    A value is dropped where the next 16 bits are below `n_dropped`.
    """
    z = Z.reshape(Z.size)
    zero = np.float32(0)
    if n_dropped == 0:
        for i in range(z.size):
            z[i] = max(z[i], zero)
        return
    scale = np.float32(65536 / (65536 - n_dropped))
    limit, few, low = np.uint64(n_dropped), np.uint64(16), np.uint64(0xFFFF)
    i = 0
    while i < z.size and state[5] > 0:
        z[i] = max(z[i], zero) * scale if (state[4] & low) >= limit else zero
        state[4] >>= few
        state[5] -= np.uint64(1)
        i += 1
    while i + 4 <= z.size:
        bits = _draw(state)
        for j in range(i, i + 4):
            z[j] = max(z[j], zero) * scale if (bits & low) >= limit else zero
            bits >>= few
        i += 4
    if i < z.size:
        state[4], state[5] = _draw(state), np.uint64(4)
        while i < z.size:
            z[i] = max(z[i], zero) * scale if (state[4] & low) >= limit else zero
            state[4] >>= few
            state[5] -= np.uint64(1)
            i += 1


@_part
def _zero(A: Array) -> None:
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            A[i, j] = 0


@_part
def _fill(row: Array, A: Array) -> None:
    """Write a row, which may be longer, to all rows."""
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            A[i, j] = row[j]


@_part
def _transpose(A: Array, out: Array) -> None:
    """Write A.T, as far as both reach."""
    for i in range(min(A.shape[0], out.shape[1])):
        for j in range(min(A.shape[1], out.shape[0])):
            out[j, i] = A[i, j]


@_part
def _gate(grad: Array, output: Array, n_dropped: int) -> None:
    """Take a gradient back through dropout and ReLU, given what came out of them."""
    scale = np.float32(65536 / (65536 - n_dropped))
    for i in range(grad.shape[0]):
        g, y = grad[i], output[i]
        for j in range(g.size):
            g[j] = g[j] * scale if y[j] > 0 else np.float32(0)


@_part
def _score_gradient(
    kind: int, slopes: Array, Z: Array, target: Array, weight: Array, grad: Array
) -> float:
    """Write the gradient of a loss at the scores, and return the loss: see `LOSSES`."""
    n_rows, n = Z.shape
    loss = 0.0
    below, above = slopes[0], slopes[1]
    share = np.float32(1 / n)
    for b in range(n_rows):
        z, t, g, w = Z[b], target[b], grad[b], weight[b]
        if kind == CROSS_ENTROPY:
            top = z[0]
            for j in range(1, n):
                top = max(top, z[j])
            total = np.float32(0)
            for j in range(n):
                g[j] = np.exp(z[j] - top)
                total += g[j]
            log_total = np.log(total)
            factor = w / total
            for j in range(n):
                loss -= t[j] * (z[j] - top - log_total)
                g[j] = g[j] * factor - t[j]
        elif kind == SQUARED_ERROR:
            for j in range(n):
                residual = z[j] - t[j]
                loss += w * share * residual * residual
                g[j] = np.float32(2) * w * share * residual
        elif kind == BINARY_CROSS_ENTROPY:
            for j in range(n):
                small = np.exp(-abs(z[j]))
                one = np.float32(1)
                positive = one / (one + small)
                sigmoid = positive if z[j] >= 0 else one - positive
                softplus = max(z[j], np.float32(0)) + np.log1p(small)
                loss += w * share * (softplus - z[j] * t[j])
                g[j] = w * share * (sigmoid - t[j])
        elif kind == PINBALL:
            for j in range(n):
                residual, slope = z[j] - t[j], np.float32(0)
                if residual > 0:
                    slope = above[j]
                elif residual < 0:
                    slope = -below[j]
                loss += w * share * slope * residual
                g[j] = w * share * slope
        else:
            for j in range(n):
                rate = np.exp(z[j])
                loss += w * share * (rate - z[j] * t[j])
                g[j] = w * share * (rate - t[j])
    return loss


@_part
def _rates(
    lr: float, decay: float, betas: tuple[float, float], eps: float, t: int
) -> tuple[Any, ...]:
    """Return what the t-th step of AdamW multiplies with and adds."""
    return (
        np.float32(1 - lr * decay),
        np.float32(lr / (1 - betas[0] ** t)),
        np.float32(1 / math.sqrt(1 - betas[1] ** t)),
        np.float32(1 - betas[0]),
        np.float32(betas[1]),
        np.float32(1 - betas[1]),
        np.float32(eps),
    )


@_part
def _adamw(
    weight: Array, grad: Array, mean: Array, square: Array, rates: tuple[Any, ...]
) -> None:
    """Take a step of AdamW, with what `_rates` returns."""
    kept, step, root, to_mean, old, new, eps = rates
    for i in range(grad.shape[0]):
        w, g, m, v = weight[i], grad[i], mean[i], square[i]
        for j in range(g.size):
            m[j] += (g[j] - m[j]) * to_mean
            v[j] = v[j] * old + new * g[j] * g[j]
            w[j] = w[j] * kept - step * m[j] / (np.sqrt(v[j]) * root + eps)


@_part
def _descend(
    A: Array,
    grad: Array,
    weight: Array,
    mean: Array,
    square: Array,
    rates: tuple[Any, ...],
    space: Array,
) -> None:
    """Take a step with weights whose gradient is A.T @ grad, which is not stored."""
    n_in, height = A.shape[1], space.shape[0]
    for first in range(0, n_in, height):
        last = min(first + height, n_in)
        g = space[: last - first]
        _zero(g)
        _add_product(A[:, first:last].T, grad, g)
        _adamw(weight[first:last], g, mean[first:last], square[first:last], rates)


@_part
def _gather(
    X: Array,
    index: Array,
    partner: Array,
    lam: Array,
    vectors: Array,
    shift: Array,
    first: int,
    out: Array,
) -> None:
    """Write rows of X, mixed with their partners where there is a λ for one or all.

    They are written from column `first` on. The first columns of X are codes of levels,
    those of a column shifted by `shift`, and their vectors are written: of code 0,
    zeros.
    """
    n_coded, size = shift.size, vectors.shape[1]
    for b in range(out.shape[0]):
        x, y = X[index[b]], out[b, first + n_coded * size :]
        other, mixes = X[partner[b]], lam.size > 0
        share = lam[b if lam.size > 1 else 0] if mixes else np.float32(1)
        rest = np.float32(1) - share
        for c in range(n_coded):
            z = out[b, first + c * size : first + (c + 1) * size]
            own, others = int(x[c]), int(other[c])
            for j in range(size):
                z[j] = 0
            if own > 0:
                v = vectors[own + shift[c]]
                for j in range(size):
                    z[j] = share * v[j]
            if mixes and others > 0:
                v = vectors[others + shift[c]]
                for j in range(size):
                    z[j] += rest * v[j]
        x, other = x[n_coded:], other[n_coded:]
        if not mixes:
            for j in range(y.size):
                y[j] = x[j]
        elif share < np.float32(0.5):  # as torch.lerp: exact where λ is 0 or 1
            for j in range(y.size):
                y[j] = other[j] + share * (x[j] - other[j])
        else:
            for j in range(y.size):
                y[j] = x[j] - (x[j] - other[j]) * rest


@_part
def _scatter(
    grad: Array,
    X: Array,
    index: Array,
    partner: Array,
    lam: Array,
    shift: Array,
    first: int,
    out: Array,
) -> None:
    """Write the gradients of levels' vectors, given those of what `_gather` wrote."""
    size = out.shape[1]
    _zero(out)
    for b in range(grad.shape[0]):
        x, other, mixes = X[index[b]], X[partner[b]], lam.size > 0
        share = lam[b if lam.size > 1 else 0] if mixes else np.float32(1)
        rest = np.float32(1) - share
        for c in range(shift.size):
            g = grad[b, first + c * size : first + (c + 1) * size]
            own, others = int(x[c]), int(other[c])
            if own > 0:
                v = out[own + shift[c]]
                for j in range(size):
                    v[j] += share * g[j]
            if mixes and others > 0:
                v = out[others + shift[c]]
                for j in range(size):
                    v[j] += rest * g[j]


@_part
def _sine(s: Any) -> Any:
    """Return sin(2π s) for s from -1/4 to 1/4, to the last bits of single precision."""
    square = s * s
    total = np.float32(39.53670593562169)  # least squares, reweighed to be minimax
    total = total * square - np.float32(76.54978227525339)
    total = total * square + np.float32(81.60100407239985)
    total = total * square - np.float32(41.34165503140128)
    return (total * square + np.float32(6.28318516008941)) * s


@_part
def _turn(x: Any, frequency: Any, phase: Any) -> Any:
    """Return the angle of a number's wave, in turns from -1/2 to 1/2."""
    turns = np.float32(WAVE_RATE) * (x * frequency + phase)
    return turns - np.floor(turns + np.float32(0.5))


@_part
def _embed_numbers(rows: Array, first: int, waves: Array) -> None:
    """Write to the first columns the waves of the numbers from column `first` on."""
    for c in range(waves.shape[0]):
        frequency, phase = waves[c, 0], waves[c, 1]
        m0, m1, m2, m3 = waves[c, 2], waves[c, 3], waves[c, 4], waves[c, 5]
        for b in range(rows.shape[0]):
            x = rows[b, first + c]
            s0 = s1 = s2 = s3 = np.float32(0)
            for f in range(N_WAVES):  # one loop, so that all is in vectors
                angle = _turn(x, frequency[f], phase[f])
                cosine = _sine(np.float32(0.25) - abs(angle))
                s0 += m0[f] * cosine
                s1 += m1[f] * cosine
                s2 += m2[f] * cosine
                s3 += m3[f] * cosine
            y = rows[b, c * WAVE_SIZE : (c + 1) * WAVE_SIZE]
            y[0], y[1], y[2], y[3] = s0, s1, s2, s3


@_part
def _learn_waves(
    grad: Array, rows: Array, first: int, waves: Array, out: Array
) -> None:
    """Write the gradient of the waves, given that of what `_embed_numbers` wrote."""
    factor, half = np.float32(-2 * math.pi * WAVE_RATE), np.float32(0.5)
    for c in range(waves.shape[0]):
        frequency, phase = waves[c, 0], waves[c, 1]
        m0, m1, m2, m3 = waves[c, 2], waves[c, 3], waves[c, 4], waves[c, 5]
        at_frequency, at_phase = out[c, 0], out[c, 1]
        a0, a1, a2, a3 = out[c, 2], out[c, 3], out[c, 4], out[c, 5]
        _zero(out[c])
        for b in range(rows.shape[0]):
            x = rows[b, first + c]
            g = grad[b, c * WAVE_SIZE : (c + 1) * WAVE_SIZE]
            g0, g1, g2, g3 = g[0], g[1], g[2], g[3]
            for f in range(N_WAVES):
                angle = _turn(x, frequency[f], phase[f])
                size = abs(angle)
                cosine = _sine(np.float32(0.25) - size)
                a0[f] += g0 * cosine
                a1[f] += g1 * cosine
                a2[f] += g2 * cosine
                a3[f] += g3 * cosine
                sine = _sine(min(size, half - size))
                slope = factor * (sine if angle >= 0 else -sine)
                slope *= g0 * m0[f] + g1 * m1[f] + g2 * m2[f] + g3 * m3[f]
                at_frequency[f] += slope * x
                at_phase[f] += slope


_INTS, _FLOATS = types.int64, types.float64


def _array(dtype: Any, n_dims: int) -> Any:
    return types.Array(dtype, n_dims, "C")


@_compiled(
    _array(types.float32, 2),
    _array(_INTS, 3),
    _array(_INTS, 3),
    _array(types.float32, 3),
    _array(types.float32, 4),
    _array(types.float32, 3),
    _array(_INTS, 1),
    _array(_INTS, 1),
    _array(_INTS, 2),
    _array(_INTS, 2),
    _array(_INTS, 1),
    _array(_INTS, 1),
    _array(_INTS, 1),
    _array(_INTS, 1),
    _INTS,
    _array(_INTS, 2),
    _array(_INTS, 1),
    _array(_FLOATS, 2),
    _array(_FLOATS, 2),
    types.UniTuple(_FLOATS, 2),
    _FLOATS,
    _array(_INTS, 2),
    _array(types.uint64, 3),
    _INTS,
    _array(types.float32, 2),
    types.boolean,
)
def train_members(
    X: Array,
    index: Array,
    partner: Array,
    lam: Array,
    target: Array,
    weight: Array,
    members: Array,
    n_rows_of: Array,
    addresses: Array,
    shapes: Array,
    vectors: Array,
    vectors_shape: Array,
    shift: Array,
    waves: Array,
    n_numbers: int,
    widths: Array,
    counts: Array,
    lr: Array,
    decay: Array,
    betas: tuple[float, float],
    eps: float,
    n_dropped: Array,
    states: Array,
    kind: int,
    slopes: Array,
    learns: bool,
) -> Array:
    """Take S steps with each of some members, and return the sums of their losses.

    Where it does not learn, the losses are those of the weights as they are.

    Parameters
    ----------
    X : ndarray of float32 of shape (n_rows, d)
    index, partner : ndarray of int of shape (A, S, B)
        For each member and step, the rows of a batch, and those that they are mixed
        with.
    lam : ndarray of float32 of shape (A, S, 1), (A, S, B) or (A, S, 0)
        The share of the first of the two; nothing where they are not mixed.
    target : ndarray of float32 of shape (A, S, B, C)
        Of cross-entropy, multiplied by the rows' weights.
    weight : ndarray of float32 of shape (A, S, B)
        Each row's in its member's loss.
    members : ndarray of int of shape (A,)
        Which of the K members they are.
    n_rows_of : ndarray of int of shape (A,)
        How many of the B rows are each one's own.
    addresses : ndarray of int of shape (L, 6)
        Where each layer's arrays of float32 are, so that stacks of any depth have the
        same code: weights (K, in, out) and AdamW's two running means of them, biases
        (K, 1, out) and theirs. Changed.
    shapes : ndarray of int of shape (L, 2)
        `in` and `out` of each layer.
    vectors : ndarray of int of shape (3,)
        Where those of an embedding are: (K, n_levels, size), and AdamW's means of it.
    vectors_shape : ndarray of int of shape (2,)
        `n_levels` and `size`.
    shift : ndarray of int of shape (m,)
        For each of the first columns of X, what added to a code gives its vector: m is
        0 where there is no embedding.
    waves : ndarray of int of shape (3,)
        Where those of numbers are, as in `StackedPeriodic`, and AdamW's means of them.
    n_numbers : int
        How many columns of X, the first after the codes, are embedded as waves, which
        come before all else.
    widths : ndarray of int of shape (K, L + 1)
        Of each member's input, hidden layers and output.
    counts : ndarray of int of shape (K,)
        Steps that each has taken.
    lr, decay : ndarray of float64 of shape (3, K)
        Learning rates and decoupled weight decays: of weights, biases and vectors.
    betas : tuple of two float
    eps : float
    n_dropped : ndarray of int of shape (L - 1, K)
        Values dropped after each hidden layer, of 65536.
    states : ndarray of uint64 of shape (L - 1, K, 6)
        Of dropout's generators, bits left, and their number. Changed.
    kind : int
        The loss.
    slopes : ndarray of float32 of shape (2, C)
        Those of the pinball loss, below the target and above.
    learns : bool

    Returns
    -------
    losses : ndarray of float64 of shape (A,)
    """
    losses = np.zeros(len(members))
    last = len(addresses) - 1
    n_vectors = shift.size * vectors_shape[1]  # inputs that are numbers of vectors
    n_levels = vectors_shape[0]
    n_waves = n_numbers * WAVE_SIZE
    n_learned = n_waves + n_vectors
    waves_shape = (n_numbers * (2 + WAVE_SIZE), N_WAVES)
    for a in range(len(members)):
        k, n_rows = members[a], n_rows_of[a]
        width = widths[k]
        n_in, n_out = width[last], width[last + 1]
        widest = max(n_out, n_learned)
        offsets = np.zeros(last + 1, np.int64)
        for layer in range(last):
            offsets[layer + 1] = offsets[layer] + n_rows * width[layer + 1]
            widest = max(widest, width[layer + 1])
        hidden = np.empty(offsets[last], np.float32)
        grad = np.empty(n_rows * widest, np.float32)
        grad_below = np.empty(n_rows * widest, np.float32)
        space = np.empty(16 * widest, np.float32)
        scores = np.empty((n_rows, n_out), np.float32)
        # Of the last layer the transposes: its outputs are too few for vectors.
        kept = np.empty((3, n_out, n_in), np.float32)
        for i in range(3):
            _transpose(_matrix(addresses[last, i], k, shapes[last]), kept[i])
        w_last, m_last, v_last = kept[0], kept[1], kept[2]
        g_last = np.empty((n_out, n_in), np.float32)
        vector_grad = np.empty((n_levels, vectors_shape[1]), np.float32)
        vector = _matrix(vectors[0], k, vectors_shape)
        wave = _matrix(waves[0], k, waves_shape)
        of_numbers = wave.reshape(n_numbers, 2 + WAVE_SIZE, N_WAVES)
        wave_grad = np.empty(waves_shape, np.float32)
        wave_grads = wave_grad.reshape(n_numbers, 2 + WAVE_SIZE, N_WAVES)
        last_bias = _vector(addresses[last, 3], k, shapes[last])
        rows = np.empty((n_rows, width[0]), np.float32)
        for s in range(index.shape[1]):
            _gather(
                X, index[a, s], partner[a, s], lam[a, s], vector, shift, n_waves, rows
            )
            if n_numbers > 0:
                _embed_numbers(rows, n_learned, of_numbers)
            for layer in range(last):
                n = width[layer + 1]
                out = hidden[offsets[layer] : offsets[layer + 1]].reshape(n_rows, n)
                _fill(_vector(addresses[layer, 3], k, shapes[layer])[0], out)
                below = rows
                if layer > 0:
                    below = hidden[offsets[layer - 1] : offsets[layer]]
                    below = below.reshape(n_rows, width[layer])
                _add_product(
                    below[:, : width[layer]],
                    _matrix(addresses[layer, 0], k, shapes[layer]),
                    out,
                )
                n_off = n_dropped[layer, k] if learns else 0
                _rectify_and_drop(out, n_off, states[layer, k])
            below = rows
            if last > 0:
                below = hidden[offsets[last - 1] : offsets[last]].reshape(n_rows, n_in)
            _inner_products(below, w_last, scores)
            for b in range(n_rows):
                for j in range(n_out):
                    scores[b, j] += last_bias[0, j]
            g = grad[: n_rows * n_out].reshape(n_rows, n_out)
            own = target[a, s, :n_rows, :n_out]
            losses[a] += _score_gradient(kind, slopes, scores, own, weight[a, s], g)
            if not learns:
                continue

            t = counts[k] + s + 1
            rates = _rates(lr[0, k], decay[0, k], betas, eps, t)
            bias_rates = _rates(lr[1, k], decay[1, k], betas, eps, t)
            vector_rates = _rates(lr[2, k], decay[2, k], betas, eps, t)
            for layer in range(last, -1, -1):
                n, n_below = width[layer + 1], width[layer]
                g = grad[: n_rows * n].reshape(n_rows, n)
                below = rows
                if layer > 0:
                    below = hidden[offsets[layer - 1] : offsets[layer]]
                    below = below.reshape(n_rows, n_below)
                else:  # of numbers that are given, no gradient is needed
                    n_below = n_learned
                g_below = grad_below[: n_rows * n_below].reshape(n_rows, n_below)
                if n_below > 0 and layer == last:
                    _zero(g_below)
                    _add_product(g[:, :n], w_last, g_below)
                elif n_below > 0:
                    w = _matrix(addresses[layer, 0], k, shapes[layer])
                    _inner_products(g, w[:n_below], g_below)
                if layer > 0:
                    _gate(g_below, below, n_dropped[layer - 1, k])
                tile = space[:n].reshape(1, n)
                _zero(tile)
                for b in range(n_rows):
                    for j in range(n):
                        tile[0, j] += g[b, j]
                _adamw(
                    _vector(addresses[layer, 3], k, shapes[layer]),
                    tile,
                    _vector(addresses[layer, 4], k, shapes[layer]),
                    _vector(addresses[layer, 5], k, shapes[layer]),
                    bias_rates,
                )
                tile = space[: 16 * n].reshape(16, n)
                if layer == last:
                    _zero(g_last)
                    _add_product(g.T[:n], below, g_last)
                    _adamw(w_last, g_last, m_last, v_last, rates)
                else:
                    w = _matrix(addresses[layer, 0], k, shapes[layer])
                    m = _matrix(addresses[layer, 1], k, shapes[layer])
                    v = _matrix(addresses[layer, 2], k, shapes[layer])
                    _descend(below, g, w, m, v, rates, tile)
                grad, grad_below = grad_below, grad
            g = grad[: n_rows * n_learned].reshape(n_rows, n_learned)
            if n_numbers > 0:
                _learn_waves(g, rows, n_learned, of_numbers, wave_grads)
                m = _matrix(waves[1], k, waves_shape)
                v = _matrix(waves[2], k, waves_shape)
                _adamw(wave, wave_grad, m, v, rates)
            if n_vectors > 0:
                # All levels take a step, as those that no row has do: to find those of
                # a batch would take longer than a pass over few numbers.
                _scatter(
                    g,
                    X,
                    index[a, s],
                    partner[a, s],
                    lam[a, s],
                    shift,
                    n_waves,
                    vector_grad,
                )
                m = _matrix(vectors[1], k, vectors_shape)
                v = _matrix(vectors[2], k, vectors_shape)
                _adamw(vector, vector_grad, m, v, vector_rates)
        for i in range(3 if learns else 0):
            _transpose(kept[i], _matrix(addresses[last, i], k, shapes[last]))
    return losses
