import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.scaling import LongRoPE, Unscaled

CONFIG = rt.RopeConfig(4, base=100.0, context_length=4096)
METHOD = LongRoPE((1.0, 2.0), (4.0, 8.0), factor=32)


def test_hand_values():
    assert METHOD.frequencies(CONFIG).theta == pytest.approx([1.0, 0.1 / 2], rel=1e-15)
    assert METHOD.frequencies(CONFIG, 4097).theta == pytest.approx([1 / 4, 0.1 / 8], rel=1e-15)


@given(length=st.integers(1, 20_000))
def test_the_long_list_starts_exactly_past_the_trained_window(length):
    divisors = METHOD.long_factor if length > CONFIG.context_length else METHOD.short_factor
    expected = Unscaled().frequencies(CONFIG).theta / np.array(divisors)
    assert np.array_equal(METHOD.frequencies(CONFIG, length).theta, expected)


def test_the_switch_itself():
    short, last, first = (METHOD.frequencies(CONFIG, length).theta for length in (None, 4096, 4097))
    assert np.array_equal(short, last)
    assert (first < last).all()


def test_the_attention_factor():
    expected = math.sqrt(1 + math.log(32) / math.log(4096))
    for length in (None, 100, 10_000):
        assert METHOD.frequencies(CONFIG, length).attention_factor == pytest.approx(expected, rel=1e-15)
    assert LongRoPE((1, 1), (2, 2)).frequencies(CONFIG).attention_factor == 1.0
    assert LongRoPE((1, 1), (2, 2), factor=32, attention_factor=1.19).frequencies(CONFIG).attention_factor == 1.19


def test_lists_are_frozen():
    divisors = [1.0, 2.0]
    method = LongRoPE(divisors, np.array([4, 8]))
    divisors[0] = 9.0
    assert (method.short_factor, method.long_factor) == ((1.0, 2.0), (4.0, 8.0))
    assert hash(method) == hash(LongRoPE((1, 2), (4, 8)))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: LongRoPE((1.0,), (2.0, 2.0)), ValueError, "short_factor has 1 entries and long_factor 2"),
        (lambda: LongRoPE((1.0,), (2.0,)).frequencies(CONFIG), ValueError, "1 entries.*2 pairs.*one divisor a pair"),
        (lambda: LongRoPE((), ()), ValueError, "short_factor is empty"),
        (lambda: LongRoPE((1.0, 0.0), (1.0, 1.0)), ValueError, r"short_factor\[1\] must be above 0"),
        (lambda: LongRoPE((1.0, 1.0), (1.0, float("nan"))), ValueError, r"long_factor\[1\] must be finite"),
        (lambda: LongRoPE("12", (1.0, 1.0)), TypeError, "short_factor must be a list of numbers"),
        (lambda: LongRoPE(1.0, (1.0, 1.0)), TypeError, "short_factor must be a list of numbers"),
        (lambda: LongRoPE((1.0,), (1.0,), factor=0.5), ValueError, "factor must be at least 1"),
        (lambda: LongRoPE((1.0,), (1.0,), attention_factor=-1), ValueError, "attention_factor must be above 0"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
