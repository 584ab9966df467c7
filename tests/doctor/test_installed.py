"""The installed transformers as an engine, and a model whose table in memory is wrong."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from rope_theory import from_hf, scaling  # noqa: E402
from rope_theory.doctor import ENGINES, diagnose, recommend  # noqa: E402
from rope_theory.doctor.case import opened  # noqa: E402
from rope_theory.errors import EngineRefused  # noqa: E402
from rope_theory.models import installed_engine  # noqa: E402
from tests.doctor.configs import LLAMA_3, ORIGINAL, llama, longrope, request, yarn  # noqa: E402

CONFIGS = sorted((Path(__file__).parents[1] / "reference" / "configs").glob("*.json"))
CASES = {
    "linear": llama(rope_scaling={"rope_type": "linear", "factor": 2.0}),
    "dynamic": llama(rope_scaling={"rope_type": "dynamic", "factor": 4.0}),
    "yarn, no window": llama(32768, rope_scaling=yarn()),
    "yarn, two windows": llama(
        32768, original_max_position_embeddings=4096, rope_scaling=yarn(4.0, **{ORIGINAL: 8192})
    ),
    "yarn, attn_factor": llama(131072, rope_scaling=yarn(4.0, attn_factor=0.87825, **{ORIGINAL: 32768})),
    "yarn, beta_slow 0": llama(32768, rope_scaling=yarn(beta_slow=0, **{ORIGINAL: 4096})),
    "yarn, mscale alone": llama(32768, rope_scaling=yarn(mscale=0.7, **{ORIGINAL: 4096})),
    "longrope": llama(16384, rope_scaling=longrope(**{ORIGINAL: 4096})),
    "llama3": llama(131072, rope_scaling={**LLAMA_3, ORIGINAL: 8192}),
    "llama3, a step": llama(131072, rope_scaling={**LLAMA_3, "high_freq_factor": 1.0, ORIGINAL: 8192}),
    "share": llama(partial_rotary_factor=0.5),
    "share, linear": llama(partial_rotary_factor=0.5, rope_scaling={"rope_type": "linear", "factor": 2.0}),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_modelled_is_what_runs(name):
    found = diagnose(CASES[name], engines=(ENGINES[0], installed_engine()))
    executed = [row for row in found.conformance.rows if row.origin == "executed"]
    assert executed
    assert all(row.agrees for row in executed), executed


def test_what_it_says_of_a_config_it_cannot_build():
    config = {**llama(), "model_type": "no_such_model"}
    with pytest.raises(EngineRefused, match="no model type 'no_such_model'"):
        installed_engine().table(request(opened(config), 4096))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_option_loads(path):
    """What `recommend` offers for a released model is what the installed transformers makes of it."""
    source = json.loads(path.read_text(encoding="utf-8"))
    layer_type = "full_attention" if source["model_type"] == "olmo3" else None
    length = 4 * source["max_position_embeddings"]
    for option in recommend(source, length, layer_type=layer_type).rows:
        case = opened(option.config)
        executed = installed_engine().table(request(case, length, layer_type=layer_type))
        wanted = getattr(scaling, option.method)(option.factor).frequencies(
            from_hf(source, layer_type=layer_type).config, length
        )
        assert executed.theta == pytest.approx(wanted.theta, rel=1e-5)


def test_a_table_in_memory_that_is_not_that_of_the_config():
    config = transformers.LlamaConfig(
        hidden_size=64, num_attention_heads=4, num_key_value_heads=4, num_hidden_layers=1, intermediate_size=64,
        vocab_size=32, max_position_embeddings=128,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    assert "table_in_memory" not in [item.name for item in diagnose(model).findings]
    model.model.rotary_emb.inv_freq.mul_(0.5)
    broken = [item for item in diagnose(model).findings if item.name == "table_in_memory"]
    assert {item.severity for item in broken} == {"error"}
