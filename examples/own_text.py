"""Tables 1 and 2 on any text: `python -m examples.own_text FILE --out DIR`.

The reference model is extended and fine-tuned as in docs/extension.md, and its perplexity measured on the text, cut
into pieces as long as the longest window, sixteen at most. Runs are files in DIR; stopped, it goes on where it was.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from experiments import files, pretrain
from experiments.extension import plan, results, runs
from experiments.parts import Data
from experiments.pretraining.recipe import Recipe
from paper_repro import extension_pages
from paper_repro.pages import table
from rope_theory.models.loading import checked_device, encoded, load_model, read_text
from rope_theory.reports import check_folder_place

app = typer.Typer(add_completion=False)
console = Console(stderr=True)


def wanted(methods: Sequence[str], factor: float, steps: int, seeds: int) -> list[runs.Settings]:
    """Return the runs: every method untuned, and after some steps for every seed.

    Raises
    ------
    ValueError
        For a method that is none of ``plan.TUNED``, and for numbers out of range.
    """
    if not methods:
        raise ValueError(f"--methods must name one at least, of {', '.join(plan.TUNED)}.")
    for method in methods:
        if method not in plan.TUNED:
            raise ValueError(f"--methods must be some of {', '.join(plan.TUNED)}, got {method!r}.")
    if not 1.0 < factor < math.inf:
        raise ValueError(f"--factor must be above 1, got {factor:g}.")
    for name, count, least in (("--steps", steps, 0), ("--seeds", seeds, 1)):
        if count < least:
            raise ValueError(f"{name} must be at least {least}, got {count}.")
    untuned = [runs.Settings("reference", method, factor, (0,), plan.RATE) for method in methods]
    tuned = [
        runs.Settings("reference", method, factor, (steps,), plan.RATE, seed=seed)
        for seed in range(seeds)
        for method in methods
        if steps
    ]
    return untuned + tuned


def measure(text: Path, factor: float, source: Path = pretrain.REFERENCE) -> runs.Measure:
    """Return how models are measured on a text: at L, 2L, 4L, 8L and the new window, as far as it reaches.

    Raises
    ------
    OSError, ValueError
        For a text that cannot be read, or is shorter than the new window.
    """
    content, name = read_text(text)
    tokens = len(encoded(content, load_model(source)[1], name))
    needed = round(factor * Recipe.window)
    if tokens < needed:
        raise ValueError(f"{text} has {tokens} tokens; at least {needed}, the new window, are needed.")
    windows = [times for times in sorted({1.0, 2.0, 4.0, 8.0, factor}) if round(times * Recipe.window) <= tokens]
    return runs.Measure(windows=tuple(windows), corpora=(str(text.resolve()),), distances=0)


def remember(folder: Path, text: Path, how: runs.Measure) -> None:
    """Note in ``folder`` what its runs are of.

    Raises
    ------
    ValueError
        When it holds runs of another text.
    """
    note = {"text": files.digest(text.read_bytes()), "measure": json.loads(json.dumps(dataclasses.asdict(how)))}
    place = folder / "text.json"
    if place.is_file():
        if _noted(place) != note:
            raise ValueError(f"{folder} holds runs on another text, or on this one elsewhere; give a new --out.")
    elif folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder} is neither empty nor a folder of this command; give a new --out.")
    else:
        files.write(place, files.as_json(note))


def _noted(place: Path) -> object:
    try:
        return json.loads(place.read_bytes())
    except ValueError:
        raise ValueError(f"{place} does not say which text its runs are of; give a new --out.") from None


@app.command()
def run(
    text: Annotated[Path, typer.Argument(metavar="FILE", help="A text in UTF-8, of at least two trained windows.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the runs and the table.")],
    methods: Annotated[str, typer.Option(help="With commas between.")] = ",".join(plan.TUNED),
    factor: Annotated[float, typer.Option(help="New window over the trained one.")] = 4.0,
    steps: Annotated[int, typer.Option(help="Of fine-tuning; 0 for none.")] = plan.STAGES[-1],
    seeds: Annotated[int, typer.Option(help="Fine-tunings per method.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Measure the reference model, extended in several ways, on a text of yours."""
    try:
        checked_device(device)
        settings = wanted([name.strip() for name in methods.split(",") if name.strip()], factor, steps, seeds)
        how = measure(text, factor)
        check_folder_place(out)
        remember(out, text, how)
        for number, one in enumerate(settings, start=1):
            console.print(f"run {number} of {len(settings)}: {one.name}", markup=False)
            runs.make(one, pretrain.REFERENCE, out, how, device)
    except (OSError, ValueError, ModuleNotFoundError) as error:
        console.print(f"{error}", markup=False)
        raise typer.Exit(1) from None
    longest = round(how.windows[-1] * Recipe.window)
    console.print(f"Measured on the first {how.documents} pieces of {longest} tokens, or as many as there are.")
    data = Data(tables={"numbers": results.columns_of(settings, out)}, facts={"window": Recipe.window})
    content = table(*extension_pages.perplexities(data, how.corpora[0], (factor,), steps, how.windows))
    files.write(out / "table.md", f"{content}\n".encode())
    typer.echo(content)


if __name__ == "__main__":
    app()
