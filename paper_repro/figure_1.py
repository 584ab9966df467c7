"""Figure 1, the schematic, drawn from real RoPE values.

One pair of the paper's model, slow enough that doubling the window shows it new phases: trained positions,
extrapolated ones, and the same positions interpolated back into the window.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.parts import Data, Part
from experiments.settings import CONFIG, config_of, theta
from rope_theory import plots
from rope_theory.scaling import PositionInterpolation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS = {"head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": CONFIG.context_length, "factor": 2, "pair": 46,
          "dot_every": 63}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return cos(mθ) of one pair at positions m, as trained and interpolated."""
    pair, every = inputs["pair"], inputs["dot_every"]
    window, longer = inputs["window"], inputs["window"] * inputs["factor"]
    config = config_of(inputs)
    trained, squeezed = theta(config), PositionInterpolation(inputs["factor"]).frequencies(config)
    positions = np.arange(0, longer, every)
    return Data(
        tables={
            "values": {
                "position": positions,
                "as_trained": np.cos(positions * trained.theta[pair]),
                "interpolated": np.cos(positions * squeezed.theta[pair]),
                "interpolated_to": positions / inputs["factor"],
            }
        },
        facts={
            "pair": pair,
            "wavelength_tokens": float(trained.wavelength[pair]),
            "turns_in_window": float(trained.turns()[pair]),
            "window": window,
            "longer_window": longer,
        },
    )


def draw(data: Data) -> Figure:
    """Draw the three rows: trained and extrapolated, interpolated, and where the dots went."""
    from matplotlib import pyplot as plt

    values, facts = data.tables["values"], data.facts
    window, longer = facts["window"], facts["longer_window"]
    positions = np.asarray(values["position"])
    seen = positions < window
    places = np.asarray(values["interpolated_to"])
    whole = np.mod(places, 1.0) == 0.0
    with plots.style():
        figure, (top, bottom) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, layout="constrained")
        thin: Any = {"color": "0.6", "linewidth": 1, "linestyle": "-", "zorder": 1}
        top.plot(positions, values["as_trained"], **thin)
        top.scatter(positions[seen], values["as_trained"][seen], s=26, label="trained positions", zorder=2)
        top.scatter(positions[~seen], values["as_trained"][~seen], s=30, marker="x",
                    label="extrapolated: phases mθ never seen", zorder=2)  # fmt: skip
        top.set_title(f"Extrapolation to {longer} tokens: cos(mθ), pair {facts['pair']}, "
                      f"wavelength {facts['wavelength_tokens']:.0f} tokens")  # fmt: skip
        bottom.plot(values["interpolated_to"], values["interpolated"], **thin)
        bottom.scatter(places[whole], values["interpolated"][whole], s=26, label="fall on trained positions", zorder=2)
        bottom.scatter(places[~whole], values["interpolated"][~whole], s=26, marker="^",
                       label="fall between them", zorder=2)  # fmt: skip
        bottom.set_title(f"Position Interpolation: the same {longer} positions at m·{window}/{longer}")
        for ax in (top, bottom):
            ax.axvline(window, color="black", linestyle=":", linewidth=1)
            ax.set_ylabel("cos(mθ)")
            ax.set_ylim(-1.15, 1.5)
            ax.legend(loc="lower right" if ax is bottom else "upper right")
        bottom.set_xlabel(f"position m [tokens], every {positions[1]}rd shown; dotted: end of the trained window")
    return figure


PART = Part("figure_1", "figures", INPUTS, compute, draw)
