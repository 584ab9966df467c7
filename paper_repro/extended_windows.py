"""The paper's tables 1 to 6 at small scale: the reference model, extended and fine-tuned, as its runs measured it.

Everything is drawn from the files of the runs (``experiments/data/extension``); those not made yet are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.columns import one_of, rows_of
from experiments.extension import plan, results, runs, summaries
from experiments.parts import Data, Part
from experiments.pretraining.recipe import Recipe
from paper_repro import published
from rope_theory import plots
from rope_theory.plots import DASHES, GREY, MARKERS, PALETTE, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WINDOW = Recipe.window
LAST = plan.STAGES[-1]
FACTOR = 4.0
"""Of the main table and the curves."""

INPUTS: dict[str, Any] = {
    "window": WINDOW, "runs": results.digest((*plan.TABLES, *plan.LOWER)),
    "summaries": results.digest(plan.SUMMARIES),
}  # fmt: skip


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return every number of the runs at hand, and what prose quotes of them."""
    made = results.at_hand(plan.TABLES)
    columns = results.columns_of(made)
    facts: dict[str, Any] = {"runs": len(made), "planned": len(plan.TABLES), "window": WINDOW, "tuned_steps": LAST}
    base = one_of(columns, method="direct", step=0, factor=FACTOR, quantity="nll", corpus="code", window=WINDOW)
    if base is not None:
        facts["original"] = {
            corpus: _value(columns, "direct", 0, "nll", corpus, WINDOW) for corpus in ("code", "prose")
        }
        original = facts["original"]["code"]
        facts["control"] = _control(columns, original)
        facts["methods"] = {method: _reached(columns, method, original) for method in plan.TUNED}
        lower = results.columns_of(results.at_hand(plan.LOWER))
        facts["lower_rate"] = {
            "rate": plan.LOWER_RATE,
            "control": _control(lower, original),
            "methods": {method: _reached(lower, method, original) for method in plan.COMPARED},
        }
    return Data(tables={"numbers": columns, "summaries": _summaries()}, facts=facts)


def _control(columns: Any, original: float) -> dict[str, dict[str, Any]]:
    """Return the perplexity inside after the same fine-tuning at L itself, over the original's, by step."""
    rows = rows_of(
        columns, method="direct", factor=1.0, quantity="nll", corpus="code", window=WINDOW, model="reference"
    )
    return {
        str(row["step"]): {"inside": math.exp(row["mean"] - original), "seeds": row["seeds"]}
        for row in rows
        if row["step"]
    }


def _reached(columns: Any, method: str, original: float) -> dict[str, Any]:
    """Return what a method has reached, by step."""
    reached: dict[str, Any] = {}
    for step in (0, *plan.STAGES, *plan.LONGER[1:]):
        rows = {
            quantity: _row(columns, method, step, quantity, corpus, round(FACTOR * WINDOW))
            for quantity, corpus in (("nll", "code"), ("k_max", "passkey"), ("found", "passkey"))
        }
        if (nll := rows["nll"]) is None:
            continue
        inside = _value(columns, method, step, "nll", "code", WINDOW)
        reached[str(step)] = {
            "ratio": math.exp(nll["mean"] - original),
            "inside": None if inside is None else math.exp(inside - original),
            **{name: row and float(row["mean"]) for name, row in rows.items() if name != "nll"},
            "seeds": int(nll["seeds"]),
            **{f"{name}_spread": _spread(row) for name, row in rows.items()},
        }
    return reached


def _summaries() -> dict[str, list[Any]]:
    """Return ROUGE of the summaries at hand: mean over seeds, and spread; over the examples for a single one."""
    made = results.at_hand(plan.SUMMARIES)
    found: dict[tuple[str, float], list[dict[str, Any]]] = {}
    for one in made:
        found.setdefault((one.method, one.factor), []).append(runs.read(one)["rouge"])
    columns: dict[str, list[Any]] = {name: [] for name in ("method", "factor", "seeds")}
    for (method, factor), scores in found.items():
        for name, value in zip(columns, (method, factor, len(scores)), strict=False):
            columns[name].append(value)
        for kind in summaries.KINDS:
            values = np.array([score[kind] for score in scores])
            spread = float(values[:, 0].std(ddof=1)) if len(values) > 1 else float(values[0, 1])
            columns.setdefault(kind, []).append(float(values[:, 0].mean()))
            columns.setdefault(f"{kind}, spread", []).append(spread)
    return columns


def _row(columns: Any, method: str, step: int, quantity: str, corpus: str, window: int) -> dict[str, Any] | None:
    return one_of(
        columns, method=method, step=step, factor=FACTOR, quantity=quantity, corpus=corpus, window=window,
        model="reference",
    )  # fmt: skip


def _value(columns: Any, method: str, step: int, quantity: str, corpus: str, window: int) -> float | None:
    row = _row(columns, method, step, quantity, corpus, window)
    return None if row is None else float(row["mean"])


def _spread(row: Mapping[str, Any] | None) -> float | None:
    """Return the standard deviation over seeds; None for a single one."""
    return None if row is None or math.isnan(row["spread"]) else float(row["spread"])


def draw(data: Data) -> Figure:
    """Draw perplexity by window, untuned and tuned, and perplexity and reach by step."""
    from matplotlib import pyplot as plt

    with plots.style():
        figure, axes = plt.subplots(2, 2, figsize=(13, 8), layout="constrained")
        _draw_windows(axes[0, 0], data, 0)
        axes[0, 0].set_title("Untuned")
        _draw_windows(axes[0, 1], data, LAST)
        axes[0, 1].set_title(f"After {LAST} steps at {FACTOR:g} times the window")
        _draw_steps(axes[1, 0], data, "ratio")
        _draw_steps(axes[1, 1], data, "k_max")
        legend_beside(axes[0, 1])
        legend_beside(axes[1, 1])
    return figure


def _draw_windows(axes: Axes, data: Data, step: int) -> None:
    """Draw perplexity over the original's, by window."""
    columns, original = data.tables["numbers"], data.facts["original"]["code"]
    for number, method in enumerate(plan.TUNED):
        rows = list(rows_of(columns, method=method, step=step, factor=FACTOR, quantity="nll", corpus="code"))
        label = {"direct": "as it is" if step == 0 else "direct"}.get(method, method)
        axes.errorbar(
            [row["window"] / WINDOW for row in rows],
            np.exp([row["mean"] - original for row in rows]),
            yerr=[math.exp(row["mean"] - original) * np.nan_to_num(row["spread"]) for row in rows],
            color=PALETTE[number], linestyle=DASHES[number], marker=MARKERS[number], markersize=4, label=label,
        )  # fmt: skip
    axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=1.5)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks([1, 2, 4, 8], ["L", "2L", "4L", "8L"])
    axes.set_xlabel("window of evaluation")
    axes.set_ylabel("perplexity / original's inside L")
    _plain_ticks(axes)


def _draw_steps(axes: Axes, data: Data, quantity: str) -> None:
    """Draw what the two methods that the paper compares have reached after some steps, beside the paper's."""
    scale = 1.0 if quantity == "ratio" else FACTOR * WINDOW
    for number, method in enumerate(plan.COMPARED):
        rows = {int(step): row for step, row in data.facts["methods"].get(method, {}).items()}
        reached = np.array([row[quantity] for row in rows.values()]) / scale
        spread = "nll_spread" if quantity == "ratio" else "k_max_spread"
        spreads = np.array([row[spread] or 0.0 for row in rows.values()])
        axes.errorbar(
            list(rows), reached, yerr=spreads * reached if quantity == "ratio" else spreads / scale, capsize=2,
            color=PALETTE[number], linestyle=DASHES[number], marker=MARKERS[number], markersize=4,
            label=f"{method}, here",
        )  # fmt: skip
    for label, steps, values in paper_curves(quantity):
        number = len(plan.COMPARED) + ("PI" in label)
        axes.plot(
            steps, values, color=PALETTE[number], linestyle=DASHES[number], marker=MARKERS[number], markersize=4,
            markerfacecolor="none", label=label,
        )  # fmt: skip
    axes.set_xlabel("fine-tuning steps")
    axes.set_xlim(left=0)
    if quantity == "ratio":
        axes.axhline(1.0, color=GREY, linewidth=0.8, zorder=1.5)
        axes.set_yscale("log")
        axes.set_ylabel("perplexity at 4L / original's inside L")
        _plain_ticks(axes)
    else:
        axes.set_ylabel("k_max / 4L")
        axes.set_ylim(-0.05, 1.05)


def paper_curves(quantity: str) -> list[tuple[str, list[int], list[float]]]:
    """Return the paper's LLaMA 7B at 8192 tokens: perplexity over the base model's by steps, or k_max over 8192."""
    if quantity == "ratio":
        base = float(published.cell("table_1", ("7B", "2048", "None"), "2048"))
        row = published.row("table_3", ("8192",))
        return [("PI, 7B, published", [int(step) for step in row], [float(value) / base for value in row.values()])]
    curves = []
    for method, name in (("FT", "direct"), ("PI", "PI")):
        row = {step: value for step, value in published.row("table_4", ("7B", "8192", method)).items() if value != "-"}
        steps = [step for step in row if int(step) <= 1000]
        curves.append((f"{name}, 7B, published", [int(step) for step in steps], [int(row[s]) / 8192 for s in steps]))
    return curves


def _plain_ticks(axes: Axes) -> None:
    from matplotlib import ticker

    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 1.5, 2, 3, 5)))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())


PART = Part(name="extended_windows", kind="figures", inputs=INPUTS, compute=compute, draw=draw)
