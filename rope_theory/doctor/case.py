"""A config as the rules of the doctor see it: where its RoPE dictionaries stand, and what ``from_hf`` makes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from rope_theory.config import RopeConfig
from rope_theory.doctor.finding import REMOVED, Edit, Finding, Severity, edited
from rope_theory.errors import InputError, NoRotaryTable, OutOfRange, UnreadableConfig
from rope_theory.scaling.huggingface.facts import FACTS, UNKNOWN, ModelFacts
from rope_theory.scaling.huggingface.reading import (
    ALIASES,
    LENGTH_KEYS,
    MULTI_DIMENSIONAL,
    ORIGINAL,
    SECTION_KEYS,
    HuggingFaceRope,
    layer_types,
    read,
    text_part,
)

MAXIMUM = "max_position_embeddings"
V5, V4, VLLM, LITGPT = "transformers 5", "transformers 4", "vLLM", "litgpt"
MOST_TABLES = 3
"""Layer types beyond which a config is not taken for one."""

WIDEST_HEAD = 1024
"""Head dimension up to which the doctor computes; released models have at most 512 (Gemma 4)."""

PASTED = (
    "rope_parameters", "rope_scaling", "rope_theta", ORIGINAL, MAXIMUM, "partial_rotary_factor",
)  # fmt: skip
"""Top-level keys that a corrected config shows."""


@dataclass(frozen=True)
class Located:
    """One RoPE dictionary of a config.

    Attributes
    ----------
    path : tuple of str
        Keys that lead to it from the top of the config.
    layer_type : str or None
        The layers it belongs to, in a dictionary nested by layer type.
    keys : mapping
        Its content.
    """

    path: tuple[str, ...]
    layer_type: str | None
    keys: Mapping[str, Any]

    @property
    def given_type(self) -> str | None:
        """The rope type as written, under either key."""
        value = self.keys.get("rope_type") or self.keys.get("type")
        return value if isinstance(value, str) else None

    def named(self, key: str) -> str:
        """Return a key of it with the way to it."""
        return ".".join((*self.path, key))

    def set(self, key: str, value: Any) -> Edit:
        """Return the edit that sets one of its keys."""
        return Edit((*self.path, key), value)

    def remove(self, key: str) -> Edit:
        """Return the edit that takes one of its keys away."""
        return Edit((*self.path, key), REMOVED)


@dataclass(frozen=True)
class Case:
    """A config, its dictionaries, and the tables that could be read off it.

    Attributes
    ----------
    content, raw : mapping
        The whole config, and the part that holds the text model.
    prefix : tuple of str
        Keys from the one to the other.
    dictionaries : tuple of Located
        Every RoPE dictionary, those nested by layer type one by one.
    readings : mapping
        Layer type → what ``from_hf`` read; None → the only table.
    refusals : mapping
        Layer type → why ``from_hf`` refused; None → the whole config.
    """

    content: Mapping[str, Any]
    raw: Mapping[str, Any]
    prefix: tuple[str, ...]
    dictionaries: tuple[Located, ...]
    readings: Mapping[str | None, HuggingFaceRope]
    refusals: Mapping[str | None, InputError]

    @property
    def model_type(self) -> str | None:
        """The model type, where it is a word."""
        value = self.raw.get("model_type")
        return value if isinstance(value, str) else None

    @property
    def facts(self) -> ModelFacts:
        """What the model's class does where the config is silent."""
        return FACTS.get(self.model_type or "", UNKNOWN)

    @property
    def length_key(self) -> str:
        """The key under which the config gives its window."""
        return next((key for key in LENGTH_KEYS if self.raw.get(key) is not None), MAXIMUM)

    @property
    def maximum(self) -> int | None:
        """The window of the config, tokens, where it is a usable number."""
        value = whole(self.raw.get(self.length_key))
        return value if value is not None else self.facts.max_length

    @property
    def top_original(self) -> int | None:
        """The original window at top level, tokens."""
        return whole(self.raw.get(ORIGINAL))

    def widths(self, layer_type: str | None) -> RopeConfig | None:
        """Return widths, base and trained window of a table, also where ``from_hf`` refuses its type or its numbers.

        None where there is no dictionary of one position a token to be read otherwise.
        """
        if layer_type in self.readings:
            return self.readings[layer_type].config
        own = [found for found in self.dictionaries if found.layer_type in (None, layer_type)]
        several = any(key in holder for key in SECTION_KEYS for holder in (self.raw, *(found.keys for found in own)))
        if not own or several or any(found.given_type in (None, *MULTI_DIMENSIONAL) for found in own):
            return None
        plain = opened(edited(self.content, [Edit(found.path, _plain(found.keys)) for found in own]))
        return plain.readings[layer_type].config if layer_type in plain.readings else None

    @property
    def reads_alpha(self) -> bool:
        """Whether the class reads alpha with type "dynamic"."""
        return (self.model_type or "").startswith("hunyuan")

    def of(self, found: Located) -> HuggingFaceRope | None:
        """Return what ``from_hf`` reads for the layers of a dictionary; None where it refuses."""
        if found.layer_type is not None or not self.facts.tables:
            return self.readings.get(found.layer_type)
        scaled = (name for name, table in self.facts.tables.items() if table.legacy_scaling)
        return next((self.readings[name] for name in scaled if name in self.readings), None)

    def reading(self, layer_type: str | None) -> HuggingFaceRope:
        """Return what ``from_hf`` reads for a layer type, or raise as it does, and for heads that are too wide."""
        if layer_type in self.readings:
            return self.readings[layer_type]
        if layer_type in self.refusals:
            raise self.refusals[layer_type]
        return read(self.content, layer_type)

    def real_type(self, found: Located) -> str:
        """Return the rope type that a dictionary's word means for this model."""
        name = found.given_type or "default"
        return self.facts.aliases.get(name, ALIASES.get(name, name))

    def typed(self, *names: str) -> Iterator[Located]:
        """Yield the dictionaries of some rope types."""
        return (found for found in self.dictionaries if self.real_type(found) in names)

    def set(self, key: str, value: Any) -> Edit:
        """Return the edit that sets a key of the text model."""
        return Edit((*self.prefix, key), value)

    def remove(self, key: str) -> Edit:
        """Return the edit that takes a key of the text model away."""
        return Edit((*self.prefix, key), REMOVED)

    def base_edits(self, base: float) -> list[Edit]:
        """Return the edits that give the model a base where its class reads it."""
        key = self.facts.base_keys[0]
        kept = [self.remove("rope_theta")] if key != "rope_theta" else []
        return [*kept, self.set(key, base)]

    def without(self, found: Located) -> Case:
        """Return the case of the config in which a dictionary has the unscaled type."""
        return opened(edited(self.content, (Edit(found.path, _plain(found.keys)),)))

    def finding(
        self,
        severity: Severity,
        name: str,
        key: str,
        meant: str,
        happens: str,
        *,
        engines: tuple[str, ...] = (),
        edits: tuple[Edit, ...] = (),
        threads: tuple[str, ...] = (),
    ) -> Finding:
        """Return a finding, with the corrected RoPE keys where there are edits."""
        corrected = pasted(edited(self.content, edits), self.prefix) if edits else None
        return Finding(severity, name, key, meant, happens, engines, edits, corrected, threads)

    def original(self, found: Located) -> int | None:
        """Return the original window of a dictionary's table, tokens, where the config or the class gives one."""
        inner = whole(found.keys.get(ORIGINAL))
        if found.layer_type is not None:
            return inner
        return self.top_original or self.facts.original_length or inner

    def difference(self, edits: tuple[Edit, ...], layer_type: str | None) -> str:
        """Say how far a table moves when the edits are made; nothing where one of the two does not exist."""
        before = self.readings.get(layer_type)
        after = opened(edited(self.content, edits)).readings.get(layer_type)
        if before is None or after is None:
            return ""
        longest = max(before.config.context_length, after.config.context_length, self.maximum or 2)
        old, new = before.frequencies(longest).theta, after.frequencies(longest).theta
        if old.shape != new.shape:
            return f" The corrected table has {new.size} frequencies instead of {old.size}."
        turning = (old > 0.0) & (new > 0.0)
        ratios = new[turning] / old[turning]
        apart = np.maximum(ratios, 1.0 / ratios)
        changed = int((apart > 1.0 + 1e-6).sum())
        if not changed:
            return ""
        most = f"by a factor up to {apart.max():.3g}"
        return f" {changed} of {old.size} frequencies differ from the corrected table, {most}."


def _plain(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Return a RoPE dictionary without its scaling."""
    kept = {key: keys[key] for key in ("rope_theta", "partial_rotary_factor") if key in keys}
    return {"rope_type": "default", **kept}


def opened(content: Mapping[str, Any]) -> Case:
    """Return the case of a config; whatever it holds, nothing is raised."""
    raw = text_part(content)
    prefix = () if raw is content else ("text_config",)
    readings: dict[str | None, HuggingFaceRope] = {}
    refusals: dict[str | None, InputError] = {}
    try:
        names = layer_types(content)
    except InputError as error:
        names, refusals = (), {None: error.with_traceback(None)}
    if len(names) > MOST_TABLES:
        reason = f"This config has {len(names)} layer types; real ones have two or three"
        names, refusals = (), {None: UnreadableConfig(reason)}
    if not names and not refusals:
        refusals = {None: NoRotaryTable("None of this config's layer types has a rotary table: nothing rotates")}
    for name in names:
        try:
            readings[name] = _narrow(read(content, name))
        except InputError as error:
            refusals[name] = error.with_traceback(None)
    return Case(content, raw, prefix, tuple(_dictionaries(raw, prefix)), readings, refusals)


def _narrow(reading: HuggingFaceRope) -> HuggingFaceRope:
    """Return a reading whose head is no wider than the doctor computes."""
    if reading.config.head_dim > WIDEST_HEAD:
        raise OutOfRange(
            "The head dimension",
            reading.config.head_dim,
            high=WIDEST_HEAD,
            remedy="It is that of one attention head (released models have up to 512). Nothing is computed "
            "for it. Check head_dim, or hidden_size and num_attention_heads",
        )
    return reading


def _dictionaries(raw: Mapping[str, Any], prefix: tuple[str, ...]) -> Iterator[Located]:
    for key in ("rope_parameters", "rope_scaling"):
        found = raw.get(key)
        if not isinstance(found, Mapping):
            continue
        nested = {name: inner for name, inner in found.items() if isinstance(inner, Mapping)}
        if not nested and found:
            yield Located((*prefix, key), None, found)
        for name, inner in islice(nested.items(), MOST_TABLES):
            if isinstance(name, str):
                yield Located((*prefix, key, name), name, inner)


def pasted(config: Mapping[str, Any], prefix: tuple[str, ...]) -> dict[str, Any]:
    """Return the RoPE keys of a config, in the place where they stand."""
    inner: Any = config
    for key in prefix:
        inner = inner[key]
    shown: Any = {key: inner[key] for key in PASTED if key in inner}
    for key in reversed(prefix):
        shown = {key: shown}
    return dict(shown)


def real(value: Any) -> float | None:
    """Return a finite number as a float, and None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and abs(number) <= 1e100 else None


def whole(value: Any) -> int | None:
    """Return a whole number of at least 2 as an int, and None for anything else."""
    number = real(value)
    return int(number) if number is not None and number >= 2 and number == int(number) and number < 2**53 else None
