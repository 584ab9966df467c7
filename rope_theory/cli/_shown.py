"""What verbs of the command line share: the application, errors in one line, reports or JSON."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import typer
from typer import Argument, Option

import rope_theory as rt
from rope_theory import reports
from rope_theory.errors import RopeTheoryError
from rope_theory.reports import Record

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="rope-theory",
    help="What is actually true about extending the context window of RoPE language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, Option("--json", help="Print JSON instead of a table.")]
LayerType = Annotated[str | None, Option(help="Which layers, in a model with several tables, such as full_attention.")]
OptionalConfig = Annotated[str | None, Argument(metavar="CONFIG", help="A config.json or the folder that holds it.")]
Model = Annotated[
    str, Argument(metavar="MODEL", help="A folder with config.json, safetensors and tokenizer, or a hub's name.")
]
Page = Annotated[str | None, Option("--html", metavar="FILE", help="Also write a page to FILE.")]
Config = Annotated[str, Argument(metavar="CONFIG", help="A config.json or the folder that holds it.")]


OPTIONS = {"layer_type": "--layer-type", "replace=True": "--replace", "s": "--offset", "s1": "--left", "s2": "--right"}
"""What arguments of functions are called on the command line."""


def verb(function: Callable[P, R]) -> Callable[P, R]:
    """Make a verb of a function: an error in what was asked becomes one message on stderr and exit code 2."""

    @app.command()
    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except BrokenPipeError:
            raise
        except (RopeTheoryError, OSError) as error:  # OSError: what is raised while output is written
            said = error.worded(OPTIONS) if isinstance(error, RopeTheoryError) else str(error)
            typer.echo(f"rope-theory: {said}", err=True)
            raise typer.Exit(2) from None

    return run


def show(record: Record, as_json: bool, *more: str, **about: Any) -> None:
    """Print a record on stdout: as JSON, or as a report with ``more`` lines below."""
    if as_json:
        typer.echo(reports.as_json(record, **about))
        return
    reports.report(record, **about).print()
    for line in more:
        typer.echo(line)


def write_page(file: str, record: Record, **about: Any) -> None:
    """Write a record as a page."""
    reports.write_text(Path(file), reports.report(record, page=True, **about).to_html())
    typer.echo(f"page written to {file}", err=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rope-theory {rt.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Compute what is actually true about extending the context window of RoPE language models."""
