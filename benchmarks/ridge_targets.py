"""How much faster is one fit to a thousand targets than a thousand fits?"""

from __future__ import annotations

import statistics

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.measure import Measurement, best
from rope_theory import RopeConfig
from rope_theory.regression import RotaryRidge
from rope_theory.scaling import Unscaled

AIM = 50.0
TARGETS, SAMPLE, ROUNDS = 1000, 10, 5


def run() -> Measurement:
    config = RopeConfig(128)
    theta, s = Unscaled().frequencies(config), np.arange(config.context_length)
    y = np.random.default_rng(0).standard_normal((len(s), TARGETS))

    def one_by_one() -> list[RotaryRidge]:
        return [RotaryRidge(theta).fit(s, target) for target in y.T[:SAMPLE]]

    with threadpool_limits(1):
        rounds = [(best(lambda: RotaryRidge(theta).fit(s, y), 1), best(one_by_one, 1)) for _ in range(ROUNDS)]
        difference = np.abs(RotaryRidge(theta).fit(s, y).h_[:SAMPLE] - [fit.h_ for fit in one_by_one()]).max()
    together, sample = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Measurement(
        question=f"{TARGETS} ridge fits over 2048 offsets, d = 128, in one call against a loop",
        value=statistics.median(TARGETS / SAMPLE * loop / call for call, loop in rounds),
        unit="times",
        aim=AIM,
        better="above",
        details=f"{together * 1e3:.0f} ms against {sample / SAMPLE * 1e3:.0f} ms a fit, one thread; the loop is "
        f"{SAMPLE} fits, extrapolated; coefficients differ by {difference:.0e}",
    )
