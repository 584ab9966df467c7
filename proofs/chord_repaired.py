"""The repaired Theorem 2.1: Σθ_j² ≤ d/(4 ln c) + ½ + (ln c)/(3d).

With y = (2 ln c)/d and d = 2P, θ_j = e^{−yj}. The inequality coth y ≤ 1/y + y/3 is shown by two integrals,

    ∫_0^y (t/3) (∫_0^t τ sinh τ dτ) dt = (1 + y²/3) sinh y − y cosh y,

of something that is at least zero.
"""

from __future__ import annotations

from proofs._claims import Claim
from proofs._lemma import Lemma
from proofs._letters import letters, over_pairs
from proofs._symbolic import (
    Antiderivative,
    Combination,
    Identity,
    Induction,
    Termwise,
    Use,
    term,
)
from proofs.chord_curvature import bound, excess
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof: geometric series, coth, and the curvature bound."""
    sympy, at = load("sympy", "certify"), letters()
    j, P, H, u, v = at.j, at.P, at.H, at.u, at.v
    exp, sinh, cosh, half = sympy.exp, sympy.sinh, sympy.cosh, sympy.Rational(1, 2)
    log_base = sympy.Symbol("L", positive=True)  # ln c
    t, tau = sympy.Symbol("t", nonnegative=True), sympy.Symbol("tau", nonnegative=True)
    y = sympy.Symbol("y", positive=True)
    width = 2 * P
    rate = 2 * log_base / width  # y

    inner = sympy.Integral(tau * sinh(tau), (tau, 0, t))
    nested = sympy.Integral(t / 3 * inner, (t, 0, y))
    square_sum = over_pairs(at.theta[j] ** 2)
    M = sympy.Symbol("K", integer=True, positive=True)  # any number of terms; P is fixed by the hypotheses
    geometric = sympy.Sum(exp(-2 * y * j), (j, 0, M - 1))
    constant = width / (4 * log_base) + half + log_base / (3 * width)
    capped = over_pairs(H * at.theta[j] ** 2)
    to_rate = {y: rate, M: P}

    return Proof(
        name="chord_repaired",
        formula="|a(s) − chord| ≤ ½(s−s1)(s2−s)·H·(d/(4 ln c) + ½ + (ln c)/(3d))",
        hypotheses=(
            Hypothesis("s1 ≤ s ≤ s2, u = s − s1, v = s2 − s; at the ends both sides are zero"),
            Hypothesis("L = ln c > 0, d = 2P"),
            Hypothesis(
                "unscaled frequencies, θ_j = c^(−2j/d)",
                name="unscaled",
                claim=Claim(at.theta[j], "=", exp(-rate * j)),
                for_all=(j,),
                example={at.theta: lambda i: exp(-rate * i)},
            ),
            Hypothesis(
                "|h_j| ≤ H",
                name="cap",
                claim=Claim(at.r[j], "≤", H),
                for_all=(j,),
                example={at.r: lambda i: H * sympy.cos(i) ** 2},
            ),
        ),
        steps=(
            Step(
                "geometric sum",
                Claim(geometric, "=", (1 - exp(-2 * y * M)) / (1 - exp(-2 * y))),
                "Σ e^{−2yj}, j < K.",
                Induction(M, 1),
            ),
            Step(
                "in the letters of the theorem",
                Claim(geometric.xreplace(to_rate), "=", (1 - exp(-2 * log_base)) / (1 - exp(-2 * rate))),
                "With y = (2 ln c)/d and K = P it is (1 − c^{−2})/(1 − c^{−4/d}).",
                Combination((term(1, Use("geometric sum", to_rate)),)),
            ),
            Step(
                "whole series",
                Claim((1 - exp(-2 * y * M)) / (1 - exp(-2 * y)), "≤", 1 / (1 - exp(-2 * y))),
                "What is left out is e^{−2yK}/(1 − e^{−2y}) = e^{−2yK} e^y/(2 sinh y).",
                Combination(form=exp(-2 * y * M) * exp(y) / (2 * sinh(y))),
            ),
            Step(
                "as coth",
                Claim(1 / (1 - exp(-2 * y)), "=", (1 + sympy.coth(y)) / 2),
                "The definition of coth.",
                Identity(),
            ),
            Step(
                "inner integral",
                Claim(inner, "=", t * cosh(t) - sinh(t)),
                "Integrated by parts.",
                Antiderivative(tau * cosh(tau) - sinh(tau)),
            ),
            Step(
                "outer integral",
                Claim(nested, "=", (1 + y**2 / 3) * sinh(y) - y * cosh(y)),
                "The derivative of the right side is (y/3)(y cosh y − sinh y).",
                Antiderivative((1 + t**2 / 3) * sinh(t) - t * cosh(t), using=("inner integral",)),
            ),
            Step(
                "hyperbolic",
                Claim(y * cosh(y), "≤", (1 + y**2 / 3) * sinh(y)),
                "The difference is the integral of something that is at least zero.",
                Combination((term(-1, "outer integral"),), form=nested),
            ),
            Step(
                "coth",
                Claim(sympy.coth(y), "≤", 1 / y + y / 3),
                "Divided by y sinh y.",
                Combination((term(1 / (y * sinh(y)), "hyperbolic"),)),
            ),
            Step(
                "series in y",
                Claim(geometric, "≤", 1 / (2 * y) + half + y / 6),
                "The last ones together.",
                Combination(
                    (
                        term(-1, "geometric sum"),
                        term(1, "whole series"),
                        term(-1, "as coth"),
                        term(half, "coth"),
                    )
                ),
            ),
            Step(
                "square of a frequency",
                Claim(at.theta[j] ** 2, "=", exp(-2 * rate * j)),
                "θ_j = e^{−yj}, squared.",
                Combination((term(at.theta[j] + exp(-rate * j), "unscaled"),)),
            ),
            Step(
                "squares of frequencies",
                Claim(square_sum, "=", geometric.xreplace(to_rate)),
                "Summed.",
                Termwise(Use("square of a frequency")),
            ),
            Step(
                "sum of squares",
                Claim(square_sum, "≤", constant),
                "y = (2 ln c)/d and K = P.",
                Combination((term(-1, "squares of frequencies"), term(1, Use("series in y", to_rate)))),
            ),
            Step("curvature", Claim(sympy.Abs(excess()), "≤", bound()), "Proved there.", Lemma("chord_curvature")),
            Step(
                "one pair capped",
                Claim(at.r[j] * at.theta[j] ** 2, "≤", H * at.theta[j] ** 2),
                "|h_j| ≤ H.",
                Combination((term(at.theta[j] ** 2, "cap"),)),
            ),
            Step(
                "capped",
                Claim(over_pairs(at.r[j] * at.theta[j] ** 2), "≤", capped),
                "Summed over the pairs.",
                Termwise(Use("one pair capped")),
            ),
            Step(
                "repaired",
                Claim(sympy.Abs(excess()), "≤", u * v / 2 * H * constant),
                "The curvature bound with |h_j| ≤ H and the sum of squares.",
                Combination(
                    (
                        term(1, "curvature"),
                        term(u * v / 2, "capped"),
                        term(u * v / 2 * H, "sum of squares"),
                    )
                ),
            ),
        ),
        conclusion="repaired",
        source="docs/theory.md, section 3; repairs arXiv 2306.15595 v2, Theorem 2.1",
    )
