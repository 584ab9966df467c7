"""Past the trained context length the loss jumps: masking far keys undoes it, capping their logits hardly does.

The heads of the reference model on a text that it never saw. Far keys are at distances that training never showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments import real_heads
from experiments.parts import Data, Part
from experiments.pretraining.recipe import Recipe
from experiments.sweeps import Columns
from rope_theory import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def compute(inputs: Mapping[str, Any], losses: Columns) -> Data:
    """Return the loss by position and treatment of far keys, its means, and the share of the rise that is undone."""
    columns, means = real_heads.losses_by_position(losses)
    rise = means["plain"]["beyond"] - means["plain"]["inside"]
    return Data(
        tables={"losses": columns},
        facts={
            "window": Recipe.window,
            "text": f"{inputs['text']} {inputs['text_version']}",
            "losses": means,
            "undone": {name: (means["plain"]["beyond"] - mean["beyond"]) / rise for name, mean in means.items()},
        },
    )


def draw(data: Data) -> Figure:
    """Draw the loss by position under every treatment of far keys."""
    from matplotlib import pyplot as plt

    with plots.style():
        figure, axes = plt.subplots(figsize=(8.5, 4.4), layout="constrained")
        real_heads.draw_losses(axes, data)
        axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.45))  # the gap between the two groups of curves
    return figure


PART = Part("loss_past_the_window", "figures", real_heads.INPUTS, compute, draw, (real_heads.LOSSES,))
