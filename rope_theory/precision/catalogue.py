"""What the bounds of this folder mean, in the form of ``bounds.CATALOGUE``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rope_theory.bounds.catalogue import Statement
from rope_theory.precision.phases import phase_error
from rope_theory.precision.scores import score_error

_ARITHMETIC = ("operations correctly rounded", "cos and sin right to 3.5 units in the last place", "no overflow")

CATALOGUE: Mapping[str, Statement] = MappingProxyType(
    {
        "phase_error": Statement(
            function=phase_error,
            formula="|ĉ + iŝ − e^{imθ}| ≤ 2 sin(min(δ, π)/2) + ε, δ = |a|θ + |m||b| + |a||b| + |r|",
            hypotheses=(
                "a, r: errors of rounding m and the product; b: error of the stored frequency, of correct rounding "
                "unless given; ε of the table",
                *_ARITHMETIC,
            ),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 9",
        ),
        "score_error": Statement(
            function=score_error,
            formula="|Re Σ h_j ẑ_j(m) conj ẑ_j(n) − a(m − n)| ≤ Σ|h_j|(2 sin(min(Δ_j, π)/2) + 2ε + ε²), "
            "Δ = |m − n||b| + (|a(m)| + |a(n)|)(θ + |b|) + |r(m)| + |r(n)|",
            hypotheses=("ẑ = ĉ + iŝ; a, b, r, ε as above", *_ARITHMETIC),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 9",
        ),
    }
)
"""Name → Statement, in the order in which they are told."""
