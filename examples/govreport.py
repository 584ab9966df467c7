"""Table 6 on GovReport, where the user has it: `python -m examples.govreport MODEL --train FILE --test FILE`.

FILEs are JSON lines with "report" and "summary". The paper cuts reports to 15000 tokens and summaries to 1000, trains
ten epochs at a window of 16384, and samples answers at temperature 0.5 with nucleus 0.95; answers here are greedy.
"""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import rope_theory as rt
from experiments import files
from experiments.extension import runs, summaries
from rope_theory.models.exporting import check_folder, export
from rope_theory.models.loading import checked_device, load_model
from rope_theory.reports import check_folder_place

app = typer.Typer(add_completion=False)
console = Console(stderr=True)


class Method(StrEnum):
    """What is done to the table before fine-tuning."""

    DIRECT = "direct"
    PI = "PI"
    NTK = "NTK-aware"
    YARN = "YaRN"
    LLAMA3 = "Llama 3"


@app.command()
def run(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A folder with a model and its tokenizer.")],
    train: Annotated[Path, typer.Option(metavar="FILE", help="JSON lines to learn from.")],
    test: Annotated[Path, typer.Option(metavar="FILE", help="JSON lines to be asked.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A new folder for the model and rouge.json.")],
    method: Annotated[Method, typer.Option(help="What is done to the table.")] = Method.PI,
    factor: Annotated[float, typer.Option(help="New window over the present one.")] = 8.0,
    report: Annotated[int, typer.Option(min=32, help="Tokens of a report and the question behind it.")] = 15000,
    answer: Annotated[int, typer.Option(min=2, help="Tokens of a summary.")] = 1000,
    steps: Annotated[int, typer.Option(min=1, help="Steps in all; ten epochs are 10 × examples / batch.")] = 2728,
    batch: Annotated[int, typer.Option(help="Examples a step.")] = 64,
    rate: Annotated[float, typer.Option(help="Peak learning rate.")] = 2e-5,
    seed: Annotated[int, typer.Option(help="Of the rows.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Extend a model, teach it to summarise, and measure ROUGE-1, 2 and L of its answers."""
    try:
        check_folder(out)
        check_folder_place(kept := out.absolute().with_name(f"{out.name}.checkpoints"))
        checked_device(device)
        if not 0.0 < rate < math.inf:
            raise ValueError(f"--rate must be above 0, got {rate:g}.")
        learnt, asked = summaries.read_pairs(train), summaries.read_pairs(test)
        loaded, tokenizer = load_model(model, device=device)
        length = report + answer
        done = rt.models.finetune(
            loaded, summaries.examples(learnt, tokenizer, length, answer, cut=True), length=length, steps=steps,
            scaling=runs.scaling_of(method.value, factor), batch=batch, rate=rate, seed=seed, device=device,
            folder=kept,
        )  # fmt: skip
        examples = summaries.examples(asked, tokenizer, length, answer, cut=True)
        found = summaries.rouge(done.model, tokenizer, examples, answer)
        export(done.model, tokenizer, out, window=length)
        files.write(out / "rouge.json", files.as_json({"rouge": found, "asked": len(asked), **done.to_dict()}))
    except (OSError, ValueError, ModuleNotFoundError) as error:
        console.print(f"{error}", markup=False)
        raise typer.Exit(1) from None
    scores = ", ".join(f"{kind} {mean:.1f} ± {error:.1f}" for kind, (mean, error) in found.items())
    typer.echo(f"{out}: {scores}")


if __name__ == "__main__":
    app()
