"""A certificate proved again in ball arithmetic."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.arrays import numpy_angular
from rope_theory._core.balls import float_above, float_below, floats_around, largest, working_precision
from rope_theory._core.checks import LARGEST_OFFSET
from rope_theory.certificates._design import Design
from rope_theory.certificates._largest_score import largest_score
from rope_theory.certificates._question import Question, asked_table
from rope_theory.certificates._sizes import check_grid
from rope_theory.certificates._stored import Stored
from rope_theory.certificates.enclosure import Enclosure
from rope_theory.errors import CertificateRejected, InputError, TooFewBits
from rope_theory.scaling._exact_form import FLOAT64, frequency_balls, kind_of_frequencies

STORED = 1e-9
"""Relative distance at which a stored number no longer is the one recomputed."""

LARGEST = 1e100
"""Largest weight or coefficient of a certificate: beyond it sums overflow, and nothing would be proved."""


@dataclass(frozen=True)
class Evaluation:
    """What weights and witness prove, in float64.

    Attributes
    ----------
    lower, upper : float
        Proved bounds on V(s), rounded outwards.
    most_lower, least_upper : float
        The largest number that could be a proved lower bound, and the smallest that could be a proved upper one: more,
        or less, is certain to be wrong, however many bits are spent.
    reached : tuple of float
        Ends of the score that the witness reaches once it is feasible.
    residual : ndarray, complex, shape (P,)
        ρ_j, rounded.
    radius : float
        Largest radius of a part of ρ_j in ball arithmetic.
    """

    lower: float
    upper: float
    most_lower: float
    least_upper: float
    reached: tuple[float, float]
    residual: NDArray[np.complex128]
    radius: float


def evaluate(
    problem: Question | Stored, s: float, weights: NDArray[np.float64], witness: NDArray[np.complex128], bits: int
) -> Evaluation:
    """Evaluate A‖w‖₁ + HΣ|ρ_j| and the score of the witness, scaled until it is feasible, in ball arithmetic.

    Three bounds need neither and are known without an error, H·P being an exact product at 64 bits and more:

    - V(s) ≤ H·P, the triangle inequality (w = 0);
    - V(s) ≤ A at a trained offset of the curve that is asked about (the constraint itself);
    - V(s) ≥ min(A, H·P): h_j = min(A/P, H)·e^{−isθ'_j} is feasible, since |a(n)| ≤ Σ|h_j| ≤ A, and reaches it.

    Rounding is monotone, so the best of bounds rounded outwards is the best bound rounded outwards.
    """
    theta, asked, grid = problem.theta, asked_table(problem.theta, problem.target_theta), problem.grid
    with working_precision(bits) as flint:
        trained = Design(frequency_balls(theta, flint), grid, flint)
        cap, size = flint.arb(problem.h_max), flint.arb(problem.score_max)
        phasors = _turned(asked, s, flint)
        pairs = len(phasors)

        sums = trained.moments(weights)  # Σ w_n cos nθ_j, then Σ w_n sin nθ_j
        residual = [phasor - flint.acb(sums[j, 0], sums[pairs + j, 0]) for j, phasor in enumerate(phasors)]
        norm = sum((abs(flint.arb(w)) for w in weights[weights != 0.0].tolist()), flint.arb(0))
        upper = size * norm + cap * sum((abs(rho) for rho in residual), flint.arb(0))

        h = [flint.acb(value.real, value.imag) for value in witness.tolist()]
        value = sum(((h_j * phasor).real for h_j, phasor in zip(h, phasors, strict=True)), flint.arb(0))
        highest = largest_score(trained, witness, h, problem.score_max)
        excess = largest([flint.arb(1), largest(abs(h_j) for h_j in h) / cap, highest / size])
        reached = value / excess

        triangle = cap * pairs
        ceilings = [triangle, size] if _is_same_curve(theta, asked) and (grid == s).any() else [triangle]
        least = size if size <= triangle else triangle
        known = reached.is_finite()  # 64 bits may be too few for the witness; the message says so
        return Evaluation(
            lower=max(floats_around(reached)[0], float_below(least)),
            upper=min(floats_around(upper)[1], *map(float_above, ceilings)),
            most_lower=max(float_below(reached.upper()) if known else -math.inf, float_below(least)),
            least_upper=min(float_above(upper.lower()) if upper.is_finite() else math.inf, *map(float_above, ceilings)),
            reached=floats_around(reached),
            residual=_rounded(residual),
            radius=max(float(part.rad()) for rho in residual for part in (rho.real, rho.imag)),
        )


def _is_same_curve(theta: Any, asked: Any) -> bool:
    """Tell whether two tables stand for the same numbers, so that a trained offset is asked on its own curve."""
    if asked is theta:
        return True
    if kind_of_frequencies(theta) != kind_of_frequencies(asked):
        return False
    if kind_of_frequencies(theta) == FLOAT64:
        return np.array_equal(numpy_angular(theta), numpy_angular(asked))
    return bool(theta.config == asked.config and theta.scaling == asked.scaling)


def phasors_at(table: Any, s: float) -> NDArray[np.complex128]:
    """Return e^{isθ_j} of a table, rounded once, however far s lies: θ is what ``frequency_balls`` makes of it."""
    with working_precision(128) as flint:
        return _rounded(_turned(table, s, flint))


def _turned(table: Any, s: float, flint: Any) -> list[Any]:
    return [flint.acb(0, flint.arb(s) * angle).exp() for angle in frequency_balls(table, flint)]


def _rounded(balls: list[Any]) -> NDArray[np.complex128]:
    return np.array([complex(float(z.real), float(z.imag)) for z in balls])


def verified(certificate: Stored, bits: int) -> Enclosure:
    """Return a rigorous enclosure of V(s); see ``Certificate.verify``."""
    check_form(certificate)
    asked = asked_table(certificate.theta, certificate.target_theta)
    for name, table in (("theta", certificate.theta), ("target_theta", asked)):
        _check_table(name, table)
    found = evaluate(certificate, certificate.s, certificate.weights, certificate.witness, bits)
    if not all(map(math.isfinite, found.reached)) or found.radius > STORED:
        raise TooFewBits(bits, "are too few for this certificate", "give more bits")
    slack = STORED * (1.0 + float(np.abs(certificate.weights).sum()))
    if np.abs(certificate.residual - found.residual).max() > slack:
        raise CertificateRejected("residual", "is not the one its weights leave")
    _check_bounds(certificate, found)
    notes = notes_on(certificate.theta, certificate.target_theta, len(certificate.grid), certificate.gap)
    if certificate.notes != notes:
        raise CertificateRejected("notes", "are not those that belong to it")
    if found.lower > found.upper:
        raise CertificateRejected("witness", "contradicts its weights: the lower bound exceeds the upper one")
    kinds = map(kind_of_frequencies, (certificate.theta, asked))
    return Enclosure(found.lower, found.upper, bits, *kinds)


def notes_on(theta: Any, target_theta: Any, count: int, gap: float) -> tuple[str, ...]:
    """Return what a reader of a worst case should know, from the problem and the gap alone."""
    notes = []
    unknowns = 2 * len(numpy_angular(theta))
    if count < unknowns:
        notes.append(
            f"The grid has {count} offset{'s' if count > 1 else ''}, fewer than the {unknowns} real coefficients: "
            "between and beyond them it is the cap h_max that bounds the answer."
        )
    if gap > 1e-3:
        notes.append(f"The bounds are {gap:.1e} apart, relatively: float64 could not do better here.")
    factor = getattr(asked_table(theta, target_theta), "attention_factor", 1.0)
    if factor != 1.0:
        notes.append(f"Values exclude the attention factor: multiply by μ² = {factor**2:.6g}.")
    return tuple(notes)


def check_form(certificate: Stored) -> None:
    """Raise, naming the field, when the certificate does not state a problem."""
    pairs = len(numpy_angular(certificate.theta))
    count = certificate.grid.shape[0] if certificate.grid.ndim else 0
    for name in ("h_max", "score_max"):  # with a negative one a false bound would be proved
        value = getattr(certificate, name)
        if not 1.0 / LARGEST <= value <= LARGEST:  # NaN is not
            raise CertificateRejected(name, f"must be above 0 and at most {LARGEST:g}, got {value}")
    for name in ("lower", "upper"):
        if not math.isfinite(getattr(certificate, name)):
            raise CertificateRejected(name, f"must be finite, got {getattr(certificate, name)}")
    shapes = {"weights": (count,), "residual": (pairs,), "witness": (pairs,)}
    for name, shape in shapes.items():
        array = getattr(certificate, name)
        if array.shape != shape:
            raise CertificateRejected(name, f"must have shape {shape}, got {array.shape}")
        if not (np.abs(array) <= LARGEST).all():  # NaN is not
            raise CertificateRejected(name, f"must be finite and within ±{LARGEST:g}")
    if certificate.grid.ndim != 1 or count == 0 or not (np.abs(certificate.grid) <= LARGEST_OFFSET).all():
        raise CertificateRejected("grid", "must be a line of offsets within ±2**53 tokens")
    if (np.diff(certificate.grid) <= 0.0).any():
        raise CertificateRejected("grid", "must be increasing")
    try:
        check_grid(certificate.grid, pairs)
    except InputError as error:
        raise CertificateRejected("grid", f"is too long: {error}") from None
    if not abs(certificate.s) <= LARGEST_OFFSET:
        raise CertificateRejected("s", f"must lie within ±2**53 tokens, got {certificate.s}")
    if certificate.rounds < 0:
        raise CertificateRejected("rounds", f"must be at least 0, got {certificate.rounds}")
    if certificate.target_theta is not None and len(numpy_angular(certificate.target_theta)) != pairs:
        raise CertificateRejected("target_theta", "must have as many frequencies as theta")


def _check_table(name: str, table: Any) -> None:
    """Raise when the stored float64 table is not the one its config and scaling make."""
    with working_precision(128) as flint:
        balls = frequency_balls(table, flint)
        for value, ball in zip(numpy_angular(table).tolist(), balls, strict=True):
            if abs(value - float(ball)) > 1e-12 * abs(float(ball)):
                raise CertificateRejected(name, "does not follow from its config and scaling")


def _check_bounds(certificate: Stored, found: Evaluation) -> None:
    """Raise when a stored bound claims more than is proved, or is far from it, or from what the witness reaches."""
    upper, lower = certificate.upper, certificate.lower
    below, above = found.reached
    slack = STORED * max(abs(below), abs(above))
    for name, stored, within in (
        ("upper", upper, found.least_upper <= upper <= found.upper + STORED * abs(found.upper)),
        ("lower", lower, below - slack <= lower <= min(found.most_lower, max(above + slack, found.lower))),
    ):
        if not within:
            raise CertificateRejected(
                name,
                f"is {stored:.17g}, but its weights prove at most "
                f"{found.upper:.17g}, and its witness reaches {below:.17g} to {above:.17g}",
            )
