"""Bounds without a solver: above the worst case, near to it, and never above the triangle inequality."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory._core.design import FLOAT64, design
from rope_theory.certificates import quick_bound, worst_case
from rope_theory.certificates.quick import _candidates

CONFIG = rt.RopeConfig(32, context_length=128)
THETA = rt.scaling.Unscaled().frequencies(CONFIG)
TRAINED = np.arange(129)
SCALINGS = [rt.scaling.Unscaled(), rt.scaling.PositionInterpolation(4), rt.scaling.NTKAware(4), rt.scaling.YaRN(4)]


@pytest.mark.parametrize("ratio", [0.5, 1.0, 10.0, 1000.0])
@pytest.mark.parametrize("scaling", SCALINGS, ids=lambda scaling: type(scaling).__name__)
def test_lies_above_the_worst_case_and_near(scaling, ratio):
    table, asked = scaling.frequencies(CONFIG), [0.5, 30.25, 64.5, 127.5, 130.0, 160.0, 500.0]
    bounds = quick_bound(THETA, asked, TRAINED, h_max=3.0 * ratio, score_max=3.0, target_theta=table)
    for s, bound in zip(asked, bounds, strict=True):
        best = worst_case(THETA, s, TRAINED, h_max=3.0 * ratio, score_max=3.0, target_theta=table)
        assert best.lower <= bound * (1 + 1e-12)
        assert bound <= 1.6 * best.upper
    assert bounds.max() <= 3.0 * ratio * CONFIG.pairs


@given(seed=st.integers(0, 2**32 - 1), s=st.floats(-200.0, 700.0))
def test_holds_for_random_scores(seed, s):
    rng = np.random.default_rng(seed)
    h = rng.standard_normal(CONFIG.pairs) * np.exp(2j * np.pi * rng.random(CONFIG.pairs))
    trained = max(abs(float(rt.attention_score(h, THETA, float(n)))) for n in TRAINED)
    bound = quick_bound(THETA, s, TRAINED, h_max=abs(h).max(), score_max=trained, rounds=2)
    assert abs(rt.attention_score(h, THETA, s)) <= bound * (1 + 1e-9)


def test_a_tenth_less_is_refuted_by_the_witness():
    best = worst_case(THETA, 500.0, TRAINED, h_max=10.0)
    reached = float(rt.attention_score(best.witness, THETA, 500.0))
    assert 0.9 * quick_bound(THETA, 500.0, TRAINED, h_max=10.0) < reached


def test_trained_offsets_are_exact():
    assert quick_bound(THETA, [0.0, 77.0, 128.0], TRAINED, h_max=9.0, score_max=2.0) == pytest.approx(2.0)
    interpolated = rt.scaling.PositionInterpolation(4).frequencies(CONFIG)
    assert quick_bound(THETA, 400.0, TRAINED, h_max=9.0, target_theta=interpolated) == pytest.approx(1.0)


@pytest.mark.parametrize(("pairs", "h_max"), [(3, 0.01), (6, 0.02), (24, 0.01)])
def test_caps_alone_are_rounded_outwards(pairs, h_max):
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(2 * pairs))
    exact = Fraction(h_max) * pairs
    bound = quick_bound(theta, 5.5, np.arange(4), h_max=h_max)
    assert exact <= Fraction(bound)
    assert Fraction(math.nextafter(bound, 0.0)) < exact


@pytest.mark.parametrize("theta", [THETA, THETA.theta], ids=["real", "float64"])
@pytest.mark.parametrize("score_max", [1.0, 3.0, 1e-40])
@pytest.mark.parametrize(("shift", "count", "s", "ratio"), [(2.0**48, 57, 96.625, 972.84), (1e9, 64, 21.5, 10.0)])
def test_far_offsets_have_their_own_phases(theta, score_max, shift, count, s, ratio):
    # products sθ were rounded: at 2**48 the bound came out 4 % below the worst case
    grid = shift + np.arange(float(count))
    best = worst_case(theta, shift + s, grid, h_max=ratio * score_max, score_max=score_max)
    assert best.lower <= quick_bound(theta, shift + s, grid, h_max=ratio * score_max, score_max=score_max)


def test_more_rounds_are_never_worse():
    bounds = [quick_bound(THETA, [0.5, 140.0, 300.0], TRAINED, h_max=10.0, rounds=n) for n in (1, 2, 4, 8, 16)]
    assert all((after <= before).all() for before, after in itertools.pairwise(bounds))
    assert (bounds[-1] < bounds[0]).any()


def test_shape_follows_the_offsets():
    assert isinstance(quick_bound(THETA, 3.5, TRAINED, h_max=1.0), float)
    assert quick_bound(THETA, np.zeros((2, 3)) + 0.5, TRAINED, h_max=1.0).shape == (2, 3)


def test_odd_questions_are_answered():
    assert quick_bound([1e-300, 1.0], [3.5, 100.0], np.arange(4), h_max=2.0, target_theta=[1.0, 0.5]).max() <= 4.0
    one = worst_case([0.0, 1.0], 7.5, [0.0], h_max=2.0)
    assert one.lower <= quick_bound([0.0, 1.0], 7.5, [0.0], h_max=2.0) <= 4.0
    assert quick_bound(THETA, -5.5, np.arange(-9, 1), h_max=2.0) <= 2.0 * CONFIG.pairs


def test_few_candidates_on_long_grids():
    chosen = _candidates(np.arange(100_000.0), np.array([99_999.5]))
    assert len(chosen) <= 256
    assert set(chosen[-40:]) == set(range(99_960, 100_000))
    assert chosen[0] < 10
    frequencies = THETA.theta
    assert design(frequencies, np.array([2.0]), FLOAT64)[0, :16] == pytest.approx(np.cos(2 * frequencies))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"h_max": 0.0}, "h_max must be above 0"),
        ({"score_max": -1.0}, "score_max must be above 0"),
        ({"grid": [3, 2, 1]}, "grid must be in increasing order"),
        ({"grid": [1, 1, 2]}, "grid repeats the offset 1"),
        ({"s": float("nan")}, "s contains 1 NaN"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"target_theta": [1.0]}, "target_theta must have as many frequencies"),
        ({"h_max": 1e20}, "h_max/score_max must be between"),
    ],
)
def test_wrong_input_is_told_in_words(change, message):
    given_ = {"theta": THETA, "s": 1.5, "grid": TRAINED, "h_max": 1.0, **change}
    with pytest.raises(ValueError, match=message):
        quick_bound(**given_)


@pytest.mark.parametrize("s", [97.5, 300.0])
def test_weights_from_some_pairs_of_a_wide_head_bound_nearly_as_well(s, monkeypatch):
    """300 pairs, every third of which is solved on: a bound for all of them, near that of all of them."""
    theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=600, context_length=256))
    grid = np.arange(256)
    some = quick_bound(theta, s, grid, h_max=0.2)
    monkeypatch.setattr("rope_theory.certificates.quick.MOST_PAIRS", 300)
    every = quick_bound(theta, s, grid, h_max=0.2)
    assert 0.99 * every < some < 1.1 * every
    assert some < 0.75 * 0.2 * 300
    generator = np.random.default_rng(0)
    for _ in range(5):
        h = generator.normal(size=300) + 1j * generator.normal(size=300)
        scores = (np.exp(1j * np.multiply.outer(np.append(grid, s), theta.theta)) @ h).real
        scale = max(np.abs(scores[:-1]).max(), np.abs(h).max() / 0.2)
        assert abs(scores[-1]) / scale <= some
