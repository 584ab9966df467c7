"""Ways of deciding a claim by ball arithmetic: subdividing a box of parameters, and trying a given point.

A box is decided by enclosing the slack of the claim over it, from its value and from its value at the middle and its
gradient (mean value theorem); boxes that are not decided are halved along the direction that matters most.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from proofs._algebra import is_nonnegative, is_positive, respects_assumptions, vanishes
from proofs._claims import Claim
from proofs._evaluate import Values, evaluate, evaluate_smooth, sign_of
from proofs._rules import HOLDS, Decision, Method, Premises
from proofs._trials import claim_replaced, refutation
from rope_theory._core.balls import working_precision
from rope_theory._core.optional import load

BITS = 96
"""Precision in which boxes are enclosed; points where a claim seems to fail are decided with more."""

Box = tuple[tuple[Fraction, Fraction], ...]


@dataclass(frozen=True)
class Boxes:
    """An inequality between real numbers on a closed box: ``ranges`` gives each letter its lowest and highest value.

    With no letters at all it compares two numbers. Where both sides are equal somewhere in the box it is not decided.
    """

    ranges: Mapping[Any, tuple[Any, Any]] = field(default_factory=dict)
    most_boxes: int = 20000
    method: Method = field(default="boxes", init=False)

    @property
    def everywhere(self) -> bool:
        """Whether there are no letters: two numbers, not a box."""
        return not self.ranges

    @property
    def words(self) -> str:
        """What the rule does with the claim, for a reader."""
        if not self.ranges:
            return "both sides computed in ball arithmetic"
        box = ", ".join(f"{low} ≤ {letter} ≤ {high}" for letter, (low, high) in self.ranges.items())
        return f"ball arithmetic over the box {box}"

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide an inequality; a "holds" is about the box only."""
        sympy = load("sympy", "certify")
        if claim.is_equation:
            return Decision("undecided", "balls do not show that numbers are equal: boxes are for inequalities")
        sides = sympy.Tuple(claim.left, claim.right)
        free = sides.free_symbols
        if missing := sorted(map(str, free - set(self.ranges))):
            return Decision("undecided", f"the box gives no range to {', '.join(missing)}")
        letters = [letter for letter in self.ranges if letter in free]
        if not letters:
            verdict, left, right = sign_of(claim, lambda flint: {})
            if verdict is None:
                return Decision("undecided", "the two numbers cannot be told apart")
            return HOLDS if verdict else Decision("fails", refutation({}, left, claim.relation, right))
        start = tuple((_fraction(self.ranges[x][0]), _fraction(self.ranges[x][1])) for x in letters)
        if any(low > high for low, high in start):
            raise ValueError(f"Every range needs low ≤ high, got {self.words}.")
        for letter, (low, _) in zip(letters, start, strict=True):
            if (
                respects_assumptions({letter: letter})
                or letter.is_integer
                or (letter.is_positive and low <= 0)
                or (letter.is_nonnegative and low < 0)
            ):
                raise ValueError(f"{letter} cannot be every real number of its range: {self.words}.")
        return _subdivided(claim, letters, start, self.most_boxes)


def _subdivided(claim: Claim, letters: list[Any], start: Box, most_boxes: int) -> Decision:
    sympy = load("sympy", "certify")
    slack = claim.slack
    smooth = not slack.has(sympy.Abs, sympy.Max, sympy.Min)
    gradient = [sympy.diff(slack, letter) for letter in letters] if smooth else []
    order = itertools.count()
    waiting: list[tuple[Fraction, int, Box]] = [(-_size(start), next(order), start)]  # largest box first
    for _ in range(most_boxes):
        if not waiting:
            return HOLDS
        _, _, box = heapq.heappop(waiting)
        with working_precision(BITS) as flint:
            enclosure, widest = _enclosed(slack, gradient, letters, box, flint)
            if (enclosure > 0) or (not claim.is_strict and enclosure >= 0):
                continue
        middle = {letter: (low + high) / 2 for letter, (low, high) in zip(letters, box, strict=True)}
        verdict, left, right = sign_of(claim, _at(middle))
        if verdict is False:
            return Decision("fails", refutation({str(k): v for k, v in middle.items()}, left, claim.relation, right))
        low, high = box[widest]
        if low == high:
            return Decision("undecided", f"the sides cannot be told apart at {_spelled(letters, box)}")
        for part in ((low, (low + high) / 2), ((low + high) / 2, high)):
            half = (*box[:widest], part, *box[widest + 1 :])
            heapq.heappush(waiting, (-_size(half), next(order), half))
    smallest = max(waiting)[2]
    return Decision("undecided", f"after {most_boxes} boxes nothing is known about {_spelled(letters, smallest)}")


def _enclosed(slack: Any, gradient: list[Any], letters: list[Any], box: Box, flint: Any) -> tuple[Any, int]:
    """Return a ball around the slack over the box, and which letter to halve."""
    whole = {letter: _between(low, high, flint) for letter, (low, high) in zip(letters, box, strict=True)}
    ball, smooth = evaluate_smooth(slack, whole, flint)
    ball = _real(ball, flint)
    radii = [_arb((high - low) / 2, flint) for low, high in box]
    influence = radii
    if gradient and smooth:
        slopes = [_real(evaluate(part, whole, flint), flint) for part in gradient]
        if all(slope.is_finite() for slope in slopes):
            middle = {letter: _arb((low + high) / 2, flint) for letter, (low, high) in zip(letters, box, strict=True)}
            moved = _real(evaluate(slack, middle, flint), flint)
            for slope, radius in zip(slopes, radii, strict=True):
                moved = moved + slope * flint.arb(0, 1) * radius
            influence = [abs(slope).upper() * radius for slope, radius in zip(slopes, radii, strict=True)]
            # both enclose the same values: the one that shows a sign is the one to use
            ball = moved if not ball.is_finite() or (moved.rad() < ball.rad() and not ball >= 0) else ball
    chosen = max(range(len(box)), key=lambda i: float(influence[i].mid()) if box[i][0] < box[i][1] else -1.0)
    return ball, chosen


@dataclass(frozen=True)
class Tried:
    """One point: a claim that fails there is refuted, and one that does not is left undecided.

    Letters go to exact numbers, indexed letters to functions of the index.
    """

    point: Mapping[Any, Any]
    method: Method = field(default="boxes", init=False)
    everywhere: bool = field(default=False, init=False)
    words: str = field(default="ball arithmetic at a point", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Refute the claim, or not; the point must obey the hypotheses and be what its letters may be."""
        if problem := respects_assumptions(self.point):
            return Decision("undecided", problem)
        for hypothesis in premises.hypotheses:
            made = claim_replaced(hypothesis, self.point)
            obeys = vanishes if made.is_equation else is_positive if made.is_strict else is_nonnegative
            if not obeys(made.slack):
                return Decision("undecided", f"the point is not shown to obey {hypothesis.latex()}")
        verdict, left, right = sign_of(claim_replaced(claim, self.point), lambda flint: {})
        if verdict is False:
            sympy = load("sympy", "certify")
            index = sympy.Symbol("j", integer=True, nonnegative=True)
            # the hypotheses may speak of more letters than the claim
            there = {x: v for x, v in self.point.items() if sympy.Tuple(claim.left, claim.right).has(x)}
            place = {f"{x}[j]" if callable(v) else str(x): v(index) if callable(v) else v for x, v in there.items()}
            return Decision("fails", refutation(place, left, claim.relation, right))
        return Decision("undecided", "the point does not refute it")


def _fraction(value: Any) -> Fraction:
    number = load("sympy", "certify").sympify(value)
    if not number.is_Rational:
        raise ValueError(f"The ends of a box are rational numbers, got {value!r}: give a box that contains it.")
    return Fraction(int(number.p), int(number.q))


def _arb(value: Fraction, flint: Any) -> Any:
    return flint.arb(value.numerator) / value.denominator


def _between(low: Fraction, high: Fraction, flint: Any) -> Any:
    return _arb(low, flint).union(_arb(high, flint))


def _real(ball: Any, flint: Any) -> Any:
    return ball if isinstance(ball, flint.arb) else flint.arb("nan")  # no order between numbers that are not real


def _at(values: Mapping[Any, Fraction]) -> Callable[[Any], Values]:
    return lambda flint: {letter: _arb(value, flint) for letter, value in values.items()}


def _size(box: Box) -> Fraction:
    return max(high - low for low, high in box)


def _spelled(letters: list[Any], box: Box) -> str:
    ends = zip(letters, box, strict=True)
    return ", ".join(f"{float(low):.6g} ≤ {letter} ≤ {float(high):.6g}" for letter, (low, high) in ends)
