"""Offsets of every kind, against ball arithmetic: no fast path moves one further than is documented."""

import balls
import grids
import numpy as np
import pytest

import rope_theory as rt
from rope_theory import bounds
from rope_theory.certificates import exact_least_squares

GRIDS, CURVES, FITS = 27_375, 34_500, 400

ULPS = 16.0
"""What "a few ulps" may be, in 2**−53 of the largest value of the sum."""


def documented(theta, s):
    """Return the error that ``abel_sum`` documents on a grid, ulps aside."""
    moved = min(4.0 * np.spacing(np.abs(s).max()), 2.0**-33 / max(1.0, theta.max()))
    pairs = len(theta)
    return moved * float(((pairs - np.arange(pairs)) * theta).sum())


@pytest.mark.slow
def test_abel_sums_on_every_kind_of_grid():
    rng = np.random.default_rng(20_001)
    seen = 0
    for number in range(GRIDS):
        kind = grids.KINDS[number % len(grids.KINDS)]
        s = grids.draw(rng, kind, most=300)
        s = s[np.abs(s) <= 2.0**53]
        pairs = int(rng.integers(1, 17))
        theta = (
            rt.scaling.Unscaled().frequencies(rt.RopeConfig(2 * pairs, base=float(rng.choice([1e2, 1e4, 5e5])))).theta
        )
        if rng.random() < 0.1:
            theta = theta * 10.0 ** rng.integers(-20, 7)
        sums = bounds.abel_sum(theta, s)
        for at in rng.integers(0, len(s), 2):
            with balls.precision(300):
                exact = balls.abel_sum(theta, s[at])
                wrong = abs(float(exact - balls.flint.arb(float(sums[at]))))
            assert wrong <= documented(theta, s) + ULPS * 2.0**-53 * pairs * (pairs + 1) / 2, (kind, s[at], s[:4])
            seen += 1
    print(f"{GRIDS} grids, {seen} values of abel_sum against 300-bit balls: 0 beyond the documented error")


@pytest.mark.slow
def test_score_curves_at_the_real_numbers():
    rng = np.random.default_rng(20_002)
    seen, worst = 0, 0.0
    while seen < CURVES:
        pairs = int(rng.integers(1, 13))
        theta = np.minimum(rng.uniform(0, 1, pairs) * 10.0 ** rng.choice([0, 0, 0, -3, -100, 3, 6]), 1e6)
        h = rng.standard_normal(pairs) + 1j * rng.standard_normal(pairs)
        count = int(rng.integers(2, 3000))
        step = float(rng.choice([0.1, 1 / 3, 1.0, 7.3, 0.5, 1e-7, 3e-11, 1e5 + 0.1]))
        starts = [0.0, -step * count / 2, -step * count, 1e6, rng.uniform(-1e4, 1e4), 2.0**52, -(2.0**53), 1e-30]
        start = float(rng.choice(starts))
        stop = start + step * (count - 0.5)
        if not abs(stop) <= 2.0**53 or start >= stop or step < np.spacing(max(abs(start), abs(stop))):
            continue
        curve = rt.score_curve(h, theta, start, stop, step)
        for k in rng.integers(0, len(curve), 50).tolist():
            with balls.precision(300):
                place = balls.flint.arb(start) + balls.flint.arb(step) * k
                worst = max(worst, balls.units_off(curve[k], balls.score(h, theta, place), np.abs(h).sum()))
            seen += 1
    print(f"{seen} values of score_curve against 300-bit balls: at most {worst:.1f} units off")
    assert worst <= ULPS


@pytest.mark.slow
def test_exact_fits_predict_the_same_on_a_grid_and_alone():
    rng = np.random.default_rng(20_003)
    for number in range(FITS):
        kind = grids.KINDS[number % len(grids.KINDS)]
        s = grids.draw(rng, kind, most=40)
        s = s[np.abs(s) <= 2.0**53]
        fit = exact_least_squares([1.0, 0.3, 0.02], np.arange(12.0), rng.standard_normal(12), alpha=0.1)
        together, at = fit.predict(s), int(rng.integers(len(s)))
        alone = fit.predict(float(s[at]))
        assert together.lower[at] <= alone.upper, (kind, s[at])
        assert alone.lower <= together.upper[at], (kind, s[at])
    print(f"{FITS} exact fits: predictions on grids and alone overlap")
