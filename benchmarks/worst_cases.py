"""The cells of the table in docs/theory.md, section 7, solved and verified once for several questions."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import numpy as np

from rope_theory import RopeConfig
from rope_theory.certificates import Certificate, Enclosure, worst_case
from rope_theory.scaling import Unscaled

LAST = 2048
OFFSETS = (0.5, 1024.5, 2048.5, 2049.0, 2056.0, 2112.0, 3072.0, 4096.0)
RATIOS = (1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Cell:
    """One offset and ratio H/A, with the seconds it took to solve and to verify."""

    s: float
    ratio: float
    certificate: Certificate
    solving: float
    proved: Enclosure
    verifying: float


@functools.cache
def cells() -> tuple[Cell, ...]:
    """Return all of them, one offset at a time; the window is prepared anew for each, as a single call meets it."""
    theta, grid = Unscaled().frequencies(RopeConfig(128)), np.arange(LAST + 1)
    worst_case(theta, 0.5, np.arange(200), h_max=1.0)  # loads the solver
    worst_case(theta, 0.5, np.arange(200), h_max=1.0).verify()
    found = []
    for ratio in RATIOS:
        for s in OFFSETS:
            for small in (200, 201):  # so that the prepared window is forgotten
                worst_case(theta, 0.5, np.arange(small), h_max=1.0)
            start = time.perf_counter()
            certificate = worst_case(theta, s, grid, h_max=ratio)
            solved = time.perf_counter()
            proved = certificate.verify()
            found.append(Cell(s, ratio, certificate, solved - start, proved, time.perf_counter() - solved))
    return tuple(found)
