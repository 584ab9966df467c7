"""Does extrapolation fail because scores grow? The heads of the reference model on held-out text.

The paper argues that scores beyond the trained window can be far larger than inside, and that this is why perplexity
collapses there (arXiv 2306.15595 v2, section 2.2); it measures no head. Here the scores of trained heads are measured,
and the collapse is looked for in them: by cutting large scores, by hiding far keys, by bringing them near.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

import rope_theory as rt
from paper_repro import pretrain
from paper_repro.far_keys import TREATMENTS, treated
from paper_repro.parts import Data, Part
from paper_repro.pretraining import corpus, measured
from rope_theory import plots
from rope_theory._check_overview import check_overview
from rope_theory.llama import AttentionRow, HeadRow, Rows, ScoreRow
from rope_theory.llama.loading import load_model
from rope_theory.plots._axes import legend_beside
from rope_theory.plots.style import DASHES, GREY, MARKERS, PALETTE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS: dict[str, Any] = {
    "text": "mpmath", "lengthened": 4, "factor": 4.0, "pairs": 1024, "seed": 0, "documents": 12, "rows": 16,
    "bins_a_window": 4,
}  # fmt: skip

NAMES = {
    "plain": "as it is",
    "capped": "far scores ≤ largest near one",
    "hidden": "far keys hidden",
    "near": "far keys scored as if near",
}
"""What the picture calls the treatments of keys at distances of L tokens and more."""


def compute(inputs: Mapping[str, Any]) -> Data:
    """Return a check of the reference model, and its losses under every treatment of far keys."""
    return _computed(tuple(inputs.items()))


@cache
def _computed(settings: tuple[tuple[str, Any], ...]) -> Data:
    inputs = dict(settings)
    model, tokenizer = load_model(pretrain.REFERENCE)
    own = rt.from_hf(model.config)
    window = own.config.context_length
    length = inputs["lengthened"] * window
    ids = _ids(inputs, tokenizer, length)
    factor = inputs["factor"]
    scalings = [rt.scaling.PositionInterpolation(factor), rt.scaling.NTKAware(factor), rt.scaling.YaRN(factor)]
    check = rt.llama.check(model, ids, scalings=scalings, length=length, pairs=inputs["pairs"], seed=inputs["seed"])
    starts = np.linspace(0, len(ids) - length, inputs["rows"]).astype(int)
    rows = np.stack([ids[start : start + length] for start in starts])
    losses = {}
    for treatment in TREATMENTS:
        with treated(model, treatment, own.frequencies()):
            losses[treatment] = measured.losses(model, rows)
    seen = check_overview(check)
    heads = [row.to_dict() for row in check.heads.rows]
    shares = np.array([head.pop("shares") for head in heads])
    return Data(
        tables={
            "scores": _columns([row.to_dict() for row in check.rows]),
            "heads": _columns(heads),
            "shares": {"layer": [head["layer"] for head in heads], "head": [head["head"] for head in heads]}
            | {f"pair {pair}": shares[:, pair] for pair in range(shares.shape[1])},
            "bounds": _columns([row.to_dict() for row in check.bounds.rows]),
            "attention": _columns([row.to_dict() for row in check.attention.rows]),
            "losses": _binned(losses, window, window // inputs["bins_a_window"]),
        },
        facts={
            "window": window,
            "violations": check.violations,
            "overview": {key: value for key, value in seen.to_dict().items() if key != "type"},
            "losses": {name: _regions(values, window) for name, values in losses.items()},
            "tokens": int(rows.size),
            "text": f"{inputs['text']} {corpus.version(inputs['text'])}",
        },
    )


def _ids(inputs: Mapping[str, Any], tokenizer: Any, length: int) -> Any:
    """Return the first tokens of the longest documents of the held-out text, one behind the other."""
    documents = sorted(corpus.documents(inputs["text"]), key=lambda document: (-len(document.text), document.path))
    pieces = [tokenizer(document.text)["input_ids"][: 2 * length] for document in documents[: inputs["documents"]]]
    return np.concatenate(pieces)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0] if name != "type"}


def _binned(losses: Mapping[str, Any], window: int, size: int) -> dict[str, Any]:
    """Return mean loss and standard error over rows of text, by stretch of positions and treatment."""
    length = next(iter(losses.values())).shape[1] + 1
    starts = np.arange(0, length, size)
    columns: dict[str, Any] = {"start": starts, "stop": starts + size}
    for name, values in losses.items():
        # the loss of the token at t stands at t − 1
        means = np.stack([values[:, max(start - 1, 0) : start + size - 1].mean(-1) for start in starts])
        columns[f"{name}, mean"] = means.mean(-1)
        columns[f"{name}, error"] = means.std(-1, ddof=1) / np.sqrt(means.shape[1])
    return columns


def _regions(values: Any, window: int) -> dict[str, float]:
    inside, beyond = values[:, : window - 1].mean(-1), values[:, window - 1 :].mean(-1)
    count = np.sqrt(len(values))
    return {
        "inside": float(inside.mean()),
        "inside_error": float(inside.std(ddof=1) / count),
        "beyond": float(beyond.mean()),
        "beyond_error": float(beyond.std(ddof=1) / count),
    }


def draw(data: Data) -> Figure:
    """Draw score sizes, losses under every treatment, where attention goes, and which pairs carry the scores."""
    from matplotlib import pyplot as plt

    check = _check(data)
    with plots.style():
        figure, axes = plt.subplots(2, 2, figsize=(13, 8), layout="constrained")
        plots.head_ratios(check, ax=axes[0, 0])
        axes[0, 0].set_title("How large scores get")
        _draw_losses(axes[0, 1], data)
        plots.attention_mass(check, "last", ax=axes[1, 0])
        axes[1, 0].set_title("Where attention goes")
        plots.pair_shares(check, ax=axes[1, 1])
        axes[1, 1].set_title("Pairs that carry the scores")
    return figure


def _draw_losses(axes: Any, data: Data) -> None:
    columns = data.tables["losses"]
    middle = 0.5 * (np.asarray(columns["start"]) + np.asarray(columns["stop"]))
    for number, treatment in enumerate(TREATMENTS):
        axes.errorbar(
            middle,
            columns[f"{treatment}, mean"],
            yerr=columns[f"{treatment}, error"],
            color=PALETTE[number],
            linestyle=DASHES[number],
            marker=MARKERS[number],
            markersize=4,
            linewidth=1.0,
            elinewidth=0.8,
            label=NAMES[treatment],
        )
    axes.axvline(data.facts["window"], color=GREY, linestyle="--", linewidth=1.0, zorder=1.5)
    axes.set_xlabel("position [tokens]")
    axes.set_ylabel("loss [nats a token]")
    axes.set_title("Loss, and what brings it back")
    legend_beside(axes)


def _check(data: Data) -> Any:
    """Return the tables as the record that the pictures take."""
    from types import SimpleNamespace

    shares = np.array([data.tables["shares"][name] for name in data.tables["shares"] if name.startswith("pair ")]).T
    heads = [HeadRow(shares=tuple(share), **row) for row, share in zip(_rows(data, "heads"), shares, strict=True)]
    return SimpleNamespace(
        rows=tuple(ScoreRow(**row) for row in _rows(data, "scores")),
        heads=Rows(tuple(heads)),
        attention=Rows(tuple(AttentionRow(**row) for row in _rows(data, "attention"))),
    )


def _rows(data: Data, name: str) -> list[dict[str, Any]]:
    columns = data.tables[name]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


PART = Part(name="real_heads", kind="figures", inputs=INPUTS, compute=compute, draw=draw)
