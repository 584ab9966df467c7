"""Trains the reference model from scratch: ``python -m experiments.pretrain``."""

from __future__ import annotations

import dataclasses
import os
import platform
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from experiments import files
from experiments.parts import ROOT
from experiments.pretraining import card, kneser_ney, measured, tokens, training
from experiments.pretraining.recipe import Recipe
from experiments.pretraining.rows import Rows
from rope_theory.models.loading import checked_device
from rope_theory.models.passkey_prompt import PasskeyPrompts
from rope_theory.models.run_folder import locked
from rope_theory.reports import check_folder_place

REFERENCE = Path(__file__).resolve().parent / "reference_llama"
"""The trained model."""

CACHE = ROOT / ".cache" / "pretraining"
"""Untracked: token streams and checkpoints."""

WATCHED = 64
"""Held-out windows measured at every checkpoint."""

WINDOWS = 1024
"""Held-out windows measured at the end."""

PLACES, TRIALS = 9, 50
"""Places of the key and prompts a place, at the end."""


def run_facts() -> bytes:
    """Return what is stored of the run that made the reference model; nothing where there is none yet."""
    path = REFERENCE / "run.json"
    return path.read_bytes() if path.is_file() else b""


app = typer.Typer(add_completion=False)
console = Console(stderr=True)


@app.command()
def run(
    steps: Annotated[int, typer.Option(help="Steps in all.")] = Recipe.steps,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(help="CPU threads; 0 is all. Another number rounds otherwise.")] = 0,
    seed: Annotated[int, typer.Option(help="Of first weights and rows.")] = 0,
    out: Annotated[Path, typer.Option(help="Where the model goes.")] = REFERENCE,
    cache: Annotated[Path, typer.Option(help="Where token streams and checkpoints lie.")] = CACHE,
) -> None:
    """Train a small LLaMA on the Python sources at hand; stopped, it goes on from its last whole checkpoint."""
    try:
        import torch

        checked_device(device)
        card.check_place(out)
        check_folder_place(cache)
        if steps < 1 or threads < 0:
            raise ValueError(f"--steps must be at least 1 and --threads at least 0, got {steps} and {threads}.")
        if threads:
            torch.set_num_threads(threads)
        recipe = Recipe(steps=steps, seed=seed)
        console.print(f"Reading the corpus and its tokens, made once into {cache}.", markup=False)
        prepared = tokens.prepare(cache, recipe.vocabulary, (recipe.training, recipe.held_out))
        folder = cache / "runs" / name_of(recipe, prepared.facts)
        with locked(folder):
            train(recipe, prepared, device, out, folder)
    except (OSError, ValueError) as error:
        console.print(f"{error}", markup=False)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("Stopped; the same command goes on from the last whole checkpoint.")
        raise typer.Exit(130) from None


def name_of(recipe: Recipe, facts: dict[str, Any]) -> str:
    """Return a name of everything that decides a run but its length: the plateau of a longer run is the same."""
    settings = {**dataclasses.asdict(recipe), "facts": facts}
    del settings["steps"]
    return files.digest(files.as_json(settings))[:16]


def train(recipe: Recipe, prepared: tokens.Prepared, device: str, out: Path, folder: Path) -> None:
    """Train to the end, measure, and write model, tokenizer, corpus and card into ``out``."""
    import torch

    tokenizer, prompts = prepared.tokenizer, PasskeyPrompts(prepared.tokenizer)
    rows = Rows(prepared.training.ids, prompts, tokenizer.eos_token_id, recipe)
    state = training.start(recipe, (tokenizer.bos_token_id, tokenizer.eos_token_id), device)
    state = training.resume(state, folder, recipe)
    _, watched = measured.rows_of(prepared.held_out, recipe.window, WATCHED, seed=0)

    def measure(model: Any) -> dict[str, float]:
        model.eval()
        cells = measured.passkeys(model, prompts, lengths=(recipe.window - 8,), places=4, trials=8, seed=0)
        share = sum(cell.found for cell in cells) / sum(cell.trials for cell in cells)
        return {"held_out_loss": float(measured.losses(model, watched).mean()), "passkey": share}

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("training", total=recipe.steps, completed=state.step)
        training.run(
            state, rows, recipe, folder, measure=measure, report=lambda step, _: progress.update(task, completed=step)
        )
    console.print("Measuring on held-out text.")
    model = state.model.eval()
    trigram = kneser_ney.fit(np.asarray(prepared.training.ids), recipe.vocabulary)
    facts = prepared.facts["held_out"]
    quality = measured.held_out(
        model,
        prepared.held_out,
        trigram,
        window=recipe.window,
        windows=WINDOWS,
        bytes_a_token=facts["bytes"] / facts["tokens"],
    )
    shortest = prompts.shortest("12345")
    longest = recipe.window - 6  # a space and five digits still fit
    lengths = tuple(round(length) for length in np.linspace(shortest, longest, 5))
    found = measured.passkeys(model, prompts, lengths=lengths, places=PLACES, trials=TRIALS, seed=1)
    hardware = torch.cuda.get_device_name() if device.startswith("cuda") else f"{platform.processor() or 'CPU'}"
    card.write(
        out,
        card.Outcome(
            recipe=recipe,
            facts=prepared.facts,
            quality=quality,
            passkeys=found,
            losses=state.losses,
            seconds=state.seconds,
            hardware=f"{hardware}, {torch.get_num_threads()} threads of {os.cpu_count()} cores",
            long_documents=int((np.diff(prepared.held_out.starts) >= 32768).sum()),
        ),
        model,
        prepared,
    )
    console.print(f"Wrote {out}; perplexity over the trigram's {quality.ratio:.3f}.", markup=False)


if __name__ == "__main__":
    app()
