"""How far tables should work: the rule on hand values, its measures against brute force, and options for a length."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

import rope_theory as rt
from rope_theory.doctor import diagnose, predicted_length, reach, recommend
from tests.doctor.configs import LLAMA_3, ORIGINAL, llama, yarn

CONFIG = rt.RopeConfig(128, 1e4, 2048)
TRAINED = rt.scaling.Unscaled().frequencies(CONFIG)


@pytest.mark.parametrize(
    ("scaling", "length"),
    [
        (rt.scaling.Unscaled(), 2048),
        (rt.scaling.PositionInterpolation(4), 8192),
        (rt.scaling.YaRN(4), 8192),
        (rt.scaling.Llama3(4), 8192),
        (rt.scaling.NTKAware(4), math.floor(2048 * 4 ** (2 * 41 / 126))),  # pair 41 is the first that never turns once
    ],
)
def test_predicted_length_by_hand(scaling, length):
    assert predicted_length(TRAINED, scaling.frequencies(CONFIG)) == length


def test_predicted_length_is_the_last_that_stays_within_the_phases():
    for scaling in (rt.scaling.NTKAware(3.3), rt.scaling.YaRN(5.7), rt.scaling.Llama3(2.2)):
        theta = scaling.frequencies(CONFIG).theta
        slow = TRAINED.theta * 2048 < 2 * math.pi
        far = predicted_length(TRAINED, scaling.frequencies(CONFIG))
        assert np.all(theta[slow] * far <= TRAINED.theta[slow] * 2048 * (1 + 1e-11))
        assert np.any(theta[slow] * (far + 1) > TRAINED.theta[slow] * 2048)


def test_no_limit_where_every_pair_has_turned():
    config = rt.RopeConfig(64, 50.0, 4096)
    table = rt.scaling.Unscaled().frequencies(config)
    assert predicted_length(table, table) is None
    with pytest.raises(ValueError, match="tables of 32 and 64 pairs cannot be compared"):
        predicted_length(table, TRAINED)


def test_row_of_position_interpolation():
    found = reach(CONFIG, [rt.scaling.PositionInterpolation(4), rt.scaling.Unscaled()], 8192)
    row, plain = found.rows
    assert found.critical_dimension == 82
    assert row.slowing == row.slowing_inside == pytest.approx(4.0)
    assert (row.pairs_beyond, plain.pairs_beyond) == (0, 23)
    assert (row.reaches, plain.reaches) == (True, False)
    assert plain.first_negative == 1707
    assert row.worst_inside == pytest.approx(1.0)  # s/4 is a trained offset
    assert row.float32_until == 8192
    assert found.to_pandas().shape == (2, 14)


def test_dynamic_slows_nothing_inside():
    row = reach(CONFIG, [rt.scaling.DynamicNTK(4)], 8192).rows[0]
    assert row.slowing_inside == 1.0
    assert row.slowing > 2.0


def test_worst_cases_are_upper_bounds():
    config = rt.RopeConfig(32, 1e4, 128)
    scaling = rt.scaling.YaRN(4)
    row = reach(config, [scaling], 512).rows[0]
    trained, table = rt.scaling.Unscaled().frequencies(config), scaling.frequencies(config)
    for s, bound in ((64, row.worst_inside), (511, row.worst_at_end)):
        best = rt.certificates.worst_case(trained, s, np.arange(128), h_max=1.0, target_theta=table)
        assert best.lower * table.attention_factor**2 <= bound


def test_precision_limits_are_proved():
    config = rt.RopeConfig(128, 5e5, 8192)
    row = reach(config, [rt.scaling.Unscaled()], 131072).rows[0]
    table = rt.scaling.Unscaled().frequencies(config)
    inside = np.unique(np.linspace(0, row.float32_until - 1, 500).astype(int))
    computed = {"frequency_error": rt.precision.inv_freq_error(table)}  # as transformers does, not correctly rounded
    assert rt.precision.phase_error(table, inside, rt.precision.Storage(), **computed).largest_bound.max() <= 0.01
    beyond = rt.precision.phase_error(table, [row.float32_until], rt.precision.Storage(), **computed)
    assert beyond.largest_bound.max() > 0.01
    bfloat16 = rt.precision.Storage("bfloat16", "bfloat16", "bfloat16", "bfloat16")
    positions = np.arange(row.bfloat16_until)
    assert rt.precision.phase_error(table, positions, bfloat16).largest_measured.max() <= 0.01


def test_wrong_input():
    with pytest.raises(ValueError, match="length must be at least 2"):
        reach(CONFIG, [rt.scaling.Unscaled()], 1)
    with pytest.raises(ValueError, match="length 2048 lies inside the trained window of 4096 tokens"):
        recommend(llama(), 2048)
    with pytest.raises(ValueError, match="give layer_type"):
        recommend({**llama(), "model_type": "olmo3"}, 8192)


SOURCES = {
    "plain": llama(),
    "new keys": llama(rope_parameters={"rope_type": "default", "rope_theta": 1e4}),
    "scaled": llama(131072, rope_theta=5e5, rope_scaling={**LLAMA_3, ORIGINAL: 8192}),
    "whole model": {"model_type": "llava", "text_config": llama()},
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_option_reaches_and_its_config_says_so(name):
    source = SOURCES[name]
    window = rt.from_hf(source).config.context_length
    found = recommend(source, 4 * window)
    assert {option.method for option in found.rows} == {
        "PositionInterpolation", "NTKAware", "DynamicNTK", "YaRN", "Llama3",
    }  # fmt: skip
    for option in found.rows:
        assert option.reach.reaches
        read = rt.from_hf(option.config)
        after = read.frequencies(4 * window)
        scaling = getattr(rt.scaling, option.method)(option.factor)
        expected = scaling.frequencies(rt.from_hf(source).config, 4 * window)
        assert np.allclose(after.theta, expected.theta, rtol=1e-12)
        assert after.attention_factor == pytest.approx(expected.attention_factor)
        assert [item for item in diagnose(option.config).findings if item.severity != "info"] == []


def test_options_are_the_smallest_that_reach():
    for option in recommend(llama(), 16384).rows:
        if math.log2(option.factor).is_integer():
            continue
        less = getattr(rt.scaling, option.method)(option.factor * 0.999)
        trained = rt.scaling.Unscaled().frequencies(rt.from_hf(llama()).config)
        assert predicted_length(trained, less.frequencies(trained.config, 16384)) < 16384


def test_order_of_options():
    found = recommend(llama(2048), 8192)
    methods = list(dict.fromkeys(option.method for option in found.rows))
    assert methods == ["Llama3", "YaRN", "NTKAware", "PositionInterpolation", "DynamicNTK"]
    assert "no guarantee" in found.ranking or "Ranked" not in found.ranking
    assert found.rows[0].reach.worst_inside > found.rows[-3].reach.worst_inside  # what the order does not go by


def test_layers_of_a_model_with_several_tables():
    config = {
        "model_type": "olmo3", "hidden_size": 5120, "num_attention_heads": 40, "max_position_embeddings": 65536,
        "rope_parameters": {
            "full_attention": yarn(rope_theta=5e5, **{ORIGINAL: 8192}),
            "sliding_attention": {"rope_type": "default", "rope_theta": 5e5},
        },
    }  # fmt: skip
    found = recommend(config, 131072, layer_type="full_attention")
    for option in found.rows:
        assert option.config["rope_parameters"]["sliding_attention"]["rope_type"] == "default"
        read = rt.from_hf(option.config, layer_type="full_attention")
        assert read.scaling.name in (option.method, "Unscaled")


CONFIGS = sorted((Path(__file__).parents[1] / "reference" / "configs").glob("*.json"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_options_of_released_models_are_what_they_say(path):
    source = json.loads(path.read_text(encoding="utf-8"))
    layer_type = "full_attention" if source["model_type"] == "olmo3" else None
    length = 4 * source["max_position_embeddings"]
    found = recommend(source, length, layer_type=layer_type)
    assert found.rows
    for option in found.rows:
        table = getattr(rt.scaling, option.method)(option.factor).frequencies(
            rt.from_hf(source, layer_type=layer_type).config, length
        )
        read = rt.from_hf(option.config, layer_type=layer_type).frequencies(length)
        assert np.allclose(read.theta, table.theta, rtol=1e-9)
    if source["model_type"] == "phi3":  # reads "yarn" as longrope
        assert "YaRN" in found.notes[-1]
        assert {option.method for option in found.rows} == {"NTKAware"}


@pytest.mark.parametrize("tolerance", [math.nan, math.inf, 0.0, -1.0])
def test_a_tolerance_that_is_none_is_refused(tolerance):
    with pytest.raises(ValueError, match="tolerance must"):
        reach(CONFIG, [rt.scaling.Unscaled()], 4096, tolerance=tolerance)
