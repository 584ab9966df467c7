"""How large a certificate may be: what ``worst_case`` makes, ``save`` writes and ``load`` reads."""

from __future__ import annotations

from reprlib import repr as short

import numpy as np
from numpy.typing import NDArray

from rope_theory.certificates._design import even_step
from rope_theory.errors import WrongValue

MOST_OFFSETS = 1 << 20
"""Offsets of the longest even grid, which a file holds in three numbers."""

MOST_UNEVEN = 1 << 16
"""Offsets of the longest other grid."""

MOST_PAIRS = 1 << 10
"""Frequencies of the largest table: those of a head dimension of 2048."""

MOST_WORK, MOST_UNEVEN_WORK = 1 << 25, 1 << 18
"""Largest products of offsets and frequencies, of even grids and of others, whose phasors are computed one by one."""

MOST_BYTES = 1 << 23
"""Bytes of the longest file."""


def check_count(count: int, pairs: int, *, even: bool) -> None:
    """Raise, with the limit, for more offsets than a certificate may have."""
    kind, most = ("even", MOST_OFFSETS) if even else ("uneven", MOST_UNEVEN)
    if count > most:
        raise WrongValue("grid", f"must have at most {most} offsets where they are {kind}", short(count), "give fewer")
    if pairs > MOST_PAIRS:
        raise WrongValue("theta", f"must have at most {MOST_PAIRS} frequencies", pairs, "give a smaller table")
    work = MOST_WORK if even else MOST_UNEVEN_WORK
    if count * pairs > work:
        raise WrongValue(
            "grid",
            f"must have at most {work // pairs} offsets for {pairs} frequencies where they are {kind}",
            count,
            "give fewer",
        )


def check_grid(grid: NDArray[np.float64], pairs: int) -> None:
    """Raise, with the limit, for more offsets than a certificate may have."""
    even = len(grid) < 2 or len(grid) > MOST_OFFSETS or even_step(grid) is not None
    check_count(len(grid), pairs, even=even)
