"""The relaxation of the Abel-summation bound printed in arXiv 2306.15595: |a(s)| ≤ 2·H·B(s)."""

from __future__ import annotations

from proofs._claims import Claim
from proofs._lemma import Lemma
from proofs._letters import letters, modulus, score
from proofs._symbolic import BothSigns, Combination, Squares, Termwise, Use, term
from proofs.abel import abel_sum, by_parts, coefficients_ending, last_is_zero, partial_sums
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof: no difference of two coefficients is longer than 2H."""
    sympy, at = load("sympy", "certify"), letters()
    k, P, H, x, y = at.k, at.P, at.H, at.x, at.y
    a, b, p, q = at.a, at.b, at.p, at.q
    c1, c2 = sympy.symbols("c1 c2", real=True)  # h_{k−1} = a + ib, h_k = c1 + i·c2
    before, after = (x[k - 1], y[k - 1]), (x[k], y[k])
    partial = partial_sums(k)
    total = sympy.Sum((modulus(*before) + modulus(*after)) * modulus(*partial), (k, 1, P))
    capped = sympy.Sum(2 * H * modulus(*partial), (k, 1, P))
    parts, B = by_parts(), abel_sum()
    pair = (modulus(a, b) + modulus(c1, c2)) * modulus(p, q)
    product = (a - c1) * p - (b - c2) * q
    to_terms = {a: before[0], b: before[1], c1: after[0], c2: after[1], p: partial[0], q: partial[1]}

    def both(name: str, sign: int) -> list[Step]:
        """Return the steps for h or for −h."""
        return [
            Step(
                f"one product{name}",
                Claim(sign * product, "≤", modulus(a - c1, b - c2) * modulus(p, q)),
                "Re zw ≤ |z||w|.",
                Squares(form=((a - c1) * q + (b - c2) * p) ** 2),
            ),
            Step(
                f"one term{name}",
                Claim(sign * product, "≤", pair),
                "A difference is at most the sum of the two lengths.",
                Combination((term(1, f"one product{name}"), term(modulus(p, q), "difference"))),
            ),
            Step(
                f"sum{name}",
                Claim(sign * parts, "≤", total),
                "Summed over k.",
                Termwise(Use(f"one term{name}", to_terms)),
            ),
            Step(
                f"score{name}",
                Claim(sign * score(at.s), "≤", 2 * H * B),
                "The last ones together.",
                Combination((term(-sign, "by parts"), term(1, f"sum{name}"), term(1, "capped"))),
            ),
        ]

    return Proof(
        name="abel_published",
        formula="|a(s)| ≤ 2·H·B(s)",
        hypotheses=(
            Hypothesis("any s, any frequencies"),
            *last_is_zero(),
            Hypothesis(
                "|h_j| ≤ H",
                name="cap",
                claim=Claim(modulus(x[at.j], y[at.j]), "≤", H),
                for_all=(at.j,),
                example=coefficients_ending(lambda i: H * sympy.cos(i**2) / 2, lambda i: H * sympy.sin(3 * i) / 2),
            ),
        ),
        steps=(
            Step(
                "by parts",
                Claim(score(at.s), "=", parts),
                "Summation by parts with h_P = 0.",
                Lemma("abel", "with h_P = 0"),
            ),
            Step(
                "product of lengths",
                Claim(-(a * c1 + b * c2), "≤", modulus(a, b) * modulus(c1, c2)),
                "The squares differ by a square.",
                Squares(form=(a * c2 - b * c1) ** 2),
            ),
            Step(
                "difference",
                Claim(modulus(a - c1, b - c2), "≤", modulus(a, b) + modulus(c1, c2)),
                "The triangle inequality: the squares differ by 2(|h||h′| + Re h conj(h′)).",
                Squares((term(2, "product of lengths"),)),
            ),
            Step(
                "one term capped",
                Claim((modulus(*before) + modulus(*after)) * modulus(p, q), "≤", 2 * H * modulus(p, q)),
                "Both are at most H.",
                Combination(
                    (
                        term(modulus(p, q), Use("cap", {at.j: k - 1})),
                        term(modulus(p, q), Use("cap", {at.j: k})),
                    )
                ),
            ),
            Step(
                "capped",
                Claim(total, "≤", capped),
                "Summed over k.",
                Termwise(Use("one term capped", {p: partial[0], q: partial[1]})),
            ),
            *both("", 1),
            *both(", negative", -1),
            Step(
                "relaxed",
                Claim(sympy.Abs(score(at.s)), "≤", 2 * H * B),
                "Both signs together.",
                BothSigns(Use("score"), Use("score, negative")),
            ),
        ),
        conclusion="relaxed",
        source="arXiv 2306.15595 v2, equation (8)",
    )
