"""Reports on a terminal, by rich."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rope_theory.reports._blocks import Block, Code, Grid, Heading, Item, Paragraph, Points, cell

PIPED_WIDTH = 160
"""Columns when nobody says how many there are: wide enough for every table."""

NARROWEST = 80
"""Columns below which lines are left to the terminal to break, so that no number is cut."""

UNLIMITED = 10_000
"""Columns in which any table has its natural width; tables of numbers are too wide rather than cut."""

STYLES = {"error": "red", "warning": "yellow", "quiet": "dim", "": ""}


def print_blocks(title: str, blocks: Iterable[Block]) -> None:
    """Print a title and what is below it on stdout."""
    console = Console(markup=False, highlight=False, emoji=False)
    piped = not console.is_terminal and "COLUMNS" not in os.environ
    available = PIPED_WIDTH if piped else max(console.width, NARROWEST)
    for part in (Text(title), *(part for block in blocks for part in _drawn(block))):
        console.width = available
        if isinstance(part, Table) and all(column.no_wrap for column in part.columns):
            options = console.options.update(max_width=UNLIMITED)
            console.width = max(available, Measurement.get(console, options, part).maximum)
        console.print(part)


def _drawn(block: Block) -> Iterator[RenderableType]:
    match block:
        case Heading(text):
            yield Text(f"\n{text}", "bold")
        case Paragraph(text, tone):
            yield Text(text, STYLES[tone])
        case Code(text):
            yield Text(text)
        case Points(items):
            for item in items:
                point = Table.grid(padding=(0, 1))
                point.add_row("•", Text(item))
                yield Padding(point, 0)
        case Item():
            yield Text(f"{block.mark:7} ", STYLES[block.tone]).append(block.text, "")
            yield from (Padding(Text(f"{name}: {text}"), (0, 0, 0, 8)) for name, text in block.details)
        case Grid():
            yield _table(block)


def _table(grid: Grid) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for heading, letter in grid.columns:
        table.add_column(heading, no_wrap=letter != "w", overflow="fold", justify="right" if letter == "r" else "left")
    for number, row in enumerate(grid.rows):
        table.add_row(*(Text(cell(value)) for value in row), style="red" if number in grid.errors else None)
    return table
