"""How long does it take to prove a certificate in ball arithmetic?"""

from __future__ import annotations

import statistics

from benchmarks.measure import Measurement
from benchmarks.worst_cases import cells

AIM = 2.0


def run() -> Measurement:
    times = [cell.verifying for cell in cells()]
    return Measurement(
        question="verify at 256 bits, d = 128, N = 2048, slowest of the 24 cells",
        value=max(times),
        unit="s",
        aim=AIM,
        better="below",
        details=f"median {statistics.median(times):.3f} s",
    )
