"""vLLM 0.33: tables made once, when the server starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rope_theory.doctor.case import real
from rope_theory.doctor.engines import formulas
from rope_theory.doctor.engines.engine import (
    Engine,
    EngineTable,
    Request,
    divisors,
    inner_original,
    needed,
    rope_type,
)
from rope_theory.errors import EngineRefused
from rope_theory.scaling.frequencies import geometric

ALIASES = {"su": "longrope", "mrope": "default"}


def _table(asked: Request) -> EngineTable:
    keys = dict(asked.own_dictionary)
    config, facts = asked.config, asked.case.facts
    base, width, maximum = config.base, asked.honoured_width, asked.maximum
    kind = rope_type(keys, {**facts.aliases, **ALIASES})
    if facts.tables and keys.get("rope_type") is None:  # transformers 5 completes the dictionary first
        kind = "default"
    if kind == "telechat3-yarn":
        (s,) = needed(keys, "factor")
        kind, keys["attention_factor"] = "yarn", 1.0 + 0.07 * math.log(s)
    original = asked.case.top_original or facts.original_length or inner_original(keys) or maximum
    if asked.layer_type is not None:
        original = inner_original(keys) or maximum
    if kind == "default":
        return EngineTable(geometric(base, width), 1.0)
    if kind == "linear":
        (s,) = needed(keys, "factor")
        return EngineTable(geometric(base, width) / s, 1.0)
    if kind == "ntk":
        (s,) = needed(keys, "factor")
        return EngineTable(geometric(base * s, width) / s ** (2.0 / width), 1.0)
    if kind == "dynamic":
        return _dynamic(asked, keys, base, width)
    if kind == "yarn":
        rounded = keys.get("truncate", True) is not False
        theta = formulas.yarn(keys, base, width, original, cap=width - 1, rounded=rounded)
        latent = facts.rope_width is not None or asked.case.raw.get("qk_rope_head_dim") is not None
        return EngineTable(theta, formulas.deepseek_factor(keys) if latent else formulas.yarn_factor(keys))
    if kind == "longrope":
        served = asked.longest > original
        name, scale = ("long_factor", "long_mscale") if served else ("short_factor", "short_mscale")
        own = real(keys.get(scale))
        attention = own if own is not None else formulas.longrope_factor(maximum / original, original)
        theta = geometric(base, width) / divisors(keys, name, width // 2)
        return EngineTable(theta, attention, f"serves up to {asked.longest} tokens, so {name} at every length")
    if kind == "llama3":
        return EngineTable(formulas.llama3(keys, base, width, original), 1.0)
    if kind == "proportional":
        ignored = "factor is ignored" if real(keys.get("factor")) not in (None, 1.0) else ""
        return EngineTable(formulas.proportional(base, config.head_dim, asked.share, 1.0), 1.0, ignored)
    raise EngineRefused(f"has no rope type {kind!r}")


def _dynamic(asked: Request, keys: Mapping[str, Any], base: float, width: int) -> EngineTable:
    alpha, trained = real(keys.get("alpha")), real(keys.get("max_trained_positions"))
    if alpha:
        return EngineTable(formulas.stretched(base, width, alpha), 1.0)
    (s,) = needed(keys, "factor")
    grown = s * asked.maximum / trained - (s - 1.0) if trained else 1.0
    note = "" if trained else "the base grows only with max_trained_positions"
    return EngineTable(formulas.stretched(base, width, grown), 1.0, note)


VLLM = Engine(
    "vLLM",
    "0.33",
    "modelled",
    "With transformers 5 installed; serving sequences up to max_position_embeddings or the target length, whichever is "
    "longer.",
    _table,
)
