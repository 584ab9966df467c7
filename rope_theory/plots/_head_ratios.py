"""How large the scores of trained heads get and can get, head by head."""

from __future__ import annotations

from typing import Any

from rope_theory._core.checks import with_attributes
from rope_theory._core.optional import load
from rope_theory.errors import WrongValue
from rope_theory.plots._axes import Axes, canvas, draw_marks, legend_beside
from rope_theory.plots._style import GREY

SERIES = ("beyond, largest pair", "Σ|h| + |C|, largest pair", "beyond, mean pair", "Σ|h| + |C|, mean pair")
"""What is drawn, over A."""


def head_ratios(check: Any, *, ax: Axes | None = None) -> Axes:
    """Draw, head by head, the largest score beyond the window and the largest possible one, over the trained maximum.

    Parameters
    ----------
    check : models.Check
        Heads stand in the order of layers; only the model's own table is drawn.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a check whose length is the trained window: it has nothing beyond.
    """
    with_attributes(check, "check", ("rows", "heads"), "Check", "rope_theory.models.check")
    own = check.rows[0].scaling
    beyond = [row for row in check.rows if row.scaling == own and row.region == "beyond"]
    if not beyond:
        raise WrongValue("The check", "has no scores beyond the window", remedy="run it with a longer length")
    heads = check.heads.rows
    table = (
        [row.largest_between for row in beyond],
        [row.largest_sum_ratio for row in heads],
        [row.between for row in beyond],
        [row.sum_ratio for row in heads],
    )
    with canvas(ax) as axes:
        for number, (label, ratios) in enumerate(zip(SERIES, table, strict=True)):
            draw_marks(axes, range(len(ratios)), ratios, number, label, markersize=5 if number < 2 else 4)
        axes.axhline(1.0, color=GREY, linewidth=0.8, linestyle="-", zorder=1.5)
        _layers(axes, [row.layer for row in heads])
        axes.set_yscale("log")
        ticker = load("matplotlib.ticker", "plots")
        axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(ticker.NullLocator())
        axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set(xlabel="head, layer by layer", ylabel="over the trained maximum A")
        legend_beside(axes)
        return axes


def _layers(axes: Axes, layers: list[int]) -> None:
    """Mark where layers begin, with their numbers as ticks."""
    starts = [place for place, layer in enumerate(layers) if place == 0 or layers[place - 1] != layer]
    step = max(1, len(starts) // 16)
    axes.set_xticks([start - 0.5 for start in starts[::step]], [str(layers[start]) for start in starts[::step]])
