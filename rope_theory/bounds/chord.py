"""How far a score can be from the chord between its values at s1 and s2: published, repaired, sharp.

All are bounds on abs(a(s) − (1−λ) a(s1) − λ a(s2)), λ = (s − s1)/(s2 − s1), with a(s) before 1/√head_dim and any
attention factor μ: where a model has one, multiply by μ².
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rope_theory._core.arrays import Array, Space, as_numpy, in_kind, over_blocks, phasors, space_of, values_behind
from rope_theory._core.checks import instance_of
from rope_theory.bounds import _wide_range as _wide
from rope_theory.bounds._cell import Cell, cell, largest_modulus, moduli, wide_sizes
from rope_theory.config import RopeConfig

FEW_TURNS = 2.0**-9
"""Angle across a cell, rad, below which a power series says how far a pair strays from the chord."""


def chord_sharp(
    theta: Any,
    s: Array,
    s1: Array | None = None,
    s2: Array | None = None,
    *,
    h: Array | None = None,
    h_max: float = 1.0,
) -> Array:
    """Return the largest possible distance of the score from the chord, given the moduli of h.

    Σ_j abs(h_j)·abs(e^{iλφ_j} − (1−λ) − λe^{iφ_j}), φ_j = (s2 − s1)θ_j; attained by
    ``coefficients.adversarial``.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s, s1, s2 : array or tensor, broadcast to shape S
        Offset and ends of its cell in tokens, s1 ≤ s ≤ s2; the integers around s when s1 and s2 are not given.
    h : array or tensor, complex, shape (..., P), optional
        Score coefficients, of which the moduli count.
    h_max : float or tensor of no dimensions
        Bound on every abs(h_j), used when h is not given.

    Returns
    -------
    array or tensor, shape (..., *S)
        Right to a few ulps, and to the rounding of s − s1 and s2 − s, 1e-16 times the cell's width in tokens.

    Raises
    ------
    ValueError
        For s outside its cell, s1 ≥ s2, NaN, infinity, empty arrays, shapes that do not match, h_max beside h.

    Notes
    -----
    Source: docs/theory.md, section 3.

    Examples
    --------
    >>> import rope_theory as rt
    >>> theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=128))
    >>> round(float(rt.bounds.chord_sharp(theta, 0.5)), 6)
    0.493876
    """
    space = space_of(values_behind(theta), s, s1, s2, h, h_max)
    xp = space.xp
    frequencies, sizes, batch = moduli(theta, h, h_max, space)
    place = cell(s, s1, s2, space)
    shape = tuple(place.left.shape)
    ends = xp.stack([place.left.reshape(-1), place.right.reshape(-1)], axis=-1)
    slow = as_numpy(frequencies) * float(as_numpy(place.width).max()) < FEW_TURNS
    split = [xp.asarray(np.flatnonzero(mask), device=space.device) for mask in (~slow, slow)]

    def kernel(piece: Array) -> Array:
        chosen = ((mask, strays) for mask, strays in zip(split, (_strays, _strays_little), strict=True) if len(mask))
        return sum(sizes[:, mask] @ strays(frequencies[mask], piece, space).T for mask, strays in chosen)

    flat = over_blocks(kernel, ends, 4 * frequencies.shape[0], space)
    if _is_extreme(frequencies, sizes, place):
        flat = _wide.in_place_of(
            flat, _wide_chord(frequencies, wide_sizes(h, h_max, len(slow)), place, sharp=True), space
        )
    return in_kind(flat.reshape(batch + shape), space)


def _strays(theta: Array, ends: Array, space: Space) -> Array:
    """Return abs(e^{iλφ} − (1−λ) − λe^{iφ}), (n, P), φ the angle across a cell with ``ends`` left and right of s."""
    at_left, at_right = (phasors(theta, ends[:, side] / 2.0, space) for side in (0, 1))
    real, imag = stray_parts(ends[:, :1], ends[:, 1:], at_left, at_right)
    return abs(real + 1j * imag)


def stray_parts(left: Any, right: Any, at_left: tuple[Any, Any], at_right: tuple[Any, Any]) -> tuple[Any, Any]:
    """Return the real and the imaginary part of e^{−iλφ}·ρ with nothing cancelling, over arrays, tensors or balls.

    ``at_left`` and ``at_right`` are the cosines and sines of half the angle that a pair turns on either side of s.
    """
    width = left + right
    near, far = left / width, right / width  # λ and 1 − λ, neither by subtraction
    (cos_left, sin_left), (cos_right, sin_right) = at_left, at_right
    real = 2 * (far * sin_left**2 + near * sin_right**2)  # a sum of squares
    return real, 2 * (far * sin_left * cos_left - near * sin_right * cos_right)


def _strays_little(theta: Array, ends: Array, space: Space) -> Array:
    """Return the same where φ < FEW_TURNS, a·b·``_shape``(a, b): there the imaginary part above cancels."""
    left, right = ends[:, :1] * theta, ends[:, 1:] * theta
    return left * right * _shape(left, right)


def _shape(a: Array, b: Array) -> Array:
    """Return abs(e^{ia} − (b + a·e^{i(a+b)})/(a + b))/(ab) for a + b < FEW_TURNS, right to a few ulps.

    The real part of e^{−ia}·ρ is (b(1 − cos a) + a(1 − cos b))/(a + b), the imaginary one (b sin a − a sin b)/(a + b).
    Their series, divided by ab, are ½(1 − (a² − ab + b²)/12 + (a⁴ − a³b + a²b² − ab³ + b⁴)/360 − …) and
    (b − a)/6·(1 − (a² + b²)/20 + (a⁴ + a²b² + b⁴)/840 − …); what is left out is below (a + b)⁶/10000 < 2⁻⁶⁷.
    """
    squares, mixed = a * a + b * b, a * b
    fourth = squares * squares - mixed * mixed  # a⁴ + a²b² + b⁴
    real = 0.5 * (1.0 - (squares - mixed) / 12.0 + (fourth - mixed * squares) / 360.0)
    imag = (b - a) / 6.0 * (1.0 - squares / 20.0 + fourth / 840.0)
    return (real * real + imag * imag) ** 0.5


def _is_extreme(frequencies: Array, sizes: Array, place: Cell) -> bool:
    return (
        _wide.is_small(frequencies, _wide.SMALL_FACTOR) or _wide.is_small(sizes, _wide.SMALL_SIZE) or place.is_extreme
    )


def _wide_chord(frequencies: Array, sizes: _wide.Wide, place: Cell, *, sharp: bool) -> Any:
    """Return ``chord_sharp`` or ``chord_curvature``, (R, n), where float64 underflows; rounded outwards.

    abs(ρ_j) is a·b·shape with a = left·θ, b = right·θ: for the curvature bound shape = ½, for the sharp one
    ``_shape`` where a + b is small. Elsewhere one end at most is tiny; ρ_j is proportional to it but for a factor of
    1 + O(2**−100), and is taken at a larger distance.
    """
    theta, left, right = (
        as_numpy(array).reshape(-1).astype(np.float64) for array in (frequencies, place.left, place.right)
    )
    space, rows, pairs = space_of(), sizes[0].shape[0], len(theta)
    ends = np.stack([left, right], axis=-1)

    def kernel(piece: Any) -> Any:
        a, b = piece[:, :1], piece[:, 1:]
        with np.errstate(under="ignore"):
            shape = _wide.wide(_shape(a * theta, b * theta) if sharp else np.full((len(a), pairs), 0.5))
            little = (a + b) * theta < FEW_TURNS
        angle = _wide.wide(theta)
        mantissa, exponent = _wide.product(_wide.wide(a), _wide.wide(b), angle, angle, shape)
        if sharp and not little.all():
            (m_a, e_a), (m_b, e_b) = _wide.wide(a), _wide.wide(b)
            up_a, up_b = np.minimum(e_a + 130, 0), np.minimum(e_b + 130, 0)  # 0 but for tiny ends
            moved = np.concatenate([np.ldexp(m_a, e_a - up_a), np.ldexp(m_b, e_b - up_b)], axis=1)
            m_far, e_far = _wide.wide(_strays(theta, moved, space))
            mantissa = np.where(little, mantissa, m_far)
            exponent = np.where(little, exponent, e_far + up_a + up_b)
        heads = [(sizes[0][row], sizes[1][row]) for row in range(rows)]
        summed = [_wide.total(_wide.product((mantissa, exponent), head)) for head in heads]
        return np.stack([_wide.upwards(one, 12 + pairs) for one in summed])

    return over_blocks(kernel, ends, 16 * pairs, space)


def chord_curvature(
    theta: Any,
    s: Array,
    s1: Array | None = None,
    s2: Array | None = None,
    *,
    h: Array | None = None,
    h_max: float = 1.0,
) -> Array:
    """Return the curvature bound on the distance of the score from the chord: Theorem 2.1 with the sum kept.

    ½ (s − s1)(s2 − s) Σ_j abs(h_j) θ_j²

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    s, s1, s2 : array or tensor, broadcast to shape S
        Offset and ends of its cell in tokens, s1 ≤ s ≤ s2; the integers around s when s1 and s2 are not given.
    h : array or tensor, complex, shape (..., P), optional
        Score coefficients, of which the moduli count.
    h_max : float or tensor of no dimensions
        Bound on every abs(h_j), used when h is not given.

    Returns
    -------
    array or tensor, shape (..., *S)

    Raises
    ------
    ValueError
        For s outside its cell, s1 ≥ s2, NaN, infinity, empty arrays, shapes that do not match, h_max beside h.

    Notes
    -----
    Source: arXiv 2306.15595 v2, equations (11), (12); docs/theory.md, section 3.
    """
    space = space_of(values_behind(theta), s, s1, s2, h, h_max)
    frequencies, sizes, batch = moduli(theta, h, h_max, space)
    place = cell(s, s1, s2, space)
    curvature = (sizes @ frequencies**2).reshape(batch + (1,) * len(place.left.shape))
    result = 0.5 * place.left * place.right * curvature
    if _is_extreme(frequencies, sizes, place):
        exact = _wide_chord(frequencies, wide_sizes(h, h_max, frequencies.shape[0]), place, sharp=False)
        result = _wide.in_place_of(result, exact.reshape(result.shape), space)
    return in_kind(result, space)


def chord_repaired(
    config: RopeConfig, s: Array, s1: Array | None = None, s2: Array | None = None, *, h_max: float = 1.0
) -> Array:
    """Return Theorem 2.1 as it should have been printed, for unscaled frequencies.

    ½ (s − s1)(s2 − s)·h_max·(d/(4 ln c) + ½ + (ln c)/(3d)), since
    Σθ_j² = (1 − c^−2)/(1 − c^(−4/d)) ≤ d/(4 ln c) + ½ + (ln c)/(3d) for every c > 1 and even d ≥ 2.

    Parameters
    ----------
    config : RopeConfig
        Base c and rotary width d.
    s, s1, s2 : array or tensor, broadcast to shape S
        Offset and ends of its cell in tokens, s1 ≤ s ≤ s2; the integers around s when s1 and s2 are not given.
    h_max : float or tensor of no dimensions
        Bound on every abs(h_j).

    Returns
    -------
    array or tensor, shape S

    Raises
    ------
    ValueError
        For s outside its cell, s1 ≥ s2, NaN, infinity or empty arrays.

    Notes
    -----
    Source: docs/theory.md, section 3; repairs arXiv 2306.15595 v2, Theorem 2.1.
    """
    return _parabola(config, s, s1, s2, h_max, repaired=True)


def chord_published(
    config: RopeConfig, s: Array, s1: Array | None = None, s2: Array | None = None, *, h_max: float = 1.0
) -> Array:
    """Return the bound of Theorem 2.1 as printed. It is FALSE: see ``CATALOGUE["chord_published"]``.

    d·h_max·(s − s1)(s2 − s)/(8 ln c), refuted by h_j = e^{−iθ_j/2} at s = ½ between 0 and 1.

    Parameters
    ----------
    config : RopeConfig
        Base c and rotary width d.
    s, s1, s2 : array or tensor, broadcast to shape S
        Offset and ends of its cell in tokens, s1 ≤ s ≤ s2; the integers around s when s1 and s2 are not given.
    h_max : float or tensor of no dimensions
        Bound on every abs(h_j).

    Returns
    -------
    array or tensor, shape S

    Raises
    ------
    ValueError
        For s outside its cell, s1 ≥ s2, NaN, infinity or empty arrays.

    Notes
    -----
    Source: arXiv 2306.15595 v2, Theorem 2.1, equations (5) and (6). For what is true use ``chord_sharp``,
    ``chord_curvature`` or ``chord_repaired``.

    Examples
    --------
    >>> import rope_theory as rt
    >>> round(float(rt.bounds.chord_published(rt.RopeConfig(head_dim=128), 0.5)), 6)  # what is reached is 0.493876
    0.434294
    """
    return _parabola(config, s, s1, s2, h_max, repaired=False)


def checked_config(config: Any) -> RopeConfig:
    """Return ``config`` when it is one, with the base that Theorem 2.1 is stated in."""
    remedy = "the closed form needs the base, not a table. For a table use chord_curvature"
    return instance_of(config, "config", RopeConfig, remedy)


def limit_of_squares(width: int, log_base: Any, *, repaired: bool) -> Any:
    """Return the bound on Σθ_j² of Theorem 2.1, as it should be or as printed, from ln c as a float or a ball."""
    printed = width / (4 * log_base)
    return printed + 0.5 + log_base / (3 * width) if repaired else printed


def _parabola(
    config: RopeConfig, s: Array, s1: Array | None, s2: Array | None, h_max: float, *, repaired: bool
) -> Array:
    curvature = limit_of_squares(checked_config(config).width, math.log(config.base), repaired=repaired)
    space = space_of(s, s1, s2, h_max)
    place = cell(s, s1, s2, space)
    size = largest_modulus(h_max, space)
    result = 0.5 * size * curvature * place.left * place.right
    if _wide.is_small(size, _wide.SMALL_SIZE) or place.is_extreme:
        factors = (_wide.wide(0.5 * curvature), *map(_wide.wide, (size, place.left, place.right)))
        result = _wide.in_place_of(result, _wide.upwards(_wide.product(*factors), 8), space)
    return in_kind(result, space)
