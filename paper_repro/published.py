"""The numbers the paper prints, from ``published.toml``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.toml")


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


def number(name: str) -> float:
    """Return a single printed number."""
    entries = {entry["id"]: entry for entry in _content()["number"]}
    if name not in entries:
        raise KeyError(f"published.toml has no number {name!r}; it has {', '.join(entries)}.")
    return float(entries[name]["printed"])
