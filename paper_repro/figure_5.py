"""Figure 5: B(s)/d, as printed to 4096 tokens, and on to 2^20 to show where the claim B(s)/d ≥ 1 ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.parts import Data, Part
from experiments.settings import CONFIG, config_of, theta
from rope_theory import plots
from rope_theory.bounds import abel_sum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS = {
    "head_dim": CONFIG.head_dim,
    "base": CONFIG.base,
    "printed": 4096,
    "longest": 2**20,
    "bins_an_octave": 24,
}


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return B(s)/d at every printed offset, and its smallest and largest value in bins further out."""
    config = config_of(inputs)
    ratio = abel_sum(theta(config), np.arange(inputs["longest"])) / config.width
    edges = np.unique(
        np.round(2.0 ** np.arange(0, np.log2(inputs["longest"]) + 1e-9, 1.0 / inputs["bins_an_octave"])).astype(int)
    )
    below = int(np.argmax(ratio < 1.0))
    return Data(
        tables={
            "printed": {"offset": np.arange(inputs["printed"]), "ratio": ratio[: inputs["printed"]]},
            "longer": {
                "from": edges[:-1],
                "to": edges[1:],
                "smallest": np.minimum.reduceat(ratio[: edges[-1]], edges[:-1]),
                "largest": np.maximum.reduceat(ratio[: edges[-1]], edges[:-1]),
            },
        },
        facts={
            "at_zero": float(ratio[0]),
            "smallest_printed": float(ratio[: inputs["printed"]].min()),
            "smallest_printed_at": int(ratio[: inputs["printed"]].argmin()),
            "first_below_one": below,
            "value_there": float(ratio[below]),
            "smallest": float(ratio.min()),
            "smallest_at": int(ratio.argmin()),
            "share_below_one": float((ratio < 1.0).mean()),
        },
    )


def draw(data: Data) -> Figure:
    """Draw the printed range, and the envelope beyond it."""
    from matplotlib import pyplot as plt

    printed, longer, facts = data.tables["printed"], data.tables["longer"], data.facts
    with plots.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.2), layout="constrained")
        plots.abel_ratio(printed["offset"], printed["ratio"], ax=left)
        left.set_title(f"As printed: B(s)/d ≥ {facts['smallest_printed']:.4f} for s < {len(printed['offset'])}")
        middle = np.sqrt(np.asarray(longer["from"]) * np.asarray(longer["to"]))
        right.fill_between(
            middle, longer["smallest"], longer["largest"], alpha=0.35, linewidth=0, label="range in a bin"
        )
        right.plot(middle, longer["smallest"], linewidth=1.2, linestyle="-", label="smallest in a bin")
        right.axhline(1.0, color="black", linestyle=":", linewidth=1.2)
        right.axvline(
            len(printed["offset"]), color="0.4", linestyle="--", linewidth=1, label="end of the printed range"
        )
        right.plot(facts["first_below_one"], facts["value_there"], "o", color="black", markersize=6, zorder=5,
                   label=f"first below 1: s = {facts['first_below_one']}")  # fmt: skip
        right.set_xscale("log", base=2)
        right.set_yscale("log")
        right.set_yticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
        right.minorticks_off()
        right.set_xlabel("offset s [tokens]")
        right.set_ylabel("B(s)/d")
        right.set_title(
            f"On to 2²⁰: down to {facts['smallest']:.4f}, below 1 at {facts['share_below_one']:.1%} of offsets"
        )
        right.legend(loc="upper right")
    return figure


PART = Part("figure_5", "figures", INPUTS, compute, draw)
