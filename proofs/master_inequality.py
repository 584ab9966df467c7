"""The inequality behind every bound: |a(s) − Σ w_n a(g_n)| ≤ Σ|h_j||ρ_j|, attained."""

from __future__ import annotations

from proofs._claims import Claim
from proofs._letters import letters, modulus, over_grid, over_pairs, score
from proofs._symbolic import BothSigns, Combination, Identity, Squares, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof from docs/theory.md, section 2, for finitely many offsets g_n with real weights w_n."""
    sympy, at = load("sympy", "certify"), letters()
    j, n, a, b, p, q, size = at.j, at.n, at.a, at.b, at.p, at.q, at.size
    cos, sin = sympy.cos, sympy.sin
    # ρ_j = e^{isθ_j} − Σ w_n e^{i g_n θ_j}, by its real and imaginary part
    residual_re = cos(at.s * at.theta[j]) - over_grid(at.w[n] * cos(at.g[n] * at.theta[j]))
    residual_im = sin(at.s * at.theta[j]) - over_grid(at.w[n] * sin(at.g[n] * at.theta[j]))
    # first for any residuals, as sequences, then for these
    any_re, any_im = sympy.IndexedBase("rho_re", real=True), sympy.IndexedBase("rho_im", real=True)
    to_pairs = {a: at.x[j], b: at.y[j], p: any_re[j], q: any_im[j]}
    to_residuals = {
        any_re: lambda i: residual_re.xreplace({j: i}),
        any_im: lambda i: residual_im.xreplace({j: i}),
    }
    any_linear = over_pairs(at.x[j] * any_re[j] - at.y[j] * any_im[j])
    any_total = over_pairs(modulus(at.x[j], at.y[j]) * modulus(any_re[j], any_im[j]))
    excess = score(at.s) - over_grid(at.w[n] * score(at.g[n]))
    linear = over_pairs(at.x[j] * residual_re - at.y[j] * residual_im)
    total = over_pairs(modulus(at.x[j], at.y[j]) * modulus(residual_re, residual_im))
    turned = (p / modulus(p, q), -q / modulus(p, q))  # conj(ρ)/|ρ|
    return Proof(
        name="master_inequality",
        formula="|a(s) − Σ w_n a(n)| ≤ Σ|h_j||ρ_j|, ρ_j = e^{isθ_j} − Σ w_n e^{inθ_j}",
        hypotheses=(Hypothesis("any s, any frequencies, finitely many real offsets g_n with real weights w_n"),),
        steps=(
            Step(
                "linear",
                Claim(excess, "=", linear),
                "a is real-linear in h: Re Σ h_j ρ_j.",
                Identity(),
            ),
            Step(
                "one pair",
                Claim(a * p - b * q, "≤", modulus(a, b) * modulus(p, q)),
                "Re hρ ≤ |h||ρ|: the squares differ by (Im hρ)².",
                Squares(form=(a * q + b * p) ** 2),
            ),
            Step(
                "one pair, negative",
                Claim(-(a * p - b * q), "≤", modulus(a, b) * modulus(p, q)),
                "The same for −h.",
                Squares(form=(a * q + b * p) ** 2),
            ),
            Step(
                "above",
                Claim(any_linear, "≤", any_total),
                "Summed over the pairs.",
                Termwise(Use("one pair", to_pairs)),
            ),
            Step(
                "below",
                Claim(-any_linear, "≤", any_total),
                "Summed over the pairs.",
                Termwise(Use("one pair, negative", to_pairs)),
            ),
            Step(
                "above for scores",
                Claim(excess, "≤", total),
                "By linearity.",
                Combination((term(1, Use("above", to_residuals)), term(-1, "linear"))),
            ),
            Step(
                "below for scores",
                Claim(-excess, "≤", total),
                "By linearity.",
                Combination((term(1, Use("below", to_residuals)), term(1, "linear"))),
            ),
            Step(
                "inequality",
                Claim(sympy.Abs(excess), "≤", total),
                "Both signs together.",
                BothSigns(Use("above for scores"), Use("below for scores")),
            ),
            Step(
                "phase has modulus one",
                Claim(turned[0] ** 2 + turned[1] ** 2, "=", 1),
                "conj(ρ)/|ρ|, where ρ is not zero, turns h without changing its length.",
                Identity(),
            ),
            Step(
                "attained by one pair",
                Claim(size * turned[0] * p - size * turned[1] * q, "=", size * modulus(p, q)),
                "h = |h| conj(ρ)/|ρ| makes Re hρ = |h||ρ|; where ρ = 0 both are zero for any h.",
                Identity(),
            ),
            Step(
                "attained",
                Claim(
                    over_pairs(
                        at.r[j] * any_re[j] ** 2 / modulus(any_re[j], any_im[j])
                        + at.r[j] * any_im[j] ** 2 / modulus(any_re[j], any_im[j])
                    ),
                    "=",
                    over_pairs(at.r[j] * modulus(any_re[j], any_im[j])),
                ),
                "Summed over the pairs, for any residuals: Re Σ h_j ρ_j for these h_j is Σ|h_j||ρ_j|.",
                Termwise(Use("attained by one pair", {size: at.r[j], p: any_re[j], q: any_im[j]})),
            ),
        ),
        conclusion="inequality",
        source="docs/theory.md, section 2",
    )
