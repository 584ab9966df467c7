"""The cone program behind a worst case, solved on the active part of the grid.

In units of score_max, with x = (Re h, Im h), rows φ(n) = (cos nθ, −sin nθ), so that a(n) = φ(n)·x, and H = h_max:

    maximise  b·x   over   |φ(n)·x| ≤ 1 for n in the grid,   |h_j| ≤ H for every pair,

with b the row of the offset asked about. A solver's answer on a few rows gives weights w (its multipliers) and a
point x. Neither is trusted: ``Answer`` recomputes what they prove on the whole grid,

    upper = Σ|w_n| + H Σ_j |b_j − Σ_n w_n φ_j(n)|,   lower = b·x / max(1, max_n |φ(n)·x|, max_j |h_j|/H).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import phasors, space_of
from rope_theory._core.optional import load

Floats = NDArray[np.float64]

GAP = 2e-6
"""Relative gap at which the search ends; what is asked of certificates is 1e-4."""

LOOSE = (1e-2, 1e-2, 1e-3, 1e-3, 1e-4)
"""Solver tolerances of the first rounds, which only have to find where the constraints are tight."""

TIGHT = 1e-7
"""Solver tolerance once the grid is nearly obeyed."""

NEARLY = 1.05
"""Largest score, over what is allowed, at which rounds become tight."""

KEPT = (0.5, 0.8, 0.9)
"""Rows whose score falls below this share of its limit are dropped, by round, unless they have come back once."""

COMB, ENTERING = 128, 200
"""Offsets of the even comb a search begins with, and new offsets it takes up in one round."""

BUDGET = 3
"""Rows kept at most, over the number of unknowns 2P; those beyond their limit are kept all."""

PATIENCE, MOST_ROUNDS = 8, 40
"""Rounds after which the solver works at its tight tolerance, and after which it is called no more."""

LOOSE_TURNS, TIGHT_TURNS = 4.0, 16.0
"""Turns in the window below which pairs share a basis: more make the program denser, and better conditioned."""

SMALL_GRID = 160
"""Grids of up to this many offsets are solved whole."""


def moduli(x: Floats) -> Floats:
    """Return the moduli of the pairs of (Re, Im), shape (P,)."""
    pairs = len(x) // 2
    return np.hypot(x[:pairs], x[pairs:])


@dataclass(frozen=True, eq=False)
class Basis:
    """Coordinates z in which the program is well conditioned, x = ``columns`` @ z.

    Attributes
    ----------
    columns : ndarray, shape (2P, 2P)
        Pairs of many turns keep their own two; those of few turns, which the window can hardly tell apart, share the
        singular vectors of their rows, of unit size where the window sees them and of size H elsewhere.
    felt : ndarray of bool, shape (2P,)
        Columns that move any score on the grid by more than rounding.
    caps : sparse matrix, shape (3P, 2P)
        −(0, x_j, x_{j+P}) stacked: what the second-order cones take.
    """

    columns: Floats
    felt: NDArray[np.bool_]
    caps: Any


@dataclass(frozen=True, eq=False)
class Window:
    """The trained offsets and what the solver needs of them: a basis for loose rounds and one for tight ones."""

    grid: Floats
    rows: Floats
    loose: Basis
    tight: Basis


@lru_cache(maxsize=2)
def window(theta: bytes, grid: bytes, ratio: float) -> Window:
    """Return the prepared window; arrays as bytes, so that a sweep along s prepares it once per process."""
    frequencies, offsets = np.frombuffer(theta), np.frombuffer(grid)
    cos, sin = phasors(frequencies, offsets, space_of())
    rows = np.concatenate([cos, -sin], axis=-1)  # of s: its score is their product with (Re h, Im h)
    turns = frequencies * max(float(offsets[-1] - offsets[0]), 1.0) / (2.0 * np.pi)
    return Window(
        grid=offsets,
        rows=rows,
        loose=_basis(rows, turns < LOOSE_TURNS, ratio),
        tight=_basis(rows, turns < TIGHT_TURNS, ratio),
    )


def _basis(rows: Floats, shared: NDArray[np.bool_], ratio: float) -> Basis:
    """Return the basis in which the pairs in ``shared`` share their singular vectors."""
    from scipy import sparse

    pairs = len(shared)
    own, common = np.flatnonzero(~shared), np.flatnonzero(shared)
    columns, felt = np.zeros((2 * pairs, 2 * pairs)), np.ones(2 * pairs, dtype=bool)
    upright = np.stack([own, own + pairs], axis=1).reshape(-1)
    columns[upright, np.arange(len(upright))] = 1.0 / np.sqrt(len(rows) / 2.0)
    if len(common):
        turned = np.concatenate([common, common + pairs])
        triangle = np.linalg.qr(rows[:, turned], mode="r")
        _, singular, right = np.linalg.svd(triangle)
        singular = np.concatenate([singular, np.zeros(len(turned) - len(singular))])
        size = np.maximum(singular, 1.0 / ratio)
        columns[np.ix_(turned, len(upright) + np.arange(len(turned)))] = right.T / size
        felt[len(upright) :] = np.sqrt(pairs) * singular / size > 1e-11
    caps = np.zeros((3 * pairs, 2 * pairs))
    caps[1::3], caps[2::3] = -columns[:pairs], -columns[pairs:]
    return Basis(columns, felt, sparse.csc_matrix(caps))


@dataclass(frozen=True, eq=False)
class Answer:
    """The best weights and the best point found, and what they prove; in units of score_max.

    Attributes
    ----------
    upper, lower : float
        Recomputed from ``weights`` and ``witness`` on the whole grid.
    weights : ndarray, shape (G,)
        Weights on the grid, most of them zero.
    witness : ndarray, shape (2P,)
        (Re h, Im h), obeying every constraint up to rounding.
    status : str
        The solver's last word, for the record only.
    rounds : int
        How often it was called.
    """

    upper: float
    lower: float
    weights: Floats
    witness: Floats
    status: str
    rounds: int

    @property
    def support(self) -> NDArray[np.intp]:
        """Indices of the offsets that have a weight."""
        return np.flatnonzero(self.weights)


class _Search:
    """The best weights and point so far."""

    def __init__(self, place: Window, target: Floats, ratio: float) -> None:
        self.place, self.target, self.ratio = place, target, ratio
        self.weights, self.witness = np.zeros(len(place.grid)), np.zeros(len(target))
        self.upper, self.lower = np.inf, -np.inf
        self.offer_weights(self.weights)  # the triangle bound
        self.offer_point(ratio * target)  # aligned: moduli one, so all caps are reached at once

    def offer_weights(self, weights: Floats) -> None:
        size = np.abs(weights)
        pruned = np.where(size > 1e-7 * size.max(), weights, 0.0)  # interior points leave dust on slack rows
        for candidate in (weights, pruned):
            used = np.flatnonzero(candidate)
            residual = self.target - candidate[used] @ self.place.rows[used]
            upper = float(np.abs(candidate).sum() + self.ratio * moduli(residual).sum())  # A‖w‖₁ + H Σ|ρ_j|, A = 1
            if upper < self.upper * (1.0 + 1e-8 * (candidate is pruned)):
                self.weights, self.upper = candidate, upper

    def offer_point(self, x: Floats) -> None:
        excess = max(1.0, float(np.abs(self.place.rows @ x).max()), float(moduli(x).max()) / self.ratio)
        feasible = x / (excess * (1.0 + 1e-13))  # every constraint is obeyed, with a last digit to spare
        lower = float(self.target @ feasible)
        if lower > self.lower:
            self.witness, self.lower = feasible, lower

    @property
    def gap(self) -> float:
        return (self.upper - self.lower) / self.upper


def maximise(place: Window, target: Floats, ratio: float, start: Iterable[int], s: float | None) -> Answer:
    """Return the largest score at the offset whose row is ``target``.

    Exchange steps: solve on a few rows, each with the sign it was seen with; add the offsets at which the score
    found peaks beyond its limit, drop those far below it, until the whole grid is obeyed.

    Parameters
    ----------
    place : Window
        Trained offsets.
    target : ndarray, shape (2P,)
        Row of the offset asked about.
    ratio : float
        h_max/score_max.
    start : iterable of int
        Indices of offsets that were tight nearby.
    s : float or None
        The offset on the grid's own scale, near which constraints are tight; None when frequencies differ.
    """
    search = _Search(place, target, ratio)
    grid_size = len(place.grid)
    whole = grid_size <= SMALL_GRID
    status, tight = "", whole
    exchange = _Exchange(np.arange(grid_size) if whole else _first_rows(place.grid, start, s))
    rounds = stalls = 0
    while rounds < MOST_ROUNDS and stalls < PATIENCE:
        index, sign = exchange.rows
        basis = place.tight if tight else place.loose
        tolerance = TIGHT if tight else LOOSE[min(rounds, len(LOOSE) - 1)]
        x, multipliers, status = _solve(place, basis, target, ratio, index, sign, tolerance)
        rounds += 1
        before = search.gap
        if np.isfinite(multipliers).all():
            search.offer_weights(np.bincount(index, multipliers * sign, grid_size).astype(np.float64))
        if np.isfinite(x).all():
            search.offer_point(x)
        if search.gap <= GAP:
            break
        if not np.isfinite(x).all():
            if tight:
                break
            tight = True
            continue
        scores = place.rows @ x
        changed = exchange.step(scores, BUDGET * len(x))
        if tight and not changed:  # the whole grid is obeyed: what is left is the solver's tolerance
            if exchange.is_two_sided:
                break
            exchange.hold_both_sides()  # more rows, but closer to the solver's tolerance
        obeyed = float(np.abs(scores).max()) < NEARLY
        stalls = stalls + 1 if tight and obeyed and search.gap > 0.99 * before else 0
        tight = tight or obeyed or rounds >= PATIENCE
    return Answer(search.upper, search.lower, search.weights, search.witness, status, rounds)


class _Exchange:
    """The rows in play, as 2·index + (1 where the score is held from above, 0 from below)."""

    def __init__(self, offsets: NDArray[np.intp]) -> None:
        self.keys = _both_sides(offsets)
        self._dropped: set[int] = set()
        self._returned: set[int] = set()
        self._steps = 0
        self.is_two_sided = False

    @property
    def rows(self) -> tuple[NDArray[np.intp], Floats]:
        """Indices of the offsets, and the signs with which their scores are held below the limit."""
        return self.keys // 2, np.where(self.keys % 2, 1.0, -1.0)

    def hold_both_sides(self) -> None:
        """Hold every score in play from above and from below, from now on."""
        self.keys = _both_sides(self.keys // 2)
        self.is_two_sided = True

    def step(self, scores: Floats, budget: int) -> bool:
        """Drop slack rows, add the peaks beyond their limit, and tell whether anything changed.

        A row that was dropped and had to come back stays, so that steps cannot go round in circles.
        """
        kept = KEPT[min(self._steps, len(KEPT) - 1)]
        self._steps += 1
        size = np.abs(scores)
        peaks = (size >= np.concatenate([[0.0], size[:-1]])) & (size >= np.concatenate([size[1:], [0.0]]))
        new = np.flatnonzero(peaks & (size > 1.0))
        new = new[np.argsort(-size[new])[:ENTERING]]
        entering = 2 * new + (scores[new] > 0)
        if self.is_two_sided:
            before = len(self.keys)
            self.keys = np.union1d(self.keys, np.concatenate([entering, entering ^ 1]))
            return len(self.keys) > before
        index, sign = self.rows
        height = sign * scores[index]
        order = np.argsort(-height)
        room = max((budget if size.max() < 1.2 else 2 * budget) - len(new), 0)
        staying = self.keys[order[:room]]
        staying = staying[height[order[:room]] > kept]
        beyond = self.keys[height > 1.0]
        loyal = [key for key in self.keys.tolist() if key in self._returned]
        following = np.unique(np.concatenate([staying, beyond, entering, np.array(loyal, dtype=np.intp)]))
        self._returned |= self._dropped & set(entering.tolist())
        self._dropped |= set(self.keys.tolist()) - set(following.tolist())
        changed = not np.array_equal(following, self.keys)
        self.keys = following
        return changed


def _both_sides(offsets: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the keys that hold every offset from above and from below."""
    return np.unique(np.concatenate([2 * offsets, 2 * offsets + 1]))


def _first_rows(grid: Floats, start: Iterable[int], s: float | None) -> NDArray[np.intp]:
    """Return indices to begin with: an even comb, ever denser towards the ends of the grid and towards s."""
    last = len(grid) - 1
    near = np.unique(np.round(np.concatenate([np.arange(6), np.geomspace(6, max(last, 6), 4 * 10)])).astype(np.intp))
    pieces = [np.arange(0, last + 1, max(1, last // COMB)), near, last - near, np.fromiter(start, np.intp)]
    if s is not None and grid[0] < s < grid[-1]:
        place = int(np.searchsorted(grid, s))
        pieces += [place - near, place + near]
    chosen = np.unique(np.concatenate(pieces))
    return chosen[(chosen >= 0) & (chosen <= last)]


def _solve(
    place: Window, basis: Basis, target: Floats, ratio: float, index: NDArray[np.intp], sign: Floats, tolerance: float
) -> tuple[Floats, Floats, str]:
    """Return Clarabel's point (2P,), its multipliers of the rows, and its status."""
    from scipy import sparse

    clarabel = load("clarabel", "certify")
    pairs, count = len(target) // 2, len(index)
    held = np.where(basis.felt, sign[:, None] * (place.rows[index] @ basis.columns), 0.0)
    matrix = sparse.vstack([sparse.csc_matrix(held), basis.caps])
    limits = np.zeros(count + 3 * pairs)
    limits[:count], limits[count::3] = 1.0, ratio
    gain = target @ basis.columns
    size = max(float(np.abs(gain).max()), 1e-300)
    cones = [clarabel.NonnegativeConeT(count), *(clarabel.SecondOrderConeT(3) for _ in range(pairs))]
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads, settings.presolve_enable = False, 1, False
    settings.tol_gap_abs = settings.tol_gap_rel = tolerance
    settings.tol_feas = 0.1 * min(tolerance, 1e-4)
    nothing = sparse.csc_matrix((len(gain), len(gain)))
    solution = clarabel.DefaultSolver(nothing, -gain / size, matrix.tocsc(), limits, cones, settings).solve()
    point: Floats = basis.columns @ np.asarray(solution.x)
    return point, np.asarray(solution.z)[:count] * size, str(solution.status)
