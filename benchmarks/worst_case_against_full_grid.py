"""How much faster is ``worst_case`` than the cone program written down for the whole grid?"""

from __future__ import annotations

import math
import statistics
import time
import warnings

import numpy as np

from benchmarks.measure import Measurement
from benchmarks.worst_cases import LAST, Cell, cells
from rope_theory import RopeConfig
from rope_theory.scaling import Unscaled

AIM = 2.0


def full_grid(cell: Cell) -> tuple[float, float]:
    """Return the value of the program as cvxpy and Clarabel see it, NaN where they give up, and the seconds taken."""
    import cvxpy

    theta = Unscaled().frequencies(RopeConfig(128)).theta
    trained = np.exp(1j * np.outer(np.arange(LAST + 1), theta))
    start = time.perf_counter()
    h = cvxpy.Variable(len(theta), complex=True)
    scores = cvxpy.real(trained @ h)
    asked = cvxpy.real(np.exp(1j * cell.s * theta) @ h)
    problem = cvxpy.Problem(cvxpy.Maximize(asked), [cvxpy.abs(scores) <= 1.0, cvxpy.abs(h) <= cell.ratio])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "may be inaccurate": the difference is reported
        try:
            value = float(problem.solve(solver=cvxpy.CLARABEL, ignore_dpp=True))
        except cvxpy.error.SolverError:
            value = math.nan
    return value, time.perf_counter() - start


def run() -> Measurement:
    chosen = [cell for cell in cells() if cell.ratio <= 10.0]  # at H/A = 100 the raw program mostly gives up
    answers = [full_grid(cell) for cell in chosen]
    pairs = [(cell, value, taken) for cell, (value, taken) in zip(chosen, answers, strict=True) if value == value]
    ratios = [taken / cell.solving for cell, _, taken in pairs]
    worst = max(abs(value - cell.certificate.upper) / value for cell, value, _ in pairs)
    return Measurement(
        question="worst_case against the full-grid cvxpy program, median over the cells with H/A ≤ 10 it can solve",
        value=statistics.median(ratios),
        unit="× faster",
        aim=AIM,
        better="above",
        details=f"{min(ratios):.1f} to {max(ratios):.1f}×; full grid {statistics.median(t for *_, t in pairs):.2f} s, "
        f"gives up at {len(chosen) - len(pairs)} of {len(chosen)}; largest relative difference {worst:.1e}",
    )
