"""How far a score can be from the chord between its values at s1 and s2: published, repaired, sharp.

All are bounds on abs(a(s) − (1−λ) a(s1) − λ a(s2)), λ = (s − s1)/(s2 − s1), with a(s) before 1/√head_dim and any
attention factor μ: where a model has one, multiply by μ².
"""

from __future__ import annotations

import math
from typing import Any

from rope_theory._arrays import Array, in_kind, over_blocks, phasors, space_of
from rope_theory.bounds._cell import cell, cell_space, largest_modulus, moduli
from rope_theory.config import RopeConfig


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
        Right to about 1e-16 times the cell's width in tokens, from the rounding of s − s1 and s2 − s.

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
    space = cell_space(theta, s, s1, s2, h, h_max)
    xp = space.xp
    frequencies, sizes, batch = moduli(theta, h, h_max, space)
    place = cell(s, s1, s2, space)
    shape = tuple(place.left.shape)
    ends = xp.stack([place.left.reshape(-1), place.right.reshape(-1)], axis=-1)

    def kernel(piece: Array) -> Array:
        left, right = piece[:, 0], piece[:, 1]
        width = left + right
        near, far = (left / width)[:, None], (right / width)[:, None]  # λ and 1 − λ, neither by subtraction
        cos_left, sin_left = phasors(frequencies, left / 2.0, space)
        cos_right, sin_right = phasors(frequencies, right / 2.0, space)
        # e^{−iλφ}·ρ with nothing cancelling: its real part is a sum of squares
        real = 2.0 * (far * sin_left**2 + near * sin_right**2)
        imag = 2.0 * (far * sin_left * cos_left - near * sin_right * cos_right)
        return sizes @ abs(real + 1j * imag).T

    flat = over_blocks(kernel, ends, 4 * frequencies.shape[0], space)
    return in_kind(flat.reshape(batch + shape), space)


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
    space = cell_space(theta, s, s1, s2, h, h_max)
    frequencies, sizes, batch = moduli(theta, h, h_max, space)
    place = cell(s, s1, s2, space)
    curvature = (sizes @ frequencies**2).reshape(batch + (1,) * len(place.left.shape))
    return in_kind(0.5 * place.left * place.right * curvature, space)


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
    width, log_base = _width_and_log_base(config)
    return _parabola(width / (4 * log_base) + 0.5 + log_base / (3 * width), s, s1, s2, h_max)


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
    width, log_base = _width_and_log_base(config)
    return _parabola(width / (4 * log_base), s, s1, s2, h_max)


def _width_and_log_base(config: RopeConfig) -> tuple[int, float]:
    if not isinstance(config, RopeConfig):
        raise TypeError(
            f"config must be a RopeConfig, got {type(config).__name__}: the closed form needs the base, "
            "not a table. For a table use chord_curvature."
        )
    return config.width, math.log(config.base)


def _parabola(curvature: float, s: Array, s1: Array | None, s2: Array | None, h_max: float) -> Array:
    space = space_of(s, s1, s2, h_max)
    place = cell(s, s1, s2, space)
    return in_kind(0.5 * largest_modulus(h_max, space) * curvature * place.left * place.right, space)
