"""Tiny random models of every family, from configs."""

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 99, "max_position_embeddings": 512, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
TWO_TYPES = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16}
LONGROPE = {
    "rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [1.0, 2.0, 3.0, 4.0],
    "original_max_position_embeddings": 64, "factor": 8.0, "partial_rotary_factor": 0.5,
}  # fmt: skip
FAMILIES = {
    "llama": {},
    "mistral": {"sliding_window": 16},
    "qwen2": {},
    "qwen3": {"head_dim": 32},
    "phi3": {"rope_parameters": LONGROPE, "original_max_position_embeddings": 64},
    "gemma2": {"head_dim": 16},
    "gemma3_text": {"head_dim": 16, **TWO_TYPES},
    "gpt_neox": {"rotary_pct": 0.25, "num_key_value_heads": None},
    "glm4": {"head_dim": 16, "partial_rotary_factor": 0.5},
    "olmo": {},
    "olmo2": {},
    "olmo3": TWO_TYPES,
    "gpt_oss": {"head_dim": 16, "num_local_experts": 2, "num_experts_per_tok": 1},
    "cohere": {},
}
IDS = torch.randint(3, 99, (512,), generator=torch.Generator().manual_seed(0))


def build(kind, dtype=torch.float32, **more):
    keys = {**SMALL, **FAMILIES.get(kind, {}), **more}
    config = transformers.CONFIG_MAPPING[kind](**{key: value for key, value in keys.items() if value is not None})
    if kind in ("gpt_oss", "minimax_m3_vl_text"):
        config._experts_implementation = "eager"  # the others have no float64
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).to(dtype).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model
