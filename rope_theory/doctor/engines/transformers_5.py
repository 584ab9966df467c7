"""transformers 5.23, as ``from_hf`` reads it: the reference of the conformance matrix."""

from __future__ import annotations

from rope_theory.doctor.engines.engine import Engine, EngineTable, Request
from rope_theory.errors import EngineRefused


def _table(asked: Request) -> EngineTable:
    if asked.layer_type not in asked.case.readings:
        raise EngineRefused(f"does not read this: {asked.case.refusals.get(asked.layer_type) or ''}")
    length = asked.config.context_length if asked.case.model_type == "phimoe" else asked.length  # it never switches
    found = asked.case.readings[asked.layer_type].frequencies(length)
    return EngineTable(found.theta, found.attention_factor)


TRANSFORMERS_5 = Engine(
    "transformers",
    "5.23",
    "modelled",
    "from_hf of this package, held against the library class by class in the tests. A fresh model at the length asked.",
    _table,
)
