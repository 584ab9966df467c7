"""The curvature bound on the distance from the chord: ½(s−s1)(s2−s) Σ|h_j|θ_j².

By the kernel of the chord: with u = s − s1 and v = s2 − s,

    f(s) − (v f(s1) + u f(s2))/(u + v) = −v/(u+v) ∫_0^u t f″(s1 + t) dt − u/(u+v) ∫_0^v t f″(s2 − t) dt,

and the two integrals of the kernel alone add up to ½uv. For f″ = −rθ² cos the difference of the bound and the
deviation is therefore an integral of t·(1 ± cos) ≥ 0, which is what is shown for each pair.
"""

from __future__ import annotations

from typing import Any

from proofs._claims import Claim
from proofs._letters import Letters, letters, over_pairs
from proofs._symbolic import Antiderivative, BothSigns, Combination, Identity, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


def polar_score(s: Any) -> Any:
    """Return a(s) = Σ r_j cos(sθ_j + α_j), which is Re Σ h_j e^{isθ_j} with h_j = r_j e^{iα_j}."""
    sympy, at = load("sympy", "certify"), letters()
    return over_pairs(at.r[at.j] * sympy.cos(s * at.theta[at.j] + at.alpha[at.j]))


def excess() -> Any:
    """Return the deviation of the score from its chord, cell s1, s = s1 + u, s2 = s1 + u + v."""
    at = letters()
    s1, s, s2 = at.s1, at.s1 + at.u, at.s1 + at.u + at.v
    return polar_score(s) - (at.v * polar_score(s1) + at.u * polar_score(s2)) / (at.u + at.v)


def bound() -> Any:
    """Return ½uv Σ r_j θ_j²."""
    at = letters()
    return at.u * at.v / 2 * over_pairs(at.r[at.j] * at.theta[at.j] ** 2)


def derive() -> Proof:
    """Return the proof for every pair by the kernel of the chord, then summed."""
    sympy, at = load("sympy", "certify"), letters()
    j, s1, u, v, angle, phase, size = at.j, at.s1, at.u, at.v, at.angle, at.phase, at.size
    cos, sin = sympy.cos, sympy.sin
    t = sympy.Symbol("t", nonnegative=True)
    s, s2 = s1 + u, s1 + u + v
    gap = sympy.Symbol("epsilon", nonnegative=True)

    def on_wave(place: Any) -> Any:
        return cos(place * angle + phase)

    wave = {place: on_wave(place) for place in (s1, s, s2)}
    pair_excess = size * (wave[s] - (v * wave[s1] + u * wave[s2]) / (u + v))
    pair_bound = size * u * v / 2 * angle**2
    to_pairs = {size: at.r[j], angle: at.theta[j], phase: at.alpha[j]}

    # 1 − cos = 2 sin², 1 + cos = 2 cos²: integrands that show their sign
    halves = {"": sin, " negative": cos}
    steps: list[Step] = _general(at)
    for name, half in halves.items():
        sign = 1 if half is cos else -1
        # place, how far t goes, whether the phase grows with t
        for side, place, reach, grows in (("left", s1 + t, u, 1), ("right", s2 - t, v, -1)):
            phase_at = place * angle + phase
            # of θ²t(1 ± cos(c ± θt)): no division by θ, so that θ = 0 is included
            of = angle**2 * t**2 / 2 + sign * (grows * angle * t * sin(phase_at) + cos(phase_at))
            integral = sympy.Integral(angle**2 * t * 2 * half(phase_at / 2) ** 2, (t, 0, reach))
            value = of.xreplace({t: reach}) - of.xreplace({t: sympy.Integer(0)})
            steps.append(
                Step(
                    f"{side} integral{name}",
                    Claim(integral, "=", value),
                    "θ²t(1 − cos) or θ²t(1 + cos), integrated by parts.",
                    Antiderivative(of),
                )
            )
        integrals = {step.name: step.claim.left for step in steps if step.name.endswith(f"integral{name}")}
        left, right = f"left integral{name}", f"right integral{name}"
        steps.append(
            Step(
                f"one pair{',' if name else ''}{name}",
                Claim(-sign * pair_excess, "≤", pair_bound),
                "The bound less the deviation is the kernel times something that is at least zero, integrated.",
                Combination(
                    (
                        term(-size * v / (u + v), left),
                        term(-size * u / (u + v), right),
                    ),
                    form=size * v / (u + v) * integrals[left] + size * u / (u + v) * integrals[right],
                ),
            )
        )
    steps += [
        Step(
            "polar coefficients",
            Claim(
                sympy.re(size * sympy.exp(sympy.I * phase) * sympy.exp(sympy.I * at.s * angle), evaluate=False),
                "=",
                size * cos(at.s * angle + phase),
            ),
            "Every h is |h|e^{iα}: the score is Σ r_j cos(sθ_j + α_j), r_j = |h_j|.",
            Identity(),
        ),
        Step("above", Claim(excess(), "≤", bound()), "Summed over the pairs.", Termwise(Use("one pair", to_pairs))),
        Step(
            "below",
            Claim(-excess(), "≤", bound()),
            "Summed over the pairs.",
            Termwise(Use("one pair, negative", to_pairs)),
        ),
        Step(
            "curvature",
            Claim(sympy.Abs(excess()), "≤", bound()),
            "Both signs together.",
            BothSigns(Use("above"), Use("below")),
        ),
        Step(
            "left end",
            Claim(
                on_wave(s1 + gap) - (v * wave[s1] + gap * on_wave(s1 + gap + v)) / (gap + v),
                "=",
                (v * (on_wave(s1 + gap) - wave[s1]) + gap * (on_wave(s1 + gap) - on_wave(s1 + gap + v))) / (gap + v),
            ),
            "With u = ε ≥ 0, zero included: at ε = 0 both terms on the right are zero, and so is the bound.",
            Identity(),
        ),
        Step(
            "right end",
            Claim(
                wave[s] - (gap * wave[s1] + u * on_wave(s + gap)) / (u + gap),
                "=",
                (gap * (wave[s] - wave[s1]) + u * (wave[s] - on_wave(s + gap))) / (u + gap),
            ),
            "With v = ε ≥ 0: at ε = 0 both terms on the right are zero, and so is the bound.",
            Identity(),
        ),
    ]
    return Proof(
        name="chord_curvature",
        formula="|a(s) − chord| ≤ ½(s−s1)(s2−s) Σ|h_j|θ_j²",
        hypotheses=(
            Hypothesis("s1 ≤ s ≤ s2, u = s − s1, v = s2 − s; both positive, the ends of the cell by themselves"),
            Hypothesis("any frequencies; h_j = r_j e^{iα_j}"),
        ),
        steps=tuple(steps),
        conclusion="curvature",
        source="arXiv 2306.15595 v2, equations (11), (12); docs/theory.md, section 3",
    )


def _general(at: Letters) -> list[Step]:
    """Return the steps that hold for any twice differentiable f: the kernel, and how much of it there is."""
    sympy, s1, u, v = load("sympy", "certify"), at.s1, at.u, at.v
    t, place = sympy.Symbol("t", nonnegative=True), sympy.Symbol("z", real=True)
    f = sympy.Function("f", real=True)
    s, s2 = s1 + u, s1 + u + v

    def slope(where: Any, order: int = 1) -> Any:
        return sympy.Subs(sympy.Derivative(f(place), (place, order)), place, where)

    left = sympy.Integral(t * slope(s1 + t, 2), (t, 0, u))
    right = sympy.Integral(t * slope(s2 - t, 2), (t, 0, v))
    return [
        Step(
            "left part",
            Claim(left, "=", u * slope(s) - f(s) + f(s1)),
            "Integration by parts.",
            Antiderivative(t * slope(s1 + t) - f(s1 + t)),
        ),
        Step(
            "right part",
            Claim(right, "=", -v * slope(s) - f(s) + f(s2)),
            "Integration by parts.",
            Antiderivative(-t * slope(s2 - t) - f(s2 - t)),
        ),
        Step(
            "kernel",
            Claim(f(s) - (v * f(s1) + u * f(s2)) / (u + v), "=", -(v * left + u * right) / (u + v)),
            "The first derivatives cancel: for any twice differentiable f.",
            Combination((term(v / (u + v), "left part"), term(u / (u + v), "right part"))),
        ),
        Step(
            "left of the kernel",
            Claim(sympy.Integral(t, (t, 0, u)), "=", u**2 / 2),
            "The kernel up to s, without its factor v/(u+v).",
            Antiderivative(t**2 / 2),
        ),
        Step(
            "right of the kernel",
            Claim(sympy.Integral(t, (t, 0, v)), "=", v**2 / 2),
            "The kernel from s on, without its factor u/(u+v).",
            Antiderivative(t**2 / 2),
        ),
        Step(
            "whole kernel",
            Claim((v * sympy.Integral(t, (t, 0, u)) + u * sympy.Integral(t, (t, 0, v))) / (u + v), "=", u * v / 2),
            "Its integral is ½(s−s1)(s2−s).",
            Combination((term(v / (u + v), "left of the kernel"), term(u / (u + v), "right of the kernel"))),
        ),
    ]
