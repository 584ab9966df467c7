"""Tiny random models of every causal language model class of the installed transformers, from small keys."""

import inspect
import warnings

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from models import IDS, SMALL  # noqa: E402
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES  # noqa: E402

KINDS = tuple(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
LARGEST = 30_000_000
"""Parameters; above, small keys did not reach a part of the model."""

KEYS = {
    **SMALL,
    "head_dim": 16, "sliding_window": 16, "attention_chunk_size": 16,
    "num_local_experts": 4, "num_experts": 4, "n_routed_experts": 4, "moe_num_experts": 4, "num_experts_per_tok": 1,
    "moe_topk": 1, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16, "intermediate_size_mlp": 32,
    "expert_ffn_hidden_size": 16, "ffn_hidden_size": 32, "shared_expert_intermediate_size": 16, "mamba_d_state": 8,
    "hidden_size_per_layer_input": 8, "vocab_size_per_layer_input": 99, "num_kv_shared_layers": 0,
    "q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16,
}  # fmt: skip
FOUR = {"num_hidden_layers": 4}
"""Layers of classes that attend in every fourth."""

OF_KIND = {
    **dict.fromkeys(("bamba", "jamba", "lfm3", "nemotron_h", "olmo_hybrid", "qwen3_next", "granitemoehybrid"), FOUR),
    "mimo_v2_flash": {"head_dim": 24},  # 0.334 of it is even
    "minimax_m3_vl_text": {"rotary_dim": 16},
    "gptj": {"rotary_dim": 8},
    "codegen": {"rotary_dim": 8},
}


class CannotBuild(Exception):
    """These keys make no model of that class; the text says what came."""


def tiny(kind):
    """Return a random float32 model in evaluation mode that runs on 12 tokens, or raise CannotBuild."""
    reasons = []
    for keys in ({**KEYS, **OF_KIND.get(kind, {})}, SMALL):
        try:
            return _built(kind, keys)
        except Exception as error:  # whatever a class makes of keys that are not its own
            reasons.append(f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}")
    raise CannotBuild(f"{kind}: {' | '.join(dict.fromkeys(reasons))}")


def _built(kind, keys):
    made = transformers.CONFIG_MAPPING[kind]
    known = {*inspect.signature(made.__init__).parameters, *getattr(made, "__dataclass_fields__", {})}
    known |= set(getattr(made, "attribute_map", {}))
    own = {name: value for name, value in keys.items() if name in known}
    if "text_config" in known and "hidden_size" not in known:
        own["text_config"] = {**SMALL, "head_dim": 16}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = made(**own)
        config._experts_implementation = "eager"
        with torch.device("meta"):
            size = sum(one.numel() for one in transformers.AutoModelForCausalLM.from_config(config).parameters())
        if size > LARGEST:
            raise CannotBuild(f"{size} parameters")
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    with torch.no_grad():
        model(input_ids=IDS[None, :12], use_cache=False)
    return model
