"""How many positions of a model fit into the memory there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rope_theory._core.optional import load
from rope_theory.errors import NotEnoughMemory
from rope_theory.models._layer_settings import layer_settings
from rope_theory.models._packages import torch

SPARE = 0.9
"""Share of the free memory that may be used."""

AT_ONCE = {"cpu": 2048, "cuda": 65536}
"""Tokens in one forward pass of several sequences: more of them leave the caches of a processor."""


def sequences_at_once(model: Any, length: int) -> int:
    """Return how many sequences of ``length`` tokens go through the model together, at least one."""
    tokens, fitting = AT_ONCE.get(model.device.type, AT_ONCE["cpu"]), _fitting(model)
    return max(1, (tokens if fitting is None else min(tokens, fitting)) // length)


def refuse_too_long(model: Any, tokens: int) -> None:
    """Raise when a forward pass over ``tokens`` positions would not fit, and say how many would.

    Counted for every position: the residual stream and what a layer makes of it, and the queries and keys of one layer
    in float64. Attention itself is counted in blocks, as torch's scaled_dot_product_attention takes it.
    """
    free, fitting = _free(model.device), _fitting(model)
    if fitting is not None and tokens > fitting:
        need = SPARE * free / max(fitting, 1) * tokens / 2**30
        raise NotEnoughMemory(
            f"{tokens} positions need about {need:.3g} GiB, and {free / 2**30:.3g} GiB are free on {model.device}: "
            f"about {fitting} positions fit",
            "Give fewer tokens or a shorter length",
            fitting,
        )


def _fitting(model: Any) -> int | None:
    """Return how many positions of a forward pass fit; None where nobody knows."""
    try:
        return int(SPARE * _free(model.device) / _bytes_a_token(model))
    except (AttributeError, TypeError):  # configs whose layers differ in size
        return None


@contextmanager
def saying_what_fits(model: Any, remedy: str = "") -> Iterator[None]:
    """Turn torch's running out of memory into a sentence: ``remedy``, or how many positions would fit."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        count = _fitting(model)
        fitting = "" if count is None else f"About {count} positions fit at once. "
        raise NotEnoughMemory(
            f"{model.device} ran out of memory",
            remedy or f"{fitting}Give a shorter window or fewer windows a pass",
            count,
        ) from error


def _bytes_a_token(model: Any) -> int:
    config = model.config.get_text_config()
    size = model.get_input_embeddings().weight.element_size()
    hidden = config.hidden_size
    inner = max(value or 4 * hidden for value in layer_settings(config, "intermediate_size"))
    heads = max(layer_settings(config, "num_attention_heads"))
    width = max(value or hidden // heads for value in layer_settings(config, "head_dim"))
    return int(size * (6 * hidden + 3 * inner + 8 * heads * width) + 16 * heads * width)


def _free(device: Any) -> int:
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)  # torch's own
        return int(torch.cuda.mem_get_info(device)[0]) + int(unused)
    return int(load("psutil", "models").virtual_memory().available)
