"""Verbs about what a config does: its diagnosis, and what to choose for a length."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

import rope_theory as rt
from rope_theory._core.records import plain
from rope_theory.cli._shown import AsJson, Config, LayerType, Page, show, verb, write_page
from rope_theory.doctor import ENGINES
from rope_theory.reports import check_place, write_text


@verb
def doctor(
    config: Config,
    length: Annotated[int | None, Option(help="Length of interest in tokens; default the extended window.")] = None,
    as_json: AsJson = False,
    page: Page = None,
    fix: Annotated[str | None, Option(metavar="FILE", help="Write the corrected config to FILE.")] = None,
    execute: Annotated[bool, Option("--execute", help="Also run the installed transformers on it.")] = False,
) -> None:
    """Say what a config really does to RoPE, in which engine, and how far it should work; exit code 1 on an error.

    Nothing of transformers or torch is loaded without --execute.
    """
    for place in (page, fix):
        if place is not None:
            check_place(Path(place))
    engines = (*ENGINES, rt.models.installed_engine()) if execute else ENGINES
    found = rt.doctor.diagnose(config, length, engines=engines)
    if page is not None:
        write_page(page, found, source=config)
    if fix is not None:
        write_text(Path(fix), _config_text(found.corrected))
        mended = sum(bool(finding.edits) and finding.severity != "info" for finding in found.findings)
        typer.echo(
            f"{mended} findings corrected, written to {fix}" if mended else f"nothing to correct; {fix} is a copy",
            err=True,
        )
    show(found, as_json, source=config)
    if found.severity == "error":
        raise typer.Exit(1)


def _config_text(config: Mapping[str, Any]) -> str:
    """Return a config.json; infinities, which some released ones hold, are written as Python's json reads them."""
    return json.dumps(plain(config), indent=2) + "\n"


@verb
def recommend(
    config: Config,
    length: Annotated[int, Option(help="Target length in tokens.")],
    layer_type: LayerType = None,
    as_json: AsJson = False,
    write: Annotated[str | None, Option(metavar="FILE", help="Write the config of the first option to FILE.")] = None,
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
    show(found, as_json)
