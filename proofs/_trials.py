"""Trying a claim at random points in ball arithmetic: a second engine that never proves and may refute.

Whatever algebra says, a claim that is false at a point fails. Points are rational and drawn from a fixed seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from proofs._algebra import bound_letters, bound_renamed
from proofs._claims import Claim
from proofs._evaluate import shown, sign_of
from rope_theory._core.optional import load
from rope_theory._core.records import Record

POINTS = 12
"""Random points a claim is tried at."""

MOST_INTEGER = 5
"""Largest integer drawn at most points: sums stay short."""

MOST_PAIRS = 100
"""Largest integer drawn for one letter at a few points."""


@dataclass(frozen=True)
class Trial(Record):
    """At how many points balls did not contradict the claim though they could, and the first where they did."""

    points: int
    witness: str = ""


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Return ``expression`` with letters replaced; an IndexedBase goes to a function of its index."""
    sympy = load("sympy", "certify")
    plain = {letter: value for letter, value in values.items() if not isinstance(letter, sympy.IndexedBase)}
    indexed = {letter: value for letter, value in values.items() if isinstance(letter, sympy.IndexedBase)}
    expression = sympy.sympify(expression)
    if bound_letters(expression) & set(values):
        expression = bound_renamed(expression)
    if indexed:
        expression = expression.replace(
            lambda part: isinstance(part, sympy.Indexed) and part.base in indexed,
            lambda part: sympy.sympify(indexed[part.base](*part.indices)),
        )
    return expression.xreplace(plain)


def claim_replaced(claim: Claim, values: Mapping[Any, Any]) -> Claim:
    """Return ``claim`` with letters replaced as in ``replaced``."""
    return Claim(replaced(claim.left, values), claim.relation, replaced(claim.right, values))


def tried(claim: Claim, examples: Mapping[Any, Any] | None = None, seed: int = 0) -> Trial:
    """Try ``claim`` at random values of its letters.

    ``examples`` replaces letters by what obeys the hypotheses of a proof, before values are drawn.
    """
    sympy = load("sympy", "certify")
    claim = claim_replaced(claim, examples or {})
    sides = sympy.Tuple(claim.left, claim.right)
    if any(not part.is_commutative for part in sides.atoms(sympy.Symbol)):
        return Trial(0)  # matrices: balls have nothing to say
    bases = sorted(sides.atoms(sympy.IndexedBase), key=str)
    letters = sorted(sides.atoms(sympy.Symbol) - {base.label for base in bases}, key=str)
    functions = sides.atoms(sympy.core.function.AppliedUndef)
    if functions:
        claim = _with_functions(claim, sympy)
    generator = random.Random(seed)
    counting = [letter for letter in letters if letter.is_integer]
    done = 0
    for number in range(POINTS):
        values, entries = {letter: _drawn(letter, generator) for letter in letters}, _Entries(generator)
        if counting and number % 6 == 5:
            values[generator.choice(counting)] = Fraction(generator.randint(MOST_INTEGER, MOST_PAIRS))
        verdict, left, right = sign_of(claim, _placing(values, bases, entries))
        if verdict is False:
            place = {**{str(letter): values[letter] for letter in letters}, **entries.shown()}
            return Trial(done, refutation(place, left, claim.relation, right))
        done += verdict is True or (_is_narrow(left) and _is_narrow(right))
    return Trial(done)


def _is_narrow(ball: Any) -> bool:
    """Tell whether a ball is so small that another value would have been seen."""
    if not ball.is_finite():
        return False
    parts = (ball.real, ball.imag) if hasattr(ball, "conjugate") else (ball,)
    return all(part.rad() < (1 + abs(ball)) * 1e-12 for part in parts)


def problem_of_example(claims: Sequence[Claim], example: Mapping[Any, Any]) -> str:
    """Return "" when an example is seen to be what its letters may be, and to break no hypothesis, else what it does.

    At random points, as ``tried``: zero over zero in an example would show nothing.
    """
    sympy = load("sympy", "certify")
    for letter, value in example.items():
        if isinstance(letter, sympy.IndexedBase):
            index = sympy.Dummy("i", integer=True, nonnegative=True)
            letter, value = letter[index], value(index)
        value = sympy.sympify(value)
        facts = [Claim(value, "≤", value**2 + 1)] if letter.is_real else []  # false of numbers that are not real
        facts += [Claim(value, "≥", 0)] if letter.is_nonnegative else []
        facts += [Claim(value, ">", 0)] if letter.is_positive else []
        if letter.is_integer and not value.is_integer:
            return f"{value} in place of {letter} is no integer"
        for fact in facts:
            if witness := tried(fact).witness:
                return f"{value} is not all that {letter} is assumed to be: {witness}"
    for claim in claims:
        witnesses = (tried(claim, example, seed).witness for seed in range(3))
        if witness := next(filter(None, witnesses), ""):
            return f"the example does not obey {claim.latex()}: {witness}"
    return ""


def refutation(place: Mapping[str, Any], left: Any, relation: str, right: Any) -> str:
    """Return a witness in words."""
    at = ", ".join(f"{name} = {value}" for name, value in sorted(place.items()))
    digits = next((n for n in (6, 9, 12, 15) if shown(left, n) != shown(right, n)), 17)
    sides = f"left {shown(left, digits)}, right {shown(right, digits)}; {relation} is false"
    return f"at {at}: {sides}" if at else sides


def _with_functions(claim: Claim, sympy: Any) -> Claim:
    # any twice differentiable function will do for a trial
    def concrete(part: Any) -> Any:
        return sympy.sin(2 * part.args[0] + 1) + part.args[0] ** 3 / 7

    def side(expression: Any) -> Any:
        expression = expression.replace(lambda part: isinstance(part, sympy.core.function.AppliedUndef), concrete)
        return expression.replace(
            lambda part: isinstance(part, sympy.Derivative | sympy.Subs), lambda part: part.doit()
        )

    return Claim(side(claim.left), claim.relation, side(claim.right))


class _Entries:
    """Entries of indexed letters, drawn when they are asked for and then kept."""

    def __init__(self, generator: random.Random) -> None:
        self.generator = generator
        self.known: dict[tuple[Any, tuple[int, ...]], Fraction | tuple[Fraction, Fraction]] = {}

    def get(self, base: Any, indices: tuple[int, ...]) -> Fraction | tuple[Fraction, Fraction]:
        if (base, indices) not in self.known:
            self.known[base, indices] = _drawn(base[indices], self.generator)
        return self.known[base, indices]

    def shown(self) -> dict[str, Any]:
        return {f"{base}[{', '.join(map(str, where))}]": value for (base, where), value in self.known.items()}


def _placing(values: Mapping[Any, Any], bases: list[Any], entries: _Entries) -> Callable[[Any], Mapping[Any, Any]]:
    def at(flint: Any) -> Mapping[Any, Any]:
        def entry(base: Any) -> Callable[..., Any]:
            return lambda *indices: _ball(entries.get(base, indices), flint)

        return {**{k: _ball(v, flint) for k, v in values.items()}, **{base: entry(base) for base in bases}}

    return at


def _ball(value: Any, flint: Any) -> Any:
    if isinstance(value, tuple):
        return flint.acb(_ball(value[0], flint), _ball(value[1], flint))
    return flint.arb(value.numerator) / value.denominator


def _drawn(letter: Any, generator: random.Random) -> Any:
    if letter.is_integer:
        low = 1 if letter.is_positive else 0 if letter.is_nonnegative else -MOST_INTEGER
        return Fraction(generator.randint(low, MOST_INTEGER))
    if letter.is_nonnegative:
        largest = generator.choice([1, 2, 4])  # of the logarithm
        zero = not letter.is_positive and generator.random() < 1 / 4
        return Fraction(0) if zero else _near(math.exp(generator.uniform(-3, largest)), generator)
    if letter.is_real:
        return _near(generator.uniform(-4, 4), generator)
    return (_near(generator.uniform(-2, 2), generator), _near(generator.uniform(-2, 2), generator))


def _near(value: float, generator: random.Random) -> Fraction:
    """Return a rational number with a denominator of its own, at which no sine that is zero elsewhere is zero."""
    denominator = generator.randrange(1001, 9999, 2)
    return Fraction(math.ceil(value * denominator) or 1, denominator)
