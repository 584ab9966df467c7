"""How far each pair of a rotary table turns within a window."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rope_theory._core.arrays import numpy_angular
from rope_theory._core.checks import integer
from rope_theory._core.records import Record, Table


@dataclass(frozen=True)
class PairTurnsRow(Record):
    """One pair.

    Attributes
    ----------
    pair : int
        Its index j.
    theta : float
        Angular frequency, rad/token.
    wavelength : float
        2π/θ in tokens; infinite where θ = 0.
    turns : float
        Lθ/2π.
    covered : bool
        Whether it makes at least one whole turn.
    """

    pair: int
    theta: float
    wavelength: float
    turns: float
    covered: bool


@dataclass(frozen=True)
class PairTurns(Table):
    """A row a pair, with the window they were counted in.

    Attributes
    ----------
    rows : tuple of PairTurnsRow
        In the order of theta.
    length : int
        The window in tokens.
    covered : int
        How many pairs make at least one whole turn.
    """

    rows: tuple[PairTurnsRow, ...]
    length: int
    covered: int


def turns(theta: Any, length: int) -> PairTurns:
    """Return how many turns each pair makes within a window.

    Pair j turns by Lθ_j; it is covered where that is at least 2π, so that training has shown it every angle.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    length : int
        Window L in tokens.

    Returns
    -------
    PairTurns
        A row a pair.

    Raises
    ------
    ValueError
        For frequencies that are negative or not finite, and a length below 1 or beyond 2**53.

    Notes
    -----
    Source: definition of wavelength, arXiv 2309.00071 v2, section 3.2. ``critical_dimension`` is twice the number of
    covered pairs of an unscaled table.
    """
    frequencies = numpy_angular(theta).tolist()
    length = integer(length, "length", 1, "It is a window in tokens.")
    rows = tuple(
        PairTurnsRow(pair, value, math.tau / value if value else math.inf, length * value / math.tau,
                     length * value >= math.tau)
        for pair, value in enumerate(frequencies)
    )  # fmt: skip
    return PairTurns(rows, length, sum(row.covered for row in rows))
