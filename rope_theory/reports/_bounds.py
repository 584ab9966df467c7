"""Every bound that gives a number at one offset without knowing h: what ``rope-theory bounds`` prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rope_theory import bounds as statements
from rope_theory._core.checks import at_least, number, shown
from rope_theory._core.records import Record, Table
from rope_theory.config import RopeConfig
from rope_theory.errors import WrongType
from rope_theory.reports._blocks import Grid, Paragraph, Points
from rope_theory.reports._report import Report
from rope_theory.reports._words import described
from rope_theory.scaling import Frequencies, Scaling, Unscaled


@dataclass(frozen=True)
class BoundValue(Record):
    """One statement of the catalogue and its number.

    Attributes
    ----------
    name : str
        In ``rope_theory.bounds.CATALOGUE``.
    value : float
        The number.
    relation, evidence, formula : str
        As in the catalogue.
    theta : str
        Of which frequencies it speaks.
    """

    name: str
    value: float
    relation: str
    evidence: str
    theta: str
    formula: str


@dataclass(frozen=True)
class BoundsAtOffset(Table):
    """Bounds at one offset, with what they were computed for.

    Attributes
    ----------
    rows : tuple of BoundValue
        One per statement.
    config, scaling, attention_factor : RopeConfig, Scaling, float
        Of the frequencies; values are without the attention factor.
    s, s1, s2 : float
        Offset and ends of its cell, tokens.
    h_max : float
        Bound on every abs(h_j).
    notes : tuple of str
        What a reader of the numbers should know.
    """

    rows: tuple[BoundValue, ...]
    config: RopeConfig
    scaling: Scaling
    attention_factor: float
    s: float
    s1: float
    s2: float
    h_max: float
    notes: tuple[str, ...]


def bounds(
    table: Frequencies, s: float, s1: float | None = None, s2: float | None = None, *, h_max: float = 1.0
) -> BoundsAtOffset:
    """Return every statement of the catalogue that gives a number at one offset without knowing h.

    Parameters
    ----------
    table : Frequencies
        The rotary table.
    s, s1, s2 : float
        Offset and ends of its cell in tokens; the integers around s when s1 and s2 are not given.
    h_max : float
        Bound on every abs(h_j); the triangle bound takes all of them equal to it.

    Returns
    -------
    BoundsAtOffset
        Values without the attention factor.

    Raises
    ------
    TypeError
        For a table that is no ``Frequencies``.
    ValueError
        For s outside its cell, NaN, infinity, only one end given, a negative h_max.
    """
    if not isinstance(table, Frequencies):
        raise WrongType("table", "must be the frequencies of a config and a scaling", shown(table))
    config, s, h_max = table.config, number(s, "s"), at_least(h_max, "h_max", 0.0)
    numbers: dict[str, tuple[Any, bool]] = {  # name → value, and whether it is about this table
        "triangle": (statements.triangle(np.full(len(table), h_max)), True),
        "chord_sharp": (statements.chord_sharp(table, s, s1, s2, h_max=h_max), True),
        "chord_curvature": (statements.chord_curvature(table, s, s1, s2, h_max=h_max), True),
        "chord_repaired": (statements.chord_repaired(config, s, s1, s2, h_max=h_max), False),
        "chord_published": (statements.chord_published(config, s, s1, s2, h_max=h_max), False),
        "abel_published": (statements.abel_published(table, s, h_max=h_max), True),
        "sampling": (statements.sampling(float(table.theta.max())), True),
    }
    unscaled = isinstance(table.scaling, Unscaled)
    rows = []
    for name, (value, about_this_table) in numbers.items():
        statement = statements.CATALOGUE[name]
        theta = "unscaled" if unscaled or not about_this_table else table.scaling.name
        rows.append(BoundValue(name, float(value), statement.relation, statement.evidence, theta, statement.formula))
    low = float(np.floor(s)) if s1 is None else float(s1)
    high = low + 1.0 if s2 is None else float(s2)
    at_an_end = (f"s = {s:g} is an end of its cell: every chord bound is 0 there.",) if s in (low, high) else ()
    return BoundsAtOffset(
        rows=tuple(rows),
        config=config,
        scaling=table.scaling,
        attention_factor=table.attention_factor,
        s=s,
        s1=low,
        s2=high,
        h_max=h_max,
        notes=_notes_on_bounds(table) + at_an_end,
    )


def _notes_on_bounds(table: Frequencies) -> tuple[str, ...]:
    notes = ["sampling is a factor on the largest |a(n)| over all integers n; the other values bound a score."]
    if table.config.width != table.config.head_dim:
        notes.append(
            f"Only {table.config.width} of {table.config.head_dim} dimensions rotate: triangle and "
            "abel_published leave out the position-free part of the score; the others hold for all of it."
        )
    if not isinstance(table.scaling, Unscaled):
        notes += [
            f"chord_sharp, chord_curvature, abel_published and sampling use the θ of {table.scaling.name}; "
            "the closed forms chord_repaired and chord_published are about unscaled θ.",
            "With scaled θ the ends of a cell are offsets of the extended model, not trained ones. Under "
            "PositionInterpolation(κ) the trained ones are the multiples of κ: give two neighbours as ends.",
        ]
    if table.attention_factor != 1.0:
        notes.append(
            f"Values exclude the attention factor: multiply bounds of a score by μ² = {table.attention_factor**2:.6g}."
        )
    return tuple(notes)


def bounds_report(found: BoundsAtOffset) -> Report:
    """Return the bounds as a report; refuted ones stand out."""
    refuted = frozenset(number for number, row in enumerate(found.rows) if row.evidence == "refuted")
    rows = (
        (row.name, f"{row.value:.7g}", row.relation, "REFUTED" if number in refuted else row.evidence, row.theta,
         row.formula)
        for number, row in enumerate(found.rows)
    )  # fmt: skip
    headings = ("bound", "value", "relation", "evidence", "of θ", "statement")
    cell = f"[s1, s2] = [{found.s1:.10g}, {found.s2:.10g}]"
    return Report(
        f"s = {found.s:.10g} in the cell {cell} tokens; |h_j| ≤ {found.h_max:g}",
        (
            Paragraph(described(found.config, found.scaling)),
            Grid(headings, tuple(rows), "lrlllw", refuted),
            Points(found.notes),
        ),
    )
