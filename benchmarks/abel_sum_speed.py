"""How much faster is ``abel_sum`` than the recipe of the paper's appendix C.2 in torch?"""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig
from rope_theory.bounds import abel_sum
from rope_theory.scaling import Unscaled

OFFSETS, AIM = 2**18, 20.0


def recipe(theta: torch.Tensor, count: int) -> torch.Tensor:
    """Return B(s) by an outer product and cumulative sums over the frequencies."""
    phases = torch.outer(torch.arange(count, dtype=torch.float64), theta)
    squares = phases.sin().cumsum(1).square() + phases.cos().cumsum(1).square()
    return squares.sqrt().sum(1)


def run() -> Measurement:
    theta = Unscaled().frequencies(RopeConfig(128)).theta
    tensor, offsets = torch.tensor(theta), np.arange(OFFSETS, dtype=np.float64)
    slow, fast = recipe(tensor, OFFSETS).numpy(), abel_sum(theta, offsets)  # compiles
    error = float(np.max(np.abs(slow - fast) / fast))
    slow_time = best(lambda: recipe(tensor, OFFSETS), 5)
    fast_time = best(lambda: abel_sum(theta, offsets), 15)
    return Measurement(
        question="abel_sum against the paper's recipe in torch float64, d = 128, 2^18 offsets",
        value=slow_time / fast_time,
        unit="× faster",
        aim=AIM,
        better="above",
        details=f"{1e3 * slow_time:.0f} ms and {1e3 * fast_time:.1f} ms; largest relative difference {error:.1e}",
    )
