"""What Position Interpolation can do to a score: the worst case at the new offsets, by factor, window and H/A.

Interpolating by κ asks the trained score at multiples of 1/κ. Those of κ = 32 contain those of the smaller factors,
so one sweep serves all. Reflection, a(N − s) with h_j replaced by conj(h_j)e^{−iNθ_j}, obeys the same constraints:
V(N − s) = V(s). The last trained cell is therefore the first one, and the middle cell of an even window is symmetric,
so that half of it is enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from experiments import worst_case_rows as rows
from experiments.columns import as_columns, chosen, rows_of
from experiments.parts import Data, Part
from experiments.settings import CONFIG
from experiments.sweeps import Columns, Sweep

INPUTS: dict[str, Any] = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "windows": [256, 512, 1024, 2048, 4096, 8192],
    "ratios": [1.0, 10.0, 100.0], "factors": [2, 4, 8, 16, 32], "checked": [0.25, 0.5, 0.96875],
}  # fmt: skip
"""``checked``: how far into the last cell V is computed independently of the first."""

CELLS = {
    "first or last": "the first cell (0, 1); by reflection also the last trained one, (N − 1, N)",
    "middle": "the middle cell (N/2 − 1/2, N/2 + 1/2), lower half; the upper half by reflection",
    "beyond": "(N, N + 1 − 1/κ]: past the last trained offset, yet entered by interpolation",
}
"""Cells of the table; N = L − 1 is the last trained offset."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the offsets of every window, ratio and cell, cut into pieces."""
    finest = max(inputs["factors"])
    steps = np.arange(1, finest) / finest
    found = []
    for window in inputs["windows"]:
        if window % 2:
            raise ValueError(f"windows must be even, so that one cell is in the middle, got {window}.")
        last = window - 1
        cells = {
            "first": steps, "middle": last // 2 + steps[: finest // 2], "beyond": last + steps,
            "last": last - 1 + np.array(inputs["checked"]),
        }  # fmt: skip
        found += [
            {"head_dim": inputs["head_dim"], "base": inputs["base"], "window": window, "ratio": ratio, "cell": cell,
             "offsets": piece}
            for ratio in inputs["ratios"] for cell, offsets in cells.items() for piece in rows.pieces(offsets.tolist())
        ]  # fmt: skip
    return found


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row an offset."""
    return rows.enclosed(chunk, ("window", "ratio", "cell"))


SWEEP = Sweep(
    "table_interpolation",
    "tables",
    rows.ABOUT + " Cells: first (0, 1), middle (N/2 − 1/2, N/2], last (N − 1, N), beyond (N, N + 1), N = window − 1.",
    INPUTS,
    chunks,
    compute_chunk,
)


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the largest V/A over the offsets each factor visits, by window, ratio and cell."""
    found = []
    cells = zip(CELLS, ("first", "middle", "beyond"), strict=True)
    for window, factor, ratio, (cell, stored) in product(inputs["windows"], inputs["factors"], inputs["ratios"], cells):
        row = chosen(sweep, window=window, ratio=ratio, cell=stored)
        visited = np.mod(row["offset"] * factor, 1.0) == 0.0
        lower, upper, offset = (row[name][visited] for name in ("lower", "upper", "offset"))
        at = offset[lower.argmax()].item()
        found.append((window, factor, ratio, cell, len(offset), at, lower.max().item(), upper.max().item()))
    names = ("window", "factor", "ratio", "cell", "offsets", "offset", "lower", "upper")
    columns = as_columns(names, found)
    return Data(
        tables={"interpolation": columns},
        facts={
            "cells": CELLS,
            "largest": {cell: _largest(columns, cell) for cell in CELLS},
            "reflection": _reflection(inputs, sweep),
            "note": "each number is a rigorous enclosure of V/A at an offset or of the largest of several; the cells "
            "are those named, others were not visited",
        },
    )


def cell(data: Data, window: int, factor: int, name: str, ratios: Sequence[float]) -> str:
    """Return V/A in a cell at each of ``ratios``, as text with the digits that both bounds agree on."""
    found = chosen(data.tables["interpolation"], window=window, factor=factor, cell=name)
    bounds = [chosen(found, ratio=ratio) for ratio in ratios]
    return " / ".join(rows.shown(row["lower"].item(), row["upper"].item(), 4) for row in bounds)


def _largest(columns: Mapping[str, Any], cell: str) -> dict[str, dict[str, float]]:
    """Return the largest upper bound of a cell over all windows and factors, by ratio, and where it is."""
    found = {}
    for ratio in sorted(set(columns["ratio"])):
        table = chosen(columns, cell=cell, ratio=ratio)
        at = int(table["upper"].argmax())
        found[f"{ratio:g}"] = {name: table[name][at].item() for name in ("window", "factor", "offset", "upper")}
    return found


def _reflection(inputs: Mapping[str, Any], sweep: Columns) -> dict[str, float]:
    """Return how far the last cell, computed by itself, is from the first one: 0 where the bounds overlap."""
    apart = 0.0
    first, last = chosen(sweep, cell="first"), list(rows_of(sweep, cell="last"))
    for row in last:
        twin = chosen(first, window=row["window"], ratio=row["ratio"], offset=row["window"] - 1 - row["offset"])
        apart = max(apart, row["lower"] - float(twin["upper"][0]), float(twin["lower"][0]) - row["upper"])
    return {"offsets_checked": len(last), "largest_contradiction": apart}


PART = Part("table_interpolation", "tables", INPUTS, compute, sweeps=(SWEEP,))
