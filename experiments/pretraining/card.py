"""The folder of the trained model: weights, tokenizer, list of the corpus, measurements, and a card made of them."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments import files
from experiments.columns import as_columns
from experiments.pretraining.measured import HeldOut, PasskeyCell
from experiments.pretraining.recipe import Recipe
from experiments.pretraining.tokens import Prepared
from rope_theory.reports import Record, check_folder_place, whole_folder

SHARD = "12MB"
"""Largest file of weights."""

VERSIONS = ("torch", "transformers", "tokenizers", "safetensors", "numpy")
"""Packages named in the card."""


@dataclass(frozen=True)
class Outcome(Record):
    """A finished run.

    Attributes
    ----------
    recipe : Recipe
        Its settings.
    facts : dict
        Of the corpus.
    quality : HeldOut
        Perplexity.
    passkeys : tuple of PasskeyCell
        By length and place.
    losses : list of dict
        By step: the mean training loss since the row before, held-out loss and passkeys found.
    seconds : float
        Spent on steps.
    hardware : str
        Where.
    long_documents : int
        Held-out documents of 32768 tokens and more.
    """

    recipe: Recipe
    facts: dict[str, Any]
    quality: HeldOut
    passkeys: tuple[PasskeyCell, ...]
    losses: list[dict[str, float]]
    seconds: float
    hardware: str
    long_documents: int


def write(folder: Path, outcome: Outcome, model: Any, prepared: Prepared) -> None:
    """Write everything into a new folder beside ``folder``, then put it in its place."""
    if folder.exists():
        check_place(folder)
    versions = {package: importlib.metadata.version(package) for package in VERSIONS}
    content = {**outcome.to_dict(), "versions": {"python": platform.python_version(), **versions}}
    with whole_folder(folder, replace=True) as temporary:
        model.save_pretrained(temporary, max_shard_size=SHARD)
        prepared.tokenizer.save_pretrained(temporary)
        files.write(temporary / "run.json", files.as_json(content))
        files.write(temporary / "corpus.csv", _listing(prepared))
        files.write(temporary / "README.md", text(outcome, content["versions"], parameters(model)).encode())


def check_place(folder: Path) -> None:
    """Raise when ``folder`` holds something else than a model of an earlier run: it would be replaced."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "run.json").is_file()):
        raise ValueError(f"{folder} holds something else than a model of this command; name a new or empty folder.")
    check_folder_place(folder.absolute().parent)


def parameters(model: Any) -> int:
    """Return the number of weights, tied ones once."""
    return sum(weight.numel() for weight in model.parameters())


def text(outcome: Outcome, versions: dict[str, str], parameters: int) -> str:
    """Return the model card."""
    recipe, quality, facts = outcome.recipe, outcome.quality, outcome.facts
    seen = recipe.steps * recipe.batch * recipe.window
    found = sum(cell.found for cell in outcome.passkeys)
    trials = sum(cell.trials for cell in outcome.passkeys)
    worst = min(outcome.passkeys, key=lambda cell: cell.found / cell.trials)
    lines = [
        "---", "library_name: transformers", "pipeline_tag: text-generation", "license: mit", "---", "",
        "# Reference LLaMA of rope_theory", "",
        "Made by `python -m experiments.pretrain`; this card is generated from `run.json`. A model to measure theory "
        "on, not to write code with.", "",
        "| what | value |", "|---|---|",
        f"| architecture | LlamaForCausalLM, {parameters:,} weights, {recipe.layers} layers, {recipe.heads} heads of "
        f"width {recipe.hidden // recipe.heads}, hidden {recipe.hidden}, tied embeddings, base 10000 |",
        f"| window | {recipe.window} tokens |",
        f"| vocabulary | {recipe.vocabulary}, byte-level BPE, digits one by one |",
        f"| tokens seen | {seen:,} in {recipe.steps} steps of {recipe.batch} rows |",
        f"| seed | {recipe.seed} |",
        f"| precision | weights float32, products {recipe.precision} |",
        f"| time | {outcome.seconds / 60:.0f} min, {outcome.hardware} |",
        f"| versions | {', '.join(f'{name} {number}' for name, number in versions.items())} |",
        f"| held-out perplexity inside the window | {quality.perplexity:.3f} ± "
        f"{quality.perplexity * quality.loss_error:.3f} ({quality.windows} windows, {quality.tokens} tokens; "
        f"{quality.bits_per_byte:.3f} bits a byte) |",
        f"| interpolated Kneser–Ney trigram, same tokens | {quality.trigram_perplexity:.3f} |",
        f"| ratio | {quality.ratio:.3f} |",
        f"| passkeys inside the window | {found} of {trials}; worst cell {worst.found} of {worst.trials} "
        f"(prompt of {worst.length} tokens, distance {worst.distance}) |",
        "", "## Corpus", "",
        "Python sources, listed file by file in `corpus.csv`; whole packages are held out. `sha256` is over paths and "
        "texts in the order of the list.", "",
        "| split | files | bytes | tokens | sha256 | packages |", "|---|---|---|---|---|---|",
        *(
            f"| {split} | {part['files']} | {part['bytes']} | {part['tokens']} | `{part['sha256']}` | "
            f"{', '.join(f'{name} {number}' for name, number in part['packages'].items())} |"
            for split, part in facts.items()
        ),
        "", f"{outcome.long_documents} held-out documents have 32768 tokens or more.",
        "", "## Recipe", "",
        f"AdamW (0.9, 0.95), rate {recipe.rate:g} after {recipe.warmup} steps of warm-up, constant, then linear to "
        f"zero in the last {recipe.decay:.0%} of the steps; weight decay {recipe.weight_decay:g} on matrices; "
        f"gradients clipped at {recipe.clip:g}. Rows are slices of the corpus; some hold a passkey document, whose "
        f"filler weighs {recipe.filler_weight:g} in the loss and whose answer {recipe.answer_weight:g}:", "",
        "| up to step | passkey rows of a batch | longest prompt |", "|---|---|---|",
        *(
            f"| {stage.until if number + 1 < len(recipe.curriculum) else recipe.steps} | {stage.passkey_rows} | "
            f"{stage.longest} |"
            for number, stage in enumerate(recipe.curriculum)
        ),
        "", "## Loss", "", "| step | training loss, weighted | held-out loss | passkeys found |", "|---|---|---|---|",
        *(
            f"| {row['step']:.0f} | {row['loss']:.3f} | {row['held_out_loss']:.3f} | {row['passkey']:.0%} |"
            for row in outcome.losses
        ),
        "",
    ]  # fmt: skip
    return "\n".join(lines)


def _listing(prepared: Prepared) -> bytes:
    rows = (
        (split, *row)
        for split, stream in (("training", prepared.training), ("held_out", prepared.held_out))
        for row in zip(stream.names, np.diff(stream.starts).tolist(), strict=True)
    )
    return files.as_csv(as_columns(("split", "file", "tokens"), rows))
