"""Bounds by Abel summation (RoFormer, section 3.4.3): partial sums of the phasors."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import (
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
from rope_theory.bounds._cell import largest_modulus

ROW = 256
"""Offsets that share an anchor on regular grids; a row of every pair stays in the second-level cache."""

SEGMENT = 1 << 16
"""Offsets a thread takes at one time; their anchors take at most 1/ROW of that, times the pairs."""


LARGEST_SLACK = 2.0**-33
"""Most, in tokens, that an offset may differ from an even grid and be taken for a point of it."""


def abel_sum(theta: Any, s: Array) -> Array:
    """Return the sum of the moduli of the partial phasor sums, which limits scores with slowly varying h.

    B(s) = Σ_{k=1}^{P} abs(Σ_{j<k} e^{isθ_j})

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array or tensor, any shape S
        Offsets in tokens. Evenly spaced numpy offsets take the fast path: for integers and dyadic steps with
        the same result to a few ulps, for other steps to the rounding of the offsets, 2**−33 token at most.

    Returns
    -------
    array or tensor, shape S
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
    return in_kind(largest.reshape(tuple(h.shape[:-1]) + (1,) * len(np.shape(s))) * sums, space)


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
    return 2.0 * largest_modulus(h_max, space) * sums


def _compiled(theta: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return B at s, (n,): evenly spaced offsets share anchors, others are their own anchors."""
    from rope_theory.bounds._abel_kernel import accumulate

    space = space_of()
    result = np.empty(len(s))
    step = _step(s)
    if step is None:
        here_cos, here_sin = np.ones((len(theta), 1)), np.zeros((len(theta), 1))
    else:
        cos, sin = phasors(theta, step * np.arange(min(ROW, len(s))), space)
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
            anchors = s[0] + step * np.arange(first, last, row)
            cos, sin = phasors(theta, anchors, space)
            accumulate(cos, sin, here_cos, here_sin, result[first:last])

    starts = range(0, len(s), segment)
    if len(starts) == 1:
        work(0)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(work, starts))
    return result


def _step(s: NDArray[np.float64]) -> float | None:
    """Return the step of evenly spaced offsets, None for others.

    Where floats lie closer than LARGEST_SLACK, even means to a few spacings and to LARGEST_SLACK at most. Further
    out the grid must be exact: start and step multiples of the spacing, so that nothing below rounds.
    """
    if len(s) < 2:
        return None
    step = float(s[-1] - s[0]) / (len(s) - 1)
    spacing = float(np.spacing(max(abs(s[0]), abs(s[-1]))))
    slack = min(4.0 * spacing, LARGEST_SLACK)
    if spacing > LARGEST_SLACK:
        if s[0] % spacing or step % spacing:
            return None
        slack = 0.0
    for first in range(0, len(s), SEGMENT):
        distance = s[first : first + SEGMENT] - s[0]  # far from zero s[0] + step·k would round to s itself
        if np.abs(step * np.arange(first, first + len(distance)) - distance).max() > slack:
            return None
    return step
