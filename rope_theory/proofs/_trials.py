"""Trying a claim at random points in ball arithmetic: a second engine that never proves and may refute.

Whatever algebra says, a claim that is false at a point fails. Points are rational and drawn from a fixed seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rope_theory._optional import load
from rope_theory._records import Record
from rope_theory.proofs._claims import Claim
from rope_theory.proofs._evaluate import shown, sign_of

POINTS = 12
"""Random points a claim is tried at."""

MOST_INTEGER = 5
"""Largest integer drawn: sums stay short."""


@dataclass(frozen=True)
class Trial(Record):
    """At how many points the claim did not fail, and the first at which it did, in words."""

    points: int
    witness: str = ""


def replaced(expression: Any, values: Mapping[Any, Any]) -> Any:
    """Return ``expression`` with letters replaced; an IndexedBase goes to a function of its index."""
    sympy = load("sympy", "certify")
    plain = {letter: value for letter, value in values.items() if not isinstance(letter, sympy.IndexedBase)}
    indexed = {letter: value for letter, value in values.items() if isinstance(letter, sympy.IndexedBase)}
    expression = sympy.sympify(expression)
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
    done = 0
    for _ in range(POINTS):
        values, entries = {letter: _drawn(letter, generator) for letter in letters}, _Entries(generator)
        verdict, left, right = sign_of(claim, _placing(values, bases, entries))
        if verdict is False:
            place = {**{str(letter): values[letter] for letter in letters}, **entries.shown()}
            return Trial(done, refutation(place, left, claim.relation, right))
        done += 1
    return Trial(done)


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
    if letter.is_positive:
        return Fraction(math.ceil(64 * math.exp(generator.uniform(-3, 2))), 64)
    if letter.is_nonnegative:
        return Fraction(generator.choice([0, 1, 1, 1]) * math.ceil(64 * math.exp(generator.uniform(-3, 2))), 64)
    if letter.is_real:
        return Fraction(generator.randint(-256, 256), 64)
    return (Fraction(generator.randint(-128, 128), 64), Fraction(generator.randint(-128, 128), 64))
