"""A certificate proved again in ball arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._arrays import numpy_angular
from rope_theory._balls import floats_around, frequency_balls, kind_of_frequencies, largest, working_precision
from rope_theory.certificates.enclosure import Enclosure

if TYPE_CHECKING:
    from rope_theory.certificates.certificate import Certificate

STORED = 1e-9
"""Relative distance at which a stored number no longer is the one recomputed."""


def verified(certificate: Certificate, bits: int) -> Enclosure:
    """Return a rigorous enclosure of V(s); see ``Certificate.verify``."""
    check_form(certificate)
    asked = certificate.theta if certificate.target_theta is None else certificate.target_theta
    with working_precision(bits) as flint:
        theta = frequency_balls(certificate.theta, flint)
        target = frequency_balls(asked, flint)
        for name, table, balls in (("theta", certificate.theta, theta), ("target_theta", asked, target)):
            _check_table(name, table, balls)
        powers = Powers(theta, certificate.grid, flint)
        cap, size = flint.arb(certificate.h_max), flint.arb(certificate.score_max)
        phasors = [flint.acb(0, flint.arb(certificate.s) * angle).exp() for angle in target]

        sums = powers.weighted(certificate.weights)
        residual = [phasor - total for phasor, total in zip(phasors, sums, strict=True)]
        _check_residual(certificate, residual)
        norm = sum((abs(flint.arb(w)) for w in certificate.weights[certificate.weights != 0.0].tolist()), flint.arb(0))
        upper = size * norm + cap * sum((abs(rho) for rho in residual), flint.arb(0))

        witness = [flint.acb(h.real, h.imag) for h in certificate.witness.tolist()]
        value = sum(((h * phasor).real for h, phasor in zip(witness, phasors, strict=True)), flint.arb(0))
        excess = largest([flint.arb(1), largest(abs(h) for h in witness) / cap, powers.largest_score(witness) / size])
        lower = value / excess
        below, _ = floats_around(lower)
        _, above = floats_around(upper)
        _check_value("upper", certificate.upper, floats_around(upper))
        _check_value("lower", certificate.lower, floats_around(lower))
    if below > above:
        raise ValueError("witness and weights contradict each other: the lower bound exceeds the upper one.")
    return Enclosure(
        lower=below,
        upper=above,
        bits=bits,
        frequencies=kind_of_frequencies(certificate.theta),
        target_frequencies=kind_of_frequencies(asked),
    )


def check_form(certificate: Certificate) -> None:
    """Raise, naming the field, when the certificate does not state a problem."""
    pairs = len(numpy_angular(certificate.theta))
    count = len(certificate.grid)
    shapes = {"weights": (count,), "residual": (pairs,), "witness": (pairs,)}
    for name, shape in shapes.items():
        array = getattr(certificate, name)
        if array.shape != shape:
            raise ValueError(f"{name} of the certificate must have shape {shape}, got {array.shape}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} of the certificate contains NaN or infinity.")
    if count == 0 or not np.isfinite(certificate.grid).all() or (np.diff(certificate.grid) <= 0.0).any():
        raise ValueError("grid of the certificate must be finite and increasing.")
    if certificate.target_theta is not None and len(numpy_angular(certificate.target_theta)) != pairs:
        raise ValueError("target_theta of the certificate must have as many frequencies as theta.")
    for name in ("h_max", "score_max"):
        if not (math.isfinite(getattr(certificate, name)) and getattr(certificate, name) > 0.0):
            raise ValueError(f"{name} of the certificate must be above 0, got {getattr(certificate, name)}.")
    for name in ("s", "lower", "upper"):
        if not math.isfinite(getattr(certificate, name)):
            raise ValueError(f"{name} of the certificate must be finite, got {getattr(certificate, name)}.")


class Powers:
    """e^{inθ_j} for every n of a grid, as a product of few exponentials.

    On an evenly spaced grid n = start + (aB + b)·step with B near the square root of its length, so that
    e^{inθ} = giant[a]·baby[b]: each exponential is computed once, from its own exact argument. (A recurrence
    over thousands of steps would lose every digit.) On other grids each offset has its own.
    """

    def __init__(self, theta: list[Any], grid: NDArray[np.float64], flint: Any) -> None:
        self._flint, self._count = flint, len(grid)
        step = even_step(grid)
        if step is None:
            self._row = 1
            giants, babies = grid.tolist(), [0.0]
        else:
            self._row = math.isqrt(len(grid) - 1) + 1 if len(grid) > 1 else 1
            giants = grid[:: self._row].tolist()
            babies = [k * step for k in range(self._row)]
        self._giant = self._exponentials(giants, theta)  # (anchors, P)
        self._baby = self._exponentials(babies, theta)  # (row, P)

    def _exponentials(self, offsets: list[float], theta: list[Any]) -> Any:
        arb, acb = self._flint.arb, self._flint.acb
        return self._flint.acb_mat([[acb(0, arb(n) * angle).exp() for angle in theta] for n in offsets])

    def weighted(self, weights: NDArray[np.float64]) -> list[Any]:
        """Return Σ_n w_n e^{inθ_j} for every pair."""
        arb, acb = self._flint.arb, self._flint.acb
        anchors, pairs = self._giant.nrows(), self._giant.ncols()
        padded = np.zeros(anchors * self._row)
        padded[: self._count] = weights
        used = [a for a in range(anchors) if padded[a * self._row : (a + 1) * self._row].any()]
        totals = [acb(0)] * pairs
        if not used:
            return totals
        table = padded.reshape(anchors, self._row)[used].tolist()
        inner = self._flint.acb_mat([[acb(arb(w)) for w in row] for row in table]) * self._baby  # (used, P)
        for place, a in enumerate(used):
            totals = [totals[j] + self._giant[a, j] * inner[place, j] for j in range(pairs)]
        return totals

    def largest_score(self, h: list[Any]) -> Any:
        """Return a ball that contains max_n |Re Σ h_j e^{inθ_j}|."""
        anchors, pairs = self._giant.nrows(), self._giant.ncols()
        turned = self._flint.acb_mat([[h[j] * self._giant[a, j] for j in range(pairs)] for a in range(anchors)])
        scores = turned * self._baby.transpose()  # (anchors, row)
        return largest(abs(scores[k // self._row, k % self._row].real) for k in range(self._count))


def even_step(grid: NDArray[np.float64]) -> float | None:
    """Return the step of a grid whose offsets are exactly start + k·step in float64 arithmetic, else None."""
    if len(grid) < 2:
        return None
    step = float(grid[1] - grid[0])
    # exact: every product and sum is an integer multiple of a power of two below 2**53
    numerator, denominator = step.as_integer_ratio()
    start = float(grid[0]).as_integer_ratio()
    if max(denominator, start[1]) > 2**20 or abs(numerator) * len(grid) > 2**52:
        return None
    return step if np.array_equal(grid, grid[0] + step * np.arange(len(grid))) else None


def _check_table(name: str, table: Any, balls: list[Any]) -> None:
    """Raise when the stored float64 table is not the one its config and scaling make."""
    values = numpy_angular(table).tolist()
    for value, ball in zip(values, balls, strict=True):
        if abs(value - float(ball)) > 1e-12 * abs(float(ball)):
            raise ValueError(f"{name} of the certificate does not follow from its config and scaling.")


def _check_residual(certificate: Certificate, residual: list[Any]) -> None:
    slack = 1e-9 * (1.0 + float(np.abs(certificate.weights).sum()))
    for stored, ball in zip(certificate.residual.tolist(), residual, strict=True):
        if abs(stored - complex(float(ball.real), float(ball.imag))) > slack:
            raise ValueError("residual of the certificate is not the one its weights leave.")


def _check_value(name: str, stored: float, interval: tuple[float, float]) -> None:
    low, high = interval
    slack = STORED * max(abs(low), abs(high))
    if not low - slack <= stored <= high + slack:
        raise ValueError(
            f"{name} of the certificate is {stored:.12g}, but its weights and witness prove {low:.12g} to {high:.12g}."
        )
