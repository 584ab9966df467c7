"""The worst case under scalings: what scores on the trained offsets say about the scores of the extended model.

Position Interpolation asks the trained score between trained offsets. The other methods change every frequency by
its own factor, so that the new score is no sample of the trained one. That does not decide how well they work
untuned: arXiv 2402.13753 reports perplexities of 72.54 for PI and 4.15 for YaRN at 65536 tokens (Proof-pile), and of
10.65 and 32.64 at 8192 (PG19, LLaMA 2 7B).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import worst_case_rows as rows
from experiments.columns import chosen
from experiments.parts import Data, Part
from experiments.sweeps import Columns, Sweep, rounded_down, rounded_up
from rope_theory import plots, scaling
from rope_theory.config import RopeConfig
from rope_theory.plots import GREY, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PURPLE = PALETTE[3]

INPUTS = {
    "ratio": 10.0,
    "cases": [
        {"case": "small", "head_dim": 64, "base": 1e4, "window": 513, "factor": 4.0,
         "methods": ["Unscaled", "PositionInterpolation", "NTKAware", "YaRN", "Llama3"],
         "offsets": [1, 3, 6, 11, 19, 37, 63, 100, 158, 251, 399, 512, 513, 514, 517, 531, 571, 702, 1000, 1414, 1785,
                     2017, 2045, 2048, 2049, 2051]},
        {"case": "llama-3.1-8b", "head_dim": 128, "base": 5e5, "window": 8192, "factor": 8.0,
         "methods": ["Unscaled", "PositionInterpolation", "NTKAware", "YaRN", "Llama3"],
         "offsets": [1, 4, 13, 37, 92, 201, 451, 1003, 2003, 4003, 6143, 8191, 8192, 8193, 8197, 8222, 8447, 10007,
                     15013, 24001, 37003, 52021, 65528, 65532, 65535]},
    ],
    "Llama3": {"low_freq_factor": 1.0, "high_freq_factor": 4.0},
}  # fmt: skip
"""Offsets up to κL − 1, the longest of the extended window; most are no multiples of κ, so that PI falls between
trained offsets. The second case is Llama 3.1 8B, whose own scaling is Llama3 with factor 8 and these two factors."""


def method(name: str, factor: float, llama3: Mapping[str, float]) -> scaling.Scaling:
    """Return a scaling by name."""
    methods: dict[str, scaling.Scaling] = {
        "Unscaled": scaling.Unscaled(),
        "PositionInterpolation": scaling.PositionInterpolation(factor),
        "NTKAware": scaling.NTKAware(factor),
        "YaRN": scaling.YaRN(factor),
        "Llama3": scaling.Llama3(factor, **llama3),
    }
    return methods[name]


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the offsets of every case and method, cut into pieces."""
    return [
        {**{key: case[key] for key in ("case", "head_dim", "base", "window", "factor")}, "ratio": inputs["ratio"],
         "llama3": inputs["Llama3"], "method": name, "offsets": piece}
        for case in inputs["cases"] for name in case["methods"] for piece in rows.pieces(case["offsets"])
    ]  # fmt: skip


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Return a row an offset, with μ², which the bounds exclude."""
    config = RopeConfig(chunk["head_dim"], chunk["base"], chunk["window"])
    target = method(chunk["method"], chunk["factor"], chunk["llama3"]).frequencies(config)
    theta = rows.frequencies(chunk["head_dim"], chunk["base"], chunk["window"])
    count = len(chunk["offsets"])
    return {
        **rows.constant(chunk, ("case", "method"), count),
        "offset": chunk["offsets"],
        **rows.bounds(theta, chunk["offsets"], chunk["window"], chunk["ratio"], target),
        "attention_factor_squared": [target.attention_factor**2] * count,
    }


SWEEP = Sweep(
    "worst_case_scalings",
    "figures",
    rows.ABOUT
    + " Here a(s) has the frequencies of the method, a(n) the trained ones, and lower and upper exclude the attention "
    "factor μ: the scores of the model that runs are attention_factor_squared times as large. Frequencies of YaRN and "
    "Llama3 are float64 values taken as exact, the others the real numbers they stand for.",
    INPUTS,
    chunks,
    compute_chunk,
)


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the rows with V times μ² beside V, and the sizes quoted."""
    table = {name: np.asarray(values) for name, values in sweep.items()}
    factor = table["attention_factor_squared"]
    cases = {case["case"]: case for case in inputs["cases"]}
    return Data(
        tables={
            "scalings": {
                **table,
                "lower_times_factor": [rounded_down(value) for value in (table["lower"] * factor).tolist()],
                "upper_times_factor": [rounded_up(value) for value in (table["upper"] * factor).tolist()],
            }
        },
        facts={
            "cases": cases,
            "ratio": inputs["ratio"],
            "largest": {
                name: {
                    method: {region: _largest(table, name, method, bounds) for region, bounds in _regions(case).items()}
                    for method in case["methods"]
                }
                for name, case in cases.items()
            },
            "note": "largest over the sampled offsets, without the attention factor",
        },
    )


def _regions(case: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return the offsets, first and last, inside the window, beyond it, and PI's last fraction of a token."""
    last, factor = case["window"] - 1, case["factor"]
    return {
        "trained": (1, last),
        "extended": (last + 1, factor * last),
        "last_fraction": (factor * last + 1, factor * (last + 1) - 1),
    }


def _largest(table: Columns, case: str, name: str, bounds: tuple[float, float]) -> dict[str, float]:
    row = chosen(table, case=case, method=name)
    within = (row["offset"] >= bounds[0]) & (row["offset"] <= bounds[1])
    at = int(row["upper"][within].argmax())
    return {key: row[key][within][at].item() for key in ("offset", "lower", "upper")}


SHORT = {"Unscaled": "unscaled", "PositionInterpolation": "PI", "NTKAware": "NTK-aware", "Llama3": "Llama 3"}
"""Names in the picture."""

TITLES = {"small": "A small config", "llama-3.1-8b": "Llama 3.1 8B"}


def draw(data: Data) -> Figure:
    """Draw a panel a config."""
    from matplotlib import pyplot as plt

    facts = data.facts
    with plots.style():
        figure, panels = plt.subplots(1, 2, figsize=(13, 5.6), layout="constrained", sharey=True)
        for ax, case in zip(panels, facts["cases"].values(), strict=True):
            _draw_case(ax, data, case)
        panels[0].get_legend().remove()
        panels[0].set_ylim(0.55, None)
        panels[1].set_ylabel("")
        panels[1].tick_params(labelleft=True)
        interpolated = [largest["PositionInterpolation"] for largest in facts["largest"].values()]
        within, past = (
            max(largest[region]["upper"] for largest in interpolated for region in regions)
            for regions in (("trained", "extended"), ("last_fraction",))
        )
        figure.suptitle(
            f"Only under interpolation do trained scores limit the new ones, H/A = {facts['ratio']:g}: "
            f"V ≤ {_up(within)} A at sampled s ≤ κN, ≤ {_up(past)} A past it"
        )
        figure.supxlabel(
            "Yet this guarantee does not decide how well an untuned model works: published perplexities of PI and YaRN "
            "are 72.54 and 4.15 at 65536,\n10.65 and 32.64 at 8192 tokens (arXiv 2402.13753, two corpora). V excludes "
            "the attention factor μ; scores of a model with YaRN are μ² times\nas large (thin line). Markers: offsets "
            "computed; most are no multiples of κ.",
            fontsize=9,
        )
    return figure


def _up(value: float) -> str:
    """Return ``value`` at two decimals, rounded up."""
    return f"{np.ceil(value * 100) / 100:.2f}"


def _draw_case(ax: Any, data: Data, case: Mapping[str, Any]) -> None:
    tables = {name: chosen(data.tables["scalings"], case=case["case"], method=name) for name in case["methods"]}
    lower, upper = ([table[name] for table in tables.values()] for name in ("lower", "upper"))
    yarn = tables["YaRN"]
    thin = ax.plot(yarn["offset"], yarn["upper_times_factor"], color=PURPLE, linestyle="-", linewidth=0.7, zorder=1.8,
                   label="YaRN × μ²")  # fmt: skip
    plots.worst_case_curves(
        yarn["offset"], lower, upper, labels=[SHORT.get(name, name) for name in tables], window=case["window"],
        log=True, ax=ax,
    )  # fmt: skip
    handles, labels = ax.get_legend_handles_labels()
    ax.legend([*handles[1:], thin[0]], [*labels[1:], labels[0]], loc="upper left", bbox_to_anchor=(1.01, 1.0),
              borderaxespad=0.0)  # fmt: skip
    ax.axhline(1.0, color=GREY, linewidth=0.8)
    past = data.facts["largest"][case["case"]]["PositionInterpolation"]["last_fraction"]
    ax.text(0.99, 0.02, f"PI's last {case['factor'] - 1:g} offsets fall past N: up to {_up(past['upper'])} A ↑",
            transform=ax.transAxes, ha="right", va="bottom", fontsize="small",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip
    factor = yarn["attention_factor_squared"][0]
    ax.set_title(
        f"{TITLES[case['case']]}: N = {case['window'] - 1}, κ = {case['factor']:g}, d = {case['head_dim']}, "
        f"c = {case['base']:g}, YaRN's μ² = {factor:.3f}", fontsize=10,
    )  # fmt: skip


PART = Part("worst_case_scalings", "figures", INPUTS, compute, draw, (SWEEP,))
