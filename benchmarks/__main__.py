"""Run the benchmarks, print them and store them in benchmarks/results.json."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks import (
    abel_sum_speed,
    admissible_bases_speed,
    capture_overhead,
    check_memory,
    check_time,
    commands,
    doctor_time,
    import_time,
    long_window,
    memory,
    perplexity_memory,
    perplexity_speed,
    perplexity_speed_wide,
    ridge_speed,
    ridge_targets,
    score_curve_share,
    score_curve_speed,
    slider_redraw,
    verification_speed,
    worst_case_against_full_grid,
    worst_case_gap,
    worst_case_speed,
)
from benchmarks.measure import ROOT, Measurement
from experiments import files
from experiments.sweeps import versions
from paper_repro import pages

HEADER = ("question", "measured", "aim", "met", "details")
QUESTIONS = (
    score_curve_speed, score_curve_share, abel_sum_speed, memory, import_time, worst_case_speed,
    worst_case_against_full_grid, worst_case_gap, verification_speed, long_window, ridge_speed,
    ridge_targets, admissible_bases_speed, capture_overhead, check_time, check_memory,
    perplexity_speed, perplexity_speed_wide, perplexity_memory, slider_redraw,
    doctor_time,
)  # fmt: skip


def main(
    whole: Annotated[
        bool, typer.Option("--commands", help="Also time make reproduce and make test (minutes).")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="One question, such as doctor_time; the others keep their stored answers."),
    ] = None,
) -> None:
    """Measure ratios within one run each, print them, and store them here and in docs/performance.md."""
    errors = Console(stderr=True)
    questions = {question.__name__.rpartition(".")[2]: question for question in QUESTIONS}
    unknown = sorted(set(only or ()) - questions.keys())
    if unknown:
        raise typer.BadParameter(f"no question {', '.join(unknown)}; there are {', '.join(questions)}.")
    asked = [questions[name] for name in only] if only else list(QUESTIONS)
    results = [question.run() for question in track(asked, description="measuring", console=errors)]
    _store(results, keep=not whole)
    if whole:
        errors.print("timing make reproduce and make test in a fresh clone …")
        results += commands.run()
        _store(results, keep=False)
    table = Table(*HEADER)
    for result in results:
        table.add_row(*_row(result))
    Console(width=None if errors.is_terminal else 160).print(table)


def _store(results: Sequence[Measurement], *, keep: bool) -> None:
    """Store answers with the versions they were measured with, beside those of before or alone; and in docs."""
    path = ROOT / "benchmarks" / "results.json"
    stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"results": []}
    answers = {answer["question"]: answer for answer in stored["results"]} if keep else {}
    for result in results:
        answers[result.question] = result.to_dict() | {"met": result.met, "versions": versions()}
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    files.write(path, files.as_json({"machine": machine, "results": list(answers.values())}))
    known = {field.name for field in dataclasses.fields(Measurement)}
    rows = [
        _row(Measurement(**{name: value for name, value in answer.items() if name in known}))
        for answer in answers.values()
    ]
    page = ROOT / "docs" / "performance.md"
    text = pages.replaced(page.read_text(encoding="utf-8"), "benchmarks", pages.table(HEADER, rows), page.name)
    files.write(page, text.encode())


def _row(result: Measurement) -> tuple[str, ...]:
    side = "≥" if result.better == "above" else "≤"
    return (
        result.question,
        f"{result.value:.3g} {result.unit}",
        f"{side} {result.aim:g} {result.unit}",
        "yes" if result.met else "NO",
        result.details,
    )


if __name__ == "__main__":
    typer.run(main)
