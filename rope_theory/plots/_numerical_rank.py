"""Numerical ranks against another count of dimensions, one mark a design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rope_theory.errors import Conflict, WrongValue
from rope_theory.plots._axes import canvas, labels_for, legend_beside, line_of, refuse_crowd, values
from rope_theory.plots._style import GREY, MARKERS, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def numerical_rank(dimensions: Any, ranks: Any, *, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw numerical ranks against the dimensions they are compared with, and the line where both agree.

    Parameters
    ----------
    dimensions : array, shape (n,)
        A count of dimensions for each design, for example the critical dimension.
    ranks : array, shape (n,) or (k, n)
        Numerical ranks of the designs; a row a kind of mark.
    labels : sequence of str, length k
        A name a row, for the legend to the right.
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
    x, table = line_of(dimensions, "dimensions"), values(ranks, "ranks")
    if table.ndim not in (1, 2) or table.shape[-1] != len(x):
        raise WrongValue(
            "ranks", f"must have shape ({len(x)},) or (k, {len(x)}) to go with dimensions", f"{table.shape}"
        )
    table = table.reshape(-1, len(x))
    if min(x.min(), table.min()) < 0.0:
        raise Conflict(("dimensions", "ranks"), "must be 0 or above: they are counts")
    names = labels_for(labels, len(table), "row")
    refuse_crowd(len(table), "row")
    with canvas(ax) as axes:
        for index, label in enumerate(names):
            axes.plot(
                x,
                table[index],
                linestyle="none",
                marker=MARKERS[index],
                markersize=5,
                markerfacecolor="none" if index % 2 else PALETTE[index],
                color=PALETTE[index],
                alpha=0.8,
                label=label,
            )
        top = float(max(x.max(), table.max()))
        axes.plot([0.0, top], [0.0, top], color=GREY, linestyle="-", linewidth=0.8, zorder=1.5)
        axes.set_xlabel("dimensions")
        axes.set_ylabel("numerical rank")
        legend_beside(axes)
        return axes
