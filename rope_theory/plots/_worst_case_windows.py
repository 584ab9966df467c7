"""Worst cases against the length of the trained window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rope_theory.errors import OutOfRange
from rope_theory.plots._axes import Axes, canvas, legend_beside, line_of
from rope_theory.plots._worst_case_curves import draw_bounds


def worst_case_windows(windows: Any, lower: Any, upper: Any, *, labels: Sequence[str], ax: Axes | None = None) -> Axes:
    """Draw V/A at one place of the window against the window's length, a marker at every length computed.

    Parameters
    ----------
    windows : array, shape (n,)
        Lengths of trained windows, tokens, above 0.
    lower, upper : array, shape (n,) or (k, n)
        Bounds on V/A; one curve per row, as in ``worst_case_curves``.
    labels : sequence of str, length k
        One name per curve, for the legend to the right.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity, windows or bounds of 0 and below, or a lower bound above its
        upper one.
    """
    lengths = line_of(windows, "windows")
    if lengths.min() <= 0.0:
        raise OutOfRange("windows", lengths.min(), low=0, remedy="they are lengths in tokens", open=True)
    with canvas(ax) as axes:
        draw_bounds(axes, lengths, "windows", lower, upper, labels)
        axes.set_xscale("log", base=2)
        whole = [2**power for power in range(int(np.log2(lengths.min())), int(np.log2(lengths.max())) + 1)]
        axes.set_xticks(whole, [str(length) for length in whole])
        axes.minorticks_off()
        axes.set(xlabel="trained window L [tokens]", ylabel="worst case V / A")
        legend_beside(axes)
        return axes
