"""Reports as self-contained HTML pages, by Jinja2: no network, no scripts, every text escaped."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable

from jinja2 import Environment, PackageLoader, StrictUndefined

from rope_theory._core.optional import load
from rope_theory.plots import style
from rope_theory.reports._blocks import Block, Picture, cell

DPI = 110
"""Resolution of the pictures."""


def page(title: str, blocks: Iterable[Block]) -> str:
    """Return a title and what is below it as one HTML page."""
    environment = Environment(
        loader=PackageLoader("rope_theory.reports", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=StrictUndefined,
    )  # fmt: skip
    named = [(type(block).__name__, block) for block in blocks]
    return environment.get_template("page.html").render(title=title, blocks=named, cell=cell, png=_png)


def _png(picture: Picture) -> str:
    """Return what a picture draws, in base64."""
    plt = load("matplotlib.pyplot", "plots")
    with style():
        figure, axes = plt.subplots(figsize=(7.2, 3.6))
        picture.draw(ax=axes)
        content = io.BytesIO()
        figure.savefig(content, format="png", dpi=DPI)
        plt.close(figure)
    return base64.b64encode(content.getvalue()).decode()
