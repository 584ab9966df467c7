"""Bases that keep Σ_j cos(mθ_j) from being negative inside a window: the set of them, not one number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import numpy_angular, real, runs, space_of
from rope_theory._core.checks import LARGEST_NUMBER, even_width, integer
from rope_theory._core.progress import watched
from rope_theory._core.records import Record, Table
from rope_theory.config import RopeConfig
from rope_theory.laws._cosine_sums import first_negative
from rope_theory.scaling import Unscaled

LONG = 1 << 30
"""Candidates × offsets × width from which a progress bar is worth its import: about a second."""

FIRST_ZERO = 0.6165054856207162
"""First positive zero of the cosine integral Ci."""


def first_negative_offset(theta: Any, length: int) -> int | None:
    """Return the first integer offset at which the sum of the pairs' cosines is negative.

    min{m = 0 … L : Σ_j cos(mθ_j) < 0}. Every sign is certain: where float64 is closer to zero than its error bound,
    ball arithmetic decides.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token; tables of powers of a base (``Unscaled``, ``PositionInterpolation``,
        ``NTKAware``) stand for the real numbers, anything else for its float64 values.
    length : int
        Last offset L looked at, tokens.

    Returns
    -------
    int or None
        The offset m in tokens; None where no sum up to L is negative.

    Raises
    ------
    ValueError
        For frequencies that are negative or not finite, and a length below 1 or beyond 2**53.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: arXiv 2405.14591 v1, B_{m,θ}; numpy only.
    """
    values = numpy_angular(theta)
    return first_negative(values, theta, integer(length, "length", 1, "It is the last offset, tokens."))


@dataclass(frozen=True)
class AdmissibleBasesRow(Record):
    """One candidate: its base, whether it is admissible, and the first offset with a negative sum (−1: none)."""

    base: float
    admissible: bool
    first_negative: int


@dataclass(frozen=True, eq=False)
class AdmissibleBases(Table):
    """Which of several bases are admissible for a window.

    Attributes
    ----------
    head_dim, length : int
        Rotary width d and last offset L, tokens.
    candidates : ndarray, shape (n,)
        The bases asked about, increasing.
    admissible : ndarray of bool, shape (n,)
        Whether Σ_j cos(mθ_j) ≥ 0 for all m = 0 … L.
    first_negative : ndarray of int64, shape (n,)
        First m with a negative sum, −1 where there is none.
    intervals : tuple of (float, float)
        First and last candidate of every run of admissible ones; bases between candidates were not looked at.
    smallest : float or None
        Smallest admissible candidate; ``smallest_admissible_base`` finds the smallest base.
    """

    head_dim: int
    length: int
    candidates: NDArray[np.float64]
    admissible: NDArray[np.bool_]
    first_negative: NDArray[np.int64]
    intervals: tuple[tuple[float, float], ...]
    smallest: float | None

    @property
    def rows(self) -> tuple[AdmissibleBasesRow, ...]:
        """A row a candidate."""
        columns = (self.candidates.tolist(), self.admissible.tolist(), self.first_negative.tolist())
        return tuple(AdmissibleBasesRow(*row) for row in zip(*columns, strict=True))


def admissible_bases(head_dim: int, length: int, candidates: Any) -> AdmissibleBases:
    """Return which candidates for the base keep the sum of cosines from being negative inside a window.

    {b : Σ_j cos(m b^(−2j/d)) ≥ 0 for all integers 0 ≤ m ≤ L}. The set is no half-line and no interval: bisection on it
    finds one of its many ends. Every sign is certain, for the real powers of the float64 candidate.

    Parameters
    ----------
    head_dim : int
        Rotary width d, even.
    length : int
        Last offset L, tokens: T − 1 for a window of T tokens, T in the published tables.
    candidates : array (n,)
        Bases b above 1, strictly increasing: ``numpy.geomspace(1e3, 1e6, 400)``. Nothing is said about bases between
        them: runs narrower than a step are missed.

    Returns
    -------
    AdmissibleBases
        The verdict on every candidate, and the runs of admissible ones. A million offsets of 400 candidates take
        seconds, and time grows with both; candidates that fail early take less. A terminal shows a progress bar.

    Raises
    ------
    ValueError
        For an odd width, a length below 1 or beyond 2**53, candidates that are missing, not finite, at most 1, beyond
        1e100 or not increasing.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: arXiv 2405.14591 v1, lower bound on the base; necessary there under a model of random queries and keys, a
    definition here.
    """
    width = even_width(head_dim, "head_dim")
    last = integer(length, "length", 1, "It is the last offset, tokens.")
    bases = _candidates(candidates)
    each: Iterable[int] = (_first_negative_of(base, width, last) for base in bases.tolist())
    if len(bases) * last * width > LONG:
        each = watched(each, "admissible bases", len(bases))
    found = np.fromiter(each, dtype=np.int64, count=len(bases))
    admissible = found < 0
    for array in (bases, admissible, found):
        array.setflags(write=False)
    smallest = float(bases[admissible][0]) if admissible.any() else None
    return AdmissibleBases(width, last, bases, admissible, found, _runs(bases, admissible), smallest)


def asymptotic_base(length: int) -> float:
    """Return the smallest admissible base of an infinitely wide head, for long windows.

    L/x0, with x0 = 0.6165… the first zero of Ci: for d → ∞ the mean of the cosines tends to
    (Ci(m) − Ci(m/b))/ln b, and for large m only the second term counts.

    Parameters
    ----------
    length : int
        Window L, tokens, at least 1.

    Returns
    -------
    float
        About 1.622 L. Heads of width 128 need more: 5.7 L at 2048, 62 L at 2**20.

    Raises
    ------
    ValueError
        For a length below 1 or beyond 2**53.

    Notes
    -----
    Source: Su Jianlin, kexue.fm/archives/10122.
    """
    return integer(length, "length", 1, "It is the last offset, tokens.") / FIRST_ZERO


def _first_negative_of(base: float, width: int, last: int) -> int:
    table = Unscaled().frequencies(RopeConfig(width, base))
    found = first_negative(table.theta, table, last)
    return -1 if found is None else found


def _candidates(candidates: Any) -> NDArray[np.float64]:
    result = np.array(real(candidates, "candidates", space_of()), dtype=np.float64)
    if result.ndim != 1:
        raise ValueError(f"candidates must be one-dimensional, a base each, got shape {result.shape}; use ravel.")
    if (low := result <= 1.0).any():
        raise ValueError(
            f"candidates must be above 1, got {result[low][0]:g}: frequencies base^(−2j/d) must fall with j."
        )
    if (np.diff(result) <= 0.0).any():
        raise ValueError("candidates must increase strictly, so that runs of them mean something; use numpy.unique.")
    assert result[-1] <= LARGEST_NUMBER  # checked by ``real``
    return result


def _runs(bases: NDArray[np.float64], admissible: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    return tuple((float(bases[begin]), float(bases[end - 1])) for begin, end in runs(admissible))
