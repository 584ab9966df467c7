"""What is the matter with a table of cosines and sines: its length, its phases, and how they were rounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import phasors, space_of
from rope_theory.precision._judged_frequencies import FACTOR_TOLERANCE, few, judged, lengths_of, wrong_shape
from rope_theory.precision._model_tables import Found
from rope_theory.precision._table_rounding import allowed, kept_in, relative
from rope_theory.precision.findings import HEALTHY, AuditRow
from rope_theory.precision.formats import FLOAT32, FORMATS, Format, rounded
from rope_theory.scaling import Frequencies
from rope_theory.scaling.huggingface import HuggingFaceRope

CHAIN = ("float32", "bfloat16", "float16")
"""Formats that positions, frequencies and phases of a table may have been rounded to."""

SAMPLE = 512
"""Positions at which such roundings are looked for."""


def of_phasors(row: AuditRow, found: Found, described: HuggingFaceRope) -> AuditRow:
    """Return the row with the finding on a table of cosines and sines."""
    cos, sin = (_as_rows(numbers) for numbers in found.numbers())
    lengths = lengths_of(found, described)
    tables = {length: described.frequencies(length) for length in lengths}
    pairs = len(tables[lengths[0]])
    row = replace(row, described_scaling=tables[lengths[0]].attention_factor)
    for shape in (cos.shape, sin.shape):
        if len(shape) != 2 or shape[0] < 2 or shape[1] not in (pairs, 2 * pairs) or shape != cos.shape:
            return wrong_shape(row, found, shape, pairs)
    if not (np.isfinite(cos).all() and np.isfinite(sin).all()):
        return replace(row, finding="uninitialised", remark="There are NaN or infinite values in the table.")
    if cos.shape[1] == 2 * pairs:  # both members of a pair stand in the table, in one layout or the other
        halves = [(table[:, :pairs], table[:, pairs:]) for table in (cos, sin)]
        turns = [(table[:, ::2], table[:, 1::2]) for table in (cos, sin)]
        layout = next((both for both in (halves, turns) if all(np.array_equal(*pair) for pair in both)), None)
        if layout is None:
            remark = "The two members of a pair have different cosines or sines."
            return replace(row, pairs=pairs, finding="different table", remark=remark)
        cos, sin = (first for first, _ in layout)
    row = replace(row, pairs=pairs)
    stored = cos + 1j * sin
    size = np.abs(stored)
    scaling = float(size[0, 0])
    if scaling <= 0.0 or not np.allclose(size, scaling, rtol=0.02, atol=0.0):
        return replace(row, finding="uninitialised", remark="cos² + sin² is not one number throughout the table.")
    given = np.angle(stored[1])  # θ itself: no pair turns by half a turn per token
    length = min(lengths, key=lambda candidate: relative(given, tables[candidate].theta))
    table = tables[length]
    positions = np.arange(min(len(cos), described.config.context_length), dtype=np.float64)
    stored, coarse = stored[: len(positions)], _coarsest(cos, sin)
    exact_cos, exact_sin = phasors(table.theta, positions, space_of())
    turned = np.abs(np.angle(stored * (exact_cos - 1j * exact_sin)))
    row = replace(
        row,
        attention_scaling=scaling,
        reference_length=length,
        frequency_error=relative(given, table.theta),
        phase_error=float(turned.max()),
    )
    step = coarse.roundoff
    limit = 2.0 * step + _spread(table, positions)
    if len(off := np.flatnonzero((turned > limit).any(axis=1))):
        return _off(row, given, stored, positions, table, described, length, coarse, int(off[0]))
    expected = table.attention_factor
    if not np.isclose(scaling, expected, rtol=2.0 * step + FACTOR_TOLERANCE, atol=0.0):
        remark = f"cos and sin are multiplied by {scaling:g}, {expected:g} is described."
        return replace(row, finding="attention scaling differs", remark=remark)
    return replace(row, finding="exact to float32" if coarse is FLOAT32 else f"rounded to {coarse.name}")


def _as_rows(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (…, positions, width) as (positions, width), and other shapes as they are."""
    return table.reshape(-1, table.shape[-1]) if table.ndim > 1 and table.size else table


def _coarsest(cos: NDArray[np.float64], sin: NDArray[np.float64]) -> Format:
    """Return the coarsest of the formats that the cosines, and that the sines, fit into."""
    formats = [(kept_in(table) or [FLOAT32])[0] for table in (cos, sin)]
    return min(formats, key=lambda target: target.digits)


def _spread(table: Frequencies, positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far phases mθ computed in float32 may be off, (n, P)."""
    return positions[:, None] * (allowed(table) + 2.0 * FLOAT32.roundoff * table.theta)


def _off(
    row: AuditRow, given: NDArray[np.float64], stored: NDArray[np.complex128], positions: NDArray[np.float64],
    table: Frequencies, described: HuggingFaceRope, length: int | None, coarse: Format, first: int,
) -> AuditRow:  # fmt: skip
    """Return the row of a table whose phases are not the described ones from position ``first`` on."""
    if (chain := _chain(stored, positions, table, coarse)) is not None:
        names = [name for name in CHAIN[1:] if name in chain]
        parts = list(zip(("positions", "frequencies", "phases"), chain, strict=True))
        what = "; ".join(f"{', '.join(part for part, format_ in parts if format_ == name)} in {name}" for name in names)
        return replace(row, finding=f"rounded to {names[0]}", remark=f"Its phases are those of {what}.")
    scaling = row.attention_scaling
    angles = np.where(np.abs(given) < 1e-12, 0.0, given)
    narrow = [] if coarse is FLOAT32 else [coarse]
    found = judged(replace(row, attention_scaling=None), angles, table, described, length, narrow)
    if found.finding in HEALTHY or found.finding.startswith("rounded"):
        remark = f"Its phases are those described at position 1, and not at position {first}."
        found = replace(found, finding="different table", remark=remark)
    elif found.finding == "uninitialised":  # cos² + sin² is one number: somebody wrote it
        found = replace(found, finding="different table", remark=f"At position 1 its phases are {few(given)}.")
    return replace(found, attention_scaling=scaling)


def _chain(
    stored: NDArray[np.complex128], positions: NDArray[np.float64], table: Frequencies, coarse: Format
) -> tuple[str, str, str] | None:
    """Return the formats of positions, frequencies and phases that give the stored phases; None where none do."""
    count = len(positions)
    rows = np.unique(
        np.concatenate([np.arange(min(count, SAMPLE // 2)), np.linspace(0, count - 1, SAMPLE).astype(int)])
    )
    m, spread, angles = positions[rows][:, None], _spread(table, positions[rows]), stored[rows]
    chains = [(position, frequency, phase) for position in CHAIN for frequency in CHAIN for phase in CHAIN]
    for chain in sorted(chains, key=lambda names: -names.count("float32")):
        position, frequency, phase = (FORMATS[name] for name in chain)
        phases = rounded(rounded(m, position) * rounded(table.theta, frequency), phase)
        if chain == ("float32",) * 3 or not np.isfinite(phases).all():
            continue
        fits = np.abs(np.angle(angles * np.exp(-1j * phases))) <= 2.0 * coarse.roundoff + spread
        # a product that float32 rounds across a tie of the narrower format lands one step away
        if fits.all() or (phase is not FLOAT32 and fits.mean() > 0.99):
            return chain
    return None
