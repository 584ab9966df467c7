"""Three sides of one choice: wavelengths, the bounds in a cell, worst cases over the extended window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rope_theory._labels import short_label
from rope_theory._optional import load
from rope_theory.exploration import Exploration
from rope_theory.plots.chord_bounds import chord_bounds
from rope_theory.plots.style import style
from rope_theory.plots.wavelengths import wavelengths
from rope_theory.plots.worst_case_curves import worst_case_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def exploration(found: Exploration, *, axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes, Axes]:
    """Draw a result of ``exploration.explore`` side by side.

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
    if not isinstance(found, Exploration):
        raise TypeError(
            f"found must be an Exploration, got {type(found).__name__}; rope_theory.exploration.explore makes one."
        )
    if axes is None:
        with style():
            drawn = load("matplotlib.pyplot", "plots").subplots(1, 3, figsize=(14.0, 4.0))[1]
            return _draw(found, *drawn)
    if len(axes) != 3:
        raise ValueError(f"axes must be three matplotlib Axes, got {len(axes)}.")
    return _draw(found, *axes)


def _draw(found: Exploration, first: Axes, second: Axes, third: Axes) -> tuple[Axes, Axes, Axes]:
    wavelengths(found.tables, window=found.window, ax=first)
    chord_bounds(found.cell, found.chord_bounds, ax=second)
    names = [short_label(table.scaling) for table in found.tables]
    worst_case_curves(found.offsets, found.worst, found.worst, labels=names, window=found.window, ax=third)
    third.set_ylabel("worst case / A, at most")
    first.set_title("Wavelengths")
    second.set_title("Between two trained offsets")
    third.set_title(f"Over the extended window, H/A = {found.ratio:g}")
    for axes in (first, second, third):  # side by side there is no room beside
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, borderaxespad=0.0)
    return first, second, third
