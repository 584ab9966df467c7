"""Rotating query and key turns their inner product into a(m − n) = Re Σ h_j e^{i(m−n)θ_j}."""

from __future__ import annotations

from typing import Any

from proofs._claims import Claim
from proofs._letters import letters, over_pairs
from proofs._symbolic import Identity, Termwise, Use
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof that scores depend on the offset only, from the 2×2 rotations of each pair."""
    sympy, at = load("sympy", "certify"), letters()
    j, angle, s = at.j, at.angle, at.s
    m, n = sympy.symbols("m n", real=True)  # positions
    q1, q2, k1, k2 = sympy.symbols("q1 q2 k1 k2", real=True)  # one pair of query and key
    Q1, Q2, K1, K2 = (sympy.IndexedBase(name, real=True) for name in ("Q1", "Q2", "K1", "K2"))

    def rotated(first: Any, second: Any, turn: Any) -> Any:
        matrix = sympy.Matrix([[sympy.cos(turn), -sympy.sin(turn)], [sympy.sin(turn), sympy.cos(turn)]])
        return matrix * sympy.Matrix([first, second])

    def dot(a1: Any, a2: Any, b1: Any, b2: Any, frequency: Any) -> Any:
        return rotated(a1, a2, m * frequency).dot(rotated(b1, b2, n * frequency))

    def real_part(a1: Any, a2: Any, b1: Any, b2: Any, turn: Any) -> Any:
        h = (a1 + sympy.I * a2) * (b1 - sympy.I * b2)
        return sympy.re(h * sympy.exp(sympy.I * turn), evaluate=False)

    pair = (q1, q2, k1, k2)
    pairs = (Q1[j], Q2[j], K1[j], K2[j])
    to_pairs = {**dict(zip(pair, pairs, strict=True)), angle: at.theta[j]}
    return Proof(
        name="score_expansion",
        formula="⟨R_m q, R_n k⟩ = Re Σ h_j e^{i(m−n)θ_j}, h_j = q_j·conj(k_j)",
        hypotheses=(Hypothesis("any real positions m, n and frequencies; q_j, k_j the pairs before rotation"),),
        steps=(
            Step(
                "one pair",
                Claim(dot(*pair, angle), "=", real_part(*pair, (m - n) * angle)),
                "Multiply the two rotations out: only the difference of the angles is left.",
                Identity(),
            ),
            Step(
                "coefficient",
                Claim(
                    (q1 + sympy.I * q2) * (k1 - sympy.I * k2), "=", q1 * k1 + q2 * k2 + sympy.I * (q2 * k1 - q1 * k2)
                ),
                "q_j times the conjugate of k_j, in real numbers: what score_coefficients computes.",
                Identity(),
            ),
            Step(
                "in real numbers",
                Claim(
                    sympy.re((at.p + sympy.I * at.q) * sympy.exp(sympy.I * s * angle), evaluate=False),
                    "=",
                    at.p * sympy.cos(s * angle) - at.q * sympy.sin(s * angle),
                ),
                "The real part of h e^{isθ} for h = p + iq: the form the other proofs use.",
                Identity(),
            ),
            Step(
                "all pairs",
                Claim(over_pairs(dot(*pairs, at.theta[j])), "=", over_pairs(real_part(*pairs, (m - n) * at.theta[j]))),
                "The inner product is the sum over the pairs.",
                Termwise(Use("one pair", to_pairs)),
            ),
            Step(
                "exchanged positions",
                Claim(
                    real_part(q1, q2, k1, k2, -s * angle),
                    "=",
                    sympy.re(
                        (q1 - sympy.I * q2) * (k1 + sympy.I * k2) * sympy.exp(sympy.I * s * angle), evaluate=False
                    ),
                ),
                "a(−s) belongs to the conjugates of h, so offsets of one sign suffice.",
                Identity(),
            ),
        ),
        conclusion="all pairs",
        source="arXiv 2306.15595 v2, equations (2), (3); docs/theory.md, section 1",
    )
