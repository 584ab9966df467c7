"""TransformerLens of July 2026: its own rotary code of two generations (its bridge runs transformers' own)."""

from __future__ import annotations

from rope_theory.doctor.case import real
from rope_theory.doctor.engines import formulas
from rope_theory.doctor.engines.engine import Engine, EngineTable, Request, inner_original, needed, rope_type
from rope_theory.errors import EngineRefused
from rope_theory.scaling.frequencies import geometric

ORIGINAL_WINDOW = 8192
"""What it assumes where the config names none, tokens."""


def _hooked(asked: Request) -> EngineTable:
    keys, config = asked.own_dictionary, asked.config
    base, width = config.base, asked.honoured_width
    kind = rope_type(keys, {**asked.case.facts.aliases, "su": "longrope"})
    if kind == "llama3":
        original = inner_original(keys) or ORIGINAL_WINDOW
        return EngineTable(formulas.llama3(keys, base, width, original), 1.0)
    if kind == "yarn":
        original = inner_original(keys) or asked.case.top_original or asked.maximum
        theta = formulas.yarn(keys, base, width, original, cap=width - 1)
        given = real(keys.get("attention_factor"))
        return EngineTable(theta, 1.0 if given is None else given)
    note = "" if kind == "default" else f"has no type {kind!r}: the table is unscaled, without a message"
    return EngineTable(geometric(base, width), 1.0, note)


def _native(asked: Request) -> EngineTable:
    keys, config = asked.own_dictionary, asked.config
    base, width = config.base, asked.honoured_width
    kind, s = rope_type(keys, {}), real(keys.get("factor")) or 1.0
    if kind == "default" or s <= 1.0:
        note = (
            "" if kind == "default" else f"{kind!r} without a factor above 1: the table is unscaled, without a message"
        )
        return EngineTable(geometric(base, width), 1.0, note)
    if kind == "linear":
        return EngineTable(geometric(base, width) / s, 1.0)
    if kind in ("dynamic", "ntk"):
        return EngineTable(formulas.stretched(base, width, s), 1.0, "the base of factor s at every length")
    if kind == "llama3":
        needed(keys, "factor")
        filled = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, **keys}
        return EngineTable(formulas.llama3(filled, base, width, inner_original(keys) or ORIGINAL_WINDOW), 1.0)
    raise EngineRefused(f"raises NotImplementedError for type {kind!r}")


HOOKED = Engine(
    "TransformerLens",
    "HookedTransformer",
    "modelled",
    "Its fields filled from keys of the same meaning. Its loaders hard-code some models and drop scalings of others.",
    _hooked,
)
NATIVE = Engine(
    "TransformerLens",
    "native",
    "modelled",
    "rotary_base from the config, rope_scaling passed on; pairs are neighbours.",
    _native,
)
