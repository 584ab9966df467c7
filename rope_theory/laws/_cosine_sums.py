"""Where Σ_j cos(mθ_j) is first negative: matrix products for speed, ball arithmetic where float64 cannot tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import phasors, space_of
from rope_theory._core.balls import working_precision
from rope_theory.scaling._exact_form import REAL, frequency_balls, kind_of_frequencies

UNIT = 2.0**-53
"""Rounding unit of float64."""

FIRST_STAGE, GROWTH = 1024, 16
"""Offsets of the first stage, and how much longer the next one ends: whoever fails early costs little."""

LONGEST_ROW, ANCHORS_AT_ONCE, TABLE_ELEMENTS = 1024, 128, 1 << 21
"""Offsets that share an anchor, anchors multiplied at a time, and elements of a table of phasors (16 MiB)."""

MOST_BITS = 1 << 14
"""Precision at which an undecided sign would be given up; see ``_is_negative`` for why none is."""


def first_negative(theta: NDArray[np.float64], exact: Any, last: int) -> int | None:
    """Return the first m = 0 … last with Σ_j cos(mθ_j) < 0, or None.

    Parameters
    ----------
    theta : ndarray, shape (P,)
        Frequencies in float64.
    exact : array or Frequencies
        The same, as ``frequency_balls`` understands them: what is decided is the sign for these.
    last : int
        Last offset, tokens.
    """
    for offsets, sums in sums_in_blocks(theta, last):
        error = doubt(theta, exact, int(offsets[-1]))
        if sums.min() > error:
            continue
        for at in np.flatnonzero(sums <= error).tolist():
            if sums[at] < -error or _is_negative(exact, int(offsets[at])):
                return int(offsets[at])
    return None


def sums_in_blocks(theta: NDArray[np.float64], last: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Yield consecutive offsets 0 … last and their sums, by cos((A + b)θ) = cos Aθ cos bθ − sin Aθ sin bθ."""
    space, start, stop = space_of(), 0, FIRST_STAGE
    while start <= last:
        longest = min(LONGEST_ROW, max(1, TABLE_ELEMENTS // (2 * len(theta))))
        row = min(longest, 1 << (math.isqrt(stop).bit_length() - 1))
        cos, sin = phasors(theta, np.arange(row, dtype=np.float64), space)
        fine = np.concatenate([cos, -sin], axis=1).T
        for first in range(start, min(stop, last + 1), row * ANCHORS_AT_ONCE):
            anchors = np.arange(first, min(stop, last + 1, first + row * ANCHORS_AT_ONCE), row, dtype=np.int64)
            cos, sin = phasors(theta, anchors.astype(np.float64), space)
            count = min(last + 1 - first, len(anchors) * row)
            sums = (np.concatenate([cos, sin], axis=1) @ fine).reshape(-1)[:count]
            yield np.arange(first, first + count, dtype=np.int64), sums
        start, stop = stop, stop * GROWTH


def doubt(theta: NDArray[np.float64], exact: Any, last: int) -> float:
    """Return a bound on the error of a float64 sum at any offset up to ``last``.

    Phasors of float64 frequencies are good to 8 units (Dekker's product, cos and sin of the library), so that a term
    of two products errs by at most 40; the matrix product of 2P terms adds 2P units of Σ(abs + abs) ≤ 2P. Where θ
    stands for powers of a base, each is a rounded power: 16 units and 8 log(1/θ) for the roundings in its exponent,
    relative to θ, and its phase is m times as wrong. That leaves room for one rounding of mθ.
    """
    pairs = len(theta)
    error = (40.0 * pairs + 4.0 * pairs**2) * UNIT
    if kind_of_frequencies(exact) == REAL:
        error += last * float(theta.sum()) * (16.0 + 8.0 * math.log(1.0 / float(theta.min()))) * UNIT
    return error


def _is_negative(exact: Any, offset: int) -> bool:
    """Tell the sign in ball arithmetic, doubling the precision until it is certain.

    The sum is never 0 for m ≥ 1: base and frequencies given as floats are rational, so the angles ±mθ_j are algebraic,
    and by Lindemann and Weierstrass exponentials of distinct algebraic numbers, here with coefficients above 0, have no
    vanishing combination. At m = 0 it is P.
    """
    bits = 128
    while bits <= MOST_BITS:
        with working_precision(bits) as flint:
            total = sum(((ball * offset).cos() for ball in frequency_balls(exact, flint)), flint.arb(0))
            if total > 0 or total < 0:
                return bool(total < 0)
        bits *= 2
    raise ArithmeticError(
        f"The sign of the sum of cosines at offset {offset} is not certain at {MOST_BITS} bits; shorten the window."
    )
