"""Which frequency pairs carry the coefficients of trained heads."""

from __future__ import annotations

from typing import Any

from rope_theory._core.checks import with_attributes
from rope_theory._core.optional import load
from rope_theory.plots._axes import Axes, canvas, legend_beside
from rope_theory.plots._style import BLUE, GREY


def pair_shares(check: Any, *, ax: Axes | None = None) -> Axes:
    """Draw every head's mean share of Σ abs(h_j) against the pair j.

    Parameters
    ----------
    check : models.Check
        One line per head; the even share 1/P is marked.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes
    """
    with_attributes(check, "check", ("heads",), "Check", "rope_theory.models.check")
    heads = check.heads.rows
    with canvas(ax) as axes:
        for number, head in enumerate(heads):
            label = f"a head, of {len(heads)}" if number == 0 else None
            axes.plot(
                range(len(head.shares)), head.shares, color=BLUE, linestyle="-", linewidth=0.8, alpha=0.4, label=label
            )
        axes.axhline(1.0 / len(heads[0].shares), color=GREY, linestyle="--", linewidth=1.0, label="even share")
        axes.xaxis.set_major_locator(load("matplotlib.ticker", "plots").MaxNLocator(integer=True))
        axes.set(xlabel="pair j, fast to slow", ylabel="share of Σ|h_j|")
        axes.set_ylim(bottom=0.0)
        legend_beside(axes)
        return axes
