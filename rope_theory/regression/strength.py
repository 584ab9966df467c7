"""The smallest ridge that keeps a fit to noise as small beyond its window as inside."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import BLOCK_ELEMENTS, runs
from rope_theory._core.checks import above, integer
from rope_theory._core.records import Record
from rope_theory.errors import NotReached, WrongValue
from rope_theory.regression._spectrum import Spectrum, spectrum

FAR = 1e6
"""The search reaches from σ_min²/FAR, where the design has full rank, to FAR·σ_max²."""

RESOLUTION = 1e-9
"""Ratio of neighbouring strengths, less 1, at which the search stops halving."""

MOST_UNDECIDED = 4096
"""Cells halved at a time; more are only there when the ratio touches the tolerance along a stretch."""

ROWS = 4096
"""Offsets turned to rows at a time."""

LARGEST_WINDOW = 1 << 20
"""Longest length searched, tokens: the search holds one row per offset."""


@dataclass(frozen=True)
class RidgeStrength(Record):
    """A ridge strength that keeps the largest standard deviation beyond the window near that inside.

    Attributes
    ----------
    alpha : float
        Smallest admissible strength in ``searched``; 0 where least squares needs no ridge.
    tolerance : float
        Largest ratio admitted.
    inside_std, beyond_std : float
        Largest standard deviation on 0 … window − 1 and on window … length − 1, at ``alpha``, for unit noise.
    ratio : float
        beyond_std / inside_std.
    limit : float
        Ratio as alpha → ∞.
    intervals : tuple of (float, float)
        All admissible strengths in ``searched``; they need not be one interval. The last end may be infinity.
    searched : (float, float)
        Strengths searched: from 0 where the design has full rank, else from the limit of float64, to infinity.
    is_smallest : bool
        False where ``alpha`` is the lower end of what float64 can tell: smaller strengths may do as well.
    window, length : int
        As given.
    """

    alpha: float
    tolerance: float
    inside_std: float
    beyond_std: float
    ratio: float
    limit: float
    intervals: tuple[tuple[float, float], ...]
    searched: tuple[float, float]
    is_smallest: bool
    window: int
    length: int


def ridge_strength(theta: Any, *, window: int, length: int, tolerance: float) -> RidgeStrength:
    """Return the smallest ridge that keeps the std of a fit beyond its window within a factor of that inside.

    α*(tolerance) = min {α : max_{L ≤ s < length} std(s; α) ≤ tolerance · max_{0 ≤ s < L} std(s; α)} over integer s,
    with std from ``prediction_std`` and the training offsets 0 … L − 1, L the window.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    window : int
        Trained window in tokens, at least 1.
    length : int
        End of the offsets beyond it, tokens, above ``window``; at most 2^20.
    tolerance : float
        Largest ratio admitted, above 0; below 1 the fit must be smaller beyond the window than inside.

    Returns
    -------
    RidgeStrength

    Raises
    ------
    ValueError
        When no strength that float64 can tell keeps the ratio within the tolerance; the message says which can be
        reached. Also for a length not above the window.

    Notes
    -----
    The search misses no interval wider than its resolution: (σ_max² + α)·std(s; α) never grows with α, which bounds
    the ratio between two strengths by its values at them. Where the ratio stays at the tolerance along a stretch, the
    ends of the cells halved last, more than 4096, decide. Source: docs/theory.md, section 6.
    """
    window = integer(window, "window", 1, "It is the trained window in tokens.")
    length = integer(length, "length", 1, "It is the end of the offsets beyond the window, in tokens.")
    if length <= window:
        raise WrongValue("length", f"must be above the window, {window}", length, "2 * window is the usual choice")
    if length > LARGEST_WINDOW:
        raise WrongValue("length", "must be at most 2**20 tokens", length, "use a shorter one")
    tolerance = above(tolerance, "tolerance", 0.0, "It is the largest ratio of standard deviations admitted.")
    found = spectrum(theta, np.arange(window))
    sizes = _Sizes(found, window, length)
    admissible, alphas, inside, beyond = _searched(sizes, _first_grid(found), tolerance)
    if not admissible.any():
        raise NotReached(_nothing_reached(sizes, alphas, tolerance, window, length))
    intervals = tuple((float(alphas[begin]), float(alphas[end])) for begin, end in runs(admissible))
    alpha = intervals[0][0]
    at = int(np.flatnonzero(alphas == alpha)[0])
    largest = float(found.singular[0]) ** 2
    return RidgeStrength(
        alpha=alpha,
        tolerance=tolerance,
        inside_std=float(inside[at]) / (largest + alpha),
        beyond_std=float(beyond[at]) / (largest + alpha),
        ratio=float(beyond[at] / inside[at]),
        limit=float(beyond[-1] / inside[-1]),
        intervals=intervals,
        searched=(float(alphas[0]), float(alphas[-1])),
        is_smallest=alpha == 0.0 or alpha > float(alphas[0]),
        window=window,
        length=length,
    )


class _Sizes:
    """Largest std on either side of the window's end, times σ_max² + α: finite and above 0 at α = ∞ too."""

    def __init__(self, found: Spectrum, window: int, length: int) -> None:
        self.singular, self.window, self.length = found.singular, window, length
        pieces = (np.arange(first, min(first + ROWS, length), dtype=np.float64) for first in range(0, length, ROWS))
        self.squares = np.concatenate([found.coordinates(piece) ** 2 for piece in pieces])

    def at(self, alphas: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return them for each of ``alphas``: inside, and beyond."""
        squared = self.singular[:, None] ** 2
        with np.errstate(invalid="ignore"):
            # (σ_max² + α)/(σ² + α), 1 at infinity
            grown = np.where(np.isinf(alphas), 1.0, (squared[0] + alphas) / (squared + alphas))
        gains = squared * grown**2
        return self._largest(0, self.window, gains), self._largest(self.window, self.length, gains)

    def _largest(self, first: int, last: int, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        rows = max(1, BLOCK_ELEMENTS // gains.shape[1])
        pieces = [self.squares[start : min(start + rows, last)] @ gains for start in range(first, last, rows)]
        largest: NDArray[np.float64] = np.sqrt(np.max([piece.max(axis=0) for piece in pieces], axis=0))
        return largest


def _first_grid(found: Spectrum) -> NDArray[np.float64]:
    """Return strengths half a decade apart over all that float64 can tell, their limits 0 and ∞ at the ends."""
    low = float(found.singular[-1]) ** 2 / FAR if found.has_full_rank else found.floor**2 * (1.0 + 1e-12)
    high = FAR * float(found.singular[0]) ** 2
    grid = np.geomspace(low, high, 1 + math.ceil(2 * math.log10(high / low)))
    grid[0] = low  # geomspace may round below it
    return np.concatenate([[0.0] if found.has_full_rank else [], grid, [math.inf]])


def _searched(
    sizes: _Sizes, alphas: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Halve the cells between strengths until each is decided; return which are admissible, and the ends.

    All crossings of the tolerance are enclosed, which a root finder, such as scipy's brentq, does not promise.
    """
    inside, beyond = sizes.at(alphas)
    while True:
        # neither side grows with α, so in a cell the ratio lies between these
        highest, lowest = beyond[:-1] / inside[1:], beyond[1:] / inside[:-1]
        undecided = (highest > tolerance) & (lowest <= tolerance)
        left, right = alphas[:-1], alphas[1:]
        with np.errstate(divide="ignore"):
            wide = (left > 0.0) & np.isfinite(right) & (right > left * (1.0 + RESOLUTION))
        halve = np.flatnonzero(undecided & wide)
        if not 0 < len(halve) <= MOST_UNDECIDED:
            good = beyond / inside <= tolerance
            return (highest <= tolerance) | (undecided & good[:-1] & good[1:]), alphas, inside, beyond
        middle = np.sqrt(left[halve]) * np.sqrt(right[halve])
        more_inside, more_beyond = sizes.at(middle)
        alphas, inside, beyond = (
            np.insert(old, halve + 1, new)
            for old, new in ((alphas, middle), (inside, more_inside), (beyond, more_beyond))
        )


def _nothing_reached(sizes: _Sizes, alphas: NDArray[np.float64], tolerance: float, window: int, length: int) -> str:
    finite = alphas[np.isfinite(alphas)]
    finer = np.unique(np.concatenate([finite, np.geomspace(finite[finite > 0][0], finite[-1], 2000), [math.inf]]))
    inside, beyond = sizes.at(finer)
    best = int((beyond / inside).argmin())
    smallest = float(beyond[best] / inside[best])
    step = 10.0 ** (math.floor(math.log10(smallest)) - 3)
    limit = float(beyond[-1] / inside[-1])
    where = "as alpha grows" if best == len(finer) - 1 else f"at alpha = {finer[best]:.3g}, and {limit:.6g} as it grows"
    return (
        f"No ridge keeps the standard deviation on {window} … {length - 1} within {tolerance:g} times that inside the "
        f"window: the smallest ratio in the searched range, {finer[0]:.2g} to infinity, is {smallest:.6g} {where}. "
        f"Give a tolerance of {(math.ceil(smallest / step) + 1) * step:.4g} or more."
    )
