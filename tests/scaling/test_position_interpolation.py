import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.scaling import PositionInterpolation, Unscaled


@given(config=testing.configs(), factor=st.floats(1.0, 64.0))
def test_every_frequency_is_divided_by_the_factor(config, factor):
    interpolated = PositionInterpolation(factor).frequencies(config)
    assert np.array_equal(interpolated.theta, Unscaled().frequencies(config).theta / factor)
    assert interpolated.attention_factor == 1.0


@given(h=testing.coefficients(16), s=testing.offsets(), factor=st.sampled_from([2.0, 3.0, 4.0, 32.0]))
def test_the_interpolated_score_is_the_trained_curve_squeezed(h, s, factor):
    config = rt.RopeConfig(32)
    squeezed = rt.attention_score(h, Unscaled().frequencies(config), s / factor)
    interpolated = rt.attention_score(h, PositionInterpolation(factor).frequencies(config), s)
    assert interpolated == pytest.approx(squeezed, abs=2e-12 * np.abs(h).sum())
