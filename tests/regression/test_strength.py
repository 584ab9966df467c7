"""The smallest ridge: against a dense scan, with gaps, at both ends of what can be told, and out of reach."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.regression import RidgeStrength, prediction_std, ridge_strength

THETA = np.array([1.0, 0.4, 0.15])
SMALL = rt.scaling.Unscaled().frequencies(rt.RopeConfig(16, context_length=64))
LLAMA = rt.scaling.Unscaled().frequencies(rt.RopeConfig(128))


def ratio(theta, window, length, alpha):
    """Return the ratio as its definition says, through the public function."""
    inside = prediction_std(theta, np.arange(window), np.arange(window), alpha=alpha).max()
    return prediction_std(theta, np.arange(window), np.arange(window, length), alpha=alpha).max() / inside


def holds(found, alpha):
    return any(low <= alpha <= high for low, high in found.intervals)


def test_the_papers_setting():
    found = ridge_strength(LLAMA, window=2048, length=4096, tolerance=2.0)
    assert found.alpha == pytest.approx(13.5846, abs=1e-4)
    assert found.ratio == pytest.approx(2.0, rel=1e-8)
    assert found.ratio <= 2.0
    assert found.inside_std * found.ratio == pytest.approx(found.beyond_std, rel=1e-12)
    assert found.intervals == ((found.alpha, math.inf),)
    assert found.is_smallest
    assert ratio(LLAMA, 2048, 4096, found.alpha) == pytest.approx(found.ratio, rel=1e-9)
    assert ratio(LLAMA, 2048, 4096, 0.999 * found.alpha) > 2.0  # a smaller one fails
    assert found.limit == pytest.approx(0.782382, abs=1e-6)


@settings(max_examples=30)
@given(
    theta=st.lists(st.floats(0.01, 3.0), min_size=1, max_size=5),
    window=st.integers(2, 40),
    more=st.integers(1, 60),
    excess=st.floats(1e-3, 4.0),
)
def test_the_intervals_are_those_of_a_dense_scan(theta, window, more, excess):
    length = window + more
    scan = np.geomspace(1e-6, 1e8, 57)
    ratios = np.array([ratio(theta, window, length, alpha) for alpha in scan])
    tolerance = ratios.min() * (1 + excess)
    found = ridge_strength(theta, window=window, length=length, tolerance=tolerance)
    for alpha, value in zip(scan, ratios, strict=True):
        if abs(value / tolerance - 1) > 1e-6:
            assert holds(found, alpha) == (value < tolerance), alpha
    assert found.ratio <= tolerance
    if found.alpha > 0:
        assert ratio(theta, window, length, found.alpha) == pytest.approx(found.ratio, rel=1e-4)
    assert all(low < high for low, high in found.intervals)
    ends = [end for interval in found.intervals for end in interval]
    assert ends == sorted(ends)


def test_admissible_strengths_need_not_be_an_interval():
    found = ridge_strength(THETA, window=60, length=120, tolerance=1.0)
    (low, gap), (back, high) = found.intervals
    assert (found.alpha, low, high) == (0.0, 0.0, math.inf)
    assert found.is_smallest
    assert ratio(THETA, 60, 120, (gap + back) / 2) > 1.0
    for end in (gap, back):
        assert ratio(THETA, 60, 120, end) == pytest.approx(1.0, abs=1e-7)
    assert ratio(THETA, 60, 120, 0.99 * gap) < 1.0 > ratio(THETA, 60, 120, 1.01 * back)


def test_a_design_that_needs_no_ridge():
    found = ridge_strength(THETA, window=60, length=120, tolerance=2.0)
    assert found.alpha == 0.0
    assert found.intervals == ((0.0, math.inf),)
    assert found.ratio == pytest.approx(ratio(THETA, 60, 120, 0.0), rel=1e-12)
    assert found.limit == pytest.approx(ratio(THETA, 60, 120, 1e12), rel=1e-6)


def test_the_search_stops_at_what_float64_can_tell_and_says_so():
    found = ridge_strength(LLAMA, window=256, length=512, tolerance=1e15)
    assert found.alpha == found.searched[0] > 0
    assert not found.is_smallest
    assert prediction_std(LLAMA, np.arange(256), 400.0, alpha=found.alpha) > 0  # trusted there
    with pytest.raises(ValueError, match="too small for this design in float64"):
        prediction_std(LLAMA, np.arange(256), 400.0, alpha=found.alpha / 2)
    assert ridge_strength(LLAMA, window=256, length=512, tolerance=2.0).is_smallest


def test_what_is_out_of_reach_is_an_error_whose_advice_can_be_followed():
    with pytest.raises(ValueError, match=r"No ridge keeps.*on 64 … 127 within 0\.2 times.*grows") as caught:
        ridge_strength(SMALL, window=64, length=128, tolerance=0.2)
    advice = float(re.search(r"Give a tolerance of (\S+) or more", str(caught.value)).group(1))
    found = ridge_strength(SMALL, window=64, length=128, tolerance=advice)
    assert found.ratio <= advice
    with pytest.raises(ValueError, match="No ridge keeps"):
        ridge_strength(SMALL, window=64, length=128, tolerance=0.99 * advice)


def test_a_wider_tolerance_needs_no_stronger_ridge():
    strengths = [ridge_strength(LLAMA, window=512, length=1024, tolerance=t).alpha for t in (1.2, 1.5, 2.0, 3.0, 10.0)]
    assert strengths == sorted(strengths, reverse=True)
    assert len(set(strengths)) == 5


def test_a_ratio_that_touches_the_tolerance_ends():
    flat = ridge_strength([0.0], window=4, length=8, tolerance=1.0)  # a constant: the ratio is 1 at any strength
    assert flat.ratio == 1.0
    assert isinstance(flat, RidgeStrength)
    assert flat.to_dict()["window"] == 4


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"length": 64}, ValueError, r"length must be above the window, 64, got 64; 2 \* window"),
        ({"length": 2**21}, ValueError, r"length must be at most 2\*\*20"),
        ({"tolerance": 0.0}, ValueError, "tolerance must be above 0"),
        ({"tolerance": "2"}, TypeError, "tolerance must be a number"),
        ({"window": 6.5}, ValueError, "window must be an integer"),
        ({"tolerance": float("nan")}, ValueError, "tolerance must be finite"),
    ],
)
def test_bad_input(change, error, words):
    settings_ = {"window": 64, "length": 128, "tolerance": 2.0} | change
    with pytest.raises(error, match=words):
        ridge_strength(SMALL, **settings_)
