"""The largest score of a witness on a long even grid: found in float64, computed in ball arithmetic where it can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rope_theory._core.balls import largest
from rope_theory.certificates._design import Design

SHORT = 4096
"""Offsets up to which every score is computed in ball arithmetic."""

MANY = 256
"""Offsets beyond which those that may have the largest score are not computed one by one."""


def largest_score(design: Design, h: NDArray[np.complex128], balls: Sequence[Any], size: float) -> Any:
    """Return a ball that contains max_n |a(n)|, or any ball within [0, size] where that maximum is below ``size``.

    Parameters
    ----------
    design : Design
        Frequencies and offsets, tokens.
    h : ndarray, shape (P,)
        Coefficients of the witness, moduli up to 1e100.
    balls : sequence of acb, length P
        The same, as balls.
    size : float
        A, the limit that the witness should obey.
    """
    flint = design.flint
    if len(design.s) <= SHORT or design.step is None:
        scores = design.values([h_j.real for h_j in balls] + [-h_j.imag for h_j in balls])
        return largest(abs(a) for a in scores)
    moduli, error = _moduli(design, h)
    top = float(moduli.max())
    if top + error < size:
        return flint.arb(0)
    near = np.flatnonzero(moduli >= top - 2.0 * error)  # no other offset can have the largest one
    if len(near) > MANY:
        return flint.arb(top, error)
    giant, baby = design.tables
    row = baby.nrows()
    return largest(
        abs(sum((h_j * giant[n // row, j] * baby[n % row, j] for j, h_j in enumerate(balls)), flint.acb(0)).real)
        for n in near.tolist()
    )


def _moduli(design: Design, h: NDArray[np.complex128]) -> tuple[NDArray[np.float64], float]:
    """Return |a(n)| at every offset in float64, and a bound on the error of each.

    With u = 2^-53, P frequencies, and balls of radius r around the midpoints of giant and baby, of modulus 1: each
    midpoint is rounded once, so that giant and baby are off by at most √2·u + r each; the product h_j·giant by at most
    √5·u relatively; the two real sums of P products each by at most γ_(2P+1) = (2P + 1)u/(1 − (2P + 1)u), in any order
    and with fused products or without. Together below ((2P + 8)·u + 2r)·Σ|h_j| to first order; twice that covers the
    terms of higher order for r ≤ 1/4 and the rounding of the bound itself. Products that underflow add less than 1e-300
    each. Beyond r = 1/4 nothing is known but |a(n)| ≤ Σ|h_j|(1 + r)².
    """
    tables = [_rounded(table) for table in design.tables]
    (giant, _), (baby, _) = tables
    radius = max(r for _, r in tables)
    turned = giant * h
    real = turned.real @ baby.real.T - turned.imag @ baby.imag.T  # entry (a, b) belongs to offset aB + b
    moduli: NDArray[np.float64] = np.abs(real).ravel()[: len(design.s)]
    pairs, total = len(h), float(np.abs(h).sum())
    share = (2 * pairs + 8) * 2.0**-53 + 2.0 * radius if radius <= 0.25 else 2.0 * (1.0 + radius) ** 2
    return moduli, 2.0 * share * total + pairs * 1e-300


def _rounded(table: Any) -> tuple[NDArray[np.complex128], float]:
    """Return the midpoints of a matrix of balls, each part rounded once, and the largest radius."""
    entries = table.entries()
    values = [complex(float(z.real), float(z.imag)) for z in entries]
    radius = max(float(z.rad()) for z in entries)
    return np.array(values).reshape(table.nrows(), table.ncols()), radius * (1.0 + 1e-9)
