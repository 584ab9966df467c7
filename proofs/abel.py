"""The Abel-summation bound: |a(s)| ≤ max_j|h_{j+1} − h_j|·B(s), h_P = 0."""

from __future__ import annotations

from typing import Any

from proofs._claims import Claim
from proofs._letters import letters, modulus, score
from proofs._symbolic import BothSigns, Combination, Identity, Induction, Squares, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def partial_sums(k: Any) -> tuple[Any, Any]:
    """Return the real and the imaginary part of S_k = Σ_{j<k} e^{isθ_j}."""
    sympy, at = load("sympy", "certify"), letters()
    turned, pairs = at.s * at.theta[at.j], (at.j, 0, k - 1)
    return sympy.Sum(sympy.cos(turned), pairs), sympy.Sum(sympy.sin(turned), pairs)


def abel_sum() -> Any:
    """Return B(s) = Σ_{k=1}^{P} |S_k|."""
    sympy, at = load("sympy", "certify"), letters()
    return sympy.Sum(modulus(*partial_sums(at.k)), (at.k, 1, at.P))


def last_is_zero() -> tuple[Hypothesis, ...]:
    """Return the convention h_P = 0."""
    at = letters()
    parts = (("real part", at.x), ("imaginary part", at.y))
    return tuple(
        Hypothesis(f"h_P = 0, {words}", name=f"h_P = 0, {words}", claim=Claim(part[at.P], "=", 0))
        for words, part in parts
    )


def coefficients_ending(x: Any, y: Any) -> dict[Any, Any]:
    """Return examples of h_k with real and imaginary parts x(k), y(k), and h_P = 0."""
    sympy, at = load("sympy", "certify"), letters()

    def ending(part: Any) -> Any:
        # zero at P and beyond, in ball arithmetic too
        return lambda i: part(i) * sympy.Min(1, sympy.Max(0, at.P - i))

    return {at.x: ending(x), at.y: ending(y)}


def by_parts() -> Any:
    """Return Re Σ_{k=1}^{P} (h_{k−1} − h_k) S_k."""
    sympy, at = load("sympy", "certify"), letters()
    k, (partial_re, partial_im) = at.k, partial_sums(at.k)
    fall = (at.x[k - 1] - at.x[k], at.y[k - 1] - at.y[k])
    return sympy.Sum(fall[0] * partial_re - fall[1] * partial_im, (k, 1, at.P))


def derive() -> Proof:
    """Return the proof by summation by parts, its sharpness, and why the last difference counts."""
    sympy, at = load("sympy", "certify"), letters()
    k, P, x, y, a, b, p, q = at.k, at.P, at.x, at.y, at.a, at.b, at.p, at.q
    partial_re, partial_im = partial_sums(k)
    whole_re, whole_im = partial_sums(P)
    M = sympy.Symbol("M", integer=True, positive=True)  # any number of pairs; P is fixed by the hypotheses
    largest = sympy.Symbol("D", nonnegative=True)
    fall = (x[k - 1] - x[k], y[k - 1] - y[k])
    parts, B = by_parts(), abel_sum()
    capped = sympy.Sum(largest * modulus(partial_re, partial_im), (k, 1, P))
    to_sums = {p: partial_re, q: partial_im}
    to_falls = {a: fall[0], b: fall[1], **to_sums}
    total = sympy.Sum(modulus(*fall) * modulus(partial_re, partial_im), (k, 1, P))
    any_x, any_y = sympy.IndexedBase("X", real=True), sympy.IndexedBase("Y", real=True)
    renamed = {x: any_x, y: any_y, P: M}
    ones = sympy.Sum(sympy.Integer(1), (at.j, 0, M - 1))  # Σ cos(0·θ_j)
    one_re, one_im = p / modulus(p, q), -q / modulus(p, q)  # conj(S)/|S|

    def general(expression: Any) -> Any:
        """Return the expression for any h and any number of pairs."""
        return expression.xreplace(renamed)

    by_parts_claim = Claim(score(at.s), "=", x[P] * whole_re - y[P] * whole_im + parts)
    return Proof(
        name="abel",
        formula="|a(s)| ≤ max_j|h_{j+1} − h_j| · B(s), h_P = 0",
        hypotheses=(
            Hypothesis("any s, any frequencies"),
            *last_is_zero(),
            Hypothesis(
                "D is the largest of all |h_{k−1} − h_k|, k = 1 … P, that of h_{P−1} and h_P = 0 included",
                name="largest difference",
                claim=Claim(modulus(*fall), "≤", largest),
                for_all=(k,),
                example=coefficients_ending(
                    lambda i: largest * sympy.cos(i**2) / 3, lambda i: largest * sympy.sin(3 * i) / 3
                ),
            ),
        ),
        steps=(
            Step(
                "summation by parts",
                Claim(general(by_parts_claim.left), "=", general(by_parts_claim.right)),
                "From M to M + 1 the left side grows by h_M e^{isθ_M}, the right one by "
                "h_{M+1}S_{M+1} − h_M S_M + (h_M − h_{M+1})S_{M+1}, which is the same.",
                Induction(M, 1),
            ),
            Step(
                "with h_P = 0",
                Claim(score(at.s), "=", parts),
                "The term h_P S_P is zero.",
                Combination(
                    (
                        term(1, Use("summation by parts", {any_x: lambda i: x[i], any_y: lambda i: y[i], M: P})),
                        term(whole_re, "h_P = 0, real part"),
                        term(-whole_im, "h_P = 0, imaginary part"),
                    )
                ),
            ),
            Step(
                "one term",
                Claim(a * p - b * q, "≤", modulus(a, b) * modulus(p, q)),
                "Re zw ≤ |z||w|: the squares differ by (Im zw)².",
                Squares(form=(a * q + b * p) ** 2),
            ),
            Step(
                "one term, negative",
                Claim(-(a * p - b * q), "≤", modulus(a, b) * modulus(p, q)),
                "The same for −z.",
                Squares(form=(a * q + b * p) ** 2),
            ),
            Step("above", Claim(parts, "≤", total), "Summed over k.", Termwise(Use("one term", to_falls))),
            Step("below", Claim(-parts, "≤", total), "Summed over k.", Termwise(Use("one term, negative", to_falls))),
            Step(
                "one term capped",
                Claim(modulus(*fall) * modulus(p, q), "≤", largest * modulus(p, q)),
                "|h_{k−1} − h_k| ≤ D.",
                Combination((term(modulus(p, q), "largest difference"),)),
            ),
            Step("capped", Claim(total, "≤", capped), "Summed over k.", Termwise(Use("one term capped", to_sums))),
            Step(
                "above for scores",
                Claim(score(at.s), "≤", largest * B),
                "The last ones together.",
                Combination((term(-1, "with h_P = 0"), term(1, "above"), term(1, "capped"))),
            ),
            Step(
                "below for scores",
                Claim(-score(at.s), "≤", largest * B),
                "The last ones together.",
                Combination((term(1, "with h_P = 0"), term(1, "below"), term(1, "capped"))),
            ),
            Step(
                "abel",
                Claim(sympy.Abs(score(at.s)), "≤", largest * B),
                "Both signs together.",
                BothSigns(Use("above for scores"), Use("below for scores")),
            ),
            Step(
                "difference of modulus one",
                Claim(one_re**2 + one_im**2, "=", 1),
                "h_j = Σ_{k>j} conj(S_k)/|S_k| has h_{k−1} − h_k = conj(S_k)/|S_k|, so D = 1.",
                Identity(),
            ),
            Step(
                "attained by one term",
                Claim(one_re * p - one_im * q, "=", modulus(p, q)),
                "conj(S)/|S| times S is |S|.",
                Identity(),
            ),
            Step(
                "attained",
                Claim(
                    sympy.Sum(
                        partial_re**2 / modulus(partial_re, partial_im)
                        + partial_im**2 / modulus(partial_re, partial_im),
                        (k, 1, P),
                    ),
                    "=",
                    B,
                ),
                "Summed over k: these h reach B(s), the bound for D = 1.",
                Termwise(Use("attained by one term", to_sums)),
            ),
            Step(
                "score of ones",
                Claim(ones, "=", M),
                "h_j = 1 at s = 0: M equal terms.",
                Induction(M, 1),
            ),
            Step(
                "not without the last difference",
                Claim(
                    ones,
                    ">",
                    sympy.Abs(sympy.Integer(1) - 1) * B,
                ),
                "h_j = 1 has differences 0 among h_0 … h_{P−1}, and a(0) = P: with them alone the bound would be 0.",
                Combination((term(1, "score of ones"),), form=M),
            ),
        ),
        conclusion="abel",
        source="arXiv 2104.09864, equations (35) to (37); docs/theory.md, section 5",
    )
