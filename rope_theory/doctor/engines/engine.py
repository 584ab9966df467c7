"""What the doctor knows of an engine: a name, a version, and the table it makes of a config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.records import Record
from rope_theory.config import RopeConfig
from rope_theory.doctor.case import Case, real, whole
from rope_theory.errors import EngineRefused
from rope_theory.scaling.huggingface.reading import ORIGINAL


@dataclass(frozen=True)
class EngineTable(Record):
    """The table of one engine.

    Attributes
    ----------
    theta : array, shape (P,)
        Angular frequencies, rad/token; P may differ from engine to engine.
    attention_factor : float
        Multiplies cos and sin.
    note : str
        What a reader of the table should know; often empty.
    """

    theta: NDArray[np.float64]
    attention_factor: float
    note: str = ""


@dataclass(frozen=True)
class Request:
    """A table that is asked of an engine: a config, one of its layer types, and a length.

    Attributes
    ----------
    case : Case
        The config.
    layer_type : str or None
        Which of its tables.
    length : int
        Current sequence length, tokens.
    longest : int
        The longest sequence served, tokens: what engines without a table a length go by.
    config : RopeConfig
        Widths, base and trained window.
    """

    case: Case
    layer_type: str | None
    length: int
    longest: int
    config: RopeConfig

    @property
    def maximum(self) -> int:
        """max_position_embeddings, tokens."""
        return self.case.maximum or self.config.context_length

    @property
    def scaled_by_flat(self) -> bool:
        """Whether a flat dictionary holds for these layers."""
        table = self.case.facts.tables.get(self.layer_type or "")
        return table is None or table.legacy_scaling

    @property
    def own_dictionary(self) -> Mapping[str, Any]:
        """The dictionary that transformers 5 uses: the config's, else the class's own."""
        own = [found for found in self.case.dictionaries if found.layer_type in (None, self.layer_type)]
        for key in ("rope_scaling", "rope_parameters"):  # of two, transformers uses the old one
            for found in own:
                if key in found.path and (found.layer_type is not None or self.scaled_by_flat):
                    return found.keys or self.case.facts.rope
        return self.case.facts.rope

    @property
    def share(self) -> float:
        """The rotated share of a head, whether or not the class honours it."""
        inner = real(self.own_dictionary.get("partial_rotary_factor"))
        top = next((real(self.case.raw.get(key)) for key in self.case.facts.share_keys if key in self.case.raw), None)
        value = inner if inner is not None else top
        if value is None or not 0.0 < value <= 1.0:
            return self.config.width / self.config.head_dim
        return value

    @property
    def honoured_width(self) -> int:
        """The rotated width where the share holds for every type."""
        width = int(self.config.head_dim * self.share)
        return width if width >= 2 and width % 2 == 0 else self.config.width


@dataclass(frozen=True)
class Engine:
    """An engine that makes rotary tables of Hugging Face configs.

    Attributes
    ----------
    name, version : str
        What it is.
    origin : {"modelled", "executed"}
        Whether its tables come from formulas of this package, or from running it.
    about : str
        What the model of it assumes.
    table : callable
        Request → EngineTable; raises ``EngineRefused``.
    """

    name: str
    version: str
    origin: Literal["modelled", "executed"]
    about: str
    table: Callable[[Request], EngineTable]

    @property
    def label(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".strip()


def rope_type(keys: Mapping[str, Any], aliases: Mapping[str, str]) -> str:
    """Return the type of a dictionary in an engine's own words."""
    name = keys.get("rope_type") or keys.get("type") or "default"
    return aliases.get(name, name) if isinstance(name, str) else "default"


def needed(keys: Mapping[str, Any], *names: str) -> tuple[float, ...]:
    """Return some numbers of a dictionary, or refuse."""
    values = tuple(real(keys.get(name)) for name in names)
    missing = [name for name, value in zip(names, values, strict=True) if value is None]
    if missing:
        raise EngineRefused(f"needs {', '.join(missing)} in the dictionary")
    return tuple(value for value in values if value is not None)


def divisors(keys: Mapping[str, Any], name: str, pairs: int) -> NDArray[np.float64]:
    """Return one of LongRoPE's lists, or refuse."""
    value = keys.get(name)
    if not isinstance(value, list | tuple) or len(value) != pairs or not all(real(item) for item in value):
        raise EngineRefused(f"needs {name}, a list of {pairs} numbers")
    return np.asarray(value, np.float64)


def inner_original(keys: Mapping[str, Any]) -> int | None:
    """Return the original window of a dictionary, tokens."""
    return whole(keys.get(ORIGINAL))
