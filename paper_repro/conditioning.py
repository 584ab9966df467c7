"""The condition number of the least-squares design, which float64 cannot see."""

from __future__ import annotations

from typing import Any

import numpy as np

from rope_theory._core.balls import working_precision
from rope_theory.certificates._design import Design
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled
from rope_theory.scaling._exact_form import frequency_balls

PRECISION = 2000
"""Bits of the computation; the answer needs about 830 of them."""

STEPS = 400
"""Power steps each way; enough for well-conditioned designs, where neighbouring eigenvalues are close."""


def condition_number(config: RopeConfig) -> float:
    """Return the largest over the smallest singular value of [cos sθ, sin sθ], s = 0 … L − 1.

    The Gram matrix has closed entries, from Σ_{n<L} e^{inx} = (e^{iLx} − 1)/(e^{ix} − 1) at x = θ_i ± θ_j. Its
    extreme eigenvalues are found by power and inverse power steps in ball arithmetic at 2000 bits.
    """
    table = Unscaled().frequencies(config)
    with working_precision(PRECISION) as flint:
        matrix = Design(frequency_balls(table, flint), np.arange(float(config.context_length)), flint).gram()
        start = flint.arb_mat(
            [[flint.arb(float(x))] for x in np.random.default_rng(0).standard_normal(2 * config.pairs)]
        )
        largest = _dominant(matrix, start)
        smallest = 1 / _dominant(matrix.inv(), start)
        return float((largest / smallest).sqrt())


def _dominant(matrix: Any, vector: Any) -> Any:
    """Return the dominant eigenvalue of a symmetric matrix, by its Rayleigh quotient after power steps."""
    for _ in range(STEPS):
        vector = matrix * vector
        length = sum(vector[i, 0] ** 2 for i in range(vector.nrows())).sqrt()
        vector = (vector / length).mid()
    image = matrix * vector
    square = sum(vector[i, 0] ** 2 for i in range(vector.nrows()))
    return sum(vector[i, 0] * image[i, 0] for i in range(vector.nrows())) / square
