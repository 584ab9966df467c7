"""The smallest base that is admissible for a window, with proof that smaller ones are not."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.checks import above, even_width, integer
from rope_theory._core.records import Record
from rope_theory.config import RopeConfig
from rope_theory.laws._cosine_sums import doubt, first_negative, sums_in_blocks
from rope_theory.scaling import Frequencies, Unscaled

FINEST, COARSEST = 1e-12, 1e-3
"""Relative steps accepted; float64 bases are no closer than 2e-16."""

WITNESSES = 64
"""Offsets with negative sums kept from one look at the whole window to the next."""


@dataclass(frozen=True)
class SmallestBase(Record):
    """The smallest admissible base in a range, and what was excluded.

    Attributes
    ----------
    base : float or None
        An admissible base; no smaller one from ``start`` on is, outside ``undecided``. None: there is none in the
        range, outside ``undecided``.
    undecided : tuple of (float, float)
        Stretches jumped over, in steps of ``resolution``; the last one ends at ``base`` unless that is ``start``.
    start, end : float
        The range.
    head_dim, length : int
        Rotary width d and window L, tokens.
    resolution : float
        Relative length of a jump.
    """

    base: float | None
    undecided: tuple[tuple[float, float], ...]
    start: float
    end: float
    head_dim: int
    length: int
    resolution: float


def smallest_admissible_base(
    head_dim: int, length: int, *, start: float | None = None, end: float = 1e12, resolution: float = 1e-8
) -> SmallestBase:
    """Return the smallest base in a range that keeps the sum of cosines from being negative inside a window.

    S_b(m) = Σ_j cos(m b^(−2j/d)) changes with ln b by at most m Σ_j (2j/d) θ_j, which falls as b grows. Where
    S_b(m) = −δ < 0, all bases up to b·exp(δ/(m Σ_j (2j/d) θ_j)) are therefore excluded: the walk goes on from there,
    and ends where the whole window has no negative sum.

    Parameters
    ----------
    head_dim : int
        Rotary width d, even, at least 6.
    length : int
        Last offset L, tokens, at least 2.
    start : float, optional
        First base looked at, above 1; all bases above 1 when not given.
    end : float
        Last base looked at, at most 1e100.
    resolution : float
        Where a step would be shorter than this, relative to b, the walk jumps by it and says so: 1e-12 … 1e-3.

    Returns
    -------
    SmallestBase
        The base, and the stretches not decided. Width 128 takes 0.1 s at 2048 tokens, minutes at a million.

    Raises
    ------
    ValueError
        For an odd width or one below 6, a length below 2 or beyond 2**53, a start of 1 or less or not below the end.
    ModuleNotFoundError
        Where a sign needs ball arithmetic, which is seldom, and python-flint is not installed.

    Notes
    -----
    Source: docs/theory.md, section 8, for the condition of arXiv 2405.14591 v1.
    """
    width = even_width(head_dim, "head_dim")
    if width < 6:  # cos(355) is −1 + 5e-10: one more cosine makes up for that at bases only that are out of reach
        raise ValueError(
            f"head_dim must be at least 6, got {width}: for fewer than three pairs and 355 tokens or more no base "
            "within reach is admissible. For shorter windows admissible_bases takes candidates of any width."
        )
    last = integer(length, "length", 2, "At offset 1 the sum is above zero for every base.")
    # below these, 2θ_j or 3θ_j of every pair lies between π/2 and 3π/2, where the cosine is negative
    excluded = 1.27 if last == 2 else 1.9
    first = 1.0 if start is None else above(start, "start", 1.0, "Frequencies base^(−2j/d) must fall with j.")
    end = above(end, "end", first, "It is the largest base of the range.")
    resolution = above(resolution, "resolution", 0.0)
    if not FINEST <= resolution <= COARSEST:
        raise ValueError(f"resolution must be {FINEST:g} … {COARSEST:g}, got {resolution:g}; 1e-8 is the default.")
    base, undecided = _walk(width, last, max(first, excluded), end, resolution)
    return SmallestBase(base, tuple(undecided), first, end, width, last, resolution)


def _walk(
    width: int, last: int, base: float, end: float, resolution: float
) -> tuple[float | None, list[tuple[float, float]]]:
    slopes = 2.0 * np.arange(width // 2) / width
    witnesses, trusted = np.empty(0), 0.0
    undecided: list[tuple[float, float]] = []
    while base <= end:
        table = Unscaled().frequencies(RopeConfig(width, base))
        steepest = float((table.theta * slopes).sum()) * (1.0 + 1e-12)  # rounded up
        reach = float(_reaches(table, witnesses, steepest).max()) if witnesses.size else 0.0
        if reach < max(0.5 * trusted, resolution):
            witnesses, reach = _best_witnesses(table, last, steepest)
            trusted = reach
            if not witnesses.size and first_negative(table.theta, table, last) is None:
                return base, undecided
        beyond = base * math.exp(max(reach, resolution)) * (1.0 - 1e-15)  # rounded down
        if reach < resolution:
            beyond = base * (1.0 + resolution)
            joined = undecided.pop()[0] if undecided and undecided[-1][1] == base else base
            undecided.append((joined, min(beyond, end)))
        base = beyond
    return None, undecided


def _reaches(table: Frequencies, offsets: NDArray[np.float64], steepest: float) -> NDArray[np.float64]:
    """Return by how much ln b may grow before the sum at each offset can stop being negative; below 0 it is not."""
    sums = np.cos(offsets[:, None] * table.theta).sum(axis=1)
    reaches: NDArray[np.float64] = (-sums - doubt(table.theta, table, int(offsets.max()))) / (offsets * steepest)
    return reaches


def _best_witnesses(table: Frequencies, last: int, steepest: float) -> tuple[NDArray[np.float64], float]:
    """Return the offsets up to ``last`` with the longest reaches, and the longest; none where no sum is negative."""
    pairs, best = len(table.theta), 0.0
    places, reaches = [np.empty(0)], [np.empty(0)]
    for offsets, sums in sums_in_blocks(table.theta, last):
        if pairs <= best * max(1, int(offsets[0])) * steepest:  # no sum is below −P: nothing later reaches further
            break
        found = (-sums - doubt(table.theta, table, int(offsets[-1]))) / (np.maximum(offsets, 1) * steepest)
        if (longest := float(found.max())) > best / 4.0:
            best = max(best, longest)
            kept = np.flatnonzero(found > best / 4.0)
            kept = kept[np.argsort(found[kept])[-WITNESSES:]]
            places.append(offsets[kept].astype(np.float64))
            reaches.append(found[kept])
    order = np.argsort(np.concatenate(reaches))[-WITNESSES:]
    return np.concatenate(places)[order], best
