"""The figure of scalings: reference values, PI as a change of offset, μ² beside V, what the picture admits."""

import json

import numpy as np
import pytest

import rope_theory as rt
from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.parts import ROOT
from experiments.worst_case_scalings import INPUTS, PART, draw, method

REFERENCE = {  # computed independently: d = 64, N = 512, κ = 4, H/A = 10, without μ²; s = 100, 1000, 2048
    "PositionInterpolation": ("1.0", "1.0", "1.0"),
    "NTKAware": ("5.41", "48.9", "117"),
    "YaRN": ("7.43", "31.2", "43.4"),
}
SMALL, LLAMA = INPUTS["cases"]


@pytest.fixture(scope="module")
def data():
    return PART.data()


def test_the_reference_values_to_their_printed_digits(data):
    for name, texts in REFERENCE.items():
        for s, text in zip((100, 1000, 2048), texts, strict=True):
            row = chosen(data.tables["scalings"], case="small", method=name, offset=s)
            digits = len(text.partition(".")[2])
            assert f"{row['lower'].item():.{digits}f}" == f"{row['upper'].item():.{digits}f}" == text, (name, s)


def test_interpolation_is_the_trained_score_at_the_divided_offset(data):
    theta = rows.frequencies(SMALL["head_dim"], SMALL["base"], SMALL["window"])
    table = chosen(data.tables["scalings"], case="small", method="PositionInterpolation")
    offsets = [37, 571, 2049, 2051]
    divided = rows.bounds(theta, [s / SMALL["factor"] for s in offsets], SMALL["window"], INPUTS["ratio"])
    for s, lower, upper in zip(offsets, divided["lower"], divided["upper"], strict=True):
        row = chosen(table, offset=s)
        assert row["lower"].item() <= upper
        assert lower <= row["upper"].item()


@pytest.mark.parametrize("case", INPUTS["cases"], ids=lambda case: case["case"])
def test_offsets_cover_the_extended_window_and_mostly_fall_between_trained_ones(case):
    assert 16 <= len(case["offsets"]) <= 26
    assert case["offsets"] == sorted(set(case["offsets"]))
    assert case["offsets"][-1] == case["factor"] * case["window"] - 1
    assert {case["window"] - 1, case["window"]} <= set(case["offsets"])
    assert np.mod(case["offsets"], case["factor"]).astype(bool).mean() > 0.6


def test_the_released_model_is_the_one_of_its_config():
    model = rt.from_hf(ROOT / "tests" / "reference" / "configs" / "llama-3.1-8b-instruct.json")
    assert model.config == rt.RopeConfig(LLAMA["head_dim"], LLAMA["base"], LLAMA["window"])
    assert model.scaling == method("Llama3", LLAMA["factor"], INPUTS["Llama3"])


def test_both_with_and_without_the_attention_factor(data):
    table = data.tables["scalings"]
    for case, factor in ((SMALL, 4.0), (LLAMA, 8.0)):
        config = rt.RopeConfig(case["head_dim"], case["base"], case["window"])
        expected = rt.scaling.YaRN(factor).frequencies(config).attention_factor ** 2
        yarn = chosen(table, case=case["case"], method="YaRN")
        assert yarn["attention_factor_squared"] == pytest.approx(np.full(len(yarn["offset"]), expected), rel=1e-9)
        assert yarn["upper_times_factor"] == pytest.approx(yarn["upper"] * expected, rel=1e-8)
    others = {str(name) for name in table["method"][table["attention_factor_squared"] == 1.0]}
    assert others == {"Unscaled", "PositionInterpolation", "NTKAware", "Llama3"}


def test_only_interpolation_is_limited_and_the_picture_says_what_that_is_not(data):
    largest = data.facts["largest"]
    for found in largest.values():
        limited = {name for name, where in found.items() if where["extended"]["upper"] < 1.2}
        assert limited == {"PositionInterpolation"}
        assert found["Unscaled"]["trained"]["upper"] == pytest.approx(1.0, abs=1e-8)
    figure = draw(data)
    assert "H/A = 10" in figure.get_suptitle()
    assert "does not decide how well an untuned model works" in figure.get_supxlabel()
    assert "V excludes the attention factor μ" in figure.get_supxlabel()
    left, right = figure.axes
    assert "N = 512, κ = 4" in left.get_title()
    assert "N = 8191, κ = 8" in right.get_title()
    words = [text.get_text() for text in right.get_legend().get_texts()]
    assert words == ["unscaled", "PI", "NTK-aware", "YaRN", "Llama 3", "YaRN × μ²"]
    for ax in (left, right):
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert "[tokens]" in ax.get_xlabel()


def test_what_is_stored_beside_the_picture_is_json(data):
    stored = json.loads((ROOT / "figures" / "worst_case_scalings.json").read_text())
    assert stored["ratio"] == INPUTS["ratio"]
