"""Command line of the reproduction."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable
from threadpoolctl import threadpool_limits

from experiments import files
from experiments.compared import Comparison, compare, document
from experiments.extension import plan, runs
from experiments.parts import ROOT, STORE, Part, Workshop
from paper_repro import claims, errata, gallery, pages, proofs_page
from rope_theory.reports import check_folder_place

PARTS: tuple[Part, ...] = tuple(
    import_module(name).PART
    for name in (
        "paper_repro.figure_1", "paper_repro.figure_2", "paper_repro.figure_2_exact", "paper_repro.figure_5",
        "paper_repro.ridge_path", "experiments.numerical_rank", "experiments.penalty_experiment",
        "experiments.phase_error", "experiments.real_heads", "experiments.loss_past_the_window",
        "paper_repro.extended_windows", "experiments.passkeys_by_step", "experiments.extension_boundary",
        "experiments.live_finetuning", "experiments.worst_case_edge", "experiments.worst_case_window",
        "experiments.worst_case_scalings", "paper_repro.table_theorem", "paper_repro.table_abel",
        "paper_repro.table_ridge", "experiments.table_worst_case", "experiments.table_interpolation",
        "experiments.table_kernels", "experiments.table_savers", "experiments.base_bounds",
        "experiments.reach_rule",
    )
)  # fmt: skip
"""The part of each of these modules, in the order of the gallery."""


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


LEDGER = "figures/claims.json"
"""The committed numbers of the claims."""

PROOFS = "docs/proofs.md"

app = typer.Typer(add_completion=False)
console = Console(stderr=True)


@app.command()
def run(
    target: Annotated[Target, typer.Argument(help="What to compute.")] = Target.ALL,
    update: Annotated[
        bool, typer.Option("--update", help="Rewrite committed files that differ; those named by --only in any case.")
    ] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Draw every picture as SVG too, in the same folder.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="First rewrite the sweeps in experiments/data: minutes; may be stopped.")
    ] = False,
    preset: Annotated[
        Preset, typer.Option(help="full: first make the fine-tuning runs that are missing, hours; may be stopped.")
    ] = Preset.STORED,
    device: Annotated[str, typer.Option(help="Where missing runs are made: cpu or cuda.")] = "cpu",
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="One figure, table or claim; may be given again.")
    ] = None,
) -> None:
    """Reproduce arXiv 2306.15595 into build/reproduction and compare with the committed files.

    Data, pictures and pages are compared within the tolerance of their part. The exit code is 1 where something
    differs that does not depend on rounding, or a verdict changed. Without --update no committed file is
    written, except that --rebuild and --preset full write into experiments/data.
    Finished figures, tables and claims are remembered and skipped; a claim named by --only is not.
    """
    try:
        chosen, entries = _chosen(target, only)
        if preset is Preset.FULL:
            if only:
                raise ValueError("--preset full makes every run that is missing; leave --only out, or the preset.")
            _make_runs(device)
        workshop = Workshop(formats=("png", "svg") if svg else ("png",))
        workshop.clear_leftovers()
        if update:
            for folder in (workshop.committed, ROOT / "docs"):
                check_folder_place(folder)
        with threadpool_limits(1):  # small problems: more threads only wait for each other on a busy machine
            if rebuild:
                _rebuild(", ".join(only) if only else target.value, chosen)
            compared, made, written, disagreements = _computed(workshop, chosen, entries, whole=not only, update=update)
    except (OSError, ValueError) as error:
        console.print(f"{error} What was finished before is kept.", markup=False)
        raise typer.Exit(1) from None
    columns = ("part", "compared with the committed files", "where, by how much")
    same = sum(one.status != "differs" for one in compared)
    title = f"Reproduction: {same} of {len(compared)} as committed"
    _print(title, columns, [(one.name, one.status, one.where) for one in compared])
    differing = {one.name for one in compared if one.status == "differs"}
    if update:
        differing |= {one.name for one in compared if one.name in written and one.is_reworded}
        _update(workshop, differing | set(only or ()), made, written)
        differing = set()
    changed = (("different, which was not expected", differing), ("with another verdict than before", disagreements))
    for words, names in changed:
        if names:
            console.print(f"{len(names)} {words}: {', '.join(sorted(names))}.", markup=False)
    if differing or disagreements:
        raise typer.Exit(1)


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


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )


def _rebuild(names: str, chosen: list[Part]) -> None:
    sweeps = list(dict.fromkeys(sweep for part in chosen for sweep in part.sweeps))
    if not sweeps:
        raise ValueError(f"{names} read no stored sweeps, so there is nothing to rebuild; leave --rebuild out.")
    STORE.clear_leftovers()
    with _progress() as progress:
        task = progress.add_task("sweeps", total=STORE.work(sweeps))
        STORE.rebuild(sweeps, lambda name, chunks: progress.update(task, advance=chunks, description=f"sweep {name}"))
    console.print(f"Computed {', '.join(sweep.name for sweep in sweeps)} again, into {STORE.data}.", markup=False)


def _make_runs(device: str) -> None:
    with _progress() as progress:
        task = progress.add_task("runs", total=len(plan.PLANNED))
        plan.make_missing(
            device=device, report=lambda name: progress.update(task, advance=1, description=f"run {name}")
        )
    console.print(f"All {len(plan.PLANNED)} runs lie in {runs.DATA}.", markup=False)


def _computed(
    workshop: Workshop, chosen: list[Part], entries: list[dict[str, Any]], *, whole: bool, update: bool
) -> tuple[list[Comparison], dict[str, dict[str, bytes]], dict[str, bytes], tuple[str, ...]]:
    """Compute and compare; return the comparisons, the files of parts, the pages, and claims with another verdict."""
    if entries and whole:
        pages.check(ROOT)  # before minutes of work, not after
    compared, made, rows = [], {}, []
    with _progress() as progress:
        task = progress.add_task("starting", total=len(chosen) + len(entries))
        for part in chosen:
            progress.update(task, description=part.name)
            made[part.name] = workshop.make(part)
            compared.append(workshop.compare(part, made[part.name], pictures=update))
            progress.advance(task)
        for entry in entries:
            progress.update(task, description=f"claim {entry['id']}")
            rows.append(claims.recompute(entry, remembered=whole))
            progress.advance(task)
        progress.update(task, description="pages")
        ledger = claims.Ledger(tuple(rows)) if rows else None
        written = _pages(workshop, made, ledger) if whole else {}
        progress.update(task, description="done")
    if ledger is not None:
        compared.append(claims.compare(ledger, ROOT / LEDGER))
        if not whole:
            _print("Claims of arXiv 2306.15595", pages.CLAIMS, pages.cells(ledger))
            console.print("†: depends on rounding, other digits on other processors.")
    compared += [
        compare(name, {name: content}, files.present(ROOT, [name]), document(name))
        for name, content in written.items()
        if name != LEDGER
    ]
    return compared, made, written, ledger.disagreements if ledger else ()


def _pages(workshop: Workshop, made: dict[str, dict[str, bytes]], ledger: claims.Ledger | None) -> dict[str, bytes]:
    """Write the generated pages and the ledger into build/; return them, by their path in the project."""
    known = {name: entry["files"] for name, entry in workshop.manifest().items()} | made
    texts = pages.updated(ROOT, ledger)
    texts["figures/README.md"] = gallery.page(PARTS, known)
    texts[PROOFS] = proofs_page.updated((ROOT / PROOFS).read_text(encoding="utf-8"))
    if ledger is not None:
        texts["docs/errata.md"] = errata.page(ledger)
        texts[LEDGER] = files.as_json(ledger).decode()
    written = {name: text.encode() for name, text in texts.items()}
    for name, content in written.items():
        files.write(workshop.figures.parent / name, content)
    return written


def _update(workshop: Workshop, names: set[str], made: dict[str, dict[str, bytes]], written: dict[str, bytes]) -> None:
    """Rewrite the committed files of the named parts and pages, and manifest.json."""
    workshop.commit(PARTS, {name: contents for name, contents in made.items() if name in names})
    for name in names & set(written):
        files.write(ROOT / name, written[name])
    rewritten = sorted(names & {*made, *written})
    console.print(f"Rewritten: {', '.join(rewritten) or 'nothing'}.", markup=False)


def _print(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    shown = RichTable(*header, title=title)
    for row in rows:
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(shown)
