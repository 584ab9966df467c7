"""Weak duality of the worst case: every choice of weights bounds every feasible score, with changed frequencies too."""

from __future__ import annotations

from proofs._claims import Claim
from proofs._letters import letters, modulus, over_grid, over_pairs, score
from proofs._symbolic import Combination, Identity, Squares, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof of weak duality, with ρ_j = e^{isθ′_j} − Σ w_n e^{i g_n θ_j}, and of feasibility by scaling.

    θ are the frequencies of what is known, on the grid, θ′ those of what is asked.
    """
    sympy, at = load("sympy", "certify"), letters()
    j, n, a, b, p, q, H, x, y = at.j, at.n, at.a, at.b, at.p, at.q, at.H, at.x, at.y
    cos, sin = sympy.cos, sympy.sin
    target = sympy.IndexedBase("thetaprime", real=True)
    A = sympy.Symbol("A", nonnegative=True)
    weight, spare, length = (
        sympy.Symbol("omega", real=True),
        sympy.Symbol("e", nonnegative=True),
        sympy.Symbol("h", nonnegative=True),
    )
    scale = sympy.Symbol("m", positive=True)
    residual_re = cos(at.s * target[j]) - over_grid(at.w[n] * cos(at.g[n] * at.theta[j]))
    residual_im = sin(at.s * target[j]) - over_grid(at.w[n] * sin(at.g[n] * at.theta[j]))
    linear = over_pairs(x[j] * residual_re - y[j] * residual_im)
    on_grid = over_grid(at.w[n] * score(at.g[n]))
    residuals = over_pairs(modulus(residual_re, residual_im))
    weights = over_grid(sympy.Abs(at.w[n]))
    asked = score(at.s, target)
    # an h that is feasible for any grid: P of them add up to less than A, and none is above H
    small = A * H / ((A + 1) * (H + 1) * (2 * at.P + 1))
    return Proof(
        name="worst_case",
        formula="a(s) ≤ A·‖w‖₁ + H·Σ|e^{isθ′_j} − Σ w_n e^{inθ_j}|",
        hypotheses=(
            Hypothesis("any s, any frequencies θ on the grid and θ′ asked about, any real weights w_n"),
            Hypothesis(
                "the score is at most A on the grid",
                name="grid, above",
                claim=Claim(score(at.g[n]), "≤", A),
                for_all=(n,),
                example={x: lambda i: small * cos(i), y: lambda i: small * sin(i) / 2},
            ),
            Hypothesis("and at least −A", name="grid, below", claim=Claim(score(at.g[n]), "≥", -A), for_all=(n,)),
            Hypothesis("|h_j| ≤ H", name="cap", claim=Claim(modulus(x[j], y[j]), "≤", H), for_all=(j,)),
        ),
        steps=(
            Step("linear", Claim(asked, "=", on_grid + linear), "a is real-linear in h.", Identity()),
            Step(
                "one pair",
                Claim(a * p - b * q, "≤", modulus(a, b) * modulus(p, q)),
                "Re hρ ≤ |h||ρ|.",
                Squares(form=(a * q + b * p) ** 2),
            ),
            Step(
                "one pair capped",
                Claim(x[j] * p - y[j] * q, "≤", H * modulus(p, q)),
                "|h_j| ≤ H.",
                Combination((term(1, Use("one pair", {a: x[j], b: y[j]})), term(modulus(p, q), "cap"))),
            ),
            Step(
                "pairs",
                Claim(linear, "≤", H * residuals),
                "Summed over the pairs.",
                Termwise(Use("one pair capped", {p: residual_re, q: residual_im})),
            ),
            Step(
                "one offset",
                Claim(weight * score(at.g[n]), "≤", sympy.Abs(weight) * A),
                "|a| ≤ A on the grid: the squares differ by w²(A − a)(A + a).",
                Squares((term(weight**2, "grid, above", "grid, below"),)),
            ),
            Step(
                "offsets",
                Claim(on_grid, "≤", A * weights),
                "Summed over the grid.",
                Termwise(Use("one offset", {weight: at.w[n]})),
            ),
            Step(
                "weak duality",
                Claim(asked, "≤", A * weights + H * residuals),
                "The last ones together; for −a(s) take −w.",
                Combination((term(1, "linear"), term(1, "pairs"), term(1, "offsets"))),
            ),
            Step(
                "scaled score",
                Claim((scale * A - spare) / scale, "≤", A),
                "A score of at most m·A is at most A once h is divided by m …",
                Combination(form=spare / scale),
            ),
            Step(
                "scaled coefficient",
                Claim((scale * H - length) / scale, "≤", H),
                "… and a coefficient of at most m·H at most H: with m the largest of 1, |a(g_n)|/A and |h_j|/H every h "
                "is feasible, and a(s)/m a lower bound on the worst case.",
                Combination(form=length / scale),
            ),
        ),
        conclusion="weak duality",
        source="docs/theory.md, section 7",
    )
