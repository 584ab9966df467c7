"""config.json ↔ RopeConfig and Scaling: what is read, what is refused, and the way back."""

import dataclasses
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rope_theory as rt
from rope_theory import RopeConfig, from_hf, to_hf
from rope_theory.scaling import (
    DynamicNTK,
    Llama3,
    LongRoPE,
    NTKAware,
    NTKByParts,
    PositionInterpolation,
    Proportional,
    Unscaled,
    YaRN,
)  # fmt: skip
from rope_theory.scaling.frequencies import Scaling
from rope_theory.scaling.huggingface.writing import WRITERS

CONFIGS = Path(__file__).parents[1] / "reference" / "configs"
LLAMA = {
    "model_type": "llama", "hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 4096,
    "rope_theta": 10000.0,
}  # fmt: skip
PHI = {"model_type": "phi3", "hidden_size": 64, "num_attention_heads": 8, "max_position_embeddings": 16384}
OLMO = json.loads((CONFIGS / "olmo-3.1-32b-instruct.json").read_text())
LISTS = {"short_factor": [1.0, 1.0, 1.1, 1.2], "long_factor": [1.0, 2.0, 4.0, 8.0]}


def rope(**keys):
    return {**LLAMA, "rope_parameters": {"rope_theta": 10000.0, **keys}}


def legacy(**keys):
    return {**LLAMA, "rope_scaling": keys}


def said(result, words):
    return any(words in note for note in result.notes)


# ---- reading ----


def test_released_llama_3_1():
    result = from_hf(CONFIGS / "llama-3.1-8b-instruct.json")
    assert result.config == RopeConfig(128, 500000.0, 8192)
    assert result.scaling == Llama3(8.0, 1.0, 4.0)
    assert (result.pairing, result.layer_type) == ("half", None)


def test_released_phi_3_5():
    result = from_hf(CONFIGS / "phi-3.5-mini-instruct.json")
    assert result.config == RopeConfig(96, 10000.0, 4096)
    assert result.frequencies().attention_factor == pytest.approx(1.1902380714238083, rel=1e-15)
    assert not np.array_equal(result.frequencies(4096).theta, result.frequencies(4097).theta)


def test_released_olmo_3_has_two_tables():
    full = from_hf(OLMO, layer_type="full_attention")
    sliding = from_hf(OLMO, layer_type="sliding_attention")
    assert full.scaling == YaRN(8.0, attention_factor=1.2079441541679836)
    assert sliding.scaling == Unscaled()
    assert full.config == sliding.config == RopeConfig(128, 500000.0, 8192)
    assert (full.layer_type, sliding.layer_type) == ("full_attention", "sliding_attention")


def test_qwen_3_takes_its_head_width_from_the_class():
    result = from_hf(CONFIGS / "qwen3-8b.json")
    assert result.config.head_dim == 128
    assert said(result, "head_dim is absent")


def test_sources_agree(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA))

    class Config:
        def to_dict(self):
            return LLAMA

    expected = from_hf(LLAMA)
    for source in (tmp_path, str(tmp_path), tmp_path / "config.json", Config()):
        assert from_hf(source) == expected


def test_the_record_is_plain():
    content = from_hf(LLAMA).to_dict()
    assert content["config"]["head_dim"] == 64
    assert json.loads(json.dumps(content)) == content


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"rope_type": "default"}, Unscaled()),
        ({"rope_type": "linear", "factor": 2}, PositionInterpolation(2.0)),
        ({"rope_type": "dynamic", "factor": 4.0}, DynamicNTK(4.0)),
        ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1, "high_freq_factor": 4}, Llama3(8.0)),
        ({"rope_type": "yarn", "factor": 4.0, "beta_slow": 0, "beta_fast": None}, YaRN(4.0)),
        ({"rope_type": "yarn", "factor": 4.0, "truncate": False}, YaRN(4.0, truncate=False)),
        ({"rope_type": "yarn", "factor": None, "original_max_position_embeddings": 1024}, YaRN(4.0)),
        ({"rope_type": "proportional", "partial_rotary_factor": 0.25}, Proportional(0.25)),
    ],
)
def test_types_in_both_spellings(keys, expected):
    assert from_hf(rope(**keys)).scaling == expected
    assert from_hf(legacy(**keys)).scaling == expected
    old = {"type" if key == "rope_type" else key: value for key, value in keys.items()}
    assert from_hf(legacy(**old)).scaling == expected


def test_null_scaling_is_none():
    assert from_hf({**LLAMA, "rope_scaling": None}).scaling == Unscaled()


@pytest.mark.parametrize("kind", ["longrope", "su", "yarn"])
def test_phi_3_reads_every_old_name_as_longrope(kind):
    result = from_hf({**PHI, "rope_scaling": {"type": kind, **LISTS}})
    assert result.scaling == LongRoPE(**LISTS, factor=4.0)
    assert result.config.context_length == 4096
    assert said(result, "the default of model_type 'phi3'")


def test_longrope_factor_wins_over_the_ratio_and_says_so():
    raw = {**PHI, "rope_scaling": {"type": "longrope", "factor": 2.0, **LISTS}}
    assert from_hf(raw).scaling == LongRoPE(**LISTS, factor=2.0)
    assert said(from_hf(raw), "factor is 2 while")


def test_longrope_without_growth_has_attention_factor_one():
    raw = {**PHI, "max_position_embeddings": 2048, "rope_scaling": {"type": "longrope", **LISTS}}
    assert from_hf(raw).frequencies().attention_factor == 1.0


@pytest.mark.parametrize("model_type", ["hunyuan_v1_dense", "hunyuan_v1_moe"])
def test_hunyuan_alpha_is_ntk_aware_at_every_length(model_type):
    from transformers import AutoConfig, AutoModelForCausalLM

    small = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 16, "vocab_size": 8,
             "num_hidden_layers": 1, "intermediate_size": 8, "max_position_embeddings": 256}  # fmt: skip
    scaling = {"type": "dynamic", "alpha": 1000.0, "factor": 1.0}
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **small, rope_scaling=scaling))
    record = from_hf({"model_type": model_type, **small, "rope_scaling": scaling})
    assert record.scaling == NTKAware(1000.0)
    assert any("alpha" in note for note in record.notes)
    theirs = model.model.rotary_emb.inv_freq.double().numpy()
    np.testing.assert_allclose(record.frequencies(4096).theta, theirs, rtol=1e-6)


def test_phimoe_reads_its_own_attention_factors():
    raw = {**PHI, "model_type": "phimoe", "rope_scaling": {"type": "longrope", **LISTS}}
    raw["rope_scaling"] |= {"short_mscale": 1.25, "long_mscale": 1.25}
    assert from_hf(raw).frequencies().attention_factor == 1.25
    raw["rope_scaling"]["long_mscale"] = 1.5
    with pytest.raises(ValueError, match=r"short_mscale .* and long_mscale .* differ"):
        from_hf(raw)


def test_dynamic_counts_from_the_raised_window():
    result = from_hf(rope(rope_type="dynamic", factor=4.0, original_max_position_embeddings=1024))
    assert result.config.context_length == 1024
    assert result.scaling == DynamicNTK(4.0, reference_length=4096)
    assert said(result, "counts from max_position_embeddings")


def test_top_level_original_length_wins_and_says_so():
    raw = rope(rope_type="yarn", factor=2.0, original_max_position_embeddings=99)
    result = from_hf({**raw, "original_max_position_embeddings": 2048})
    assert result.config.context_length == 2048
    assert said(result, "the former wins")


def test_yarn_without_original_length_says_so():
    assert said(from_hf(rope(rope_type="yarn", factor=2.0)), "max_position_embeddings takes its place")


def test_mscale_pair_makes_the_attention_factor():
    both = from_hf(rope(rope_type="yarn", factor=40.0, mscale=1.0, mscale_all_dim=0.5))
    assert both.frequencies().attention_factor == pytest.approx(
        (1 + 0.1 * np.log(40)) / (1 + 0.05 * np.log(40)), rel=1e-15
    )
    alone = from_hf(rope(rope_type="yarn", factor=40.0, mscale=0.5))
    assert alone.scaling == YaRN(40.0)
    assert said(alone, "mscale and mscale_all_dim are ignored")


def test_unknown_keys_are_said_to_be_ignored():
    result = from_hf(rope(rope_type="yarn", factor=4.0, attn_factor=0.8782488562869419))
    assert result.scaling == YaRN(4.0)
    assert said(result, "attn_factor")


def test_llama_ignores_a_share_only_under_the_default_type():
    ignored = from_hf(rope(rope_type="default", partial_rotary_factor=0.5))
    assert ignored.config.width == 64
    assert said(ignored, "partial_rotary_factor is ignored")
    assert from_hf(rope(rope_type="linear", factor=2.0, partial_rotary_factor=0.5)).config.width == 32


@pytest.mark.parametrize(
    ("raw", "width", "base", "pairing"),
    [
        ({**LLAMA, "model_type": "gpt_neox", "rotary_emb_base": 777}, 16, 777.0, "half"),
        ({**LLAMA, "model_type": "gpt_neox", "rotary_pct": 0.5}, 32, 10000.0, "half"),
        ({**LLAMA, "model_type": "phi"}, 32, 10000.0, "half"),
        ({**LLAMA, "model_type": "glm4", "head_dim": 64}, 32, 10000.0, "interleaved"),
        (
            {"model_type": "gptj", "n_embd": 4096, "n_head": 16, "n_positions": 2048, "rotary_dim": 64},
            64, 10000.0, "interleaved",
        ),
        ({**LLAMA, "model_type": "unheard_of", "partial_rotary_factor": 0.5}, 32, 10000.0, "half"),
        ({**LLAMA, "model_type": "deepseek_v3", "qk_rope_head_dim": 32}, 32, 10000.0, "interleaved"),
        ({**LLAMA, "model_type": "deepseek_v3", "rope_interleave": False}, 64, 10000.0, "half"),
        ({**LLAMA, "model_type": "unheard_of", "qk_rope_head_dim": 16}, 16, 10000.0, "interleaved"),
    ],
)  # fmt: skip
def test_widths_bases_and_pairings(raw, width, base, pairing):
    result = from_hf(raw)
    assert (result.config.width, result.config.base, result.pairing) == (width, base, pairing)


def test_unknown_model_type_says_what_it_assumes():
    assert said(from_hf({**LLAMA, "model_type": "unheard_of"}), 'pairing is taken to be "half"')


GEMMA = {"model_type": "gemma3_text", "hidden_size": 640, "num_attention_heads": 8, "rope_theta": 2e6}


def test_gemma_3_legacy_keys():
    raw = {**GEMMA, "rope_local_base_freq": 5e3, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}
    full, sliding = (from_hf(raw, layer_type=name) for name in ("full_attention", "sliding_attention"))
    assert (full.config.base, full.scaling) == (2e6, PositionInterpolation(8.0))
    assert (sliding.config.base, sliding.scaling) == (5e3, Unscaled())
    assert full.config.context_length == 131072
    assert said(full, "max_position_embeddings is absent")


def test_gemma_3_does_not_read_the_old_name_of_the_type():
    full = from_hf({**GEMMA, "rope_scaling": {"type": "linear", "factor": 8.0}}, layer_type="full_attention")
    assert full.scaling == Unscaled()
    assert said(full, 'old key "type"')


def test_multimodal_configs_are_descended_into():
    inner = {key: value for key, value in GEMMA.items() if key != "model_type"}
    result = from_hf({"model_type": "gemma3", "text_config": inner}, layer_type="sliding_attention")
    assert result.config == RopeConfig(256, 10000.0, 131072)
    assert said(result, "text_config")


def test_modernbert_legacy_keys_scale_both_tables():
    raw = {**LLAMA, "model_type": "modernbert", "global_rope_theta": 8e4, "rope_scaling": {
        "rope_type": "linear", "factor": 2.0}}  # fmt: skip
    full, sliding = (from_hf(raw, layer_type=name) for name in ("full_attention", "sliding_attention"))
    assert (full.config.base, sliding.config.base) == (8e4, 1e4)
    assert full.scaling == sliding.scaling == PositionInterpolation(2.0)


def test_gemma_4_rotates_wider_heads_in_full_attention():
    raw = {**GEMMA, "model_type": "gemma4_text", "max_position_embeddings": 8192}
    full = from_hf(raw, layer_type="full_attention")
    assert (full.config.head_dim, full.scaling) == (512, Proportional(0.25))
    assert from_hf({**raw, "global_head_dim": 128}, layer_type="full_attention").config.head_dim == 128
    assert from_hf(raw, layer_type="sliding_attention").config.head_dim == 256


@pytest.mark.parametrize("layers", [{"99": {"head_dim": 8}}, {"x": {"head_dim": 8}}, {"0": 3}, {"-1": {}}])
def test_settings_of_layers_that_do_not_exist_are_refused(layers):
    raw = {**GEMMA, "model_type": "gemma4_text", "max_position_embeddings": 8192, "per_layer_config": layers}
    raw["layer_types"] = ["sliding_attention", "full_attention"]
    with pytest.raises(ValueError, match=r"per_layer_config must map a layer's number, 0 … 1 .* got '"):
        from_hf(raw, layer_type="full_attention")
    raw["per_layer_config"] = {"01": {"head_dim": 64}}
    assert from_hf(raw, layer_type="full_attention").config.head_dim == 64


def test_nested_tables_of_any_model():
    tables = {
        "full_attention": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e6, "truncate": False,
                           "original_max_position_embeddings": 1024},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        "linear_attention": None,
    }  # fmt: skip
    raw = {**LLAMA, "model_type": "unheard_of", "rope_parameters": tables}
    full = from_hf(raw, layer_type="full_attention")
    assert full.scaling == YaRN(4.0)
    assert said(full, "does not read truncate")
    assert from_hf(raw, layer_type="sliding_attention").config == RopeConfig(64, 1e4, 1024)
    with pytest.raises(ValueError, match="'linear_attention' has no RoPE"):
        from_hf(raw, layer_type="linear_attention")


# ---- refusing ----


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"model_type": "gpt2", "n_embd": 768, "n_head": 12, "n_positions": 1024}, "No RoPE in this config"),
        ({"model_type": "bert", "hidden_size": 768, "num_attention_heads": 12}, "No RoPE in this config"),
        ({"model_type": "bloom", "hidden_size": 64, "n_head": 8}, "No RoPE in this config"),
        ({**LLAMA, "model_type": "falcon", "alibi": True}, "alibi"),
        ({"hidden_size": 64, "num_attention_heads": 8}, "No RoPE in this config"),
        (rope(rope_type="ntk", factor=2.0), "rope_type must be one of 'default', 'linear', .*, got 'ntk'"),
        (rope(rope_type="mrope"), "positions in several dimensions"),
        (legacy(type="mrope", mrope_section=[8, 12, 12]), "positions in several dimensions"),
        (rope(rope_type="default", mrope_section=[8, 12, 12]), "mrope_section"),
        (rope(rope_type="dynamic", factor=2.0, xdrope_section=[8, 24]), "xdrope_section"),
        (rope(rope_type="axial"), "'axial'"),
        ({**LLAMA, "model_type": "qwen2_vl"}, "several positions a token"),
        (rope(rope_type="linear"), "factor is missing: rope type 'linear' needs it"),
        (rope(rope_type="yarn"), "factor is missing"),
        (rope(rope_type="linear", factor=0.5), "factor must be at least 1"),
        (rope(rope_type="yarn", factor=None, original_max_position_embeddings=8192), "factor must be at least"),
        (rope(rope_type="yarn", factor=2.0, attention_factor=0.0), "attention_factor must be above 0"),
        (rope(rope_type="yarn", factor=2.0, beta_fast=1.0, beta_slow=2.0), "must be below beta_fast"),
        (rope(rope_type="llama3", factor=8.0), "low_freq_factor is missing"),
        (rope(rope_type="longrope", short_factor=[1.0] * 32), "long_factor is missing"),
        (rope(rope_type="longrope", **LISTS), "have 4 entries, but rotary_dim 64 has 32 pairs"),
        ({**PHI, "rope_scaling": {"type": "su", **LISTS, "long_factor": [1.0]}}, "long_factor 1; both need"),
        (rope(rope_theta=1.0), "rope_theta must be above 1"),
        ({**LLAMA, "head_dim": 63}, "head_dim must be an even head width, got 63"),
        ({**LLAMA, "hidden_size": 200}, "num_attention_heads must be an even head width, got 25"),
        ({**LLAMA, "model_type": "phi", "partial_rotary_factor": 0.55}, "rotary_factor 0.55 of head_dim 64"),
        ({**LLAMA, "model_type": "phi", "partial_rotary_factor": 1.5}, r"must lie in \(0, 1\]"),
        ({**LLAMA, "model_type": "gptj", "rotary_dim": 128}, "rotary_dim 128 of head_dim 64"),
        ({**LLAMA, "num_attention_heads": None}, "head_dim is missing: the head dimension is unknown"),
        ({**LLAMA, "max_position_embeddings": None}, "max_position_embeddings is missing"),
        ({**LLAMA, "qk_rope_head_dim": 31}, "qk_rope_head_dim must be even"),
        (OLMO, "give layer_type, one of 'full_attention', 'sliding_attention'"),
        ({**GEMMA, "rope_parameters": {"rope_type": "default"}}, "must hold one dictionary for each layer type"),
    ],
)  # fmt: skip
def test_refusals_in_words(raw, message):
    with pytest.raises(ValueError, match=message):
        from_hf(raw)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (3, "source must be a path"),
        (None, "source must be a path"),
        ({**LLAMA, "rope_scaling": "linear"}, "rope_scaling must be a dictionary"),
        (rope(rope_type=3), "rope_type must be a string"),
        (rope(rope_type="linear", factor="2"), "factor must be a number"),
        ({**LLAMA, "hidden_size": "512"}, "hidden_size must be an integer"),
        ({**LLAMA, "model_type": 3}, "model_type must be a string"),
    ],
)
def test_wrong_types(source, message):
    with pytest.raises(TypeError, match=message):
        from_hf(source)


def test_layer_type_is_checked():
    with pytest.raises(ValueError, match=r"'linear_attention' does not exist .* 'full_attention'"):
        from_hf(OLMO, layer_type="linear_attention")
    with pytest.raises(ValueError, match="one table for all layers"):
        from_hf(LLAMA, layer_type="full_attention")
    with pytest.raises(TypeError, match="layer_type must be a string"):
        from_hf(OLMO, layer_type=3)


def test_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"local config\.json or a folder"):
        from_hf("meta-llama/Llama-3.1-8B")
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        from_hf(tmp_path)
    (tmp_path / "config.json").write_text("{nonsense")
    with pytest.raises(ValueError, match="not valid JSON"):
        from_hf(tmp_path)
    (tmp_path / "config.json").write_text("[1, 2]")
    with pytest.raises(ValueError, match="must hold a JSON object, got list"):
        from_hf(tmp_path)


# ---- the way back ----

CONFIG = RopeConfig(64, 10000.0, 4096)
PARTIAL = RopeConfig(92, 500000.0, 4096, rotary_dim=46)
ways = st.sampled_from([CONFIG, PARTIAL, RopeConfig(128, 1e6, 8192), RopeConfig(80, 10000.0, 2048, 32)])
sizes = st.floats(1.0, 64.0)


@st.composite
def scaled(draw):
    config, factor = draw(ways), draw(sizes)
    divisors = st.lists(st.floats(0.5, 64.0), min_size=config.pairs, max_size=config.pairs)
    ramp, truncate = draw(st.sampled_from(["paper", "transformers"])), draw(st.booleans())
    kinds = [
        Unscaled(), PositionInterpolation(factor), NTKAware(factor), DynamicNTK(factor),
        DynamicNTK(factor, reference_length=config.context_length),
        NTKByParts(factor, alpha=0.5, beta=16.0, ramp=ramp, truncate=truncate),
        YaRN(factor, ramp=ramp, truncate=truncate), YaRN(factor, 20.0, 2.0, ramp=ramp, attention_factor=1.1),
        LongRoPE(draw(divisors), draw(divisors)), LongRoPE(draw(divisors), draw(divisors), factor=factor),
        LongRoPE(draw(divisors), draw(divisors), factor=factor, attention_factor=1.3), Llama3(factor),
    ]  # fmt: skip
    if config.width == config.head_dim:
        kinds.append(Proportional(0.3, factor))
    return config, draw(st.sampled_from(kinds))


def model_config(config):
    return {
        "model_type": "llama", "hidden_size": 4 * config.head_dim, "num_attention_heads": 4,
        "head_dim": config.head_dim, "max_position_embeddings": config.context_length,
    }  # fmt: skip


def same_table(ours, read, length):
    # a divisor list says θ up to two roundings; every other form says it exactly
    assert np.allclose(ours.theta, read.frequencies(length).theta, rtol=1e-14, atol=0.0)
    assert read.frequencies(length).attention_factor == ours.attention_factor
    assert read.config.context_length == ours.config.context_length


@given(scaled(), st.none() | st.integers(1, 65536))
def test_round_trip(case, length):
    config, scaling = case
    ours = scaling.frequencies(config, length)
    new = to_hf(config, scaling)
    same_table(ours, from_hf({**model_config(config), "rope_parameters": new}), length)
    assert json.loads(json.dumps(new)) == new
    if isinstance(scaling, Proportional):
        with pytest.raises(ValueError, match="no legacy form"):
            to_hf(config, scaling, legacy=True)
    else:
        old = to_hf(config, scaling, legacy=True)
        same_table(ours, from_hf({**model_config(config), **old}), length)
        assert "rope_theta" not in (old["rope_scaling"] or {})


@given(scaled(), st.none() | st.integers(1, 65536))
def test_round_trip_through_transformers(case, length):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    transformers.logging.set_verbosity_error()
    config, scaling = case
    ours = scaling.frequencies(config, length)
    forms = [{"rope_parameters": to_hf(config, scaling)}]
    if not isinstance(scaling, Proportional):
        forms.append(to_hf(config, scaling, legacy=True))
    for form in forms:
        keys = {key: value for key, value in model_config(config).items() if key != "model_type"}
        model = transformers.LlamaConfig(**keys, **form)
        kind = model.rope_parameters["rope_type"]
        if kind == "default":
            theta, factor = LlamaRotaryEmbedding.compute_default_rope_parameters(model)
        else:
            theta, factor = ROPE_INIT_FUNCTIONS[kind](model, seq_len=length)
        theta = theta.to(torch.float64).numpy()
        assert np.allclose(theta, ours.theta, rtol=1e-5, atol=0.0)
        assert factor == pytest.approx(ours.attention_factor, rel=1e-12)


def test_plain_forms():
    assert to_hf(CONFIG, Unscaled()) == {"rope_theta": 10000.0, "rope_type": "default"}
    assert to_hf(CONFIG, Unscaled(), legacy=True) == {"rope_theta": 10000.0, "rope_scaling": None}
    assert to_hf(CONFIG, PositionInterpolation(4), legacy=True) == {
        "rope_theta": 10000.0,
        "rope_scaling": {"rope_type": "linear", "factor": 4.0},
    }
    assert to_hf(CONFIG, NTKAware(4.0)) == {"rope_theta": 10000.0 * 4 ** (64 / 62), "rope_type": "default"}
    assert to_hf(CONFIG, NTKByParts(4.0, ramp="transformers"))["attention_factor"] == 1.0
    assert to_hf(CONFIG, YaRN(4.0))["rope_type"] == "yarn"
    assert to_hf(CONFIG, YaRN(4.0, ramp="paper"))["rope_type"] == "longrope"


def test_partly_rotated_heads_are_written_so_that_every_class_rotates_them_partly():
    assert to_hf(PARTIAL, Unscaled()) == {
        "rope_theta": 500000.0, "rope_type": "linear", "factor": 1.0, "partial_rotary_factor": 0.5,
    }  # fmt: skip
    assert to_hf(PARTIAL, Unscaled(), legacy=True)["partial_rotary_factor"] == 0.5


@pytest.mark.parametrize("head_dim", range(4, 260, 2))
def test_the_share_survives_the_truncation_of_transformers(head_dim):
    for width in range(2, head_dim, 2):
        share = to_hf(RopeConfig(head_dim, rotary_dim=width), Unscaled())["partial_rotary_factor"]
        assert int(head_dim * share) == width


def test_to_hf_refuses_in_words():
    class Own(Scaling):
        def _theta(self, config, length):
            return np.ones(config.pairs)

    class Follower(Own):
        def _theta(self, config, length):
            return np.ones(config.pairs) / (length or 1)

    class Late(Own):
        def _theta(self, config, length):
            return np.ones(config.pairs) / (4.0 if 2 < (length or 0) / config.context_length < 8 else 1.0)

    class Tiny(Own):
        def _theta(self, config, length):
            return np.full(config.pairs, 1e-300)

    class Still(Own):
        def _theta(self, config, length):
            return np.zeros(config.pairs)

    with pytest.raises(ValueError, match="Set it to 8192 there"):
        to_hf(CONFIG, DynamicNTK(4.0, reference_length=8192))
    with pytest.raises(ValueError, match="no legacy form"):
        to_hf(CONFIG, Proportional(0.5), legacy=True)
    with pytest.raises(ValueError, match="must equal head_dim"):
        to_hf(PARTIAL, Proportional(0.5))
    with pytest.raises(TypeError, match=r"scaling must be one of Unscaled, .*, or a Scaling of your own, got ABCMeta"):
        to_hf(CONFIG, Own)
    with pytest.raises(ValueError, match="Follower has another table at"):
        to_hf(CONFIG, Follower())
    with pytest.raises(ValueError, match="Late has another table at"):
        to_hf(CONFIG, Late())
    with pytest.raises(ValueError, match="float32 has no such table"):
        to_hf(CONFIG, Tiny())
    with pytest.raises(ValueError, match="Still has a pair with θ = 0"):
        to_hf(CONFIG, Still())
    with pytest.raises(TypeError, match="scaling must be one of"):
        to_hf(CONFIG, "yarn")
    with pytest.raises(TypeError, match="config must be a RopeConfig"):
        to_hf(LLAMA, Unscaled())


def test_reading_a_config_imports_neither_transformers_nor_torch():
    code = (
        "import sys, rope_theory as rt; "
        f"rt.from_hf({str(CONFIGS / 'llama-3.1-8b-instruct.json')!r}).frequencies(); "
        "print(sorted({'transformers', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("model_type", ["ministral3", "cwm", "apertus", "gpt_oss", "llama", "mixtral"])
@pytest.mark.parametrize(
    "extra",
    [
        {"rope_parameters": {"rope_type": "linear", "factor": 2.0}},
        {"rope_scaling": {"rope_type": "linear", "factor": 2.0}},
        {"rope_theta": 20000.0},
        {},
    ],
    ids=["dictionary without base", "legacy dictionary without base", "base without dictionary", "neither"],
)
def test_the_base_is_the_one_the_class_takes(model_type, extra):
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    widths = {"hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 4096}
    raw = {**widths, **extra}
    theirs = CONFIG_MAPPING[model_type](**json.loads(json.dumps(raw))).rope_parameters["rope_theta"]
    assert from_hf({**raw, "model_type": model_type}).config.base == theirs


@pytest.mark.parametrize("kind", ["mistral4", "glm_moe_dsa", "cohere2_moe", "axk1", "mistral_large4"])
def test_pairing_of_classes_known_by_name_only(kind):
    raw = {"model_type": kind, "head_dim": 64, "max_position_embeddings": 128, "rope_theta": 1e4}
    assert from_hf(raw).pairing == "interleaved"


@pytest.mark.parametrize(("value", "pairing"), [(True, "interleaved"), (False, "half")])
def test_unknown_classes_with_rope_interleave(value, pairing):
    raw = {"model_type": "new", "head_dim": 64, "max_position_embeddings": 128, "rope_theta": 1e4}
    record = from_hf({**raw, "rope_interleave": value})
    assert record.pairing == pairing
    assert any("is a guess" in note for note in record.notes)


def test_dynamic_refuses_a_trained_window_beyond_the_maximum():
    scaling = {"rope_type": "dynamic", "factor": 4.0, "original_max_position_embeddings": 8192}
    with pytest.raises(ValueError, match=r"contradict each other: rope type 'dynamic' counts from the latter"):
        from_hf({**LLAMA, "max_position_embeddings": 2048, "rope_scaling": scaling})


def test_a_scaling_of_ones_own_is_spelled_out_pair_by_pair():
    @dataclasses.dataclass(frozen=True)
    class Own(Scaling):
        factor: float

        def _theta(self, config, length):
            return Unscaled().frequencies(config).theta / np.linspace(1.0, self.factor, config.pairs)

        def _attention_factor(self, config):
            return 1.25

    written = to_hf(CONFIG, Own(4.0))
    assert written["rope_type"] == "longrope"
    read = from_hf({**LLAMA, "max_position_embeddings": 4 * CONFIG.context_length, "rope_parameters": written})
    table = Own(4.0).frequencies(read.config)
    assert read.frequencies().theta == pytest.approx(table.theta, rel=1e-15)
    assert read.frequencies().attention_factor == 1.25


@pytest.mark.parametrize("factor", [(1.0, 2.0), -3.0, "four"])
def test_what_ones_own_scaling_calls_a_factor_need_not_be_one(factor):
    class Own(Scaling):
        def _theta(self, config, length):
            return Unscaled().frequencies(config).theta

    own = Own()
    own.factor = factor
    assert "factor" not in to_hf(CONFIG, own)


def test_every_method_has_a_writer():
    methods = {value for value in vars(rt.scaling).values() if inspect.isclass(value) and issubclass(value, Scaling)}
    assert set(WRITERS) == methods - {Scaling}
