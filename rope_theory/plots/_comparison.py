"""Largest scores under several scalings, relative to the trained maximum."""

from __future__ import annotations

from rope_theory._core.checks import instance_of
from rope_theory.comparison import Comparison
from rope_theory.plots._axes import Axes, canvas, legend_beside
from rope_theory.plots._style import BLUE, GREY, ORANGE


def comparison(result: Comparison, *, ax: Axes | None = None) -> Axes:
    """Draw ``inside_ratio`` and ``beyond_ratio`` of every row, grouped by scaling, with a line at 1.

    Parameters
    ----------
    result : Comparison
        Result of ``compare``; one dot per row and ratio. Nothing lies beyond when its length is the trained
        window.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        When ``result`` is not a Comparison.
    """
    instance_of(result, "result", Comparison, "rope_theory.compare makes one")
    groups = list(dict.fromkeys(row.scaling for row in result.rows))
    height = {scaling: index for index, scaling in enumerate(groups)}
    window = result.config.context_length
    with canvas(ax) as axes:
        axes.axvline(1.0, color=GREY, linestyle="--", linewidth=1.0, zorder=1.5, label="trained maximum")
        axes.plot(
            [row.inside_ratio for row in result.rows],
            [height[row.scaling] - 0.14 for row in result.rows],
            "o",
            color=BLUE,
            markersize=5,
            label=f"inside, s ≤ {window - 1}",
        )
        if result.length > window:
            axes.plot(
                [row.beyond_ratio for row in result.rows],
                [height[row.scaling] + 0.14 for row in result.rows],
                "D",
                color=ORANGE,
                markeredgecolor="black",
                markeredgewidth=0.6,
                markersize=4.5,
                label=f"beyond, s ≤ {result.length - 1}",
            )
        axes.set_yticks(range(len(groups)), [scaling.label for scaling in groups])
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("largest |score| / largest trained |score|")
        legend_beside(axes)
        return axes
