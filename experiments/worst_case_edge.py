"""The worst case across the window's edge: what trained scores say between, just past and far beyond them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.parts import Data, Part
from experiments.settings import CONFIG
from experiments.sweeps import Columns, Sweep
from rope_theory import plots
from rope_theory.bounds import chord_curvature, chord_sharp, sampling
from rope_theory.plots import GREY, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAST = 2048
"""N, the last trained offset: a window of 2049 tokens, as in theory.md."""

ORANGE, BLACK, VERMILION = PALETTE[1], PALETTE[2], PALETTE[4]

INPUTS = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": LAST + 1, "ratios": [1.0, 10.0, 100.0],
    "inside": [0.5, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 128.5, 256.5, 512.5, 768.5, 1024.5, 1279.5, 1535.5, 1791.5,
               1919.5, 1983.5, 2015.5, 2031.5, 2039.5, 2043.5, 2045.5, 2046.5, 2047.5],
    "beyond": [1 / 64, 1 / 32, 1 / 16, 0.125, 0.1875, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0, 1.25, 1.5, 2.0, 2.5,
               3.0, 4.0, 5.0, 6.0, 8.0, 11.0, 16.0, 22.0, 32.0, 45.0, 64.0, 90.0, 128.0, 181.0, 256.0, 362.0, 512.0,
               724.0, 1024.0, 1448.0, 2048.0],
    "cell": 1024, "cell_steps": 32, "cell_ratio": 1.0,
}  # fmt: skip
"""``beyond`` is counted from the last trained offset."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the offsets inside, beyond and in one interior cell, cut into pieces."""
    last = inputs["window"] - 1
    steps = np.arange(1, inputs["cell_steps"]) / inputs["cell_steps"]
    places = [("inside", inputs["inside"], ratio) for ratio in inputs["ratios"]]
    places += [("beyond", [last + step for step in inputs["beyond"]], ratio) for ratio in inputs["ratios"]]
    places += [("cell", (inputs["cell"] + steps).tolist(), inputs["cell_ratio"])]
    return [
        {"head_dim": inputs["head_dim"], "base": inputs["base"], "window": inputs["window"], "ratio": ratio,
         "place": place, "offsets": piece}
        for place, offsets, ratio in places for piece in rows.pieces(offsets)
    ]  # fmt: skip


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row an offset."""
    return rows.enclosed(chunk, ("place", "ratio"))


SWEEP = Sweep("worst_case_edge", "figures", rows.ABOUT, INPUTS, chunks, compute_chunk)


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the rows inside and beyond, those of the cell with what chords give there, and the sizes quoted."""
    ratios, last, cell = inputs["ratios"], inputs["window"] - 1, inputs["cell"]
    theta = rows.frequencies(inputs["head_dim"], inputs["base"], inputs["window"])
    table = {name: np.asarray(values) for name, values in sweep.items()}
    across = {name: values[table["place"] != "cell"] for name, values in table.items()}
    within = chosen(sweep, place="cell")
    trained = min(1.0, inputs["cell_ratio"] * len(theta.theta))  # V at a trained offset, exactly
    offsets = np.concatenate([[cell], within["offset"], [cell + 1]])
    ends = (cell, cell + 1)
    return Data(
        tables={
            "sweep": across,
            "cell": {
                "offset": offsets,
                "lower": np.concatenate([[trained], within["lower"], [trained]]),
                "upper": np.concatenate([[trained], within["upper"], [trained]]),
                "chord_sharp": 1.0 + chord_sharp(theta, offsets, *ends, h_max=inputs["cell_ratio"]),
                "chord_curvature": 1.0 + chord_curvature(theta, offsets, *ends, h_max=inputs["cell_ratio"]),
            },
        },
        facts={
            "head_dim": inputs["head_dim"],
            "base": inputs["base"],
            "ratios": ratios,
            "window": inputs["window"],
            "cell_ratio": inputs["cell_ratio"],
            "sampling": float(sampling(float(theta.theta.max()))),
            "triangle": {f"{ratio:g}": ratio * len(theta.theta) for ratio in ratios},
            "largest_inside": {f"{ratio:g}": _largest(across, ratio) for ratio in ratios},
            "sampled_inside": len(inputs["inside"]),
            "beyond": {
                f"{step:g}": {f"{ratio:g}": _at(across, ratio, last + step) for ratio in ratios}
                for step in (0.5, 1.0, 8.0, 64.0, 1024.0, 2048.0)
            },
            "note": "inside, V was computed at the middles of some cells only, the first and the last one included",
        },
    )


def _largest(table: Columns, ratio: float) -> dict[str, float]:
    inside = chosen(table, place="inside", ratio=ratio)
    at = int(inside["upper"].argmax())
    return {name: float(inside[name][at]) for name in ("offset", "lower", "upper")}


def _at(table: Columns, ratio: float, offset: float) -> list[float]:
    row = chosen(table, ratio=ratio, offset=offset)
    return [float(row["lower"][0]), float(row["upper"][0])]


def draw(data: Data) -> Figure:
    """Draw the inside of the window with one cell enlarged, and what lies beyond on a scale of its own."""
    from matplotlib import pyplot as plt

    facts, ratios, last = data.facts, data.facts["ratios"], data.facts["window"] - 1
    keys = [f"{ratio:g}" for ratio in ratios]
    worst = max(facts["largest_inside"][key]["upper"] for key in keys)
    half = [rows.shown(*facts["beyond"]["0.5"][key]) for key in (keys[0], keys[-1])]
    shares = [facts["beyond"][f"{last}"][key][0] / facts["triangle"][key] for key in keys]
    with plots.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5), sharey=True, layout="constrained")
        for ax, place, start in ((left, "inside", 0), (right, "beyond", last)):
            tables = [chosen(data.tables["sweep"], place=place, ratio=ratio) for ratio in ratios]
            lower, upper = ([table[name] for table in tables] for name in ("lower", "upper"))
            plots.worst_case_curves(
                tables[0]["offset"] - start, lower, upper, labels=[f"H/A = {key}" for key in keys],
                log=place == "beyond", window=facts["window"] if place == "inside" else None, ax=ax,
            )  # fmt: skip
            ax.axhline(1.0, color=GREY, linewidth=0.8)
        left.get_legend().remove()
        left.set_xlim(-40, last + 40)
        left.set_ylim(0.85, 2.2 * max(facts["triangle"].values()))
        left.set_title(
            f"Inside, last cell included:\nV ≤ {_up(worst)} A at {facts['sampled_inside']} sampled mid-cells"
        )
        _draw_cell(left.inset_axes((0.13, 0.33, 0.8, 0.52)), data)
        right.set_xlabel(f"tokens beyond the last trained offset, s − {last}")
        right.set_ylabel("")
        right.tick_params(labelleft=True)
        right.set_title(
            f"Beyond: {half[0]} to {half[1]} A half a token past the last offset,\n"
            f"{min(shares):.2f} to {max(shares):.2f} of the triangle bound at s = {2 * last}"
        )
        for line, key in zip(right.lines, keys, strict=False):
            triangle = facts["triangle"][key]
            right.axhline(triangle, color=line.get_color(), linestyle=":", linewidth=1.2)
            right.annotate(f"triangle bound, H/A = {key}: H·d/2 = {triangle:g} A", xy=(0.01, triangle),
                           xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points",
                           fontsize="small", color=GREY)  # fmt: skip
        figure.suptitle(
            f"Trained scores limit what lies between them, hardly what lies beyond: N = {last}, "
            f"H/A = {', '.join(keys)} (d = {facts['head_dim']}, c = {facts['base']:g})"
        )
    return figure


def _up(value: float) -> str:
    """Return ``value`` at three decimals, rounded up."""
    return f"{np.ceil(value * 1000) / 1000:.3f}"


def _draw_cell(ax: Any, data: Data) -> None:
    cell, facts = data.tables["cell"], data.facts
    s = np.asarray(cell["offset"])
    centre, key = (s[0] + s[-1]) / 2, f"{facts['cell_ratio']:g}"
    sharp, curvature, worst = (float(np.max(cell[name])) for name in ("chord_sharp", "chord_curvature", "upper"))
    ax.plot(s, cell["chord_curvature"], color=VERMILION, linestyle=":")
    ax.plot(s, cell["chord_sharp"], color=ORANGE, linestyle="--")
    ax.axhline(facts["sampling"], color=GREY, linestyle="-.", linewidth=1.0)
    ax.plot(s, cell["upper"], color=BLACK, linestyle="-")
    words = [
        (1.0 + 0.75 * (sharp - 1.0), "top", f"chord bounds:\n{_up(sharp)} A, sharp (dashed)\n"
         f"{_up(curvature)} A, curvature (dotted)"),
        (facts["sampling"] + 0.008, "bottom", f"sampling theorem, whole line: {facts['sampling']:.4f} A"),
        (worst - 0.03, "top", f"worst case: {_up(worst)} A"),
    ]  # fmt: skip
    for height, side, text in words:
        ax.text(centre, height, text, ha="center", va=side, fontsize=8.5)
    ax.set_xticks([s[0], centre, s[-1]], [f"{tick:g}" for tick in (s[0], centre, s[-1])])
    ax.set_ylim(0.99, 1.03 * curvature)
    ax.set_title(f"one cell enlarged, V(s)/A at H/A = {key}", fontsize=9)


PART = Part("worst_case_edge", "figures", INPUTS, compute, draw, (SWEEP,))
