"""The rotary tables a loaded model holds: where they are, and which config describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory.errors import InputError, NeedsLayerType, WrongValue
from rope_theory.scaling.huggingface import HuggingFaceRope, from_hf

FREQUENCY_NAME = re.compile(r"(?:(?P<layer>(?!original_|long_)\w+?)_)?(?P<kind>original_|long_)?inv_freq")
"""Buffers, or plain attributes, with inverse frequencies: inv_freq, original_inv_freq, full_attention_inv_freq …"""

SINUSOID_NAMES = ("embed_positions",)
"""Tables (positions, width) of sines, then cosines, as GPT-J and CodeGen keep them."""

CACHE_NAMES = (("cos_cached", "sin_cached"), ("_cos_cached", "_sin_cached"), ("cos_cache", "sin_cache"))
"""Tables of cosines and of sines, (…, positions, width), kept by older and remote code."""

FREQUENCIES, SINUSOIDS, CACHE, MISSING = "inv_freq", "sinusoids", "cache", "missing"
"""Kinds of tables; those of frequencies end in the first, "original_inv_freq" and "long_inv_freq" among them."""


@dataclass
class Found:
    """A table in a model: where it is, its tensors (none where it is missing), its config and module."""

    name: str
    kind: str
    layer_type: str | None
    module: Any
    config: Any
    tensors: tuple[Any, ...]

    @property
    def dtype(self) -> str:
        """Its dtypes, each once."""
        return " and ".join(dict.fromkeys(str(tensor.dtype).removeprefix("torch.") for tensor in self.tensors))

    @property
    def device(self) -> str:
        """Where its first tensor lies."""
        return str(self.tensors[0].device) if self.tensors else ""

    def numbers(self) -> list[NDArray[np.float64]]:
        """Return its values in float64."""
        dense = (tensor.detach().to_dense() if tensor.is_sparse else tensor.detach() for tensor in self.tensors)
        return [tensor.double().cpu().numpy() for tensor in dense]


@dataclass
class Reading:
    """Configs already read: (its identity, layer type) → the description, or why there is none."""

    known: dict[tuple[int, str | None], tuple[HuggingFaceRope | None, InputError | None]]

    def described(self, config: Any, layer_type: str | None) -> tuple[HuggingFaceRope | None, InputError | None]:
        """Return what a config describes, and None; or None, and why."""
        key = (id(config), layer_type)
        if key not in self.known:
            try:
                self.known[key] = from_hf(config, layer_type=layer_type), None
            except InputError as error:
                self.known[key] = None, error.with_traceback(None)
        return self.known[key]

    def of(self, found: Found) -> tuple[HuggingFaceRope | None, str | None, InputError | None]:
        """Return the description of a table, its layer type, and why there is none."""
        described, refusal = self.described(found.config, found.layer_type)
        if isinstance(refusal, NeedsLayerType) and found.layer_type is None:
            for part in reversed(found.name.split(".")):  # where each type has a module of its own, the path has it
                described, _ = self.described(found.config, part)
                if described is not None:
                    return described, part, None
        return described, found.layer_type, refusal


def tables_of(model: Any, torch: Any) -> Iterator[Found]:
    """Yield every rotary table of a model, module by module."""
    configs: dict[str, Any] = {}
    for path, module in model.named_modules(remove_duplicate=True):
        own = getattr(module, "config", None)
        above = configs.get(path.rpartition(".")[0], model.config)
        configs[path] = own if hasattr(own, "to_dict") else above
        # a plain attribute with a tensor (long_inv_freq, tables put in by hand) counts as much as a buffer
        named = (*module.named_buffers(recurse=False), *module.named_parameters(recurse=False), *vars(module).items())
        held = {name: value for name, value in named if torch.is_tensor(value) and not value.is_complex()}
        for name, kind, layer_type, tensors in _tables_among(held):
            full = f"{path}.{name}" if path else name
            for tensor in tensors:
                if tensor.device.type == "meta":
                    raise WrongValue(
                        full,
                        "lies on the meta device: it has a shape and no values, nothing to compare",
                        remedy="Load the model with from_pretrained, or give it memory (to_empty) and initialise it",
                    )
            yield Found(full, kind, layer_type, module, configs[path], tensors)


def _tables_among(held: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None, tuple[Any, ...]]]:
    for name, tensor in held.items():
        match = FREQUENCY_NAME.fullmatch(name)
        if match:
            used = f"{match['layer']}_{FREQUENCIES}" if match["layer"] else FREQUENCIES
            if match["kind"] == "original_" and used not in held:
                yield used, MISSING, match["layer"], ()
            yield name, f"{match['kind'] or ''}{FREQUENCIES}", match["layer"], (tensor,)
        elif name in SINUSOID_NAMES and tensor.ndim == 2:
            yield name, SINUSOIDS, None, (tensor[:, tensor.shape[1] // 2 :], tensor[:, : tensor.shape[1] // 2])
    for pair in CACHE_NAMES:
        tensors = tuple(held[name] for name in pair if name in held)
        if len(tensors) == 2:
            yield ", ".join(pair), CACHE, None, tensors
        elif tensors:
            yield next(name for name in pair if name not in held), MISSING, None, ()
