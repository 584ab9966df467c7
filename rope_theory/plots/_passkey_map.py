"""Where passkeys are found: distance against length."""

from __future__ import annotations

from typing import Any

import numpy as np

from rope_theory._core.checks import with_attributes
from rope_theory.plots._axes import Axes, canvas
from rope_theory.plots._style import GREY


def passkey_map(passkey: Any, *, window: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw the share of passkeys found as one row of fields per length, one field per distance, and k_max.

    Parameters
    ----------
    passkey : models.Passkey
        With one length or several.
    window : int, optional
        Trained window in tokens, marked where given.
    ax : matplotlib Axes, optional
        Where to draw; a new figure in the house style when not given.

    Returns
    -------
    matplotlib Axes
        Fields run from 0 (dark) to 1 (light); a colour bar stands beside them.
    """
    with_attributes(passkey, "passkey", ("rows", "reach"), "Passkey", "rope_theory.models.passkey")
    lengths = sorted({row.length for row in passkey.rows})
    with canvas(ax) as axes:
        for place, length in enumerate(lengths):
            rows = sorted((row for row in passkey.rows if row.length == length), key=lambda row: row.nominal)
            edges = np.array([0.0, *(row.nominal for row in rows)])
            shares = np.array([[row.share for row in rows]])
            fields = axes.pcolormesh(edges, [place - 0.4, place + 0.4], shares, vmin=0.0, vmax=1.0, rasterized=True)
        reached = [next(row.k_max for row in passkey.reach if row.length == length) for length in lengths]
        axes.plot(reached, range(len(lengths)), linestyle="none", marker="d", color="white", markeredgecolor="black",
                  markersize=7, label="k_max", clip_on=False)  # fmt: skip
        if window is not None:
            axes.axvline(window, color=GREY, linewidth=1.0, label="trained window")
        axes.figure.colorbar(fields, ax=axes, label="share found", fraction=0.05, pad=0.02)
        axes.set_yticks(range(len(lengths)), [str(length) for length in lengths])
        axes.set_xlim(0.0, max(lengths))
        axes.set(xlabel="distance of the key from the end [tokens]", ylabel="length of the prompt [tokens]")
        axes.grid(visible=False)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=2, borderaxespad=0.0)
        return axes
