"""What the model classes of transformers 5.23 do where a config says nothing; tested against them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class TableFacts:
    """One of the tables of a model that has several, one a layer type.

    Attributes
    ----------
    base : float
        RoPE base where the config gives none.
    base_key : str, optional
        Top-level key that holds the base in legacy configs.
    legacy_scaling : bool
        Whether a legacy ``rope_scaling`` applies to this table.
    rope : mapping
        The class's own RoPE dictionary where the config has none.
    head_dim : int, optional
        Head width of these layers where it differs from the other layers' and the config is silent.
    head_dim_key : str, optional
        Top-level key that holds that width.
    """

    base: float
    base_key: str | None = None
    legacy_scaling: bool = False
    rope: Mapping[str, Any] = field(default_factory=dict)
    head_dim: int | None = None
    head_dim_key: str | None = None


@dataclass(frozen=True)
class ModelFacts:
    """What one ``model_type`` implies.

    Attributes
    ----------
    base : float
        RoPE base where the config gives none.
    head_dim : int, optional
        Head width where the config gives none; hidden width over heads when None.
    share : float
        Rotated share of the head where the config gives none.
    share_keys, base_keys : tuple of str
        Top-level keys the class reads the share (or rotated width) and the base from, in order.
    default_reads_share : bool
        Whether rope type "default" honours the share; every other type does in every class.
    pairing : {"half", "interleaved"}
        Which dimensions of a head make a pair.
    original_length : int, optional
        The class's own ``original_max_position_embeddings``, in tokens; it outranks the dictionary's.
    max_length : int, optional
        The class's ``max_position_embeddings``, in tokens, kept only where released configs leave it out.
    rotary_dim : int, optional
        Rotated width where the config gives none, for classes that name it so.
    rope_width : int, optional
        ``qk_rope_head_dim`` of latent attention, where the config gives none.
    pairing_key : str, optional
        Boolean key that says "interleaved" when true, and "half" when false.
    rope : mapping
        The class's own RoPE dictionary where the config has none.
    tables : mapping
        Layer type → TableFacts, for models with several tables.
    completes_tables : bool
        Whether the config class adds missing dictionaries, types and bases of several tables; Gemma 4's does not.
    layer_count : int
        The class's ``num_hidden_layers``, for classes that complete no tables.
    reads_pattern : bool
        Whether such a class reads ``sliding_window_pattern``; it is 6 otherwise.
    aliases : mapping
        Rope types that this class reads under another name.
    fixed : bool
        Whether the class computes its table from base and width alone, whatever scaling the config names.
    remark : str
        What else a reader of the table should know.
    """

    base: float = 10000.0
    head_dim: int | None = None
    share: float = 1.0
    share_keys: tuple[str, ...] = ("partial_rotary_factor",)
    base_keys: tuple[str, ...] = ("rope_theta",)
    default_reads_share: bool = False
    pairing: str = "half"
    original_length: int | None = None
    max_length: int | None = None
    rotary_dim: int | None = None
    rope_width: int | None = None
    pairing_key: str | None = None
    rope: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, TableFacts] = field(default_factory=dict)
    completes_tables: bool = True
    layer_count: int = 30
    reads_pattern: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    fixed: bool = False
    remark: str = ""


UNKNOWN = ModelFacts(
    share_keys=("partial_rotary_factor", "rotary_pct", "rotary_dim"),
    base_keys=("rope_theta", "rotary_emb_base"),
    default_reads_share=True,
)
"""For a ``model_type`` that is absent or not in FACTS: the config's own keys and the usual defaults."""

_SOFTMAX = "With yarn and mscale_all_dim the class also rescales the softmax, which is not part of the table."
_SOME_LAYERS = "Some layers of this model do not rotate at all; the table is that of the layers that do."
_PHI3 = {"yarn": "longrope"}


def _latent(rope_width: int, **more: Any) -> ModelFacts:
    return ModelFacts(**{"rope_width": rope_width, "pairing": "interleaved", "remark": _SOFTMAX, **more})


def _yarn(original: int, factor: float, **more: Any) -> Mapping[str, Any]:
    return {
        "rope_type": "yarn", "factor": factor, "beta_fast": 32.0, "beta_slow": 1.0,
        "original_max_position_embeddings": original, **more,
    }  # fmt: skip


def _llama3(factor: float, base: float) -> Mapping[str, Any]:
    return {
        "rope_type": "llama3", "factor": factor, "original_max_position_embeddings": 8192,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": base,
    }  # fmt: skip


def _global_local(base: float, keys: tuple[str, str], both_scaled: bool = False) -> dict[str, TableFacts]:
    return {
        "full_attention": TableFacts(base, keys[0], legacy_scaling=True),
        "sliding_attention": TableFacts(10000.0, keys[1], legacy_scaling=both_scaled),
    }


_GEMMA_3 = _global_local(1e6, ("rope_theta", "rope_local_base_freq"))
_MODERNBERT = _global_local(160000.0, ("global_rope_theta", "local_rope_theta"), both_scaled=True)


def _wide_global(rope: Mapping[str, Any]) -> dict[str, TableFacts]:
    return {
        "full_attention": TableFacts(1e6, rope=rope, head_dim=512, head_dim_key="global_head_dim"),
        "sliding_attention": TableFacts(10000.0),
    }


_GEMMA_4 = ModelFacts(
    head_dim=256,
    completes_tables=False,
    tables=_wide_global({"rope_type": "proportional", "partial_rotary_factor": 0.25}),
)
_OLMO_3 = {
    "full_attention": TableFacts(500000.0, "rope_theta", legacy_scaling=True),
    "sliding_attention": TableFacts(500000.0),  # the class takes rope_theta for full_attention only
}

FACTS: Mapping[str, ModelFacts] = {
    # Llama's rotary class: everything from the config, "default" rotates the whole head
    **dict.fromkeys(
        (
            "llama",
            "mistral",
            "qwen2",
            "qwen2_moe",
            "qwen3_moe",
            "olmo",
            "olmo2",
            "olmoe",
            "starcoder2",
            "granite",
            "granitemoe",
            "granitemoeshared",
            "arcee",
            "diffllama",
            "dots1",
            "doge",
            "exaone4",
            "falcon",
            "falcon_h1",
            "jais2",
            "nanochat",
            "ministral",
            "hyperclovax",
        ),
        ModelFacts(),
    ),
    # the same with a head width of their own
    **dict.fromkeys(("qwen3", "seed_oss", "afmoe"), ModelFacts(head_dim=128)),
    **dict.fromkeys(("gemma", "gemma2", "vaultgemma"), ModelFacts(head_dim=256)),
    # ... or with a base of their own
    **dict.fromkeys(("bitnet", "flex_olmo", "mllama_text_model"), ModelFacts(base=500000.0)),
    **dict.fromkeys(("mixtral", "lfm2", "lfm2_moe"), ModelFacts(base=1e6)),
    "smollm3": ModelFacts(base=2e6, remark=_SOME_LAYERS),
    "hy_v3": ModelFacts(base=11158840.0, head_dim=128),
    # ... or with a scaling of their own
    "gpt_oss": ModelFacts(base=150000.0, head_dim=64, rope=_yarn(4096, 32.0, truncate=False)),
    # (where it holds a base, a top-level rope_theta does not reach it)
    "apertus": ModelFacts(base=12e6, rope=_llama3(8.0, 12e6)),
    "cwm": ModelFacts(base=1e6, head_dim=128, rope=_llama3(16.0, 1e6)),
    "ministral3": ModelFacts(head_dim=128, rope=_yarn(16384, 16.0, mscale=1.0, mscale_all_dim=1.0, rope_theta=1e6)),
    # partly rotated heads, in every rope type
    "stablelm": ModelFacts(share=0.25, default_reads_share=True),
    **dict.fromkeys(("phi", "persimmon", "nemotron", "glm4_moe"), ModelFacts(share=0.5, default_reads_share=True)),
    "recurrent_gemma": ModelFacts(share=0.5, default_reads_share=True, remark=_SOME_LAYERS),
    "qwen3_next": ModelFacts(head_dim=256, share=0.25, default_reads_share=True, remark=_SOME_LAYERS),
    "solar_open": ModelFacts(base=1e6, head_dim=128, default_reads_share=True),
    "minimax_m2": ModelFacts(
        base=5e6, head_dim=128, default_reads_share=True, share_keys=("partial_rotary_factor", "rotary_dim")
    ),
    "gpt_neox": ModelFacts(
        share=0.25, default_reads_share=True, share_keys=("rotary_pct",), base_keys=("rotary_emb_base",)
    ),
    "gpt_neox_japanese": ModelFacts(
        default_reads_share=True, share_keys=("rotary_pct",), base_keys=("rotary_emb_base",)
    ),
    **dict.fromkeys(
        ("phi3", "phi4_multimodal"), ModelFacts(default_reads_share=True, original_length=4096, aliases=_PHI3)
    ),
    "phimoe": ModelFacts(
        base=1e6,
        remark="transformers 5.23 never switches this class to long_factor: it rebuilds the short table.",
    ),
    # neighbouring dimensions make a pair
    "cohere": ModelFacts(base=500000.0, pairing="interleaved"),
    "cohere2": ModelFacts(
        pairing="interleaved",
        remark="Only this model's sliding-attention layers rotate; the others have no RoPE.",
    ),
    "ernie4_5": ModelFacts(base=500000.0, head_dim=128, pairing="interleaved"),
    "ernie4_5_moe": ModelFacts(base=500000.0, pairing="interleaved"),
    "helium": ModelFacts(base=100000.0, head_dim=128, pairing="interleaved"),
    "llama4_text": ModelFacts(base=500000.0, head_dim=128, pairing="interleaved", remark=_SOME_LAYERS),
    **dict.fromkeys(
        ("glm", "glm4"), ModelFacts(head_dim=128, share=0.5, default_reads_share=True, pairing="interleaved")
    ),
    **dict.fromkeys(
        ("gptj", "codegen"),
        ModelFacts(
            rotary_dim=64, share_keys=("rotary_dim",), default_reads_share=True, pairing="interleaved", fixed=True
        ),
    ),
    # latent attention: a narrow rotated head beside an unrotated one
    **dict.fromkeys(("deepseek_v2", "deepseek_v32"), _latent(64)),
    **dict.fromkeys(("deepseek_v3", "youtu"), _latent(64, pairing_key="rope_interleave")),
    "glm4_moe_lite": _latent(64, pairing_key="rope_interleave", default_reads_share=True),
    "longcat_flash": _latent(64, base=1e7),
    "minicpm3": _latent(32, pairing="half"),
    **dict.fromkeys(("hunyuan_v1_dense", "hunyuan_v1_moe"), ModelFacts()),
    # several tables
    "gemma3_text": ModelFacts(head_dim=256, max_length=131072, tables=_GEMMA_3),
    "gemma3n_text": ModelFacts(head_dim=256, tables=_GEMMA_3),
    "t5gemma2_text": ModelFacts(head_dim=256, tables=_GEMMA_3),
    "t5gemma2_decoder": ModelFacts(head_dim=256, tables=_GEMMA_3),
    **dict.fromkeys(("gemma4_text", "gemma4_unified_text"), _GEMMA_4),
    "diffusion_gemma_text": replace(_GEMMA_4, default_reads_share=True),
    "embedding_gemma2_text": replace(_GEMMA_4, tables=_wide_global({}), layer_count=24, reads_pattern=True),
    "olmo3": ModelFacts(tables=_OLMO_3),
    **dict.fromkeys(("modernbert", "modernbert-decoder"), ModelFacts(tables=_MODERNBERT)),
}
"""``model_type`` → facts, read off and tested against the classes of transformers 5.23.0."""

INTERLEAVED = frozenset({"cohere2_moe", "openai_privacy_filter", "glm_moe_dsa", "mistral_large4", "mistral4", "axk1"})
"""Model types of which only the pairing is known: their classes rotate neighbours."""

SEVERAL_AXES = frozenset(
    {
        "qwen2_vl", "qwen2_vl_text", "qwen2_5_vl", "qwen2_5_vl_text", "qwen2_5_omni_text", "qwen3_vl_text",
        "qwen3_vl_moe_text", "qwen3_omni_moe_text", "qwen3_5_text", "qwen3_5_moe_text", "qwen4_exp_text",
        "glm4v_text", "glm4v_moe_text", "glm_ocr_text", "glm_image_text", "ernie4_5_vl_moe_text",
        "paddleocr_vl_text", "hunyuan_vl_text", "cohere_compass_text", "cosmos3_edge_text",
    }
)  # fmt: skip
"""Model types that rotate by more than one position a token (time, height, width)."""

RESCALES_SOFTMAX = frozenset(
    {
        "axk1", "axk2", "bailing_hybrid", "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite", "glm_moe_dsa",
        "hy_v4", "longcat_flash", "minicpm3", "mistral4", "mistral_large4", "youtu",
    }
)  # fmt: skip
"""Model types whose class multiplies its softmax scale by m(factor, mscale_all_dim)², in transformers 5.23."""
