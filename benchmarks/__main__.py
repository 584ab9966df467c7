"""Run the benchmarks, print them and store them in benchmarks/results.json."""

from __future__ import annotations

import os
import platform
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
from paper_repro import files, readme
from paper_repro.parts import versions

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
) -> None:
    """Measure ratios within one run."""
    errors = Console(stderr=True)
    results: list[Measurement] = [
        question.run() for question in track(QUESTIONS, description="measuring", console=errors)
    ]
    if whole:
        errors.print("timing make reproduce and make test in a fresh clone …")
        results += commands.run()
    table = Table(*HEADER)
    rows = [_row(result) for result in results]
    for row in rows:
        table.add_row(*row)
    Console(width=None if errors.is_terminal else 160).print(table)
    stored = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "results": [result.to_dict() | {"met": result.met} for result in results],
    }
    files.write(ROOT / "benchmarks" / "results.json", files.as_json(stored))
    if whole:  # the README shows complete runs only
        text = readme.replaced((ROOT / "README.md").read_text(), "benchmarks", readme.table(HEADER, rows))
        files.write(ROOT / "README.md", text.encode())


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
