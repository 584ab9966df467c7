"""The bound on inv_freq computed in float32: by hand, against a plain float32 calculation, and its input."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.precision import inv_freq_error
from rope_theory.precision.inverse_frequencies import NOTHING_KNOWN, dynamic_error
from rope_theory.scaling import Scaling
from rope_theory.scaling.frequencies import geometric

U = 2.0**-24


def table(width, base, scaling=None, length=None):
    return (scaling or rt.scaling.Unscaled()).frequencies(rt.RopeConfig(width, base, 4096), length)


def test_by_hand_where_the_exponents_are_exact():
    # d = 4: c^0 is 1 exactly; c^(1/2) = 100 has units of 2^−17, so pow is off by 2^−17 and the reciprocal by
    # 2^−17/(100(100 − 2^−17)) and half a unit of 0.01, 2^−31
    bound = inv_freq_error(table(4, 1e4))
    assert bound[0] < 1e-13
    assert bound[1] == pytest.approx(2.0**-17 / 1e4 + 2.0**-31, rel=1e-5)
    # on CUDA pow may be off by 4.5 units
    assert inv_freq_error(table(4, 1e4), device="cuda")[1] == pytest.approx(4.5 * 2.0**-17 / 1e4 + 2.0**-31, rel=1e-5)


def test_the_exponent_costs_the_logarithm():
    # d = 6: the exponent 1/3 is rounded by up to 2^−26, and ln(c)·2^−26 of the power follows
    theta = 1e6 ** (-1 / 3)  # 0.01, and pow has units of 2^−17 as above
    bound = inv_freq_error(table(6, 1e6))[1]
    assert bound == pytest.approx(2.0**-17 * theta**2 + theta * math.log(1e6) * 2.0**-26 + 2.0**-31, rel=1e-4)


@given(st.integers(2, 128).map(lambda pairs: 2 * pairs), st.floats(2.0, 1e9))
def test_the_closed_form_above_the_code(width, base):
    base = float(np.float32(base))  # its own rounding is not in it
    frequencies = table(width, base)
    units = 2.0 * np.log(1.0 / frequencies.theta) + 2.0 + 1.0
    assert (inv_freq_error(frequencies) <= 1.001 * U * frequencies.theta * units).all()
    if width & (width - 1) == 0:  # exponents are exact
        assert (inv_freq_error(frequencies) <= 1.001 * U * frequencies.theta * 3.0).all()


@given(st.integers(2, 128).map(lambda pairs: 2 * pairs), st.floats(2.0, 1e9), st.floats(1.0, 64.0))
def test_it_contains_a_plain_calculation_and_follows_the_device(width, base, factor):
    power = np.float32(base) ** (
        np.arange(0, width, 2, dtype=np.float32) / np.float32(width)
    )  # numpy's pow keeps 1 ulp
    plain = (np.float32(1.0) / power).astype(float)
    slowed = (np.float32(1.0) / power / np.float32(factor)).astype(float)
    for scaling, found in ((rt.scaling.Unscaled(), plain), (rt.scaling.PositionInterpolation(factor), slowed)):
        frequencies = table(width, base, scaling)
        cpu, cuda = inv_freq_error(frequencies), inv_freq_error(frequencies, device="cuda")
        assert (np.abs(found - frequencies.theta) <= cpu).all()
        assert (cpu <= cuda).all()


@given(
    st.integers(2, 64).map(lambda pairs: 2 * pairs),
    st.floats(10.0, 1e8),
    st.floats(1.0, 64.0),
    st.integers(4096, 2**20),
)
def test_one_bound_for_every_length_of_a_dynamic_scaling(width, base, factor, length):
    scaling = rt.scaling.DynamicNTK(factor)
    longest = table(width, base, scaling, length)
    for device in ("cpu", "cuda"):
        bound = dynamic_error(longest, device=device)
        for shorter in np.unique(np.geomspace(4096, length, 5).astype(int)):
            assert (inv_freq_error(table(width, base, scaling, int(shorter)), device=device) <= bound * 1.001).all()


def test_a_step_says_nothing_of_a_pair_on_it():
    config = rt.RopeConfig(4, 1e4, 4096)
    turns = 4096 * 0.01 / (2 * math.pi)  # pair 1 has as many as the step asks for
    step = rt.scaling.Llama3(8.0, turns, turns).frequencies(config)
    assert inv_freq_error(step)[1] == pytest.approx(NOTHING_KNOWN)
    beside = rt.scaling.Llama3(8.0, 1.001 * turns, 1.001 * turns).frequencies(config)
    assert inv_freq_error(beside)[1] < 1e-8


def test_powers_beyond_float32():
    frequencies = table(4, 1e90)  # 1/θ is infinite in float32, and inv_freq 0
    assert inv_freq_error(frequencies)[1] == 2.0 * frequencies.theta[1]


def test_a_scaling_of_your_own_is_one_divisor_per_pair():
    @dataclass(frozen=True)
    class Own(Scaling):
        def _theta(self, config, length):
            return geometric(config.base, config.width) / np.array([1.0, 3.0, math.inf, 7.0])

    frequencies = table(8, 1e4, Own())
    bound = inv_freq_error(frequencies)
    power = np.float32(1e4) ** (np.arange(4, dtype=np.float32) / np.float32(4.0))
    stored = (np.float32(1.0) / (np.array([1.0, 3.0, math.inf, 7.0], dtype=np.float32) * power)).astype(float)
    assert (np.abs(stored - frequencies.theta) <= bound).all()
    assert bound[2] == 0.0


def test_wrong_input():
    with pytest.raises(TypeError, match=r"table must be a Frequencies, got ndarray; .* stored=inv_freq"):
        inv_freq_error(np.ones(4))
    with pytest.raises(ValueError, match="device must be one of 'cpu', 'cuda', got 'tpu'"):
        inv_freq_error(table(4, 1e4), device="tpu")
