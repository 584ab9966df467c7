"""The engines whose tables are compared, one a file."""

from rope_theory.doctor.engines.engine import Engine, EngineTable, Request
from rope_theory.doctor.engines.litgpt import LITGPT
from rope_theory.doctor.engines.transformer_lens import HOOKED, NATIVE
from rope_theory.doctor.engines.transformers_4 import TRANSFORMERS_4
from rope_theory.doctor.engines.transformers_5 import TRANSFORMERS_5
from rope_theory.doctor.engines.vllm import VLLM

__all__ = ["ENGINES", "Engine", "EngineTable", "Request"]

ENGINES: tuple[Engine, ...] = (TRANSFORMERS_5, TRANSFORMERS_4, VLLM, LITGPT, HOOKED, NATIVE)
"""In the order of the matrix; the first is the reference."""
