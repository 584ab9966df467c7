"""A report: a title and blocks, printed on a terminal or written as a page."""

from __future__ import annotations

from dataclasses import dataclass

from rope_theory.reports._blocks import Block


@dataclass(frozen=True)
class Report:
    """A result, ready to be shown.

    Attributes
    ----------
    title : str
        What it is about.
    blocks : tuple
        What it says, one below the other.
    """

    title: str
    blocks: tuple[Block, ...]

    def print(self) -> None:
        """Print the report on stdout, in the colours of the terminal where it is one."""
        from rope_theory.reports._terminal import print_blocks

        print_blocks(self.title, self.blocks)

    def to_html(self) -> str:
        """Return the report as one HTML page that loads nothing else: no network, no scripts, all text escaped."""
        from rope_theory.reports._page import page

        return page(self.title, self.blocks)
