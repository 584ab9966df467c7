"""How much faster is ``score_curve`` than evaluating cos and sin at every offset and pair?"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig, score_curve
from rope_theory.bounds import triangle
from rope_theory.coefficients import random_phase
from rope_theory.scaling import Unscaled

OFFSETS, BLOCK, AIM = 2**20, 4096, 80.0


def direct(h: np.ndarray, theta: np.ndarray, count: int) -> np.ndarray:
    """Return the scores at 0 … count − 1, block by block."""
    result = np.empty(count)
    for first in range(0, count, BLOCK):
        phases = np.outer(np.arange(first, min(count, first + BLOCK), dtype=np.float64), theta)
        result[first : first + BLOCK] = np.cos(phases) @ h.real - np.sin(phases) @ h.imag
    return result


def run() -> Measurement:
    theta = Unscaled().frequencies(RopeConfig(128)).theta
    h = random_phase(64, seed=0)
    slow, fast = direct(h, theta, OFFSETS), score_curve(h, theta, 0, OFFSETS)
    error = float(np.abs(slow - fast).max() / triangle(h))
    slow_time = best(lambda: direct(h, theta, OFFSETS), 3)
    fast_time = best(lambda: score_curve(h, theta, 0, OFFSETS), 15)
    return Measurement(
        question="score_curve against direct numpy cos/sin, one h, d = 128, 2^20 offsets",
        value=slow_time / fast_time,
        unit="× faster",
        aim=AIM,
        better="above",
        details=f"{1e3 * slow_time:.0f} ms and {1e3 * fast_time:.1f} ms; largest difference {error:.1e}·Σ|h_j|",
    )
