"""Where does Position Interpolation beat direct fine-tuning? By window, tokens seen, factor and size of small models.

Three quantities that could decide it are measured before any fine-tuning: phases that the longer window shows for
the first time (they burden direct fine-tuning), attention moved inside the window by the squeezed table (it burdens
Position Interpolation), and attention on distances that training never showed (it burdens the model as it is).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import rope_theory as rt
from paper_repro import pretrain
from paper_repro.extension import plan, results, variants
from paper_repro.extension.results import one_of
from paper_repro.parts import Data, Part
from rope_theory import plots
from rope_theory.plots.style import GREY, MARKERS, PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEPS = (0, *plan.STAGES)
LAST = plan.STAGES[-1]

MODELS = ("reference", "small_256", "small_512", "small_1024", "small_256_early", "small_256_late", "tiny_256")

FORETOLD = tuple(dict.fromkeys((one.model, one.factor) for one in plan.FORETOLD))
CASES = (("reference", 4.0), *dict.fromkeys((one.model, one.factor) for one in plan.BOUNDARY), *FORETOLD)
"""Model and factor; the reference model is the largest of three sizes."""

EARLY = plan.STAGES[0]
"""Steps after which the two ways differ most."""

BALANCE = 1.45
"""Far over moved, above which Position Interpolation was ahead after EARLY steps in all cases but those FORETOLD."""

RUNS = (
    *plan.BOUNDARY,
    *plan.FORETOLD,
    *(one for one in (*plan.UNTUNED, *plan.MAIN) if one.factor == 4.0 and one.method in plan.COMPARED),
)  # fmt: skip

QUANTITIES: Mapping[str, str] = {
    "unseen": "phases met for the first time,\nshare of the circle",
    "moved": "attention moved inside by the\nsqueezed table, total variation",
    "far": "attention of queries beyond\non distances never trained",
    "balance": "the third over the second",
}
"""What could decide, measured before fine-tuning."""

INPUTS: dict[str, Any] = {"runs": results.digest(RUNS)}


def unseen(config: rt.RopeConfig, factor: float) -> NDArray[np.float64]:
    """Return the share of the circle that each pair's phase enters for the first time beyond the window, (pairs,)."""
    theta = np.asarray(rt.scaling.Unscaled().frequencies(config).theta)
    last = [np.minimum(theta * (times * config.context_length - 1), 2.0 * np.pi) for times in (1.0, factor)]
    shares: NDArray[np.float64] = (last[1] - last[0]) / (2.0 * np.pi)
    return shares


def recipe_of(model: str) -> tuple[int, int, int, int]:
    """Return (window, hidden size, layers, tokens seen) of a model."""
    if model == "reference":
        import json

        recipe = json.loads((pretrain.REFERENCE / "run.json").read_bytes())["recipe"]
        found = [recipe[name] for name in ("window", "hidden", "layers", "batch", "steps")]
    else:
        one = variants.RECIPES[model]
        found = [one.window, one.hidden, one.layers, one.batch, one.steps]
    window, hidden, layers, batch, steps = map(int, found)
    return window, hidden, layers, window * batch * steps


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a row a case: what the model is, the three quantities, and what both ways reach after every stage."""
    columns = results.columns_of(results.at_hand(RUNS))
    rows = [row for model, factor in CASES if (row := _case(columns, model, factor)) is not None]
    table = {name: [row[name] for row in rows] for name in rows[0]} if rows else {}
    facts: dict[str, Any] = {
        "cases": len(rows),
        "planned": len(CASES),
        "steps": list(STEPS),
        "ahead": {str(step): sum(row[f"advantage_{step}"] > 0.0 for row in rows) for step in STEPS},
        "reaches_farther": sum(row[f"PI_found_{LAST}"] > row[f"direct_found_{LAST}"] for row in rows),
        "rank_correlation": {
            name: {str(step): _rank(rows, name, f"advantage_{step}") for step in STEPS} for name in QUANTITIES
        },
        "foretold": len(tried := [row for row in rows if row["foretold"]]),
        "foretold_rightly": sum((row["balance"] > BALANCE) == (row[f"advantage_{EARLY}"] > 0.0) for row in tried),
        "largest_difference": max((abs(row[f"advantage_{LAST}"]) for row in rows), default=None),
    }
    return Data(tables={"cases": table}, facts=facts)


def _case(columns: Mapping[str, Any], model: str, factor: float) -> dict[str, Any] | None:
    window, hidden, layers, seen = recipe_of(model)
    length = round(factor * window)

    def value(method: str, step: int, quantity: str, corpus: str, size: int) -> float | None:
        row = one_of(columns, model=model, factor=factor, method=method, step=step, quantity=quantity, corpus=corpus,
                     window=size)  # fmt: skip
        return None if row is None else float(row["mean"])

    original = value("direct", 0, "nll", "code", window)
    new = unseen(rt.RopeConfig(head_dim=64, base=10000.0, context_length=window), factor)
    case: dict[str, Any] = {
        "model": model, "window": window, "hidden": hidden, "layers": layers, "tokens": seen, "factor": factor,
        "perplexity": None if original is None else math.exp(original),
        "passkeys": value("direct", 0, "found", "passkey", window),
        "unseen": float(new.mean()), "unseen_pairs": float((new > 0.0).mean()),
        "moved": value("PI", 0, "moved", "heads", length), "far": value("direct", 0, "far", "heads", length),
    }  # fmt: skip
    moved, far = case["moved"], case["far"]
    case["balance"] = None if moved is None or far is None else far / moved
    case["foretold"] = (model, factor) in FORETOLD
    for step in STEPS:
        reached = {}
        for method in plan.COMPARED:
            nll = reached[method] = value(method, step, "nll", "code", length)
            found = value(method, step, "found", "passkey", length)
            case[f"{method}_ratio_{step}"] = None if nll is None or original is None else math.exp(nll - original)
            case[f"{method}_found_{step}"] = found
        direct, interpolated = reached["direct"], reached["PI"]
        case[f"advantage_{step}"] = None if direct is None or interpolated is None else direct - interpolated
    return None if any(value is None for value in case.values()) else case


def _rank(rows: list[dict[str, Any]], quantity: str, advantage: str) -> float | None:
    """Return Spearman's rank correlation of a quantity with the advantage, None where either is constant."""
    one, other = ([row[name] for row in rows] for name in (quantity, advantage))
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return float(stats.spearmanr(one, other).statistic)


def label(case: Mapping[str, Any]) -> str:
    """Return a case's short name."""
    return f"L = {case['window']}, {case['factor']:g}L, {case['hidden']} wide, {case['tokens'] / 1e6:.1f}M tokens"


def draw(data: Data) -> Figure:
    """Draw how far Position Interpolation is ahead by steps, and early on against what was measured before."""
    from matplotlib import pyplot as plt

    cases, ranks = list(results.rows_of(data.tables["cases"])), data.facts["rank_correlation"]
    with plots.style():
        figure = plt.figure(figsize=(14, 8.5), layout="constrained")
        grid = figure.add_gridspec(2, 4)
        _draw_steps(figure.add_subplot(grid[0, :3]), cases)
        _draw_quantity(figure.add_subplot(grid[0, 3]), cases, "far", 0, ranks)
        scatters: list[Axes] = []
        for number, quantity in enumerate(QUANTITIES):
            scatters.append(figure.add_subplot(grid[1, number], sharey=scatters[0] if scatters else None))
            _draw_quantity(scatters[-1], cases, quantity, EARLY, ranks)
        scatters[-1].axvline(BALANCE, color=GREY, linewidth=0.8, linestyle="--")
        for axes in (figure.axes[1], scatters[0]):
            axes.set_ylabel("nats a token gained by PI")
        figure.legend(
            *figure.axes[0].get_legend_handles_labels(), loc="outside right upper",
            title="hollow: run after the rule was written down",
        )  # fmt: skip
    return figure


def _look(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return a case's colour and marker, which say the model, its size, the factor, and hollowness, foretold."""
    place = MODELS.index(case["model"])
    size = {2.0: 5.0, 4.0: 7.5, 8.0: 10.0}[case["factor"]]
    look = {"color": PALETTE[place], "marker": MARKERS[place], "markersize": size}
    return {**look, "markerfacecolor": "none"} if case["foretold"] else look


def _draw_steps(axes: Axes, cases: list[dict[str, Any]]) -> None:
    for case in cases:
        axes.plot(
            STEPS, [case[f"advantage_{step}"] for step in STEPS], label=label(case),
            linestyle={2.0: ":", 4.0: "-", 8.0: "--"}[case["factor"]], linewidth=1.2, **_look(case),
        )  # fmt: skip
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set_xlabel("fine-tuning steps")
    axes.set_ylabel("nats a token gained over direct\nfine-tuning, at the new window")
    axes.set_title("Above zero Position Interpolation is ahead")


def _draw_quantity(axes: Axes, cases: list[dict[str, Any]], quantity: str, step: int, ranks: Mapping[str, Any]) -> None:
    for case in cases:
        axes.plot(case[quantity], case[f"advantage_{step}"], linestyle="none", **_look(case))
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.set_xlabel(QUANTITIES[quantity])
    when, correlation = "untuned" if step == 0 else f"{step} steps", ranks[quantity][str(step)]
    axes.set_title(when if correlation is None else f"{when}, rank correlation {correlation:+.2f}", fontsize="medium")


PART = Part(name="extension_boundary", kind="figures", inputs=INPUTS, compute=compute, draw=draw)
