"""Admissible bases: against a plain loop and fifty digits, near zeros, and what is refused."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import laws
from rope_theory import laws as kernel

UNSCALED = rt.scaling.Unscaled()


def slow_sums(theta, last):
    """Return Σ_j cos(mθ_j) for m = 0 … last, one offset at a time."""
    return np.array([math.fsum(math.cos(m * t) for t in theta) for m in range(last + 1)])


def slow_first_negative(theta, last):
    """Return the first offset with a negative sum, or None."""
    return next((m for m in range(last + 1) if math.fsum(math.cos(m * t) for t in theta) < 0), None)


def in_fifty_digits(width, base, offset):
    """Return the sum for the real powers of a base."""
    with mpmath.workdps(50):
        powers = [mpmath.mpf(base) ** (mpmath.mpf(-2 * j) / width) for j in range(width // 2)]
        return mpmath.fsum(mpmath.cos(offset * power) for power in powers)


@pytest.mark.parametrize(("base", "expected"), [(1e4, 1707), (5e5, 18438)])
def test_hand_values(base, expected):
    table = UNSCALED.frequencies(rt.RopeConfig(128, base))
    assert laws.first_negative_offset(table, 2**15) == expected
    assert laws.first_negative_offset(table, expected) == expected  # the last offset belongs to the window
    assert laws.first_negative_offset(table, expected - 1) is None


@given(pairs=st.integers(1, 24), base=st.floats(1.05, 1e6), last=st.integers(1, 3000))
def test_it_is_the_plain_loop(pairs, base, last):
    table = UNSCALED.frequencies(rt.RopeConfig(2 * pairs, base))
    assert laws.first_negative_offset(table, last) == slow_first_negative(table.theta, last)
    assert laws.first_negative_offset(table.theta, last) == slow_first_negative(table.theta, last)


@pytest.mark.parametrize("last", [1, 31, 32, 33, 1023, 1024, 1025, 16383, 16384, 16385, 20001])
def test_every_offset_is_looked_at_once(last):
    theta = UNSCALED.frequencies(rt.RopeConfig(16, 1e5)).theta
    pieces = list(kernel.sums_in_blocks(theta, last))
    assert np.concatenate([offsets for offsets, _ in pieces]).tolist() == list(range(last + 1))
    sums, error = np.concatenate([sums for _, sums in pieces]), kernel.doubt(theta, theta, last)
    assert np.abs(sums - slow_sums(theta, last)).max() <= error + 8 * last * 2.0**-53  # the loop rounds mθ


@given(pairs=st.integers(2, 64), base=st.floats(1.5, 1e12), offset=st.integers(1, 2**31))
def test_the_error_bound_contains_the_error(pairs, base, offset):
    table = UNSCALED.frequencies(rt.RopeConfig(2 * pairs, base))
    float64 = math.fsum(rt.attention_score(np.eye(pairs), table.theta, float(offset)))
    wrong = abs(float(float64 - in_fifty_digits(2 * pairs, base, offset)))
    assert wrong <= kernel.doubt(table.theta, table, offset)


def test_the_error_bound_is_needed():
    # at 2**31 float64 powers of the base are off by more than the roundings of the sum
    table = UNSCALED.frequencies(rt.RopeConfig(128, 1e4))
    wrong = [
        abs(float(rt.attention_score(np.ones(64), table.theta, float(m)) - in_fifty_digits(128, 1e4, m)))
        for m in range(2**31, 2**31 + 8)
    ]
    assert max(wrong) > kernel.doubt(table.theta, table.theta, 2**31)


def zero_between(low, high, offset):
    """Return neighbouring floats between which the sum at ``offset``, d = 128, becomes positive as the base grows."""
    while math.nextafter(low, high) != high:
        middle = low + (high - low) / 2
        low, high = (middle, high) if in_fifty_digits(128, middle, offset) < 0 else (low, middle)
    return low, high


def test_signs_next_to_zero_are_those_of_fifty_digits(monkeypatch):
    asked = []
    decide = kernel._is_negative
    monkeypatch.setattr(kernel, "_is_negative", lambda exact, m: asked.append(m) or decide(exact, m))
    low, high = zero_between(12400.0, 12420.0, 1852)
    for base in (low, high):
        expected = in_fifty_digits(128, base, 1852) < 0
        assert laws.admissible_bases(128, 1852, [base]).first_negative[0] == (1852 if expected else -1)
    assert in_fifty_digits(128, low, 1852) * in_fifty_digits(128, high, 1852) < 0
    assert set(asked) == {1852}
    found = UNSCALED.frequencies(rt.RopeConfig(128, low))
    assert abs(math.fsum(np.cos(1852 * found.theta))) < kernel.doubt(found.theta, found, 1852)


def test_an_undecided_sign_is_an_error_not_a_guess(monkeypatch):
    low, _ = zero_between(12400.0, 12420.0, 1852)
    monkeypatch.setattr(kernel, "MOST_BITS", 64)
    with pytest.raises(ArithmeticError, match="64 bits do not decide the sign of the sum of cosines at offset 1852"):
        laws.admissible_bases(128, 1852, [low])


def test_the_set_at_2048_is_no_interval():
    found = laws.admissible_bases(128, 2048, np.arange(11500.0, 16500.0))
    assert found.intervals == ((11588.0, 11649.0), (12419.0, 12452.0), (13562.0, 13615.0), (13762.0, 13811.0),
                               (14470.0, 14774.0), (15301.0, 16197.0))  # fmt: skip
    assert found.smallest == 11588.0
    for base, admissible, first in zip(found.candidates[::500], found.admissible[::500], found.first_negative[::500],
                                       strict=True):  # fmt: skip
        expected = slow_first_negative(UNSCALED.frequencies(rt.RopeConfig(128, base)).theta, 2048)
        assert admissible == (expected is None)
        assert first == (-1 if expected is None else expected)


def test_the_record_has_one_shape():
    none, all_ = laws.admissible_bases(128, 4096, [2.0, 3.0]), laws.admissible_bases(128, 64, [1e6, 1e7])
    assert (none.smallest, none.intervals) == (None, ())
    assert (all_.smallest, all_.intervals) == (1e6, ((1e6, 1e7),))
    assert set(none.to_dict()) == set(all_.to_dict())
    assert none.to_pandas().first_negative.tolist() == none.first_negative.tolist()
    assert list(none.to_pandas().columns) == list(all_.to_pandas().columns) == ["base", "admissible", "first_negative"]
    with pytest.raises(ValueError, match="read-only"):
        none.candidates[0] = 9.0


def test_candidates_are_copied():
    given_ = np.array([1e3, 1e4])
    laws.admissible_bases(16, 8, given_)
    given_[0] = 2.0  # still writeable, and nobody's but the caller's


def test_the_asymptotic_base_is_the_edge_for_wide_heads():
    length, edge = 1500, laws.asymptotic_base(1500)
    assert edge == pytest.approx(length / 0.6165, rel=1e-4)
    assert abs(float(mpmath.ci(length / edge))) < 1e-12
    found = laws.admissible_bases(2**13, length, [0.97 * edge, 1.03 * edge])
    assert found.admissible.tolist() == [False, True]
    assert found.first_negative[0] == pytest.approx(0.97 * length, rel=0.02)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: laws.admissible_bases(127, 64, [1e4]), ValueError, "head_dim must be even, got 127"),
        (lambda: laws.admissible_bases(0, 64, [1e4]), ValueError, "head_dim must be at least 2, got 0"),
        (lambda: laws.admissible_bases(128, 0, [1e4]), ValueError, "length must be at least 1, got 0"),
        (lambda: laws.admissible_bases(128, 2**53 + 1, [1e4]), ValueError, r"length must be at most 2\*\*53"),
        (lambda: laws.admissible_bases(128, 64.5, [1e4]), ValueError, "length must be an integer"),
        (lambda: laws.admissible_bases(128, 64, []), ValueError, "candidates is empty.*at least one element"),
        (lambda: laws.admissible_bases(128, 64, [1e4, np.nan]), ValueError, "candidates contains 1 NaN"),
        (lambda: laws.admissible_bases(128, 64, [1e4, np.inf]), ValueError, "candidates contains 1 NaN or infinite"),
        (lambda: laws.admissible_bases(128, 64, [1.0, 2.0]), ValueError, "candidates must be above 1, got 1"),
        (lambda: laws.admissible_bases(128, 64, [-5.0]), ValueError, "candidates must be above 1, got -5"),
        (lambda: laws.admissible_bases(128, 64, [1e101]), ValueError, "candidates reaches beyond 1e.100"),
        (lambda: laws.admissible_bases(128, 64, [2e4, 1e4]), ValueError, "must increase strictly.*numpy.unique"),
        (lambda: laws.admissible_bases(128, 64, [1e4, 1e4]), ValueError, "must increase strictly"),
        (lambda: laws.admissible_bases(128, 64, 1e4), ValueError, r"candidates must be one-dimensional.*shape \(\)"),
        (lambda: laws.admissible_bases(128, 64, ["1e4"]), TypeError, "candidates must be an array of numbers"),
        (lambda: laws.admissible_bases(128, 64, [1e4 + 1j]), TypeError, "candidates must be real"),
        (lambda: laws.first_negative_offset([1.0], 0), ValueError, "length must be at least 1, got 0"),
        (lambda: laws.first_negative_offset([1.0], 2**53 + 1), ValueError, r"length must be at most 2\*\*53"),
        (lambda: laws.first_negative_offset([-1.0], 8), ValueError, "theta contains negative frequencies"),
        (lambda: laws.first_negative_offset(rt.RopeConfig(8), 8), TypeError, "theta must be an array or a Frequencies"),
        (lambda: laws.asymptotic_base(0), ValueError, "length must be at least 1, got 0"),
        (lambda: laws.asymptotic_base(2**53 + 1), ValueError, r"length must be at most 2\*\*53"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
