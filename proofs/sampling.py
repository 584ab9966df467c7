"""The sampling theorem: sup_ℝ|a| ≤ max_{Δℤ}|a| / cos(Δ·θ_max/2), as far as it can be checked here.

Quoted, not checked: the comparison lemma of Duffin and Schaeffer, and that a supremum which is not attained is attained
by a limit of translates.
"""

from __future__ import annotations

from proofs._claims import Claim
from proofs._symbolic import Combination, Identity, Squares, term
from proofs.proof import Hypothesis, Proof, Quoted, Step
from rope_theory._core.optional import load


def derive() -> Proof:
    """Return the proof for a score with M = sup|a| = a(x0); −a in place of a where only −M is reached.

    Angles are 2·atan of half-angle tangents: p = θ_max|x0 − nΔ| > 0 and q = Δθ_max/2 < π/2 with 0 < p ≤ q become
    1/(1 + τ + ω) and 1/(1 + τ), τ > 0, ω ≥ 0.
    """
    sympy = load("sympy", "certify")
    cos, sin, half = sympy.cos, sympy.sin, sympy.Rational(1, 2)
    step = sympy.Symbol("Delta", positive=True)
    fraction = sympy.Symbol("varphi", nonnegative=True)
    n = sympy.Symbol("n", integer=True)
    tau, omega = sympy.Symbol("tau", positive=True), sympy.Symbol("omega", nonnegative=True)
    largest, on_grid = sympy.Symbol("M", nonnegative=True), sympy.Symbol("A", nonnegative=True)
    value = sympy.Symbol("a_n", real=True)  # a(nΔ)
    spare = sympy.Symbol("e", nonnegative=True)
    f, x0 = sympy.Function("a", real=True), sympy.Symbol("x0", real=True)
    t, place = sympy.Symbol("t", positive=True), sympy.Symbol("s", real=True)
    near, far = 1 / (1 + tau + omega), 1 / (1 + tau)
    p, q = 2 * sympy.atan(near), 2 * sympy.atan(far)
    point = step * (n + fraction - half)
    return Proof(
        name="sampling",
        formula="sup_ℝ|a| ≤ max_{Δℤ}|a| / cos(Δ·θ_max/2)",
        hypotheses=(
            Hypothesis("Δ·θ_max < π: the half-angle tangent 1/(1 + τ) of Δθ_max/2 is below 1"),
            Hypothesis(
                "every place is Δ(n − ½ + φ) with n an integer and 0 ≤ φ ≤ 1",
                name="place",
                claim=Claim(fraction, "≤", 1),
                example={fraction: cos(sympy.Symbol("c", real=True)) ** 2},
            ),
            Hypothesis(
                "|a| ≤ A on the grid, so a(nΔ) ≤ A",
                name="grid",
                claim=Claim(value, "≤", on_grid),
                example={value: largest * cos(p) + spare, on_grid: largest * cos(p) + 2 * spare},
            ),
        ),
        steps=(
            Step(
                "nearest grid point",
                Claim(sympy.Abs(point - step * n), "≤", step / 2),
                "Some grid point lies within Δ/2: the squares differ by Δ²φ(1 − φ).",
                Squares((term(step**2 * fraction, "place"),)),
            ),
            Step(
                "attained",
                Claim(f(x0), "=", largest),
                "Where M is not attained, a limit of translates by multiples of Δ attains it and obeys A on the grid.",
                Quoted("compactness of bounded functions of exponential type, by Bernstein's inequality"),
            ),
            Step(
                "comparison lemma",
                Claim(value, "≥", largest * cos(p)),
                "a(x) ≥ M cos(θ_max(x − x0)) for |x − x0| ≤ π/θ_max, at the nearest grid point: p = θ_max|nΔ − x0|.",
                Quoted("Duffin and Schaeffer, Some properties of functions of exponential type, 1938"),
            ),
            Step(
                "half angles",
                Claim(cos(2 * sympy.atan(t)), "=", (1 - t**2) / (1 + t**2)),
                "The cosine by the tangent of half its angle.",
                Identity(),
            ),
            Step(
                "cosine falls",
                Claim(cos(p), "≥", cos(q)),
                "For 0 < p ≤ q < π; at p = 0 the cosine is 1.",
                Combination(form=2 * (far + near) * omega * far * near / ((1 + far**2) * (1 + near**2))),
            ),
            Step(
                "cosine is positive",
                Claim(cos(q), ">", 0),
                "q = Δθ_max/2 is below a right angle.",
                Combination(form=(tau**2 + 2 * tau) / (tau**2 + 2 * tau + 2)),
            ),
            Step(
                "sampling",
                Claim(largest * cos(q), "≤", on_grid),
                "A ≥ a(nΔ) ≥ M cos p ≥ M cos q; divide by cos q > 0.",
                Combination((term(1, "grid"), term(1, "comparison lemma"), term(largest, "cosine falls"))),
            ),
            Step(
                "zero on the grid",
                Claim(sin(sympy.pi * (place + step) / step), "=", -sin(sympy.pi * place / step)),
                "Δθ_max < π must be strict: sin(πs/Δ), zero at s = 0, only turns its sign from a grid point to the "
                "next, so it is zero on the whole grid …",
                Identity(),
            ),
            Step(
                "one between",
                Claim(sin(sympy.pi * (place + step / 2) / step), "=", cos(sympy.pi * place / step)),
                "… and not between its points: half a step on it is cos(πs/Δ), which is 1 at s = 0.",
                Identity(),
            ),
        ),
        conclusion="sampling",
        source="Duffin and Schaeffer's comparison lemma; docs/theory.md, section 4",
    )
