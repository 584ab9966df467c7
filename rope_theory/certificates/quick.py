"""An upper bound on the worst case in milliseconds: weights from reweighted least squares, not the best ones."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import as_numpy, offsets, space_of
from rope_theory._core.checks import integer
from rope_theory._core.design import FLOAT64, design
from rope_theory.certificates._question import Question, asked_table
from rope_theory.scaling._exact_form import REAL, kind_of_frequencies

NEAREST, FARTHER = 40, 216
"""Trained offsets that may carry a weight: all of the nearest, and so many of the others, rarer with distance."""

MOST_PAIRS = 128
"""Pairs on which the least squares are solved; of more, every second or third and so on."""

TINY = 1e-9
"""Added to sizes that are divided by."""

UNIT = 2.0**-53
"""Rounding unit of float64."""


def quick_bound(
    theta: Any,
    s: Any,
    grid: Any,
    *,
    h_max: float,
    score_max: float = 1.0,
    target_theta: Any = None,
    rounds: int = 5,
) -> Any:
    """Return an upper bound on the score at every s, given its size on trained offsets and that of h, without a solver.

    V(s) ≤ A‖w‖₁ + H Σ_j |ρ_j|, ρ_j = e^{isθ'_j} − Σ_n w_n e^{inθ_j}, for any weights w, here of at most some hundred
    offsets of the grid. They come from least squares, Σ w_n²/u_n + (H/A) Σ |ρ_j|²/r_j made least, whose u and r are
    the sizes |w_n| and |ρ_j| of the round before: both sums of squares then tend to the sums wanted. The least bound
    of all rounds is returned; it is never above HP.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Trained frequencies, rad/token.
    s : array, any shape
        Offsets asked about, tokens.
    grid : array (G,)
        Trained offsets in increasing order, tokens.
    h_max, score_max : float
        H and A, as for ``worst_case``.
    target_theta : array (P,) or Frequencies, optional
        Frequencies of the extended model, rad/token; the trained ones when not given.
    rounds : int
        Of least squares; more bring the bound nearer to V.

    Returns
    -------
    float, or ndarray of the shape of s
        numpy only. On grids of thousands usually above V by some percent between the trained offsets and far past
        them, by up to a quarter for extended frequencies, by up to two thirds just past them. Rounded outwards, on the
        assumption that cos and sin of NumPy are right to 4 units in the last place: ``worst_case`` assumes nothing.

    Raises
    ------
    ValueError
        As ``worst_case``, and for no rounds.

    Notes
    -----
    Source: docs/theory.md, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> import rope_theory as rt
    >>> theta = rt.scaling.Unscaled().frequencies(rt.RopeConfig(head_dim=32))
    >>> quick = rt.certificates.quick_bound(theta, 70.5, np.arange(64), h_max=3.0)
    >>> best = rt.certificates.worst_case(theta, 70.5, np.arange(64), h_max=3.0)
    >>> bool(best.lower <= quick)
    True
    """
    asked = Question.of(theta, target_theta, grid, h_max, score_max)
    rounds = integer(rounds, "rounds", 1, "Each makes the bound better.")
    where: NDArray[np.float64] = offsets(as_numpy(s), "s", space_of())
    doubt, asked_doubt = _doubt(theta, asked.frequencies), _doubt(asked_table(theta, target_theta), asked.target)
    trained = asked.grid if target_theta is None else asked.grid[:0]
    triangle = _product_above(asked.h_max, len(asked.target))  # of no weights
    bounds = []
    for one in where.ravel().tolist():
        if (trained == one).any():  # the constraint itself
            bounds.append(min(asked.score_max, triangle))
        else:
            least = _least(asked, one, rounds, doubt, asked_doubt)
            bounds.append(min(_product_above(asked.score_max, least), triangle))
    return np.array(bounds).reshape(where.shape)[()]


def _product_above(left: float, right: float) -> float:
    """Return the smallest float that is not below the product of two."""
    product = left * right
    return product if Fraction(product) >= Fraction(left) * Fraction(right) else math.nextafter(product, math.inf)


def _doubt(table: Any, theta: NDArray[np.float64]) -> float:
    """Return how far phases of all pairs together can be off, in rad per token of the offset.

    Float64 frequencies are taken as exact. Where they stand for powers of a base, each is a rounded power: off by at
    most 16 units and 8 log(1/θ) for the roundings in its exponent, relative to θ.
    """
    if kind_of_frequencies(table) != REAL:
        return 0.0
    relative = 16.0 + 8.0 * np.abs(np.log(np.maximum(theta, 1e-300)))
    return float((theta * relative).sum()) * UNIT


def _rounding(asked: Question, weights: NDArray[np.float64], grid: NDArray[np.float64], moved: float) -> float:
    """Return a bound on the rounding of A‖w‖₁ + H Σ|ρ_j| over A, up to the factor on its size in ``_upwards``.

    Every cosine and sine is right to 8 units (Dekker's product, 4 units of the library), and a sum of n products of
    numbers of at most |w| adds n units of Σ|w|. A part of ρ_j is off by at most (8 + (8 + n)‖w‖₁) units, its modulus
    by √2 times that. Phases that are themselves off move ρ_j by no more: ``moved``, over all pairs.
    """
    size = float(np.abs(weights).sum())
    units = math.sqrt(2.0) * len(asked.target) * (8.0 + (8.0 + len(grid)) * size) * UNIT
    return float(asked.ratio * (units + moved))


def _upwards(value: float, count: int) -> float:
    """Return a sum of ``count`` numbers of 0 or more, raised by what its additions and moduli can have lost."""
    return value * (1.0 + (count + 8.0) * 2.0 * UNIT)


def _least(asked: Question, s: float, rounds: int, doubt: float, asked_doubt: float) -> float:
    """Return the least bound on V(s)/A that the rounds find, rounded outwards."""
    places, pairs = _places(asked, s), len(asked.target)
    grid = _candidates(asked.grid, places)
    phi, wanted = design(asked.frequencies, grid, FLOAT64), design(asked.target, np.array([s]), FLOAT64)[0]
    terms = pairs + len(grid)
    least = _upwards(asked.ratio * pairs, 1)  # of no weights: the triangle inequality
    one = asked.ratio * np.hypot(*np.split(wanted - phi, 2, axis=1)).sum(1)  # of a weight of 1 on one offset
    best = int(one.argmin())
    moved = doubt * abs(float(grid[best])) + asked_doubt * abs(s)
    least = min(least, _upwards(1.0 + float(one[best]) + _rounding(asked, np.ones(1), grid[:1], moved), terms))
    # any weights give a bound, so those of wide heads are solved on some of the pairs and judged on all of them
    step = -(-pairs // MOST_PAIRS)
    some = np.concatenate([np.arange(0, pairs, step), np.arange(pairs, 2 * pairs, step)])
    part, ratio = phi[:, some], asked.ratio * step
    u, r = np.ones(len(grid)), np.ones(len(some) // 2)
    if len(places) == 1 and asked.grid[0] <= places[0] <= asked.grid[-1]:
        u = 1.0 / (1.0 + np.abs(grid - places[0]))  # between trained offsets the near ones carry most
    for _ in range(rounds):
        rooted = part * np.sqrt(u)[:, None]
        normal = rooted.T @ rooted  # (ΦᵀUΦ + R A/H) x = φ(s), w = UΦx
        normal[np.diag_indices(len(some))] += np.tile(r, 2) / ratio
        try:
            weights = u * (part @ np.linalg.solve(normal, wanted[some]))  # numpy's: two BLAS would wait for each other
        except np.linalg.LinAlgError:  # nothing is left to improve in float64
            break
        rest = wanted - weights @ phi
        moduli = np.hypot(rest[:pairs], rest[pairs:])
        moved = doubt * float(np.abs(weights * grid).sum()) + asked_doubt * abs(s)
        rounding = _rounding(asked, weights, grid, moved)
        bound = _upwards(float(np.abs(weights).sum() + asked.ratio * moduli.sum() + rounding), terms)
        if not np.isfinite(bound):
            break
        least = min(least, bound)
        u, r = np.abs(weights) + TINY, moduli[::step] + TINY
    return least


def _places(asked: Question, s: float) -> NDArray[np.float64]:
    """Return the offsets of the trained curve at which its most and its least slowed pairs are asked."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        stretch = np.clip(np.nan_to_num(asked.target / asked.frequencies, nan=1.0, posinf=1.0), 0.0, 1e6)
    return np.unique(np.round([s * stretch.min(), s * stretch.max()], 9))  # equal but for rounding: one place


def _candidates(grid: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the offsets that may carry a weight: those nearest to the places, and some of the others."""
    farther = np.geomspace(NEAREST, max(NEAREST, len(grid) - 1), FARTHER)
    ranks = np.unique(np.concatenate([np.arange(NEAREST), farther]).astype(int))
    ranks = ranks[ranks < len(grid)]
    kept = [np.argsort(np.abs(grid - place), kind="stable")[ranks] for place in places]
    chosen: NDArray[np.float64] = grid[np.unique(np.concatenate(kept))]
    return chosen
