"""An upper bound on the worst case in milliseconds: weights from reweighted least squares, not the best ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import as_numpy, offsets, space_of
from rope_theory._checks import integer
from rope_theory.certificates._question import Question, question

NEAREST, FARTHER = 40, 216
"""Trained offsets that may carry a weight: all of the nearest, and so many of the others, rarer with distance."""

MOST_PAIRS = 128
"""Pairs on which the least squares are solved; of more, every second or third and so on."""

TINY = 1e-9
"""Added to sizes that are divided by."""


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
        them, by up to a quarter for extended frequencies, by up to two thirds just past them. Computed in float64,
        whose rounding is not enclosed: ``worst_case`` proves its numbers.

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
    asked = question(theta, target_theta, grid, h_max, score_max)
    rounds = integer(rounds, "rounds", 1, "Each makes the bound better.")
    where: NDArray[np.float64] = offsets(as_numpy(s), "s", space_of())
    bounds = [_least(asked, float(one), rounds) for one in where.ravel()]
    return (asked.score_max * np.array(bounds)).reshape(where.shape)[()]


def _least(asked: Question, s: float, rounds: int) -> float:
    """Return the least bound on V(s)/A that the rounds find."""
    places, pairs = _places(asked, s), len(asked.target)
    grid = _candidates(asked.grid, places)
    phi, wanted = _columns(asked.frequencies, grid), _columns(asked.target, np.array([s]))[0]
    one = 1.0 + asked.ratio * np.hypot(*np.split(wanted - phi, 2, axis=1)).sum(1)  # of a weight of 1 on one offset
    least = min(asked.ratio * pairs, float(one.min()))  # of no weights: the triangle inequality
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
        bound = np.abs(weights).sum() + asked.ratio * moduli.sum()
        if not np.isfinite(bound):
            break
        least = min(least, float(bound))
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


def _columns(theta: NDArray[np.float64], s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [cos sθ_j, sin sθ_j], (len(s), 2P)."""
    angles = np.multiply.outer(s, theta)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=-1)
