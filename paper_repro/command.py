"""Command line of the reproduction."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from threadpoolctl import threadpool_limits

from experiments import (
    base_bounds,
    extension_boundary,
    files,
    live_finetuning,
    loss_past_the_window,
    numerical_rank,
    passkeys_by_step,
    penalty_experiment,
    phase_error,
    reach_rule,
    real_heads,
    table_interpolation,
    table_kernels,
    table_savers,
    table_worst_case,
    worst_case_edge,
    worst_case_scalings,
    worst_case_window,
)
from experiments.extension import plan, runs
from experiments.parts import ROOT, STORE, Part, Workshop
from paper_repro import (
    claims,
    errata,
    extended_windows,
    figure_1,
    figure_2,
    figure_2_exact,
    figure_5,
    gallery,
    pages,
    proofs_page,
    ridge_path,
    table_abel,
    table_ridge,
    table_theorem,
)

PARTS: tuple[Part, ...] = (
    figure_1.PART,
    figure_2.PART,
    figure_2_exact.PART,
    figure_5.PART,
    ridge_path.PART,
    numerical_rank.PART,
    penalty_experiment.PART,
    phase_error.PART,
    real_heads.PART,
    loss_past_the_window.PART,
    extended_windows.PART,
    passkeys_by_step.PART,
    extension_boundary.PART,
    live_finetuning.PART,
    worst_case_edge.PART,
    worst_case_window.PART,
    worst_case_scalings.PART,
    table_theorem.PART,
    table_abel.PART,
    table_ridge.PART,
    table_worst_case.PART,
    table_interpolation.PART,
    table_kernels.PART,
    table_savers.PART,
    base_bounds.PART,
    reach_rule.PART,
)


class Target(StrEnum):
    """What to make."""

    FIGURES = "figures"
    TABLES = "tables"
    CLAIMS = "claims"
    ALL = "all"


class Preset(StrEnum):
    """How much is computed."""

    STORED = "stored"
    FULL = "full"


app = typer.Typer(add_completion=False)
console = Console(stderr=True)


@app.command()
def run(
    target: Annotated[Target, typer.Argument(help="What to make.")] = Target.ALL,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First compute the stored sweeps again, many minutes; may be stopped.")
    ] = False,
    preset: Annotated[
        Preset, typer.Option(help="full: first make the fine-tuning runs that are missing, hours; may be stopped.")
    ] = Preset.STORED,
    device: Annotated[str, typer.Option(help="Where missing runs are made: cpu or cuda.")] = "cpu",
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One figure, table or claim; may be given again.")
    ] = None,
) -> None:
    """Reproduce arXiv 2306.15595 into figures/ and docs/; finished figures and tables are skipped."""
    try:
        chosen, entries = _chosen(target, only)
        if preset is Preset.FULL:
            if only:
                raise ValueError("--preset full makes every run that is missing; leave --only out, or the preset.")
            _make_runs(device)
        with threadpool_limits(1):  # small problems: more threads only wait for each other on a busy machine
            if rebuild:
                _rebuild(", ".join(only) if only else target.value, chosen)
            _make(target, chosen, entries, whole=not only)
    except (OSError, ValueError) as error:
        console.print(f"{error} What was finished before is kept.", markup=False)
        raise typer.Exit(1) from None


def _chosen(target: Target, only: list[str] | None) -> tuple[list[Part], list[dict[str, Any]]]:
    """Return the figures and tables, and the claims, of a target, or those named among them."""
    chosen = [part for part in PARTS if target in (Target.ALL, part.kind)]
    entries = claims.recorded() if target in (Target.ALL, Target.CLAIMS) else []
    if not only:
        return chosen, entries
    names = [*(part.name for part in chosen), *(entry["id"] for entry in entries)]
    for name in only:
        if name not in names:
            raise ValueError(f"{name!r} is not among the {target}: {', '.join(names)}.")
    return [part for part in chosen if part.name in only], [entry for entry in entries if entry["id"] in only]


def _columns() -> tuple[TextColumn, BarColumn, MofNCompleteColumn, TimeElapsedColumn]:
    return TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()


def _rebuild(names: str, chosen: list[Part]) -> None:
    sweeps = list(dict.fromkeys(sweep for part in chosen for sweep in part.sweeps))
    if not sweeps:
        raise ValueError(f"{names} read no stored sweeps, so there is nothing to rebuild; leave --rebuild out.")
    STORE.clear_leftovers()
    with Progress(*_columns(), console=console) as progress:
        task = progress.add_task("sweeps", total=STORE.work(sweeps))
        STORE.rebuild(sweeps, lambda name, chunks: progress.update(task, advance=chunks, description=f"sweep {name}"))
    console.print(f"Computed {', '.join(sweep.name for sweep in sweeps)} again, into {STORE.data}.", markup=False)


def _make_runs(device: str) -> None:
    with Progress(*_columns(), console=console) as progress:
        task = progress.add_task("runs", total=len(plan.PLANNED))
        plan.make_missing(
            device=device, report=lambda name: progress.update(task, advance=1, description=f"run {name}")
        )
    console.print(f"All {len(plan.PLANNED)} runs lie in {runs.DATA}.", markup=False)


def _make(target: Target, chosen: list[Part], entries: list[dict[str, Any]], *, whole: bool) -> None:
    workshop = Workshop()
    workshop.clear_leftovers()
    if entries and whole:
        pages.check(ROOT)  # before minutes of work, not after
    made, rows = [], []
    with Progress(*_columns(), console=console) as progress:
        task = progress.add_task("starting", total=len(chosen) + len(entries))
        for part in chosen:
            progress.update(task, description=part.name)
            if not workshop.is_finished(part):
                workshop.make(part)
                workshop.write_manifest(PARTS)
                made.append(part.name)
            progress.advance(task)
        for entry in entries:
            progress.update(task, description=f"claim {entry['id']}")
            rows.append(claims.recompute(entry))
            progress.advance(task)
        progress.update(task, description="done")
    if chosen:
        gallery.write(workshop.figures / "README.md", PARTS, workshop.write_manifest(PARTS))
        if target in (Target.ALL, Target.TABLES):
            pages.write(ROOT)
            proofs_page.write(ROOT / "docs" / "proofs.md")
        console.print(
            f"Made {', '.join(made) or 'nothing'}; {len(chosen) - len(made)} of {len(chosen)} figures and tables were "
            f"finished before. They lie in {workshop.figures}."
        )
    if rows:
        ledger = claims.Ledger(tuple(rows))
        if whole:
            files.write(ROOT / "figures" / "claims.json", files.as_json(ledger))
            pages.write(ROOT, ledger)
            errata.write(ROOT / "docs" / "errata.md", ledger)
        _show(ledger, whole=whole)


def _show(ledger: claims.Ledger, *, whole: bool) -> None:
    shown = RichTable("place", "claim", "verdict", "recomputed", title="Claims of arXiv 2306.15595", show_lines=True)
    if not whole:
        shown.add_column("witness")
    for row in ledger.rows:
        cells = [row.place, row.claim, row.finding.verdict, pages.number(row.finding.number, row.reproducible)]
        shown.add_row(*cells, *([] if whole else [row.finding.witness]))
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
    console.print(
        (
            f"Recomputed {len(ledger.rows)} claims into figures/claims.json, docs/claims.md and docs/errata.md. "
            if whole
            else ""
        )
        + "†: depends on rounding, other digits on other processors."
    )
    if ledger.disagreements:
        console.print(
            f"The verdict came out otherwise than recorded in claims.toml for: {', '.join(ledger.disagreements)}."
        )
        raise typer.Exit(1)
