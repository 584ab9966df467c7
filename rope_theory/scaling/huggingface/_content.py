"""What a config holds, as plain dictionaries, lists and scalars of a bounded size, whatever it was given as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from rope_theory._core.checks import shown
from rope_theory._core.json_files import read_json
from rope_theory.errors import DamagedFile, MissingFile, UnreadableConfig, WrongType
from rope_theory.scaling.huggingface.facts import FACTS, UNKNOWN

WHAT = "the config of a model, config.json"
"""What a file should be."""

LARGEST_FILE = 1 << 24
"""Largest config.json, bytes: released ones have a few thousand."""

DEEPEST = 64
"""Levels of dictionaries and lists in a config: released ones have four."""

MOST_VALUES = 1 << 17
"""Values in a config, keys not counted: released ones have a few hundred, with lists of labels some ten thousand."""

MOST_BITS = 13_000
"""Size of an integer, bits: Python writes no more than 4300 digits."""


def content_of(source: Any) -> dict[Any, Any]:
    """Return what a config holds: a path, a mapping, or anything with ``to_dict()``; raises as ``from_hf``.

    The result shares nothing with the source. Arrays have become lists, other objects numbers where they convert to
    one and the text of their repr elsewhere.
    """
    if isinstance(source, Mapping):
        return _plain_mapping(source)
    if hasattr(source, "to_dict") and not isinstance(source, type):
        content = source.to_dict()
        if isinstance(content, Mapping):
            return _with_equal_layers(source, _plain_mapping(content))
    if not isinstance(source, str | Path):
        raise WrongType(
            "source",
            "must be a path to a config.json or to its folder, a mapping, or a config with to_dict()",
            type(source).__name__,
        )
    return _plain_mapping(_file_content(Path(source)))


def _with_equal_layers(source: Any, content: dict[Any, Any]) -> dict[Any, Any]:
    """Say of a loaded config that its layers are all alike, where its dictionary would be read as the class's default.

    ``to_dict`` of Gemma 4's config leaves ``per_layer_config`` out when it was set to None.
    """
    parts = [(source, content), (getattr(source, "text_config", None), content.get("text_config"))]
    for config, held in parts:
        if not isinstance(held, dict) or not isinstance(held.get("model_type"), str):
            continue
        facts = FACTS.get(held["model_type"], UNKNOWN)
        if not facts.completes_tables and getattr(config, "is_heterogeneous", None) is False:
            held.setdefault("per_layer_config", None)
    return content


def _file_content(path: Path) -> Mapping[str, Any]:
    path = path / "config.json" if path.is_dir() else path
    if not path.is_file():
        raise MissingFile(
            str(path),
            "holds no config: source must be a local config.json or a folder that holds one",
            "download a model of the Hub first, or pass its config",
        )
    content = read_json(path, WHAT, LARGEST_FILE, finite=False, deepest=None)
    if not isinstance(content, Mapping):
        raise DamagedFile(str(path), WHAT, f"it must hold a JSON object, got {type(content).__name__}")
    return content


def _plain_mapping(source: Mapping[Any, Any]) -> dict[Any, Any]:
    plain = _Copy(MOST_VALUES).of(source, 0)
    assert isinstance(plain, dict)
    return plain


class _Copy:
    """A plain copy in the making, and how many values it may still take."""

    def __init__(self, room: int) -> None:
        self.room = room

    def of(self, value: Any, level: int) -> Any:
        self._take(1)
        if value is None or type(value) in (bool, str, float):
            return value
        if isinstance(value, np.generic | np.ndarray):
            self._take(value.size)
            value = value.tolist()
        if isinstance(value, Mapping):
            self._go_to(level)
            return {self._key(key): self.of(item, level + 1) for key, item in self._read(value)}
        if isinstance(value, list | tuple):
            self._go_to(level)
            self._take(len(value) if len(value) > self.room else 0)  # too many are not looked at
            copied = [self.of(item, level + 1) for item in value]
            return copied if isinstance(value, list) else tuple(copied)
        return _scalar(value)

    def _take(self, count: int) -> None:
        self.room -= count
        if self.room < 0:
            raise UnreadableConfig(f"This config holds more than {MOST_VALUES} values; a real one has a few hundred.")

    def _go_to(self, level: int) -> None:
        if level >= DEEPEST:
            raise UnreadableConfig(f"This config is nested more than {DEEPEST} levels deep; a real one has four.")

    def _read(self, value: Mapping[Any, Any]) -> list[tuple[Any, Any]]:
        try:
            items: Iterable[tuple[Any, Any]] = value.items()
            return list(islice(items, self.room + 1))
        except Exception as error:
            raise UnreadableConfig(
                f"A dictionary of this config, a {type(value).__name__}, cannot be read: its items() raises "
                f"{type(error).__name__} ({shown(str(error))})."
            ) from error

    def _key(self, key: Any) -> Any:
        if key is None or type(key) in (bool, float, bytes):
            return key
        plain = _scalar(key)
        return plain if isinstance(plain, str | int) else shown(key)


def _scalar(value: Any) -> Any:
    """Return a str, int or float: of its own kind, by conversion, or the text of its repr."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int):
        whole = int.__int__(value)
        return whole if whole.bit_length() <= MOST_BITS else shown(whole)
    try:
        return float(value) if hasattr(value, "__float__") else shown(value)
    except Exception:  # the conversion belongs to the caller's class and may raise anything
        return shown(value)
