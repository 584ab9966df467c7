"""What the bounds of this folder mean, in the form of ``bounds.CATALOGUE``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from rope_theory.bounds._triangle import triangle
from rope_theory.bounds.catalogue import Evaluation, Statement, Witness
from rope_theory.coefficients import score_coefficients
from rope_theory.regression.maximum import expected_maximum
from rope_theory.regression.penalty import coefficient_penalty


def _penalty_witness() -> Evaluation:
    q = np.sign(np.random.default_rng(0).standard_normal((6, 8)))
    h = score_coefficients(q[:, None], 2 * q, pairing="half")  # every abs(h_j) is 4
    penalty = float(coefficient_penalty(q, 2 * q, pairing="half"))
    return Evaluation(float((triangle(h) ** 2).mean()), h.shape[-1] * penalty)


CATALOGUE: Mapping[str, Statement] = MappingProxyType(
    {
        "expected_maximum": Statement(
            function=expected_maximum,
            formula="E max_s|fit(s)| ≤ u₀ + 2Σ_s[std(s)φ(u₀/std(s)) − u₀Q(u₀/std(s))], Σ_s 2Q(u₀/std(s)) = 1",
            hypotheses=("targets independent N(0, σ²)", "finitely many s", "any frequencies, any offsets"),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 6",
        ),
        "coefficient_penalty": Statement(
            function=coefficient_penalty,
            formula="mean over pairs of (Σ|h_j|)² ≤ P·R₂, R₂ the penalty of order 2",
            hypotheses=("no theta given", "all pairs (m, n), or all n ≤ m"),
            relation="tight",
            evidence="proved",
            source="docs/theory.md, section 6",
            witness=Witness("q of random signs, k = 2q, six tokens, d = 8: every |h_j| is 4", _penalty_witness),
        ),
    }
)
"""Name → Statement, in the order in which they are told."""
