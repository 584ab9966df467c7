"""The condition number of the least-squares design, which float64 cannot see."""

from __future__ import annotations

from typing import Any

import flint
import numpy as np

from rope_theory.config import RopeConfig

PRECISION = 2000
"""Bits of the computation; the answer needs about 830 of them."""

STEPS, CONVERGED = 400, 1e-15
"""Power steps each way at most, and the relative change of the eigenvalue after which there are no more."""


def condition_number(config: RopeConfig) -> float:
    """Return the largest over the smallest singular value of [cos sθ, sin sθ], s = 0 … L − 1.

    The columns e^{±isθ_j}, with s counted from the middle, span the same space by a multiple of a unitary matrix, so
    that their Gram matrix has the same condition number. Its entries are Σ_s e^{isx} = sin(Lx/2)/sin(x/2) at the
    differences x of any two of ±θ. Its extreme eigenvalues are found by power and inverse power steps at 2000 bits.
    """
    with flint.ctx.workprec(PRECISION):
        count, base = config.context_length, flint.arb(config.base)
        angles = [base ** (flint.arb(-2 * j) / config.width) for j in range(config.pairs)]
        angles += [-angle for angle in angles]
        matrix = flint.arb_mat(
            [[_sum((one - other) / 2, count) if m != n else flint.arb(count) for n, other in enumerate(angles)]
             for m, one in enumerate(angles)]
        )  # fmt: skip
        start = flint.arb_mat([[flint.arb(float(x))] for x in np.random.default_rng(0).standard_normal(len(angles))])
        largest = _dominant(matrix, start)
        smallest = 1 / _dominant(matrix.inv(), start)
        return float((largest / smallest).sqrt())


def _sum(half: Any, count: int) -> Any:
    return (count * half).sin() / half.sin()


def _dominant(matrix: Any, vector: Any) -> Any:
    """Return the dominant eigenvalue of a symmetric matrix, by its Rayleigh quotient after power steps."""
    length = 1.0
    for _ in range(STEPS):
        vector, before = matrix * vector, length
        length = sum(vector[i, 0] ** 2 for i in range(vector.nrows())).sqrt()
        vector = (vector / length).mid()
        if abs(float(length / before) - 1.0) < CONVERGED:
            break
    image = matrix * vector
    square = sum(vector[i, 0] ** 2 for i in range(vector.nrows()))
    return sum(vector[i, 0] * image[i, 0] for i in range(vector.nrows())) / square
