"""From logits to attention weights: TV(softmax(x), softmax(x + e)) ≤ tanh(δ/2) when every |e_i| ≤ δ."""

from __future__ import annotations

from typing import Any

from proofs._claims import Claim
from proofs._symbolic import Antiderivative, Combination, Identity, Termwise, Use, term
from proofs.proof import Hypothesis, Proof, Step
from rope_theory._core.optional import load


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

    A set of entries, S_i = 1 in it and 0 outside, has the weight A = Σ S_i e^{x_i} of Z = Σ e^{x_i}; primes are after
    the shift. Until the last steps S_i may be anything from 0 to 1.
    """
    sympy = load("sympy", "certify")
    exp, sinh, tanh, half = sympy.exp, sympy.sinh, sympy.tanh, sympy.Rational(1, 2)
    shift = sympy.Symbol("delta", nonnegative=True)
    z, c, log_odds = (sympy.Symbol(name, real=True) for name in ("z", "c", "xi"))
    i = sympy.Symbol("i", integer=True, nonnegative=True)
    entries = sympy.Symbol("N", integer=True, positive=True)
    logit, move = (sympy.IndexedBase(name, real=True) for name in ("x", "e"))
    chosen = sympy.IndexedBase("S", nonnegative=True)
    # one set: A, Z, A′, Z′ and 1/Z, 1/Z′ as letters
    part, part_after = sympy.symbols("A A'", nonnegative=True)
    whole, whole_after, per_whole, per_after = sympy.symbols("Z Z' r r'", positive=True)

    def over(summand: Any) -> Any:
        return sympy.Sum(summand, (i, 0, entries - 1))

    def sigmoid(place: Any) -> Any:
        return 1 / (1 + exp(-place))

    old, new = exp(logit[i]), exp(logit[i] + move[i])
    Z, Z_after, A, A_after = over(old), over(new), over(chosen[i] * old), over(chosen[i] * new)
    weight_change = new / Z_after - old / Z

    def spread(inside: Any, total: Any) -> Any:
        """Return e^δ A + e^{−δ}(Z − A), which is positive."""
        return 2 * inside * sinh(shift) + total * exp(-shift)

    def kept(inside: Any, total: Any, inside_after: Any, total_after: Any) -> Any:
        """Return by how much less than two classes moved by δ and −δ the set gains."""
        falls = total_after - inside_after - exp(-shift) * (total - inside)
        rises = exp(shift) * inside - inside_after
        gap = exp(shift) * inside * falls + exp(-shift) * (total - inside) * rises
        return gap / (spread(inside, total) * total_after)

    gain = sigmoid(log_odds + 2 * shift) - sigmoid(log_odds)
    set_gain = part_after / whole_after - part / whole
    two_classes = 2 * sinh(shift) * part * (whole - part) / (spread(part, whole) * whole)
    at_set = {part: A, whole: Z, part_after: A_after, whole_after: Z_after}
    per_row = {per_whole: 1 / Z, per_after: 1 / Z_after}

    def moved(place: Any) -> Any:
        return shift * sympy.cos(place**2)

    def weight_moved(place: Any) -> Any:
        after = over(exp(logit[i] + moved(i)))
        return exp(logit[place] + moved(place)) / after - exp(logit[place]) / Z

    return Proof(
        name="attention_shift",
        formula="TV(softmax(x), softmax(x + e)) ≤ tanh(δ/2)",
        hypotheses=(
            Hypothesis(
                "no logit rises by more than δ",
                name="rise",
                claim=Claim(move[i], "≤", shift),
                for_all=(i,),
                example={move: moved},
            ),
            Hypothesis("none falls by more than δ", name="fall", claim=Claim(move[i], "≥", -shift), for_all=(i,)),
            Hypothesis(
                "S_i is 1 for the entries whose weight grows and 0 for the others: none is above 1",
                name="at most one",
                claim=Claim(chosen[i], "≤", 1),
                for_all=(i,),
                example={chosen: lambda m: sympy.Max(weight_moved(m), 0) / sympy.Abs(weight_moved(m))},
            ),
            Hypothesis(
                "and S_i times the change of weight, softmax(x + e)_i − softmax(x)_i, is the positive part of it",
                name="entries that grow",
                claim=Claim(chosen[i] * weight_change, "=", sympy.Max(weight_change, 0)),
                for_all=(i,),
            ),
        ),
        steps=(
            *exponential_steps(),
            Step(
                "one entry rises",
                Claim(chosen[i] * new, "≤", exp(shift) * chosen[i] * old),
                "e^δ − e^e = e^e(e^{δ−e} − 1) ≥ e^e(δ − e).",
                Combination(
                    (
                        term(chosen[i] * new, Use("exponential", {z: shift - move[i]})),
                        term(chosen[i] * new, "rise"),
                    )
                ),
            ),
            Step(
                "one entry falls",
                Claim((1 - chosen[i]) * new, "≥", exp(-shift) * (1 - chosen[i]) * old),
                "e^e − e^{−δ} = e^{−δ}(e^{e+δ} − 1) ≥ e^{−δ}(e + δ).",
                Combination(
                    (
                        term(exp(logit[i] - shift), Use("exponential", {z: shift + move[i]}), "at most one"),
                        term(exp(logit[i] - shift), "fall", "at most one"),
                    )
                ),
            ),
            Step(
                "the set rises",
                Claim(A_after, "≤", exp(shift) * A),
                "A′ ≤ e^δ A, summed over the row.",
                Termwise(Use("one entry rises")),
            ),
            Step(
                "the rest falls",
                Claim(Z_after - A_after, "≥", exp(-shift) * (Z - A)),
                "Z′ − A′ ≥ e^{−δ}(Z − A), summed over the row.",
                Termwise(Use("one entry falls")),
            ),
            Step(
                "one entry of the set",
                Claim(chosen[i] * old, "≤", old),
                "S_i ≤ 1.",
                Combination((term(old, "at most one"),)),
            ),
            Step("a set of the row", Claim(A, "≤", Z), "Summed.", Termwise(Use("one entry of the set"))),
            Step(
                "two classes",
                Claim(set_gain, "=", two_classes - kept(part, whole, part_after, whole_after)),
                "What the set gains, and what it would gain if e^δ A = A′ and e^{−δ}(Z − A) = Z′ − A′.",
                Identity(),
            ),
            Step(
                "two classes gain",
                Claim(two_classes, "≤", tanh(shift / 2)),
                "The difference is tanh(δ/2)(e^δ A − (Z − A))²/(e^δ(e^δ A + e^{−δ}(Z − A))Z).",
                Combination(
                    form=tanh(shift / 2)
                    * exp(-shift)
                    * (exp(shift) * part - whole + part) ** 2
                    / (spread(part, whole) * whole)
                ),
            ),
            Step(
                "gain of letters",
                Claim(set_gain, "≤", tanh(shift / 2) - kept(part, whole, part_after, whole_after)),
                "The last two together.",
                Combination((term(-1, "two classes"), term(1, "two classes gain"))),
            ),
            Step(
                "gain of a set",
                Claim(A_after / Z_after - A / Z, "≤", tanh(shift / 2)),
                "For the sums of the row, where the set rises and the rest falls by at most δ.",
                Combination(
                    (
                        term(1, Use("gain of letters", at_set)),
                        term(exp(shift) * A / (spread(A, Z) * Z_after), "the rest falls"),
                        term(exp(-shift) / (spread(A, Z) * Z_after), "a set of the row", "the set rises"),
                    )
                ),
            ),
            Step(
                "sum of changes, in letters",
                Claim(over(new * per_after - old * per_whole), "=", Z_after * per_after - Z * per_whole),
                "Sums are linear.",
                Identity(),
            ),
            Step(
                "sum of changes",
                Claim(over(weight_change), "=", sympy.Integer(0)),
                "Weights sum to one before and after.",
                Combination((term(1, Use("sum of changes, in letters", per_row)),)),
            ),
            Step(
                "one change",
                Claim(sympy.Abs(c), "=", 2 * sympy.Max(c, 0) - c),
                "A modulus is twice the positive part less the number.",
                Identity(),
            ),
            Step(
                "one change, by the set",
                Claim(sympy.Abs(weight_change), "=", 2 * chosen[i] * weight_change - weight_change),
                "The positive part is S_i times the change.",
                Combination((term(1, Use("one change", {c: weight_change})), term(-2, "entries that grow"))),
            ),
            Step(
                "all changes",
                Claim(over(sympy.Abs(weight_change)), "=", over(2 * chosen[i] * weight_change - weight_change)),
                "Summed over the row.",
                Termwise(Use("one change, by the set")),
            ),
            Step(
                "gain, in letters",
                Claim(over(chosen[i] * (new * per_after - old * per_whole)), "=", A_after * per_after - A * per_whole),
                "Sums are linear.",
                Identity(),
            ),
            Step(
                "total variation is the gain of a set",
                Claim(half * over(sympy.Abs(weight_change)), "=", A_after / Z_after - A / Z),
                "Half the sum of the moduli is what the entries that grow gain together.",
                Combination(
                    (
                        term(half, "all changes"),
                        term(-half, "sum of changes"),
                        term(1, Use("gain, in letters", per_row)),
                    )
                ),
            ),
            Step(
                "attention shift",
                Claim(half * over(sympy.Abs(weight_change)), "≤", tanh(shift / 2)),
                "The total variation, ½Σ|softmax(x + e)_i − softmax(x)_i|.",
                Combination((term(-1, "total variation is the gain of a set"), term(1, "gain of a set"))),
            ),
            Step(
                "log-odds",
                Claim(
                    exp(shift) * whole * exp(c) / (exp(shift) * whole * exp(c) + exp(-shift) * whole),
                    "=",
                    sigmoid(c + 2 * shift),
                ),
                "Two classes, one of e^c times the weight of the other: the log-odds go from c to c + 2δ.",
                Identity(),
            ),
            Step(
                "largest gain",
                Claim(gain, "≤", tanh(shift / 2)),
                "The difference is (e^δ − 1)(1 − e^{ξ+δ})²/((e^δ + 1)(1 + e^{ξ+2δ})(1 + e^ξ)).",
                Combination(
                    form=2
                    * exp(shift / 2)
                    * sinh(shift / 2)
                    * (1 - exp(log_odds + shift)) ** 2
                    / ((exp(shift) + 1) * (1 + exp(log_odds + 2 * shift)) * (1 + exp(log_odds)))
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
