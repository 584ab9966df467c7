"""A model's rotary frequencies beside what four methods make of them: what ``rope-theory frequencies`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rope_theory._core.checks import scaling_factor, shown
from rope_theory._core.records import Record, Table
from rope_theory.config import RopeConfig
from rope_theory.errors import InputError, WrongType
from rope_theory.reports._blocks import Paragraph, Points, grid
from rope_theory.reports._report import Report
from rope_theory.reports._words import aligned, described
from rope_theory.scaling import Frequencies, NTKAware, NTKByParts, PositionInterpolation, Scaling, Unscaled, YaRN
from rope_theory.scaling.huggingface.reading import HuggingFaceRope


@dataclass(frozen=True)
class FrequencyRow(Record):
    """One pair: as trained, and by how much each scaling slows it, θ_unscaled/θ' (infinite where θ' = 0).

    Attributes
    ----------
    pair : int
        Index j.
    wavelength : float
        2π/θ_unscaled, tokens.
    turns : float
        Turns inside the trained window, unscaled.
    configured, position_interpolation, ntk_aware, ntk_by_parts, yarn : float or None
        Divisors; None where the method cannot be applied.
    """

    pair: int
    wavelength: float
    turns: float
    configured: float
    position_interpolation: float | None
    ntk_aware: float | None
    ntk_by_parts: float | None
    yarn: float | None


@dataclass(frozen=True)
class FrequencyOverview(Table):
    """A model's frequencies and what four methods would make of them.

    Attributes
    ----------
    rows : tuple of FrequencyRow
        One per frequency pair.
    config, scaling : RopeConfig, Scaling
        The model's.
    pairing, layer_type : str, str or None
        As ``from_hf`` reads them.
    attention_factor : float
        Of the model's own scaling.
    length : int or None
        Current length in tokens; None is the trained window.
    alternatives : tuple of Scaling
        The four methods.
    alternative_attention_factors : tuple of float or None
        Theirs; None where a method cannot be applied.
    notes : tuple of str
        Which key supplied what, and what cannot be applied.
    """

    rows: tuple[FrequencyRow, ...]
    config: RopeConfig
    scaling: Scaling
    pairing: str
    layer_type: str | None
    attention_factor: float
    length: int | None
    alternatives: tuple[Scaling, ...]
    alternative_attention_factors: tuple[float | None, ...]
    notes: tuple[str, ...]


def frequencies(model: HuggingFaceRope, *, length: int | None = None, factor: float | None = None) -> FrequencyOverview:
    """Return a model's rotary table beside what four extension methods would make of its unscaled one.

    Parameters
    ----------
    model : HuggingFaceRope
        Result of ``from_hf``.
    length : int, optional
        Current sequence length in tokens, for scalings that depend on it.
    factor : float, optional
        Factor of the four methods; that of the model's own scaling when not given, else 4.

    Returns
    -------
    FrequencyOverview

    Raises
    ------
    TypeError
        For something that ``from_hf`` does not return.
    ValueError
        For a factor below 1 or a length below 1.
    """
    if not isinstance(model, HuggingFaceRope):
        raise WrongType("model", "must be what rope_theory.from_hf returns", shown(model))
    config = model.config
    factor = scaling_factor((getattr(model.scaling, "factor", None) or 4.0) if factor is None else factor)
    unscaled, configured = Unscaled().frequencies(config), model.frequencies(length)
    alternatives = (PositionInterpolation(factor), NTKAware(factor), NTKByParts(factor), YaRN(factor))
    notes = list(model.notes)
    tables: list[Frequencies | None] = []
    for scaling in alternatives:
        try:
            tables.append(scaling.frequencies(config, length))
        except InputError as error:
            tables.append(None)
            notes.append(f"{scaling.name} cannot be applied: {error}")
    columns = [_divisors(unscaled, table) for table in (configured, *tables)]
    numbers_of = zip(unscaled.wavelength.tolist(), unscaled.turns().tolist(), *columns, strict=True)
    return FrequencyOverview(
        rows=tuple(FrequencyRow(pair, *numbers) for pair, numbers in enumerate(numbers_of)),
        config=config,
        scaling=model.scaling,
        pairing=model.pairing,
        layer_type=model.layer_type,
        attention_factor=configured.attention_factor,
        length=length,
        alternatives=alternatives,
        alternative_attention_factors=tuple(getattr(table, "attention_factor", None) for table in tables),
        notes=tuple(notes),
    )


def _divisors(unscaled: Frequencies, scaled: Frequencies | None) -> list[Any]:
    if scaled is None:
        return [None] * len(unscaled)
    with np.errstate(divide="ignore"):
        return list(map(float, unscaled.theta / scaled.theta))


def frequencies_report(found: FrequencyOverview, *, source: str = "a config") -> Report:
    """Return the frequencies as a report; ``source`` says what was read."""
    mu, length = found.attention_factor, f"{found.length} tokens" if found.length else "the trained window"
    pi, ntk, parts, yarn = (scaling.label for scaling in found.alternatives)
    rows = (
        (row.pair, aligned(row.wavelength, 2), *(aligned(value, 4) for value in (
            row.turns, row.configured, row.position_interpolation, row.ntk_aware, row.ntk_by_parts, row.yarn,
        )))
        for row in found.rows
    )  # fmt: skip
    headings = ("pair", "wavelength\n[tokens]", "turns", "configured", "PI", "NTK-aware", "by-parts", "YaRN")
    return Report(
        source + (f", {found.layer_type} layers" if found.layer_type else ""),
        (
            Paragraph(described(found.config, found.scaling)),
            Paragraph(
                f"pairing {found.pairing}; attention factor μ = {mu:.6g}, scores × μ² = {mu**2:.6g}; length {length}"
            ),
            Paragraph("wavelength and turns inside the trained window: unscaled; then divisors θ_unscaled / θ'"),
            Paragraph(f"PI = {pi}; NTK-aware = {ntk}; by-parts = {parts}, ramp by turns;"),
            Paragraph(
                f"YaRN = {yarn}, ramp by pair index as in transformers, "
                f"μ = {aligned(found.alternative_attention_factors[-1], 6)}"
            ),
            grid(headings, rows, "r"),
            Points(found.notes),
        ),
    )
