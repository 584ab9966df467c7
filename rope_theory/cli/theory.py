"""Verbs about tables, bounds and proofs."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

import rope_theory as rt
from rope_theory._core.files import check_place
from rope_theory._labels import short_label
from rope_theory._overview import (
    BoundsAtOffset,
    FrequencyOverview,
    WorstCase,
    bounds_at,
    certified,
    frequency_overview,
    worst_case_overview,
)
from rope_theory.cli._shown import (
    AsJson,
    Config,
    LayerType,
    OptionalConfig,
    aligned,
    app,
    described,
    draw_notes,
    plain_errors,
    show,
)
from rope_theory.errors import Conflict, MissingArgument, MissingFile, OutOfRange, UnknownChoice

COMPARED = ("configured", "PI", "NTK-aware", "by-parts", "YaRN")
"""Headings of the scalings in ``frequencies``."""


@app.command()
@plain_errors
def bounds(
    config: OptionalConfig = None,
    layer_type: LayerType = None,
    head_dim: Annotated[int | None, typer.Option(help="Without CONFIG: width of a head; default 128.")] = None,
    base: Annotated[float | None, typer.Option(help="Without CONFIG: RoPE base; default 10000.")] = None,
    rotary_dim: Annotated[int | None, typer.Option(help="Without CONFIG: rotated width, if not all.")] = None,
    context_length: Annotated[
        int | None, typer.Option(help="Without CONFIG: trained window in tokens; default 2048.")
    ] = None,
    offset: Annotated[float, typer.Option(help="Offset s in tokens.")] = 0.5,
    left: Annotated[float | None, typer.Option(help="Left end of the cell; default floor(s).")] = None,
    right: Annotated[float | None, typer.Option(help="Right end of the cell; default floor(s) + 1.")] = None,
    h_max: Annotated[float, typer.Option(help="Bound on every |h_j|.")] = 1.0,
    as_json: AsJson = False,
) -> None:
    """Print every closed-form bound that gives a number at one offset, proved and refuted."""
    widths = {
        "head_dim": head_dim, "base": base, "rotary_dim": rotary_dim, "context_length": context_length,
    }  # fmt: skip
    table = _table(config, layer_type, {name: value for name, value in widths.items() if value is not None})
    show(bounds_at(table, offset, left, right, h_max=h_max), _draw_bounds, as_json)


def _table(config: str | None, layer_type: str | None, widths: dict[str, Any]) -> rt.Frequencies:
    if config is None:
        if layer_type is not None:
            raise MissingArgument(("CONFIG",), "--layer-type chooses a table of a CONFIG")
        return rt.scaling.Unscaled().frequencies(rt.RopeConfig(**{"head_dim": 128, **widths}))
    if widths:
        options = ", ".join("--" + name.replace("_", "-") for name in widths)
        raise Conflict((options, "CONFIG"), "exclude each other: a CONFIG says this already", "leave one out")
    return rt.from_hf(config, layer_type=layer_type).frequencies()


def _draw_bounds(record: BoundsAtOffset) -> Iterator[RenderableType]:
    cell = f"[s1, s2] = [{record.s1:.10g}, {record.s2:.10g}]"
    yield Text(f"s = {record.s:.10g} in the cell {cell} tokens; |h_j| ≤ {record.h_max:g}")
    yield Text(described(record.config, record.scaling))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for heading in ("bound", "value", "relation", "evidence", "of θ"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "value" else "left")
    table.add_column("statement", overflow="fold")
    for row in record.rows:
        refuted = row.evidence == "refuted"
        evidence = "REFUTED" if refuted else row.evidence
        cells = (row.name, f"{row.value:.7g}", row.relation, evidence, row.theta, row.formula)
        table.add_row(*cells, style="red" if refuted else None)
    yield table
    yield from draw_notes(record.notes)


@app.command()
@plain_errors
def certify(
    config: OptionalConfig = None,
    layer_type: LayerType = None,
    head_dim: Annotated[int | None, typer.Option(help="Without CONFIG: width of a head; default 128.")] = None,
    base: Annotated[float | None, typer.Option(help="Without CONFIG: RoPE base; default 10000.")] = None,
    rotary_dim: Annotated[int | None, typer.Option(help="Without CONFIG: rotated width, if not all.")] = None,
    window: Annotated[
        int | None,
        typer.Option(help="Trained window in tokens: offsets 0 … window − 1; default CONFIG's, else 2048."),
    ] = None,
    offset: Annotated[float, typer.Option(help="Offset s in tokens.")] = 0.5,
    ratio: Annotated[float, typer.Option(help="Largest |h_j| over the largest trained |score|, H/A.")] = 1.0,
    save: Annotated[str | None, typer.Option(metavar="FILE", help="Write the certificate to FILE, as JSON.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove how large a score can be at an offset, given its size on the trained ones and that of h.

    Trained scores are at most 1. With a CONFIG that is scaled, they are those of its unscaled table, and the
    scaled one is asked at the offset.
    """
    if save is not None:
        check_place(Path(save))
    if window is not None and window < 2:
        raise OutOfRange("--window", window, low=2, remedy="It is the trained window in tokens")
    widths: dict[str, Any] = {"head_dim": head_dim, "base": base, "rotary_dim": rotary_dim}
    if config is None:
        widths["context_length"] = window
    table = _table(config, layer_type, {name: value for name, value in widths.items() if value is not None})
    trained = table.config.context_length if window is None else window
    certificate, overview = certified(table, offset, trained, ratio=ratio)
    if save is not None:
        certificate.save(save)
    show(overview, functools.partial(_draw_worst_case, save), as_json)


@app.command()
@plain_errors
def verify(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A certificate written by certify --save.")],
    bits: Annotated[int, typer.Option(help="Working precision of ball arithmetic.")] = 256,
    as_json: AsJson = False,
) -> None:
    """Check a certificate again in ball arithmetic; a changed field or a false number is named, with exit code 2."""
    if not os.path.lexists(file):
        raise MissingFile(str(file), "does not exist", "rope-theory certify --save FILE writes one")
    certificate = rt.certificates.Certificate.load(file)
    show(worst_case_overview(certificate, bits=bits), functools.partial(_draw_worst_case, None), as_json)


def _draw_worst_case(saved: str | None, record: WorstCase) -> Iterator[RenderableType]:
    if record.config is not None:
        yield Text(described(record.config, record.scaling))
    inside = record.first <= record.s <= record.last
    where = "asked of the scaled table" if record.scaling != record.trained else "inside" if inside else "outside"
    yield Text(
        f"trained offsets {record.first:.10g} … {record.last:.10g} ({record.count}), |score| ≤ {record.score_max:g} on "
        f"them; |h_j| ≤ {record.h_max:g}; s = {record.s:.10g}, {where}"
    )
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for heading in ("largest |score| at s", "at least", "at most", "gap", "triangle bound"):
        table.add_column(heading, no_wrap=True, justify="left" if heading.startswith("largest") else "right")
    numbers = (record.proved.lower, record.proved.upper)
    table.add_row(
        "proved in ball arithmetic", *(f"{value:.10g}" for value in numbers), f"{record.gap:.1e}",
        f"{record.triangle:.7g}",
    )  # fmt: skip
    yield table
    kinds = {"real": "the real numbers c^(−2j/d)", "float64": "their float64 values"}
    asked = "" if record.scaling == record.trained else f", asked ones {kinds[record.proved.target_frequencies]}"
    yield Text(
        f"{record.carried} trained offsets carry the proof; {record.proved.bits} bits; frequencies: "
        f"{kinds[record.proved.frequencies]}{asked}"
    )
    if saved is not None:
        yield Text(f"written to {saved}; check it with: rope-theory verify {saved}")
    yield from draw_notes(record.notes)


@app.command()
@plain_errors
def prove(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which proof; all of them when not given.")] = None,
    latex: Annotated[bool, typer.Option("--latex", help="Print the proof as LaTeX instead, unchecked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check proofs step by step: by algebra, or by ball arithmetic; failing steps are named."""
    proofs = _proofs()
    names = list(proofs.PROOFS)
    if name is not None and name not in names:
        raise UnknownChoice("The name of a proof", repr(name), tuple(names))
    chosen = names if name is None else [name]
    if latex:
        if as_json:
            raise Conflict(("--latex", "--json"), "exclude each other", "leave one out")
        typer.echo("\n\n".join(proofs.PROOFS[one].latex() for one in chosen))
        return
    show(proofs.overview(*chosen), functools.partial(_draw_proofs, proofs, name is not None), as_json)


def _proofs() -> Any:
    """Return the package ``proofs``, which lies beside this one in a checkout and is in no wheel."""
    checkout = Path(rt.__file__).resolve().parents[1]
    if not (checkout / "proofs" / "proof.py").is_file():
        raise MissingFile(
            str(checkout / "proofs"),
            "does not exist: the machine-checked proofs are part of the repository, not of the installed package",
            "clone the repository and run `make install` there, then this command",
        )
    if sys.path[0] != str(checkout):
        sys.path.insert(0, str(checkout))
    return importlib.import_module("proofs")


def _draw_proofs(proofs: Any, steps: bool, record: Any) -> Iterator[RenderableType]:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for heading in ("proof", "steps", "verdict"):
        table.add_column(heading, no_wrap=True, justify="right" if heading == "steps" else "left")
    table.add_column("statement", overflow="fold")
    for checked in record.proofs:
        quoted = f", {len(checked.quoted)} quoted" if checked.quoted else ""
        verdict = f"holds{quoted}" if checked.holds else "FAILS" if checked.failing else "undecided"
        formula = proofs.PROOFS[checked.proof].formula
        style = None if checked.holds else "red"
        table.add_row(checked.proof, str(len(checked.rows)), verdict, formula, style=style)
    yield table
    if not steps:
        return
    for checked in record.proofs:
        rows = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
        for heading in ("step", "verdict", "by"):
            rows.add_column(heading, no_wrap=True)
        rows.add_column("why", overflow="fold")
        for step, row in zip(proofs.PROOFS[checked.proof].steps, checked.rows, strict=True):
            failed = row.verdict == "fails"
            why = "; ".join(part for part in (row.witness or step.reason, row.note) if part)
            rows.add_row(row.step, row.verdict, row.method, why, style="red" if failed else None)
        yield rows


@app.command()
@plain_errors
def frequencies(
    config: Config,
    layer_type: LayerType = None,
    length: Annotated[int | None, typer.Option(help="Current length in tokens; default the trained window.")] = None,
    factor: Annotated[
        float | None, typer.Option(help="Factor of the methods compared; default the configured one, else 4.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a model's rotary table pair by pair, and by how much each scaling slows every pair."""
    model = rt.from_hf(config, layer_type=layer_type)
    show(
        frequency_overview(model, length=length, factor=factor),
        functools.partial(_draw_frequencies, config),
        as_json,
    )


def _draw_frequencies(source: str, record: FrequencyOverview) -> Iterator[RenderableType]:
    layers = f", {record.layer_type} layers" if record.layer_type else ""
    yield Text(f"{source}{layers}")
    yield Text(described(record.config, record.scaling))
    mu = record.attention_factor
    at = f"{record.length} tokens" if record.length else "the trained window"
    yield Text(f"pairing {record.pairing}; attention factor μ = {mu:.6g}, scores × μ² = {mu**2:.6g}; length {at}")
    yield Text("wavelength and turns inside the trained window: unscaled; then divisors θ_unscaled / θ'")
    pi, ntk, parts, yarn = (short_label(scaling) for scaling in record.alternatives)
    yield Text(f"PI = {pi}; NTK-aware = {ntk}; by-parts = {parts}, ramp by turns;")
    yarn_mu = record.alternative_attention_factors[-1]
    yield Text(f"YaRN = {yarn}, ramp by pair index as in transformers, μ = {aligned(yarn_mu, 6)}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for heading in ("pair", "wavelength\n[tokens]", "turns", *COMPARED):
        table.add_column(heading, no_wrap=True, justify="right")
    for row in record.rows:
        divisors = (row.configured, row.position_interpolation, row.ntk_aware, row.ntk_by_parts, row.yarn)
        table.add_row(
            str(row.pair),
            aligned(row.wavelength, 2),
            aligned(row.turns, 4),
            *(aligned(d, 4) for d in divisors),
        )
    yield table
    yield from draw_notes(record.notes)
