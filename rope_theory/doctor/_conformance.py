"""One config, every engine: how far apart their tables lie."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.records import Table
from rope_theory.doctor.case import Case
from rope_theory.doctor.engines import ENGINES, Engine, EngineTable, Request
from rope_theory.errors import EngineRefused

Outcome = Literal["table", "refused"]
SAME = 1e-6
"""Relative difference up to which two tables are the same: float32 rounding, with room."""


@dataclass(frozen=True)
class ConformanceRow:
    """What one engine makes of one table at one length, against the first engine.

    Attributes
    ----------
    layer_type : str or None
        The layers.
    length : int
        Current sequence length, tokens.
    engine, origin : str
        Which engine, and whether its table is "modelled" or "executed".
    outcome : {"table", "refused"}
        Whether it has a table.
    pairs : int
        Frequencies of its table; 0 without one.
    theta_difference : float or None
        Largest abs(θ'/θ − 1) over pairs, 0 for pairs that stand still in both; None where a table is missing or has
        another width, and infinity where a pair stands still in one only.
    attention_difference : float or None
        abs(A'/A − 1) of the attention factors.
    note : str
        What the engine does, in words.
    """

    layer_type: str | None
    length: int
    engine: str
    origin: str
    outcome: Outcome
    pairs: int
    theta_difference: float | None
    attention_difference: float | None
    note: str

    @property
    def agrees(self) -> bool:
        """Whether the table is that of the first engine."""
        differences = (self.theta_difference, self.attention_difference)
        return all(value is not None and value <= SAME for value in differences)


@dataclass(frozen=True)
class Conformance(Table):
    """Every engine's tables of a config.

    Attributes
    ----------
    rows : tuple of ConformanceRow
        One a layer type, a length and an engine, against the first engine.
    matrices : tuple of ConformanceMatrix
        Every engine against every other.
    """

    rows: tuple[ConformanceRow, ...]
    matrices: tuple[ConformanceMatrix, ...]


@dataclass(frozen=True)
class ConformanceMatrix(Table):
    """Differences between every two engines, for one table at one length.

    Attributes
    ----------
    layer_type : str or None
        The layers.
    length : int
        Current sequence length, tokens.
    engines : tuple of str
        Names, in the order of rows and columns.
    theta, attention : array, shape (engines, engines)
        Largest abs(θ'/θ − 1) and abs(A'/A − 1), row over column; NaN where one of the two has no table, infinity where
        they have different widths.
    """

    layer_type: str | None
    length: int
    engines: tuple[str, ...]
    theta: NDArray[np.float64]
    attention: NDArray[np.float64]

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        """One a pair of engines."""
        return tuple(
            MatrixRow(self.layer_type, self.length, one, other, float(self.theta[i, j]), float(self.attention[i, j]))
            for i, one in enumerate(self.engines)
            for j, other in enumerate(self.engines)
            if i < j
        )


@dataclass(frozen=True)
class MatrixRow:
    """Two engines.

    Attributes
    ----------
    layer_type, length
        The table and the current length.
    engine, other : str
        Names.
    theta, attention : float
        Largest relative differences.
    """

    layer_type: str | None
    length: int
    engine: str
    other: str
    theta: float
    attention: float


def conformance(
    case: Case, lengths: Sequence[int], *, longest: int, engines: Sequence[Engine] = ENGINES
) -> Conformance:
    """Compare the tables that engines make of a config.

    Parameters
    ----------
    case : Case
        The config.
    lengths : sequence of int
        Current sequence lengths, tokens.
    longest : int
        The longest sequence served, tokens.
    engines : sequence of Engine
        The first is the reference of the rows.

    Returns
    -------
    Conformance
        Empty for a config without a table.
    """
    rows: list[ConformanceRow] = []
    matrices: list[ConformanceMatrix] = []
    for layer_type in dict.fromkeys([*case.readings, *case.refusals]):
        config = case.widths(layer_type)
        for length in lengths if config is not None else ():
            assert config is not None
            made = [_made(engine, Request(case, layer_type, length, longest, config)) for engine in engines]
            rows += _rows(layer_type, length, engines, made)
            matrices.append(_matrix(layer_type, length, engines, made))
    return Conformance(tuple(rows), tuple(matrices))


def _made(engine: Engine, asked: Request) -> EngineTable | str:
    try:
        with np.errstate(all="ignore"):
            found = engine.table(asked)
    except EngineRefused as refusal:
        return refusal.reason
    except ArithmeticError:
        return "cannot compute with these numbers"
    usable = np.isfinite(found.theta).all() and math.isfinite(found.attention_factor) and found.attention_factor > 0.0
    return found if usable else "computes numbers that are not finite, or an attention factor that is not positive"


def _rows(
    layer_type: str | None, length: int, engines: Sequence[Engine], made: Sequence[EngineTable | str]
) -> Iterator[ConformanceRow]:
    for engine, table in zip(engines, made, strict=True):
        if isinstance(table, str):
            yield ConformanceRow(layer_type, length, engine.label, engine.origin, "refused", 0, None, None, table)
            continue
        theta, attention = _differences(table, made[0])
        note = table.note
        if theta is not None and np.isinf(theta) and not isinstance(made[0], str):
            counts = len(table.theta), len(made[0].theta)
            note = note or (
                "other pairs stand still" if counts[0] == counts[1] else f"{counts[0]} frequencies, not {counts[1]}"
            )
        yield ConformanceRow(
            layer_type, length, engine.label, engine.origin, "table", len(table.theta), theta, attention, note
        )


def _matrix(
    layer_type: str | None, length: int, engines: Sequence[Engine], made: Sequence[EngineTable | str]
) -> ConformanceMatrix:
    pairs = [[_differences(one, other) for other in made] for one in made]
    theta, attention = (
        np.array([[np.nan if pair[part] is None else pair[part] for pair in row] for row in pairs], np.float64)
        for part in (0, 1)
    )
    return ConformanceMatrix(layer_type, length, tuple(engine.label for engine in engines), theta, attention)


def _differences(one: EngineTable | str, other: EngineTable | str) -> tuple[float | None, float | None]:
    if isinstance(one, str) or isinstance(other, str):
        return None, None
    attention = abs(one.attention_factor / other.attention_factor - 1.0)
    if one.theta.shape != other.theta.shape:
        return np.inf, attention
    still = other.theta == 0.0
    if not np.array_equal(still, one.theta == 0.0):
        return np.inf, attention
    return float(np.abs(one.theta[~still] / other.theta[~still] - 1.0).max(initial=0.0)), attention
