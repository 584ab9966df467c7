"""What a report is made of, whatever shows it: a title, and blocks one below the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

Tone = Literal["", "quiet", "warning", "error"]


@dataclass(frozen=True)
class Heading:
    """Title of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Points:
    """Remarks, one below the other."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Code:
    """Text whose lines and spaces are kept."""

    text: str


@dataclass(frozen=True)
class Item:
    """A remark behind a mark of its own, with named details."""

    mark: str
    text: str
    details: tuple[tuple[str, str], ...]
    tone: Tone


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    headings : tuple of str
        One per column.
    rows : tuple of tuple
        Cells: text as it is, floats with four digits, None as a dash.
    align : str
        One letter per column, the last one for all that follow: l and r, and w for text that is broken into lines.
    errors : frozenset of int
        Rows that stand out.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    align: str
    errors: frozenset[int] = frozenset()

    @property
    def columns(self) -> list[tuple[str, str]]:
        """Heading and letter of every column."""
        letters = self.align.ljust(len(self.headings), self.align[-1])
        return list(zip(self.headings, letters, strict=True))


@dataclass(frozen=True)
class Picture:
    """What ``draw(ax=…)`` draws; only pages show it."""

    draw: Callable[..., Any]
    caption: str


Block = Heading | Paragraph | Points | Code | Item | Grid | Picture


def grid(headings: Iterable[str], rows: Iterable[Iterable[Any]], align: str = "llr") -> Grid:
    """Return a table; by default its first two columns are words, the others numbers."""
    return Grid(tuple(headings), tuple(map(tuple, rows)), align)


def grid_of(records: Iterable[Any], columns: Mapping[str, str], align: str = "llr") -> Grid:
    """Return a table of records: heading → attribute, of an attribute where there is a dot."""
    return grid(columns, map(attrgetter(*columns.values()), records), align)


def cell(value: Any) -> str:
    """Return the text of a cell."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
