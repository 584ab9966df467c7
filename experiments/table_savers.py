"""Does an extended model keep working with what saves memory and time? Its logits under each, beside a plain pass.

Section 2.3 of arXiv 2306.15595 v2 says that Position Interpolation keeps the architecture, so that what was built for a
model goes on working. Here every scaling is put through it, on the reference model and more tokens than its window.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from experiments import files, pretrain
from experiments.columns import as_columns
from experiments.extension.runs import scaling_of
from experiments.parts import Data, Part
from experiments.sweeps import Columns, Sweep
from rope_theory.models import extend
from rope_theory.models.loading import load_model
from rope_theory.scaling import LongRoPE, Scaling

INPUTS: dict[str, Any] = {
    "methods": ["direct", "PI", "NTK-aware", "dynamic", "by parts", "YaRN", "LongRoPE", "Llama 3"],
    "factor": 4.0, "tokens": 320, "seed": 0, "model": files.digest(pretrain.run_facts()),
}  # fmt: skip

WAYS = {
    "sdpa": "torch's scaled_dot_product_attention",
    "compiled": "torch.compile",
    "checkpointed": "gradient checkpointing",
    "lora": "LoRA, untrained",
    "cached": "one token at a time, with a cache",
    "bfloat16": "weights in bfloat16",
    "flash": "flash attention 2, bfloat16, CUDA",
}
"""What is tried, and what the table calls it."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a chunk a method."""
    shared = {name: value for name, value in inputs.items() if name != "methods"}
    return [{**shared, "method": method} for method in inputs["methods"]]


def rows(chunk: Mapping[str, Any]) -> Columns:
    """Return the largest logit difference from a full eager forward in float32, a row a way."""
    import torch

    original, _ = load_model(pretrain.REFERENCE)
    ways = chunk.get("ways") or list(WAYS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model = extend(original, _scaling(chunk["method"], chunk["factor"], original), length=4 * 256)
    size = model.config.vocab_size
    generator = torch.Generator().manual_seed(chunk["seed"])
    ids = torch.randint(3, size, (1, chunk["tokens"]), generator=generator)
    plain = _eager(model, ids)
    found_rows = []
    for way in ways:
        found = DIFFERENT[way](copy.deepcopy(model), ids)
        difference = float("nan") if found is None else float((found.float() - plain).abs().max())
        found_rows.append((chunk["method"], way, difference, float(plain.abs().max())))
    return as_columns(("method", "way", "difference", "largest"), found_rows)


def _scaling(method: str, factor: float, model: Any) -> Scaling:
    if method == "by parts":
        from rope_theory.scaling import NTKByParts

        return NTKByParts(factor, ramp="transformers")
    if method == "LongRoPE":
        pairs = model.config.head_dim // 2
        return LongRoPE([1.0] * pairs, np.geomspace(1.0, factor, pairs).tolist(), factor=factor)
    return scaling_of(method, factor)


def _logits(model: Any, ids: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(ids, use_cache=False).logits


def _eager(model: Any, ids: Any) -> Any:
    plain = copy.deepcopy(model)
    plain.set_attn_implementation("eager")
    return _logits(plain, ids)


def _sdpa(model: Any, ids: Any) -> Any:
    model.set_attn_implementation("sdpa")
    return _logits(model, ids)


def _compiled(model: Any, ids: Any) -> Any:
    import torch

    return _logits(torch.compile(model), ids)


def _checkpointed(model: Any, ids: Any) -> Any:
    """Return the logits of a training pass; the backward pass computes them again and must not change them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        model.gradient_checkpointing_enable()
    output = model.train()(ids, labels=ids, use_cache=False)
    output.loss.backward()
    return output.logits.detach()


def _lora(model: Any, ids: Any) -> Any:
    import peft

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear"))
    return _logits(adapted.eval(), ids)


def _cached(model: Any, ids: Any) -> Any:
    import torch

    logits, cache = [], None
    with torch.no_grad():
        for place in range(ids.shape[1]):
            output = model(ids[:, place : place + 1], past_key_values=cache, use_cache=True)
            logits.append(output.logits)
            cache = output.past_key_values
    return torch.cat(logits, dim=1)


def _bfloat16(model: Any, ids: Any) -> Any:
    import torch

    return _logits(model.to(torch.bfloat16), ids)


def _flash(model: Any, ids: Any) -> Any:
    """Return nothing where there is no CUDA device or no flash attention."""
    import torch

    if not torch.cuda.is_available():
        return None
    try:
        moved = model.to("cuda", torch.bfloat16)
        moved.set_attn_implementation("flash_attention_2")
    except (ImportError, ValueError):
        return None
    return _logits(moved, ids.cuda()).cpu()


DIFFERENT: dict[str, Callable[[Any, Any], Any]] = {
    "sdpa": _sdpa, "compiled": _compiled, "checkpointed": _checkpointed, "lora": _lora, "cached": _cached,
    "bfloat16": _bfloat16, "flash": _flash,
}  # fmt: skip

SAVERS = Sweep(
    name="memory_savers", kind="tables", inputs=INPUTS, chunks=chunks, compute=rows,
    about="A row a method and way of running: largest absolute difference of logits from a full eager forward in "
    "float32, and the largest logit; nan where it was not run (flash attention needs a CUDA device).",
)  # fmt: skip


def compute(inputs: Mapping[str, Any], stored: Columns) -> Data:
    """Return the stored rows, and the largest difference of each way."""
    return Data(tables={"savers": dict(stored)}, facts={"tokens": inputs["tokens"], "factor": inputs["factor"]})


PART = Part("table_savers", "tables", INPUTS, compute, sweeps=(SAVERS,))
