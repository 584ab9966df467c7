"""The sharp chord bound: Σ|h_j|·|e^{iλφ_j} − (1−λ) − λe^{iφ_j}|, φ_j = (s2−s1)θ_j."""

from __future__ import annotations

from typing import Any

from proofs._claims import Claim
from proofs._letters import letters, modulus, over_pairs, score
from proofs._symbolic import BothSigns, Identity, Squares, Termwise, Use
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof of the sharp bound; the cell is s1, s = s1 + λ·W, s2 = s1 + W."""
    sympy, at = load("sympy", "certify"), letters()
    j, a, b, angle, s1, size = at.j, at.a, at.b, at.angle, at.s1, at.size
    cos, sin, i = sympy.cos, sympy.sin, sympy.I
    share, width = sympy.Symbol("lambda", real=True), sympy.Symbol("W", positive=True)
    turn = sympy.Symbol("varphi", real=True)
    p, q = at.p, at.q
    s, s2 = s1 + share * width, s1 + width

    def deviation(function: Any, frequency: Any) -> Any:
        """Return f(sθ) − (1−λ)f(s1θ) − λf(s2θ), f = cos or sin."""
        at_s, at_1, at_2 = (function(place * frequency) for place in (s, s1, s2))
        return at_s - (1 - share) * at_1 - share * at_2

    def parts(phi: Any) -> tuple[Any, Any]:
        return (
            cos(share * phi) - (1 - share) - share * cos(phi),
            sin(share * phi) - share * sin(phi),
        )

    def sharp(phi: Any) -> Any:
        return modulus(*parts(phi))

    def waves(frequency: Any) -> tuple[Any, Any]:
        return deviation(cos, frequency), deviation(sin, frequency)

    pair_re, pair_im = waves(angle)
    excess = score(s) - (1 - share) * score(s1) - share * score(s2)
    pairs_re, pairs_im = waves(at.theta[j])
    linear = over_pairs(at.x[j] * pairs_re - at.y[j] * pairs_im)
    total = over_pairs(modulus(at.x[j], at.y[j]) * sharp(width * at.theta[j]))
    to_pairs = {a: at.x[j], b: at.y[j], angle: at.theta[j]}
    phasor = sympy.exp(i * share * turn) - (1 - share) - share * sympy.exp(i * turn)
    left, right = share * turn, (1 - share) * turn  # (s − s1)θ, (s2 − s)θ
    return Proof(
        name="chord_sharp",
        formula="|a(s) − chord| ≤ Σ|h_j|·|e^{iλφ_j} − (1−λ) − λe^{iφ_j}|, φ_j = (s2−s1)θ_j",
        hypotheses=(
            Hypothesis("s1 < s2, s = s1 + λ(s2−s1), W = s2 − s1; true for every real λ, used for 0 ≤ λ ≤ 1"),
            Hypothesis("any frequencies"),
        ),
        steps=(
            Step(
                "common factor",
                Claim(
                    sympy.exp(i * s * angle)
                    - (1 - share) * sympy.exp(i * s1 * angle)
                    - share * sympy.exp(i * s2 * angle),
                    "=",
                    sympy.exp(i * s1 * angle) * phasor.xreplace({turn: width * angle}),
                ),
                "e^{is1θ} comes out of ρ: only φ = (s2−s1)θ is left.",
                Identity(),
            ),
            Step(
                "modulus",
                Claim(pair_re**2 + pair_im**2, "=", sharp(width * angle) ** 2),
                "A factor of modulus one does not change |ρ|.",
                Identity(),
            ),
            Step(
                "one pair",
                Claim(a * pair_re - b * pair_im, "≤", modulus(a, b) * sharp(width * angle)),
                "Re hρ ≤ |h||ρ|: the squares differ by (Im hρ)².",
                Squares(form=(a * pair_im + b * pair_re) ** 2),
            ),
            Step(
                "one pair, negative",
                Claim(-(a * pair_re - b * pair_im), "≤", modulus(a, b) * sharp(width * angle)),
                "The same for −h.",
                Squares(form=(a * pair_im + b * pair_re) ** 2),
            ),
            Step("linear", Claim(excess, "=", linear), "a is real-linear in h.", Identity()),
            Step("above", Claim(excess, "≤", total), "Summed over the pairs.", Termwise(Use("one pair", to_pairs))),
            Step(
                "below",
                Claim(-excess, "≤", total),
                "Summed over the pairs.",
                Termwise(Use("one pair, negative", to_pairs)),
            ),
            Step(
                "sharp",
                Claim(sympy.Abs(excess), "≤", total),
                "Both signs together.",
                BothSigns(Use("above"), Use("below")),
            ),
            Step(
                "attained by one pair",
                Claim(
                    size * p / modulus(p, q) * p - size * (-q) / modulus(p, q) * q,
                    "=",
                    size * modulus(p, q),
                ),
                "h = |h| conj(ρ)/|ρ|, ρ = p + iq, makes Re hρ = |h||ρ|; where ρ = 0 both are zero.",
                Identity(),
            ),
            Step(
                "attained",
                Claim(
                    over_pairs(
                        at.r[j] * pairs_re**2 / modulus(pairs_re, pairs_im)
                        + at.r[j] * pairs_im**2 / modulus(pairs_re, pairs_im)
                    ),
                    "=",
                    over_pairs(at.r[j] * modulus(pairs_re, pairs_im)),
                ),
                "Summed over the pairs, so the bound is tight for given moduli.",
                Termwise(Use("attained by one pair", {size: at.r[j], p: pairs_re, q: pairs_im})),
            ),
            Step(
                "halfway",
                Claim((sharp(turn) ** 2).xreplace({share: sympy.Rational(1, 2)}), "=", (1 - cos(turn / 2)) ** 2),
                "At λ = ½ the modulus is 1 − cos(φ/2).",
                Identity(),
            ),
            Step(
                "without cancellation",
                Claim(
                    sympy.exp(-i * share * turn) * phasor,
                    "=",
                    2 * (1 - share) * sin(left / 2) ** 2
                    + 2 * share * sin(right / 2) ** 2
                    + i * ((1 - share) * sin(left) - share * sin(right)),
                ),
                "Turned by −λφ the real part is a sum of squares: the form that is computed.",
                Identity(),
            ),
        ),
        conclusion="sharp",
        source="docs/theory.md, section 3",
    )
