import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import bounds, testing
from rope_theory.coefficients import adversarial, aligned

PAPER = rt.RopeConfig(128)
LLAMA = rt.scaling.Unscaled().frequencies(PAPER)
SHARES = st.floats(0.0, 1.0)
WIDTHS = st.one_of(st.just(1.0), st.floats(0.01, 50.0))


def distance_from_chord(h, theta, s, s1, s2):
    share = (s - s1) / (s2 - s1)
    here, left, right = rt.attention_score(h, theta, np.array([s, s1, s2]))
    return abs(here - (1 - share) * left - share * right)


def place(s1, width, share):
    """Return s between s1 and s2, as floats that keep their order."""
    s2 = s1 + width
    return min(max(s1 + share * width, s1), s2), s1, s2


def check(bound, h, theta, s, s1, s2):
    """Assert that the score at s is no further from the chord than bound(h, theta, s, s1, s2)."""
    assert distance_from_chord(h, theta, s, s1, s2) <= bound(h, theta, s, s1, s2) + 1e-13 * np.abs(h).sum()


def sharp(h, theta, s, s1, s2):
    return bounds.chord_sharp(theta, s, s1, s2, h=h)


def curvature(h, theta, s, s1, s2):
    return bounds.chord_curvature(theta, s, s1, s2, h=h)


def repaired(h, theta, s, s1, s2):
    return bounds.chord_repaired(theta.config, s, s1, s2, h_max=float(np.abs(h).max()))


def published(h, theta, s, s1, s2):
    return bounds.chord_published(theta.config, s, s1, s2, h_max=float(np.abs(h).max()))


def scaled(factor, bound):
    return lambda *arguments: factor * bound(*arguments)


@pytest.mark.parametrize("bound", [sharp, curvature])
@given(
    data=st.data(),
    config=testing.configs(min_rotary_dim=4, max_head_dim=32),
    s1=testing.offsets(),
    width=WIDTHS,
    share=SHARES,
)
def test_sharp_and_curvature_contain_any_scaling(bound, data, config, s1, width, share):
    theta = data.draw(testing.scalings(config)).frequencies(config)
    h = data.draw(testing.coefficients(config.pairs))
    check(bound, h, theta, *place(s1, width, share))
    check(bound, adversarial(theta, *_problem(*place(s1, width, share))), theta, *place(s1, width, share))


@given(data=st.data(), config=testing.configs(max_head_dim=64), s1=testing.offsets(), width=WIDTHS, share=SHARES)
def test_the_repaired_theorem_contains_the_unscaled_score(data, config, s1, width, share):
    theta = rt.scaling.Unscaled().frequencies(config)
    h = data.draw(testing.coefficients(config.pairs, h_min=0.5))
    check(repaired, h, theta, *place(s1, width, share))
    check(repaired, adversarial(theta, *_problem(*place(s1, width, share))), theta, *place(s1, width, share))


def _problem(s, s1, s2):
    share = (s - s1) / (s2 - s1)
    return s, np.array([s1, s2]), np.array([1 - share, share])


@given(s1=testing.offsets(), width=st.floats(0.25, 50.0), share=st.floats(0.1, 0.9), h_max=st.floats(0.1, 10.0))
def test_the_sharp_bound_is_attained_and_nothing_smaller_holds(s1, width, share, h_max):
    case = place(s1, width, share)
    h = adversarial(LLAMA, *_problem(*case), h_max=h_max)
    reached = distance_from_chord(h, LLAMA, *case)
    assert reached == pytest.approx(sharp(h, LLAMA, *case), rel=1e-9)
    assert reached == pytest.approx(bounds.chord_sharp(LLAMA, *case, h_max=h_max), rel=1e-9)
    check(sharp, h, LLAMA, *case)
    with pytest.raises(AssertionError):
        check(scaled(0.999, sharp), h, LLAMA, *case)


@pytest.mark.parametrize("bound", [curvature, repaired])
def test_in_short_cells_the_curvature_bounds_are_sharp_to_a_thousandth(bound):
    case = (7.005, 7.0, 7.01)
    h = adversarial(LLAMA, *_problem(*case))
    check(bound, h, LLAMA, *case)
    with pytest.raises(AssertionError):
        check(scaled(0.999, bound), h, LLAMA, *case)


@given(theta=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=5), s1=testing.offsets(), width=WIDTHS, share=SHARES)
def test_the_sharp_bound_is_its_formula(theta, s1, width, share):
    s, s1, s2 = place(s1, width, share)
    share = (s - s1) / (s2 - s1)
    phases = [(s2 - s1) * theta_j for theta_j in theta]
    expected = sum(abs(np.exp(1j * share * phi) - (1 - share) - share * np.exp(1j * phi)) for phi in phases)
    assert bounds.chord_sharp(theta, s, s1, s2) == pytest.approx(expected, abs=1e-13)


@given(theta=st.lists(st.floats(0.0, 3.0), min_size=1, max_size=5), s=st.integers(-1000, 1000))
def test_at_the_midpoint_it_is_one_minus_cosine(theta, s):
    expected = sum(1 - math.cos(theta_j / 2) for theta_j in theta)
    assert bounds.chord_sharp(theta, s + 0.5) == pytest.approx(expected, abs=1e-14)


def test_the_bound_keeps_its_digits_where_cosines_cancel():
    # θ = 1e-6, unit cell, middle: 1 − cos(θ/2) = θ²/8 to 1e-13
    assert bounds.chord_sharp([1e-6], 0.5) == pytest.approx(1.25e-13, rel=1e-11)


@given(s1=testing.offsets(-4096.0), width=WIDTHS, share=SHARES)
def test_the_order_of_what_is_proved(s1, width, share):
    case = place(s1, width, share)
    sharp, curvature = bounds.chord_sharp(LLAMA, *case), bounds.chord_curvature(LLAMA, *case)
    repaired = bounds.chord_repaired(PAPER, *case)
    assert sharp <= curvature * (1 + 1e-12) + 1e-15
    assert curvature <= repaired * (1 + 1e-14)


@given(s=testing.offsets(-4096.0))
def test_the_integers_around_s_stand_in_for_a_missing_cell(s):
    low = math.floor(s)
    for bound in (bounds.chord_sharp, bounds.chord_curvature):
        assert bound(LLAMA, s) == bound(LLAMA, s, low, low + 1)
    for bound in (bounds.chord_published, bounds.chord_repaired):
        assert bound(PAPER, s) == bound(PAPER, s, low, low + 1)


def test_all_vanish_at_the_ends_of_the_cell():
    for s in (3.0, 5.0):
        assert bounds.chord_sharp(LLAMA, s, 3.0, 5.0) == 0.0
        assert bounds.chord_curvature(LLAMA, s, 3.0, 5.0) == 0.0
        assert bounds.chord_repaired(PAPER, s, 3.0, 5.0) == bounds.chord_published(PAPER, s, 3.0, 5.0) == 0.0


def test_the_published_theorem_fails_at_its_witness():
    case, h = (0.5, 0.0, 1.0), aligned(LLAMA, 0.5)
    with pytest.raises(AssertionError):
        check(published, h, LLAMA, *case)
    for proved in (sharp, curvature, repaired):
        check(proved, h, LLAMA, *case)


@given(config=testing.configs(max_head_dim=256, max_base=1e6), share=st.floats(0.1, 0.9))
def test_the_published_theorem_fails_in_small_cells(config, share):
    theta = rt.scaling.Unscaled().frequencies(config)
    assume(config.width < 1.9 * config.base**2 * math.log(config.base))
    case = place(0.0, 1e-3, share)  # sharp tends to curvature there, and Σθ² exceeds d/(4 ln c)
    h = adversarial(theta, *_problem(*case))
    assert bounds.chord_sharp(theta, *case) > bounds.chord_published(config, *case) * (1 + 1e-9)
    check(sharp, h, theta, *case)


def test_on_wide_cells_the_published_number_is_not_violated():
    case = (2.0, 0.0, 4.0)
    assert bounds.chord_published(PAPER, *case) == pytest.approx(6.949, abs=5e-4)
    assert bounds.chord_sharp(LLAMA, *case) == pytest.approx(6.618, abs=5e-4)
    check(published, adversarial(LLAMA, *_problem(*case)), LLAMA, *case)


def test_moduli_batches_and_broadcasting():
    h = rt.coefficients.decaying(64, seed=0, count=6).reshape(2, 3, 64)
    s, s1, s2 = np.array([1.25, 2.5])[:, None], np.array([0.0, 1.0, 1.25]), 4.0
    for bound in (bounds.chord_sharp, bounds.chord_curvature):
        table = bound(LLAMA, s, s1, s2, h=h)
        assert table.shape == (2, 3, 2, 3)
        assert table[1, 2, 0, 1] == pytest.approx(bound(LLAMA, 1.25, 1.0, 4.0, h=h[1, 2]), rel=1e-14)
        assert bound(LLAMA, s, s1, s2).shape == (2, 3)
        assert bound(LLAMA, 0.5, h_max=2.5) == pytest.approx(2.5 * bound(LLAMA, 0.5), rel=1e-15)
        assert bound(LLAMA, 0.5, h=2.5 * np.ones(64)) == pytest.approx(2.5 * bound(LLAMA, 0.5), rel=1e-14)
        assert isinstance(bound(LLAMA, 0.5), float)
    assert bounds.chord_repaired(PAPER, s, s1, s2).shape == (2, 3)


def test_many_cells_are_joined_seamlessly():
    s = np.random.default_rng(0).uniform(0, 4096, 10_000)
    some = [0, 4095, 4096, 9999]
    assert bounds.chord_sharp(LLAMA, s)[some] == pytest.approx(bounds.chord_sharp(LLAMA, s[some]), rel=1e-14)


def test_torch_answers_in_kind_and_differentiates():
    theta, h = torch.tensor(LLAMA.theta[:8]), torch.tensor(rt.coefficients.decaying(8, seed=0, count=2))
    s = torch.tensor([0.25, 7.5], dtype=torch.float64)
    for bound in (bounds.chord_sharp, bounds.chord_curvature):
        expected = bound(theta.numpy(), s.numpy(), h=h.numpy())
        assert bound(theta, s, h=h).numpy() == pytest.approx(expected, rel=1e-13)
        assert bound(theta, 0.25, h=h[0]).shape == ()
        leaves = (theta.clone().requires_grad_(), s.clone().requires_grad_(), h.clone().requires_grad_())
        assert torch.autograd.gradcheck(lambda theta, s, h, bound=bound: bound(theta, s, h=h), leaves)
    assert bounds.chord_published(PAPER, s).numpy() == pytest.approx(bounds.chord_published(PAPER, s.numpy()))


@given(half=st.integers(1, 5000), log_base=st.floats(1e-3, 300.0))
def test_the_curvature_inequality(half, log_base):
    # Σ c^(−4j/d) = (1 − c^−2)/(1 − c^(−4/d)) ≤ d/(4 ln c) + ½ + (ln c)/(3d) for every c > 1 and even d ≥ 2
    width = 2 * half
    total = math.fsum(math.exp(-4 * j / width * log_base) for j in range(half))
    assert total == pytest.approx(math.expm1(-2 * log_base) / math.expm1(-4 * log_base / width), rel=1e-9)
    assert total <= (width / (4 * log_base) + 0.5 + log_base / (3 * width)) * (1 + 1e-12)


@pytest.mark.parametrize(
    "case", [(-1e-17, -1, 0), (-1e-15, -1, 0), (1e-17, 0, 1), (0.3, 0, 1), (3e11, 0, 1e12), (3e13, 0, 1e14)]
)
def test_the_sharp_bound_near_the_ends_and_on_wide_cells(case):
    import mpmath

    with mpmath.workdps(50):
        s, s1, s2 = map(mpmath.mpf, case)
        share = (s - s1) / (s2 - s1)
        phases = [(s2 - s1) * mpmath.mpf(theta) for theta in LLAMA.theta]
        exact = sum(abs(mpmath.expj(share * phase) - (1 - share) - share * mpmath.expj(phase)) for phase in phases)
    assert bounds.chord_sharp(LLAMA, *case) == pytest.approx(float(exact), rel=1e-13)
