"""Bounds where products in float64 would underflow: never below the exact ones, and in the right order."""

import math

import balls
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds

TINY = 5e-324
CONFIG = rt.RopeConfig(6)

SIZES = st.one_of(
    st.just(0.0), st.integers(1, 9).map(lambda n: n * TINY), st.floats(-323.0, 199.0).map(lambda power: 10.0**power),
    st.floats(0.1, 2.0),
)  # fmt: skip
H_MAX = st.one_of(st.integers(1, 9).map(lambda n: n * TINY), st.floats(-323.0, 99.0).map(lambda power: 10.0**power))
ANGLES = st.one_of(st.just(0.0), st.floats(-300.0, 6.0).map(lambda power: 10.0**power), st.floats(1e-4, 1.0))
COEFFICIENTS = st.lists(st.tuples(SIZES, st.floats(0.0, 6.3)), min_size=3, max_size=3).map(
    lambda polar: np.array([size * np.exp(1j * phase) for size, phase in polar])
)
FREQUENCIES = st.lists(ANGLES, min_size=3, max_size=3).map(np.array)
CELLS = st.one_of(  # s − s1 and s2 − s are exact, or nearly
    st.floats(-323.0, 0.0).map(lambda power: (10.0**power, 0.0, 1.0)),
    st.tuples(st.floats(-300.0, 15.0), st.integers(0, 8)).map(lambda t: (10.0 ** t[0] * t[1] / 8, 0.0, 10.0 ** t[0])),
    st.tuples(st.floats(-300.0, 5.0), st.floats(-300.0, 5.0)).map(lambda t: (0.0, -(10.0 ** t[0]), 10.0 ** t[1])),
)


def contains(value, exact, units=16):
    """Assert that a bound is not below the exact one, but for a few ulps where float64 has all its digits."""
    small = bool(exact < 1e-290)
    least, most = exact.lower(), exact.upper()
    raised = balls.flint.arb(float(value)) * (1 if small else 1 + balls.flint.arb(units * 2.0**-53))
    assert raised >= least
    assert float(value) == 0.0 or balls.flint.arb(float(value)) <= most * (1 + balls.flint.arb(1e-13)) + 2 * TINY
    assert float(value) > 0.0 or exact.is_zero() or not exact > 0


@given(h=COEFFICIENTS, theta=FREQUENCIES, cell=CELLS)
def test_chord_bounds_of_coefficients(h, theta, cell):
    sharp, curved = bounds.chord_sharp(theta, *cell, h=h), bounds.chord_curvature(theta, *cell, h=h)
    with balls.precision(4600):
        contains(sharp, balls.chord_sharp(theta, *cell, balls.moduli(h)))
        contains(curved, balls.chord_curvature(theta, *cell, balls.moduli(h)))
    assert sharp <= curved * (1 + 1e-14) + TINY


@given(h_max=H_MAX, theta=FREQUENCIES, cell=CELLS)
def test_chord_bounds_of_a_cap(h_max, theta, cell):
    with balls.precision(4600):
        sizes = [balls.flint.arb(h_max)] * 3
        contains(bounds.chord_sharp(theta, *cell, h_max=h_max), balls.chord_sharp(theta, *cell, sizes))
        contains(bounds.chord_curvature(theta, *cell, h_max=h_max), balls.chord_curvature(theta, *cell, sizes))
        contains(bounds.chord_repaired(CONFIG, *cell, h_max=h_max), balls.chord_repaired(CONFIG, *cell, h_max))
        contains(bounds.chord_published(CONFIG, *cell, h_max=h_max), balls.chord_published(CONFIG, *cell, h_max))


@given(h=COEFFICIENTS, h_max=H_MAX, theta=FREQUENCIES, s=st.floats(-1e6, 1e6))
def test_bounds_on_scores(h, h_max, theta, s):
    with balls.precision(2400):
        contains(bounds.triangle(h), sum(balls.moduli(h), balls.flint.arb(0)))
        contains(bounds.abel(h, theta, s), balls.abel(h, theta, s))
        exact = 2 * balls.flint.arb(h_max) * balls.abel_sum(theta, s)
        contains(bounds.abel_published(theta, s, h_max=h_max), exact)


@given(delta=st.one_of(st.integers(0, 99).map(lambda n: n * TINY), st.floats(-323.0, 3.0).map(lambda p: 10.0**p)))
def test_attention_shift(delta):
    with balls.precision(2400):
        contains(bounds.attention_shift(delta), (balls.flint.arb(delta) / 2).tanh(), units=4)


def test_the_smallest_numbers():
    # all of these were 0 in 0.1, below what a score does
    assert bounds.chord_curvature([1.0], 0.5, h=[TINY]) == TINY
    assert bounds.chord_repaired(CONFIG, 0.5, h_max=TINY) > 0.0
    assert bounds.attention_shift(TINY) == TINY
    # an ordinary number, of factors whose product on the way is not: ½·10²⁰⁰·10⁻³⁴⁰·¼
    assert bounds.chord_curvature([1e-170], 0.5, h=[1e200]) == pytest.approx(1.25e-141, rel=1e-14)
    assert bounds.chord_sharp([1e-170], 0.5, h=[1e200]) == pytest.approx(1.25e-141, rel=1e-14)
    assert bounds.triangle([TINY * (1 + 1j)] * 64) >= 64 * math.sqrt(2.0) * TINY


def test_slow_pairs_stray_by_the_curvature():
    # the imaginary part of the sharp bound cancelled there: 10⁴ times the curvature bound in 0.1
    for theta in (1e-9, 1e-15, 1e-20, 1e-100):
        sharp, curved = (f([theta], 0.3) for f in (bounds.chord_sharp, bounds.chord_curvature))
        assert sharp == pytest.approx(curved, rel=1e-8 if theta == 1e-9 else 1e-14)
        assert sharp <= curved * (1 + 1e-14)


def test_one_tiny_pair_leaves_the_others_their_digits():
    theta = [0.0, 2.96875, 1e-300]
    assert bounds.chord_sharp(theta, 0.5) == pytest.approx(1 - math.cos(2.96875 / 2), rel=4e-15)
    assert bounds.chord_curvature(theta, 0.5) == pytest.approx(2.96875**2 / 8, rel=4e-15)


def test_larger_h_is_refused_in_words():
    for h in (1e308, 1e308 * (1 + 1j), -1e201):
        with pytest.raises(ValueError, match="h reaches beyond 1e\\+200"):
            bounds.triangle([h])
        with pytest.raises(ValueError, match="h reaches beyond 1e\\+200"):
            bounds.chord_curvature([1.0], 0.5, h=[h])


def test_torch_has_the_same_numbers_and_a_gradient():
    h, theta = np.array([1e-306 + 1e-307j, 1e-305, 1e-300]), np.array([1.0, 1e-160, 0.3])
    tensor = torch.tensor(h, requires_grad=True)  # torch's gradient of abs is NaN at subnormal complex numbers
    for call in (
        bounds.triangle, lambda h: bounds.chord_sharp(theta, 0.3, h=h), lambda h: bounds.abel(h, theta, 7.0),
        lambda h: bounds.chord_curvature(theta, 0.3, h=h),
    ):  # fmt: skip
        reached = call(tensor)
        assert reached.item() == pytest.approx(call(h), rel=1e-12, abs=TINY)
        reached.backward()
        assert torch.isfinite(tensor.grad).all()
        assert (tensor.grad != 0).any()
        tensor.grad = None
        assert call(torch.tensor(TINY * h / 1e-306)).item() == call(TINY * h / 1e-306)
