"""A diagnosis as one page."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from rope_theory import plots
from rope_theory._core.records import json_ready
from rope_theory._page import page, picture, table
from rope_theory.doctor._conformance import SAME, ConformanceMatrix
from rope_theory.doctor._diagnose import Diagnosis, RopeTable
from rope_theory.doctor._reach import PRECISION_HYPOTHESIS, TOLERANCE, Reach
from rope_theory.doctor.finding import SEVERITIES, Finding
from rope_theory.scaling.unscaled import Unscaled

LONGEST_LIST = 8
"""Entries of a list that a shown config repeats."""

REACH_HEADINGS = (
    "scaling", "config's own", "predicted length", "pairs beyond", "slowing", "slowing inside", "logits ×",
    "worst case mid-window", "worst case at the end", "Σ cos < 0 from", "float32 safe below",
)  # fmt: skip


def doctor_page(found: Diagnosis, *, source: str) -> str:
    """Return a diagnosis as one HTML page.

    Parameters
    ----------
    found : Diagnosis
        The result.
    source : str
        What was diagnosed; shown as given.
    """
    return page(f"RoPE of {source}", _parts(found, source))


def _parts(found: Diagnosis, source: str) -> Iterator[str]:
    yield f"<h1>RoPE of {html.escape(source)}</h1>"
    counts = {severity: sum(item.severity == severity for item in found.findings) for severity in reversed(SEVERITIES)}
    words = ", ".join(
        f"{count} {severity}{'s' if count != 1 and severity != 'info' else ''}" for severity, count in counts.items()
    )
    yield f"<p>Model type {html.escape(str(found.model_type))}. {words}.</p>"
    for one in found.tables:
        yield from _table_part(one)
    yield "<h2>Findings</h2>"
    yield from (_finding(item) for item in found.findings)
    if not found.findings:
        yield "<p>Nothing to say.</p>"
    if found.conformance.matrices:
        yield "<h2>What engines make of it</h2>"
        yield (
            "<p>Largest relative difference of a frequency, and after the stroke of the attention factor, row against "
            "column. 0: the same table up to rounding. –: no table. ∞: another number of frequencies.</p>"
        )
        for matrices in _alike(found.conformance.matrices):
            yield from _matrix(matrices)
        yield "<h3>In words</h3>"
        yield _conformance_words(found)
    for reach in found.reach:
        yield from _reach(reach)
    if found.corrected and any(item.edits for item in found.findings if item.severity != "info"):
        yield "<h2>Corrected config</h2>"
        yield _code(found.corrected)


def _table_part(one: RopeTable) -> Iterator[str]:
    config, layers = one.frequencies.config, f", layers {one.layer_type}" if one.layer_type else ""
    yield f"<h2>Table{html.escape(layers)}</h2>"
    yield (
        f"<p>{html.escape(one.scaling)}; head width {config.head_dim}, of which {config.width} rotate; base "
        f"{config.base:.10g}; pairing {one.pairing}; attention factor {one.frequencies.attention_factor:.6g}. Trained "
        f"window {one.trained_window} tokens, extended {one.extended_window}.</p>"
    )
    trained = Unscaled().frequencies(config)
    tables = [trained, one.frequencies_extended]
    if np.array_equal(trained.theta, one.frequencies_extended.theta):
        tables = [trained]
    yield picture(
        partial(plots.wavelengths, tables, window=one.trained_window),
        "Wavelengths, pair by pair, at the extended window; the line is the trained window",
    )
    yield f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in one.notes)}</ul>"


def _finding(item: Finding) -> str:
    if item.severity == "info":
        threads = f" <small>{html.escape(', '.join(item.threads))}</small>" if item.threads else ""
        return f"<p class='finding'>{html.escape(item.key)}: {html.escape(item.happens)}{threads}</p>"
    parts = [
        f"<p><span class='{item.severity}'>{item.severity}</span> {html.escape(item.key)} <small>({item.name})</small>",
        f"</p><dl><dt>Meant</dt><dd>{html.escape(item.meant)}</dd><dt>Happens</dt><dd>{html.escape(item.happens)}</dd>",
    ]
    if item.engines:
        parts.append(f"<dt>In</dt><dd>{html.escape(', '.join(item.engines))}</dd>")
    if item.threads:
        parts.append(f"<dt>Seen in</dt><dd>{html.escape(', '.join(item.threads))}</dd>")
    parts.append("</dl>")
    if item.corrected is not None:
        parts += ["<p>Corrected keys:</p>", _code(item.corrected)]
    return f"<div class='finding {item.severity}'>{''.join(parts)}</div>"


def _code(value: Any) -> str:
    return f"<pre>{html.escape(json.dumps(_shortened(json_ready(value)), indent=2, allow_nan=False))}</pre>"


def _shortened(value: Any) -> Any:
    """Return JSON with long lists cut, which a page would only be filled by."""
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        return [*value[:3], f"… {len(value) - 4} more …", value[-1]]
    return value


def _alike(matrices: Iterable[ConformanceMatrix]) -> list[list[ConformanceMatrix]]:
    """Return matrices in groups that show the same numbers."""
    groups: dict[Any, list[ConformanceMatrix]] = {}
    for one in matrices:
        shown = tuple(_shown(value) for value in (*one.theta.ravel(), *one.attention.ravel()))
        groups.setdefault((one.layer_type, shown), []).append(one)
    return list(groups.values())


def _matrix(alike: list[ConformanceMatrix]) -> Iterator[str]:
    matrix = alike[0]
    layers = f", layers {matrix.layer_type}" if matrix.layer_type else ""
    lengths = " and at ".join(str(one.length) for one in alike)
    yield f"<h3>At {lengths} tokens{html.escape(layers)}</h3>"
    rows = (
        (name, *(f"{_shown(theta)} | {_shown(attention)}" for theta, attention in zip(*pair, strict=True)))
        for name, *pair in zip(matrix.engines, matrix.theta, matrix.attention, strict=True)
    )
    yield table(("engine", *matrix.engines), rows)


def _shown(value: float) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else "0" if value <= SAME else f"{value:.2g}"


def _conformance_words(found: Diagnosis) -> str:
    seen: dict[tuple[Any, ...], None] = {}
    for row in found.conformance.rows:
        seen[row.engine, row.origin, row.outcome, row.note] = None
    return table(("engine", "origin", "outcome", "what it does"), seen)


def _reach(reach: Reach) -> Iterator[str]:
    yield f"<h2>How far it should work: {reach.target_length} tokens asked</h2>"
    yield (
        f"<p>Trained window {reach.trained_window} tokens; critical dimension {reach.critical_dimension}. The "
        f"predicted length is a rule of thumb and no guarantee: {html.escape(reach.rule)}. Worst cases are upper "
        "bounds, in units of the largest trained score, for coefficients of at most that size. Below the position in "
        f"the last column, cos and sin in float32 are off by at most {TOLERANCE:g}, proved for "
        f"{html.escape(PRECISION_HYPOTHESIS)}.</p>"
    )
    rows = (
        (
            row.scaling, "yes" if row.configured else "", row.predicted_length or "no limit",
            f"{row.pairs_beyond} of {row.pairs}", row.slowing, row.slowing_inside, row.logit_factor, row.worst_inside,
            row.worst_at_end, "–" if row.first_negative is None else row.first_negative, row.float32_until,
        )
        for row in reach.rows
    )  # fmt: skip
    yield table(REACH_HEADINGS, rows)
