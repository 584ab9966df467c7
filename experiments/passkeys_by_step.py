"""Where passkeys are found while a model is fine-tuned at four times its window: distance against steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.columns import rows_of
from experiments.extension import plan, results, runs
from experiments.parts import Data, Part
from experiments.pretraining.recipe import Recipe
from rope_theory import plots
from rope_theory.plots import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINDOW, FACTOR = Recipe.window, 4.0
"""Trained window of the reference model, tokens, and its extension."""

RUNS = tuple(one for one in plan.MAIN if one.method in plan.COMPARED)
INPUTS: dict[str, Any] = {"runs": results.digest(RUNS)}


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return the share found by method, step and distance, mean over the seeds whose runs kept it.

    Raises
    ------
    ValueError
        When no run has.
    """
    found: dict[tuple[str, int, float], list[float]] = {}
    for one in results.at_hand(RUNS):
        for row in runs.read(one).get("passkeys", []):  # runs made first kept the mean over distances only
            if row["window"] == round(FACTOR * WINDOW):
                found.setdefault((one.method, row["step"], row["distance"]), []).append(row["share"])
    if not found:
        raise ValueError(f"No run has kept passkeys by distance. {runs.REMEDY}")
    keys = sorted(found)
    columns: dict[str, list[Any]] = {
        "method": [method for method, _, _ in keys],
        "step": [step for _, step, _ in keys],
        "distance": [distance for _, _, distance in keys],
        "seeds": [len(found[key]) for key in keys],
        "share": [float(np.mean(found[key])) for key in keys],
    }
    return Data(tables={"shares": columns}, facts={"window": WINDOW, "seeds": max(columns["seeds"])})


def draw(data: Data) -> Figure:
    """Draw a row of fields a step, one field a distance, for both methods."""
    from matplotlib import pyplot as plt

    columns = data.tables["shares"]
    steps = sorted(set(columns["step"]))
    with plots.style():
        figure, panels = plt.subplots(1, 2, figsize=(12, 3.6), sharey=True, layout="constrained")
        for axes, method in zip(panels, plan.COMPARED, strict=True):
            for place, step in enumerate(steps):
                rows = list(rows_of(columns, method=method, step=step))
                edges = np.array([0.0, *(row["distance"] for row in rows)])
                shares = np.array([[row["share"] for row in rows]])
                fields = axes.pcolormesh(
                    edges, [place - 0.45, place + 0.45], shares, vmin=0.0, vmax=1.0, rasterized=True
                )
            axes.axvline(data.facts["window"], color="white", linewidth=2.5)
            axes.axvline(data.facts["window"], color=GREY, linewidth=1.0)
            places = [times * data.facts["window"] for times in range(5)]
            axes.set_xticks(
                places, [f"L = {place}" if place == data.facts["window"] else str(place) for place in places]
            )
            axes.set_yticks(range(len(steps)), [str(step) for step in steps])
            axes.set_xlabel("distance of the key from the end [tokens]")
            axes.set_title({"direct": "Direct fine-tuning", "PI": "Position Interpolation"}[method])
            axes.grid(visible=False)
        panels[0].set_ylabel("fine-tuning steps")
        figure.colorbar(fields, ax=panels, label="share of passkeys found", fraction=0.05, pad=0.02)
    return figure


PART = Part(name="passkeys_by_step", kind="figures", inputs=INPUTS, compute=compute, draw=draw)
