"""A sampling theorem for scores: bounded on a fine enough grid, bounded between its points."""

from __future__ import annotations

import math
from fractions import Fraction

from rope_theory._core.checks import above, at_least
from rope_theory.errors import WrongValue

PI_BELOW = Fraction(0x3243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89, 1 << 256)
"""π, cut off after 256 binary places."""


def sampling(theta_max: float = 1.0, step: float = 1.0) -> float:
    """Return the factor by which a score can exceed its maximum on the infinite grid step·ℤ.

    abs(a(n)) ≤ A for all n in step·ℤ implies abs(a(s)) ≤ A/cos(step·theta_max/2) for all real s, provided
    step·theta_max < π.

    Parameters
    ----------
    theta_max : float
        Largest angular frequency, rad/token: ``table.theta.max()``; 1 for unscaled RoPE.
    step : float
        Grid step in tokens.

    Returns
    -------
    float
        At least 1, rounded outwards by at most 6 units in the last place. Not claimed tight, and about the whole line:
        windows have ends, where scores may exceed it.

    Raises
    ------
    ValueError
        For step·theta_max ≥ π, where sin(πs/step) vanishes on the grid and no bound exists; ``math.pi`` and products
        that round to it count as π.

    Notes
    -----
    Source: Duffin and Schaeffer's comparison lemma; docs/theory.md, section 4.

    Examples
    --------
    >>> import rope_theory as rt
    >>> round(float(rt.bounds.sampling()), 6)
    1.139494
    """
    theta_max, step = at_least(theta_max, "theta_max", 0.0), above(step, "step", 0.0)
    phase = Fraction(step) * Fraction(theta_max)  # exact: next to π every rounding would be magnified
    if float(phase) >= math.pi:
        raise WrongValue(
            "step·theta_max",
            "must be below π",
            f"{float(phase):.17g}",
            "a score of frequency π/step can vanish on the whole grid. Use a finer step",
        )
    if not phase:
        return 1.0
    # cos(phase/2) = sin((π − phase)/2), whose relative condition is 1 next to the pole. The argument is rounded
    # towards the pole: half a unit in the last place, and one for nextafter. The library's cos and sin are taken to
    # be right to 1 unit, two are granted; the division rounds once more, and is granted one unit.
    if phase < Fraction(3, 2):
        cosine = math.cos(math.nextafter(float(phase / 2), math.inf))
    else:
        cosine = math.sin(math.nextafter(float((PI_BELOW - phase) / 2), 0.0))
    return math.nextafter(1.0 / (cosine * (1.0 - 2.0**-51)), math.inf)
