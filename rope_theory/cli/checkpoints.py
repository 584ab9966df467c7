"""Verbs about models on disk."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.text import Text

import rope_theory as rt
from rope_theory._check_overview import LEGEND, check_overview, stretches
from rope_theory._core.checks import above, integer, one_of
from rope_theory._core.files import check_folder_place, check_place, write_text
from rope_theory._labels import short_label
from rope_theory.cli._shown import AsJson, Model, app, described, draw_notes, plain_errors, plain_table, show
from rope_theory.errors import MissingFile
from rope_theory.models._extend import window_of
from rope_theory.models._windows import BEGINNINGS, CONVENTIONS
from rope_theory.models.exporting import Extension, check_folder, export
from rope_theory.models.exporting import described as described_extension
from rope_theory.models.loading import checked_device, encoded, is_path, load_model, read_text


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
    Method.PI: lambda factor: rt.scaling.PositionInterpolation(factor),
    Method.NTK: lambda factor: rt.scaling.NTKAware(factor),
    Method.DYNAMIC: lambda factor: rt.scaling.DynamicNTK(factor),
    Method.BY_PARTS: lambda factor: rt.scaling.NTKByParts(factor),
    Method.YARN: lambda factor: rt.scaling.YaRN(factor, ramp="transformers"),
    Method.LLAMA3: lambda factor: rt.scaling.Llama3(factor, 1.0, 4.0),
}

TextFiles = Annotated[
    list[str], typer.Option("--text", metavar="FILE", help="UTF-8 text; several are several documents.")
]
Device = Annotated[str, typer.Option(help="cpu or cuda.")]


@app.command()
@plain_errors
def check(
    model: Model,
    text: Annotated[
        str | None, typer.Option(metavar="FILE", help="UTF-8 text to run; default the sources of rope_theory.")
    ] = None,
    length: Annotated[
        int | None, typer.Option(help="Extended window in tokens; default four times the trained one.")
    ] = None,
    factor: Annotated[
        float, typer.Option(help="Factor of the scalings compared: PI, NTK-aware and YaRN; 1 compares none.")
    ] = 4.0,
    pairs: Annotated[int, typer.Option(help="Query-key pairs a head; 0 takes all, in minutes or hours.")] = 1024,
    seed: Annotated[int, typer.Option(help="Of the pairs and queries drawn.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    as_json: AsJson = False,
    page: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Also write a page to FILE.")] = None,
) -> None:
    """Hold a model's heads against every bound, on a text: score sizes, scalings, attention and losses."""
    if page is not None:
        check_place(Path(page))
    integer(pairs, "--pairs", 0, "0 takes all of them.")
    integer(seed, "--seed", 0)
    if length is not None:
        integer(length, "--length", 2)
    methods = (rt.scaling.PositionInterpolation, rt.scaling.NTKAware, rt.scaling.YaRN)
    scalings = [] if factor == 1.0 else [method(factor) for method in methods]
    content, described = read_text(text)
    loaded, tokenizer = _loaded(model, device)
    result = rt.models.check(
        loaded, encoded(content, tokenizer, described), scalings=scalings, length=length, pairs=pairs or None, seed=seed
    )
    if page is not None:
        from rope_theory._report import check_page  # pictures, which no other verb needs

        write_text(Path(page), check_page(result, model=model, text=described))
    show(result, functools.partial(_draw_check, model, described, page), as_json, {"source": model, "text": described})


def _draw_check(model: str, text: str, page: str | None, record: rt.models.Check) -> Iterator[RenderableType]:
    seen = check_overview(record)
    heads = f"{record.model}, {seen.heads} query heads"
    yield Text(f"{model}: {heads}; {described(record.config)}; {record.rows[0].scaling}")
    yield Text(
        f"{text}: {stretches(record)}; {record.rows[0].pairs} pairs a head; "
        f"{record.dtype} on {record.device}; seed {record.seed}; offsets up to {record.length - 1}"
    )
    largest = f"{seen.largest_sum_ratio:.3g} in the largest pair"
    yield Text(f"H/A {seen.maximum_ratio:.3g}, (Σ|h| + |C|)/A {seen.sum_ratio:.3g} on average, {largest}")
    yield plain_table(
        ("largest |score| / A", "region", "mean", "highest head", "largest pair"),
        ((row.scaling, row.region, row.mean, row.highest_head, row.largest) for row in seen.rows),
    )
    yield plain_table(
        ("bound", "evidence", "evaluations", "violations", "largest value / bound"),
        ((row.bound, row.evidence, row.evaluations, row.violations, row.tightest) for row in seen.bounds),
    )
    yield plain_table(
        ("attention", "region", "entropy", "first", "last 16", "distance ≥ L", "largest logit", "moved"),
        (
            (row.scaling, row.region, row.entropy, row.first, row.last, row.far, row.largest_logit, row.moved)
            for row in seen.attention
        ),
    )
    if seen.losses:
        yield plain_table(
            ("loss [nats a token]", "tokens", "mean", "standard error"),
            ((region, tokens, mean, error) for region, mean, error, tokens in seen.losses),
        )
    proved = f"{record.violations} violations of proved bounds"
    yield Text(f"{proved}; {record.published_violations} of Theorem 2.1 as printed", "red" if record.violations else "")
    if page is not None:
        yield Text(f"written to {page}")
    yield from draw_notes(record.notes)
    yield Text(LEGEND, "dim")


@app.command()
@plain_errors
def extend(
    model: Model,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the extended checkpoint.")],
    method: Annotated[Method, typer.Option(help="What is done to the table.")] = Method.PI,
    factor: Annotated[float, typer.Option(help="New window over the present one.")] = 4.0,
    length: Annotated[
        int | None, typer.Option(help="New window in tokens, where it is not window times factor.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In the place of the model's own scaling, not on top.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a checkpoint with another RoPE table, which plain transformers loads; no weight changes."""
    check_folder(out)
    scaling = SCALINGS[method](factor)
    loaded, tokenizer = _loaded(model)
    notes, extended = _noted(lambda: rt.models.extend(loaded, scaling, length=length, replace=replace))
    export(extended, tokenizer, out, window=window_of(extended))
    show(described_extension(extended, loaded, model, out), functools.partial(_draw_extension, notes), as_json)


def _noted(work: Callable[[], Any]) -> tuple[tuple[str, ...], Any]:
    """Return what a call warns of, and its result."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = work()
    return tuple(str(warning.message) for warning in caught if warning.category is UserWarning), result


def _draw_extension(notes: tuple[str, ...], record: Extension) -> Iterator[RenderableType]:
    yield Text(f"{record.source}: {record.kind}, trained on {record.trained_window} tokens")
    yield plain_table(
        ("", "scaling", "window"),
        (
            ("before", short_label(record.before), record.window_before),
            ("after", short_label(record.after), record.window),
        ),
    )
    yield Text(f"rope_parameters: {record.keys}")
    yield Text(f"{record.tables} Largest difference of logits, loaded again: {record.logit_difference:.2g}")
    yield Text(f"written to {record.folder}")
    yield from draw_notes(notes)


@app.command()
@plain_errors
def perplexity(
    model: Model,
    text: TextFiles,
    window: Annotated[int | None, typer.Option(help="Tokens; default the model's max_position_embeddings.")] = None,
    stride: Annotated[int, typer.Option(help="Tokens by which the next window starts later.")] = 256,
    convention: Annotated[
        str, typer.Option(help="token-weighted, window-mean, every-token, disjoint or last.")
    ] = "token-weighted",
    beginning: Annotated[
        str, typer.Option(help="Beginning-of-sequence token before: none, document, window.")
    ] = "none",
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
    documents = [_tokens(content, tokenizer, name) for content, name in texts]
    size = window_of(loaded) if window is None else window
    result = rt.models.perplexity(
        loaded, documents, window=size, stride=min(stride, size) if window is None else stride, convention=convention,
        beginning=beginning,
    )  # fmt: skip
    show(result, functools.partial(_draw_perplexity, model, text), as_json, {"source": model, "texts": list(text)})


def _loaded(model: str, device: str = "cpu") -> tuple[Any, Any]:
    """Load a model, and say beforehand when it is no folder here: a hub out of reach is tried for a minute."""
    if not (Path(model).exists() or is_path(model)):
        typer.echo(f"There is no folder {model}; transformers looks for a model of that name.", err=True)
    return load_model(model, device=device)


def _tokens(content: str, tokenizer: Any, name: str) -> list[int]:
    """Return the tokens of a text, none put before or behind."""
    return encoded(content, tokenizer, name, special=False)


def _draw_perplexity(model: str, texts: list[str], record: rt.models.Perplexity) -> Iterator[RenderableType]:
    error = "" if record.standard_error is None else f" ± {record.standard_error:.4f} over documents"
    yield Text(f"{model}: perplexity {record.perplexity:.4f}, {record.nll:.4f}{error} nats a token")
    yield Text(
        f"window {record.window}, stride {record.stride}, {record.convention}, beginning-of-sequence token: "
        f"{record.beginning}; {record.tokens} losses, {record.dtype} on {record.device}"
    )
    yield plain_table(
        ("text", "", "tokens", "windows", "losses", "nats a token"),
        (
            (name, "", row.length, row.windows, row.tokens, row.nll)
            for name, row in zip(texts, record.documents, strict=True)
        ),
    )


@app.command()
@plain_errors
def passkey(
    model: Model,
    length: Annotated[list[int], typer.Option(help="Window in tokens; may be given several times.")],
    distances: Annotated[int, typer.Option(help="Distances a window.")] = 32,
    trials: Annotated[int, typer.Option(help="Keys a distance.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the keys.")] = 0,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Hide five-digit keys at evenly spaced distances from the end of a prompt, and count those found."""
    loaded, tokenizer = _loaded(model, device)
    if tokenizer is None:
        raise MissingFile(f"{model}/tokenizer.json", "does not exist", "put it there")
    result = rt.models.passkey(loaded, tokenizer, length=length, distances=distances, trials=trials, seed=seed)
    show(result, functools.partial(_draw_passkey, model), as_json, {"source": model})


def _draw_passkey(model: str, record: rt.models.Passkey) -> Iterator[RenderableType]:
    yield Text(f"{model}: {record.trials} keys a distance, seed {record.seed}, {record.dtype} on {record.device}")
    yield plain_table(
        ("window", "", "k_max", "found"), ((row.length, "", row.k_max, f"{row.share:.0%}") for row in record.reach)
    )
    yield plain_table(
        ("window", "", "distance", "found", "of", "share", "95 % from", "to"),
        ((row.length, "", row.distance, row.found, row.trials, row.share, row.low, row.high) for row in record.rows),
    )
    if len({(row.length, row.distance) for row in record.rows}) < len(record.rows):
        yield Text(
            "A distance that comes twice stands for two that were asked for, where the texts leave no room.",
            "dim",
        )


@app.command()
@plain_errors
def finetune(
    model: Model,
    text: TextFiles,
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the fine-tuned checkpoint.")],
    length: Annotated[int | None, typer.Option(help="Tokens a row; default window times factor.")] = None,
    method: Annotated[
        Method, typer.Option(help="What is done to the table before; none is direct fine-tuning.")
    ] = Method.PI,
    factor: Annotated[float, typer.Option(help="New window over the present one.")] = 4.0,
    steps: Annotated[int, typer.Option(help="Steps in all.")] = 200,
    batch: Annotated[int, typer.Option(help="Rows a pass of one process.")] = 8,
    accumulation: Annotated[int, typer.Option(help="Passes a step.")] = 1,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-5,
    precision: Annotated[str, typer.Option(help="float32 or bfloat16, of matrix products.")] = "float32",
    lora: Annotated[int | None, typer.Option(help="Rank of adapters, instead of training all weights.")] = None,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, more time.")
    ] = False,
    checkpoints: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where a stopped run goes on from; default beside --out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the rows.")] = 0,
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
    documents = [_tokens(content, tokenizer, name) for content, name in texts]
    size = round(window_of(loaded) * factor) if length is None else integer(length, "--length", 2)
    result = rt.models.finetune(
        loaded, documents, scaling=scaling, length=size, steps=steps, batch=batch, accumulation=accumulation, rate=rate,
        precision=precision, lora=lora, gradient_checkpointing=gradient_checkpointing, seed=seed, device=device,
        folder=kept,
    )  # fmt: skip
    if result.main:
        export(result.model, tokenizer, out, window=window_of(result.model))
        about = {"source": model, "folder": str(out), "checkpoints": str(kept)}
        show(result, functools.partial(_draw_finetuning, model, out, kept), as_json, about)


def _draw_finetuning(model: str, out: Path, kept: Path, record: rt.models.FineTuning) -> Iterator[RenderableType]:
    label = "no scaling" if record.scaling is None else short_label(record.scaling)
    yield Text(f"{model}: {label}, window {record.length}, {record.steps} steps, {record.tokens} tokens")
    rows = [step for step in (1, 10, 20, 50, 100, 200, 500, 1000) if step < record.steps] + [record.steps]
    yield plain_table(("step", "", "loss"), ((step, "", float(record.losses[step - 1])) for step in rows))
    yield Text(f"written to {out}; checkpoints, where a stopped run goes on from and which may go now: {kept}")
