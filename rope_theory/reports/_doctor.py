"""A diagnosis and a recommendation as reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from rope_theory import plots
from rope_theory._core.records import json_ready
from rope_theory.doctor import ConformanceMatrix, Diagnosis, Finding, Reach, ReachRow, Recommendation, RopeTable
from rope_theory.doctor._conformance import SAME
from rope_theory.doctor._reach import PRECISION_HYPOTHESIS, TOLERANCE
from rope_theory.doctor.finding import SEVERITIES
from rope_theory.reports._blocks import Block, Code, Heading, Item, Paragraph, Picture, Points, Tone, grid
from rope_theory.reports._report import Report
from rope_theory.reports._words import described, grouped
from rope_theory.scaling.unscaled import Unscaled

LONGEST_LIST = 8
"""Entries of a list that a shown config repeats."""

RULE_OF_THUMB = "predicted: tokens, by a rule of thumb and no guarantee."
MEASURES = (
    "slowing: of the pairs seen in training, at the target length; inside: the same for inputs inside the trained "
    "window. logits ×: by the attention factor. V: upper bound on a score in the middle of the trained window and at "
    "the target length, in units of the largest trained one."
)
COSTS = ("slowing", "inside", "logits ×", "V middle", "V end")
"""Headings of what ``MEASURES`` explains."""

REACH_LEGEND = (
    f"{RULE_OF_THUMB} beyond: pairs that leave the phases of training. {MEASURES} Σ cos < 0: first offset with a "
    f"negative sum. float32: cos and sin are off by at most {TOLERANCE:g} below this position, proved for "
    f"{PRECISION_HYPOTHESIS}."
)


def diagnosis_report(found: Diagnosis, *, source: str = "a config", page: bool = False) -> Report:
    """Return a diagnosis as a report; ``source`` says of what."""
    return Report(f"RoPE of {source}", tuple(_diagnosis(found, page)))


def _diagnosis(found: Diagnosis, page: bool) -> Iterator[Block]:
    counts = {severity: sum(item.severity == severity for item in found.findings) for severity in reversed(SEVERITIES)}
    words = [
        f"{count} {severity}{'s' if count != 1 and severity != 'info' else ''}"
        for severity, count in counts.items()
        if count
    ]
    yield Paragraph(f"Model type {found.model_type}. {', '.join(words) or 'Nothing to say'}.")
    for table in found.tables:
        yield from _table(table, page)
    if found.findings:
        yield Heading("Findings")
        yield from (_finding(item, page) for item in found.findings)
    if found.conformance.rows:
        yield Heading("What engines make of it")
        yield from _engines(found, page)
    for reach in found.reach:
        yield from _reach(reach)
    if page and found.corrected and any(item.edits for item in found.findings if item.severity != "info"):
        yield Heading("Corrected config")
        yield Code(_json(found.corrected, 2))


def _table(table: RopeTable, page: bool) -> Iterator[Block]:
    config = table.frequencies.config
    yield Paragraph(
        (f"Layers {table.layer_type}: " if table.layer_type else "")
        + f"{described(config, table.scaling)}; extended window {table.extended_window}; pairing {table.pairing}; "
        f"attention factor {table.frequencies.attention_factor:.6g}."
    )
    if not page:
        return
    tables = [Unscaled().frequencies(config), table.frequencies_extended]
    if np.array_equal(tables[0].theta, tables[1].theta):
        del tables[1]
    yield Picture(
        partial(plots.wavelengths, tables, window=table.trained_window),
        "Wavelengths, pair by pair, at the extended window; the line is the trained window",
    )
    yield Points(table.notes)


def _finding(finding: Finding, page: bool) -> Item:
    tone: Tone = "quiet" if finding.severity == "info" else finding.severity
    details = {"seen in": ", ".join(finding.threads)}
    if finding.severity != "info":
        keys = _json(finding.corrected, 2 if page else None) if finding.corrected else ""
        details = {"meant": finding.meant, "in": ", ".join(finding.engines), **details, "corrected": keys}
    told = page or finding.severity != "info"
    shown = tuple((name, text) for name, text in details.items() if text and told)
    return Item(finding.severity, f"{finding.key}: {finding.happens} ({finding.name})", shown, tone)


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_shortened(json_ready(value)), indent=indent, allow_nan=False)


def _shortened(value: Any) -> Any:
    """Return JSON with long lists cut, which a report would only be filled by."""
    if isinstance(value, dict):
        return {key: _shortened(item) for key, item in value.items()}
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        return [*value[:3], f"… {len(value) - 4} more …", value[-1]]
    return value


def _engines(found: Diagnosis, page: bool) -> Iterator[Block]:
    yield grid(
        ("engine", "table", "layers", "at tokens", "θ differs", "A differs"),
        (
            (row.engine, row.origin if row.outcome == "table" else "none", row.layer_type or "all", row.length,
             row.theta_difference, row.attention_difference)
            for row in found.conformance.rows
        ),
    )  # fmt: skip
    if not page:
        return
    rows = dict.fromkeys((row.engine, row.origin, row.outcome, row.note) for row in found.conformance.rows)
    yield grid(("engine", "origin", "outcome", "what it does"), rows, "lllw")
    yield Paragraph(
        "Largest relative difference of a frequency, and after the stroke of the attention factor, row against column. "
        "0: the same table up to rounding. –: no table. ∞: another number of frequencies."
    )
    for alike in grouped(found.conformance.matrices, _appearance).values():
        matrix = alike[0]
        layers = f", layers {matrix.layer_type}" if matrix.layer_type else ""
        yield Heading(f"At {' and at '.join(str(one.length) for one in alike)} tokens{layers}")
        yield grid(
            ("engine", *matrix.engines),
            (
                (name, *(f"{_shown(theta)} | {_shown(attention)}" for theta, attention in zip(*pair, strict=True)))
                for name, *pair in zip(matrix.engines, matrix.theta, matrix.attention, strict=True)
            ),
            "lr",
        )


def _appearance(matrix: ConformanceMatrix) -> tuple[Any, ...]:
    """Return what is shown of a matrix."""
    return matrix.layer_type, *map(_shown, (*matrix.theta.ravel(), *matrix.attention.ravel()))


def _shown(value: float) -> str:
    if np.isnan(value):
        return "–"
    return "∞" if np.isinf(value) else "0" if value <= SAME else f"{value:.2g}"


def _costs(row: ReachRow) -> tuple[float, ...]:
    return row.slowing, row.slowing_inside, row.logit_factor, row.worst_inside, row.worst_at_end


def _reach(reach: Reach) -> Iterator[Block]:
    layers = f", layers {reach.layer_type}" if reach.layer_type else ""
    yield Heading(f"How far it should work, at {reach.target_length} tokens{layers}")
    yield Paragraph(f"Trained at {reach.trained_window} tokens; critical dimension {reach.critical_dimension}.")
    yield grid(
        ("scaling", "own", "predicted", "beyond", *COSTS, "Σ cos < 0", "float32"),
        (
            (row.scaling.label, "own" if row.configured else "", row.predicted_length or "no limit", row.pairs_beyond,
             *_costs(row), row.first_negative, row.float32_until)
            for row in reach.rows
        ),
    )  # fmt: skip
    yield Paragraph(REACH_LEGEND, "quiet")


def recommendation_report(found: Recommendation) -> Report:
    """Return ranked options as a report, with the keys of the first one's config."""
    return Report(f"From {found.trained_window} to {found.target_length} tokens", tuple(_recommendation(found)))


def _recommendation(found: Recommendation) -> Iterator[Block]:
    yield Paragraph(" ".join(found.notes))
    yield grid(
        ("method", "", "factor", "predicted", *COSTS),
        (
            (option.method, "" if option.reach.reaches else "short", option.factor,
             option.reach.predicted_length or "no limit", *_costs(option.reach))
            for option in found.rows
        ),
    )  # fmt: skip
    yield Paragraph(f"Ranked: {found.ranking}.", "quiet")
    yield Paragraph(f"{RULE_OF_THUMB} {MEASURES}", "quiet")
    for option in found.rows[:1]:
        keys = {
            key: option.config[key] for key in ("rope_scaling", "rope_parameters", "rope_theta") if key in option.config
        }
        yield Paragraph("The first; all of them, whole, with --json:")
        yield Code(f"{option.method} {option.factor:g}: {_json(keys)}")
        if option.remark:
            yield Paragraph(option.remark)
