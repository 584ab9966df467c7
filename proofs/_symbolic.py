"""Ways of deciding a claim by algebra. Each says "holds" only where SymPy brought a difference to exactly zero.

Where it does not, the claim is undecided: a rule here never refutes, ``_trials`` and ``_boxes`` do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import mul
from typing import Any

from proofs._algebra import (
    bound_letters,
    bound_renamed,
    has_no_poles,
    is_finite,
    is_nonnegative,
    is_positive,
    is_real,
    letters_in,
    letters_of,
    respects_assumptions,
    vanishes,
)
from proofs._claims import Claim
from proofs._rules import HOLDS, Decision, Method, Premises
from proofs._trials import claim_replaced, replaced
from rope_theory._core.optional import load


def undecided(why: str) -> Decision:
    """Return the decision of a rule that does not apply, or whose algebra does not come out."""
    return Decision("undecided", why)


@dataclass(frozen=True)
class Use:
    """An earlier claim by name, with letters replaced by what is all that they are assumed to be."""

    name: str
    where: Mapping[Any, Any] = field(default_factory=dict)

    def found(self, premises: Premises) -> Claim:
        """Return the claim, or raise for a name that stands for nothing earlier or a replacement that may not be."""
        if self.name not in premises.claims:
            raise ValueError(
                f"No earlier step or hypothesis is called {self.name!r}; there are {sorted(premises.claims)}."
            )
        claim = premises.claims[self.name]
        if problem := self._problem(claim, premises.fixed):
            raise ValueError(f"{self.name!r} cannot be used like this: {problem}.")
        return claim_replaced(claim, self.where)

    def _problem(self, claim: Claim, fixed: frozenset[Any]) -> str:
        letters = letters_of(claim.left, claim.right)
        if other := [key for key in self.where if key not in letters and key not in fixed and key not in _bound(claim)]:
            return f"{', '.join(map(str, other))} is no letter of it"
        if kept := fixed & set(self.where):
            return f"{', '.join(map(str, kept))} is what a hypothesis speaks about, not any value"
        bound = _bound(claim)
        new = {letter for value in self.where.values() for letter in letters_in(value)}
        if bound & (new | set(self.where)):
            return f"{', '.join(map(str, bound & (new | set(self.where))))} is bound in it"
        return respects_assumptions(self.where)


def _bound(claim: Claim) -> set[Any]:
    return bound_letters(claim.left) | bound_letters(claim.right)


def names_used(rule: Any) -> set[str]:
    """Return the names of the claims that a rule, or a part of one, uses."""
    if isinstance(rule, Use):
        return {rule.name}
    if isinstance(rule, tuple):
        return {name for part in rule for name in names_used(part)}
    if isinstance(rule, Antiderivative | Words):
        return set(rule.using)
    if not dataclasses.is_dataclass(rule):
        return set()
    return {name for part in dataclasses.fields(rule) for name in names_used(getattr(rule, part.name))}


def check_uses(rule: Any, premises: Premises) -> None:
    """Raise where a rule uses an earlier claim as it may not be used."""
    if isinstance(rule, Combination | Squares):
        for use in (use for one in rule.terms for use in one.uses):
            use.found(premises)
    elif isinstance(rule, Termwise):
        rule.use.found(premises)


@dataclass(frozen=True)
class Term:
    """A coefficient times the slacks of earlier claims: at least zero when the coefficient is, zero for an equation."""

    coefficient: Any
    uses: tuple[Use, ...]

    def value(self, premises: Premises) -> Any:
        """Return the product."""
        return self.coefficient * reduce(mul, (use.found(premises).slack for use in self.uses))

    def problem(self, premises: Premises) -> str:
        """Return "" when the product is known to be at least zero, else what is not known."""
        if not is_finite(self.coefficient):
            return f"the coefficient {self.coefficient} may have a zero denominator"
        if any(use.found(premises).is_equation for use in self.uses) or is_nonnegative(self.coefficient):
            return ""
        return f"the coefficient {self.coefficient} is not known to be at least zero"

    def is_positive(self, premises: Premises) -> bool:
        """Tell whether the product is above zero."""
        return is_positive(self.coefficient) and all(use.found(premises).is_strict for use in self.uses)

    def is_equation(self, premises: Premises) -> bool:
        """Tell whether the product is zero because one of its claims is an equation."""
        return any(use.found(premises).is_equation for use in self.uses)


def term(coefficient: Any, *uses: str | Use) -> Term:
    """Return a term; a bare name uses that claim as it stands."""
    return Term(load("sympy", "certify").sympify(coefficient), tuple(Use(u) if isinstance(u, str) else u for u in uses))


def _combined(claim: Claim, excess: Any, terms: tuple[Term, ...], form: Any, premises: Premises) -> Decision:
    """Decide a claim from excess = Σ terms + form, where excess has the sign the claim is about."""
    sympy = load("sympy", "certify")
    form = sympy.sympify(form)
    problems = [problem for one in terms if (problem := one.problem(premises))]
    if problems:
        return undecided("; ".join(problems))
    if claim.is_equation and (form != 0 or not all(one.is_equation(premises) for one in terms)):
        return undecided("an equation follows from equations only")
    if form != 0 and not (is_nonnegative(form) and is_finite(form)):
        return undecided(f"{form} is not known to be at least zero and finite")
    if claim.is_strict and not (is_positive(form) or any(one.is_positive(premises) for one in terms)):
        return undecided("nothing in it is known to be above zero")
    if not vanishes(excess - sum((one.value(premises) for one in terms), form)):
        return undecided("the two sides of the combination are not shown to be equal")
    return HOLDS


@dataclass(frozen=True)
class Identity:
    """Both sides are the same expression: their difference expands to zero."""

    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="both sides expand to the same", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide an equation."""
        if not claim.is_equation:
            return undecided("an identity must be an equation")
        return HOLDS if vanishes(claim.slack) else undecided("the difference is not shown to be zero")


@dataclass(frozen=True)
class Combination:
    """The larger side minus the smaller is a sum of multiples of earlier slacks and of ``form``, all at least zero."""

    terms: tuple[Term, ...] = ()
    form: Any = 0
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="the difference is a combination of earlier ones that has the sign wanted", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide any claim."""
        return _combined(claim, claim.slack, self.terms, self.form, premises)


@dataclass(frozen=True)
class Squares:
    """left ≤ right since right ≥ 0 and right² − left² is a combination that is at least zero."""

    terms: tuple[Term, ...] = ()
    form: Any = 0
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="the right side is at least zero and its square is the larger", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide an inequality written with ≤."""
        if claim.relation != "≤":
            return undecided("write it with ≤")
        if not is_real(claim.left) or not is_nonnegative(claim.right):
            return undecided("the left side is not known to be real, or the right one not to be at least zero")
        return _combined(claim, claim.right**2 - claim.left**2, self.terms, self.form, premises)


@dataclass(frozen=True)
class Termwise:
    """A claim about sums, from an earlier one about their terms."""

    use: Use
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="an earlier claim, summed", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide a claim whose slack is one sum."""
        sympy = load("sympy", "certify")
        one = self.use.found(premises)
        if one.is_equation != claim.is_equation or claim.is_strict:
            return undecided("a sum of equations is an equation, a sum of ≤ is a ≤")
        terms = sympy.Add.make_args(sympy.expand(claim.slack))
        sums = {part for one_term in terms for part in sympy.Mul.make_args(one_term) if isinstance(part, sympy.Sum)}
        ranges = {tuple(part.limits[0]) for part in sums if len(part.limits) == 1}
        if not ranges:
            return undecided("there is no sum in it")
        for index, low, high in ranges:
            # the index must be what its letter is assumed to be, or the earlier claim says nothing about it
            runs_upwards = is_real(sympy.Sum(sympy.Integer(1), (index, low, high))) and index not in premises.fixed
            if runs_upwards and vanishes(claim.slack - sympy.Sum(one.slack, (index, low, high))):
                return HOLDS
        return undecided(f"the difference of the sides is not shown to be {self.use.name!r}, summed")


@dataclass(frozen=True)
class BothSigns:
    """|D| ≤ B from D ≤ B and −D ≤ B."""

    plus: Use
    minus: Use
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="a real number and its negative are both at most the right side", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide a claim |D| ≤ B with D real."""
        sympy = load("sympy", "certify")
        if not isinstance(claim.left, sympy.Abs) or claim.relation != "≤":
            return undecided("write it as |D| ≤ B")
        inside = claim.left.args[0]
        if not is_real(inside):
            return undecided(f"{inside} is not known to be real")
        slacks = []
        for use in (self.plus, self.minus):
            one = use.found(premises)
            if one.relation not in "≤≥":
                return undecided(f"{use.name!r} is not written with ≤ or ≥")
            slacks.append(one.slack)
        # SymPy may have turned |D| into |−D|: either order will do
        for plus, minus in (slacks, reversed(slacks)):
            if vanishes(claim.right - inside - plus) and vanishes(claim.right + inside - minus):
                return HOLDS
        return undecided(f"{self.plus.name!r} and {self.minus.name!r} are not the claim without its bars")


@dataclass(frozen=True)
class Induction:
    """An equation for all integers ``letter`` ≥ ``start``: true at the start, both sides grow by the same."""

    letter: Any
    start: int
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="by induction: true at the start, and both sides grow by the same", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide an equation."""
        sympy = load("sympy", "certify")
        n = self.letter
        lowest = 1 if n.is_positive else 0 if n.is_nonnegative else None
        free = (
            n in letters_of(claim.left, claim.right) and respects_assumptions({n: n}) == "" and n not in premises.fixed
        )
        if not claim.is_equation or not n.is_integer or self.start != lowest or not free:
            return undecided("induction wants an equation in any integer from its lowest value on")
        difference = bound_renamed(claim.slack)
        if not vanishes(_ended_at(difference.xreplace({n: sympy.Integer(self.start)}))):
            return undecided(f"the sides differ at {n} = {self.start}, or are not shown to be equal")
        step = _ended_at(difference.xreplace({n: n + 1}), n, self.start) - _ended_at(difference, n, self.start)
        return HOLDS if vanishes(step) else undecided(f"the sides are not shown to grow alike from {n} to {n} + 1")


def _ended_at(expression: Any, letter: Any = None, start: int = 0) -> Any:
    """Write out the ends of sums until every upper limit letter + m is letter − 1; with no letter, whole sums.

    Sums that begin after ``start`` stay: they may not have the terms that would be written out.
    """
    sympy = load("sympy", "certify")

    def visit(part: Any) -> Any:
        if isinstance(part, sympy.Sum) and len(part.limits) == 1:
            ((index, low, high),) = part.limits
            if letter is None:
                if not (high - low).is_Integer:
                    return part
                return sum(
                    (visit(part.function.xreplace({index: low + m})) for m in range(int(high - low) + 1)),
                    sympy.Integer(0),
                )
            beyond = sympy.expand(high - letter + 1)
            if beyond.is_Integer and beyond >= 0 and low.is_Integer and low <= start:
                body = sympy.Sum(visit(part.function), (index, low, letter - 1))
                ends = (visit(part.function.xreplace({index: letter + m})) for m in range(int(beyond)))
                return sum(ends, body)
            return part
        if not part.args or isinstance(part, sympy.Indexed):
            return part
        return part.func(*(visit(inner) for inner in part.args))

    return visit(expression)


@dataclass(frozen=True)
class Antiderivative:
    """An integral, from a function whose derivative is the integrand, integrals in it replaced by ``using``."""

    of: Any
    using: tuple[str, ...] = ()
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(default="by an antiderivative, which is differentiated", init=False)

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide integral = value."""
        sympy = load("sympy", "certify")
        if not claim.is_equation or not isinstance(claim.left, sympy.Integral) or len(claim.left.limits) != 1:
            return undecided("write it as integral = value")
        ((letter, low, high),) = claim.left.limits
        integrand = claim.left.function
        if letter.is_integer or (
            problem := respects_assumptions({letter: low}) or respects_assumptions({letter: high})
        ):
            return undecided(
                f"{letter} is not all of the range: {'it is an integer' if letter.is_integer else problem}"
            )
        if ({letter} | bound_letters(integrand)) & premises.fixed:
            return undecided(f"{letter} is what a hypothesis speaks about, not any value")
        for name in self.using:
            known = Use(name).found(premises)
            if not known.is_equation:
                return undecided(f"{name!r} is no equation")
            integrand = integrand.xreplace({known.left: known.right})
        if integrand.has(sympy.Integral):
            return undecided("an integral in the integrand is not replaced")
        if not has_no_poles(self.of, letter) or not has_no_poles(integrand, letter):
            return undecided(f"integrand and antiderivative are not known to be smooth in {letter}")
        if not vanishes(sympy.diff(self.of, letter).doit() - integrand):
            return undecided("the derivative is not shown to be the integrand")
        ends = replaced(self.of, {letter: high}) - replaced(self.of, {letter: low})
        return (
            HOLDS
            if vanishes(ends - claim.right)
            else undecided("the value at the ends is not shown to be the right side")
        )


@dataclass(frozen=True)
class Words:
    """An identity of matrices of any size: letters that do not commute, products replaced by what they are known to be.

    ``using`` names equations whose left side is such a product.
    """

    using: tuple[str, ...]
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)
    words: str = field(
        default="products of matrices, multiplied out and replaced by what they are known to be", init=False
    )

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide an equation."""
        if not claim.is_equation:
            return undecided("an identity must be an equation")
        sympy = load("sympy", "certify")
        products = []
        for name in self.using:
            known = Use(name).found(premises)
            outside, letters = known.left.args_cnc()
            if not known.is_equation or outside or not letters:
                return undecided(f"{name!r} is not product = value")
            products.append((tuple(one for letter in letters for one in _repeated(letter, sympy)), known.right))
        reduced = self._reduced(claim.slack, tuple(products))
        return HOLDS if reduced == 0 else undecided("the products do not cancel")

    def _reduced(self, expression: Any, products: tuple[tuple[tuple[Any, ...], Any], ...]) -> Any:
        sympy = load("sympy", "certify")
        for _ in range(20):  # each round replaces one product in every term
            before = sympy.expand(expression)
            expression = sympy.expand(
                sum((self._once(part, products) for part in sympy.Add.make_args(before)), sympy.Integer(0))
            )
            if expression == before:
                break
        return expression

    def _once(self, product: Any, products: tuple[tuple[tuple[Any, ...], Any], ...]) -> Any:
        sympy = load("sympy", "certify")
        outside, letters = product.args_cnc()
        spelled = [one for letter in letters for one in _repeated(letter, sympy)]
        for word, value in products:
            for place in range(len(spelled) - len(word) + 1):
                if tuple(spelled[place : place + len(word)]) == word:
                    return sympy.Mul(*outside, *spelled[:place], value, *spelled[place + len(word) :])
        return product


def _repeated(letter: Any, sympy: Any) -> list[Any]:
    if isinstance(letter, sympy.Pow) and letter.exp.is_Integer and letter.exp > 0:
        return [letter.base] * int(letter.exp)
    return [letter]
