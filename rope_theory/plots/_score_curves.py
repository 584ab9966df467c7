"""Attention scores against the offset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rope_theory.plots._axes import Axes, canvas, curves_of, labels_for, legend_beside, line_of, mark_window

DENSE = 1000
"""Offsets past which curves are drawn with a thin line, so that they do not fill the picture."""


def score_curves(
    offsets: Any,
    scores: Any,
    *,
    labels: Sequence[str] | None = None,
    window: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one or several score curves a(s), for example results of ``score_curve``.

    Parameters
    ----------
    offsets : array, shape (n,)
        Offsets s in tokens.
    scores : array, shape (n,) or (k, n)
        Scores at those offsets, one curve per row.
    labels : sequence of str, length k, optional
        One name per curve, for the legend to the right.
    window : int, optional
        Trained window in tokens; its last offset, window − 1, is marked.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes or a number of labels that do not match, NaN, infinity or empty arrays.
    """
    s = line_of(offsets, "offsets")
    curves = curves_of(scores, "scores", len(s), f"the {len(s)} offsets")
    names = None if labels is None else labels_for(labels, len(curves), "curve")
    with canvas(ax) as axes:
        for index, curve in enumerate(curves):
            label = None if names is None else names[index]
            axes.plot(s, curve, linewidth=0.8 if len(s) > DENSE else None, label=label)
        axes.set(xlabel="offset s [tokens]", ylabel="score a(s), before 1/√d")
        mark_window(axes, window)
        if names is not None:
            legend_beside(axes)
        return axes
