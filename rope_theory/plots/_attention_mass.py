"""Where attention goes inside the window and beyond it, head by head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rope_theory._core.checks import one_of, with_attributes
from rope_theory.errors import WrongValue
from rope_theory.plots._axes import canvas
from rope_theory.plots._style import BLUE, GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUANTITIES = {
    "entropy": "entropy [nats]",
    "first": "share on the first token",
    "last": "share on the last 16 tokens",
}
"""What can be drawn, and how the axes call it."""


def attention_mass(check: Any, quantity: str = "entropy", *, ax: Axes | None = None) -> Axes:
    """Draw a quantity of attention beyond the window against the same inside, one mark a head with standard errors.

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
    own = check.rows[0].scaling
    regions: dict[str, list[Any]] = {"inside": [], "beyond": []}
    for row in check.attention.rows:
        if row.scaling == own:
            regions[row.region].append(row)
    if not regions["beyond"]:
        raise WrongValue(
            "The check",
            "has no attention beyond the window",
            remedy="give it a longer text. Its notes name layers left out",
        )
    x, y = ([getattr(row, quantity) for row in rows] for rows in regions.values())
    with canvas(ax) as axes:
        axes.errorbar(
            x,
            y,
            xerr=[getattr(row, f"{quantity}_error") for row in regions["inside"]],
            yerr=[getattr(row, f"{quantity}_error") for row in regions["beyond"]],
            linestyle="none",
            marker="o",
            markersize=4,
            color=BLUE,
            elinewidth=0.8,
        )
        top = max(*x, *y)
        axes.plot([0.0, top], [0.0, top], color=GREY, linestyle="-", linewidth=0.8, zorder=1.5)
        axes.set_xlabel(f"inside: {QUANTITIES[quantity]}")
        axes.set_ylabel(f"beyond: {QUANTITIES[quantity]}")
        return axes
