"""Whatever a config holds, the doctor answers: random mutations of real ones."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rope_theory import from_hf
from rope_theory._core.records import json_ready
from rope_theory.doctor import diagnose
from rope_theory.doctor._conformance import conformance
from rope_theory.doctor._diagnose import corrected, examined
from rope_theory.doctor.case import opened
from rope_theory.scaling.huggingface._content import content_of
from tests.doctor import hostile
from tests.doctor.configs import LLAMA_3, ORIGINAL, llama, longrope, yarn

CONFIGS = sorted((Path(__file__).parents[1] / "reference" / "configs").glob("*.json"))
REAL = [json.loads(path.read_text(encoding="utf-8")) for path in CONFIGS]
REAL += [
    llama(32768, rope_scaling=yarn(mscale=1.0, mscale_all_dim=1.0, beta_fast=32, truncate=False, **{ORIGINAL: 4096})),
    llama(rope_parameters={"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}),
    llama(16384, rope_scaling=longrope(**{ORIGINAL: 4096})),
    {"model_type": "gemma3", "text_config": {"hidden_size": 2560, "num_attention_heads": 8, "rope_theta": 1e6}},
    {
        "model_type": "olmo3", "hidden_size": 5120, "num_attention_heads": 40, "max_position_embeddings": 65536,
        "rope_parameters": {"full_attention": yarn(**{ORIGINAL: 8192}), "sliding_attention": {"rope_type": "default"}},
    },
    {"model_type": "deepseek_v3", "hidden_size": 7168, "num_attention_heads": 128, "rope_scaling": {**LLAMA_3}},
]  # fmt: skip
KEYS = sorted(
    {key for config in REAL for key in config}
    | {key for config in REAL for key in (config.get("rope_scaling") or config.get("rope_parameters") or {})}
    | {"attn_factor", "alpha", "mrope_section", "qk_rope_head_dim", "rope_alpha", "layer_types", "per_layer_config"}
)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.integers(), st.floats(), st.text(max_size=6),
    st.sampled_from([0, 1, 2, 64, 4096, 131072, 1e4, 1e308, 10**400, -1.0, 0.5, "yarn", "su", "longrope", "llama3"]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=6,
)


@st.composite
def mutations(draw):
    config = copy.deepcopy(draw(st.sampled_from(REAL)))
    for _ in range(draw(st.integers(1, 4))):
        places = [config, *(value for value in config.values() if isinstance(value, dict))]
        places += [inner for place in places[1:] for inner in place.values() if isinstance(inner, dict)]
        place = draw(st.sampled_from(places))
        key = draw(st.sampled_from(sorted(map(str, place)) + KEYS))
        if draw(st.booleans()) and key in place:
            del place[key]
        else:
            place[key] = draw(values)
    return config


def is_answered(config):
    """A table for every layer type that has one, or an error that says why there is none."""
    before = json.dumps(json_ready(config), sort_keys=True)
    case = opened(content_of(config))
    found = examined(case)
    assert bool(case.refusals) <= any(finding.severity == "error" for finding in found)
    assert case.readings or case.refusals
    for name, reading in case.readings.items():
        assert np.isfinite(reading.frequencies().theta).all()
        assert from_hf(config, layer_type=name) == reading
    window = max((reading.config.context_length for reading in case.readings.values()), default=2)
    for row in conformance(case, [window], longest=window).rows:
        assert row.outcome in ("table", "refused")
    mended = corrected(case, found)
    json.dumps(json_ready(mended), allow_nan=False)
    assert json.dumps(json_ready(config), sort_keys=True) == before
    return case, mended


@st.composite
def hostile_mutations(draw):
    """A mutation with keys and values that JSON does not have, of those that a config's content may still hold."""
    config = draw(mutations())
    keys = st.sampled_from(KEYS) | st.sampled_from([key for key in hostile.ODD_KEYS if key != frozenset()])
    for _ in range(draw(st.integers(1, 3))):
        places = [config, *(value for value in config.values() if isinstance(value, dict))]
        draw(st.sampled_from(places))[draw(keys)] = draw(values | st.sampled_from(hostile.NUMBERS))
    return content_of(config)


@given(mutations() | hostile_mutations())
def test_any_mutation_is_answered(config):
    is_answered(config)


@pytest.mark.slow
@settings(max_examples=10_000)
@given(mutations() | hostile_mutations())
def test_ten_thousand_mutations_are_answered(config):
    is_answered(config)


@settings(max_examples=25)
@given(mutations())
def test_a_whole_diagnosis_of_any_mutation(config):
    found = diagnose(config)
    assert (found.severity == "error") or found.tables
    json.dumps(json_ready(found), allow_nan=False)


@given(mutations())
def test_a_corrected_config_has_nothing_left_to_correct(config):
    """What a correction proposes must not itself need correcting, as long as there is a table at all."""
    case, mended = is_answered(config)
    again = opened(mended)
    left = [finding for finding in examined(again) if finding.severity != "info" and finding.edits]
    assert left == []
    if case.readings:
        assert again.readings


@pytest.mark.parametrize("levels", [70, 5000])
def test_deep_nesting(levels):
    config = inner = {}
    for _ in range(levels):
        inner["rope_scaling"] = inner = {}
    found = diagnose(config)
    assert [finding.name for finding in found.findings] == ["no_table"]
    assert "nested more than 64" in found.findings[0].happens


@pytest.mark.parametrize("config", REAL)
def test_what_the_mutations_start_from(config):
    is_answered(config)
