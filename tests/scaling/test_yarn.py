import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory.scaling import NTKByParts, YaRN
from rope_theory.scaling.yarn import attention_factor

LLAMA = rt.RopeConfig(128, base=10000.0, context_length=4096)


@given(factor=st.floats(1.0, 64.0))
def test_the_attention_factor_is_equation_22(factor):
    assert YaRN(factor).frequencies(LLAMA).attention_factor == pytest.approx(1 + 0.1 * math.log(factor), rel=1e-15)


def test_hand_values():
    assert YaRN(1).frequencies(LLAMA).attention_factor == 1.0
    assert YaRN(16).frequencies(LLAMA).attention_factor == pytest.approx(1.2772588722239781, rel=1e-15)
    # rounded index ramp of Llama 2: floor 64·log_c(4096/64π) = 20, ceil 64·log_c(4096/2π) = 46; at its middle 5/8
    theta = YaRN(4).frequencies(LLAMA).theta
    assert theta[20] == pytest.approx(10000 ** (-20 / 64), rel=1e-15)
    assert theta[33] == pytest.approx(10000 ** (-33 / 64) * 0.625, rel=1e-14)
    assert theta[46] == pytest.approx(10000 ** (-46 / 64) / 4, rel=1e-14)


def test_the_attention_factor_can_be_given():
    assert YaRN(16, attention_factor=1.5).frequencies(LLAMA).attention_factor == 1.5
    assert attention_factor(16.0, scale=0.707) == pytest.approx(1 + 0.0707 * math.log(16), rel=1e-15)
    assert attention_factor(0.5) == 1.0


def test_the_default_ramp_is_that_of_released_models_and_by_parts_keeps_the_papers():
    assert YaRN(4).ramp == "transformers"
    assert NTKByParts(4).ramp == "paper"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: YaRN(2, beta_fast=1, beta_slow=32), r"beta_slow \(32\) must be below beta_fast \(1\)"),
        (lambda: YaRN(2, beta_slow=-1), "beta_slow must be above 0"),
        (lambda: YaRN(2, attention_factor=0), "attention_factor must be above 0"),
        (lambda: YaRN(2, ramp="index"), "ramp must be one of"),
        (lambda: YaRN(float("nan")), "factor must be finite"),
    ],
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
