"""Rounding without torch, against a slow twin and against torch's own casts."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rope_theory.precision import FORMATS
from rope_theory.precision.formats import largest_rounding_error, rounded

NARROW = [FORMATS[name] for name in ("float32", "bfloat16", "float16")]


def slowly(value, target):
    """Round one number to nearest, ties to even, in exact fractions."""
    if value == 0.0:
        return 0.0
    exponent = max(math.frexp(value)[1] - 1, target.smallest_exponent)
    spacing = Fraction(2) ** (exponent - target.digits + 1)
    nearest = round(Fraction(value) / spacing) * spacing  # Fraction rounds ties to even
    return math.copysign(math.inf, value) if abs(nearest) > Fraction(target.largest) else float(nearest)


values = st.floats(-1e300, 1e300) | st.floats(-70000.0, 70000.0) | st.floats(-1e-4, 1e-4) | st.floats(-1e-37, 1e-37)


@pytest.mark.parametrize("target", NARROW, ids=lambda target: target.name)
@given(values)
def test_rounding_is_to_nearest_even_everywhere(target, value):
    assert rounded(value, target) == slowly(value, target)


@pytest.mark.parametrize("target", NARROW, ids=lambda target: target.name)
def test_ties_and_ends(target):
    one, u = 1.0, target.roundoff
    values = [one + u, one + 3 * u, one + u + 1e-12, -(one + u), target.largest, 0.5 * target.spacing_at_zero]
    expected = [1.0, one + 4 * u, one + 2 * u, -1.0, target.largest, 0.0]
    np.testing.assert_array_equal(rounded(values, target), expected)
    assert np.isinf(rounded(target.largest * (1 + u), target))
    assert rounded(0.75 * target.spacing_at_zero, target) == target.spacing_at_zero
    assert np.isnan(rounded(np.nan, target))


def test_bfloat16_by_known_bits():
    # 0x3e22, 0x3f80, 0x4380: worked out by hand from sign, 8 exponent and 7 fraction bits
    np.testing.assert_array_equal(rounded([0.158, 1.0, 257.0], FORMATS["bfloat16"]), [0.158203125, 1.0, 256.0])


@pytest.mark.parametrize("target", NARROW, ids=lambda target: target.name)
def test_torch_casts_the_same(target):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    single = (rng.standard_normal(20000) * 2.0 ** rng.integers(-20, 15, 20000)).astype(np.float32)
    theirs = torch.tensor(single).to(getattr(torch, target.name)).double().numpy()
    np.testing.assert_array_equal(rounded(single, target), theirs)


@pytest.mark.parametrize("target", list(FORMATS.values()), ids=lambda target: target.name)
def test_the_roundoff_is_that_of_the_format(target):
    torch = pytest.importorskip("torch")
    info = torch.finfo(getattr(torch, target.name))
    assert (2 * target.roundoff, target.largest) == (info.eps, info.max)
    assert target.spacing_at_zero == info.smallest_normal * info.eps


@pytest.mark.parametrize("target", NARROW, ids=lambda target: target.name)
@given(st.floats(-60000.0, 60000.0) | st.floats(-1e-4, 1e-4))
def test_the_rounding_error_is_contained(target, value):
    assert abs(rounded(value, target) - value) <= largest_rounding_error(abs(value), target) * (1 + 1e-15)


@pytest.mark.parametrize("target", NARROW, ids=lambda target: target.name)
def test_the_rounding_error_is_attained_just_above_powers_of_two(target):
    value = 1.0 + target.roundoff
    assert abs(rounded(value, target) - value) == pytest.approx(largest_rounding_error(value, target), rel=1e-14)
    assert abs(rounded(value, target) - value) > 0.999 * largest_rounding_error(value, target)
