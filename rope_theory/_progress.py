"""The progress bar of long computations: on a terminal, on stderr, gone at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def watched(results: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield ``results`` as they come, with a bar where somebody watches."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    hidden = not console.is_terminal
    yield from track(results, description, total=total, console=console, transient=True, disable=hidden)
