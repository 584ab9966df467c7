"""How close are the bounds of a certificate, before and after ball arithmetic?"""

from __future__ import annotations

from benchmarks.measure import Measurement
from benchmarks.worst_cases import cells

AIM = 1e-4
LOOSER = 5e-4
"""Aim at H/A = 100, which counts here in units of AIM."""


def run() -> Measurement:
    def share(ratio: float, gap: float) -> float:
        return gap if ratio <= 10.0 else gap * AIM / LOOSER

    before = max(share(cell.ratio, cell.certificate.gap) for cell in cells())
    after = max(share(cell.ratio, float(cell.proved.width / cell.proved.upper)) for cell in cells())
    return Measurement(
        question="relative gap after verification, 24 cells (gaps at H/A = 100, whose aim is 5e-4, divided by five)",
        value=after,
        unit="",
        aim=AIM,
        better="below",
        details=f"before verification {before:.1e}; largest gap, not divided, "
        f"{max(cell.certificate.gap for cell in cells()):.1e}",
    )
