"""Every rule on a config that breaks it: severity, what was meant, what happens, and the config that mends it."""

import json
from pathlib import Path

import numpy as np
import pytest

from rope_theory import from_hf
from rope_theory.doctor import RULES, diagnose
from rope_theory.doctor._diagnose import corrected, examined
from rope_theory.doctor.case import opened
from tests.doctor.configs import LLAMA_3, ORIGINAL, llama, longrope, yarn

CONFIGS = sorted((Path(__file__).parents[1] / "reference" / "configs").glob("*.json"))


def findings(config, name):
    return [finding for finding in examined(opened(config)) if finding.name == name]


def only(config, name, severity):
    found = findings(config, name)
    assert [finding.severity for finding in found] == [severity], [item.name for item in examined(opened(config))]
    return found[0]


def mended(config):
    case = opened(config)
    return corrected(case, examined(case))


def quiet(config):
    """No warning and no error."""
    assert [item for item in examined(opened(config)) if item.severity != "info"] == []


def theta(config):
    return opened(config).readings[None].frequencies().theta


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_clean_config_gives_no_warning(path):
    quiet(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_old_and_new_spelling_of_a_released_config_have_one_table(path):
    old = json.loads(path.read_text())
    scaling = old.get("rope_scaling") or {"rope_type": "default"}
    kind = scaling.get("rope_type", scaling.get("type"))
    flat = {key: value for key, value in scaling.items() if key != "type"}
    new = {key: value for key, value in old.items() if key not in ("rope_scaling", "rope_theta")}
    new["rope_parameters"] = {**flat, "rope_type": kind, "rope_theta": old["rope_theta"]}
    if old["model_type"] == "olmo3":
        plain = {"rope_type": "default", "rope_theta": old["rope_theta"]}
        new["rope_parameters"] = {"full_attention": new["rope_parameters"], "sliding_attention": plain}
    elder = {
        **old,
        "rope_scaling": {**flat, "type": kind}
        if kind != "default" and old["model_type"] != "olmo3"
        else old.get("rope_scaling"),
    }
    tables = [diagnose(config).tables for config in (old, new, elder)]
    for other in tables[1:]:
        for before, after in zip(tables[0], other, strict=True):
            assert before.frequencies.config == after.frequencies.config
            for one, two in (("frequencies", "frequencies"), ("frequencies_extended", "frequencies_extended")):
                assert np.array_equal(getattr(before, one).theta, getattr(after, two).theta)
                assert getattr(before, one).attention_factor == getattr(after, two).attention_factor
    quiet(new)
    quiet(elder)


def test_yarn_without_its_original_window():
    config = llama(32768, rope_scaling=yarn())
    found = only(config, "original_length_missing", "warning")
    assert "39 of 64 frequencies differ from the corrected table, by a factor up to 4.9" in found.happens
    assert found.corrected["rope_scaling"][ORIGINAL] == 4096
    quiet(mended(config))
    assert from_hf(mended(config)).config.context_length == 4096


@pytest.mark.parametrize(
    ("config", "window"),
    [
        (llama(4096, rope_scaling=yarn(8.0)), 4096),
        (llama(32768, rope_theta=1e6, rope_scaling=yarn(4.0)), 32768),
        (llama(131072, rope_theta=5e5, rope_scaling=LLAMA_3), 8192),
        (llama(32768, rope_theta=1e6, rope_scaling=yarn(None)), 32768),
    ],
)
def test_the_probable_window_depends_on_the_base(config, window):
    """Llama 2, Qwen 2.5 and Llama 3.1 as people write them: the window is the trained one, and known."""
    only(config, "original_length_missing", "warning")
    assert from_hf(mended(config)).config.context_length == window
    quiet(mended(config))


def test_original_window_at_two_places():
    config = llama(32768, original_max_position_embeddings=4096, rope_scaling=yarn(4.0, **{ORIGINAL: 8192}))
    found = only(config, "original_length_twice", "warning")
    assert "4096 at top level overrides the 8192" in found.happens
    assert found.corrected[ORIGINAL] == found.corrected["rope_scaling"][ORIGINAL] == 8192
    quiet(mended(config))
    right_at_top = llama(32768, original_max_position_embeddings=8192, rope_scaling=yarn(4.0, **{ORIGINAL: 32768}))
    assert mended(right_at_top)["rope_scaling"][ORIGINAL] == 8192
    neither = llama(32768, original_max_position_embeddings=1024, rope_scaling=yarn(4.0, **{ORIGINAL: 2048}))
    assert only(neither, "original_length_twice", "warning").edits == ()


@pytest.mark.parametrize(
    ("factor", "given", "corrected"), [(4.0, 0.8782488562869419, 1.0), (4.0, 1.1, 1.1), (4.0, 0.87825, 1.0)]
)
def test_attn_factor_is_no_key(factor, given, corrected):
    config = llama(131072, rope_scaling=yarn(factor, attn_factor=given, **{ORIGINAL: 32768}))
    found = only(config, "attn_factor_is_no_key", "warning")
    assert "1.1386" in found.happens
    assert found.corrected["rope_scaling"]["attention_factor"] == corrected
    assert "attn_factor" not in found.corrected["rope_scaling"]
    assert from_hf(mended(config)).frequencies().attention_factor == corrected
    quiet(mended(config))


@pytest.mark.parametrize(
    ("scaling", "applied"),
    [
        (yarn(8.0, attention_factor=1.0, **{ORIGINAL: 4096}), "1.0000"),
        ({"rope_type": "linear", "factor": 4.0}, "1.0000"),
        ({**LLAMA_3, ORIGINAL: 4096}, "1.0000"),
        (longrope(**{ORIGINAL: 4096}), "1.1180"),
        (yarn(8.0, mscale=1.0, mscale_all_dim=1.0, **{ORIGINAL: 4096}), "1.0000"),
    ],
)
def test_attn_factor_beside_other_keys_and_types(scaling, applied):
    config = llama(32768, rope_scaling={**scaling, "attn_factor": 0.8})
    assert applied in only(config, "attn_factor_is_no_key", "warning").happens
    corrected_keys = only(config, "attn_factor_is_no_key", "warning").corrected["rope_scaling"]
    assert corrected_keys.get("attention_factor") == (
        0.8 if "short_factor" in scaling or "mscale" in scaling else scaling.get("attention_factor")
    )


def test_factor_and_ratio_differ():
    config = llama(40960, rope_scaling=yarn(4.0, **{ORIGINAL: 32768}))
    found = only(config, "factor_is_not_the_ratio", "warning")
    assert "1.25; transformers 5 warns and uses factor 4" in found.happens
    assert mended(config)["max_position_embeddings"] == 131072
    quiet(mended(config))
    only(llama(4096, rope_scaling=yarn(4.0, **{ORIGINAL: 4096})), "factor_is_not_the_ratio", "info")
    assert findings(llama(32768, rope_scaling=yarn(8.0, **{ORIGINAL: 4096})), "factor_is_not_the_ratio") == []


def test_dynamic_with_a_raised_maximum():
    config = llama(16384, rope_scaling={"rope_type": "dynamic", "factor": 4.0, ORIGINAL: 4096})
    found = only(config, "dynamic_counts_from_the_maximum", "warning")
    assert "between 4096 and 16384 tokens nothing is scaled" in found.happens
    assert mended(config)["max_position_embeddings"] == 4096
    quiet(mended(config))
    plain = llama(4096, rope_scaling={"rope_type": "dynamic", "factor": 4.0})
    only(plain, "dynamic_counts_from_the_maximum", "info")
    only(plain, "dynamic_has_a_memory", "info")


def test_longrope_switches_at_its_window():
    config = llama(16384, rope_scaling=longrope(**{ORIGINAL: 4096}))
    assert (
        "4096 tokens exactly still use the short list"
        in only(config, "longrope_switches_at_the_window", "info").happens
    )
    phi = {**config, "model_type": "phi3"}
    assert "drops the cache" in only(phi, "longrope_switches_at_the_window", "info").happens
    same = llama(16384, rope_scaling=longrope(short_factor=[4.0] * 64, **{ORIGINAL: 4096}))
    assert findings(same, "longrope_switches_at_the_window") == []


def test_llama3_that_extends_nothing():
    config = llama(8192, rope_scaling={**LLAMA_3, ORIGINAL: 8192})
    only(config, "llama3_without_extension", "warning")
    assert mended(config)["max_position_embeddings"] == 65536


@pytest.mark.parametrize(("key", "value"), [("mscale", 0.707), ("mscale_all_dim", 1.0)])
def test_one_mscale_alone(key, value):
    config = llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096, key: value}))
    found = only(config, "mscale_alone", "warning")
    assert "1.2079" in found.happens
    same = llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096, "mscale": 1.0}))
    only(same, "mscale_alone", "info")
    meant = 1.0 + 0.0707 * np.log(8) if key == "mscale" else 1.0 / (1.0 + 0.1 * np.log(8))
    assert found.corrected["rope_scaling"]["attention_factor"] == pytest.approx(meant)
    quiet(mended(config))


def test_zero_reads_as_absent():
    config = llama(32768, rope_scaling=yarn(beta_slow=0, **{ORIGINAL: 4096}))
    assert "means 1" in only(config, "beta_of_zero", "warning").happens
    assert np.array_equal(theta(config), theta(mended(config)))


def test_reversed_ramp():
    config = llama(32768, rope_scaling=yarn(beta_fast=1, beta_slow=32, **{ORIGINAL: 4096}))
    only(config, "ramp_is_reversed", "error")
    assert opened(config).readings == {}
    quiet(mended(config))


def test_a_ramp_without_width():
    config = llama(32768, rope_scaling=yarn(beta_fast=2, beta_slow=2, **{ORIGINAL: 4096}))
    assert "a step there" in only(config, "ramp_is_reversed", "error").happens
    quiet(mended(config))


def test_ramp_past_the_last_pair():
    config = llama(4 * 131072, rope_scaling=yarn(4.0, **{ORIGINAL: 131072}))
    assert "69.1" in only(config, "ramp_past_the_last_pair", "info").meant
    assert findings(llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096})), "ramp_past_the_last_pair") == []


@pytest.mark.parametrize("kind", ["yarn", "llama3", "linear"])
def test_factor_missing(kind):
    config = llama(32768, rope_scaling={**LLAMA_3, ORIGINAL: 4096, "rope_type": kind})
    del config["rope_scaling"]["factor"]
    only(config, "factor_missing", "error")
    assert from_hf(mended(config)).scaling.factor == 8.0


def test_numbers_as_text():
    config = llama("32768", rope_theta="10000", rope_scaling=yarn("8.0", **{ORIGINAL: "4096"}))
    keys = {finding.key for finding in findings(config, "number_as_text")}
    assert keys == {"max_position_embeddings", "rope_theta", "rope_scaling.factor", f"rope_scaling.{ORIGINAL}"}
    quiet(mended(config))
    assert from_hf(mended(config)).config.context_length == 4096


def test_equal_ends_of_llama3_make_a_step():
    config = llama(131072, rope_theta=5e5, rope_scaling={**LLAMA_3, "high_freq_factor": 1.0, ORIGINAL: 8192})
    quiet(config)
    turns = 8192 * 5e5 ** (-np.arange(64) / 64) / (2 * np.pi)
    assert np.allclose(theta(config), 5e5 ** (-np.arange(64) / 64) / np.where(turns > 1.0, 1.0, 8.0))


def test_factor_below_one():
    config = llama(rope_scaling={"rope_type": "linear", "factor": 0.25})
    found = only(config, "factor_below_one", "error")
    assert "4 times faster" in found.happens
    assert opened(config).readings == {}
    assert from_hf(mended(config)).scaling.factor == 4.0


def test_share_of_the_head_that_default_ignores():
    config = llama(partial_rotary_factor=0.5)
    found = only(config, "partial_rotary_ignored", "warning")
    assert "rotates all 128" in found.happens
    assert theta(config).size == 64
    assert theta(mended(config)).size == 32
    assert (
        findings(llama(partial_rotary_factor=0.5, rope_scaling={"rope_type": "linear", "factor": 2.0}), found.name)
        == []
    )
    new = llama(rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5})
    assert theta(mended(new)).size == 32


def test_truncate_inside_a_nested_table():
    inner = yarn(8.0, rope_theta=5e5, truncate=False, **{ORIGINAL: 8192})
    config = {
        "model_type": "olmo3", "hidden_size": 5120, "num_attention_heads": 40, "max_position_embeddings": 65536,
        "rope_parameters": {"full_attention": inner, "sliding_attention": {"rope_type": "default", "rope_theta": 5e5}},
    }  # fmt: skip
    found = only(config, "nested_truncate", "warning")
    assert "frequencies differ" in found.happens
    quiet(mended(config))
    assert from_hf(mended(config), layer_type="full_attention").scaling.truncate is False


def test_nested_tables_for_a_class_with_one():
    config = llama(rope_parameters={"full_attention": {"rope_type": "linear", "factor": 2.0}})
    only(config, "nested_for_one_table", "error")
    assert opened(config).readings == {}
    assert from_hf(mended(config)).scaling.factor == 2.0
    two = llama(rope_parameters={"a": {"rope_type": "linear", "factor": 2.0}, "b": {"rope_type": "default"}})
    assert only(two, "nested_for_one_table", "error").edits == ()


def test_su_without_its_own_window():
    config = {
        "model_type": "phi3", "hidden_size": 3072, "num_attention_heads": 32, "max_position_embeddings": 131072,
        "original_max_position_embeddings": 4096,
        "rope_scaling": {"type": "su", "short_factor": [1.0] * 48, "long_factor": [4.0] * 48},
    }  # fmt: skip
    assert "KeyError" in only(config, "alias_of_a_type", "warning").happens
    quiet(mended(config))
    config["rope_scaling"] = {**config["rope_scaling"], ORIGINAL: 4096}
    only(config, "alias_of_a_type", "info")


@pytest.mark.parametrize("name", ["mrope", "xdrope"])
def test_positions_in_several_dimensions_have_no_table(name):
    found = diagnose(llama(rope_scaling={"type": name, "mrope_section": [16, 24, 24]}))
    assert found.tables == ()
    assert found.severity == "error"
    assert [item.severity for item in found.findings if item.name == "alias_of_a_type"] == ["info"]


@pytest.mark.parametrize(
    ("name", "corrected"),
    [("yarnn", "yarn"), ("dynamic_ntk", "dynamic"), ("lama3", "llama3"), ("pi", "linear"), ("ntk-by-parts", "yarn")],
)
def test_unknown_types(name, corrected):
    config = llama(32768, rope_scaling={**LLAMA_3, "rope_type": name, "factor": 8.0, ORIGINAL: 4096})
    found = only(config, "unknown_type", "error")
    assert found.corrected["rope_scaling"]["rope_type"] == corrected
    assert opened(config).readings == {}
    assert opened(mended(config)).readings != {}


@pytest.mark.parametrize("key", ["rope_scaling", "rope_parameters"])
def test_ntk_is_a_larger_base(key):
    config = llama(16384, **{key: {"rope_type": "ntk", "factor": 4.0}})
    only(config, "unknown_type", "error")
    assert from_hf(mended(config)).config.base == pytest.approx(1e4 * 4 ** (128 / 126))


def test_telechat_yarn():
    config = llama(32768, rope_scaling={**yarn(8.0, **{ORIGINAL: 4096}), "rope_type": "telechat3-yarn"})
    assert from_hf(mended(config)).frequencies().attention_factor == pytest.approx(1.0 + 0.07 * np.log(8.0))


def test_ntk_where_the_base_has_another_key():
    config = {
        "model_type": "gpt_neox", "hidden_size": 512, "num_attention_heads": 8, "max_position_embeddings": 8192,
        "rotary_emb_base": 10000, "rope_scaling": {"type": "ntk", "factor": 4.0},
    }  # fmt: skip
    width = from_hf({**config, "rope_scaling": None}).config.width
    assert from_hf(mended(config)).config.base == pytest.approx(1e4 * 4 ** (width / (width - 2)))
    own = {"model_type": "gpt_oss", "hidden_size": 2880, "num_attention_heads": 64, "max_position_embeddings": 131072}
    config = {**own, "rope_scaling": {"type": "ntk", "factor": 4.0}}
    assert from_hf(mended(config)).scaling.name == "Unscaled"


def test_a_type_that_nobody_knows_is_left_alone():
    found = only(llama(rope_scaling={"rope_type": "spiral", "factor": 4.0}), "unknown_type", "error")
    assert found.edits == ()


def test_a_class_that_takes_longrope_only():
    phi = {**llama(16384), "model_type": "phi3", "rope_scaling": {"rope_type": "linear", "factor": 4.0}}
    assert "raises when the config is read" in only(phi, "type_refused_by_the_class", "error").happens
    assert findings(llama(rope_scaling={"rope_type": "linear", "factor": 4.0}), "type_refused_by_the_class") == []


def test_both_dictionaries():
    config = llama(
        rope_parameters={"rope_type": "yarn", "factor": 2.0, ORIGINAL: 2048},
        rope_scaling={"rope_type": "linear", "factor": 2.0},
    )
    only(config, "both_dictionaries", "warning")
    assert "rope_parameters" not in mended(config)
    assert opened(config).readings[None].scaling.name == "PositionInterpolation"


def test_misspelled_key():
    config = llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096}, beta_fats=16.0))
    found = only(config, "unread_key", "warning")
    assert found.corrected["rope_scaling"]["beta_fast"] == 16.0
    only(llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096}, finetuned=True)), "unread_key", "info")
    only(llama(rope_scaling={"rope_type": "linear", "factor": 2.0, ORIGINAL: 4096}), "unread_key", "info")


@pytest.mark.parametrize("key", ["rope_alpha", "compress_pos_emb", "rope_freq_base"])
def test_keys_of_other_engines(key):
    only(llama(**{key: 4}), "foreign_key", "warning")
    assert findings(llama(**{key: 1}), "foreign_key") == []


def test_integers_and_old_types_are_only_worth_knowing():
    config = llama(rope_scaling={"type": "linear", "factor": 2})
    quiet(config)
    assert only(config, "integer_factor", "info").corrected["rope_scaling"]["factor"] == 2.0
    only(config, "old_type_key", "info")
    only(llama(131072, rope_scaling={**LLAMA_3, ORIGINAL: 8192}), "two_field_dictionary", "info")


def test_old_type_key_where_nobody_reads_it():
    config = {
        "model_type": "olmo3", "hidden_size": 5120, "num_attention_heads": 40, "max_position_embeddings": 65536,
        "rope_theta": 5e5, "rope_scaling": {**yarn(**{ORIGINAL: 8192}), "type": "yarn"},
    }  # fmt: skip
    del config["rope_scaling"]["rope_type"]
    only(config, "old_type_key", "warning")
    assert from_hf(mended(config), layer_type="full_attention").scaling.name == "YaRN"


def test_two_types_and_none():
    config = llama(rope_scaling={"type": "dynamic", "rope_type": "linear", "factor": 2.0})
    only(config, "two_type_keys", "warning")
    config = llama(32768, rope_scaling={"factor": 8.0, "beta_fast": 32.0, ORIGINAL: 4096})
    found = only(config, "type_missing", "warning")
    assert found.corrected["rope_scaling"]["rope_type"] == "yarn"
    assert opened(config).readings[None].scaling.name == "Unscaled"


def test_null_type_and_alpha():
    only(llama(rope_scaling={"rope_type": None, "type": "linear", "factor": 2.0}), "null_type", "warning")
    alpha = {"rope_type": "dynamic", "alpha": 1000.0, "factor": 1.0}
    only(llama(rope_scaling=alpha), "alpha_of_another_class", "warning")
    hunyuan = {**llama(32768, rope_scaling=alpha), "model_type": "hunyuan_v1_dense"}
    assert findings(hunyuan, "alpha_of_another_class") == []
    assert diagnose(hunyuan).tables[0].extended_window == 32768


def test_bases():
    twice = llama(131072, rope_theta=1e6, rope_parameters={"rope_type": "default", "rope_theta": 5e5})
    only(twice, "base_given_twice", "warning")
    assert mended(twice)["rope_theta"] == 5e5
    moved = llama(131072, rope_theta=None, rope_parameters={"rope_type": "default", "rope_theta": 5e5})
    only(moved, "base_only_in_the_new_place", "info")
    short, lost = llama(4096, rope_theta=None), llama(131072, rope_theta=None)
    only(short, "base_missing", "info")
    only(lost, "base_missing", "warning")
    only(llama(131072, rope_theta=None, rope_scaling={**LLAMA_3, ORIGINAL: 8192}), "base_missing", "warning")
    only(llama(rope_theta=1e6), "base_instead_of_scaling", "info")
    remote = llama(auto_map={"AutoModel": "x.Y"}, rope_parameters={"rope_type": "default", "rope_theta": 1e4})
    only(remote, "default_type_of_remote_code", "info")
    only(llama(auto_map={"AutoModel": "x.Y"}, rope_scaling=None), "default_type_of_remote_code", "info")


def test_latent_attention_scales_its_softmax():
    config = {
        "model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128, "qk_rope_head_dim": 64,
        "max_position_embeddings": 163840, "rope_theta": 10000.0,
        "rope_scaling": yarn(40.0, mscale=1.0, mscale_all_dim=1.0, **{ORIGINAL: 4096}),
    }  # fmt: skip
    assert "1.8739" in only(config, "softmax_is_scaled_too", "info").meant
    quiet(config)


def test_some_layers_are_left_unscaled():
    found = only(
        json.loads(next(path for path in CONFIGS if "olmo" in path.stem).read_text()), "layers_left_unscaled", "info"
    )
    assert "sliding_attention" in found.happens


def test_new_keys_that_old_readers_miss():
    only(
        llama(131072, rope_parameters={**LLAMA_3, ORIGINAL: 8192, "rope_theta": 5e5}), "rope_parameters_unread", "info"
    )


def test_unknown_class():
    only(llama() | {"model_type": "brand_new"}, "pairing_is_a_guess", "info")


def test_static_scaling_and_attention_factor_are_said():
    config = llama(32768, rope_scaling=yarn(**{ORIGINAL: 4096}))
    only(config, "static_scaling_costs_inside", "info")
    assert "1.2079" in only(config, "attention_factor_elsewhere", "info").meant
    engines = {finding.engines for finding in diagnose(config).findings if finding.name == "engine_differs"}
    assert ("litgpt 0.5.13",) in engines


def test_length_beyond_the_phases_seen():
    found = [item for item in diagnose(llama(), 8192).findings if item.name == "beyond_the_phases_seen"]
    assert [item.severity for item in found] == ["warning"]
    assert "from 4096 tokens on" in found[0].happens
    assert all(item.severity == "info" for item in diagnose(llama(), 4096).findings)
    promised = diagnose(json.loads(next(path for path in CONFIGS if "llama" in path.stem).read_text()), 131072)
    assert all(item.severity == "info" for item in promised.findings)


def test_layers_that_slide_are_asked_for_their_own_window():
    olmo = json.loads(next(path for path in CONFIGS if "olmo" in path.stem).read_text())
    reaches = {one.layer_type: one.target_length for one in diagnose(olmo, 65536).reach}
    assert reaches == {"full_attention": 65536, "sliding_attention": 4096}
    assert all(item.severity == "info" for item in diagnose(olmo, 65536).findings)


def test_many_tables_are_refused():
    tables = {f"layer_{number}": {"rope_type": "default"} for number in range(300)}
    found = diagnose({**llama(), "model_type": "new", "rope_parameters": tables})
    assert found.tables == ()
    assert "300 layer types" in found.findings[0].happens


def test_keys_that_are_not_strings_are_named():
    finding = only(llama(rope_scaling={**yarn(4, **{ORIGINAL: 4096}), 3: 1}), "key_is_no_string", "warning")
    assert (finding.key, finding.happens) == ("rope_scaling", "Nothing reads 3.")


def test_every_rule_is_tried_here():
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in RULES if f'"{name}"' not in text and name != "what_the_lengths_mean"] == []
    only(llama(rope_scaling={"rope_type": "linear", "factor": 4.0}), "what_the_lengths_mean", "info")


@pytest.mark.parametrize(
    "config", [{}, {"model_type": "bert"}, {"alibi": True}, {"rope_theta": "x"}, {"rope_scaling": []}, {1: 2}]
)
def test_no_rope_is_an_error_and_no_table(config):
    found = diagnose(config)
    assert found.severity == "error"
    assert (found.tables, found.conformance.rows, found.reach) == ((), (), ())


def test_what_is_no_config():
    with pytest.raises(TypeError, match="source must be a path"):
        diagnose(3)
    with pytest.raises(FileNotFoundError, match="holds no config"):
        diagnose("nowhere/config.json")
    with pytest.raises(ValueError, match="target_length must be at least 2, got 1"):
        diagnose(llama(), 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"), ("[1, 2]", "must hold a JSON object"), ('{"a":' * 100000, "nested too deeply"),
        ('{"a":' * 900 + "1" + "}" * 900, None), ("{}" + " " * (1 << 24), "more than 16777216 bytes"),
    ],
)  # fmt: skip
def test_files_that_are_no_config(tmp_path, text, message):
    path = tmp_path / "config.json"
    path.write_text(text)
    if message is None:
        assert diagnose(path).severity == "error"
    else:
        with pytest.raises(ValueError, match=message):
            diagnose(path)
