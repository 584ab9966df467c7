import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import testing
from rope_theory.config import LLAMA_3
from rope_theory.scaling import Llama3, Unscaled

ENDS = st.tuples(st.floats(0.1, 8.0), st.floats(1.1, 30.0)).map(lambda ends: (ends[0], ends[0] * ends[1]))


def table_of_transformers(config, factor, low, high):
    """``_compute_llama3_parameters`` of transformers, pair by pair, in wavelengths."""
    theta = []
    for j in range(config.width // 2):
        trained = config.base ** (-2 * j / config.width)
        wavelength = 2 * math.pi / trained
        if wavelength < config.context_length / high:
            theta.append(trained)
        elif wavelength > config.context_length / low:
            theta.append(trained / factor)
        else:
            smooth = (config.context_length / wavelength - low) / (high - low)
            theta.append((1 - smooth) * trained / factor + smooth * trained)
    return theta


@given(config=testing.configs(), factor=st.floats(1.0, 64.0), ends=ENDS)
def test_the_table_is_the_formula_written_in_wavelengths(config, factor, ends):
    table = Llama3(factor, *ends).frequencies(config)
    assert table.theta == pytest.approx(table_of_transformers(config, factor, *ends), rel=1e-12)
    assert table.attention_factor == 1.0


def test_llama_3_1():
    theta = Llama3(8).frequencies(LLAMA_3).theta
    trained = Unscaled().frequencies(LLAMA_3).theta
    kept, slowed = (2 * np.pi / trained) < 2048, (2 * np.pi / trained) > 8192
    assert np.array_equal(theta[kept], trained[kept])
    assert theta[slowed] == pytest.approx(trained[slowed] / 8, rel=1e-15)
    assert (int(kept.sum()), int(slowed.sum())) == (29, 29)
    between = ~kept & ~slowed
    assert (theta[between] < trained[between]).all()
    assert (theta[between] > trained[between] / 8).all()


def test_equal_ends_make_a_step():
    config = rt.RopeConfig(128, 5e5, 8192)
    theta = Unscaled().frequencies(config).theta
    kept = theta * 8192 / (2 * np.pi) > 2.0
    assert np.array_equal(Llama3(8, 2, 2).frequencies(config).theta, np.where(kept, theta, theta / 8))
    near = Llama3(8, 2, 2 + 1e-9).frequencies(config).theta
    assert np.allclose(Llama3(8, 2, 2).frequencies(config).theta, near)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Llama3(8, 4, 1), r"low_freq_factor \(4\) must be below high_freq_factor \(1\)"),
        (lambda: Llama3(8, 0, 4), "low_freq_factor must be above 0"),
        (lambda: Llama3(0.9), "factor must be at least 1"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_the_window_is_the_original_one():
    assert not np.array_equal(
        Llama3(8).frequencies(LLAMA_3).theta,
        Llama3(8).frequencies(rt.RopeConfig(128, 5e5, 131072)).theta,
    )
