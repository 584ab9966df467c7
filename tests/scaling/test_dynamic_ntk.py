import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.scaling import DynamicNTK, NTKAware, Unscaled

CONFIG = rt.RopeConfig(16, context_length=64)
CONFIGS = testing.configs(min_rotary_dim=4, max_head_dim=32)


@given(config=CONFIGS, factor=st.floats(1.0, 64.0), share=st.floats(0.0, 1.0))
def test_up_to_the_trained_window_nothing_changes(config, factor, share):
    inside = max(1, int(share * config.context_length))
    for length in (None, inside, config.context_length):
        theta = DynamicNTK(factor).frequencies(config, length).theta
        assert theta == pytest.approx(Unscaled().frequencies(config).theta, rel=1e-13)


@given(config=CONFIGS, factor=st.floats(1.0, 64.0), length=st.integers(1, 100_000))
def test_past_it_the_base_grows_by_the_written_formula(config, factor, length):
    window, width = config.context_length, config.width
    current = max(length, window)
    base = config.base * (factor * current / window - (factor - 1)) ** (width / (width - 2))
    expected = [base ** (-2 * j / width) for j in range(width // 2)]
    assert DynamicNTK(factor).frequencies(config, length).theta == pytest.approx(expected, rel=1e-12)


def test_longer_sequences_turn_more_slowly():
    tables = [DynamicNTK(2).frequencies(CONFIG, length).theta[1:] for length in (64, 65, 100, 1000)]
    for shorter, longer in itertools.pairwise(tables):
        assert (longer < shorter).all()


def test_factor_one_at_twice_the_window_is_ntk_aware_by_two():
    dynamic = DynamicNTK(1).frequencies(CONFIG, 128).theta
    assert dynamic == pytest.approx(NTKAware(2).frequencies(CONFIG).theta, rel=1e-14)


def test_the_reference_length_replaces_the_window():
    raised = DynamicNTK(4, reference_length=256)
    assert np.array_equal(raised.frequencies(CONFIG, 256).theta, Unscaled().frequencies(CONFIG).theta)
    assert raised.frequencies(CONFIG, 512).theta[-1] < Unscaled().frequencies(CONFIG).theta[-1]
    assert raised.frequencies(CONFIG, 512).theta == pytest.approx(
        DynamicNTK(4).frequencies(rt.RopeConfig(16, context_length=256), 512).theta, rel=1e-15
    )


def test_bad_reference_length():
    with pytest.raises(ValueError, match="reference_length must be at least 2"):
        DynamicNTK(2, reference_length=1)
    with pytest.raises(ValueError, match="reference_length must be an integer"):
        DynamicNTK(2, reference_length=2.5)
