"""The worst case at mid-cell against the length of the window: inside it stays constant, past it nearly so.

By reflection, V(N − s) = V(s), the first trained cell and the last one agree.
"""

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
from rope_theory.bounds import sampling
from rope_theory.plots import GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "ratios": [1.0, 10.0, 100.0],
    "windows": [128, 192, 257, 256, 384, 512, 768, 1024, 1536, 2048, 2049, 3072, 4096, 6144, 8192, 12288, 16384, 32768],
}  # fmt: skip

CELLS = ("first", "middle", "beyond")
"""Middles of cells: s = ½, s = ⌊N/2⌋ + ½, s = N + ½, where N = L − 1 is the last trained offset."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a chunk a window and ratio, long windows first, so that no core waits for one at the end."""
    return [
        {"head_dim": inputs["head_dim"], "base": inputs["base"], "window": window, "ratio": ratio,
         "offsets": [0.5, (window - 1) // 2 + 0.5, window - 0.5]}
        for window in sorted(inputs["windows"], reverse=True) for ratio in inputs["ratios"]
    ]  # fmt: skip


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row a cell."""
    return rows.enclosed(chunk, ("window", "ratio"), cell=CELLS)


SWEEP = Sweep("worst_case_window", "figures", rows.ABOUT, INPUTS, chunks, compute_chunk)


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the rows in order of the window, and the extremes by cell."""
    order = np.lexsort([np.asarray(sweep[name]) for name in ("offset", "ratio", "window")])
    table = {name: np.asarray(values)[order] for name, values in sweep.items()}
    return Data(
        tables={"window": table},
        facts={
            "head_dim": inputs["head_dim"],
            "base": inputs["base"],
            "ratios": inputs["ratios"],
            "sampling": float(sampling(1.0)),
            "extremes": {cell: _extremes(table, cell) for cell in CELLS},
            "note": "V is computed at the middles of three cells; by reflection the last trained cell is the first one",
        },
    )


def _extremes(table: Columns, cell: str) -> dict[str, dict[str, float]]:
    """Return the smallest lower and the largest upper bound of a cell, and their windows and ratios."""
    row = chosen(table, cell=cell)
    found = {}
    for name, column, at in (
        ("smallest", "lower", row["lower"].argmin()),
        ("largest", "upper", row["upper"].argmax()),
    ):
        found[name] = {
            "value": float(row[column][at]),
            "window": int(row["window"][at]),
            "ratio": float(row["ratio"][at]),
        }
    return found


TITLES = {
    "first": "First or last trained cell: {} to {} A",
    "middle": "Middle cell: {} to {} A",
    "beyond": "Half a token past the last offset: {} to {} A",
}


def draw(data: Data) -> Figure:
    """Draw one panel a cell, the two trained ones on one scale."""
    from matplotlib import pyplot as plt

    facts = data.facts
    keys = [f"{ratio:g}" for ratio in facts["ratios"]]
    with plots.style():
        figure, panels = plt.subplots(1, 3, figsize=(13.5, 4.4), layout="constrained")
        panels[1].sharey(panels[0])
        for ax, cell in zip(panels, CELLS, strict=True):
            tables = [chosen(data.tables["window"], cell=cell, ratio=ratio) for ratio in facts["ratios"]]
            lower, upper = ([table[name] for table in tables] for name in ("lower", "upper"))
            labels = [f"H/A = {key}" for key in keys]
            plots.worst_case_windows(tables[0]["window"], lower, upper, labels=labels, ax=ax)
            extremes = facts["extremes"][cell]
            ax.set_title(TITLES[cell].format(_down(extremes["smallest"]["value"]), _up(extremes["largest"]["value"])),
                         fontsize=10)  # fmt: skip
            ax.tick_params(axis="x", labelrotation=45)
        for ax in panels[:2]:
            ax.get_legend().remove()
            ax.axhline(facts["sampling"], color=GREY, linestyle=":", linewidth=1.2)
            ax.annotate(
                f"sampling theorem, whole line: {facts['sampling']:.4f}", xy=(0.99, facts["sampling"]),
                xycoords=("axes fraction", "data"), xytext=(0, 2), textcoords="offset points", ha="right",
                fontsize="small", color=GREY,
            )  # fmt: skip
        for ax in panels[1:]:
            ax.set_ylabel("")
        panels[0].set_ylim(1.0, None)
        panels[2].set_ylim(1.0, None)
        figure.suptitle(
            "Between trained offsets scores can grow a little, at the ends of short windows more, past the last offset "
            "most\n"
            f"(middles of cells, N = L − 1, H/A = {', '.join(keys)}, d = {facts['head_dim']}, c = {facts['base']:g})",
            fontsize=11,
        )
    return figure


def _up(value: float) -> str:
    return f"{np.ceil(value * 1000) / 1000:.3f}"


def _down(value: float) -> str:
    return f"{np.floor(value * 1000) / 1000:.3f}"


PART = Part("worst_case_window", "figures", INPUTS, compute, draw, (SWEEP,))
