"""Where attention goes inside the window and beyond it, head by head."""

from __future__ import annotations

from typing import Any

from rope_theory._core.checks import one_of, with_attributes
from rope_theory.errors import WrongValue
from rope_theory.plots._axes import Axes, canvas
from rope_theory.plots._style import BLUE, GREY

QUANTITIES = {
    "entropy": "entropy [nats]",
    "first": "share on the first token",
    "last": "share on the last 16 tokens",
}
"""What can be drawn, and how the axes call it."""


def attention_mass(check: Any, quantity: str = "entropy", *, ax: Axes | None = None) -> Axes:
    """Draw a quantity of attention beyond the window against the same inside, one mark per head with standard errors.

    Parameters
    ----------
    check : models.Check
        Its rows of attention under the model's own table are drawn.
    quantity : {"entropy", "first", "last"}
        What to compare.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For another quantity, or a check of a text that ends inside the window.
    """
    one_of(quantity, "quantity", tuple(QUANTITIES))
    with_attributes(check, "check", ("rows", "attention"), "Check", "rope_theory.models.check")
    own = [row for row in check.attention.rows if row.scaling == check.rows[0].scaling]
    inside, beyond = ([row for row in own if row.region == region] for region in ("inside", "beyond"))
    if not beyond:
        raise WrongValue(
            "The check",
            "has no attention beyond the window",
            remedy="give it a longer text. Its notes name layers left out",
        )
    x, y = ([getattr(row, quantity) for row in rows] for rows in (inside, beyond))
    xerr, yerr = ([getattr(row, f"{quantity}_error") for row in rows] for rows in (inside, beyond))
    with canvas(ax) as axes:
        axes.errorbar(x, y, xerr=xerr, yerr=yerr, fmt="o", markersize=4, color=BLUE, elinewidth=0.8)
        top = max(*x, *y)
        axes.plot([0.0, top], [0.0, top], color=GREY, linestyle="-", linewidth=0.8, zorder=1.5)
        axes.set(xlabel=f"inside: {QUANTITIES[quantity]}", ylabel=f"beyond: {QUANTITIES[quantity]}")
        return axes
