"""A sampling theorem for scores: bounded on a fine enough grid, bounded between its points."""

from __future__ import annotations

import math

from rope_theory._checks import above, at_least


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
        At least 1. Not claimed tight, and about the whole line: windows have ends, where scores may exceed it.

    Raises
    ------
    ValueError
        For step·theta_max ≥ π, where sin(πs/step) vanishes on the grid and no bound exists.

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
    if step * theta_max >= math.pi:
        raise ValueError(
            f"step·theta_max must be below π, got {step * theta_max:g}: a score of frequency π/step can vanish on "
            "the whole grid. Use a finer step."
        )
    return 1.0 / math.cos(step * theta_max / 2.0)
