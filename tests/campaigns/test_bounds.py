"""Bounds against ball arithmetic, and against each other where an optimiser looks for a violation."""

import balls
import numpy as np
import pytest

import rope_theory as rt
from rope_theory import bounds
from rope_theory.certificates import closed_forms

EVALUATIONS, OPTIMISED, SHIFTS = 40_800, 72_300, 14_800

UNITS = 16.0
"""What "a few ulps" may be, in 2**−53 of the value: sums of up to 64 terms."""


def one_sided(value, enclosure):
    """Return by how many units of 2**−53 a bound is below the exact one, and above it."""
    low, high, value = np.asarray(enclosure.lower), np.asarray(enclosure.upper), np.asarray(value)
    unit = np.maximum(high, 1e-300) * 2.0**-53
    return float(((low - value) / unit).max()), float(((value - high) / unit).max())


@pytest.mark.slow
def test_every_bound_against_200_bits():
    rng = np.random.default_rng(20_011)
    seen, worst_below, worst_above = 0, 0.0, 0.0
    while seen < EVALUATIONS:
        pairs = int(rng.choice([1, 2, 8, 32, 64]))
        config = rt.RopeConfig(2 * pairs, base=float(10.0 ** rng.uniform(0.5, 8)))
        theta = rt.scaling.Unscaled().frequencies(config).theta
        h = rt.coefficients.decaying(pairs, exponent=rng.uniform(0, 2), seed=int(rng.integers(2**31)))
        h = h * 10.0 ** rng.uniform(-30, 30)
        s1 = float(rng.integers(-(2**20), 2**20))
        s2 = s1 + float(rng.integers(1, 2048))
        s = s1 + (s2 - s1) * rng.integers(0, 1025, 6) / 1024  # s − s1 and s2 − s are exact
        size, cell = float(10.0 ** rng.uniform(-30, 30)), (s, s1, s2)
        asked = {
            "triangle": ((h,), {}),
            "chord_sharp": ((theta, *cell), {"h": h}),
            "chord_curvature": ((theta, *cell), {"h": h}),
            "chord_repaired": ((config, *cell), {"h_max": size}),
            "chord_published": ((config, *cell), {"h_max": size}),
            "abel": ((h, theta, s), {}),
            "abel_published": ((theta, s), {"h_max": size}),
        }
        for name, (given, named) in asked.items():
            value = getattr(bounds, name)(*given, **named)
            enclosure = getattr(closed_forms, name)(*given, **named, bits=200)
            under, over = one_sided(value, enclosure)
            worst_below, worst_above = max(worst_below, under), max(worst_above, over)
            seen += np.size(value)
    print(f"{seen} bounds against 200-bit balls: at most {worst_below:.1f} units below, {worst_above:.1f} above")
    assert worst_below <= UNITS
    assert worst_above <= UNITS


@pytest.mark.slow
def test_no_optimiser_turns_sharp_curvature_and_repaired_around():
    # a population of cells climbs sharp/curvature and curvature/repaired; both ratios tend to 1 from below
    rng = np.random.default_rng(20_012)
    seen, population, highest = 0, 100, 0.0
    while seen < OPTIMISED:
        pairs = int(rng.integers(1, 65))
        config = rt.RopeConfig(2 * pairs, base=float(10.0 ** rng.uniform(0.05, 8)))
        theta = rt.scaling.Unscaled().frequencies(config)
        start = rng.uniform(-1e4, 1e4, population)
        width, share = 10.0 ** rng.uniform(-6, 3, population), rng.random(population)
        best = np.zeros(population)
        for spread in (1.0, 0.3, 0.1, 0.03, 0.01):
            tried = (
                start + spread * rng.standard_normal(population),
                width * np.exp(spread * rng.standard_normal(population)),
                np.clip(share + spread * rng.standard_normal(population), 0.0, 1.0),
            )
            s1, s2 = tried[0], tried[0] + tried[1]
            s = np.clip(s1 + tried[2] * tried[1], s1, s2)
            sharp, curved = bounds.chord_sharp(theta, s, s1, s2), bounds.chord_curvature(theta, s, s1, s2)
            repaired = bounds.chord_repaired(config, s, s1, s2)
            assert (sharp <= curved * (1 + 1e-13)).all(), (config, s, s1, s2)
            assert (curved <= repaired * (1 + 1e-13)).all(), (config, s, s1, s2)
            with np.errstate(invalid="ignore"):
                ratio = np.nan_to_num(sharp / curved)
            better = ratio > best
            best = np.where(better, ratio, best)
            start, width, share = (
                np.where(better, new, old) for new, old in zip(tried, (start, width, share), strict=True)
            )
            seen += population
        highest = max(highest, float(best.max()))
    print(f"{seen} optimised cells: sharp ≤ curvature ≤ repaired in all, sharp/curvature up to {highest:.16f}")


@pytest.mark.slow
def test_attention_rows_stay_within_the_shift():
    rng = np.random.default_rng(20_013)
    closest = 0.0
    for _ in range(SHIFTS):
        count = int(rng.integers(2, 12))
        delta = float(10.0 ** rng.uniform(-12, 2.5)) if rng.random() < 0.9 else float(10.0 ** rng.uniform(-323, -12))
        logits = rng.standard_normal(count) * 10.0 ** rng.uniform(-2, 1.5)
        signs = rng.choice([-1.0, 1.0], count)
        if rng.random() < 0.5:  # the attaining pattern: log-odds from −delta to delta
            logits = np.where(signs > 0, -delta / 2, delta / 2) + 1e-3 * rng.standard_normal(count)
        moves = delta * (signs if rng.random() < 0.7 else rng.uniform(-1, 1, count))
        bound = float(bounds.attention_shift(delta))
        with balls.precision(1300 if delta < 1e-12 else 200):
            reached = balls.below(balls.total_variation(logits, moves))
        assert reached <= bound * (1 + 2.0**-50), (logits, moves, delta)
        closest = max(closest, reached / bound)
    print(f"{SHIFTS} attention rows within attention_shift, up to {closest:.15f} of it")
