import pytest

from rope_theory import scaling
from rope_theory._labels import short_label


@pytest.mark.parametrize(
    ("method", "label"),
    [
        (scaling.Unscaled(), "Unscaled"),
        (scaling.PositionInterpolation(4), "PositionInterpolation(4)"),
        (scaling.NTKAware(2.5), "NTKAware(2.5)"),
        (scaling.DynamicNTK(2, reference_length=4096), "DynamicNTK(2, reference_length=4096)"),
        (scaling.YaRN(4), "YaRN(4)"),
        (scaling.YaRN(4, ramp="paper", beta_fast=16), "YaRN(4, beta_fast=16, ramp='paper')"),
        (scaling.Llama3(8, 1, 4), "Llama3(8)"),
        (scaling.LongRoPE([1.0, 2.0], [3.0, 4.0], factor=32), "LongRoPE(32)"),
        (scaling.LongRoPE([1.0], [3.0]), "LongRoPE"),
        (scaling.Proportional(0.25), "Proportional(partial_rotary_factor=0.25)"),
    ],
)
def test_scalings_and_their_reprs(method, label):
    assert short_label(method) == label
    assert short_label(repr(method)) == label


@pytest.mark.parametrize("text", ["mine", "Other(factor=2)", "YaRN(4)", "a b", "f(x=g(1))", "x.y(z=1)", ""])
def test_other_text_comes_back(text):
    assert short_label(text) == text
