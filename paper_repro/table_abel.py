"""How small B(s)/d gets, by range and by rotary width."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.columns import as_columns
from experiments.parts import Data, Part
from rope_theory.bounds import abel_sum
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled

INPUTS = {
    "base": 10000.0, "rotary_dim": 128, "stops": [2048, 4096, 8192, 16384, 32768, 2**20],
    "widths": [32, 64, 96, 128, 192, 256], "stop_for_widths": 4096,
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return the smallest B(s)/d over integers 0 ≤ s < stop, where it is reached, and the share below 1."""
    cases = [(inputs["rotary_dim"], stop) for stop in inputs["stops"]]
    cases += [(width, inputs["stop_for_widths"]) for width in inputs["widths"] if width != inputs["rotary_dim"]]
    rows = []
    for width, stop in cases:
        table = Unscaled().frequencies(RopeConfig(width, inputs["base"]))
        ratio = abel_sum(table, np.arange(stop)) / width
        rows.append((width, stop, float(ratio.min()), int(ratio.argmin()), float((ratio < 1.0).mean())))
    return Data(tables={"abel": as_columns(("rotary_dim", "stop", "smallest", "at", "share_below_one"), rows)})


PART = Part("table_abel", "tables", INPUTS, compute)
