"""How far a score may be from its chord, across one cell, by several bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rope_theory.errors import WrongType, WrongValue
from rope_theory.plots._axes import Axes, canvas, legend_beside, line_of, refuse_crowd, values
from rope_theory.plots._style import DASHES, PALETTE

EXAMPLE = "{'sharp': rt.bounds.chord_sharp(theta, s)}"
"""Bounds to draw, for messages."""


def chord_bounds(offsets: Any, bounds: Mapping[str, Any], *, ax: Axes | None = None) -> Axes:
    """Draw bounds on |a(s) − chord|/H against s.

    Parameters
    ----------
    offsets : array, shape (n,)
        Offsets s of one cell, tokens.
    bounds : mapping of str to array (n,)
        A name for the legend → ``bounds.chord_sharp`` or another, at the offsets.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinity, no bounds, or more than can be told apart.
    """
    s = line_of(offsets, "offsets")
    if not isinstance(bounds, Mapping):
        raise WrongType("bounds", "must be a dict of names and values", type(bounds).__name__, f"such as {EXAMPLE}")
    if not bounds:
        raise WrongValue("bounds", "is empty", remedy=f"give at least one, as in {EXAMPLE}")
    refuse_crowd(len(bounds), "bound")
    with canvas(ax) as axes:
        for number, (name, bound) in enumerate(bounds.items()):
            line = values(bound, name)
            if line.shape != s.shape:
                raise WrongValue(
                    f"The bound {name!r}", f"has shape {line.shape} for {len(s)} offsets", remedy="give one a offset"
                )
            axes.plot(s, line, color=PALETTE[number], linestyle=DASHES[number], label=name)
        axes.set_ylim(bottom=0.0)
        axes.set(xlabel="offset s [tokens]", ylabel="|a(s) − chord| / H, at most")
        legend_beside(axes)
        return axes
