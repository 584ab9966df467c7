"""The triangle bound: |a(s)| ≤ Σ|h_j|, attained at every s."""

from __future__ import annotations

from proofs._claims import Claim
from proofs._letters import letters, modulus, over_pairs, score
from proofs._symbolic import BothSigns, Combination, Identity, Induction, Squares, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof of the triangle bound and of its sharpness."""
    sympy, at = load("sympy", "certify"), letters()
    j, a, b, phase, size = at.j, at.a, at.b, at.phase, at.size
    cos, sin = sympy.cos, sympy.sin
    to_pairs = {a: at.x[j], b: at.y[j], phase: at.s * at.theta[j]}
    total = over_pairs(modulus(at.x[j], at.y[j]))
    negative = over_pairs(-at.x[j] * cos(at.s * at.theta[j]) + at.y[j] * sin(at.s * at.theta[j]))
    return Proof(
        name="triangle",
        formula="|a(s)| ≤ Σ|h_j|",
        hypotheses=(
            Hypothesis("any s, any frequencies"),
            Hypothesis(
                "every coefficient is at most H, for the bound H·P",
                name="cap",
                claim=Claim(modulus(at.x[j], at.y[j]), "≤", at.H),
                for_all=(j,),
                example={
                    at.x: lambda i: at.H * cos(i**2) / 2,
                    at.y: lambda i: at.H * sin(3 * i) / 2,
                },
            ),
        ),
        steps=(
            Step(
                "one pair",
                Claim(a * cos(phase) - b * sin(phase), "≤", modulus(a, b)),
                "Turning h = a + ib does not lengthen it: the squares differ by (a sin + b cos)².",
                Squares(form=(a * sin(phase) + b * cos(phase)) ** 2),
            ),
            Step(
                "one pair, negative",
                Claim(-a * cos(phase) + b * sin(phase), "≤", modulus(a, b)),
                "The same for −h.",
                Squares(form=(a * sin(phase) + b * cos(phase)) ** 2),
            ),
            Step(
                "above", Claim(score(at.s), "≤", total), "Summed over the pairs.", Termwise(Use("one pair", to_pairs))
            ),
            Step(
                "below",
                Claim(negative, "≤", total),
                "Summed over the pairs.",
                Termwise(Use("one pair, negative", to_pairs)),
            ),
            Step(
                "triangle",
                Claim(sympy.Abs(score(at.s)), "≤", total),
                "Both signs together.",
                BothSigns(Use("above"), Use("below")),
            ),
            Step("count", Claim(over_pairs(at.H), "=", at.H * at.P), "P equal terms.", Induction(at.P, 1)),
            Step("capped sum", Claim(total, "≤", over_pairs(at.H)), "Each modulus is at most H.", Termwise(Use("cap"))),
            Step(
                "capped",
                Claim(total, "≤", at.H * at.P),
                "P terms H.",
                Combination((term(1, "capped sum"), term(-1, "count"))),
            ),
            Step(
                "attained by one pair",
                Claim(size * cos(phase) * cos(phase) + size * sin(phase) * sin(phase), "=", size),
                "h = |h| e^{−isθ}, that is a = |h| cos, b = −|h| sin.",
                Identity(),
            ),
            Step(
                "attained",
                Claim(
                    over_pairs(
                        at.r[j] * cos(at.s * at.theta[j]) * cos(at.s * at.theta[j])
                        + at.r[j] * sin(at.s * at.theta[j]) * sin(at.s * at.theta[j])
                    ),
                    "=",
                    over_pairs(at.r[j]),
                ),
                "h_j = |h_j| e^{−isθ_j} attains it at s.",
                Termwise(Use("attained by one pair", {size: at.r[j], phase: at.s * at.theta[j]})),
            ),
        ),
        conclusion="triangle",
        source="docs/theory.md, section 2",
    )
