"""Three sides of one choice: wavelengths, the bounds in a cell, worst cases over the extended window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rope_theory._core.checks import instance_of
from rope_theory._core.optional import load
from rope_theory.errors import WrongValue
from rope_theory.plots._style import DASHES, GREY, MARKERS, PALETTE, style
from rope_theory.widgets._exploration import Exploration

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

TABLES = ("trained", "extended")
BOUNDS = ("Theorem 2.1, refuted", "curvature", "sharp, attained")


@dataclass(frozen=True)
class ExplorationLines:
    """The lines of a picture whose axes, ticks and legends do not depend on what is shown.

    Attributes
    ----------
    wavelengths, bounds, worst : tuple of matplotlib Line2D
        Curves of the three Axes.
    windows : tuple of matplotlib Line2D
        Marks of the trained window on the first and the last Axes.
    """

    wavelengths: tuple[Line2D, ...]
    bounds: tuple[Line2D, ...]
    worst: tuple[Line2D, ...]
    windows: tuple[Line2D, ...]

    def __iter__(self) -> Iterator[Line2D]:
        """Go through all lines."""
        return iter((*self.wavelengths, *self.bounds, *self.worst, *self.windows))

    def show(self, found: Exploration) -> None:
        """Move the lines to another result, and nothing else: a figure drawn once can be kept as their background."""
        for line, table in zip(self.wavelengths, found.tables, strict=True):
            line.set_data(np.arange(len(table)) / len(table), table.wavelength)
        attained = found.chord_bounds[BOUNDS[-1]].max()
        for line, name in zip(self.bounds, BOUNDS, strict=True):
            line.set_data(found.cell, found.chord_bounds[name] / attained)
        for line, row in zip(self.worst, found.worst, strict=True):
            line.set_data(found.offsets / found.offsets[-1], row)
        self.windows[0].set_ydata([found.window, found.window])
        self.windows[1].set_xdata([(found.window - 1) / found.offsets[-1]] * 2)


def exploration(found: Exploration, *, axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes, Axes]:
    """Draw a result of ``explore`` side by side, on axes that are the same for every choice.

    Pairs are drawn by their share of all pairs, the distance from the chord by that which is attained at its middle,
    and offsets by the last of the extended window.

    Parameters
    ----------
    found : Exploration
        What is drawn.
    axes : three matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    three matplotlib Axes

    Raises
    ------
    TypeError
        When ``found`` is no Exploration.
    ValueError
        For another number of axes.
    """
    instance_of(found, "found", Exploration, "rope_theory.widgets.explore makes one", article="an")
    if axes is None:
        with style():
            axes = load("matplotlib.pyplot", "plots").subplots(1, 3, figsize=(14.0, 4.0))[1]
            exploration_lines(axes).show(found)
    else:
        exploration_lines(axes).show(found)
    first, second, third = axes
    third.set_title(f"Middles of cells in the extended window, H/A = {found.ratio:g}")
    return first, second, third


def exploration_lines(axes: Sequence[Axes]) -> ExplorationLines:
    """Prepare three Axes, and return lines that ``show`` moves.

    Parameters
    ----------
    axes : three matplotlib Axes
        Limits, ticks, titles and legends are set.

    Returns
    -------
    ExplorationLines

    Raises
    ------
    ValueError
        For another number of axes.
    """
    if len(axes) != 3:
        raise WrongValue("axes", "must be three matplotlib Axes", f"{len(axes)}")
    first, second, third = axes
    lines = ExplorationLines(
        wavelengths=_curves(first, TABLES, markers=False),
        bounds=_curves(second, BOUNDS, markers=False),
        worst=_curves(third, TABLES, markers=True),
        windows=(
            first.axhline(1.0, color=GREY, linestyle="--", linewidth=1.0, label="trained window"),
            third.axvline(0.0, color=GREY, linestyle="--", linewidth=1.0, label="last trained offset"),
        ),
    )
    first.set(title="Wavelengths", xlabel="pair, fastest to slowest", ylabel="2π/θ [tokens]", yscale="log")
    first.set(xlim=(-0.02, 1.02), ylim=(3.0, 1e10))
    second.set(title="Between two trained offsets", xlabel="offset s [tokens]", xlim=(-0.02, 1.02), ylim=(0.0, 1.2))
    second.set_ylabel("|a(s) − chord| / attained at ½, at most")
    third.set(title="Middles of cells in the extended window", xlabel="offset s / last offset", yscale="log")
    third.set(xlim=(-0.02, 1.02), ylim=(0.05, 1e6), ylabel="worst case / A, at most")
    for one in axes:
        one.minorticks_off()
        one.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, borderaxespad=0.0, columnspacing=1.2)
    return lines


def _curves(axes: Axes, names: Sequence[str], *, markers: bool) -> tuple[Any, ...]:
    """Return empty lines in the house's colours, dashes and markers."""
    series = zip(names, PALETTE, DASHES, MARKERS if markers else [""] * len(names), strict=False)
    return tuple(
        axes.plot([], [], color=color, linestyle=dashes, marker=marker, markersize=4, label=name)[0]
        for name, color, dashes, marker in series
    )
