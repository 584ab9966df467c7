import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds, testing


def check(factor, h, theta, grid, s):
    """Assert that no score at s exceeds factor times the largest on the grid."""
    on_grid = np.abs(rt.attention_score(h, theta, grid)).max()
    assert (np.abs(rt.attention_score(h, theta, s)) <= factor * on_grid + 1e-12 * np.abs(h).sum()).all()


@given(data=st.data(), period=st.integers(3, 200), step=st.sampled_from([1.0, 0.5, 0.3, 2.0]))
def test_it_contains_scores_that_repeat_after_a_period(data, period, step):
    # frequencies 2πm/(period·step): one period of grid points is the whole infinite grid
    harmonics = data.draw(st.lists(st.integers(0, (period - 1) // 2), min_size=1, max_size=8, unique=True))
    h = data.draw(testing.coefficients(len(harmonics)))
    theta = 2 * np.pi * np.array(harmonics) / (period * step)
    highest = max(theta.max(), 1e-9)
    factor = bounds.sampling(highest, step)
    s = step * np.arange(0, period, 1 / 16)
    check(factor, h, theta, step * np.arange(period), s)


@given(h=testing.coefficients(16), at=testing.offsets(-100.0, 100.0))
def test_it_contains_rope_scores_on_a_grid_that_hardly_ends(h, at):
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(32))
    check(bounds.sampling(), h, theta, np.arange(-5000, 5000), at + np.arange(0, 10, 1 / 16))


@pytest.mark.parametrize("k", [2, 3, 4, 7, 50])
@pytest.mark.parametrize("step", [1.0, 0.25, 3.0])
def test_at_frequencies_pi_over_k_steps_it_is_attained_and_nothing_smaller_holds(k, step):
    # cos(θ(s − step/2)), θ = π/(k·step): no grid point comes nearer to a crest than half a step
    theta = [math.pi / (k * step)]
    h = np.exp(-1j * np.array(theta) * step / 2)
    factor = bounds.sampling(theta[0], step)
    case = (h, theta, step * np.arange(2 * k), step / 2)
    assert np.abs(rt.attention_score(h, theta, case[2])).max() * factor == pytest.approx(1.0, rel=1e-12)
    check(factor, *case)
    with pytest.raises(AssertionError):
        check(0.999 * factor, *case)


@given(theta_max=st.floats(0.01, 1.5), step=st.floats(0.1, 2.0))
def test_it_is_one_over_a_cosine(theta_max, step):
    assert bounds.sampling(theta_max, step) == pytest.approx(1 / math.cos(theta_max * step / 2), rel=1e-14)
    assert bounds.sampling(theta_max, step) > 1.0


def test_the_number_for_rope():
    assert bounds.sampling() == pytest.approx(1.1394939, abs=5e-8)


@pytest.mark.parametrize("arguments", [(math.pi, 1.0), (1.0, math.pi), (1.0, 4.0)])
def test_at_half_a_turn_a_step_no_bound_exists(arguments):
    with pytest.raises(ValueError, match=r"step·theta_max must be below π.*finer step"):
        bounds.sampling(*arguments)
    on_grid = rt.attention_score([-1j], [math.pi], np.arange(-100, 100))  # sin(πn)
    assert np.abs(on_grid).max() < 1e-12


def exact(theta_max, step):
    """Return 1/cos(step·theta_max/2) in 400 bits; negative past the pole."""
    with mpmath.workprec(400):
        return 1 / mpmath.cos(mpmath.mpf(step) * mpmath.mpf(theta_max) / 2)


@given(
    step=st.one_of(st.just(1.0), st.floats(1e-5, 1e5)), ulps=st.integers(-3, 3),
    distance=st.one_of(st.just(0.0), st.floats(-16.0, 0.4).map(lambda power: 10.0**power)),
)  # fmt: skip
def test_it_is_rounded_outwards_up_to_the_pole(step, ulps, distance):
    theta_max = (math.pi - distance) / step
    for _ in range(abs(ulps)):
        theta_max = math.nextafter(theta_max, math.copysign(math.inf, ulps))
    right = exact(theta_max, step)
    if right < 0 or theta_max * step >= math.pi:  # math.pi, just below π, counts as π
        with pytest.raises(ValueError, match="step·theta_max must be below π"):
            bounds.sampling(theta_max, step)
        return
    factor = bounds.sampling(theta_max, step)
    with mpmath.workprec(400):
        assert right <= factor <= right * (1 + 12 * mpmath.mpf(2) ** -53)


def test_one_ulp_from_the_pole():
    # 1.64 times too small in 0.1, by the cosine of a rounded argument: at step 0.7 the product is off by half an ulp
    for step in (1.0, 0.7, 0.3, 3.0, 1e-3, 1e3):
        theta_max = math.pi / step
        while theta_max * step >= math.pi:
            theta_max = math.nextafter(theta_max, 0.0)
        right = exact(theta_max, step)
        assert right > 1e15
        assert right <= bounds.sampling(theta_max, step) <= right * (1 + 1e-14)


def test_scalars_of_other_kinds_are_their_own_values():
    for kind in (np.float32, torch.tensor):
        theta_max = kind(3.1415925)
        right = exact(float(theta_max), 1.0)
        assert right <= bounds.sampling(theta_max, kind(1.0)) <= right * (1 + 1e-14)


def test_pi_is_pi():
    from rope_theory.bounds._sampling import PI_BELOW

    with mpmath.workprec(400):
        missing = mpmath.pi - mpmath.mpf(PI_BELOW.numerator) / PI_BELOW.denominator
        assert 0 < missing < mpmath.mpf(2) ** -256
