"""Worst cases against other solvers of the same program."""

import warnings

import cvxpy
import numpy as np
import pytest
from scipy.optimize import linprog
from twins import full_grid_worst_case

import rope_theory as rt
from rope_theory.certificates import quick_bound, worst_case

SETTINGS = [(8, 40, 60.0, 10.0), (8, 40, 17.5, 1.0), (12, 64, 64.5, 3.0), (16, 128, 0.5, 0.3), (16, 96, 130.0, 30.0)]

SIDES = 128
"""Sides of the polygons that stand for the discs |h_j| ≤ H."""


def by_splitting_cone_solver(theta, s, grid, ratio):
    """Return the maximum by SCS, a first-order method."""
    h = cvxpy.Variable(len(theta), complex=True)
    trained = np.exp(1j * np.outer(grid, theta))
    limits = [cvxpy.abs(cvxpy.real(trained @ h)) <= 1.0, cvxpy.abs(h) <= ratio]
    problem = cvxpy.Problem(cvxpy.Maximize(cvxpy.real(np.exp(1j * s * theta) @ h)), limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(problem.solve(solver=cvxpy.SCS, eps=1e-7, max_iters=100_000))


def by_linear_program(theta, s, grid, ratio):
    """Return the maximum by HiGHS over polygons around the discs, and over those inside them."""
    turns = 2 * np.pi * np.arange(SIDES) / SIDES
    sides = np.zeros((len(theta) * SIDES, 2 * len(theta)))
    for j in range(len(theta)):
        rows = slice(j * SIDES, (j + 1) * SIDES)
        sides[rows, j], sides[rows, len(theta) + j] = np.cos(turns), np.sin(turns)
    angles = np.outer(grid, theta)
    trained = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)
    gain = np.concatenate([np.cos(s * theta), -np.sin(s * theta)])
    found = []
    for limit in (ratio, ratio * np.cos(np.pi / SIDES)):
        right = np.concatenate([np.ones(2 * len(grid)), np.full(len(sides), limit)])
        rows = np.concatenate([trained, -trained, sides])
        answer = linprog(-gain, rows, right, bounds=(None, None), method="highs")
        assert answer.status == 0
        found.append(-answer.fun)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("pairs", "count", "s", "ratio"), SETTINGS)
def test_three_solvers_agree(pairs, count, s, ratio):
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(2 * pairs)).theta
    grid = np.arange(float(count))
    found = worst_case(theta, s, grid, h_max=3.0 * ratio, score_max=3.0)
    proved = found.verify()
    outer, inner = (3.0 * value for value in by_linear_program(theta, s, grid, ratio))
    assert inner * (1 - 1e-7) <= proved.upper
    assert proved.lower <= outer * (1 + 1e-7)
    cone = 3.0 * full_grid_worst_case(theta, s, grid, ratio)
    splitting = 3.0 * by_splitting_cone_solver(theta, s, grid, ratio)
    assert proved.lower <= cone * (1 + 1e-6)
    assert cone * (1 - 1e-6) <= proved.upper
    assert splitting == pytest.approx(proved.upper, rel=1e-3)
    assert proved.lower <= quick_bound(theta, s, grid, h_max=3.0 * ratio, score_max=3.0)
    print(f"V({s:g})/A = {proved.upper / 3:.6f}: Clarabel {cone / 3:.6f}, SCS {splitting / 3:.6f}, "
          f"HiGHS {inner / 3:.6f} to {outer / 3:.6f}")  # fmt: skip
