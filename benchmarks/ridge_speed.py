"""How much does a ridge fit that keeps its singular values cost, against scikit-learn's, which does not?"""

from __future__ import annotations

import statistics

import numpy as np
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig
from rope_theory.regression import RotaryRidge, design_matrix
from rope_theory.scaling import Unscaled

AIM = 1.2
ROUNDS = 41


def run() -> Measurement:
    config = RopeConfig(128)
    s = np.arange(float(config.context_length))
    theta, y = Unscaled().frequencies(config), np.random.default_rng(0).standard_normal((len(s), 1))
    own, peer = RotaryRidge(theta, 1.0, "svd"), Ridge(alpha=1.0, solver="svd", fit_intercept=False)
    with threadpool_limits(1):
        rounds = [
            (best(lambda: own.fit(s, y), 1), best(lambda: peer.fit(design_matrix(theta, s), y), 1))
            for _ in range(ROUNDS)
        ]
    ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Measurement(
        question="ridge by SVD, 2048 offsets and 128 coefficients with their design, against scikit-learn's Ridge",
        value=statistics.median(one / other for one, other in rounds),
        unit="times",
        aim=AIM,
        better="below",
        details=f"{ours * 1e3:.1f} ms against {theirs * 1e3:.1f} ms, one thread, {ROUNDS} pairs; "
        f"weights differ by {np.abs(np.hstack([own.h_.real, -own.h_.imag]) - peer.coef_).max():.0e}",
    )
