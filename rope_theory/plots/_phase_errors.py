"""Errors of stored phasors against the position, for several storages."""

from __future__ import annotations

from collections.abc import Sequence

from rope_theory._core.checks import sequence
from rope_theory.errors import WrongType, WrongValue
from rope_theory.plots._axes import Axes, canvas, labels_for, legend_beside, mark_window, refuse_crowd
from rope_theory.plots._style import DASHES, PALETTE
from rope_theory.precision import PhaseError


def phase_errors(
    errors: Sequence[PhaseError], *, labels: Sequence[str], window: int | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the largest error over the pairs against the position: measured as a line, its proved bound above it.

    Parameters
    ----------
    errors : sequence of PhaseError
        Results of ``precision.phase_error`` at positions of one dimension, above 0, in ascending order.
    labels : sequence of str
        A name each, for the legend to the right.
    window : int, optional
        Trained window in tokens; its last position, window − 1, is marked.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        For something among them that is not a PhaseError.
    ValueError
        For none or too many of them, labels that do not match, or positions that are not ascending and above 0.
    """
    if isinstance(errors, PhaseError):
        raise WrongType("errors", "must be a sequence", remedy="put the one PhaseError in a list")
    errors = sequence(errors, "errors", "PhaseError")
    if not errors:
        raise WrongValue("errors", "is empty", remedy="give one PhaseError at least")
    names = labels_for(labels, len(errors), "result")
    refuse_crowd(len(errors), "result")
    for error in errors:
        if not isinstance(error, PhaseError):
            raise WrongType("errors", "must hold PhaseError", type(error).__name__, "precision.phase_error makes one")
        x = error.positions
        if x.ndim != 1 or x[0] <= 0.0 or (x[1:] <= x[:-1]).any():
            raise WrongValue("Positions", "must be one-dimensional, ascending and above 0: both axes are logarithmic")
    with canvas(ax) as axes:
        axes.set_xscale("log", base=2)
        for error, label, color, dashes in zip(errors, names, PALETTE, DASHES, strict=False):
            axes.plot(error.positions, error.largest_measured, color=color, linestyle=dashes, label=label)
            axes.plot(error.positions, error.largest_bound, color=color, linestyle=dashes, linewidth=0.7, alpha=0.7)
        axes.set(yscale="log", xlabel="position m [tokens]", ylabel="distance from $e^{im\\theta}$, largest over pairs")
        mark_window(axes, window)
        legend_beside(axes)
        return axes
