"""Classes with one rotary table per layer type: from_hf against the executed class, or a refusal in words.

Reference: config and rotary classes of the installed transformers, built from the same keys.
"""

import copy
import importlib
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from transformers.models.auto.configuration_auto import CONFIG_MAPPING  # noqa: E402

from rope_theory import from_hf  # noqa: E402
from rope_theory.precision import audit  # noqa: E402
from rope_theory.scaling.huggingface.facts import FACTS  # noqa: E402

KINDS = sorted(kind for kind, facts in FACTS.items() if facts.tables)
NAMES = ("full_attention", "sliding_attention")
SMALL = {
    "hidden_size": 64, "intermediate_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": 64,
    "max_position_embeddings": 512,
}  # fmt: skip
GEMMA_4 = {"model_type": "gemma4_text", **SMALL, "head_dim": 32, "num_hidden_layers": 6}


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Transformers logs what it thinks of such configs; only the numbers matter here."""
    before = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    yield
    transformers.logging.set_verbosity(before)


def executed(raw):
    """Return the config that transformers makes of the keys, before its rotary class runs and after, and the class."""
    kind = CONFIG_MAPPING[raw["model_type"]]
    module = importlib.import_module(kind.__module__.replace("configuration_", "modeling_"))
    name = next(
        name for name in vars(module)
        if name.endswith("RotaryEmbedding") and not any(part in name for part in ("Vision", "Audio"))
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the deprecated rope_scaling
        config = kind(**copy.deepcopy({key: value for key, value in raw.items() if key != "model_type"}))
        before = copy.deepcopy(config)
        return before, config, getattr(module, name)(config)


def is_the_table(source, layer_type, embedding):
    """Compare one table; False where from_hf refuses."""
    try:
        read = from_hf(source, layer_type=layer_type)
    except (TypeError, ValueError):
        return False
    ours, buffer = read.frequencies(), getattr(embedding, f"{layer_type}_inv_freq").double().numpy()
    assert ours.theta.shape == buffer.shape, (source, layer_type)
    assert np.allclose(ours.theta, buffer, rtol=2e-5, atol=0.0), (source, layer_type)
    scaling = getattr(embedding, f"{layer_type}_attention_scaling")
    assert ours.attention_factor == pytest.approx(scaling, rel=1e-6)
    return True


def maybe(strategy):
    return st.none() | strategy


@st.composite
def dictionaries(draw):
    kind = draw(st.sampled_from(["default", "linear", "dynamic", "yarn", "llama3", "longrope", "proportional", None]))
    rope = {} if kind is None else {draw(st.sampled_from(["rope_type"] * 5 + ["type"])): kind}
    if kind in ("linear", "dynamic", "yarn", "llama3"):
        rope["factor"] = draw(st.sampled_from([2.0, 8.0]))
    if kind in ("yarn", "llama3", "longrope") and draw(st.booleans()):
        rope["original_max_position_embeddings"] = draw(st.sampled_from([64, 128]))
    if kind == "llama3":
        rope |= {"low_freq_factor": 1.0, "high_freq_factor": 4.0}
    if kind == "longrope":
        rope |= {"short_factor": [1.0] * 16, "long_factor": [2.0] * 16}
    for key, choices in (("rope_theta", [5e3, 3e4]), ("partial_rotary_factor", [0.25, 0.5])):
        if draw(st.integers(0, 2)) == 0:
            rope[key] = draw(st.sampled_from(choices))
    return rope


@st.composite
def raws(draw):
    layers = draw(st.sampled_from([2, 6, 7]))
    raw = {"model_type": draw(st.sampled_from(KINDS)), **SMALL, "num_hidden_layers": layers}
    optional = {
        "head_dim": [32], "rope_theta": [54321.0], "rope_local_base_freq": [5000.0], "global_rope_theta": [70000.0],
        "local_rope_theta": [6000.0], "partial_rotary_factor": [0.5], "kv_channels": [16], "attention_head_dim": [16],
        "original_max_position_embeddings": [256], "global_head_dim": [32, 64, None], "sliding_window_pattern": [2],
    }  # fmt: skip
    for key, choices in optional.items():
        if draw(st.integers(0, 3)) == 0:
            raw[key] = draw(st.sampled_from(choices))
    if draw(st.integers(0, 2)) == 0:
        raw["layer_types"] = draw(st.lists(st.sampled_from(NAMES), min_size=layers, max_size=layers))
    if draw(st.integers(0, 4)) == 0:
        settings = st.sampled_from([{"head_dim": 64}, {"head_dim": 32}, {}, {"num_key_value_heads": 2}])
        keys = st.integers(0, layers - 1) | st.integers(0, layers - 1).map(str)
        raw["per_layer_config"] = draw(maybe(st.dictionaries(keys, settings, max_size=layers)))
    nested = st.fixed_dictionaries({name: maybe(dictionaries()) for name in NAMES})
    partial = st.dictionaries(st.sampled_from(NAMES), dictionaries(), max_size=2)
    if draw(st.booleans()):
        raw["rope_parameters"] = draw(nested | partial | dictionaries() | st.none())
    if draw(st.integers(0, 2)) == 0:
        raw["rope_scaling"] = draw(dictionaries() | nested | st.none())
    return raw


def is_read_as_executed(raw):
    try:
        before, after, embedding = executed(raw)
    except Exception:  # whatever the class raises, there is no table to compare with
        return
    for name in NAMES:
        if hasattr(embedding, f"{name}_inv_freq"):
            is_the_table(raw, name, embedding)
            assert is_the_table(before, name, embedding) == is_the_table(after, name, embedding)


@settings(max_examples=100)
@given(raws())
def test_random_configs_are_read_as_executed_or_refused(raw):
    is_read_as_executed(raw)


@pytest.mark.slow
@settings(max_examples=2000)
@given(raws())
def test_two_thousand_configs_are_read_as_executed_or_refused(raw):
    is_read_as_executed(raw)


LINEAR = {"rope_type": "linear", "factor": 2.0}
DEFAULT = {"rope_type": "default"}


@pytest.mark.parametrize(
    ("keys", "full", "sliding"),
    [
        ({}, 512, 32),
        ({"rope_theta": 54321.0}, 512, 32),
        ({"global_head_dim": 32}, 32, 32),
        ({"global_head_dim": 64}, 64, 32),
        ({"per_layer_config": {}}, 32, 32),
        ({"per_layer_config": None}, 32, 32),
        ({"per_layer_config": {5: {"head_dim": 64}}, "global_head_dim": 128}, 64, 32),
        ({"per_layer_config": {"5": {"num_key_value_heads": 2}}}, 32, 32),
        ({"rope_theta": 54321.0, "rope_parameters": {NAMES[0]: LINEAR, NAMES[1]: LINEAR}}, 512, 32),
        ({"rope_theta": 54321.0, "rope_parameters": {NAMES[0]: LINEAR, NAMES[1]: DEFAULT}}, 512, 32),
        ({"rope_theta": 5e4, "rope_parameters": {NAMES[0]: {**DEFAULT, "rope_theta": 7e3}, NAMES[1]: LINEAR}}, 512, 32),
        (
            {"partial_rotary_factor": 0.5, "rope_theta": 9e4, "rope_parameters": {NAMES[0]: LINEAR, NAMES[1]: DEFAULT}},
            256, 32,
        ),
        ({"rope_theta": 54321.0, "rope_scaling": {NAMES[0]: LINEAR, NAMES[1]: DEFAULT}}, 512, 32),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["gemma4_text", "gemma4_unified_text"])
def test_gemma_4(kind, keys, full, sliding):
    """Widths, and a top-level rope_theta that completes the dictionaries once one of them is not "default"."""
    raw = {**GEMMA_4, "model_type": kind, **keys}
    before, after, embedding = executed(raw)
    for source in (raw, before, after):
        for name, width in zip(NAMES, (full, sliding), strict=True):
            assert is_the_table(source, name, embedding)
            assert 2 * len(from_hf(source, layer_type=name).frequencies()) == width


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"rope_parameters": {NAMES[0]: DEFAULT, NAMES[1]: {**DEFAULT, "rope_theta": 1e4}}}, "rope_theta is missing"),
        ({"rope_theta": 5e4, "rope_parameters": {NAMES[0]: DEFAULT, NAMES[1]: LINEAR}}, "rope_theta is missing"),
        ({"rope_parameters": {NAMES[0]: LINEAR, NAMES[1]: LINEAR}}, "rope_theta is missing"),
        ({"rope_parameters": {NAMES[0]: LINEAR}}, "sliding_attention is missing in the RoPE dictionaries"),
        ({"rope_parameters": {}}, "full_attention is missing in the RoPE dictionaries"),
        ({"rope_scaling": None}, "rope_scaling is null"),
        ({"rope_parameters": LINEAR}, "one dictionary for each layer type"),
        ({"per_layer_config": {0: {"head_dim": 64}}}, "several head dimensions"),
        ({"global_head_dim": None}, "must be an integer"),
        ({"layer_types": "full_attention"}, "one string per layer"),
    ],
)
def test_what_gemma_4_cannot_be_built_from_is_refused(keys, words):
    raw = {**GEMMA_4, **keys}
    with pytest.raises(Exception):  # noqa: B017, PT011 - KeyError, TypeError, ValueError and errors of strict dataclasses
        executed(raw)
    name = NAMES[1] if keys.get("per_layer_config") else NAMES[0]
    with pytest.raises((TypeError, ValueError), match=words):
        from_hf(raw, layer_type=name)


@pytest.mark.parametrize("kind", ["gemma4_text", "gemma4_unified_text", "embedding_gemma2_text"])
@pytest.mark.parametrize("width", [16, 32])
def test_a_healthy_model_passes_its_audit(kind, width):
    raw = {**SMALL, "head_dim": 16, "global_head_dim": width, "num_hidden_layers": 2}
    if kind == "gemma4_text":
        raw |= {"vocab_size_per_layer_input": 64, "hidden_size_per_layer_input": 8}
    report = audit(transformers.AutoModel.from_config(CONFIG_MAPPING[kind](**raw)))
    assert report.ok, report.verdict
    assert {row.pairs for row in report.rows} == {8, width // 2}


def test_keys_of_other_classes_are_not_read():
    """kv_channels and attention_head_dim are head dimensions of classes this package does not know."""
    assert from_hf({"model_type": "llama", **SMALL, "kv_channels": 16}).config.head_dim == 32
    assert from_hf({**SMALL, "kv_channels": 16, "rope_theta": 1e4}).config.head_dim == 16
