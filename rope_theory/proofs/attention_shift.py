"""From logits to attention weights: TV(softmax(x), softmax(x + e)) ≤ tanh(δ/2) when every |e_i| ≤ δ."""

from __future__ import annotations

from typing import Any

from rope_theory._optional import load
from rope_theory.proofs._claims import Claim
from rope_theory.proofs._symbolic import Antiderivative, Combination, Identity, Termwise, Use, term
from rope_theory.proofs.proof import Hypothesis, Proof, Step


def exponential_steps() -> tuple[Step, ...]:
    """Return the two steps that show e^z ≥ 1 + z for all real z."""
    sympy = load("sympy", "certify")
    z, t = sympy.Symbol("z", real=True), sympy.Symbol("t", nonnegative=True)
    remainder = sympy.Integral(z**2 * t * sympy.exp(z * (1 - t)), (t, 0, 1))
    return (
        Step(
            "remainder",
            Claim(remainder, "=", sympy.exp(z) - 1 - z),
            "Taylor's theorem at 0, with the remainder as an integral.",
            Antiderivative(-(z * t + 1) * sympy.exp(z * (1 - t))),
        ),
        Step(
            "exponential",
            Claim(sympy.exp(z), "≥", 1 + z),
            "The remainder integrates something that is at least zero, for z of either sign.",
            Combination((term(-1, "remainder"),), form=remainder),
        ),
    )


def derive() -> Proof:
    """Return the proof: the worst case has two classes, whose log-odds move by 2δ.

    A set of entries has the weight A = Σ S_i e^{x_i}, the rest B = Σ T_i e^{x_i}; S and T are 0 or 1.
    """
    sympy = load("sympy", "certify")
    exp, tanh, half = sympy.exp, sympy.tanh, sympy.Rational(1, 2)
    shift = sympy.Symbol("delta", nonnegative=True)
    z, c, log_odds = (sympy.Symbol(name, real=True) for name in ("z", "c", "x"))
    i = sympy.Symbol("i", integer=True, nonnegative=True)
    entries = sympy.Symbol("N", integer=True, positive=True)
    logit, move, change = (sympy.IndexedBase(name, real=True) for name in ("x", "e", "D"))
    chosen, others = sympy.IndexedBase("S", nonnegative=True), sympy.IndexedBase("T", nonnegative=True)
    after, rest = sympy.symbols("A' B", positive=True)
    lost, gained = sympy.symbols("p q", nonnegative=True)
    before = exp(-shift) * (after + lost)  # A, since A′ = e^δ A − p

    def over(summand: Any) -> Any:
        return sympy.Sum(summand, (i, 0, entries - 1))

    def sigmoid(place: Any) -> Any:
        return 1 / (1 + exp(-place))

    weight_after = after / (after + exp(-shift) * rest + gained)  # B′ = e^{−δ} B + q
    extreme = exp(shift) * before / (exp(shift) * before + exp(-shift) * rest)
    gain = sigmoid(log_odds + 2 * shift) - sigmoid(log_odds)
    return Proof(
        name="attention_shift",
        formula="TV(softmax(x), softmax(x + e)) ≤ tanh(δ/2)",
        hypotheses=(
            Hypothesis(
                "no logit rises by more than δ",
                name="rise",
                claim=Claim(move[i], "≤", shift),
                for_all=(i,),
                example={move: lambda m: shift * sympy.cos(m**2)},
            ),
            Hypothesis("none falls by more than δ", name="fall", claim=Claim(move[i], "≥", -shift), for_all=(i,)),
            Hypothesis(
                "D_i, the changes of the weights, sum to zero, since weights sum to one",
                name="weights sum to one",
                claim=Claim(over(change[i]), "=", 0),
                # around a circle of N places
                example={
                    change: lambda m: (
                        sympy.cos(2 * sympy.pi * m / entries) - sympy.cos(2 * sympy.pi * (m + 1) / entries)
                    )
                },
            ),
        ),
        steps=(
            Step(
                "one change",
                Claim(sympy.Abs(c), "=", 2 * sympy.Max(c, 0) - c),
                "A modulus is twice the positive part less the number.",
                Identity(),
            ),
            Step(
                "all changes",
                Claim(over(sympy.Abs(change[i])), "=", over(2 * sympy.Max(change[i], 0) - change[i])),
                "Summed over the row.",
                Termwise(Use("one change", {c: change[i]})),
            ),
            Step(
                "total variation is the gain of a set",
                Claim(half * over(sympy.Abs(change[i])), "=", over(sympy.Max(change[i], 0))),
                "Half the sum of the moduli is what the entries that grow gain together.",
                Combination((term(half, "all changes"), term(-half, "weights sum to one"))),
            ),
            *exponential_steps(),
            Step(
                "one entry rises",
                Claim(chosen[i] * exp(logit[i] + move[i]), "≤", exp(shift) * chosen[i] * exp(logit[i])),
                "e^δ − e^e = e^e(e^{δ−e} − 1) ≥ e^e(δ − e).",
                Combination(
                    (
                        term(chosen[i] * exp(logit[i] + move[i]), Use("exponential", {z: shift - move[i]})),
                        term(chosen[i] * exp(logit[i] + move[i]), "rise"),
                    )
                ),
            ),
            Step(
                "one entry falls",
                Claim(others[i] * exp(logit[i] + move[i]), "≥", exp(-shift) * others[i] * exp(logit[i])),
                "e^e − e^{−δ} = e^{−δ}(e^{e+δ} − 1) ≥ e^{−δ}(e + δ).",
                Combination(
                    (
                        term(others[i] * exp(logit[i] - shift), Use("exponential", {z: shift + move[i]})),
                        term(others[i] * exp(logit[i] - shift), "fall"),
                    )
                ),
            ),
            Step(
                "the set rises",
                Claim(over(chosen[i] * exp(logit[i] + move[i])), "≤", exp(shift) * over(chosen[i] * exp(logit[i]))),
                "A′ ≤ e^δ A: p = e^δ A − A′ is at least zero.",
                Termwise(Use("one entry rises")),
            ),
            Step(
                "the rest falls",
                Claim(over(others[i] * exp(logit[i] + move[i])), "≥", exp(-shift) * over(others[i] * exp(logit[i]))),
                "B′ ≥ e^{−δ} B: q = B′ − e^{−δ} B is at least zero.",
                Termwise(Use("one entry falls")),
            ),
            Step(
                "two classes",
                Claim(weight_after, "≤", extreme),
                "A′/(A′ + B′) is at most what it would be with p = q = 0: one class raised by δ, the other lowered.",
                Combination(
                    form=(after * gained + lost * exp(-shift) * rest + lost * gained)
                    / ((after + exp(-shift) * rest + gained) * (after + lost + exp(-shift) * rest))
                ),
            ),
            Step(
                "log-odds",
                Claim(
                    exp(shift) * rest * exp(c) / (exp(shift) * rest * exp(c) + exp(-shift) * rest),
                    "=",
                    sigmoid(c + 2 * shift),
                ),
                "With A = B e^x the log-odds go from x to x + 2δ.",
                Identity(),
            ),
            Step(
                "largest gain",
                Claim(gain, "≤", tanh(shift / 2)),
                "The difference is (e^δ − 1)(1 − e^{x+δ})²/((e^δ + 1)(1 + e^{x+2δ})(1 + e^x)).",
                Combination(
                    form=2
                    * exp(shift / 2)
                    * sympy.sinh(shift / 2)
                    * (1 - exp(log_odds + shift)) ** 2
                    / ((exp(shift) + 1) * (1 + exp(log_odds + 2 * shift)) * (1 + exp(log_odds)))
                ),
            ),
            Step(
                "attention shift",
                Claim(weight_after - before / (before + rest), "≤", tanh(shift / 2)),
                "What any set gains, and with it the total variation.",
                Combination(
                    (
                        term(1, "two classes"),
                        term(1, Use("largest gain", {log_odds: sympy.log(after + lost) - shift - sympy.log(rest)})),
                    )
                ),
            ),
            Step(
                "attained",
                Claim(gain.xreplace({log_odds: -shift}), "=", tanh(shift / 2)),
                "At log-odds −δ: σ(δ) − σ(−δ) = tanh(δ/2).",
                Identity(),
            ),
        ),
        conclusion="attention shift",
        source="docs/theory.md, section 3",
    )
