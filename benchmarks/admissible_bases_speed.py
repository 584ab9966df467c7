"""How long do the signs of a million offsets take for 400 bases, when none of them fails early?"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.measure import Measurement, best
from rope_theory.laws import admissible_bases
from rope_theory.scaling.frequencies import geometric

WIDTH, LENGTH, COUNT, AIM = 128, 10**6, 400, 60.0
SAMPLE, BLOCK = 1 << 17, 1 << 12


def direct(base: float) -> bool:
    """Return whether no sum of cosines is negative in the sample, block by block."""
    theta = geometric(base, WIDTH)
    sums = [np.cos(np.outer(np.arange(at, at + BLOCK), theta)).sum(axis=1) for at in range(0, SAMPLE, BLOCK)]
    return min(float(block.min()) for block in sums) >= 0.0


def run() -> Measurement:
    seconds, shares = [], []
    for low in (5e9, 1e4):  # all admissible, then whatever comes
        start = time.perf_counter()
        found = admissible_bases(WIDTH, LENGTH, np.geomspace(low, 1e10, COUNT))
        seconds.append(time.perf_counter() - start)
        shares.append(float(found.admissible.mean()))
    slow = best(lambda: direct(5e9), 2) * COUNT * (LENGTH + 1) / SAMPLE
    return Measurement(
        question="admissible_bases, d = 128, 10^6 offsets × 400 bases 5e9 … 1e10",
        value=seconds[0],
        unit="s",
        aim=AIM,
        better="below",
        details=f"{shares[0]:.0%} admissible; plain numpy {slow / seconds[0]:.0f} times as long (from {SAMPLE} offsets "
        f"of one base); bases 1e4 … 1e10: {seconds[1]:.2g} s, {shares[1]:.0%} admissible",
    )
