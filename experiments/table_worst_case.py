"""The worst case inside the window, just past it and far out: the contrast of interpolation and extrapolation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.parts import Data, Part
from experiments.settings import CONFIG
from experiments.sweeps import Columns, Sweep

INPUTS: dict[str, Any] = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base,
    "cases": [
        {"window": 2049, "ratios": [1.0, 10.0, 100.0],
         "offsets": [0.5, 1024.5, 2048.5, 2049.0, 2056.0, 2112.0, 3072.0, 4096.0]},
        {"window": 2049, "ratios": [0.02, 0.05, 0.1], "offsets": [0.5]},
        {"window": 257, "ratios": [1.0, 10.0, 100.0], "offsets": [0.5, 128.5, 512.0]},
    ],
}  # fmt: skip
"""Windows of N + 1 tokens, so that N = 2048 and 256 are the last trained offsets."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a chunk a window and ratio."""
    return [
        {"head_dim": inputs["head_dim"], "base": inputs["base"], "window": case["window"], "ratio": ratio,
         "offsets": offsets}
        for case in inputs["cases"] for ratio in case["ratios"] for offsets in rows.pieces(case["offsets"])
    ]  # fmt: skip


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row an offset."""
    return rows.enclosed(chunk, ("window", "ratio"))


SWEEP = Sweep("table_worst_case", "tables", rows.ABOUT, INPUTS, chunks, compute_chunk)


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the rows as they are stored."""
    return Data(tables={"worst_case": sweep})


def places(data: Data, window: int, ratios: Sequence[float]) -> list[tuple[float, list[str]]]:
    """Return each offset of a window with V(s)/A at these ratios, in digits that both bounds agree on."""
    table = chosen(data.tables["worst_case"], window=window)
    found = []
    for offset in sorted(set(table["offset"].tolist())):
        at = {ratio: chosen(table, offset=offset, ratio=ratio) for ratio in ratios}
        if all(len(row["lower"]) == 1 for row in at.values()):
            values = [rows.shown(row["lower"].item(), row["upper"].item(), 4) for row in at.values()]
            found.append((offset, values))
    return found


PART = Part("table_worst_case", "tables", INPUTS, compute, sweeps=(SWEEP,))
