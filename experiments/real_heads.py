"""Does extrapolation fail because scores grow? The heads of the reference model on held-out text.

The paper argues that scores beyond the trained window can be far larger than inside, and that this is why perplexity
collapses there (arXiv 2306.15595 v2, section 2.2); it measures no head. Here the scores of trained heads are measured,
and the collapse is looked for in them: by cutting large scores, by hiding far keys, by bringing them near.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

import rope_theory as rt
from experiments import files, pretrain
from experiments.columns import records_as_columns, rows_of
from experiments.far_keys import TREATMENTS, treated
from experiments.parts import Data, Part
from experiments.pretraining import corpus, measured
from experiments.pretraining.recipe import Recipe
from experiments.sweeps import Columns, Sweep
from rope_theory import plots
from rope_theory.models import AttentionRow, BoundRow, HeadRow, Rows, ScoreRow
from rope_theory.models.loading import load_model
from rope_theory.plots import DASHES, GREY, MARKERS, PALETTE, legend_beside

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INPUTS: dict[str, Any] = {
    "text": "mpmath", "text_version": "1.3.0", "documents": 12, "rows": 16, "lengthened": 4, "factor": 4.0,
    "pairs": 1024, "seed": 0, "bins_a_window": 4, "model": files.digest(pretrain.run_facts()),
}  # fmt: skip

NAMES = {
    "plain": "unchanged",
    "capped": "far attention logits capped",
    "hidden": "far keys masked",
    "near": "far keys scored at distance L − 1",
}
"""Treatment → its name in pictures and tables; far keys are L tokens away or more."""

KEYS = ("layer", "head", "scaling", "region", "bound", "evidence")
"""Columns that say what a row of a check is about; all others are numbers."""

TABLES = {"scores": ScoreRow, "heads": HeadRow, "bounds": BoundRow, "attention": AttentionRow}


def compared(inputs: Mapping[str, Any]) -> list[rt.scaling.Scaling]:
    """Return the scalings beside the reference model's own frequencies, which are unscaled."""
    factor = inputs["factor"]
    return [rt.scaling.PositionInterpolation(factor), rt.scaling.NTKAware(factor), rt.scaling.YaRN(factor)]


SCALINGS = {repr(scaling): scaling for scaling in (rt.scaling.Unscaled(), *compared(INPUTS))}
"""Text of a scaling in the tables → scaling."""


def check_chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the only chunk: all heads see the same passes."""
    return [dict(inputs)]


def check_rows(chunk: Mapping[str, Any]) -> Columns:
    """Return every number of a check of the reference model, a row each."""
    model, tokenizer = load_model(pretrain.REFERENCE)
    length = chunk["lengthened"] * model.config.max_position_embeddings
    ids = _ids(chunk, tokenizer, length)
    check = rt.models.check(
        model, ids, scalings=compared(chunk), length=length, pairs=chunk["pairs"], seed=chunk["seed"]
    )
    tables = {"scores": check.rows} | {name: getattr(check, name).rows for name in ("heads", "bounds", "attention")}
    columns: dict[str, list[Any]] = {name: [] for name in ("table", *KEYS, "quantity", "value")}
    for table, rows in tables.items():
        for row in rows:
            content = row.to_dict()
            if "scaling" in content:
                content["scaling"] = repr(row.scaling)
            for pair, share in enumerate(content.pop("shares", ())):
                content[f"share {pair}"] = share
            for quantity in [name for name in content if name not in (*KEYS, "type")]:
                line = {"table": table, "quantity": quantity, "value": float(content[quantity])}
                for name, values in columns.items():
                    values.append(line.get(name, content.get(name, "")))
    return columns


def loss_chunks(inputs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a chunk a treatment of far keys."""
    texts = list(range(inputs["rows"]))
    return [{**inputs, "treatment": treatment, "texts": texts} for treatment in TREATMENTS]


def loss_rows(chunk: Mapping[str, Any]) -> Columns:
    """Return mean losses of stretches of positions, a row a text and stretch."""
    model, tokenizer = load_model(pretrain.REFERENCE)
    own = rt.from_hf(model.config)
    window = own.config.context_length
    length = chunk["lengthened"] * window
    ids = _ids(chunk, tokenizer, length)
    begins = np.linspace(0, len(ids) - length, chunk["rows"]).astype(int)
    texts = np.array(chunk["texts"])
    rows = np.stack([ids[begin : begin + length] for begin in begins[texts]])
    with treated(model, chunk["treatment"], own.frequencies()):
        losses = measured.losses(model, rows)
    size = window // chunk["bins_a_window"]
    starts = np.arange(0, length, size)
    # the loss of the token at t stands at t − 1
    means = np.stack([losses[:, max(start - 1, 0) : start + size - 1].mean(-1) for start in starts], axis=-1)
    return {
        "treatment": [chunk["treatment"]] * means.size,
        "text": np.repeat(texts, len(starts)),
        "start": np.tile(starts, len(rows)),
        "stop": np.tile(starts + size, len(rows)),
        "loss": means.reshape(-1),
    }


def _ids(inputs: Mapping[str, Any], tokenizer: Any, length: int) -> Any:
    """Return the first tokens of the longest documents of the held-out text, one behind the other."""
    if corpus.version(inputs["text"]) != inputs["text_version"]:
        raise ValueError(f"The text is {inputs['text']} {inputs['text_version']}; install that version.")
    documents = sorted(corpus.documents(inputs["text"]), key=lambda document: (-len(document.text), document.path))
    pieces = [tokenizer(document.text)["input_ids"][: 2 * length] for document in documents[: inputs["documents"]]]
    return np.concatenate(pieces)


CHECKED = Sweep(
    name="real_heads_check", kind="figures", inputs=INPUTS, chunks=check_chunks, compute=check_rows,
    about="A row a number of models.check on the reference model: table and what the row is about, quantity, value. "
    "Computed in float32 on a CPU; other processors give other last digits.",
)  # fmt: skip
LOSSES = Sweep(
    name="real_heads_losses", kind="figures", inputs=INPUTS, chunks=loss_chunks, compute=loss_rows,
    about="A row a stretch of positions [start, stop) of a text: mean next-token loss, nats, of the reference model "
    "with keys at distances of L and more treated as said (experiments/far_keys.py).",
)  # fmt: skip


def compute(inputs: Mapping[str, Any], checked: Columns, losses: Columns) -> Data:
    """Return the tables of the check, losses by stretch and treatment, and what prose quotes of them."""
    tables = _tables(checked)
    seen = rt.reports.check_overview(_check(tables))
    columns, facts = losses_by_position(losses)
    return Data(
        tables={**tables, "losses": columns},
        facts={
            "window": Recipe.window,
            "violations": sum(row.violations for row in seen.bounds if row.evidence == "proved"),
            "overview": _labelled(seen),
            "losses": facts,
            "texts": len(set(losses["text"])),
            "text": f"{inputs['text']} {inputs['text_version']}",
        },
    )


def losses_by_position(losses: Columns) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Return the mean loss by position with its standard error over texts, and the means inside and beyond L."""
    text, starts = np.asarray(losses["text"]), np.asarray(losses["start"])
    treatment, loss = np.asarray(losses["treatment"]), np.asarray(losses["loss"])
    places, count = np.unique(starts), len(np.unique(text))
    size = int(places[1] - places[0])
    columns: dict[str, Any] = {"start": places, "stop": places + size}
    facts: dict[str, dict[str, float]] = {}
    for name in TREATMENTS:
        by_text = loss[treatment == name].reshape(count, len(places))
        columns[f"{name}, mean"] = by_text.mean(0)
        columns[f"{name}, error"] = by_text.std(0, ddof=1) / np.sqrt(count)
        facts[name] = {}
        for region, chosen in (("inside", places < Recipe.window), ("beyond", places >= Recipe.window)):
            of_text = by_text[:, chosen].mean(-1)
            error = float(of_text.std(ddof=1) / np.sqrt(count))
            facts[name] |= {region: float(of_text.mean()), f"{region}_error": error}
    return columns, facts


def _labelled(seen: Any) -> dict[str, Any]:
    """Return an overview with the label of each scaling in the place of its parameters."""
    content: dict[str, Any] = seen.to_dict()
    for name in ("rows", "attention"):
        for line, row in zip(content[name], getattr(seen, name), strict=True):
            line["scaling"] = row.scaling.label
    del content["type"]
    return content


def _tables(checked: Columns) -> dict[str, dict[str, list[Any]]]:
    """Return the long rows of a check as one table a kind of row."""
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {name: {} for name in TABLES}
    for line in rows_of(checked):
        key = tuple(line[name] for name in KEYS)
        row = found[line["table"]].setdefault(key, {name: line[name] for name in KEYS if line[name] != ""})
        row[line["quantity"]] = line["value"]
    return {name: records_as_columns(list(rows.values())) for name, rows in found.items()}


def draw(data: Data) -> Figure:
    """Draw score sizes, losses under every treatment, where attention goes, and which pairs carry the scores."""
    from matplotlib import pyplot as plt

    check = _check(data.tables)
    with plots.style():
        figure, axes = plt.subplots(2, 2, figsize=(13, 8), layout="constrained")
        plots.head_ratios(check, ax=axes[0, 0])
        axes[0, 0].set_title("How large scores get")
        draw_losses(axes[0, 1], data)
        legend_beside(axes[0, 1])
        plots.attention_mass(check, "last", ax=axes[1, 0])
        axes[1, 0].set_title("Where attention goes")
        plots.pair_shares(check, ax=axes[1, 1])
        axes[1, 1].set_title("Pairs that carry the scores")
    return figure


def draw_losses(axes: Any, data: Data) -> None:
    """Draw the loss by position, one curve per treatment of far keys, with the trained context length marked."""
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
    window = data.facts["window"]
    label = f"trained context length L = {window}"
    axes.axvline(window, color=GREY, linestyle="--", linewidth=1.0, zorder=1.5, label=label)
    axes.set_xlabel("position [tokens]")
    axes.set_ylabel("loss [nats per token]")
    axes.set_title("Loss past the trained context window, and what brings it back")


def _check(tables: Mapping[str, Mapping[str, Any]]) -> Any:
    """Return the tables as the record that overview and pictures take."""
    rows = {name: tuple(_row(kind, one) for one in rows_of(tables[name])) for name, kind in TABLES.items()}
    heads, bounds, attention = (Rows(rows[name]) for name in ("heads", "bounds", "attention"))
    return SimpleNamespace(rows=rows["scores"], heads=heads, bounds=bounds, attention=attention, losses=Rows(()))


def _row(kind: Any, line: dict[str, Any]) -> Any:
    fields = {field.name: field.type for field in dataclasses.fields(kind)}
    content = {name: int(line[name]) if of == "int" else line[name] for name, of in fields.items() if name in line}
    if "shares" in fields:
        content["shares"] = tuple(value for name, value in line.items() if name.startswith("share "))
    if "scaling" in fields:
        content["scaling"] = SCALINGS[line["scaling"]]
    return kind(**content)


PART = Part(
    name="real_heads", kind="figures", inputs=INPUTS, compute=compute, draw=draw, sweeps=(CHECKED, LOSSES),
)  # fmt: skip
