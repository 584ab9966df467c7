"""Phase errors of common storages of Llama 3's frequencies, correctly rounded: measured, and their proved bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.parts import Data, Part
from experiments.settings import config_of
from rope_theory import plots
from rope_theory.config import LLAMA_3
from rope_theory.plots import GREY
from rope_theory.precision import STORAGES, PhaseError, first_broken_position, phase_error
from rope_theory.scaling import Unscaled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS: dict[str, Any] = {
    "head_dim": LLAMA_3.head_dim,
    "base": LLAMA_3.base,
    "window": LLAMA_3.context_length,
    "longest": 2**17,
    "points_an_octave": 8,
    "storages": [
        "float32", "bfloat16 table", "bfloat16 frequencies", "bfloat16 positions", "bfloat16",
        "float16 frequencies",
    ],
    "tolerance": 0.1,
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return the largest error over all positions up to each point, so that no curve depends on which were drawn."""
    theta = Unscaled().frequencies(config_of(inputs))
    octaves = np.log2(inputs["longest"])
    ends = np.unique(np.round(2.0 ** np.arange(0.0, octaves + 1e-9, 1.0 / inputs["points_an_octave"])).astype(int))
    starts = np.concatenate([[1], ends[:-1] + 1])
    columns: dict[str, Any] = {"position": ends}
    facts: dict[str, Any] = {}
    for name in inputs["storages"]:
        storage = STORAGES[name]
        measured, bound = [], []
        for start, end in zip(starts, ends, strict=True):
            error = phase_error(theta, np.arange(start, end + 1), storage)
            measured.append(error.measured.max())
            bound.append(error.bound.max())
        columns[f"{name}, measured"] = np.maximum.accumulate(measured)
        columns[f"{name}, bound"] = np.maximum.accumulate(bound)
        broken = first_broken_position(theta, storage, inputs["tolerance"], inputs["longest"])
        facts[name] = {
            "first_position_beyond_tolerance": broken.measured,
            "safe_until": broken.safe_until,
            "largest_measured_in_window": float(columns[f"{name}, measured"][ends == inputs["window"]][0]),
            "largest_measured": float(columns[f"{name}, measured"][-1]),
        }
    shown = {name: inputs[name] for name in ("head_dim", "base", "window", "tolerance")}
    return Data(tables={"errors": columns}, facts={**facts, "inputs": shown})


def draw(data: Data) -> Figure:
    """Draw one curve a storage, and its bound as a thin line."""
    from matplotlib import pyplot as plt

    columns, inputs = data.tables["errors"], data.facts["inputs"]
    names = [name.removesuffix(", measured") for name in columns if name.endswith(", measured")]
    positions = np.asarray(columns["position"], dtype=float)
    errors = [
        PhaseError(
            STORAGES[name], positions, np.zeros(1),
            np.asarray(columns[f"{name}, bound"])[:, None], np.asarray(columns[f"{name}, measured"])[:, None],
        )
        for name in names
    ]  # fmt: skip
    with plots.style():
        figure, axes = plt.subplots(figsize=(9, 4.2), layout="constrained")
        labels = [f"{name} throughout" if name == "bfloat16" else name for name in names]
        plots.phase_errors(errors, labels=labels, window=inputs["window"], ax=axes)
        axes.set_ylabel("distance from $e^{im\\theta}$,\nlargest over pairs, up to position m")
        axes.axhline(inputs["tolerance"], color=GREY, linestyle=":", linewidth=1.2, zorder=1.5)
        axes.set_title(
            f"Phases in finite precision, frequencies correctly rounded, d = {inputs['head_dim']}, "
            f"c = {inputs['base']:g} (thin lines: proved bounds; dotted: {inputs['tolerance']:g})"
        )
    return figure


PART = Part("phase_error", "figures", INPUTS, compute, draw)
