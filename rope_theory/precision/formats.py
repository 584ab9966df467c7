"""Floating-point formats: their unit roundoff, their ends, and rounding to them by numpy and ml_dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.records import Record


@dataclass(frozen=True)
class Format(Record):
    """A binary floating-point format, rounded to nearest, ties to even.

    Attributes
    ----------
    name : str
        As numpy and torch call it.
    digits : int
        Binary digits of the significand t, the leading one included.
    smallest_exponent : int
        Exponent of the smallest normal number.
    largest : float
        Largest finite number.
    """

    name: str
    digits: int
    smallest_exponent: int
    largest: float

    @property
    def roundoff(self) -> float:
        """Unit roundoff u = 2^(−t): half the distance from 1 to the next number."""
        return 2.0**-self.digits

    @property
    def spacing_at_zero(self) -> float:
        """Distance η of the numbers closest to zero, the subnormal ones."""
        return 2.0 ** (self.smallest_exponent - self.digits + 1)


FLOAT64 = Format("float64", 53, -1022, float(np.finfo(np.float64).max))
FLOAT32 = Format("float32", 24, -126, float(np.finfo(np.float32).max))
BFLOAT16 = Format("bfloat16", 8, -126, float((2.0 - 2.0**-7) * 2.0**127))
FLOAT16 = Format("float16", 11, -14, 65504.0)

FORMATS: dict[str, Format] = {format_.name: format_ for format_ in (FLOAT64, FLOAT32, BFLOAT16, FLOAT16)}
"""Name → format, widest first."""


def rounded(values: Any, target: Format) -> NDArray[np.float64]:
    """Return float64 values rounded once to ``target``, kept in float64; beyond its end they become infinite."""
    given: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    if target is FLOAT64:
        return given
    with np.errstate(over="ignore", under="ignore"):
        if target is BFLOAT16:
            return _rounded_to_bfloat16(given)
        narrow = np.float32 if target is FLOAT32 else np.float16
        return given.astype(narrow).astype(np.float64)


def _rounded_to_bfloat16(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64 values rounded once to bfloat16.

    ml_dtypes goes by way of float32, which would round twice: 1 + 2^−8 + 2^−40 would become 1. Where float32 rounds to
    an even number, the odd one on the value's own side is taken instead; rounding that to bfloat16 is rounding once
    (Boldo and Melquiond, IEEE Transactions on Computers 57, 2008).
    """
    from ml_dtypes import bfloat16

    near = np.asarray(values, dtype=np.float32)
    even = np.isfinite(near) & (near != values) & (near.view(np.uint32) % 2 == 0)
    odd = np.where(even, np.nextafter(near, np.where(values > near, np.float32(np.inf), np.float32(-np.inf))), near)
    return odd.astype(bfloat16).astype(np.float64)


def largest_rounding_error(magnitude: Any, target: Format) -> NDArray[np.float64]:
    """Return the largest error that one rounding of a number up to ``magnitude`` can make, absolute.

    max(abs(x)·u/(1+u), η/2): the first factor is attained just above every power of two
    (Jeannerod and Rump, Mathematics of Computation 87, 2018).
    """
    share = target.roundoff / (1.0 + target.roundoff)
    return np.maximum(np.asarray(magnitude) * share, 0.5 * target.spacing_at_zero)
