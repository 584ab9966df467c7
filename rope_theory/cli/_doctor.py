"""Verbs about what a config does: its diagnosis, and what to choose for a length."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

import rope_theory as rt
from rope_theory._core.files import check_place, write_text
from rope_theory._core.records import json_ready, plain
from rope_theory.cli._shown import AsJson, Config, LayerType, app, plain_errors, plain_table, show
from rope_theory.doctor import ENGINES, Diagnosis, Finding, Reach, Recommendation
from rope_theory.doctor._reach import PRECISION_HYPOTHESIS, TOLERANCE

COLOURS = {"error": "bold red", "warning": "yellow", "info": "dim"}
REACH_HEADINGS = (
    "scaling", "own", "predicted", "beyond", "slowing", "inside", "logits ×", "V middle", "V end", "float32",
)  # fmt: skip
RULE_OF_THUMB = "predicted: tokens, by a rule of thumb and no guarantee."
MEASURES = (
    "slowing: of the pairs seen in training, at the target length; inside: the same for inputs inside the trained "
    "window. logits ×: by the attention factor. V: upper bound on a score in the middle of the trained window and at "
    "the target length, in units of the largest trained one."
)
REACH_LEGEND = (
    f"{RULE_OF_THUMB} beyond: pairs that leave the phases of training. {MEASURES} float32: cos and sin are off by at "
    f"most {TOLERANCE:g} below this position, proved for {PRECISION_HYPOTHESIS}."
)


@app.command()
@plain_errors
def doctor(
    config: Config,
    length: Annotated[
        int | None, typer.Option(help="Length of interest in tokens; default the extended window.")
    ] = None,
    as_json: AsJson = False,
    page: Annotated[str | None, typer.Option("--html", metavar="FILE", help="Also write a page to FILE.")] = None,
    fix: Annotated[str | None, typer.Option(metavar="FILE", help="Write the corrected config to FILE.")] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Also run the installed transformers on it.")] = False,
) -> None:
    """Say what a config really does to RoPE, in which engine, and how far it should work; exit code 1 on an error.

    Nothing of transformers or torch is loaded without --execute.
    """
    for place in (page, fix):
        if place is not None:
            check_place(Path(place))
    engines = ENGINES
    if execute:
        from rope_theory.models import installed_engine

        engines = (*ENGINES, installed_engine())
    found = rt.doctor.diagnose(config, length, engines=engines)
    if page is not None:
        from rope_theory._doctor_page import doctor_page  # pictures, which no other verb needs

        write_text(Path(page), doctor_page(found, source=config))
        typer.echo(f"page written to {page}", err=True)
    if fix is not None:
        write_text(Path(fix), _config_text(found.corrected))
        mended = sum(bool(finding.edits) and finding.severity != "info" for finding in found.findings)
        typer.echo(
            f"{mended} findings corrected, written to {fix}" if mended else f"nothing to correct; {fix} is a copy",
            err=True,
        )
    show(found, _draw_diagnosis, as_json)
    if found.severity == "error":
        raise typer.Exit(1)


def _config_text(config: Mapping[str, Any]) -> str:
    """Return a config.json; infinities, which some released ones hold, are written as Python's json reads them."""
    return json.dumps(plain(config), indent=2) + "\n"


def _draw_diagnosis(found: Diagnosis) -> Iterator[RenderableType]:
    for table in found.tables:
        config, layers = table.frequencies.config, f" ({table.layer_type})" if table.layer_type else ""
        yield Text(
            f"{found.model_type}{layers}: {table.scaling}; head width {config.head_dim}, {config.width} rotate; base "
            f"{config.base:.10g}; pairing {table.pairing}; attention factor {table.frequencies.attention_factor:.6g}; "
            f"trained window {table.trained_window}, extended {table.extended_window} tokens"
        )
    if found.tables:
        yield Text("")
    for finding in found.findings:
        yield from _draw_finding(finding)
    if not found.findings:
        yield Text("Nothing to say.")
    if found.conformance.rows:
        yield plain_table(
            ("engine", "table", "layers", "at tokens", "θ differs", "A differs"),
            (
                (
                    row.engine, row.origin if row.outcome == "table" else "none", row.layer_type or "all", row.length,
                    *("–" if value is None else value for value in (row.theta_difference, row.attention_difference)),
                )
                for row in found.conformance.rows
            ),
        )  # fmt: skip
    for reach in found.reach:
        yield from _draw_reach(reach)


def _draw_finding(finding: Finding) -> Iterator[RenderableType]:
    head = Text(f"{finding.severity:7} ", style=COLOURS[finding.severity])
    yield head.append(f"{finding.key}: {finding.happens}", style="")
    lines = [f"meant: {finding.meant}"] if finding.severity != "info" else []
    if finding.engines and finding.severity != "info":
        lines.append(f"in: {', '.join(finding.engines)}")
    if finding.corrected is not None and finding.severity != "info":
        lines.append(f"corrected: {json.dumps(json_ready(finding.corrected), allow_nan=False)}")
    yield from (Padding(Text(line), (0, 0, 0, 8)) for line in lines)


def _draw_reach(reach: Reach) -> Iterator[RenderableType]:
    yield Text(f"At {reach.target_length} tokens, trained at {reach.trained_window}:")
    yield plain_table(
        REACH_HEADINGS,
        (
            (
                row.scaling, "own" if row.configured else "", row.predicted_length or "no limit", row.pairs_beyond,
                row.slowing, row.slowing_inside, row.logit_factor, row.worst_inside, row.worst_at_end,
            row.float32_until, )
            for row in reach.rows
        ),
    )  # fmt: skip
    yield Text(REACH_LEGEND, style="dim")


@app.command()
@plain_errors
def recommend(
    config: Config,
    length: Annotated[int, typer.Option(help="Target length in tokens.")],
    layer_type: LayerType = None,
    as_json: AsJson = False,
    write: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the config of the first option to FILE.")
    ] = None,
) -> None:
    """Rank methods and factors for a length, each with what it costs inside the trained window, and the first's config.

    All configs come with --json.
    """
    if write is not None:
        check_place(Path(write))
    found = rt.doctor.recommend(config, length, layer_type=layer_type)
    if write is not None and found.rows:
        write_text(Path(write), _config_text(found.rows[0].config))
        typer.echo(f"config of {found.rows[0].method} {found.rows[0].factor:g} written to {write}", err=True)
    show(found, functools.partial(_draw_recommendation, layer_type), as_json)


def _draw_recommendation(layer_type: str | None, found: Recommendation) -> Iterator[RenderableType]:
    yield Text(" ".join(found.notes))
    yield plain_table(
        ("method", "", "factor", "predicted", "slowing", "inside", "logits ×", "V middle", "V end"),
        (
            (
                option.method, "" if option.reach.reaches else "short", option.factor,
                option.reach.predicted_length or "no limit", option.reach.slowing, option.reach.slowing_inside,
                option.reach.logit_factor, option.reach.worst_inside, option.reach.worst_at_end,
            )
            for option in found.rows
        ),
    )  # fmt: skip
    yield Text(f"Ranked: {found.ranking}.", style="dim")
    yield Text(f"{RULE_OF_THUMB} {MEASURES}", style="dim")
    yield Text("The first; all of them, whole, with --json:")
    for option in found.rows[:1]:
        keys = {
            key: option.config[key] for key in ("rope_scaling", "rope_parameters", "rope_theta") if key in option.config
        }
        yield Text(f"{option.method} {option.factor:g}: {json.dumps(json_ready(keys), allow_nan=False)}")
        yield Text(option.remark)
