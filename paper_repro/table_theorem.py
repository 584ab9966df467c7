"""Theorem 2.1's constant on a unit cell, by rotary width: as printed, repaired, and the sharp one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.columns import as_columns
from experiments.parts import Data, Part
from rope_theory.bounds import chord_curvature, chord_published, chord_repaired, chord_sharp
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled

INPUTS = {"base": 10000.0, "widths": [8, 16, 32, 64, 96, 128, 256, 512], "offset": 0.5}


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a width, for max abs(h_j) = 1 at the middle of a unit cell."""
    rows = []
    for width in inputs["widths"]:
        config = RopeConfig(width, inputs["base"])
        table = Unscaled().frequencies(config)
        published, sharp = chord_published(config, inputs["offset"]), chord_sharp(table, inputs["offset"])
        curvature, repaired = chord_curvature(table, inputs["offset"]), chord_repaired(config, inputs["offset"])
        rows.append((width, published, curvature, repaired, sharp, sharp / published))
    names = ("rotary_dim", "published", "curvature", "repaired", "sharp", "sharp_over_published")
    return Data(tables={"theorem": as_columns(names, rows)})


PART = Part("table_theorem", "tables", INPUTS, compute)
