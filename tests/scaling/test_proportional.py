import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.scaling import PositionInterpolation, Proportional, Unscaled


def test_hand_values():
    # d = 8, c = 1e4: half of the four pairs keep the frequencies of the whole head
    table = Proportional(0.5, factor=2).frequencies(rt.RopeConfig(8))
    assert table.theta == pytest.approx([0.5, 0.05, 0.0, 0.0], rel=1e-15)
    assert table.attention_factor == 1.0


@given(share=st.floats(0.01, 1.0), pairs=st.integers(1, 64))
def test_the_first_pairs_rotate_and_the_rest_stand_still(share, pairs):
    config = rt.RopeConfig(2 * pairs)
    theta = Proportional(share).frequencies(config).theta
    rotating = int(share * 2 * pairs // 2)
    assert np.array_equal(theta[:rotating], Unscaled().frequencies(config).theta[:rotating])
    assert not theta[rotating:].any()


def test_the_whole_share_is_position_interpolation():
    config = rt.RopeConfig(64)
    assert np.array_equal(
        Proportional(1.0, factor=4).frequencies(config).theta, PositionInterpolation(4).frequencies(config).theta
    )


def test_pairs_that_stand_still_are_a_constant_in_the_score():
    config = rt.RopeConfig(8)
    h = rt.coefficients.random_phase(4, seed=3)
    theta = Proportional(0.5).frequencies(config)
    moving = rt.attention_score(h[:2], theta.theta[:2], [0.0, 5.0, 77.0])
    assert rt.attention_score(h, theta, [0.0, 5.0, 77.0]) == pytest.approx(moving + h[2:].real.sum(), abs=1e-14)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Proportional(0.0), r"partial_rotary_factor must lie in \(0, 1\]"),
        (lambda: Proportional(1.5), r"partial_rotary_factor must lie in \(0, 1\]"),
        (lambda: Proportional(float("nan")), "partial_rotary_factor must be finite"),
        (lambda: Proportional(0.5, factor=0.5), "factor must be at least 1"),
        (
            lambda: Proportional(0.5).frequencies(rt.RopeConfig(64, rotary_dim=32)),
            "must equal head_dim.*Leave rotary_dim",
        ),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
