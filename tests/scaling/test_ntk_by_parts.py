import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.scaling import NTKByParts, PositionInterpolation, Unscaled, YaRN

LLAMA = rt.RopeConfig(128, base=10000.0, context_length=2048)
RAMPS = st.tuples(st.floats(0.1, 8.0), st.floats(1.1, 30.0)).map(lambda ends: (ends[0], ends[0] * ends[1]))


def table_of_the_paper(config, factor, slow, fast):
    """Definition 2 of arXiv 2309.00071, pair by pair: the ramp is linear in the turns."""
    theta = []
    for j in range(config.width // 2):
        trained = config.base ** (-2 * j / config.width)
        turns = config.context_length / (2 * math.pi / trained)
        if turns < slow:
            share = 0.0
        elif turns > fast:
            share = 1.0
        else:
            share = (turns - slow) / (fast - slow)
        theta.append((1 - share) * trained / factor + share * trained)
    return theta


def table_of_transformers(config, factor, slow, fast, truncate):
    """``_compute_yarn_parameters`` of transformers, pair by pair: the ramp is linear in the index."""

    def index(turns):
        window, base = config.context_length, config.base
        return config.width * math.log(window / (turns * 2 * math.pi)) / (2 * math.log(base))

    low, high = index(fast), index(slow)
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, config.width - 1)
    if low == high:
        high += 0.001
    theta = []
    for j in range(config.width // 2):
        ramp = min(max((j - low) / (high - low), 0.0), 1.0)
        trained = config.base ** (-2 * j / config.width)
        theta.append(trained / factor * ramp + trained * (1 - ramp))
    return theta


@given(config=testing.configs(), factor=st.floats(1.0, 64.0), ends=RAMPS, truncate=st.booleans())
def test_each_ramp_is_its_own_formula(config, factor, ends, truncate):
    slow, fast = ends
    for ramp, expected in (
        ("paper", table_of_the_paper(config, factor, slow, fast)),
        ("transformers", table_of_transformers(config, factor, slow, fast, truncate)),
    ):
        by_parts = NTKByParts(factor, alpha=slow, beta=fast, ramp=ramp, truncate=truncate).frequencies(config)
        yarn = YaRN(factor, beta_fast=fast, beta_slow=slow, ramp=ramp, truncate=truncate).frequencies(config)
        assert by_parts.theta == pytest.approx(expected, rel=1e-12)
        assert np.array_equal(by_parts.theta, yarn.theta)


def test_the_two_ramps_differ():
    paper = YaRN(4, ramp="paper").frequencies(LLAMA).theta
    transformers = YaRN(4, ramp="transformers").frequencies(LLAMA).theta
    assert np.abs(paper / transformers - 1).max() > 0.3


def test_without_rounding_the_index_ramp_moves():
    rounded = YaRN(4).frequencies(LLAMA).theta
    exact = YaRN(4, truncate=False).frequencies(LLAMA).theta
    assert 1e-3 < np.abs(rounded / exact - 1).max() < 0.2


@given(
    config=testing.configs(), factor=st.floats(1.0, 64.0), ends=RAMPS, ramp=st.sampled_from(["paper", "transformers"])
)
def test_every_pair_lies_between_kept_and_interpolated(config, factor, ends, ramp):
    theta = NTKByParts(factor, *ends, ramp=ramp).frequencies(config).theta
    trained = Unscaled().frequencies(config).theta
    assert (theta <= trained * (1 + 1e-15)).all()
    assert (theta >= PositionInterpolation(factor).frequencies(config).theta * (1 - 1e-15)).all()


def test_fast_pairs_are_kept_and_slow_ones_interpolated():
    theta, trained = NTKByParts(8).frequencies(LLAMA), Unscaled().frequencies(LLAMA)
    turns = trained.turns()
    assert np.array_equal(theta.theta[turns > 32], trained.theta[turns > 32])
    assert theta.theta[turns < 1] == pytest.approx(trained.theta[turns < 1] / 8, rel=1e-15)
    assert theta.attention_factor == 1.0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: NTKByParts(2, alpha=32, beta=1), r"alpha \(32\) must be below beta \(1\)"),
        (lambda: NTKByParts(2, alpha=0), "alpha must be above 0"),
        (lambda: NTKByParts(2, ramp="linear"), "ramp must be one of 'paper', 'transformers', got 'linear'"),
        (lambda: NTKByParts(0.5), "factor must be at least 1"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
