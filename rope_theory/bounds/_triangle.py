"""The triangle bound: abs(a(s)) ≤ Σ abs(h_j), at every s."""

from __future__ import annotations

from rope_theory._core.arrays import Array, complex_, in_kind, space_of
from rope_theory.bounds import _wide_range as _wide
from rope_theory.errors import WrongValue


def triangle(h: Array) -> Array:
    """Return the bound on abs(a(s)) that holds at every offset, Σ_j abs(h_j).

    Sharp at every s for the moduli alone (h_j = abs(h_j) e^{−isθ_j} attains it). A partly rotated head adds
    abs(C), its position-free term. An attention factor μ is not part of h: where a model has one, multiply by μ².

    Parameters
    ----------
    h : array or tensor, complex, shape (..., P)
        Score coefficients.

    Returns
    -------
    array or tensor, shape (...)

    Raises
    ------
    ValueError
        For empty h, NaN or infinity.

    Notes
    -----
    Source: docs/theory.md, section 2.

    Examples
    --------
    >>> import rope_theory as rt
    >>> float(rt.bounds.triangle([3.0 + 4.0j, 1.0]))
    6.0
    """
    space = space_of(h)
    h = complex_(h, "h", space)
    if len(h.shape) == 0:
        raise WrongValue("h", "must have the pairs on its last axis", "a single number")
    result = abs(h).sum(-1)
    if _wide.is_small(result, _wide.SMALL_RESULT):
        exact = _wide.upwards(_wide.total(_wide.wide_moduli(h)), 8 + h.shape[-1])
        result = _wide.in_place_of(result, exact, space)
    return in_kind(result, space)
