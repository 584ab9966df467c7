"""How long does one worst case take?"""

from __future__ import annotations

import statistics

from benchmarks.measure import Measurement
from benchmarks.worst_cases import cells

AIM = 1.0


def run() -> Measurement:
    times = [cell.solving for cell in cells()]
    rounds = statistics.mean(cell.certificate.rounds for cell in cells())
    return Measurement(
        question="worst_case, d = 128, N = 2048, one s: median over the 24 cells of the table",
        value=statistics.median(times),
        unit="s",
        aim=AIM,
        better="below",
        details=f"{min(times):.2f} to {max(times):.2f} s; {rounds:.1f} calls of the solver on average",
    )
