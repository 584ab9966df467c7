"""Bounds by Abel summation (RoFormer, section 3.4.3): partial sums of the phasors."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import (
    Array,
    angular,
    coefficients,
    in_kind,
    offsets,
    over_blocks,
    phasors,
    space_of,
    values_behind,
)
from rope_theory.bounds import _wide_range as _wide
from rope_theory.bounds._cell import largest_modulus

ROW = 256
"""Offsets that share an anchor on regular grids; a row of every pair stays in the second-level cache."""

SEGMENT = 1 << 16
"""Offsets a thread takes at one time; their anchors take at most 1/ROW of that, times the pairs."""


LARGEST_SLACK, SPACINGS = 2.0**-33, 4.0
"""Most that an offset may be moved onto an even grid: in tokens (and in rad of any phase), and in spacings of floats
at the farthest offset. The smaller of the two counts."""


def abel_sum(theta: Any, s: Array) -> Array:
    """Return the sum of the moduli of the partial phasor sums, which limits scores with slowly varying h.

    B(s) = Σ_{k=1}^{P} abs(Σ_{j<k} e^{isθ_j})

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array or tensor, any shape S
        Offsets in tokens. Evenly spaced numpy offsets take a fast path, on which every offset is moved by at most
        4 spacings of floats at the farthest one and 2**−33 token: by nothing for integers and dyadic steps, by the
        rounding of the offsets for other steps. Offsets that no even grid reproduces so closely are not moved.

    Returns
    -------
    array or tensor, shape S
        Right to a few ulps of P(P + 1)/2, plus Σ_j (P − j)θ_j times the distance by which an offset was moved.
        Differentiable under torch.

    Raises
    ------
    ValueError
        For NaN, infinity, empty arrays or offsets beyond 2**53.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (8); arXiv 2104.09864, section 3.4.3, where the sum stands with the
    factor 2/d. B(0) = P(P + 1)/2.
    """
    space = space_of(values_behind(theta), s)
    frequencies = angular(theta, space)
    s = offsets(s, "s", space)
    if space.is_numpy:
        return in_kind(_compiled(frequencies, s.reshape(-1)).reshape(s.shape), space)

    def kernel(piece: Array) -> Array:
        cos, sin = phasors(frequencies, piece, space)
        cos, sin = space.xp.cumulative_sum(cos, axis=-1), space.xp.cumulative_sum(sin, axis=-1)
        return abs(space.xp.complex(cos, sin)).sum(-1)

    return over_blocks(kernel, s.reshape(-1), 4 * frequencies.shape[0], space).reshape(s.shape)


def abel(h: Array, theta: Any, s: Array) -> Array:
    """Return the Abel-summation bound on abs(a(s)).

    max_j abs(h_{j+1} − h_j)·B(s), j = 0 … P − 1 with h_P = 0, so that abs(h_{P−1}) is among the differences:
    without it the bound is false.

    Parameters
    ----------
    h : array or tensor, complex, shape (..., P)
        Score coefficients, in the order of theta.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array or tensor, any shape S
        Offsets in tokens.

    Returns
    -------
    array or tensor, shape (..., *S)

    Raises
    ------
    ValueError
        For NaN, infinity, empty arrays, shapes that do not match, offsets beyond 2**53.

    Notes
    -----
    Source: arXiv 2104.09864, equations (35) to (37).
    """
    space = space_of(h, values_behind(theta), s)
    frequencies = angular(theta, space)
    h = coefficients(h, frequencies.shape[0], space)
    following = space.xp.concat([h[..., 1:], space.xp.zeros_like(h[..., :1])], axis=-1)
    steps = abs(following - h)
    largest = steps.max(-1) if space.is_numpy else space.xp.amax(steps, -1)
    sums = abel_sum(frequencies, s if space.is_numpy else offsets(s, "s", space))
    batch = tuple(h.shape[:-1]) + (1,) * len(np.shape(s))
    result = largest.reshape(batch) * sums
    if _wide.is_small(largest, _wide.SMALL_RESULT):
        mantissa, exponent = _wide.largest(_wide.wide_moduli(following - h))
        factors = (mantissa.reshape(batch), exponent.reshape(batch)), _wide.wide(sums)
        result = _wide.in_place_of(result, _wide.upwards(_wide.product(*factors), 8 + 4 * h.shape[-1]), space)
    return in_kind(result, space)


def abel_published(theta: Any, s: Array, *, h_max: float = 1.0) -> Array:
    """Return the bound on abs(a(s)) the paper compares interpolation with: 2·h_max·B(s).

    True, but weaker than the triangle bound h_max·P wherever B(s) > d/4.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array or tensor, any shape S
        Offsets in tokens.
    h_max : float or tensor of no dimensions
        Bound on every abs(h_j).

    Returns
    -------
    array or tensor, shape S

    Raises
    ------
    ValueError
        For NaN, infinity, empty arrays or offsets beyond 2**53.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (8), second inequality.
    """
    space = space_of(values_behind(theta), s, h_max)
    sums = abel_sum(theta, s if space.is_numpy else offsets(s, "s", space))
    size = largest_modulus(h_max, space)
    result = 2.0 * size * sums
    if _wide.is_small(size, _wide.SMALL_RESULT):
        exact = _wide.upwards(_wide.product(_wide.wide(2.0), _wide.wide(size), _wide.wide(sums)), 8 + 4 * len(theta))
        result = _wide.in_place_of(result, exact, space)
    return in_kind(result, space)


def _compiled(theta: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return B at s, (n,): evenly spaced offsets share anchors, others are their own anchors."""
    from rope_theory.bounds._abel_kernel import accumulate

    space = space_of()
    result = np.empty(len(s))
    step = _step(s, float(theta.max()))
    if step is None:
        here_cos, here_sin = np.ones((len(theta), 1)), np.zeros((len(theta), 1))
    else:
        cos, sin = phasors(theta, _within_a_row(step, len(s)), space)
        here_cos, here_sin = np.ascontiguousarray(cos.T), np.ascontiguousarray(sin.T)
    row = here_cos.shape[1]
    segment = SEGMENT if step is not None else max(1, SEGMENT // len(theta))

    def work(first: int) -> None:
        last = min(len(s), first + segment)
        if step is None:  # offsets along the fast axis, one anchor of phase zero
            cos, sin = phasors(theta, s[first:last], space)
            one, zero = np.ones((1, len(theta))), np.zeros((1, len(theta)))
            accumulate(one, zero, np.ascontiguousarray(cos.T), np.ascontiguousarray(sin.T), result[first:last])
        else:
            cos, sin = phasors(theta, s[first:last:row], space)
            accumulate(cos, sin, here_cos, here_sin, result[first:last])

    starts = range(0, len(s), segment)
    if len(starts) == 1:
        work(0)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, starts))
    return result


def _step(s: NDArray[np.float64], fastest: float = 1.0) -> float | None:
    """Return the step of evenly spaced offsets, None for others.

    Even means that the numbers the fast path computes with, an anchor s[k·ROW] and b·step, add up to every single
    offset within the documented distance.
    """
    if len(s) < 2:
        return None
    step = float(s[-1] - s[0]) / (len(s) - 1)
    spacing = float(np.spacing(max(abs(s[0]), abs(s[-1]))))
    slack = min(SPACINGS * spacing, LARGEST_SLACK / max(1.0, fastest))
    here = _within_a_row(step, len(s))
    for first in range(0, len(s), SEGMENT):  # a multiple of ROW
        if _farthest(s[first : first + SEGMENT], here) > slack:
            return None
    return step


def _within_a_row(step: float, count: int) -> NDArray[np.float64]:
    """Return the offsets of one row from its anchor, tokens."""
    return step * np.arange(min(ROW, count), dtype=np.float64)


def _farthest(s: NDArray[np.float64], here: NDArray[np.float64]) -> float:
    """Return the largest distance of an offset from the sum of its row's anchor and its place in the row, tokens.

    The sum is anchor + here = rounded + lost without error (Knuth's TwoSum). Its distance from s is
    (rounded − s) + lost. The difference is exact where rounded is within a factor of 2 of s (Sterbenz); where it is
    not, the distance is at least half of the larger one and right to 2 units in the last place.
    """
    whole = len(s) // len(here) * len(here)
    rows = [s[:whole].reshape(-1, len(here)), s[whole:].reshape(1, -1)]
    return max(_largest_distance(row[:, :1], here[: row.shape[1]], row) for row in rows if row.size)


def _largest_distance(anchor: NDArray[np.float64], here: NDArray[np.float64], s: NDArray[np.float64]) -> float:
    rounded = anchor + here
    back = rounded - anchor
    lost = (anchor - (rounded - back)) + (here - back)
    return float(np.abs((rounded - s) + lost).max())
