"""The statements as SymPy objects, evaluated in ball arithmetic, against the functions of the package."""

import math

import numpy as np
import pytest
import twins

import rope_theory as rt
from proofs import PROOFS
from rope_theory import bounds

SEEDS = range(6)
PAIRS = 4


def draw(seed):
    """Return a generator, a config, its θ, and random h."""
    rng = np.random.default_rng(seed)
    config = rt.RopeConfig(2 * PAIRS, base=float(rng.choice([100.0, 1e4, 5e5])), context_length=64)
    theta = rt.scaling.Unscaled().frequencies(config).theta
    return rng, config, theta, rng.standard_normal(PAIRS) + 1j * rng.standard_normal(PAIRS)


def rectangular(h, theta):
    return {"x": h.real, "y": h.imag, "theta": theta, "P": PAIRS}


def polar(h, theta):
    return {"r": np.abs(h), "alpha": np.angle(h), "theta": theta, "P": PAIRS}


def cell(rng):
    """Return s1, s − s1, s2 − s whose sums are exact."""
    return float(rng.integers(0, 50)), rng.integers(1, 64) / 32, rng.integers(1, 64) / 32


def distance(h, theta, s1, u, v):
    return abs(bounds.catalogue.excess_over_chord(h, theta, s1 + u, s1, s1 + u + v))


def both(name, values, left, right):
    found = PROOFS[name].sides(values)
    assert found == pytest.approx((left, right), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_triangle(seed):
    rng, _, theta, h = draw(seed)
    s = float(rng.uniform(0, 50))
    score = abs(float(rt.attention_score(h, theta, s)))
    both("triangle", {"s": s, **rectangular(h, theta)}, score, bounds.triangle(h))


@pytest.mark.parametrize("seed", SEEDS)
def test_chord_sharp(seed):
    rng, _, theta, h = draw(seed)
    s1, width, share = float(rng.integers(0, 50)), float(rng.choice([0.5, 1.0, 4.0])), rng.integers(1, 32) / 32
    values = {"s1": s1, "W": width, "lambda": share, **rectangular(h, theta)}
    right = bounds.chord_sharp(theta, s1 + share * width, s1, s1 + width, h=h)
    both("chord_sharp", values, distance(h, theta, s1, share * width, (1 - share) * width), float(right))


@pytest.mark.parametrize("seed", SEEDS)
def test_chord_curvature(seed):
    rng, _, theta, h = draw(seed)
    s1, u, v = cell(rng)
    right = bounds.chord_curvature(theta, s1 + u, s1, s1 + u + v, h=h)
    both("chord_curvature", {"s1": s1, "u": u, "v": v, **polar(h, theta)}, distance(h, theta, s1, u, v), float(right))


@pytest.mark.parametrize("name", ["chord_repaired", "chord_published"])
@pytest.mark.parametrize("seed", SEEDS)
def test_closed_chord_bounds(name, seed):
    rng, config, theta, h = draw(seed)
    s1, u, v = cell(rng)
    H = float(np.abs(h).max())
    right = getattr(bounds, name)(config, s1 + u, s1, s1 + u + v, h_max=H)
    values = {"s1": s1, "u": u, "v": v, "H": H, "L": math.log(config.base), **polar(h, theta)}
    both(name, values, distance(h, theta, s1, u, v), float(right))


@pytest.mark.parametrize("seed", SEEDS)
def test_abel(seed):
    rng, _, theta, h = draw(seed)
    s = float(rng.uniform(0, 50))
    score = abs(float(rt.attention_score(h, theta, s)))
    D, H = float(np.abs(np.diff(h, append=0)).max()), float(np.abs(h).max())
    values = {"s": s, **rectangular(h, theta)}
    both("abel", {**values, "D": D}, score, float(bounds.abel(h, theta, np.array(s))))
    both("abel_published", {**values, "H": H}, score, float(bounds.abel_published(theta, np.array(s), h_max=H)))


@pytest.mark.parametrize(("theta_max", "step"), [(1.0, 1.0), (0.5, 2.0), (1.5, 2.0), (0.01, 1.0)])
def test_sampling(theta_max, step):
    tau = 1 / math.tan(step * theta_max / 4) - 1
    both("sampling", {"M": 3.0, "A": 2.0, "tau": tau}, 3.0 / bounds.sampling(theta_max, step), 2.0)


@pytest.mark.parametrize("delta", [0.0, 0.1, 0.7, 3.0])
def test_attention_shift(delta):
    # two classes at log-odds −δ, in rows of 3 and 5 entries: the change that attains the bound
    weights = np.array([1 / 3] * 3 + [math.exp(delta) / 5] * 5)
    shifts = delta * np.array([1] * 3 + [-1] * 5)
    moved = weights * np.exp(shifts)
    change = moved / moved.sum() - weights / weights.sum()
    bound = float(bounds.attention_shift(delta))
    both(
        "attention_shift", {"x": np.log(weights), "e": shifts, "N": 8, "delta": delta}, np.abs(change).sum() / 2, bound
    )
    assert np.abs(change).sum() / 2 == pytest.approx(bound, abs=1e-15)


@pytest.mark.parametrize("seed", SEEDS)
def test_prediction_std(seed):
    # one frequency and three offsets: a design of three rows and two columns
    rng, theta = np.random.default_rng(seed), np.array([0.7])
    train, s = rng.uniform(0, 9, 3), float(rng.uniform(0, 20))
    alpha, sigma = float(rng.uniform(0.1, 2)), float(rng.uniform(0.5, 2))
    design, row = twins.design(theta, train), twins.design(theta, [s])[0]
    values = {f"Phi{i + 1}{k + 1}": design[i, k] for i in range(3) for k in range(2)}
    inverse = np.linalg.inv(design.T @ design + alpha * np.eye(2))
    values |= {"G11": inverse[0, 0], "G12": inverse[0, 1], "G22": inverse[1, 1]}
    values |= {"phi1": row[0], "phi2": row[1], "sigma": sigma}
    # four outcomes of the same probability, with targets of mean zero, variance σ², uncorrelated
    targets = sigma * np.array([[1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
    solutions = inverse @ design.T @ targets
    values |= {"b1": solutions[0], "b2": solutions[1], "w": np.full(4, 0.25), "N": 4}
    variance = float(rt.regression.prediction_std(theta, train, s, alpha=alpha, sigma=sigma)) ** 2
    both("prediction_std", values, variance, variance)


@pytest.mark.parametrize("seed", SEEDS)
def test_score_expansion(seed):
    rng, _, theta, _ = draw(seed)
    q, k = rng.standard_normal((2, 2 * PAIRS))
    m, n = (float(x) for x in rng.integers(0, 100, 2))
    values = {"Q1": q[::2], "Q2": q[1::2], "K1": k[::2], "K2": k[1::2], "m": m, "n": n, "theta": theta, "P": PAIRS}
    h = rt.score_coefficients(q, k, pairing="interleaved")
    left = twins.rotate_then_dot(q, k, theta, m, n, "interleaved")
    both("score_expansion", values, left, float(rt.attention_score(h, theta, m - n)))


@pytest.mark.parametrize("seed", SEEDS)
def test_master_inequality_and_weak_duality(seed):
    rng, _, theta, h = draw(seed)
    grid, weights, s = np.arange(5.0), rng.standard_normal(5), float(rng.uniform(0, 9))
    rho = np.exp(1j * s * theta) - weights @ np.exp(1j * np.outer(grid, theta))
    values = {"s": s, "g": grid, "w": weights, "N": 5, **rectangular(h, theta)}
    excess = rt.attention_score(h, theta, s) - weights @ rt.attention_score(h, theta, grid)
    both("master_inequality", values, abs(float(excess)), float(np.abs(h) @ np.abs(rho)))

    target, A, H = theta / 2, 0.5, 2.0
    rho = np.exp(1j * s * target) - weights @ np.exp(1j * np.outer(grid, theta))
    right = A * np.abs(weights).sum() + H * np.abs(rho).sum()
    values |= {"thetaprime": target, "A": A, "H": H}
    both("worst_case", values, float(rt.attention_score(h, target, s)), float(right))
