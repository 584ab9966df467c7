"""Ball arithmetic by python-flint: a working precision, and safe ways back to floats.

Everything here is rigorous: a ball contains the number it stands for, and ``floats_around`` rounds outwards.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rope_theory._core.checks import at_most, integer
from rope_theory._core.optional import load

FEWEST_BITS, MOST_BITS = 64, 1 << 15
"""Precisions accepted: below the first a ball says less than a float64, beyond the last one product takes long."""

_ONE_AT_A_TIME = threading.RLock()
"""flint has one precision for all threads of a process: whoever sets it must be left alone until it is put back."""


@contextmanager
def working_precision(bits: int) -> Iterator[Any]:
    """Yield the flint module, computing with ``bits`` bits inside the ``with`` block and as before after it."""
    bits = integer(bits, "bits", FEWEST_BITS, "It is the working precision of ball arithmetic.")
    at_most(bits, "bits", MOST_BITS, "256 is plenty for a certificate")
    flint = load("flint", "certify")
    with _ONE_AT_A_TIME:
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield flint
        finally:
            flint.ctx.prec = before


def floats_around(ball: Any) -> tuple[float, float]:
    """Return floats below and above everything in a real ball; infinite ones where it is not finite."""
    if not ball.is_finite():
        return -math.inf, math.inf
    low, high = float(ball.lower()), float(ball.upper())
    # the conversion rounds to nearest: step outwards unless it was exact
    below = low if _is_exactly(low, ball.lower()) else math.nextafter(low, -math.inf)
    above = high if _is_exactly(high, ball.upper()) else math.nextafter(high, math.inf)
    return below, above


def _is_exactly(value: float, ball: Any) -> bool:
    return math.isfinite(value) and bool(ball == type(ball)(value))


def float_below(end: Any) -> float:
    """Return the largest float that is not above an exact real ball."""
    value = float(end)
    return value if type(end)(value) <= end else math.nextafter(value, -math.inf)


def float_above(end: Any) -> float:
    """Return the smallest float that is not below an exact real ball."""
    return -float_below(-end)


def largest(balls: Any) -> Any:
    """Return a ball that contains the maximum of the numbers in ``balls``."""
    return functools.reduce(lambda known, ball: known.max(ball), balls)
