"""The condition number of the least-squares design, which float64 cannot see."""

from __future__ import annotations

from typing import Any

import numpy as np

from rope_theory._optional import load
from rope_theory.config import RopeConfig

PRECISION = 2000
"""Bits of the computation; the answer needs about 830 of them."""

STEPS = 400
"""Power steps each way; enough for well-conditioned designs, where neighbouring eigenvalues are close."""


def condition_number(config: RopeConfig) -> float:
    """Return the largest over the smallest singular value of [cos sθ, sin sθ], s = 0 … L − 1.

    The Gram matrix has closed entries, from Σ_{n<L} e^{inx} = (e^{iLx} − 1)/(e^{ix} − 1) at x = θ_i ± θ_j. Its
    extreme eigenvalues are found by power and inverse power steps in ball arithmetic at 2000 bits.
    """
    flint = load("flint", "certify")
    before, flint.ctx.prec = flint.ctx.prec, PRECISION
    try:
        gram = _gram(flint, config)
        start = flint.arb_mat(
            [[flint.arb(float(x))] for x in np.random.default_rng(0).standard_normal(2 * config.pairs)]
        )
        largest = _dominant(gram, start)
        smallest = 1 / _dominant(gram.inv(), start)
        return float((largest / smallest).sqrt())
    finally:
        flint.ctx.prec = before


def _gram(flint: Any, config: RopeConfig) -> Any:
    pairs, window = config.pairs, config.context_length
    base, width = flint.arb(config.base), config.width
    theta = [base ** (flint.arb(-2 * j) / width) for j in range(pairs)]

    def total(x: Any) -> Any:  # Σ_{n<L} e^{inx}
        turn = flint.acb(0, x).exp()
        return (flint.acb(0, window * x).exp() - 1) / (turn - 1)

    plus = [[total(theta[i] + theta[j]) for j in range(pairs)] for i in range(pairs)]
    minus = [[flint.acb(window) if i == j else total(theta[i] - theta[j]) for j in range(pairs)] for i in range(pairs)]
    cos_cos = [[(minus[i][j].real + plus[i][j].real) / 2 for j in range(pairs)] for i in range(pairs)]
    sin_sin = [[(minus[i][j].real - plus[i][j].real) / 2 for j in range(pairs)] for i in range(pairs)]
    cos_sin = [[(plus[i][j].imag - minus[i][j].imag) / 2 for j in range(pairs)] for i in range(pairs)]
    top = [cos_cos[i] + cos_sin[i] for i in range(pairs)]
    bottom = [[cos_sin[j][i] for j in range(pairs)] + sin_sin[i] for i in range(pairs)]
    return flint.arb_mat(top + bottom)


def _dominant(matrix: Any, vector: Any) -> Any:
    """Return the dominant eigenvalue of a symmetric matrix, by its Rayleigh quotient after power steps."""
    for _ in range(STEPS):
        vector = matrix * vector
        length = sum(vector[i, 0] ** 2 for i in range(vector.nrows())).sqrt()
        vector = (vector / length).mid()
    image = matrix * vector
    square = sum(vector[i, 0] ** 2 for i in range(vector.nrows()))
    return sum(vector[i, 0] * image[i, 0] for i in range(vector.nrows())) / square
