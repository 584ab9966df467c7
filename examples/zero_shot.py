"""Table 5 on real benchmarks, where the user has them: `python -m examples.zero_shot MODEL …`.

BoolQ, PIQA, RACE and WinoGrande come through lm-evaluation-harness (`pip install lm_eval`), which takes their data from
the cache of `datasets` or from the hub. Several models, such as one before and after extension, stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from experiments import files
from rope_theory.models.loading import checked_device, load_model
from rope_theory.reports import check_place

TASKS = ("boolq", "piqa", "race", "winogrande")
"""The paper's, by the harness's names; its RACE is the high-school part."""

app = typer.Typer(add_completion=False)
console = Console(stderr=True)


def accuracies(
    model: Any, tokenizer: Any, tasks: Sequence[str] = TASKS, *, limit: int | None = None, folder: Path | None = None
) -> dict[str, tuple[float, float]]:
    """Return the zero-shot accuracy of a model and its standard error, by task.

    Parameters
    ----------
    model, tokenizer : transformers model, tokenizer
        As loaded.
    tasks : sequence of str
        Names that the harness knows.
    limit : int, optional
        Questions a task; all when not given.
    folder : Path, optional
        Folder with task files of the user's own.

    Raises
    ------
    ModuleNotFoundError
        Without lm_eval.
    ValueError
        For tasks that are unknown, or whose data cannot be had.
    """
    try:
        import lm_eval
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Zero-shot benchmarks need lm-evaluation-harness: pip install lm_eval", name="lm_eval"
        ) from None
    manager = TaskManager(include_path=None if folder is None else str(folder))
    unknown = [task for task in tasks if task not in manager.all_tasks]
    if unknown:
        raise ValueError(f"lm-evaluation-harness knows no task {unknown[0]!r}; `lm_eval ls tasks` lists them.")
    wrapped = HFLM(pretrained=model, tokenizer=tokenizer)
    try:
        found = lm_eval.simple_evaluate(
            model=wrapped, tasks=list(tasks), num_fewshot=0, limit=limit, task_manager=manager, verbosity="ERROR"
        )
    except (OSError, ConnectionError) as error:
        raise ValueError(
            f"The data of {', '.join(tasks)} cannot be had: {str(error).splitlines()[0]} Load them once where there is "
            "a network, or give --tasks whose data are at hand."
        ) from error
    return {
        task: (float(found["results"][task]["acc,none"]), float(found["results"][task]["acc_stderr,none"]))
        for task in tasks
    }


@app.command()
def run(
    models: Annotated[list[str], typer.Argument(metavar="MODEL …", help="Folders of the models to compare.")],
    tasks: Annotated[str, typer.Option(help="Names, with commas between.")] = ",".join(TASKS),
    limit: Annotated[int | None, typer.Option(help="Questions a task; default all.")] = None,
    folder: Annotated[Path | None, typer.Option("--folder", help="Folder with task files of your own.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Also write the numbers to this JSON file.")] = None,
) -> None:
    """Measure zero-shot accuracy of models side by side."""
    try:
        checked_device(device)
        if out is not None:
            check_place(out)
        names = [name.strip() for name in tasks.split(",") if name.strip()]
        results = {}
        for source in models:
            model, tokenizer = load_model(source, device=device)
            results[source] = accuracies(model, tokenizer, names, limit=limit, folder=folder)
        for source, found in results.items():
            scores = ", ".join(
                f"{task} {100 * value:.1f} ± {100 * error:.1f}" for task, (value, error) in found.items()
            )
            typer.echo(f"{source}: {scores}")
        if out is not None:
            files.write(out, files.as_json({"tasks": names, "limit": limit, "accuracy": results}))
    except (OSError, ValueError, ModuleNotFoundError) as error:
        console.print(f"{error}", markup=False)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app()
