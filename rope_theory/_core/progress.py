"""Long computations: a progress bar on a terminal, and an orderly end when they are stopped."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def closing(results: Iterable[T]) -> Iterator[Iterable[T]]:
    """Yield what workers give back, and dismiss the workers when the block is left early.

    joblib's generators warn of results nobody took when they are closed; after a stop that is no news.
    """
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning)
            if hasattr(results, "close"):
                results.close()


def watched(results: Iterable[T], description: str, total: int) -> Iterator[T]:
    """Yield ``results`` as they come, with a bar on stderr where somebody watches, gone at the end."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    shown = results
    if console.is_terminal:  # a hidden bar of older rich still ends in an empty line
        shown = track(results, description, total=total, console=console, transient=True)
    with closing(results):
        # "yield from" would close the results before ``closing`` silences them
        for result in shown:  # noqa: UP028
            yield result
