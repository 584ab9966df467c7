"""Directions a window trains: the numerical rank of the design against the critical dimension of arXiv 2310.05209.

Position Interpolation over κ windows has the rank of one window; without scaling, the longer window has directions
that were never trained, along which nothing limits a fit. The critical dimension counts the dimensions of pairs that
turn once in the window; where a short window cannot tell neighbouring pairs apart the rank is smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.columns import records_as_columns
from experiments.parts import Data, Part
from rope_theory import plots
from rope_theory.config import RopeConfig
from rope_theory.laws import critical_dimension
from rope_theory.regression import design_matrix
from rope_theory.scaling import PositionInterpolation, Unscaled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS = {
    "head_dims": [32, 64, 128], "bases": [1e3, 1e4, 5e5], "windows": [256, 1024, 4096], "factor": 4.0,
    "tolerances": [1e-2, 1e-4, 1e-8, 1e-12], "compared_at": 1e-4,
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a config and window: critical dimension, ranks at each tolerance, ranks over κ windows."""
    cases = product(inputs["head_dims"], inputs["bases"], inputs["windows"])
    columns = records_as_columns([_row(inputs, *case) for case in cases])
    difference = {
        f"{tolerance:g}": np.asarray(columns[_name("trained", tolerance)]) - np.asarray(columns["critical_dimension"])
        for tolerance in inputs["tolerances"]
    }
    trained, interpolated, unscaled = (
        np.asarray(columns[_name(kind, inputs["compared_at"])]) for kind in ("trained", "interpolated", "unscaled")
    )
    return Data(
        tables={"ranks": columns},
        facts={
            "tolerances": inputs["tolerances"],
            "compared_at": inputs["compared_at"],
            "factor": inputs["factor"],
            "rank_less_critical": {
                name: {"smallest": int(d.min()), "median": float(np.median(d)), "largest": int(d.max())}
                for name, d in difference.items()
            },
            "interpolated_less_trained": [int((interpolated - trained).min()), int((interpolated - trained).max())],
            "new_directions": [int((unscaled - trained).min()), int((unscaled - trained).max())],
        },
    )


def _row(inputs: Mapping[str, Any], head_dim: int, base: float, window: int) -> dict[str, Any]:
    config = RopeConfig(head_dim, base, window)
    longer = round(inputs["factor"] * window)
    tables = {
        "trained": (Unscaled(), window),
        "interpolated": (PositionInterpolation(inputs["factor"]), longer),
        "unscaled": (Unscaled(), longer),
    }
    row: dict[str, Any] = {
        "head_dim": head_dim, "base": base, "window": window, "critical_dimension": critical_dimension(config),
    }  # fmt: skip
    for kind, (scaling, length) in tables.items():
        singular = np.linalg.svd(design_matrix(scaling.frequencies(config), np.arange(length)), compute_uv=False)
        for tolerance in inputs["tolerances"]:
            row[_name(kind, tolerance)] = int((singular > tolerance * singular[0]).sum())
    return row


def _name(kind: str, tolerance: float) -> str:
    return f"{kind}_{tolerance:g}"


def draw(data: Data) -> Figure:
    """Draw ranks against the critical dimension, and ranks over κ windows against those over one."""
    from matplotlib import pyplot as plt

    ranks, facts = data.tables["ranks"], data.facts
    at, factor = facts["compared_at"], facts["factor"]
    with plots.style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(13, 5.4), layout="constrained")
        plots.numerical_rank(
            ranks["critical_dimension"], [ranks[_name("trained", tolerance)] for tolerance in facts["tolerances"]],
            labels=[f"σ > {tolerance:g} σ_max" for tolerance in facts["tolerances"]], ax=left,
        )  # fmt: skip
        plots.numerical_rank(
            ranks[_name("trained", at)], [ranks[_name(kind, at)] for kind in ("interpolated", "unscaled")],
            labels=[f"PI, κ = {factor:g}", "no scaling"], ax=right,
        )  # fmt: skip
        for ax in (left, right):
            ax.legend(loc="upper left", frameon=True, framealpha=0.9)
        left.set_xlabel("critical dimension 2⌈(d/2) log_c(L/2π)⌉, at most d")
        left.set_ylabel("numerical rank over L tokens")
        gap = facts["rank_less_critical"][f"{at:g}"]
        left.set_title(
            f"Rank minus critical dimension: {gap['smallest']:+d} to {gap['largest']:+d}, median {gap['median']:+g} "
            f"(σ > {at:g} σ_max)", fontsize=10,
        )  # fmt: skip
        right.set_xlabel("numerical rank over L tokens")
        right.set_ylabel(f"numerical rank over {factor:g} L tokens")
        right.set_title(
            f"Directions added: by PI {_range(facts['interpolated_less_trained'])}, by no scaling "
            f"{_range(facts['new_directions'])} (σ > {at:g} σ_max)", fontsize=10,
        )  # fmt: skip
        figure.suptitle("Directions that a window of L tokens trains: one mark a config, on the line both agree")
    return figure


def _range(ends: list[int]) -> str:
    return f"{ends[0]} to {ends[1]}" if ends[0] < ends[1] else f"{ends[0]}"


PART = Part("numerical_rank", "figures", INPUTS, compute, draw)
