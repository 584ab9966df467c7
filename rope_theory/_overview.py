"""What the command line shows: bounds and certificates at one offset, and one rotary table beside others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory import bounds
from rope_theory._core.checks import above, at_least, integer, number, scaling_factor
from rope_theory._core.records import Record, Table
from rope_theory.certificates import Certificate, Enclosure, worst_case
from rope_theory.config import RopeConfig
from rope_theory.errors import InputError, OutOfRange
from rope_theory.scaling import (
    Frequencies,
    NTKAware,
    NTKByParts,
    PositionInterpolation,
    Scaling,
    Unscaled,
    YaRN,
)


@dataclass(frozen=True)
class BoundRow(Record):
    """One statement of the catalogue and its number; ``theta`` says of which frequencies it speaks."""

    name: str
    value: float
    relation: str
    evidence: str
    theta: str
    formula: str


@dataclass(frozen=True)
class BoundsAtOffset(Table):
    """Rows of ``bounds_at``, with what they were computed for; s, s1 and s2 in tokens."""

    rows: tuple[BoundRow, ...]
    config: RopeConfig
    scaling: Scaling
    attention_factor: float
    s: float
    s1: float
    s2: float
    h_max: float
    notes: tuple[str, ...]


def bounds_at(
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
    ValueError
        For s outside its cell, NaN, infinity, only one end given, a negative h_max.
    """
    config, s, h_max = table.config, number(s, "s"), at_least(h_max, "h_max", 0.0)
    numbers: dict[str, tuple[Any, bool]] = {  # name → value, and whether it is about this table
        "triangle": (bounds.triangle(np.full(len(table), h_max)), True),
        "chord_sharp": (bounds.chord_sharp(table, s, s1, s2, h_max=h_max), True),
        "chord_curvature": (bounds.chord_curvature(table, s, s1, s2, h_max=h_max), True),
        "chord_repaired": (bounds.chord_repaired(config, s, s1, s2, h_max=h_max), False),
        "chord_published": (bounds.chord_published(config, s, s1, s2, h_max=h_max), False),
        "abel_published": (bounds.abel_published(table, s, h_max=h_max), True),
        "sampling": (bounds.sampling(float(table.theta.max())), True),
    }
    unscaled = isinstance(table.scaling, Unscaled)
    rows = []
    for name, (value, about_this_table) in numbers.items():
        statement = bounds.CATALOGUE[name]
        theta = "unscaled" if unscaled or not about_this_table else table.scaling.name
        rows.append(BoundRow(name, float(value), statement.relation, statement.evidence, theta, statement.formula))
    low = float(np.floor(s)) if s1 is None else float(s1)
    return BoundsAtOffset(
        rows=tuple(rows),
        config=config,
        scaling=table.scaling,
        attention_factor=table.attention_factor,
        s=s,
        s1=low,
        s2=low + 1.0 if s2 is None else float(s2),
        h_max=h_max,
        notes=_notes_on_bounds(table) + _notes_on_place(s, low, low + 1.0 if s2 is None else float(s2)),
    )


def _notes_on_place(s: float, s1: float, s2: float) -> tuple[str, ...]:
    if s not in (s1, s2):
        return ()
    return (f"s = {s:g} is an end of its cell: every chord bound is 0 there.",)


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


LONGEST = 1 << 20
"""Longest trained window that the command line certifies, tokens."""


@dataclass(frozen=True)
class WorstCase(Record):
    """A certificate in a few numbers; offsets in tokens, scores in the units of score_max.

    Attributes
    ----------
    config, scaling : RopeConfig or None, Scaling or None
        Of the table asked about; None where the certificate has bare frequencies.
    trained : Scaling or None
        Of the table whose scores are known.
    s : float
        Offset asked about.
    first, last, count : float, float, int
        Ends and number of the trained offsets.
    h_max, score_max : float
        H and A.
    proved : Enclosure
        V(s), in ball arithmetic.
    gap : float
        Relative distance of its ends.
    triangle : float
        H·P, the bound that holds whatever the trained scores are.
    carried : int
        Trained offsets that carry a weight in the proof.
    rounds : int
        Times the solver was called.
    notes : tuple of str
        What a reader of the number should know.
    """

    config: RopeConfig | None
    scaling: Scaling | None
    trained: Scaling | None
    s: float
    first: float
    last: float
    count: int
    h_max: float
    score_max: float
    proved: Enclosure
    gap: float
    triangle: float
    carried: int
    rounds: int
    notes: tuple[str, ...]


def certified(table: Frequencies, s: float, window: int, *, ratio: float) -> tuple[Certificate, WorstCase]:
    """Return the certificate of the worst case at s for scores of at most 1 on the window, and what to show of it.

    Parameters
    ----------
    table : Frequencies
        The table asked about; where it is scaled, trained scores are those of the unscaled one.
    s : float
        Offset, tokens.
    window : int
        Trained window, tokens; its offsets are 0 … window − 1.
    ratio : float
        H/A, above 0.

    Returns
    -------
    Certificate, WorstCase
    """
    window = integer(window, "window", 1, "It is the trained window in tokens.")
    if window > LONGEST:
        raise OutOfRange("window", window, high=LONGEST, remedy="it is solved on a table of that many rows")
    ratio = above(ratio, "ratio", 0.0, "It is the largest |h_j| over the largest trained score.")
    scaled = not isinstance(table.scaling, Unscaled)
    trained = Unscaled().frequencies(table.config)
    certificate = worst_case(trained, s, np.arange(window), h_max=ratio, target_theta=table if scaled else None)
    return certificate, worst_case_overview(certificate)


def worst_case_overview(certificate: Certificate, *, bits: int = 256) -> WorstCase:
    """Verify a certificate and return what to show of it.

    Parameters
    ----------
    certificate : Certificate
        Found here or read from a file.
    bits : int
        Working precision of the verification.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        When the certificate does not hold; the message names the field.
    """
    proved = certificate.verify(bits)
    asked = certificate.theta if certificate.target_theta is None else certificate.target_theta
    return WorstCase(
        config=getattr(asked, "config", None),
        scaling=getattr(asked, "scaling", None),
        trained=getattr(certificate.theta, "scaling", None),
        s=certificate.s,
        first=float(certificate.grid[0]),
        last=float(certificate.grid[-1]),
        count=len(certificate.grid),
        h_max=certificate.h_max,
        score_max=certificate.score_max,
        proved=proved,
        gap=float(proved.width / proved.upper),
        triangle=certificate.h_max * len(certificate.witness),
        carried=len(certificate.support),
        rounds=certificate.rounds,
        notes=certificate.notes,
    )


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
    """Rows of ``frequency_overview``, with what they were computed for; ``length`` in tokens."""

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


def frequency_overview(model: Any, *, length: int | None = None, factor: float | None = None) -> FrequencyOverview:
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
    ValueError
        For a factor below 1 or a length below 1.
    """
    config = model.config
    if factor is None:
        factor = getattr(model.scaling, "factor", None) or 4.0
    factor = scaling_factor(factor)
    unscaled, configured = Unscaled().frequencies(config), model.frequencies(length)
    alternatives = (PositionInterpolation(factor), NTKAware(factor), NTKByParts(factor), YaRN(factor))
    notes = list(model.notes)
    factors: list[float | None] = []
    columns: list[list[float] | list[None]] = [_divisors(unscaled, configured)]
    for scaling in alternatives:
        try:
            table = scaling.frequencies(config, length)
        except InputError as error:
            columns.append([None] * len(unscaled))
            factors.append(None)
            notes.append(f"{scaling.name} cannot be applied: {error}")
        else:
            columns.append(_divisors(unscaled, table))
            factors.append(table.attention_factor)
    described = zip(unscaled.wavelength.tolist(), unscaled.turns().tolist(), *columns, strict=True)
    return FrequencyOverview(
        rows=tuple(FrequencyRow(pair, *numbers) for pair, numbers in enumerate(described)),
        config=config,
        scaling=model.scaling,
        pairing=model.pairing,
        layer_type=model.layer_type,
        attention_factor=configured.attention_factor,
        length=length,
        alternatives=alternatives,
        alternative_attention_factors=tuple(factors),
        notes=tuple(notes),
    )


def _divisors(unscaled: Frequencies, scaled: Frequencies) -> list[float]:
    with np.errstate(divide="ignore"):
        divisors: NDArray[np.float64] = unscaled.theta / scaled.theta
    values: list[float] = divisors.tolist()
    return values
