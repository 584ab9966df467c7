"""Worst cases against the offset: the largest score that trained scores allow there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rope_theory._core.checks import flag
from rope_theory.errors import Conflict, OutOfRange, WrongValue
from rope_theory.plots._axes import Axes, canvas, labels_for, legend_beside, line_of, mark_window, refuse_crowd, values
from rope_theory.plots._style import DASHES, MARKERS, PALETTE


def worst_case_curves(
    offsets: Any,
    lower: Any,
    upper: Any,
    *,
    labels: Sequence[str],
    window: int | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw V(s)/A against s, a marker at every offset it was computed at, on a logarithmic scale.

    Parameters
    ----------
    offsets : array, shape (n,)
        Offsets s in tokens.
    lower, upper : array, shape (n,) or (k, n)
        Bounds on V(s)/A, for example ``certificate.verify()`` over ``score_max``; one curve per row. The line is the
        upper bound; a band to the lower one shows where they can be told apart.
    labels : sequence of str, length k
        One name per curve, for the legend to the right.
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
        For shapes that do not match, NaN, infinity, bounds of 0 and below, a lower bound above its upper one, or
        offsets of 0 and below with ``log``.
    """
    s = line_of(offsets, "offsets")
    log = flag(log, "log")
    if log and s.min() <= 0.0:
        raise WrongValue("log=True", "needs offsets above 0", f"{s.min():g}", "leave those out, or draw with log=False")
    with canvas(ax) as axes:
        draw_bounds(axes, s, "offsets", lower, upper, labels)
        if log:
            axes.set_xscale("log")
        axes.set(yscale="log", xlabel="offset s [tokens]", ylabel="worst case V(s) / A")
        mark_window(axes, window)
        legend_beside(axes)
        return axes


def draw_bounds(axes: Axes, x: Any, name: str, lower: Any, upper: Any, labels: Sequence[str]) -> None:
    """Draw curves of bounds over ``x`` in the house's colours, dashes and markers; ``name`` is that of ``x``."""
    below, above = values(lower, "lower"), values(upper, "upper")
    if below.shape != above.shape or above.ndim not in (1, 2) or above.shape[-1] != len(x):
        raise Conflict(
            ("lower", "upper"),
            f"must both have shape ({len(x)},) or (k, {len(x)}) to go with the {len(x)} {name}, got {below.shape} and "
            f"{above.shape}",
        )
    below, above = below.reshape(-1, len(x)), above.reshape(-1, len(x))
    if below.min() <= 0.0:
        raise OutOfRange("lower", below.min(), low=0, remedy="a worst case is the size of a score", open=True)
    if (below > above).any():
        raise WrongValue(
            "lower", f"exceeds upper at {name} {x[np.argwhere(below > above)[0][1]]:g}", remedy="are they swapped?"
        )
    names = labels_for(labels, len(above), "curve")
    refuse_crowd(len(above), "curve")
    for low, high, label, color, dashes, marker in zip(below, above, names, PALETTE, DASHES, MARKERS, strict=False):
        axes.fill_between(x, low, high, color=color, alpha=0.35, linewidth=0.0)
        axes.plot(x, high, color=color, linestyle=dashes, linewidth=1.2, marker=marker, markersize=3.5, label=label)
