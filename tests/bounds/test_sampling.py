import math

import numpy as np
import pytest
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
