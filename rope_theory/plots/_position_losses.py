"""Next-token loss against the position."""

from __future__ import annotations

from typing import Any

from rope_theory._core.checks import with_attributes
from rope_theory.errors import WrongValue
from rope_theory.plots._axes import Axes, canvas
from rope_theory.plots._style import BLUE, GREY


def position_losses(check: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the mean loss of stretches of positions, with standard errors and the end of the window.

    Parameters
    ----------
    check : models.Check
        Its losses.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        For a check without losses.
    """
    with_attributes(check, "check", ("losses", "config"), "Check", "rope_theory.models.check")
    rows = check.losses.rows
    if not rows:
        raise WrongValue("The check", "has no losses", remedy="its notes say why")
    with canvas(ax) as axes:
        axes.errorbar(
            [0.5 * (row.start + row.stop) for row in rows],
            [row.loss for row in rows],
            xerr=[0.5 * (row.stop - row.start) for row in rows],
            yerr=[row.loss_error for row in rows],
            fmt="o",
            markersize=3,
            color=BLUE,
            elinewidth=1.0,
        )
        axes.axvline(check.config.context_length, color=GREY, linestyle="--", linewidth=1.0, zorder=1.5)
        axes.set(xlabel="position [tokens]", ylabel="loss [nats per token]")
        return axes
