"""Numerical ranks against another count of dimensions, one mark per design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rope_theory.errors import Conflict
from rope_theory.plots._axes import (
    Axes,
    canvas,
    curves_of,
    draw_marks,
    labels_for,
    legend_beside,
    line_of,
    refuse_crowd,
)
from rope_theory.plots._style import GREY


def numerical_rank(dimensions: Any, ranks: Any, *, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw numerical ranks against the dimensions they are compared with, and the line where both agree.

    Parameters
    ----------
    dimensions : array, shape (n,)
        A count of dimensions for each design, for example the critical dimension.
    ranks : array, shape (n,) or (k, n)
        Numerical ranks of the designs; one row per kind of mark.
    labels : sequence of str, length k
        One name per row, for the legend to the right.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity or negative counts.
    """
    x = line_of(dimensions, "dimensions")
    table = curves_of(ranks, "ranks", len(x), "dimensions")
    if min(x.min(), table.min()) < 0.0:
        raise Conflict(("dimensions", "ranks"), "must be 0 or above: they are counts")
    names = labels_for(labels, len(table), "row")
    refuse_crowd(len(table), "row")
    with canvas(ax) as axes:
        for index, label in enumerate(names):
            draw_marks(axes, x, table[index], index, label, markersize=5, alpha=0.8)
        top = float(max(x.max(), table.max()))
        axes.plot([0.0, top], [0.0, top], color=GREY, linestyle="-", linewidth=0.8, zorder=1.5)
        axes.set(xlabel="dimensions", ylabel="numerical rank")
        legend_beside(axes)
        return axes
