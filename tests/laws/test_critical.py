"""Critical dimension and base: hand values, ties that float64 cannot break, what is refused."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import laws

LLAMA_2 = rt.RopeConfig(128, 1e4, 4096)
WORDS = "config must be a RopeConfig, got dict; from_hf reads"


def in_fifty_digits(width, base, length):
    """Return the critical dimension from its formula."""
    with mpmath.workdps(50):
        exponent = mpmath.mpf(width) / 2 * mpmath.log(mpmath.mpf(length) / (2 * mpmath.pi)) / mpmath.log(base)
        return min(width, max(0, 2 * int(mpmath.ceil(exponent))))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (rt.RopeConfig(128, 1e4, 2048), 82),
        (LLAMA_2, 92),
        (rt.RopeConfig(128, 5e5, 8192), 70),
        (rt.RopeConfig(96, 1e4, 2048), 62),  # Phi-3-mini
        (rt.RopeConfig(96, 1e4, 4096), 68),
        (rt.RopeConfig(128, 2.0, 2048), 128),  # every pair turns
        (rt.RopeConfig(128, 1e4, 6), 0),  # none does
        (rt.RopeConfig(128, 1e4, 7), 2),  # the first, θ = 1
        (rt.RopeConfig(128, 1.0 + 2.0**-52, 2048), 128),
        (rt.RopeConfig(128, 1e4, 2048, rotary_dim=64), 42),
    ],
)
def test_hand_values(config, expected):
    assert laws.critical_dimension(config) == expected


@given(width=st.integers(1, 128), base=st.floats(1.01, 1e8), length=st.integers(1, 2**53))
def test_it_is_the_formula_and_twice_the_covered_pairs(width, base, length):
    config = rt.RopeConfig(2 * width, base)
    dimension = laws.critical_dimension(config, length)
    assert dimension == in_fifty_digits(2 * width, base, length)
    found = laws.turns(rt.scaling.Unscaled().frequencies(config), length)
    if all(abs(row.turns - 1.0) > 1e-9 for row in found.rows):  # ``turns`` takes rounded frequencies as they are
        assert dimension == 2 * found.covered


@given(length=st.integers(8, 2**40), pair=st.integers(1, 63))
def test_wavelengths_next_to_the_window(length, pair):
    # bases for which pair ``pair`` has the window as its wavelength, to a unit in the last place
    if math.log(length / math.tau) * 64 / pair > 200.0:  # beyond 1e86
        return
    tie = (length / math.tau) ** (64 / pair)
    for base in (math.nextafter(tie, 0.0), tie, math.nextafter(tie, math.inf)):
        assert laws.critical_dimension(rt.RopeConfig(128, base), length) == in_fifty_digits(128, base, length)


def test_neighbouring_bases_of_a_tie_differ():
    tie = (2048 / math.tau) ** 2.0  # pair 32 of 64
    below, above = (laws.critical_dimension(rt.RopeConfig(128, tie * (1 + e)), 2048) for e in (-1e-13, 1e-13))
    assert (below, above) == (66, 64)


def test_the_critical_base():
    assert laws.critical_base(LLAMA_2, 16384) == pytest.approx(71738.436, rel=1e-7)
    assert laws.critical_base(LLAMA_2, 4096) == 1e4
    assert laws.critical_base(LLAMA_2, 8192) < laws.critical_base(LLAMA_2, 8193)


def test_the_extrapolation_limit():
    above = laws.extrapolation_limit(LLAMA_2, 1e6, 16384)
    assert above.above_critical
    assert above.length == pytest.approx(129026.78, rel=1e-7)
    assert above.critical_dimension == 92
    assert laws.extrapolation_limit(LLAMA_2, 5e5, 16384).length == pytest.approx(78399.73, rel=1e-7)
    below = laws.extrapolation_limit(LLAMA_2, 500.0, 16384)
    assert not below.above_critical
    assert (below.length, below.critical_dimension) == (16384.0, 128)
    at = laws.extrapolation_limit(LLAMA_2, laws.critical_base(LLAMA_2, 16384), 16384)
    assert (at.above_critical, at.length) == (False, 16384.0)
    assert laws.extrapolation_limit(LLAMA_2, 1e4).length == 4096.0
    assert set(above.to_dict()) == set(below.to_dict())


@given(base=st.floats(1.5, 1e12), tuned=st.integers(4096, 2**20))
def test_the_limit_above_the_critical_base_exceeds_the_tuned_window(base, tuned):
    found = laws.extrapolation_limit(LLAMA_2, base, tuned)
    assert found.length >= tuned * (1.0 - 1e-12)


def test_small_bases():
    found = laws.small_bases(4096)
    assert [round(value) for value in (found.quarter_turn, found.half_turn, found.whole_turn)] == [2608, 1304, 652]
    for base, angle in zip((found.quarter_turn, found.half_turn, found.whole_turn), (0.5, 1.0, 2.0), strict=True):
        slowest = rt.scaling.Unscaled().frequencies(rt.RopeConfig(2**12, base)).theta[-1]
        assert 4096 * slowest == pytest.approx(angle * math.pi, rel=0.005)  # the limit of wide heads


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: laws.critical_dimension({"head_dim": 128}), TypeError, WORDS),
        (lambda: laws.critical_dimension(LLAMA_2, 0), ValueError, "length must be at least 1, got 0"),
        (lambda: laws.critical_dimension(LLAMA_2, 2.5), ValueError, "length must be an integer, got 2.5; round it"),
        (lambda: laws.critical_dimension(LLAMA_2, 2**53 + 1), ValueError, r"length must be at most 2\*\*53"),
        (lambda: laws.critical_dimension(LLAMA_2, float("nan")), ValueError, "length must be finite"),
        (lambda: laws.critical_base({}, 8192), TypeError, WORDS),
        (
            lambda: laws.critical_base(LLAMA_2, 4095),
            ValueError,
            "tuned_length must be at least 4096, got 4095.*extends",
        ),
        (lambda: laws.critical_base(LLAMA_2, 2**53 + 1), ValueError, r"tuned_length must be at most 2\*\*53"),
        (lambda: laws.critical_base(rt.RopeConfig(128, 1e4, 6), 64), ValueError, r"at least 7, got 6.*log\(L/2π\)"),
        (lambda: laws.critical_base(rt.RopeConfig(128, 1e4, 7), 2**53), ValueError, "critical base exceeds 1e.100"),
        (lambda: laws.extrapolation_limit({}, 1e6), TypeError, WORDS),
        (lambda: laws.extrapolation_limit(LLAMA_2, 1.0), ValueError, "base must be above 1, got 1"),
        (lambda: laws.extrapolation_limit(LLAMA_2, "1e6"), TypeError, "base must be a number, got '1e6'"),
        (lambda: laws.extrapolation_limit(LLAMA_2, 1e6, 2048), ValueError, "tuned_length must be at least 4096"),
        (lambda: laws.small_bases(0), ValueError, "tuned_length must be at least 1, got 0"),
        (lambda: laws.small_bases(np.inf), ValueError, "tuned_length must be finite"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
