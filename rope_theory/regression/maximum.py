"""How large a ridge fit to noise gets over a set of offsets: a proved bound, and a simulation beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import BLOCK_ELEMENTS, offsets, space_of
from rope_theory._core.checks import above, integer
from rope_theory._core.records import Record
from rope_theory.errors import OutOfRange
from rope_theory.regression._spectrum import Spectrum, spectrum
from rope_theory.regression.closed_forms import unit_stds

MOST_DRAWS = 10**6
"""Most fits simulated in one call."""


@dataclass(frozen=True)
class ExpectedMaximum(Record):
    """Bound and simulation of E max |fit(s)| over a finite set of offsets.

    Attributes
    ----------
    bound : float
        Upper bound of the expectation, proved, up to the rounding of the standard deviations in it: below 1e-5
        relative for the largest of them, docs/theory.md, section 6.
    simulated : float
        Mean of ``maxima``.
    standard_error : float
        Of that mean.
    maxima : tuple of float, length draws
        max |fit(s)| of each draw; the same seed gives the same noise whatever alpha.
    draws, seed : int
        How many fits were simulated, and the seed of numpy's default generator.
    sigma, alpha : float
        Standard deviation of the targets, and ridge strength.
    """

    bound: float
    simulated: float
    standard_error: float
    maxima: tuple[float, ...] = field(repr=False)
    draws: int
    seed: int
    sigma: float
    alpha: float


def expected_maximum(
    theta: Any, train: Any, s: Any, *, alpha: float, sigma: float = 1.0, draws: int = 1000, seed: int = 0
) -> ExpectedMaximum:
    """Return how large a ridge fit to independent noise gets over the offsets s, in expectation.

    bound = ∫_0^∞ min(1, Σ_s 2Q(u/std(s))) du = u0 + 2 Σ_s [std(s) φ(u0/std(s)) − u0 Q(u0/std(s))], u0 where the sum
    is 1, Q the normal tail, φ the normal density and std(s) from ``prediction_std``.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    train : array, shape (n,)
        Training offsets in tokens.
    s : array, any shape
        Offsets in tokens over which the maximum goes.
    alpha : float
        Ridge strength, at least 0, within the limits of ``prediction_std``.
    sigma : float
        Standard deviation of the targets, above 0.
    draws : int
        Fits to simulate, from 2 to 10^6.
    seed : int
        Seed of numpy's default generator.

    Returns
    -------
    ExpectedMaximum

    Raises
    ------
    ValueError
        As ``prediction_std``, and for draws below 2 or a negative seed.

    Notes
    -----
    The fits are not computed from targets: with Φ = U diag(σ_i) Vᵀ the fit sees of y ~ N(0, sigma²I) only Uᵀy, whose
    law is N(0, sigma²I) because the columns of U are orthonormal. Source: docs/theory.md, section 6.
    """
    where, sigma = offsets(s, "s", space_of()).reshape(-1), above(sigma, "sigma", 0.0)
    draws = integer(draws, "draws", 2, "A standard error needs two.")
    if draws > MOST_DRAWS:
        raise OutOfRange("draws", draws, high=MOST_DRAWS, remedy="the error falls only with its root")
    seed = integer(seed, "seed", 0)
    found = spectrum(theta, train)
    alpha = found.strength(alpha)
    maxima = sigma * _maxima(found, where, alpha, draws, seed)
    return ExpectedMaximum(
        bound=sigma * bound_from_stds(unit_stds(found, where, alpha)),
        simulated=float(maxima.mean()),
        standard_error=float(maxima.std(ddof=1) / draws**0.5),
        maxima=tuple(maxima.tolist()),
        draws=draws,
        seed=seed,
        sigma=sigma,
        alpha=alpha,
    )


def bound_from_stds(std: NDArray[np.float64]) -> float:
    """Return ∫_0^∞ min(1, Σ_i 2Q(u/std_i)) du for standard deviations (n,).

    Any u0 gives an upper bound, since min(1, x) is at most 1 below it and at most x above it; the one where the sum
    is 1 gives the integral itself.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    largest = float(std.max())
    if largest == 0.0:
        return 0.0
    # lifting the smallest raises the bound by nothing that can be seen, and nothing overflows below
    shares = np.maximum(std[std > 0.0] / largest, 1e-30)

    def tails(u: float) -> Any:
        return ndtr(-u / shares)

    # 2Q(12) = 3.6e-33: no array is long enough to bring the sum to 1 there
    start = float(brentq(lambda u: 2 * tails(u).sum() - 1.0, 0.0, 12.0, xtol=1e-15))
    with np.errstate(under="ignore"):
        density = np.exp(-((start / shares) ** 2) / 2) / np.sqrt(2 * np.pi)
    return largest * float(start + 2 * (shares * density - start * tails(start)).sum())


def _maxima(found: Spectrum, s: NDArray[np.float64], alpha: float, draws: int, seed: int) -> NDArray[np.float64]:
    """Return max |fit(s)| of each draw for unit noise, a block of draws and of offsets at a time."""
    gains, generator = found.gains(alpha), np.random.default_rng(seed)
    rank = len(gains)
    some = max(1, min(draws, BLOCK_ELEMENTS // (2 * rank)))
    rows = max(1, BLOCK_ELEMENTS // max(some, 2 * rank))
    maxima = np.zeros(draws)
    for first in range(0, draws, some):
        noise = generator.standard_normal((min(some, draws - first), rank)).T
        for start in range(0, len(s), rows):
            values = np.abs((found.coordinates(s[start : start + rows]) * gains) @ noise)
            np.maximum(maxima[first : first + some], values.max(axis=0), out=maxima[first : first + some])
    return maxima
