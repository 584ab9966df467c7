"""Which share of the machine's float64 matrix-product rate does ``score_curve`` reach on many heads?"""

from __future__ import annotations

import numpy as np

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig, score_curve
from rope_theory.coefficients import random_phase
from rope_theory.scaling import Unscaled

HEADS, OFFSETS, SIDE, AIM = 256, 131072, 2048, 40.0


def run() -> Measurement:
    theta = Unscaled().frequencies(RopeConfig(128)).theta
    h = random_phase(64, seed=0, count=HEADS)
    out = np.empty((HEADS, OFFSETS))
    square = np.random.default_rng(0).standard_normal((SIDE, SIDE))
    product = np.empty_like(square)
    product_time = best(lambda: np.matmul(square, square, out=product), 7)
    curve_time = best(lambda: score_curve(h, theta, 0, OFFSETS, out=out), 5)
    product_rate = 2 * SIDE**3 / product_time
    curve_rate = 2 * 2 * 64 * HEADS * OFFSETS / curve_time  # a multiplication and an addition for each cos and sin
    return Measurement(
        question="score_curve, 256 h, 131072 offsets, out= given, share of the float64 matrix-product rate",
        value=100 * curve_rate / product_rate,
        unit="%",
        aim=AIM,
        better="above",
        details=f"{curve_rate / 1e9:.0f} and {product_rate / 1e9:.0f} GFLOP/s; {1e3 * curve_time:.0f} ms",
    )
