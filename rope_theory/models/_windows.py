"""Where the windows of a document lie, and which of its tokens each of them scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

CONVENTIONS = ("token-weighted", "window-mean", "every-token", "disjoint", "last")
"""Which losses count and how they are averaged; ``perplexity`` says what each means."""

BEGINNINGS = ("none", "document", "window")
"""Before what a beginning-of-sequence token is put."""


@dataclass(frozen=True)
class Window:
    """One forward pass over a part of a document.

    Attributes
    ----------
    start, stop : int
        Tokens start … stop − 1 of the document are fed, behind ``lead`` others.
    first, last : int
        Tokens first … last − 1 are scored; ``last`` is ``stop``, or one more.
    lead : int
        Tokens fed before the document's: 1 for a beginning-of-sequence token, else 0.
    """

    start: int
    stop: int
    first: int
    last: int
    lead: int

    @property
    def scored(self) -> int:
        """Return how many tokens are scored."""
        return self.last - self.first

    @property
    def before(self) -> int:
        """Return how many tokens of the window come before the first that is scored."""
        return self.first - self.start + self.lead

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return what windows of one batch have in common."""
        return self.stop - self.start, self.scored, self.before


def windows_of(length: int, window: int, stride: int, convention: str, lead: int) -> Iterator[Window]:
    """Yield the windows of a document of ``length`` tokens that score at least one of them.

    Parameters
    ----------
    length, window, stride : int
        Tokens; a window counts its ``lead``.
    convention : str
        One of CONVENTIONS.
    lead : int
        1 where every window begins with a token of its own, before which the first of the document can be scored.
    """
    size = window - lead
    if convention == "disjoint":
        for start in range(0, length, size):
            stop = min(start + size, length)
            first, last = (start, stop) if lead else (start + 1, min(stop + 1, length))
            if last > first:
                yield Window(start, stop, first, last, lead)
        return
    done = 0
    for start in range(0, length, stride):
        stop = min(start + size, length)
        first = {"last": max(start, stop - stride), "every-token": start}.get(convention, done)
        first = max(first, start + 1 - lead)  # nothing stands before the first token of a window
        if stop > first and (convention != "last" or stop - start == size):
            yield Window(start, stop, first, stop, lead)
        done = stop
        if stop == length:
            return
