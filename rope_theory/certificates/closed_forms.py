"""The closed forms of ``rope_theory.bounds`` in ball arithmetic: the same names, the same arguments, certain numbers.

Each returns an ``Enclosure`` of what its namesake approximates in float64; numpy only. Offsets, coefficients and
h_max are float64 taken as exact, θ is real where a table is made of powers of a base, and float64 otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rope_theory import bounds
from rope_theory._core.arrays import angular, coefficients, complex_, offsets, real, space_of
from rope_theory._core.balls import largest, working_precision
from rope_theory._core.records import Record
from rope_theory.bounds._cell import cell, largest_modulus, moduli
from rope_theory.bounds.chord import checked_config, limit_of_squares, stray_parts
from rope_theory.certificates.enclosure import Enclosure, enclosed
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongType, WrongValue
from rope_theory.scaling import Unscaled
from rope_theory.scaling._exact_form import FLOAT64, REAL, frequency_balls, kind_of_frequencies

__all__ = [
    "Refutation", "abel", "abel_published", "abel_sum", "attention_shift", "chord_curvature", "chord_published",
    "chord_repaired", "chord_sharp", "refutation", "sampling", "triangle",
]  # fmt: skip

Balls: TypeAlias = Any
"""An array of balls: numpy adds, multiplies and calls their own cos, sin, exp and tanh."""

BITS = 256
"""Working precision: far more than float64 can show, and still fast."""


def triangle(h: Any, *, bits: int = BITS) -> Enclosure:
    """Return an enclosure of Σ_j abs(h_j), the bound on abs(a(s)) at every s.

    Parameters
    ----------
    h : array, complex, shape (..., P)
        Score coefficients.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape (...); no frequencies enter.

    Raises
    ------
    ValueError
        As ``bounds.triangle``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.triangle``.
    """
    h = complex_(h, "h", space_of())
    bounds.triangle(h)  # a single number has no pairs: its words
    with working_precision(bits) as flint:
        return enclosed(abs(_complex_rows(h, flint)).sum(-1), h.shape[:-1], bits, FLOAT64)


def chord_sharp(
    theta: Any,
    s: Any,
    s1: Any = None,
    s2: Any = None,
    *,
    h: Any = None,
    h_max: float = 1.0,
    bits: int = BITS,
) -> Enclosure:
    """Return an enclosure of the largest possible distance of the score from the chord, given the moduli of h.

    Σ_j abs(h_j)·abs(e^{iλφ_j} − (1−λ) − λe^{iφ_j}), φ_j = (s2 − s1)θ_j, λ = (s − s1)/(s2 − s1).

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s, s1, s2 : array, broadcast to shape S
        Offset and ends of its cell in tokens; the integers around s when s1 and s2 are not given.
    h : array, complex, shape (..., P), optional
        Score coefficients, of which the moduli count.
    h_max : float
        Bound on every abs(h_j), used when h is not given.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape (..., *S).

    Raises
    ------
    ValueError
        As ``bounds.chord_sharp``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.chord_sharp``.
    """
    _, _, batch = moduli(theta, h, h_max, space_of())
    ends, shape = _cells(s, s1, s2)
    with working_precision(bits) as flint:
        angles, (left, right) = np.array(frequency_balls(theta, flint)), _places(ends, flint)
        halves = [np.outer(end, angles) / 2 for end in (left, right)]
        parts = stray_parts(left[:, None], right[:, None], *((np.cos(half), np.sin(half)) for half in halves))
        distances = abs(np.frompyfunc(flint.acb, 2, 1)(*parts))
        sums = _sizes(h, h_max, len(angles), flint) @ distances.T
        return enclosed(sums, batch + shape, bits, kind_of_frequencies(theta))


def chord_curvature(
    theta: Any,
    s: Any,
    s1: Any = None,
    s2: Any = None,
    *,
    h: Any = None,
    h_max: float = 1.0,
    bits: int = BITS,
) -> Enclosure:
    """Return an enclosure of the curvature bound, ½ (s − s1)(s2 − s) Σ_j abs(h_j) θ_j².

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s, s1, s2 : array, broadcast to shape S
        Offset and ends of its cell in tokens; the integers around s when s1 and s2 are not given.
    h : array, complex, shape (..., P), optional
        Score coefficients, of which the moduli count.
    h_max : float
        Bound on every abs(h_j), used when h is not given.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape (..., *S).

    Raises
    ------
    ValueError
        As ``bounds.chord_curvature``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.chord_curvature``.
    """
    _, _, batch = moduli(theta, h, h_max, space_of())
    ends, shape = _cells(s, s1, s2)
    with working_precision(bits) as flint:
        squares, (left, right) = np.array(frequency_balls(theta, flint)) ** 2, _places(ends, flint)
        curvatures = _sizes(h, h_max, len(squares), flint) @ squares / 2
        return enclosed(np.outer(curvatures, left * right), batch + shape, bits, kind_of_frequencies(theta))


def chord_repaired(
    config: RopeConfig, s: Any, s1: Any = None, s2: Any = None, *, h_max: float = 1.0, bits: int = BITS
) -> Enclosure:
    """Return an enclosure of Theorem 2.1 as it should have been printed.

    ½ (s − s1)(s2 − s)·h_max·(d/(4 ln c) + ½ + (ln c)/(3d)).

    Parameters
    ----------
    config : RopeConfig
        Base c and rotary width d.
    s, s1, s2 : array, broadcast to shape S
        Offset and ends of its cell in tokens; the integers around s when s1 and s2 are not given.
    h_max : float
        Bound on every abs(h_j).
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape S.

    Raises
    ------
    ValueError
        As ``bounds.chord_repaired``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.chord_repaired``.
    """
    return _parabola(config, s, s1, s2, h_max, bits, repaired=True)


def chord_published(
    config: RopeConfig, s: Any, s1: Any = None, s2: Any = None, *, h_max: float = 1.0, bits: int = BITS
) -> Enclosure:
    """Return an enclosure of the bound of Theorem 2.1 as printed, which is FALSE: see ``refutation``.

    d·h_max·(s − s1)(s2 − s)/(8 ln c).

    Parameters
    ----------
    config : RopeConfig
        Base c and rotary width d.
    s, s1, s2 : array, broadcast to shape S
        Offset and ends of its cell in tokens; the integers around s when s1 and s2 are not given.
    h_max : float
        Bound on every abs(h_j).
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape S.

    Raises
    ------
    ValueError
        As ``bounds.chord_published``, and for bits below 64.

    Notes
    -----
    Source: arXiv 2306.15595 v2, Theorem 2.1, equations (5) and (6).
    """
    return _parabola(config, s, s1, s2, h_max, bits, repaired=False)


def abel_sum(theta: Any, s: Any, *, bits: int = BITS) -> Enclosure:
    """Return an enclosure of B(s) = Σ_{k=1}^{P} abs(Σ_{j<k} e^{isθ_j}).

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array, any shape S
        Offsets in tokens.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape S.

    Raises
    ------
    ValueError
        As ``bounds.abel_sum``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.abel_sum``.
    """
    s = _checked(theta, s)
    with working_precision(bits) as flint:
        return enclosed(_abel_sums(theta, s, flint), s.shape, bits, kind_of_frequencies(theta))


def abel(h: Any, theta: Any, s: Any, *, bits: int = BITS) -> Enclosure:
    """Return an enclosure of the Abel-summation bound, max_j abs(h_{j+1} − h_j)·B(s) with h_P = 0.

    Parameters
    ----------
    h : array, complex, shape (..., P)
        Score coefficients, in the order of theta.
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array, any shape S
        Offsets in tokens.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape (..., *S).

    Raises
    ------
    ValueError
        As ``bounds.abel``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.abel``.
    """
    space = space_of()
    h = coefficients(h, len(angular(theta, space)), space)
    s = _checked(theta, s)
    with working_precision(bits) as flint:
        steps = [largest(row) for row in abs(np.diff(_complex_rows(h, flint), append=flint.acb(0)))]
        balls = np.outer(steps, _abel_sums(theta, s, flint))
        return enclosed(balls, h.shape[:-1] + s.shape, bits, kind_of_frequencies(theta))


def abel_published(theta: Any, s: Any, *, h_max: float = 1.0, bits: int = BITS) -> Enclosure:
    """Return an enclosure of the bound the paper compares interpolation with, 2·h_max·B(s).

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s : array, any shape S
        Offsets in tokens.
    h_max : float
        Bound on every abs(h_j).
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of shape S.

    Raises
    ------
    ValueError
        As ``bounds.abel_published``, and for bits below 64.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equation (8), second inequality.
    """
    s = _checked(theta, s)
    size = largest_modulus(h_max, space_of())
    with working_precision(bits) as flint:
        return enclosed(2 * flint.arb(size) * _abel_sums(theta, s, flint), s.shape, bits, kind_of_frequencies(theta))


def sampling(theta_max: float = 1.0, step: float = 1.0, *, bits: int = BITS) -> Enclosure:
    """Return an enclosure of 1/cos(step·theta_max/2), by which scores can exceed their maximum on step·ℤ.

    Parameters
    ----------
    theta_max : float
        Largest angular frequency, rad/token.
    step : float
        Grid step in tokens.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Two floats.

    Raises
    ------
    ValueError
        As ``bounds.sampling``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.sampling``.
    """
    bounds.sampling(theta_max, step)  # its checks
    with working_precision(bits) as flint:
        factor = 1 / (flint.arb(float(step)) * flint.arb(float(theta_max)) / 2).cos()
        return enclosed([factor], (), bits, FLOAT64)


def attention_shift(delta: Any, *, bits: int = BITS) -> Enclosure:
    """Return an enclosure of tanh(delta/2), the largest total-variation distance of a softmax row.

    Parameters
    ----------
    delta : array, any shape, or float
        Largest move of a logit, at least 0.
    bits : int
        Working precision.

    Returns
    -------
    Enclosure
        Ends of delta's shape.

    Raises
    ------
    ValueError
        As ``bounds.attention_shift``, and for bits below 64.

    Notes
    -----
    Source: that of ``bounds.attention_shift``.
    """
    delta = real(delta, "delta", space_of())
    bounds.attention_shift(delta)  # its checks
    with working_precision(bits) as flint:
        return enclosed(np.tanh(_balls(delta.reshape(-1), flint) / 2), delta.shape, bits, FLOAT64)


@dataclass(frozen=True, eq=False)
class Refutation(Record):
    """What Theorem 2.1 of arXiv 2306.15595 allows in one cell, and what a score with abs(h_j) ≤ 1 reaches there.

    Attributes
    ----------
    config : RopeConfig
        Base, and the rotary width.
    s, s1, s2 : float
        Offset and ends of its cell, tokens.
    reached : Enclosure
        Distance from the chord of the score with h_j = conj(ρ_j)/abs(ρ_j), ρ_j = e^{isθ_j} − (1−λ)e^{is1θ_j} −
        λe^{is2θ_j}: the largest there is.
    allowed : Enclosure
        The bound as printed.
    """

    config: RopeConfig
    s: float
    s1: float
    s2: float
    reached: Enclosure
    allowed: Enclosure

    @property
    def refuted(self) -> bool:
        """Whether it is certain that more is reached than the theorem allows."""
        return bool(self.reached.lower > self.allowed.upper)

    @property
    def holds_here(self) -> bool:
        """Whether it is certain that no score strays further than allowed in this cell at this offset.

        Where neither this nor ``refuted`` is true the precision does not decide.
        """
        return bool(self.reached.upper <= self.allowed.lower)


def refutation(config: RopeConfig, s: float = 0.5, s1: float = 0.0, s2: float = 1.0, *, bits: int = BITS) -> Refutation:
    """Return what Theorem 2.1 allows and what can be reached, certain enough to refute it where it fails.

    Parameters
    ----------
    config : RopeConfig
        Base c and rotary width d, with unscaled frequencies θ_j = c^(−2j/d).
    s, s1, s2 : float
        Offset and ends of its cell in tokens, s1 ≤ s ≤ s2.
    bits : int
        Working precision.

    Returns
    -------
    Refutation
        ``refuted`` is true only where it is certain.

    Raises
    ------
    TypeError
        When config is not a RopeConfig.
    ValueError
        For s outside its cell, s1 ≥ s2, NaN, infinity, more than one offset, bits below 64.

    Notes
    -----
    Source: arXiv 2306.15595 v2, Theorem 2.1; docs/theory.md, section 3.
    """
    if s1 is None or s2 is None:
        raise WrongType("s1", "and s2 must be numbers here, the ends of the cell: 0.0 and 1.0 for the first one")
    allowed = chord_published(config, s, s1, s2, bits=bits)
    if np.ndim(allowed.lower):
        raise WrongValue(
            "refutation", "takes one offset and one cell", f"shape {np.shape(allowed.lower)}", "call it once a cell"
        )
    reached = chord_sharp(Unscaled().frequencies(config), s, s1, s2, bits=bits)
    return Refutation(config, float(s), float(s1), float(s2), reached, allowed)


# --- checks, shared with the float64 functions, and conversions ---------------------------------------------


def _checked(theta: Any, s: Any) -> NDArray[np.float64]:
    space = space_of()
    angular(theta, space)
    checked: NDArray[np.float64] = offsets(s, "s", space)
    return checked


def _cells(s: Any, s1: Any, s2: Any) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Return checked (s, s1, s2), rows of shape (3, n), and the shape they broadcast to."""
    space = space_of()
    cell(s, s1, s2, space)  # its checks; its differences are rounded, ours must not be
    s = offsets(s, "s", space)
    low, high = (np.floor(s), np.floor(s) + 1.0) if s1 is None else (offsets(s1, "s1", space), offsets(s2, "s2", space))
    ends = np.stack(np.broadcast_arrays(s, low, high))
    return ends.reshape(3, -1), ends.shape[1:]


def _places(ends: NDArray[np.float64], flint: Any) -> tuple[Balls, Balls]:
    """Return s − s1 and s2 − s of every cell, (n,) each."""
    s, low, high = _balls(ends, flint)
    return s - low, high - s


def _balls(array: NDArray[np.float64], flint: Any) -> Balls:
    return np.frompyfunc(flint.arb, 1, 1)(array)


def _complex_rows(h: NDArray[np.complex128], flint: Any) -> Balls:
    rows = h.reshape(-1, h.shape[-1])
    return np.frompyfunc(flint.acb, 2, 1)(rows.real, rows.imag)


def _sizes(h: Any, h_max: Any, pairs: int, flint: Any) -> Balls:
    """Return abs(h_j), one row per head."""
    if h is None:
        return np.full((1, pairs), flint.arb(largest_modulus(h_max, space_of())))
    return abs(_complex_rows(coefficients(h, pairs, space_of()), flint))


def _parabola(config: Any, s: Any, s1: Any, s2: Any, h_max: Any, bits: int, *, repaired: bool) -> Enclosure:
    width = checked_config(config).width
    ends, shape = _cells(s, s1, s2)
    size = largest_modulus(h_max, space_of())
    with working_precision(bits) as flint:
        curvature = limit_of_squares(width, flint.arb(config.base).log(), repaired=repaired)
        left, right = _places(ends, flint)
        return enclosed(flint.arb(size) * curvature / 2 * left * right, shape, bits, REAL)


def _abel_sums(theta: Any, s: NDArray[np.float64], flint: Any) -> Balls:
    turns = np.array(frequency_balls(theta, flint)) * flint.acb(0, 1)
    offsets_one_by_one = _balls(s.reshape(-1), flint)  # all phasors at a time would fill memory
    return np.array([abs(np.cumsum(np.exp(offset * turns))).sum() for offset in offsets_one_by_one])
