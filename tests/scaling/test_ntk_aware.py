import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.scaling import NTKAware, Unscaled


@given(config=testing.configs(min_rotary_dim=4), factor=st.floats(1.0, 64.0))
def test_the_fastest_pair_stays_and_the_slowest_is_slowed_by_the_factor(config, factor):
    theta = NTKAware(factor).frequencies(config).theta
    trained = Unscaled().frequencies(config).theta
    assert theta[0] == 1.0
    assert theta[-1] == pytest.approx(trained[-1] / factor, rel=1e-12)
    assert (np.diff(theta) < 0).all()


def test_hand_value():
    # d = 4: base 100·3² = 900, so θ_1 = 900^(−1/2) = 1/30
    assert NTKAware(3).frequencies(rt.RopeConfig(4, base=100.0)).theta == pytest.approx([1.0, 1 / 30], rel=1e-15)


def test_one_pair_has_no_larger_base():
    with pytest.raises(ValueError, match=r"rotary_dim of at least 4.*PositionInterpolation"):
        NTKAware(2).frequencies(rt.RopeConfig(2))
