"""A small attention model trained with a penalty on its score coefficients, used beyond the length it was trained at.

The paper suggests that regularising abs(h_j) in training might mend extrapolation (arXiv 2306.15595 v2, section 2.3)
and shows no experiment. This is one, of one layer on a synthetic task; it says nothing about language models.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

import rope_theory as rt
from experiments.columns import chosen
from experiments.parts import Data, Part
from experiments.sweeps import Columns, Sweep
from rope_theory import plots
from rope_theory.plots import DASHES, GREY, MARKERS, PALETTE, legend_beside
from rope_theory.regression import coefficient_penalty

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INPUTS = {
    "window": 64, "heads": 2, "head_dim": 32, "base": 10000.0, "values": 16, "tags": 8, "distances": 16,
    "steps": 1500, "batch": 32, "learning_rate": 2e-3, "eval_sequences": 256, "curves": 512,
    "forms": ["plain", "theta_squared"], "strengths": [0.0, 1e-4, 1e-3, 1e-2], "seeds": [0, 1, 2],
}  # fmt: skip

ABOUT = (
    "A row a training run of a one-layer causal attention model with RoPE: loss = cross entropy + strength · penalty, "
    "the penalty coefficient_penalty(q, k, order=2, causal=True) before 1/√head_dim, with theta for theta_squared. "
    "Losses are means over fresh sequences in nats: loss_window at positions 0 … window − 1 of length window, the "
    "others at positions ≥ window of longer ones, _interpolated with Position Interpolation of factor 2 and no "
    "fine-tuning. A is the largest abs(a(n)) over n = 0 … window − 1 of one pair of query and key, before 1/√head_dim; "
    "scores are of pairs n ≤ m drawn from sequences of length window. Training is deterministic a seed on one "
    "processor and version of torch, not across them."
)
"""What a row is."""


def chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a chunk a run; at strength 0 the form makes no difference, so it runs once."""
    shared = {name: value for name, value in inputs.items() if name not in ("forms", "strengths", "seeds")}
    settings = [("none", 0.0)] if 0.0 in inputs["strengths"] else []
    settings += [pair for pair in itertools.product(inputs["forms"], inputs["strengths"]) if pair[1] > 0.0]
    return [{**shared, "form": form, "strength": strength, "seed": seed}
            for form, strength in settings for seed in inputs["seeds"]]  # fmt: skip


# the task -------------------------------------------------------------------------------------------------------------


def sequences(chunk: Mapping[str, Any], count: int, length: int, generator: Any) -> tuple[Any, Any]:
    """Return inputs (count, length, 3) and targets (count, length), −100 where there is nothing to answer.

    A token has a tag, a value and a request. Requests below ``distances`` ask for the value that stood request + 1
    tokens back, the others for the latest value before that had a certain tag: one needs position alone, the other
    position and content.
    """
    import torch

    tags, values, distances = chunk["tags"], chunk["values"], chunk["distances"]
    size = (count, length)
    tag = torch.randint(tags, size, generator=generator)
    value = torch.randint(values, size, generator=generator)
    by_tag = torch.rand(size, generator=generator) < 0.5
    request = torch.where(
        by_tag,
        distances + torch.randint(tags, size, generator=generator),
        torch.randint(distances, size, generator=generator),
    )
    place = torch.arange(length)
    source = (place - 1 - request).where(~by_tag, torch.tensor(-1))
    for wanted in range(tags):
        seen = torch.where(tag == wanted, place, -1).cummax(1).values
        latest = torch.cat([torch.full((count, 1), -1), seen[:, :-1]], 1)  # before the asking token
        source = torch.where(request == distances + wanted, latest, source)
    target = torch.where(source >= 0, value.gather(1, source.clamp(min=0)), -100)
    return torch.stack([tag, value, request], -1), target


# the model ------------------------------------------------------------------------------------------------------------


def parameters(chunk: Mapping[str, Any], generator: Any) -> dict[str, Any]:
    """Return the weights by name: embeddings, projections, a hidden layer and the classifier."""
    import torch

    width = chunk["heads"] * chunk["head_dim"]
    shapes = {
        "tag": (chunk["tags"], width), "value": (chunk["values"], width),
        "request": (chunk["distances"] + chunk["tags"], width), "q": (width, width), "k": (width, width),
        "v": (width, width), "out": (width, width), "hidden": (width, 2 * width),
        "classes": (2 * width, chunk["values"]),
    }  # fmt: skip
    embeddings = ("tag", "value", "request")
    return {
        name: (torch.randn(shape, generator=generator) * (1.0 if name in embeddings else shape[0] ** -0.5))
        .requires_grad_()
        for name, shape in shapes.items()
    }  # fmt: skip


def queries_and_keys(weights: Mapping[str, Any], inputs: Any, heads: int) -> tuple[Any, Any, Any]:
    """Return q and k before rotation and v, (count, heads, length, head_dim)."""
    x = weights["tag"][inputs[..., 0]] + weights["value"][inputs[..., 1]] + weights["request"][inputs[..., 2]]
    x = x / math.sqrt(3.0)
    q, k, v = ((x @ weights[name]).unflatten(-1, (heads, -1)).transpose(1, 2) for name in ("q", "k", "v"))
    return q, k, v


def answers(weights: Mapping[str, Any], q: Any, k: Any, v: Any, theta: Any) -> Any:
    """Return logits (count, length, values); the pairing is "half"."""
    import torch

    angles = torch.arange(q.shape[-2], dtype=torch.float64)[:, None] * torch.as_tensor(theta.copy())
    cos, sin = angles.cos().float(), angles.sin().float()

    def rotated(x: Any) -> Any:
        first, second = x.chunk(2, -1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

    mixed = torch.nn.functional.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
    hidden = torch.relu((mixed.transpose(1, 2).flatten(-2) @ weights["out"]) @ weights["hidden"])
    return hidden @ weights["classes"]


def train(chunk: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights after training; the seed decides the first weights and the data, the strength neither."""
    import torch

    generator = torch.Generator().manual_seed(chunk["seed"])
    weights = parameters(chunk, generator)
    optimiser = torch.optim.Adam(weights.values(), lr=chunk["learning_rate"])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, chunk["steps"])
    for _ in range(chunk["steps"]):
        inputs, targets = sequences(chunk, chunk["batch"], chunk["window"], generator)
        q, k, v = queries_and_keys(weights, inputs, chunk["heads"])
        logits = answers(weights, q, k, v, trained(chunk).theta)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        if chunk["strength"] > 0.0:
            loss = loss + chunk["strength"] * penalty(chunk, q, k)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return {name: weight.detach() for name, weight in weights.items()}


def penalty(chunk: Mapping[str, Any], q: Any, k: Any) -> Any:
    """Return the penalty of the chunk's form."""
    theta = trained(chunk) if chunk["form"] == "theta_squared" else None
    return coefficient_penalty(q, k, pairing="half", theta=theta, causal=True, keep_dtype=True)


def trained(chunk: Mapping[str, Any], factor: float = 1.0) -> rt.Frequencies:
    """Return the frequencies of training, or those with Position Interpolation."""
    config = rt.RopeConfig(chunk["head_dim"], chunk["base"], chunk["window"])
    return rt.scaling.PositionInterpolation(factor).frequencies(config)


# what is measured -----------------------------------------------------------------------------------------------------


def compute_chunk(chunk: Mapping[str, Any]) -> Columns:
    """Train and return the one row of the run."""
    import torch

    with _one_thread(torch):
        weights = train(chunk)
        with torch.no_grad():
            row = {**_losses(chunk, weights), **_scores(chunk, weights)}
    settings = {name: chunk[name] for name in ("form", "strength", "seed")}
    return {name: [value] for name, value in {**settings, **row, "torch": torch.__version__}.items()}


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Use one thread inside: sums of several come in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _losses(chunk: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, float]:
    window = chunk["window"]
    return {
        "loss_window": _loss(chunk, weights, 1, 1.0, 0),
        "loss_2": _loss(chunk, weights, 2, 1.0, window),
        "loss_4": _loss(chunk, weights, 4, 1.0, window),
        "loss_2_interpolated": _loss(chunk, weights, 2, 2.0, window),
    }


def _loss(chunk: Mapping[str, Any], weights: Mapping[str, Any], times: int, factor: float, start: int) -> float:
    """Return the mean loss at positions ``start`` and on, of sequences ``times`` the window long."""
    import torch

    generator = torch.Generator().manual_seed(1_000_003)  # the same sequences for every run, none of training's
    inputs, targets = sequences(chunk, chunk["eval_sequences"] // times, times * chunk["window"], generator)
    q, k, v = queries_and_keys(weights, inputs, chunk["heads"])
    logits = answers(weights, q, k, v, trained(chunk, factor).theta)[:, start:]
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[:, start:].flatten()))


def _scores(chunk: Mapping[str, Any], weights: Mapping[str, Any]) -> dict[str, float]:
    """Return how large scores of captured queries and keys are at offsets inside and outside the window."""
    import torch

    window, count = chunk["window"], chunk["curves"]
    generator = torch.Generator().manual_seed(1_000_003)
    inputs, _ = sequences(chunk, count, window, generator)
    q, k, _ = queries_and_keys(weights, inputs, chunk["heads"])
    theta = trained(chunk)
    rng = np.random.default_rng(0)
    m = rng.integers(window, size=count)
    n = rng.integers(m + 1)
    sequence = np.arange(count)  # one pair a sequence, both of its heads
    h = (
        rt.score_coefficients(q[sequence, :, m], k[sequence, :, n], pairing="half")
        .numpy()
        .reshape(-1, theta.theta.size)
    )
    curve = np.abs(rt.score_curve(h, theta, 0, 4 * window))
    between = np.abs(rt.score_curve(h, trained(chunk, 2.0), 0, 2 * window))
    inside, outside, interpolated = (x.max(-1) for x in (curve[:, :window], curve[:, window:], between))
    triangle = rt.bounds.triangle(h)
    return {
        "coefficients": float((np.abs(h) ** 2).sum(-1).mean()),
        "penalty": float(penalty(chunk, q, k)),
        "largest_inside": float(inside.max()),
        "largest_outside": float(outside.max()),
        "median_A": float(np.median(inside)),
        "median_outside": float(np.median(outside / inside)),
        "top_outside": float((outside / inside).max()),
        "median_interpolated": float(np.median(interpolated / inside)),
        "top_interpolated": float((interpolated / inside).max()),
        "median_triangle": float(np.median(triangle / inside)),
        "top_triangle": float((triangle / inside).max()),
    }


SWEEP = Sweep("penalty_experiment", "figures", ABOUT, INPUTS, chunks, compute_chunk)


# the figure -----------------------------------------------------------------------------------------------------------

LOSSES = {
    "loss_window": "inside the window",
    "loss_2": "2T, unscaled",
    "loss_4": "4T, unscaled",
    "loss_2_interpolated": "2T, interpolated",
}
COEFFICIENTS = {"coefficients": "mean Σ|h_j|²"}
SIZES = {
    "median_outside": "beyond the window, median pair",
    "top_outside": "beyond the window, largest of all",
    "median_triangle": "triangle bound, median pair",
}
"""Sizes over A, each pair's own largest score inside the window, over pairs of a query and a key of one head; beyond
reaches to 4T. With Position Interpolation the median is 1 in every run, so that it is not drawn."""

FORMS = {"plain": r"penalty $\sum_j |h_j|^2$", "theta_squared": r"penalty $\sum_j (\theta_j^2 |h_j|)^2$"}


def compute(inputs: Mapping[str, Any], sweep: Columns) -> Data:
    """Return the runs, and median, smallest and largest value over seeds of every measure and setting."""
    columns = {name: np.asarray(values) for name, values in sweep.items()}
    summary: list[dict[str, Any]] = []
    for form, strength in dict.fromkeys(zip(sweep["form"], sweep["strength"], strict=True)):
        summary.append({"form": form, "strength": strength})
        for name, values in chosen(columns, form=form, strength=strength).items():
            if name not in ("form", "strength", "seed", "torch"):
                spread = {"median": float(np.median(values)), "smallest": values.min(), "largest": values.max()}
                summary[-1][name] = spread
    facts = {
        **{name: inputs[name] for name in ("window", "heads", "head_dim", "base", "steps", "seeds")},
        "guessing": math.log(inputs["values"]),
        "torch": sorted(set(sweep["torch"])),
        "settings": summary,
        "note": "one small model on one synthetic task; median, smallest and largest over the seeds",
    }
    return Data(tables={"runs": columns}, facts=facts)


def draw(data: Data) -> Figure:
    """Draw losses, sizes of coefficients and ratios of scores, a column a form of the penalty, a point a seed."""
    from matplotlib import pyplot as plt

    facts = data.facts
    with plots.style():
        figure, panels = plt.subplots(
            3, 2, figsize=(11.0, 8.6), layout="constrained", sharex="col", sharey="row", height_ratios=[4, 2, 3]
        )
        for column, form in enumerate(FORMS):
            settings = [entry for entry in facts["settings"] if entry["form"] in ("none", form)]
            rows = ((LOSSES, 0), (COEFFICIENTS, len(MARKERS) - 1), (SIZES, len(LOSSES)))
            for ax, (measures, first) in zip(panels[:, column], rows, strict=True):
                _points(ax, data.tables["runs"], settings, measures, first)
                ax.set_yscale("log")
            reference = {0: (facts["guessing"], [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0]), 2: (1.0, [1.0, 2.0, 5.0])}
            for row, (level, ticks) in reference.items():
                panels[row, column].axhline(level, color=GREY, linestyle=":", linewidth=1.2)
                panels[row, column].set_yticks(ticks)
                panels[row, column].yaxis.set_major_formatter("{x:g}")
                panels[row, column].minorticks_off()
            panels[0, column].set_title(FORMS[form])
            names = [f"{entry['strength']:g}" if entry["strength"] else "none" for entry in settings]
            panels[2, column].set_xticks(range(len(settings)), names)
            panels[2, column].set_xlabel("strength of the penalty")
        panels[0, 0].annotate(
            "guessing", xy=(0.01, facts["guessing"]), xycoords=("axes fraction", "data"), xytext=(0, -3), va="top",
            textcoords="offset points", fontsize="small", color=GREY,
        )  # fmt: skip
        panels[0, 0].set_ylabel("loss [nats]")
        panels[1, 0].set_ylabel(COEFFICIENTS["coefficients"])
        panels[2, 0].set_ylabel("largest score of a pair / A")
        for ax in panels[[0, 2], 1]:
            legend_beside(ax)
        figure.suptitle(
            "A penalty on coefficients in training: one layer of attention, one synthetic task, a point a seed, "
            "lines through medians\n"
            f"(trained at T = {facts['window']}, d = {facts['head_dim']}, c = {facts['base']:g}, "
            f"{facts['steps']} steps, seeds {', '.join(map(str, facts['seeds']))}; "
            "A: largest score of a pair inside the window)",
            fontsize=11,
        )
    return figure


def _points(
    ax: Axes, runs: Columns, settings: list[dict[str, Any]], measures: Mapping[str, str], first: int
) -> None:  # fmt: skip
    """Draw a point a seed, side by side a measure, thin lines along the seeds and one through the medians."""
    for number, (name, label) in enumerate(measures.items(), start=first):
        shift = 0.12 * (number - first - (len(measures) - 1) / 2)
        places = [place + shift for place in range(len(settings))]
        medians = [entry[name]["median"] for entry in settings]
        color = PALETTE[number]
        ax.plot(places, medians, linestyle=DASHES[number], color=color, linewidth=1.2, zorder=2)
        look: Any = {"marker": MARKERS[number], "markersize": 5, "color": color, "markerfacecolor": "white"}
        ax.plot([], [], linestyle=DASHES[number], linewidth=1.0, label=label, **look)  # for the legend
        for place, entry in zip(places, settings, strict=True):
            values = chosen(runs, form=entry["form"], strength=entry["strength"])[name]
            ax.plot([place] * len(values), values, linestyle="none", zorder=3, **look)
        for seed in dict.fromkeys(runs["seed"].tolist()):
            wanted = ({"form": entry["form"], "strength": entry["strength"], "seed": seed} for entry in settings)
            along = [float(chosen(runs, **setting)[name][0]) for setting in wanted]
            ax.plot(places, along, linestyle="-", color=color, linewidth=0.5, alpha=0.5, zorder=1.5)


PART = Part("penalty_experiment", "figures", INPUTS, compute, draw, (SWEEP,))
