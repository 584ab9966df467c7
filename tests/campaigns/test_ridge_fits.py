"""Ridge fits in float64 against the same fits in ball arithmetic."""

import numpy as np
import pytest

import rope_theory as rt
from rope_theory.certificates import exact_least_squares
from rope_theory.regression import RotaryRidge, effective_dof, prediction_std

FITS = 2_300

UNITS = 10.0
"""Allowed error in ε·(condition number of the system solved), of the largest target: LAPACK's constants."""


@pytest.mark.slow
def test_solvers_against_exact_fits():
    rng = np.random.default_rng(20_031)
    worst = {"svd": 0.0, "cholesky": 0.0, "normal": 0.0}
    for number in range(FITS):
        pairs = int(rng.integers(1, 9))
        config = rt.RopeConfig(2 * pairs, base=float(10.0 ** rng.uniform(1, 6)))
        theta = rt.scaling.Unscaled().frequencies(config).theta
        train = np.arange(float(rng.integers(4, 80))) * float(rng.choice([1.0, 0.5, 3.0]))
        y = rng.standard_normal(len(train)) * 10.0 ** rng.uniform(-6, 6)
        alpha = float(10.0 ** rng.uniform(-3, 3))
        solver = tuple(worst)[number % 3]
        exact = exact_least_squares(theta, train, y, alpha=alpha)
        fit = RotaryRidge(theta, alpha=alpha, solver=solver).fit(train, y)
        s = np.concatenate([rng.choice(train, 3), rng.uniform(-50, 300, 3)])
        largest = np.linalg.svd(np.exp(1j * np.outer(train, theta)), compute_uv=False)[0] ** 2 * 2
        condition = (largest + alpha) / alpha  # of the normal equations; that of "svd" is its root
        scale = np.finfo(float).eps * condition * max(np.abs(exact.predict(train).middle).max(), np.abs(y).max())
        wrong = np.abs(fit.predict(s) - exact.predict(s).middle).max() / (scale * pairs)
        worst[solver] = max(worst[solver], float(wrong))
        middle = exact.coefficients.middle
        assert np.abs(fit.coef_ - middle).max() <= UNITS * scale * pairs, (pairs, alpha, solver)
    print(f"{FITS} ridge fits against balls, worst error in eps·condition: {worst}")
    assert max(worst.values()) <= UNITS


@pytest.mark.slow
def test_standard_deviations_and_degrees_of_freedom_against_many_digits():
    import mpmath

    rng = np.random.default_rng(20_032)
    for _ in range(40):
        pairs, count, alpha = int(rng.integers(1, 4)), int(rng.integers(3, 12)), float(10.0 ** rng.uniform(-2, 2))
        theta, s = rng.uniform(0, 1, pairs), float(rng.uniform(-20, 40))
        with mpmath.workdps(40):
            rows = [
                [f(mpmath.mpf(n) * t) for f in (mpmath.cos, mpmath.sin) for t in map(float, theta)]
                for n in [*range(count), s]
            ]
            phi, asked = mpmath.matrix(rows[:-1]), mpmath.matrix(rows[-1])
            inverse = (phi.T * phi + alpha * mpmath.eye(2 * pairs)) ** -1
            spread, kept = phi * (inverse * asked), phi * inverse * phi.T
            std, trace = mpmath.norm(spread), sum(kept[k, k] for k in range(count))
        assert prediction_std(theta, np.arange(count), s, alpha=alpha) == pytest.approx(float(std), rel=1e-9)
        assert effective_dof(theta, np.arange(count), alpha=alpha) == pytest.approx(float(trace), rel=1e-9)
