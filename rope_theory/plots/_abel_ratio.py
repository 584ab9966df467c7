"""The Abel sum over the rotary width, which the paper takes to stay above 1."""

from __future__ import annotations

from typing import Any

from rope_theory._core.checks import flag
from rope_theory.errors import WrongValue
from rope_theory.plots._axes import HEADROOM, Axes, canvas, line_of, mark_window, share_across
from rope_theory.plots._style import BLUE, GREY, VERMILION


def abel_ratio(
    offsets: Any, ratio: Any, *, window: int | None = None, log: bool = False, ax: Axes | None = None
) -> Axes:
    """Draw B(s)/d against s, with a dotted line at 1 and a mark at the first offset below it.

    Parameters
    ----------
    offsets : array, shape (n,)
        Offsets s in tokens.
    ratio : array, shape (n,)
        ``bounds.abel_sum`` over the rotary width d, at those offsets.
    window : int, optional
        Trained window in tokens; its last offset, window − 1, is marked.
    log : bool
        Logarithmic offsets, which must then be above 0.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity, empty arrays, or offsets of 0 and below with ``log``.
    """
    s, values = line_of(offsets, "offsets"), line_of(ratio, "ratio")
    if len(s) != len(values):
        raise WrongValue("offsets", f"has {len(s)} entries and ratio {len(values)}", remedy="give one ratio an offset")
    log = flag(log, "log")
    if log and s.min() <= 0.0:
        raise WrongValue("log=True", "needs offsets above 0", f"{s.min():g}", "leave those out, or draw with log=False")
    with canvas(ax) as axes:
        if log:
            axes.set_xscale("log")
        axes.plot(s, values, color=BLUE, linestyle="-", linewidth=0.8)
        axes.margins(y=HEADROOM)
        axes.axhline(1.0, color=GREY, linestyle=":", linewidth=1.2)
        below = values < 1.0
        if below.any():
            first = s[below].argmin()
            at, height = s[below][first], values[below][first]
            axes.plot(at, height, "v", color=VERMILION, markersize=7, markeredgecolor="black", zorder=3)
            axes.annotate(
                f"first below 1: s = {at:.10g}",
                xy=(at, height),
                xytext=(0, -6),
                textcoords="offset points",
                ha="right" if share_across(axes, at) > 0.7 else "left",
                va="top",
                color=VERMILION,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
            )
        axes.set(xlabel="offset s [tokens]", ylabel="B(s) / d")
        mark_window(axes, window)
        return axes
