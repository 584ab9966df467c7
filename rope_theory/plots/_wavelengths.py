"""Wavelengths of rotary tables, pair by pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rope_theory._core.checks import integer, sequence
from rope_theory.errors import WrongType, WrongValue
from rope_theory.plots._axes import Axes, canvas, legend_beside, note
from rope_theory.plots._style import GREY
from rope_theory.scaling.frequencies import Frequencies


def wavelengths(tables: Sequence[Frequencies], *, window: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the wavelengths 2π/θ_j of several tables against the pair index j.

    Pairs with θ = 0 have no finite wavelength; they stand as triangles at the upper edge.

    Parameters
    ----------
    tables : sequence of Frequencies
        Results of ``scaling.frequencies``.
    window : int, optional
        Trained window in tokens, drawn as a horizontal line: pairs above it never complete a turn inside.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For no tables.
    TypeError
        For something among them that is not a Frequencies.
    """
    if isinstance(tables, Frequencies):
        raise WrongType("tables", "must be a sequence", remedy="put the one Frequencies in a list")
    tables = sequence(tables, "tables", "Frequencies")
    if not tables:
        raise WrongValue("tables", "is empty", remedy="give at least one Frequencies")
    for table in tables:
        if not isinstance(table, Frequencies):
            raise WrongType("tables", "must hold Frequencies", type(table).__name__, "scaling.frequencies makes one")
    if window is not None:
        window = integer(window, "window", 2, "It is the trained window in tokens.")
    with canvas(ax) as axes:
        axes.set_yscale("log")
        for table, label in zip(tables, _labels(tables), strict=True):
            length = table.wavelength
            finite = np.isfinite(length)
            pairs = np.arange(len(table))
            (line,) = axes.plot(pairs[finite], length[finite], label=label)
            if not finite.all():
                axes.plot(
                    pairs[~finite],
                    np.full(int((~finite).sum()), 0.97),
                    "^",
                    transform=axes.get_xaxis_transform(),
                    color=line.get_color(),
                    markersize=4,
                    label="θ = 0, no wavelength",
                )
        if window is not None:
            axes.axhline(window, color=GREY, linestyle="--", linewidth=1.0, zorder=1.5)
            text = f"trained window, {window}"
            note(axes, text, xy=(0.0, window), xycoords=("axes fraction", "data"), xytext=(4, 2))
        axes.set(xlabel="pair index j", ylabel="wavelength 2π/θ [tokens]")
        legend_beside(axes)
        return axes


def _labels(tables: Sequence[Frequencies]) -> list[str]:
    """Return short names; tables of one scaling are told apart by the length they were made for."""
    names = [table.scaling.label for table in tables]
    often = Counter(names)
    return [
        f"{name}, length {table.length or table.config.context_length}" if often[name] > 1 else name
        for name, table in zip(names, tables, strict=True)
    ]
