"""A score curve between integer offsets, its chords, and the band a bound leaves around them."""

from __future__ import annotations

import numpy as np

from rope_theory._core.checks import instance_of, one_of
from rope_theory.comparison import ChordCells
from rope_theory.plots._axes import Axes, canvas, legend_beside
from rope_theory.plots._style import BLUE, SKY, VERMILION


def chord_cells(cells: ChordCells, *, bound: str = "sharp", ax: Axes | None = None) -> Axes:
    """Draw a result of ``comparison.chord_cells``: the score, its chords, and chord ± bound.

    Parameters
    ----------
    cells : ChordCells
        The curve with its chords and bounds; offsets in tokens.
    bound : {"sharp", "curvature"}
        Which bound the shaded band shows.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For another name of a bound.
    TypeError
        When ``cells`` is not a ChordCells.
    """
    instance_of(cells, "cells", ChordCells, "rope_theory.comparison.chord_cells makes one")
    reach = {"sharp": cells.sharp, "curvature": cells.curvature}[one_of(bound, "bound", ("sharp", "curvature"))]
    trained = cells.offsets == np.round(cells.offsets)
    with canvas(ax) as axes:
        band = (cells.chords - reach, cells.chords + reach)
        axes.fill_between(cells.offsets, *band, color=SKY, alpha=0.35, linewidth=0.0, label=f"chord ± {bound} bound")
        axes.plot(cells.offsets, cells.chords, color=VERMILION, linestyle="--", linewidth=1.0, label="chord")
        axes.plot(cells.offsets, cells.scores, color=BLUE, linestyle="-", label="score")
        at, there = cells.offsets[trained], cells.scores[trained]
        axes.plot(at, there, "o", color="black", markersize=4.5, label="at integers")
        axes.set(xlabel="offset s [tokens]", ylabel="score a(s), before 1/√d")
        legend_beside(axes)
        return axes
