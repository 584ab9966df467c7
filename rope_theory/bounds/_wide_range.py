"""Sums and products of the bounds where float64 itself would underflow: mantissas and exponents kept apart.

A term such as |h_j|·θ_j²·(s − s1)(s2 − s) can be an ordinary number, or at least not zero, while a product on the way
to it is below 2**−1074. Where an input is that small the bounds are computed here, and rounded outwards: a result too
small for float64 becomes the smallest number there is, never zero.

Everything is numpy on detached values; ``in_place_of`` gives a tensor its gradient back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import Array, Space, as_numpy

Floats: TypeAlias = NDArray[np.float64]
Wide: TypeAlias = tuple[Floats, NDArray[np.int64]]
"""m·2^e, elementwise: m is 0 or has a modulus in [½, 1)."""

SMALL_SIZE, SMALL_FACTOR = 2.0**-300, 2.0**-130
"""Moduli of h, and frequencies or distances in a cell, below which products may underflow: above, h·θ²·left·right is
at least 2**−820."""

SMALL_RESULT = 2.0**-900
"""Results below which a sum of moduli or a product of two factors may have lost digits."""


def is_small(values: Any, limit: float) -> bool:
    """Tell whether any of the values is below the limit, and not 0."""
    size = np.abs(as_numpy(values))
    return bool(((size < limit) & (size > 0.0)).any())


def wide(values: Any) -> Wide:
    """Return real numbers as mantissas and exponents."""
    mantissa, exponent = np.frexp(np.asarray(as_numpy(values), dtype=np.float64))
    return mantissa, exponent.astype(np.int64)


def wide_moduli(h: Any) -> Wide:
    """Return the moduli of complex numbers; those of subnormal parts lose no digits."""
    h = np.asarray(as_numpy(h), dtype=np.complex128)
    _, shift = np.frexp(np.maximum(np.abs(h.real), np.abs(h.imag)))
    mantissa, exponent = np.frexp(np.hypot(_shifted(h.real, -shift), _shifted(h.imag, -shift)))
    return mantissa, exponent.astype(np.int64) + shift


def product(*factors: Wide) -> Wide:
    """Return the product of numbers of 0 or more."""
    mantissa, exponent = factors[0]
    for other, power in factors[1:]:
        mantissa, carried = np.frexp(mantissa * other)
        exponent = exponent + power + carried
    return mantissa, exponent


def total(terms: Wide) -> Wide:
    """Return the sum of numbers of 0 or more along the last axis."""
    return _reduced(terms, np.sum)


def largest(terms: Wide) -> Wide:
    """Return the largest of numbers of 0 or more along the last axis."""
    return _reduced(terms, np.max)


def upwards(number: Wide, roundings: int) -> Floats:
    """Return floats not below numbers of 0 or more, each computed with so many roundings at most."""
    mantissa, exponent = number
    raised = mantissa * (1.0 + (roundings + 4.0) * 2.0**-53)  # each loses 2**−53 at most
    with np.errstate(under="ignore"):
        result = np.ldexp(raised, exponent)
    lost = _shifted(result, -exponent) < raised  # subnormal results keep fewer digits
    return np.where(lost, np.nextafter(result, np.inf), result)


def in_place_of(plain: Array, exact: Floats, space: Space) -> Array:
    """Return ``exact`` in the space of ``plain``, with the gradient of the latter."""
    if space.is_numpy:
        return exact
    there = space.xp.asarray(exact, dtype=space.dtype, device=space.device)
    return plain + (there - plain).detach() if plain.requires_grad else there


def _reduced(terms: Wide, reduction: Callable[..., Any]) -> Wide:
    """Return a sum or a maximum along the last axis, taken in units of the largest term."""
    mantissa, exponent = terms
    lowest = np.iinfo(np.int64).min // 4
    top = np.where(mantissa != 0.0, exponent, lowest).max(-1)
    top = np.where(top == lowest, 0, top)
    result, carried = np.frexp(reduction(_shifted(mantissa, exponent - top[..., None]), axis=-1))
    return result, carried + top


def _shifted(values: Floats, exponent: Any) -> Floats:
    """Return values·2^exponent; exponents beyond what a C int holds change nothing that float64 can show."""
    with np.errstate(under="ignore"):
        shifted: Floats = np.ldexp(values, np.clip(exponent, -5000, 5000).astype(np.int32))
    return shifted
