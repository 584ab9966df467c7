"""How much does a ridge fit that keeps its singular values cost, against scikit-learn's, which does not?"""

from __future__ import annotations

import statistics

import numpy as np
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig
from rope_theory._core.design import design
from rope_theory.regression._solvers import solve
from rope_theory.scaling import Unscaled

AIM = 1.2
ROUNDS = 41


def run() -> Measurement:
    config = RopeConfig(128)
    s = np.arange(float(config.context_length))
    phi = design(Unscaled().frequencies(config).theta, s, np.dtype(np.float64))
    y = np.random.default_rng(0).standard_normal((len(s), 1))
    peer = Ridge(alpha=1.0, solver="svd", fit_intercept=False)
    with threadpool_limits(1):
        rounds = [
            (best(lambda: solve(phi, y, 1.0, "svd"), 1), best(lambda: peer.fit(phi, y), 1)) for _ in range(ROUNDS)
        ]
    ours, theirs = (statistics.median(times) for times in zip(*rounds, strict=True))
    found = solve(phi, y, 1.0, "svd").weights
    return Measurement(
        question="ridge by SVD on a ready design, 2048 × 128, against scikit-learn's Ridge",
        value=statistics.median(own / other for own, other in rounds),
        unit="times",
        aim=AIM,
        better="below",
        details=f"{ours * 1e3:.1f} ms against {theirs * 1e3:.1f} ms, one thread, {ROUNDS} pairs; "
        f"weights differ by {np.abs(found.T - peer.coef_).max():.0e}",
    )
