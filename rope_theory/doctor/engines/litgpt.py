"""litgpt 0.5.13: no rope types; the keys that are there decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rope_theory.doctor.case import real
from rope_theory.doctor.engines import formulas
from rope_theory.doctor.engines.engine import Engine, EngineTable, Request, inner_original, needed, rope_type
from rope_theory.scaling.frequencies import geometric
from rope_theory.scaling.yarn import attention_factor


def _table(asked: Request) -> EngineTable:
    keys, config = asked.own_dictionary, asked.config
    base, width = config.base, asked.honoured_width
    kind = rope_type(keys, {**asked.case.facts.aliases, "su": "longrope"})
    factor = real(keys.get("factor"))
    if kind == "llama3":
        (original,) = needed(keys, "original_max_position_embeddings")
        return EngineTable(formulas.llama3(keys, base, width, original), 1.0)
    if kind == "yarn":
        original = inner_original(keys) or asked.case.top_original or asked.maximum
        theta = formulas.yarn(keys, base, width, original, cap=width // 2 - 1, reversed_ramp=True)
        return EngineTable(theta, _yarn_factor(keys), "interpolates fast pairs and keeps slow ones")
    if kind == "default" or factor is None:
        note = "" if kind == "default" else f"has no type {kind!r}: the table is unscaled"
        return EngineTable(geometric(base, width), 1.0, note)
    note = "" if kind == "linear" else f"has no type {kind!r}: factor alone means linear"
    return EngineTable(geometric(base, width) / factor, 1.0, note)


def _yarn_factor(keys: Mapping[str, Any]) -> float:
    (s,) = needed(keys, "factor")
    upper, lower = real(keys.get("mscale")), real(keys.get("mscale_all_dim"))
    if upper and lower:
        return attention_factor(s, upper) / attention_factor(s, lower)
    return attention_factor(s, upper or lower or 0.0)


LITGPT = Engine(
    "litgpt",
    "0.5.13",
    "modelled",
    "It reads no Hugging Face config: the keys are taken over under its names, beta_fast and beta_slow written out.",
    _table,
)
