"""The ridge of the paper's remark: how large a fit to noise gets beyond its window, and what the ridge costs inside.

The paper says that ridge regression of proper strength keeps extrapolated scores at in-window size and gives no
strength. Here the strength runs over ten decades; the same fits at the offsets of Position Interpolation, s/κ, lie
inside the window and are small without any ridge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.compared import Tolerance
from experiments.parts import Data, Part
from experiments.settings import CONFIG, config_of, theta
from rope_theory import plots
from rope_theory.regression import design_matrix, expected_maximum, ridge_strength

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS: dict[str, Any] = {
    "head_dim": CONFIG.head_dim, "base": CONFIG.base, "window": CONFIG.context_length, "factor": 2,
    "decades": [-6, 4], "per_decade": 2, "draws": 200, "seed": 0, "quantiles": [0.05, 0.25, 0.5, 0.75, 0.95],
    "tolerances": [2.0, 1.5, 1.0],
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a strength: bound, draws and error; and the strengths that keep the fit within a factor."""
    window, factor, frequencies = inputs["window"], inputs["factor"], theta(config_of(inputs))
    train, beyond = np.arange(window), np.arange(window, factor * window)
    first, last = inputs["decades"]
    alphas = np.logspace(first, last, (last - first) * inputs["per_decade"] + 1)
    columns: dict[str, list[float]] = {"alpha": alphas.tolist()}
    for name, offsets in (("unscaled", beyond), ("interpolated", beyond / factor)):
        found = [
            expected_maximum(frequencies, train, offsets, alpha=alpha, draws=inputs["draws"], seed=inputs["seed"])
            for alpha in alphas
        ]
        columns[f"{name}_bound"] = [one.bound for one in found]
        columns[f"{name}_mean"] = [one.simulated for one in found]
        columns[f"{name}_standard_error"] = [one.standard_error for one in found]
        for share in inputs["quantiles"]:
            columns[f"{name}_quantile_{share:g}"] = [float(np.quantile(one.maxima, share)) for one in found]
    singular = np.linalg.svd(design_matrix(frequencies, train), compute_uv=False)
    columns["residual"] = [_residual(singular, window, alpha) for alpha in alphas]
    columns["effective_dof"] = [float(_kept(singular, alpha).sum()) for alpha in alphas]
    strengths = {
        f"{tolerance:g}": ridge_strength(frequencies, window=window, length=factor * window, tolerance=tolerance)
        for tolerance in inputs["tolerances"]
    }
    return Data(
        tables={"path": columns},
        facts={
            "strengths": {name: found.to_dict() for name, found in strengths.items()},
            "residual_at_strength": {
                name: _residual(singular, window, found.alpha) for name, found in strengths.items()
            },
            **{name: inputs[name] for name in ("head_dim", "base")},
            "window": window,
            "factor": factor,
            "draws": inputs["draws"],
            "quantiles": inputs["quantiles"],
            "note": "residual: root of the expected mean square of target − fit inside the window, unit noise",
        },
    )


def _kept(singular: Any, alpha: float) -> Any:
    """Return the share of the targets that a fit keeps along each singular vector."""
    return singular**2 / (singular**2 + alpha)


def _residual(singular: Any, count: int, alpha: float) -> float:
    """Return √(E‖y − fit‖²/count) for unit noise: 1 off the singular vectors, (1 − kept)² along each."""
    lost = 1.0 - _kept(singular, alpha)
    return float(np.sqrt((count - len(lost) + (lost**2).sum()) / count))


def draw(data: Data) -> Figure:
    """Draw a panel without scaling and one with Position Interpolation."""
    from matplotlib import pyplot as plt

    path, facts = data.tables["path"], data.facts
    window, factor = facts["window"], facts["factor"]
    strength = facts["strengths"]["2"]["alpha"]
    with plots.style():
        figure, panels = plt.subplots(1, 2, figsize=(13, 5), layout="constrained", sharey=True)
        for ax, name in zip(panels, ("unscaled", "interpolated"), strict=True):
            bands = [path[f"{name}_quantile_{share:g}"] for share in facts["quantiles"]]
            plots.ridge_path(path["alpha"], bands, path[f"{name}_bound"], error=path["residual"],
                             strength=strength if name == "unscaled" else None, ax=ax)  # fmt: skip
            ax.get_legend().remove()
        _name_right_axes(figure)
        left, right = panels
        left.set_title(f"No scaling: s = {window} … {factor * window - 1}")
        right.set_title(f"Position Interpolation, κ = {factor}: the same s asks the fit at s/κ")
        right.set_ylabel("")
        right.tick_params(labelleft=True)
        left.set_ylabel("largest |fit| over the new offsets")
        left.annotate(
            f"α* = {strength:.1f}: std ≤ 2 × inside", (strength, 0.97), xycoords=("data", "axes fraction"),
            xytext=(-5, 0), textcoords="offset points", ha="right", va="top",
        )  # fmt: skip
        figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
        figure.suptitle(
            "A fit to unit noise: beyond its window a ridge tames it, at the offsets of Position Interpolation it "
            f"needs none\n(d = {facts['head_dim']}, c = {facts['base']:g}, trained on 0 … {window - 1}; "
            f"{facts['draws']} draws, bands of {_bands(facts['quantiles'])})"
        )
    return figure


def _bands(quantiles: list[float]) -> str:
    pairs = zip(quantiles, reversed(quantiles), strict=True)
    return " and ".join(f"{100 * low:g} to {100 * high:g} %" for low, high in pairs if low < high)


def _name_right_axes(figure: Figure) -> None:
    twins = figure.axes[2:]
    for twin in twins:
        twin.set_ylim(0.9, 1.005)
        twin.set_ylabel("RMS of target − fit inside the window" if twin is twins[-1] else "")
        twin.tick_params(labelright=twin is twins[-1])


QUANTITIES = ("mean", "standard_error", *(f"quantile_{share:g}" for share in INPUTS["quantiles"]))
TOLERANCE = Tolerance(
    rounding={
        "ridge_path.csv": tuple(f"{kind}_{name}" for kind in ("unscaled", "interpolated") for name in QUANTITIES),
        "ridge_path.png": ("picture",),
    }
)
"""The noise is drawn along singular vectors, whose signs depend on rounding: other processors see other draws."""

PART = Part("ridge_path", "figures", INPUTS, compute, draw, tolerance=TOLERANCE)
