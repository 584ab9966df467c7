"""A certificate proved again in ball arithmetic."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rope_theory._arrays import numpy_angular
from rope_theory._balls import floats_around, frequency_balls, kind_of_frequencies, largest, working_precision
from rope_theory.certificates._design import Design
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
        trained = Design(theta, certificate.grid, flint)
        cap, size = flint.arb(certificate.h_max), flint.arb(certificate.score_max)
        phasors = [flint.acb(0, flint.arb(certificate.s) * angle).exp() for angle in target]

        sums = trained.moments(certificate.weights)  # Σ w_n cos nθ_j, then Σ w_n sin nθ_j
        residual = [
            phasor - flint.acb(sums[j, 0], sums[len(theta) + j, 0]) for j, phasor in enumerate(phasors)
        ]  # fmt: skip
        _check_residual(certificate, residual)
        norm = sum((abs(flint.arb(w)) for w in certificate.weights[certificate.weights != 0.0].tolist()), flint.arb(0))
        upper = size * norm + cap * sum((abs(rho) for rho in residual), flint.arb(0))

        witness = [flint.acb(h.real, h.imag) for h in certificate.witness.tolist()]
        value = sum(((h * phasor).real for h, phasor in zip(witness, phasors, strict=True)), flint.arb(0))
        scores = trained.values([h.real for h in witness] + [-h.imag for h in witness])
        excess = largest([flint.arb(1), largest(abs(h) for h in witness) / cap, largest(abs(a) for a in scores) / size])
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
