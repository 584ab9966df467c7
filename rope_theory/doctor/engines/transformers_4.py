"""transformers 4.57: rope_theta and rope_scaling, and nothing of rope_parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

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


def _table(asked: Request) -> EngineTable:
    facts, raw = asked.case.facts, asked.case.raw
    keys = raw.get("rope_scaling")
    keys = keys if isinstance(keys, Mapping) and asked.scaled_by_flat else {}
    if any(isinstance(value, Mapping) for value in keys.values()):
        raise EngineRefused("dictionaries nested by layer type came with version 5")
    table = facts.tables.get(asked.layer_type or "")
    names = (table.base_key,) if table is not None and table.base_key else facts.base_keys
    given = next((real(raw[name]) for name in names if name and raw.get(name) is not None), None)
    base = given or (table.base if table is not None else facts.base)
    width, maximum = asked.honoured_width, asked.maximum
    kind = rope_type(keys, {**facts.aliases, "su": "longrope", "mrope": "default"})
    note = "" if keys or "rope_parameters" not in raw else "rope_parameters is not known to it"
    if facts.rope and not keys:
        keys = facts.rope
        kind = rope_type(keys, {})
    original = inner_original(keys) or maximum
    if kind == "default":
        return EngineTable(geometric(base, width), 1.0, note)
    if kind == "linear":
        (s,) = needed(keys, "factor")
        return EngineTable(geometric(base, width) / s, 1.0)
    if kind == "dynamic" and real(keys.get("alpha")) and asked.case.reads_alpha:
        return EngineTable(formulas.stretched(base, width, real(keys.get("alpha")) or 1.0), 1.0)
    if kind == "dynamic":
        (s,) = needed(keys, "factor")
        grown = s * max(asked.length, maximum) / maximum - (s - 1.0)
        return EngineTable(formulas.stretched(base, width, grown), 1.0)
    if kind == "yarn":
        rounded = keys.get("truncate", True) is not False
        theta = formulas.yarn(keys, base, width, original, cap=width - 1, rounded=rounded)
        return EngineTable(theta, formulas.yarn_factor(keys))
    if kind == "longrope":
        return _longrope(asked, keys, base, width)
    if kind == "llama3":
        (window,) = needed(keys, "original_max_position_embeddings")
        return EngineTable(formulas.llama3(keys, base, width, window), 1.0)
    raise EngineRefused(f"has no rope type {kind!r}")


def _longrope(asked: Request, keys: Mapping[str, Any], base: float, width: int) -> EngineTable:
    top = asked.case.top_original or asked.case.facts.original_length
    original = top or asked.maximum
    ratio = asked.maximum / top if top else real(keys.get("factor"))
    name = "long_factor" if asked.length > original else "short_factor"
    given = real(keys.get("attention_factor"))
    if asked.case.model_type == "phimoe":
        given = real(keys.get("long_mscale" if name == "long_factor" else "short_mscale"))
    attention = given if given is not None else formulas.longrope_factor(ratio or 1.0, original)
    theta = geometric(base, width) / divisors(keys, name, width // 2)
    return EngineTable(np.asarray(theta), attention)


TRANSFORMERS_4 = Engine(
    "transformers",
    "4.57",
    "modelled",
    "Reads rope_theta, rope_scaling and partial_rotary_factor at top level. A fresh model at the length asked.",
    _table,
)
