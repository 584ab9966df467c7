"""A fit to noise against its ridge: how large it gets, and what the ridge costs inside the window."""

from __future__ import annotations

from typing import Any

import numpy as np

from rope_theory._core.checks import above
from rope_theory.errors import Conflict, WrongValue
from rope_theory.plots._axes import Axes, canvas, line_of, values
from rope_theory.plots._style import BLACK, BLUE, GREY, ORANGE


def ridge_path(
    alphas: Any,
    quantiles: Any,
    bound: Any,
    *,
    error: Any = None,
    strength: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the largest |fit| against the ridge strength, both logarithmic, with bands of quantiles around its median.

    Parameters
    ----------
    alphas : array, shape (n,)
        Ridge strengths, increasing, above 0.
    quantiles : array, shape (k, n)
        Quantiles of the largest |fit| over draws, lowest first, k odd; the middle one is drawn as a line, and each
        pair around it as a band.
    bound : array, shape (n,)
        Bound of the expected largest |fit|.
    error : array, shape (n,), optional
        Error inside the window, on a second axis to the right.
    strength : float, optional
        A strength to mark by a vertical line.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For shapes that do not match, NaN, infinity, values of 0 and below, strengths or quantiles out of order, or
        an even number of quantiles.
    """
    x, table, above_all = line_of(alphas, "alphas"), values(quantiles, "quantiles"), line_of(bound, "bound")
    if x.min() <= 0.0 or (np.diff(x) <= 0.0).any():
        raise WrongValue("alphas", "must increase and be above 0, for a logarithmic axis")
    if table.ndim != 2 or table.shape[1] != len(x) or len(table) % 2 == 0:
        raise WrongValue("quantiles", f"must have shape (k, {len(x)}) with k odd to go with alphas", f"{table.shape}")
    if len(above_all) != len(x):
        raise WrongValue("bound", f"must have shape ({len(x)},) to go with alphas", f"{above_all.shape}")
    if min(table.min(), above_all.min()) <= 0.0:
        raise Conflict(("quantiles", "bound"), "must be above 0: they are sizes, on a logarithmic axis")
    if (np.diff(table, axis=0) < 0.0).any():
        raise WrongValue("quantiles", "must be sorted, lowest first")
    inside = None if error is None else line_of(error, "error")
    if inside is not None and len(inside) != len(x):
        raise WrongValue("error", f"must have shape ({len(x)},) to go with alphas", f"{inside.shape}")
    with canvas(ax) as axes:
        middle = len(table) // 2
        for index in range(middle):
            axes.fill_between(x, table[index], table[-1 - index], color=BLUE, alpha=0.2, linewidth=0.0)
        axes.plot(x, above_all, color=BLACK, linestyle=(0, (6, 2)), label="bound of the expectation")
        axes.plot(x, table[middle], color=BLUE, linestyle="-", label="draws: median and quantiles")
        axes.set(xscale="log", yscale="log", xlabel="ridge strength α", ylabel="largest |fit|")
        axes.set_xlim(x[0], x[-1])
        if strength is not None:
            axes.axvline(above(strength, "strength", 0.0), color=GREY, linestyle=":", linewidth=1.2, zorder=1.5)
        if inside is not None:
            right = axes.twinx()
            right.grid(visible=False)
            right.spines["right"].set_visible(True)
            right.plot(x, inside, color=ORANGE, linestyle=(0, (1, 1.5)), linewidth=2.0)
            right.set_ylabel("error inside the window")
            axes.plot([], [], color=ORANGE, linestyle=(0, (1, 1.5)), linewidth=2.0, label="error inside (right axis)")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
        return axes
