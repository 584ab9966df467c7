"""Tiny random models of every language model class of the installed transformers that has rotary positions.

Classes come from transformers' own lists of causal and masked language models; sizes are cut by the names of config
keys, so a class of a later version is built without a line here, or is listed with the reason why not.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import inspect
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from transformers.models.auto import modeling_auto

WINDOW = 64
"""Trained context length of every model, tokens."""

SIZES = {
    "vocab_size": 99, "hidden_size": 64, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": WINDOW, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2, "n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": WINDOW, "rotary_dim": 8, "n_inner": 32,
    "d_model": 64, "n_layers": 2, "n_heads": 4, "num_local_experts": 2, "num_experts_per_tok": 1, "num_experts": 2,
    "n_routed_experts": 4, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16, "first_k_dense_replace": 1,
    "shared_expert_intermediate_size": 16, "n_shared_experts": 1, "q_lora_rank": 16, "kv_lora_rank": 16,
    "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16, "expert_ffn_hidden_size": 16, "index_topk": 8,
    "index_n_heads": 2, "index_head_dim": 16, "ffn_hidden_size": 32, "sliding_window": 16,
    "vocab_size_per_layer_input": 99, "hidden_size_per_layer_input": 8,
}  # fmt: skip
"""Config key → its value, set where the class has a default for the key."""

STATE_SPACE = {"mamba_n_heads": 8, "mamba_d_head": 16, "mamba_n_groups": 1, "mamba_d_state": 8}
INDEXED = {
    "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 16, "indexer_budget": 32,
    "indexer_compress_ratio": 4,
}  # fmt: skip
OTHER: dict[str, dict[str, Any]] = {
    "bamba": {"layer_types": None, "attn_layer_indices": [1], **STATE_SPACE},
    "cohere_compass_text": {
        "rope_parameters": {
            "full_attention": None, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
        },
    },
    "deepseek_v2": {"topk_method": "greedy", "num_experts_per_tok": 1},
    "dots1": {"num_key_value_heads": 4, "n_routed_experts": 4, "n_shared_experts": 1, "num_experts_per_tok": 1},
    "esm": {
        "vocab_size": 33, "mask_token_id": 32, "pad_token_id": 1, "position_embedding_type": "rotary",
        "token_dropout": False,
    },
    "esmc": {"num_key_value_heads": 4},
    "falcon": {"head_dim": None},
    "falcon_h1": {"layer_types": None, "mamba_d_ssm": 64, **STATE_SPACE, "mamba_n_heads": 4},
    "gemma3n_text": {"num_kv_shared_layers": 0},
    "granitemoehybrid": {"layer_types": ["attention", "attention"], "position_embedding_type": "rope"},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16, "moe_topk": 1},
    "longcat_flash": {
        "head_dim": 8, "qk_head_dim": 16, "num_experts_per_tok": 2, "zero_expert_num": 2, "n_routed_experts": 4,
    },
    "lfm2_moe": {"layer_types": ["conv", "full_attention"]},
    "mimo_v2_flash": {"head_dim": 24},  # of which 0.334 is even
    "minimax_m3_vl_text": {"rotary_dim": 16},
    "ministral": {"head_dim": 16},
    "ministral3": {
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": WINDOW,
            "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1,
        },
        "max_position_embeddings": 4 * WINDOW,
    },
    "mistral4": {
        "rope_parameters": {
            "rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": WINDOW,
            "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1, "partial_rotary_factor": 0.5,
        },
        "max_position_embeddings": 4 * WINDOW,
    },
    "nemotron": {"num_key_value_heads": 2},
    "phi3": {"original_max_position_embeddings": WINDOW},
    **dict.fromkeys(("qwen4_exp", "qwen4_exp_text"), INDEXED),
    "recurrent_gemma": {"layer_types": None, "num_hidden_layers": 3, "lru_width": 64, "attention_window_size": 16},
    "zamba2": {"layer_types": None, "num_hidden_layers": 2, "layers_block_type": ["mamba", "hybrid"]},
}  # fmt: skip
"""Model type → keys that its class needs besides; None leaves a key to the class."""

TOO_LARGE = {
    "blt": "tables of byte hashes of 12 GB that no key makes smaller",
    "phi4_multimodal": "a vision tower of 870 million parameters that no key makes smaller",
}
"""Model type → why it is not built."""


@dataclass(frozen=True)
class ModelClass:
    """One class: the model type of its config, its name, and the kind of language model."""

    model_type: str
    name: str


def rotary_classes() -> list[ModelClass]:
    """Return every causal and masked language model class whose source speaks of rotary positions."""
    found: dict[str, ModelClass] = {}
    for mapping in ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_FOR_MASKED_LM_MAPPING_NAMES"):
        for kind, names in getattr(modeling_auto, mapping).items():
            name = names[0] if isinstance(names, tuple) else names
            if _speaks_of_rotation(kind):
                found.setdefault(f"{kind} {name}", ModelClass(kind, name))
    names = {which.name for which in found.values()}
    return [*found.values(), *(which for which in _unlisted(names) if _speaks_of_rotation(which.model_type))]


def _unlisted(names: set[str]) -> Iterator[ModelClass]:
    """Yield the causal language models that transformers exports and has in none of its lists."""
    for name in dir(transformers):
        if name.endswith("ForCausalLM") and not name.startswith("Auto") and name not in names:
            kind = getattr(transformers, name).config_class.model_type
            if kind in transformers.CONFIG_MAPPING:
                yield ModelClass(kind, name)


def causal_classes() -> list[ModelClass]:
    """Return every causal language model class, with rotary positions or without."""
    names = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()
    found = [ModelClass(kind, name[0] if isinstance(name, tuple) else name) for kind, name in names]
    return [which for which in found if _has_source(which.model_type)]


def _source_module(kind: str) -> str:
    return transformers.CONFIG_MAPPING[kind].__module__.replace("configuration_", "modeling_")


def _has_source(kind: str) -> bool:
    """Tell whether a class is part of transformers; code of some comes with their checkpoints."""
    return importlib.util.find_spec(_source_module(kind)) is not None


def _speaks_of_rotation(kind: str) -> bool:
    if not _has_source(kind):
        return False
    source = inspect.getsource(importlib.import_module(_source_module(kind))).lower()
    return "rotary" in source or "inv_freq" in source


def config_of(kind: str, **more: Any) -> Any:
    """Return a tiny config of a model type; ``more`` are keys of its text part."""
    config_class = transformers.CONFIG_MAPPING[kind]
    default = config_class()
    text = default.get_text_config()
    keys = {key: value for key, value in SIZES.items() if _is_set(text, key)}
    if _is_set(text, "qk_rope_head_dim"):  # latent attention: the head dimension follows from its parts
        keys.pop("head_dim", None)
        keys["num_key_value_heads"] = 4
    if _is_set(text, "layer_types"):
        types = list(dict.fromkeys(text.layer_types))
        keys["layer_types"] = types if len(types) > 1 else 2 * types
        keys["num_hidden_layers"] = len(keys["layer_types"])
    keys = {**keys, **OTHER.get(kind, {}), **more}
    keys = {key: value for key, value in keys.items() if value is not None}
    if text is default:
        config = config_class(**keys)
    else:
        part = next((name for name in config_class.sub_configs if getattr(default, name, None) is text), "text_config")
        config = config_class(**{part: keys})
    config._experts_implementation = "eager"  # the others have no float64
    return config


def _is_set(config: Any, key: str) -> bool:
    """Tell whether a config has a value for a key that may be set."""
    attribute = getattr(type(config), key, None)
    if isinstance(attribute, property) and attribute.fset is None:
        return False
    try:
        return getattr(config, key, None) is not None
    except Exception:  # one value per layer, which transformers does not give out as one
        return True


def build(which: ModelClass, **more: Any) -> Any:
    """Return a tiny random model with weights large enough for attention to be far from uniform."""
    config = config_of(which.model_type, **more)
    wanted = getattr(transformers, which.name)
    if wanted.config_class is not None and not isinstance(config, wanted.config_class):
        config = config.get_text_config()
    torch.manual_seed(0)
    model = wanted(config).eval()
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def attempt(which: ModelClass, **more: Any) -> tuple[Any, str]:
    """Return a model that runs and an empty reason; or None, and the reason."""
    if which.model_type in TOO_LARGE:
        return None, TOO_LARGE[which.model_type]
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("ignore")
        try:
            model = build(which, **more)
            with torch.no_grad():
                model(torch.arange(3, 19)[None])
        except Exception as error:  # whatever transformers raises for its own default config, made small
            return None, f"{type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}"
    return model, ""


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from logging what it thinks of tiny configs."""
    before, bars = transformers.logging.get_verbosity(), transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity(60)
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(before)
        if bars:
            transformers.logging.enable_progress_bar()
