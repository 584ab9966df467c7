import numpy as np
import pytest
import torch
from hypothesis import given

import rope_theory as rt
from rope_theory import bounds, testing
from rope_theory.coefficients import aligned

LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(64))


def check(bound, h, s):
    """Assert that no score at s exceeds bound(h)."""
    assert (np.abs(rt.attention_score(h, LLAMA, s)) <= bound(h) + 1e-13 * np.abs(h).sum()).all()


@given(h=testing.coefficients(32, h_max=3.0), at=testing.offsets(-4096.0))
def test_it_contains_every_score(h, at):
    check(bounds.triangle, h, at + np.arange(0.0, 50.0, 0.25))


@given(at=testing.offsets(-(2.0**53), 2.0**53))
def test_it_is_attained_at_every_offset_and_nothing_smaller_holds(at):
    h = aligned(LLAMA, at)
    assert rt.attention_score(h, LLAMA, at) == pytest.approx(bounds.triangle(h), rel=1e-12)
    check(bounds.triangle, h, at)
    with pytest.raises(AssertionError):
        check(lambda h: 0.999 * bounds.triangle(h), h, at)


def test_a_partly_rotated_head_adds_its_position_free_term():
    q, k = np.random.default_rng(0).standard_normal((2, 64))
    k[32:] = q[32:]
    h = rt.score_coefficients(q, k, pairing="half", rotary_dim=32)
    rest = rt.position_free_term(q, k, rotary_dim=32)
    peak = aligned(LLAMA.theta[:16]) * np.abs(h)
    assert rt.attention_score(peak, LLAMA.theta[:16], 0) + rest == pytest.approx(bounds.triangle(h) + abs(rest))


def test_shapes_and_torch():
    h = rt.coefficients.random_phase(4, seed=0, count=6).reshape(2, 3, 4)
    assert bounds.triangle(h) == pytest.approx(np.full((2, 3), 4.0))
    assert bounds.triangle([3 + 4j, 1]) == 6.0
    assert bounds.triangle(torch.tensor(h)).numpy() == pytest.approx(bounds.triangle(h))
    assert torch.autograd.gradcheck(bounds.triangle, torch.tensor(h, requires_grad=True))
