"""Verbs about models on disk."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

import rope_theory as rt
from rope_theory._core.checks import above, integer, one_of
from rope_theory.cli._shown import AsJson, Model, Page, show, verb, write_page
from rope_theory.errors import MissingFile
from rope_theory.models._extend import window_of
from rope_theory.models._windows import BEGINNINGS, CONVENTIONS
from rope_theory.models.exporting import check_folder, export
from rope_theory.models.loading import checked_device, encoded, is_path, load_model, read_text
from rope_theory.reports import check_folder_place, check_place


class Method(StrEnum):
    """Scalings by the names they are known under."""

    NONE = "none"
    PI = "pi"
    NTK = "ntk"
    DYNAMIC = "dynamic"
    BY_PARTS = "by-parts"
    YARN = "yarn"
    LLAMA3 = "llama3"


SCALINGS: Mapping[Method, Callable[[float], rt.scaling.Scaling]] = {
    Method.NONE: lambda factor: rt.scaling.Unscaled(),
    Method.PI: rt.scaling.PositionInterpolation,
    Method.NTK: rt.scaling.NTKAware,
    Method.DYNAMIC: rt.scaling.DynamicNTK,
    Method.BY_PARTS: rt.scaling.NTKByParts,
    Method.YARN: rt.scaling.YaRN,
    Method.LLAMA3: rt.scaling.Llama3,
}

TextFiles = Annotated[list[str], Option("--text", metavar="FILE", help="UTF-8 text; several are several documents.")]
Device = Annotated[str, Option(help="cpu or cuda.")]


@verb
def check(
    model: Model,
    text: Annotated[
        str | None, Option(metavar="FILE", help="UTF-8 text to run; default the sources of rope_theory.")
    ] = None,
    length: Annotated[int | None, Option(help="Extended window in tokens; default four times the trained one.")] = None,
    factor: Annotated[
        float, Option(help="Factor of the scalings compared: PI, NTK-aware and YaRN; 1 compares none.")
    ] = 4.0,
    pairs: Annotated[int, Option(help="Query-key pairs per head; 0 takes all, in minutes or hours.")] = 1024,
    seed: Annotated[int, Option(help="Of the pairs and queries drawn.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
    page: Page = None,
) -> None:
    """Hold a model's heads against every bound, on a text: score sizes, scalings, attention and losses."""
    if page is not None:
        check_place(Path(page))
    integer(pairs, "--pairs", 0, "0 takes all of them.")
    integer(seed, "--seed", 0)
    if length is not None:
        integer(length, "--length", 2)
    scalings = [] if factor == 1.0 else [SCALINGS[method](factor) for method in (Method.PI, Method.NTK, Method.YARN)]
    content, described = read_text(text)
    loaded, tokenizer = _loaded(model, device)
    result = rt.models.check(
        loaded, encoded(content, tokenizer, described), scalings=scalings, length=length, pairs=pairs or None, seed=seed
    )
    if page is not None:
        write_page(page, result, source=model, text=described)
    show(result, as_json, source=model, text=described)


@verb
def extend(
    model: Model,
    out: Annotated[Path, Option(metavar="DIR", help="A new folder for the extended checkpoint.")],
    method: Annotated[Method, Option(help="What is done to the table.")] = Method.PI,
    factor: Annotated[float, Option(help="New window over the present one.")] = 4.0,
    length: Annotated[int | None, Option(help="New window in tokens, where it is not window times factor.")] = None,
    replace: Annotated[bool, Option("--replace", help="In the place of the model's own scaling, not on top.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a checkpoint with another RoPE table, which plain transformers loads; no weight changes."""
    check_folder(out)
    scaling = SCALINGS[method](factor)
    loaded, tokenizer = _loaded(model)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = rt.models.export_extended(loaded, tokenizer, scaling, out, length=length, replace=replace)
    notes = [f"• {warning.message}" for warning in caught if warning.category is UserWarning]
    show(found, as_json, *notes)


@verb
def perplexity(
    model: Model,
    text: TextFiles,
    window: Annotated[int | None, Option(help="Tokens; default the model's max_position_embeddings.")] = None,
    stride: Annotated[int, Option(help="Tokens by which the next window starts later.")] = 256,
    convention: Annotated[
        str, Option(help="token-weighted, window-mean, every-token, disjoint or last.")
    ] = "token-weighted",
    beginning: Annotated[str, Option(help="Beginning-of-sequence token before: none, document, window.")] = "none",
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure perplexity of texts in sliding windows, as the paper does or as others do."""
    if window is not None:
        integer(window, "--window", 2)
    one_of(convention, "--convention", CONVENTIONS)
    one_of(beginning, "--beginning", BEGINNINGS)
    texts = [read_text(path) for path in text]
    loaded, tokenizer = _loaded(model, device)
    documents = [encoded(content, tokenizer, name, special=False) for content, name in texts]
    size = window_of(loaded) if window is None else window
    result = rt.models.perplexity(
        loaded, documents, window=size, stride=min(stride, size) if window is None else stride, convention=convention,
        beginning=beginning,
    )  # fmt: skip
    show(result, as_json, source=model, texts=text)


def _loaded(model: str, device: str = "cpu") -> tuple[Any, Any]:
    """Load a model, and say beforehand when it is no folder here: a hub out of reach is tried for a minute."""
    if not (Path(model).exists() or is_path(model)):
        typer.echo(f"There is no folder {model}; transformers looks for a model of that name.", err=True)
    return load_model(model, device=device)


@verb
def passkey(
    model: Model,
    length: Annotated[list[int], Option(help="Window in tokens; may be given several times.")],
    distances: Annotated[int, Option(help="Distances a window.")] = 32,
    trials: Annotated[int, Option(help="Keys a distance.")] = 10,
    seed: Annotated[int, Option(help="Of the keys.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Hide five-digit keys at evenly spaced distances from the end of a prompt, and count those found."""
    loaded, tokenizer = _loaded(model, device)
    if tokenizer is None:
        raise MissingFile(f"{model}/tokenizer.json", "does not exist", "put it there")
    result = rt.models.passkey(loaded, tokenizer, length=length, distances=distances, trials=trials, seed=seed)
    show(result, as_json, source=model)


@verb
def finetune(
    model: Model,
    text: TextFiles,
    out: Annotated[Path, Option(metavar="DIR", help="A new folder for the fine-tuned checkpoint.")],
    length: Annotated[int | None, Option(help="Tokens a row; default window times factor.")] = None,
    method: Annotated[Method, Option(help="What is done to the table before; none is direct fine-tuning.")] = Method.PI,
    factor: Annotated[float, Option(help="New window over the present one.")] = 4.0,
    steps: Annotated[int, Option(help="Steps in all.")] = 200,
    batch: Annotated[int, Option(help="Rows a pass of one process.")] = 8,
    accumulation: Annotated[int, Option(help="Passes a step.")] = 1,
    rate: Annotated[float, Option(help="Peak learning rate.")] = 2e-5,
    precision: Annotated[str, Option(help="float32 or bfloat16, of matrix products.")] = "float32",
    lora: Annotated[int | None, Option(help="Rank of adapters, instead of training all weights.")] = None,
    gradient_checkpointing: Annotated[bool, Option("--gradient-checkpointing", help="Less memory, more time.")] = False,
    checkpoints: Annotated[
        Path | None, Option(metavar="DIR", help="Where a stopped run goes on from; default beside --out.")
    ] = None,
    seed: Annotated[int, Option(help="Of the rows.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Extend a model and train it further at the new length; under `accelerate launch`, on many devices."""
    check_folder(out)
    kept = checkpoints or out.absolute().with_name(f"{out.name}.checkpoints")
    check_folder_place(kept)
    checked_device(device)
    above(rate, "--rate", 0.0)
    integer(steps, "--steps", 1)
    scaling = SCALINGS[method](factor)
    texts = [read_text(path) for path in text]
    loaded, tokenizer = _loaded(model)
    documents = [encoded(content, tokenizer, name, special=False) for content, name in texts]
    size = round(window_of(loaded) * factor) if length is None else integer(length, "--length", 2)
    result = rt.models.finetune(
        loaded, documents, scaling=scaling, length=size, steps=steps, batch=batch, accumulation=accumulation, rate=rate,
        precision=precision, lora=lora, gradient_checkpointing=gradient_checkpointing, seed=seed, device=device,
        folder=kept,
    )  # fmt: skip
    if result.main:
        export(result.model, tokenizer, out, window=window_of(result.model))
        show(result, as_json, source=model, folder=str(out), checkpoints=str(kept))
