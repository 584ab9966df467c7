"""Certificates short enough for a calculator: a few weights around a cell that bound the score in its middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import numpy_angular
from rope_theory._core.balls import working_precision
from rope_theory._core.checks import above, integer
from rope_theory._core.records import Record
from rope_theory.certificates.enclosure import Enclosure, enclosed
from rope_theory.errors import CertificateRejected, NotReached, OutOfRange
from rope_theory.scaling import Frequencies
from rope_theory.scaling._exact_form import frequency_balls, kind_of_frequencies

KERNEL = "the kernel"
MOST_DIGITS = 12
"""Decimals a weight may have; a kernel that needs more is not taken."""


@dataclass(frozen=True)
class KernelProof(Record):
    """What a kernel proves, in ball arithmetic: |a(k + ½)| ≤ gain·A + leakage·H.

    Attributes
    ----------
    gain, leakage : Enclosure
        Intervals that contain the factors on A and on H.
    """

    gain: Enclosure
    leakage: Enclosure


@dataclass(frozen=True, eq=False)
class Kernel(Record):
    """Weights symmetric about the middle of a unit cell, a(k + ½) ≈ Σ_m w_m (a(k + 1 − m) + a(k + m)), m = 1 … M.

    They prove |a(k + ½)| ≤ gain·A + leakage·H for every k with k + 1 − M and k + M among the trained offsets, where
    gain = 2 Σ|w_m| and leakage = Σ_j |1 − 2 Σ_m w_m cos((m − ½)θ_j)|.

    Attributes
    ----------
    weights : ndarray, shape (M,)
        w_1 … w_M, with ``digits`` decimals.
    taps : int
        Integers the kernel reaches over, 2M.
    nonzero : int
        How many of them carry a weight.
    gain, leakage : float
        As computed in float64; ``verify`` encloses them.
    digits : int
        Decimals of the weights.
    theta : Frequencies or ndarray (P,)
        Angular frequencies, rad/token.
    """

    weights: NDArray[np.float64]
    taps: int
    nonzero: int
    gain: float
    leakage: float
    digits: int
    theta: Any

    def __post_init__(self) -> None:
        """Copy and freeze the arrays."""
        for name in ("weights", "theta"):
            if isinstance(getattr(self, name), np.ndarray):
                array = np.array(getattr(self, name))
                array.setflags(write=False)
                object.__setattr__(self, name, array)

    @property
    def distances(self) -> NDArray[np.float64]:
        """Distances m − ½ of the weights from the middle of the cell, tokens, shape (M,)."""
        return np.arange(len(self.weights), dtype=np.float64) + 0.5

    def verify(self, bits: int = 256) -> KernelProof:
        """Enclose gain and leakage in ball arithmetic; the weights are the decimal numbers they are printed as.

        Parameters
        ----------
        bits : int
            Working precision.

        Returns
        -------
        KernelProof

        Raises
        ------
        ValueError
            When the weights have more than ``digits`` decimals, or gain and leakage are not theirs.
        """
        unit = 10.0**self.digits
        if not np.array_equal(np.round(self.weights * unit) / unit, self.weights):
            raise CertificateRejected("weights", f"have more than the {self.digits} decimals it states", KERNEL)
        proof = _proof(self.theta, self.weights, self.digits, bits)
        for name, stored, found in (("gain", self.gain, proof.gain), ("leakage", self.leakage, proof.leakage)):
            if abs(stored - found.upper) > 1e-9 * found.upper + 1e-12:
                raise CertificateRejected(name, f"is {stored:.12g}, but its weights have {found.upper:.12g}", KERNEL)
        return proof

    def to_text(self) -> str:
        """Return the inequality with its weights, as a person with a calculator needs it."""
        terms = [
            f"{weight:+.{self.digits}f}·[a(k{_signed(1 - m)}) + a(k{_signed(m)})]"
            for m, weight in enumerate(self.weights.tolist(), 1)
            if weight
        ]
        return "a(k + ½) ≈ " + " ".join(terms).replace("-", "−").lstrip("+")


def shortest_kernel(theta: Any, *, gain: float = 1.14, leakage: float = 1e-2, most_taps: int = 200) -> Kernel:
    """Return the shortest symmetric kernel that proves |a(k + ½)| ≤ gain·A + leakage·H.

    A is the largest abs(a(n)) on the integers the kernel reaches, H the largest abs(h_j). For each half width M a
    linear program minimises Σ_j |1 − 2 Σ_m w_m cos((m − ½)θ_j)| under 2 Σ|w_m| ≤ gain; the first M that gets below
    ``leakage`` with weights of at most 12 decimals, checked in ball arithmetic, is taken.

    Parameters
    ----------
    theta : array (P,) or Frequencies
        Angular frequencies, rad/token.
    gain : float
        Factor on A, at least 1.
    leakage : float
        Factor on H, above 0.
    most_taps : int
        Longest kernel tried.

    Returns
    -------
    Kernel

    Raises
    ------
    ValueError
        For a gain below 1, or when no kernel of ``most_taps`` integers is enough.

    Notes
    -----
    Source: docs/theory.md, section 7; the inequality of section 2 with symmetric weights.
    """
    frequencies = numpy_angular(theta)
    limit = above(gain, "gain", 0.0)
    if limit < 1.0:
        raise OutOfRange("gain", limit, low=1, remedy="a pair that hardly turns keeps its size; allow more")
    allowed = above(leakage, "leakage", 0.0)
    longest = integer(most_taps, "most_taps", 2)
    table = theta if isinstance(theta, Frequencies) else frequencies
    for half in range(1, longest // 2 + 1):
        exact = _least_leakage(frequencies, half, limit)
        if exact is None or _leakage(frequencies, exact) > allowed:
            continue
        for digits in range(1, MOST_DIGITS + 1):
            unit = 10.0**digits
            weights = np.trunc(exact * unit + 1e-3 * np.sign(exact)) / unit  # towards 0, so that the gain stays below
            if _leakage(frequencies, weights) > allowed:
                continue
            proof = _proof(table, weights, digits, 128)
            if proof.leakage.upper <= allowed and proof.gain.upper <= np.nextafter(limit, np.inf):
                return Kernel(
                    weights=weights,
                    taps=2 * half,
                    nonzero=2 * int(np.count_nonzero(weights)),
                    gain=float(2.0 * np.abs(weights).sum()),
                    leakage=_leakage(frequencies, weights),
                    digits=digits,
                    theta=table,
                )
    raise NotReached(
        f"No symmetric kernel of {longest} taps or fewer proves |a| ≤ {limit:g}·A + {allowed:g}·H",
        "allow a larger gain or leakage, or more taps",
    )


def _least_leakage(theta: NDArray[np.float64], half: int, gain: float) -> NDArray[np.float64] | None:
    """Return the weights of least leakage under the gain, (M,), or None where the solver gives up."""
    from scipy.optimize import linprog

    cosines = _cosines(theta, half)
    pairs = len(theta)
    # unknowns: positive and negative parts of w, then a bound on each |1 − 2 Σ w cos|
    rows = np.block(
        [
            [cosines, -cosines, -np.eye(pairs)],
            [-cosines, cosines, -np.eye(pairs)],
            [2.0 * np.ones((1, 2 * half)), np.zeros((1, pairs))],
        ]
    )
    limits = np.concatenate([np.ones(pairs), -np.ones(pairs), [gain]])
    options = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    costs = np.concatenate([np.zeros(2 * half), np.ones(pairs)])
    result = linprog(costs, rows, limits, method="highs-ds", options=options)
    if result.x is None:
        return None
    weights: NDArray[np.float64] = result.x[:half] - result.x[half : 2 * half]
    return weights


def _cosines(theta: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    return 2.0 * np.cos(np.outer(theta, np.arange(half) + 0.5))


def _leakage(theta: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.abs(1.0 - _cosines(theta, len(weights)) @ weights).sum())


def _proof(theta: Any, weights: NDArray[np.float64], digits: int, bits: int) -> KernelProof:
    kind = kind_of_frequencies(theta)
    with working_precision(bits) as flint:
        scale = flint.arb(10) ** digits
        decimals = [flint.arb(round(weight * 10**digits)) / scale for weight in weights.tolist()]
        gain = 2 * sum((abs(weight) for weight in decimals), flint.arb(0))
        leakage = flint.arb(0)
        for angle in frequency_balls(theta, flint):
            reached = [weight * (angle * (2 * m + 1) / 2).cos() for m, weight in enumerate(decimals)]
            leakage += abs(1 - 2 * sum(reached, flint.arb(0)))
        return KernelProof(enclosed([gain], (), bits, kind), enclosed([leakage], (), bits, kind))


def _signed(number: int) -> str:
    return f" + {number}" if number > 0 else f" − {-number}" if number < 0 else ""
