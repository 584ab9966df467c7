"""The numbers the paper prints, from ``published.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rope_theory.reports import Record

FILE = Path(__file__).with_name("published.toml")


@cache
def _content() -> dict[str, Any]:
    return tomllib.loads(FILE.read_text())


@dataclass(frozen=True)
class Printed(Record):
    """A number as the paper prints it: half a unit of the last printed digit is its precision."""

    value: float
    precision: float


def printed(name: str) -> Printed:
    """Return a single printed number."""
    entries = {entry["id"]: entry for entry in _content()["number"]}
    if name not in entries:
        raise KeyError(f"published.toml has no number {name!r}; it has {', '.join(entries)}.")
    text = entries[name]["printed"]
    return Printed(float(text), 0.5 * 10.0 ** -len(text.partition(".")[2]))


def row(table: str, keys: tuple[str, ...]) -> dict[str, str]:
    """Return the cells of a row of a printed table, as printed, by column; ``keys`` are its first cells.

    Raises
    ------
    KeyError
        When there is no such table, or no such row in it.
    """
    tables = {entry["id"]: entry for entry in _content()["table"]}
    if table not in tables:
        raise KeyError(f"published.toml has no table {table!r}; it has {', '.join(tables)}.")
    for cells in tables[table]["rows"]:
        if tuple(cells[: len(keys)]) == keys:
            return dict(zip(tables[table]["columns"][len(keys) :], cells[len(keys) :], strict=True))
    raise KeyError(f"{table} of published.toml has no row that begins with {', '.join(keys)}.")


def cell(table: str, keys: tuple[str, ...], column: str) -> str:
    """Return one cell of a printed table, as printed."""
    return row(table, keys)[column]
