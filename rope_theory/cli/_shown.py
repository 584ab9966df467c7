"""What verbs of the command line share: the application, errors in one line, tables or JSON."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import rope_theory as rt
from rope_theory._core.records import Record, json_ready
from rope_theory._labels import short_label
from rope_theory.errors import RopeTheoryError

P = ParamSpec("P")
R = TypeVar("R")
Rec = TypeVar("Rec", bound=Record)

PIPED_WIDTH = 160
"""Columns when nobody says how many there are: wide enough for every table."""

NARROWEST = 80
"""Columns below which lines are left to the terminal to break, so that no number is cut."""

UNLIMITED = 10_000
"""Columns in which any table has its natural width; tables of numbers are too wide rather than cut."""

app = typer.Typer(
    name="rope-theory",
    help="What is actually true about extending the context window of RoPE language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
LayerType = Annotated[
    str | None, typer.Option(help="Which layers, in a model with several tables, such as full_attention.")
]
OptionalConfig = Annotated[
    str | None, typer.Argument(metavar="CONFIG", help="A config.json or the folder that holds it.")
]
Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A folder with config.json, safetensors and tokenizer, or a hub's name.")
]
Config = Annotated[str, typer.Argument(metavar="CONFIG", help="A config.json or the folder that holds it.")]


OPTIONS = {"layer_type": "--layer-type", "replace=True": "--replace", "s": "--offset", "s1": "--left", "s2": "--right"}
"""What arguments of functions are called on the command line."""


def plain_errors(verb: Callable[P, R]) -> Callable[P, R]:
    """Turn an error in what was asked into one message on stderr and exit code 2."""

    @functools.wraps(verb)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return verb(*args, **kwargs)
        except BrokenPipeError:
            raise
        except (RopeTheoryError, OSError) as error:  # OSError: what is raised while output is written
            said = error.worded(OPTIONS) if isinstance(error, RopeTheoryError) else str(error)
            typer.echo(f"rope-theory: {said}", err=True)
            raise typer.Exit(2) from None

    return run


def show(
    record: Rec, draw: Callable[[Rec], Iterator[RenderableType]], as_json: bool, about: Mapping[str, Any] | None = None
) -> None:
    """Print a record on stdout, as JSON, with what else is to be said of it, or as what ``draw`` makes of it."""
    if as_json:
        typer.echo(json.dumps({**json_ready(record), **(about or {})}, indent=2, allow_nan=False))
        return
    console = Console(markup=False, highlight=False, emoji=False)
    piped = not console.is_terminal and "COLUMNS" not in os.environ
    available = PIPED_WIDTH if piped else max(console.width, NARROWEST)
    for part in draw(record):
        console.width = available
        if isinstance(part, Table) and all(column.no_wrap for column in part.columns):
            options = console.options.update(max_width=UNLIMITED)
            console.width = max(available, Measurement.get(console, options, part).maximum)
        console.print(part)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rope-theory {rt.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Compute what is actually true about extending the context window of RoPE language models."""


def plain_table(headings: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> Table:
    """Return a table whose first two columns are words, the others numbers of four digits."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for number, heading in enumerate(headings):
        table.add_column(heading, no_wrap=True, justify="left" if number < 2 else "right")
    for row in rows:
        table.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


def described(config: rt.RopeConfig, scaling: Any = None) -> str:
    rotated = "" if config.width == config.head_dim else f", of which {config.width} rotate"
    return (
        f"head width {config.head_dim}{rotated}; base {config.base:.10g}; "
        f"trained window {config.context_length} tokens" + (f"; {short_label(scaling)}" if scaling else "")
    )


def draw_notes(notes: tuple[str, ...]) -> Iterator[RenderableType]:
    for note in notes:
        mark = Table.grid(padding=(0, 1))
        mark.add_row("•", Text(note))
        yield Padding(mark, (0, 0))


def aligned(value: float | None, digits: int) -> str:
    """Return a number with its decimals under each other; very small and very large ones with an exponent."""
    if value is None:
        return "–"
    ordinary = value == 0.0 or 0.5 * 10.0**-digits <= abs(value) < 1e8 or abs(value) == float("inf")
    return f"{value:.{digits}f}" if ordinary else f"{value:.2e}"
