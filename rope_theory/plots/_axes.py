"""What the pictures share: Axes to draw on, arrays checked, and the mark of the trained window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, real, space_of
from rope_theory._core.checks import integer, sequence
from rope_theory._core.optional import load
from rope_theory.errors import WrongType, WrongValue
from rope_theory.plots._style import GREY, MARKERS, PALETTE, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Axes
else:  # a name for signatures, so that nothing loads matplotlib before it draws
    Axes = Any

HEADROOM = 0.12
"""Share of the data's height left free above and below it, where the labels of reference lines stand."""


@contextmanager
def canvas(ax: Axes | None) -> Iterator[Axes]:
    """Yield ``ax`` as it is, or the Axes of a new figure in the house style."""
    plt = load("matplotlib.pyplot", "plots")
    if ax is None:
        with style():
            yield plt.subplots()[1]
    else:
        yield _checked_axes(ax, "ax")


def _checked_axes(value: Any, name: str) -> Axes:
    """Return ``value``, which must be a matplotlib Axes."""
    axes: type[Axes] = load("matplotlib.axes", "plots").Axes
    if not isinstance(value, axes):
        raise WrongType(name, "must be a matplotlib Axes", type(value).__name__, "plt.subplots() makes one")
    return value


def values(value: Any, name: str) -> NDArray[np.float64]:
    """Return finite real numbers as a numpy array; tensors come to the CPU."""
    array: NDArray[np.float64] = real(as_numpy(value), name, space_of())
    return array


def line_of(value: Any, name: str) -> NDArray[np.float64]:
    """Return ``value`` as a one-dimensional array."""
    array = values(value, name)
    if array.ndim != 1:
        raise WrongValue(name, "must be one-dimensional", f"shape {array.shape}")
    return array


def curves_of(value: Any, name: str, count: int, beside: str) -> NDArray[np.float64]:
    """Return ``value`` as rows of ``count`` numbers, one per curve, to go with what ``beside`` names."""
    array = values(value, name)
    if array.ndim not in (1, 2) or array.shape[-1] != count:
        raise WrongValue(name, f"must have shape ({count},) or (k, {count}) to go with {beside}", f"{array.shape}")
    return array.reshape(-1, count)


def labels_for(labels: Sequence[str], count: int, name: str) -> list[str]:
    """Return a label for each of ``count`` things to draw, each called ``name``, or raise in words."""
    if isinstance(labels, str):
        raise WrongType("labels", f"must be a sequence of names, one a {name}", remedy=f"put {labels!r} in a list")
    names = sequence(labels, "labels", f"names, one a {name}")
    if len(names) != count:
        raise WrongValue("labels", f"has {len(names)} names for {count} {name}(s)", remedy=f"give one a {name}")
    return [str(label) for label in names]


def refuse_crowd(count: int, name: str) -> None:
    """Raise when more is to be drawn than colours, dashes and markers tell apart."""
    if count > len(PALETTE):
        raise WrongValue(f"{count} {name}s", f"are more than can be told apart, {len(PALETTE)}", remedy="draw fewer")


def mark_window(axes: Axes, window: int | None) -> None:
    """Draw a dashed vertical line at the last trained offset, window − 1, with a light label."""
    if window is None:
        return
    last = integer(window, "window", 2, "It is the trained window in tokens.") - 1
    axes.axvline(last, color=GREY, linestyle="--", linewidth=1.0, zorder=1.5)
    axes.margins(y=HEADROOM)
    to_the_left = share_across(axes, last) > 0.7
    note(
        axes,
        f"last trained offset, {last}",
        xy=(last, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if to_the_left else 4, -1),
        ha="right" if to_the_left else "left",
        va="top",
    )


def note(axes: Axes, text: str, **place: Any) -> None:
    """Write the label of a reference line, ``xytext`` points away from it."""
    axes.annotate(text, textcoords="offset points", fontsize="small", color=GREY, **place)


def draw_marks(axes: Axes, x: Any, y: Any, index: int, label: str, **options: Any) -> None:
    """Draw marks without a line; every second series has hollow ones."""
    color = PALETTE[index]
    hollow = "none" if index % 2 else color
    axes.plot(x, y, MARKERS[index], color=color, markerfacecolor=hollow, label=label, **options)


def share_across(axes: Axes, x: float) -> float:
    """Return where on the Axes ``x`` stands, 0 at the left edge and 1 at the right, whatever the scale."""
    display = axes.transData.transform((x, 1.0))
    return float(axes.transAxes.inverted().transform(display)[0])


def legend_beside(axes: Axes) -> None:
    """Put the legend to the right of the Axes, where it covers no data.

    Parameters
    ----------
    axes : matplotlib Axes
        Holds the labelled curves.

    Returns
    -------
    None
    """
    _checked_axes(axes, "axes").legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0)
