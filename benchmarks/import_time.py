"""How long does ``import rope_theory`` take, against ``import numpy``?"""

from __future__ import annotations

from benchmarks.measure import Measurement, in_fresh_process

ROUNDS, AIM = 15, 1.5


def seconds(module: str) -> float:
    """Return how long a fresh process takes to import ``module``."""
    return float(
        in_fresh_process(f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)")
    )


def run() -> Measurement:
    ours, numpys = [], []
    for _ in range(ROUNDS):  # alternating, so that both see the same noise
        ours.append(seconds("rope_theory, rope_theory.scores, rope_theory.scaling"))
        numpys.append(seconds("numpy"))
    return Measurement(
        question="import rope_theory with its scores and scalings against import numpy, fresh processes",
        value=min(ours) / min(numpys),
        unit="×",
        aim=AIM,
        better="below",
        details=f"{1e3 * min(ours):.0f} ms and {1e3 * min(numpys):.0f} ms, best of {ROUNDS}; "
        f"import rope_theory alone {1e3 * min(seconds('rope_theory') for _ in range(5)):.0f} ms",
    )
