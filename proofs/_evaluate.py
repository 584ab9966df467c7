"""SymPy expressions in ball arithmetic: the result contains every value that letters in their balls can give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from proofs._algebra import is_nonnegative, is_real
from rope_theory._core.balls import floats_around, working_precision
from rope_theory._core.optional import load

FIRST_BITS, MOST_BITS = 128, 2048
"""Precision first tried at a point, and the last one tried before it is called undecided."""

MOST_PLACES = 4000
"""Places at which the integrands of one expression are evaluated before an integral is called undecided."""

Values = Mapping[Any, Any]
"""Letter → ball; IndexedBase → function from an int to a ball; undefined function → SymPy Lambda."""


def evaluate(expression: Any, values: Values, flint: Any) -> Any:
    """Return a ball, real or complex, around ``expression``, at the precision flint works with."""
    return _Evaluator(values, flint).ball(expression)


def evaluate_smooth(expression: Any, values: Values, flint: Any) -> tuple[Any, bool]:
    """Return a real ball around ``expression``, and whether it is known to be smooth in letters that have real balls.

    It is known where it is made of smooth functions only and every part of it has a finite ball.
    """
    evaluator = _Evaluator(values, flint)
    ball = evaluator.ball(expression)
    return ball, evaluator.smooth and _is_made_of_smooth_parts(expression)


def _is_made_of_smooth_parts(expression: Any) -> bool:
    sympy = load("sympy", "certify")
    kinds = (sympy.sin, sympy.cos, sympy.tan, sympy.sinh, sympy.cosh, sympy.tanh, sympy.coth, sympy.exp, sympy.log)
    smooth = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Symbol, sympy.Rational, sympy.atan, *kinds)
    return all(isinstance(part, smooth) or part in (sympy.pi, sympy.E) for part in sympy.preorder_traversal(expression))


class _Evaluator:
    """Balls of one expression.

    Inside an integral ``moving`` has the letters of integration; ``holomorphic`` says that flint asks for a ball only
    where the integrand is holomorphic in them, and anything not finite elsewhere.
    """

    def __init__(
        self,
        values: Values,
        flint: Any,
        moving: frozenset[Any] = frozenset(),
        holomorphic: bool = False,
        places: list[int] | None = None,
        counting: frozenset[Any] = frozenset(),
        sums: dict[Any, Any] | None = None,
    ) -> None:
        self.sympy = load("sympy", "certify")
        self.flint, self.values = flint, values
        self.moving, self.holomorphic = moving, holomorphic
        self.places = [MOST_PLACES] if places is None else places  # left, for all integrals together
        self.counting = counting  # indices of the sums around
        self.sums = {} if sums is None else sums  # known ones that are the same whatever these and ``moving`` are
        self.smooth = True  # so far: every ball is finite, and no root is taken of one that is not positive

    def ball(self, node: Any) -> Any:
        ball = self._ball(node)
        self.smooth = self.smooth and ball.is_finite()
        return ball

    def _inner(self, values: Values, moving: frozenset[Any], holomorphic: bool, counting: frozenset[Any]) -> _Evaluator:
        known = {**self.values, **values}
        return _Evaluator(known, self.flint, moving, holomorphic, self.places, counting, self.sums)

    def _is_asked_too_much(self, node: Any) -> bool:
        """Tell whether flint wants a holomorphic function, and this part of it moves and is none."""
        return self.holomorphic and bool(node.free_symbols & self.moving)

    def _is_on_a_cut(self, node: Any, ball: Any) -> bool:
        """Tell whether a root or logarithm of the ball may jump, where flint wants a holomorphic function."""
        if not self._is_asked_too_much(node):
            return False
        return not ball.is_finite() or (not ball.real > 0 and bool(ball.imag.contains(0)))

    def _ball(self, node: Any) -> Any:
        sympy, arb = self.sympy, self.flint.arb
        if node in self.values:
            return self.values[node]
        if isinstance(node, sympy.Rational):
            return arb(int(node.p)) / int(node.q)
        constants = {sympy.pi: arb.pi, sympy.E: lambda: arb(1).exp(), sympy.I: lambda: self.flint.acb(0, 1)}
        if node in constants:
            return constants[node]()
        if isinstance(node, sympy.Add | sympy.Mul):
            return self._fold(node)
        if isinstance(node, sympy.Pow):
            return self._power(node.base, node.exp)
        if isinstance(node, sympy.Indexed):
            return self.values[node.base](*(self._integer(index) for index in node.indices))
        if isinstance(node, sympy.Sum):
            return self._sum(node)
        if isinstance(node, sympy.Integral):
            return self._integral(node)
        if isinstance(node, sympy.Max | sympy.Min):
            if self._is_asked_too_much(node):
                return self._nothing()
            parts = [self._real(self.ball(part)) for part in node.args]
            result = parts[0]
            for part in parts[1:]:
                result = result.max(part) if isinstance(node, sympy.Max) else result.min(part)
            return result
        return self._function(node)

    def _fold(self, node: Any) -> Any:
        result = self.ball(node.args[0])
        for part in node.args[1:]:
            ball = self.ball(part)
            result = result + ball if isinstance(node, self.sympy.Add) else result * ball
        return result

    def _nothing(self) -> Any:
        return self.flint.acb("nan", "nan")

    def _power(self, base: Any, exponent: Any) -> Any:
        if base == self.sympy.E:
            return self.ball(exponent).exp()
        ball = self.ball(base)
        if exponent.is_Integer:
            return self._whole_power(ball, int(exponent))
        self.smooth = self.smooth and self._is_real(ball) and ball > 0
        if self._is_on_a_cut(base, ball):
            return self._nothing()
        if exponent in (self.sympy.Rational(1, 2), self.sympy.Rational(-1, 2)):
            if self._is_real(ball) and ball.contains(0):
                ball = ball.nonnegative_part() if is_nonnegative(base) else ball  # else the root is not finite
            root = ball.sqrt()
            return root if exponent > 0 else 1 / root
        power = self.ball(exponent)
        if exponent.is_integer and power.is_finite() and (whole := power.unique_fmpz()) is not None:
            return self._whole_power(ball, int(whole))
        return (ball.log() * power).exp()

    def _whole_power(self, ball: Any, exponent: int) -> Any:
        # by repeated products: flint goes through a logarithm, which a ball around zero does not have
        if exponent < 0:
            return 1 / self._whole_power(ball, -exponent)
        if exponent % 2 == 0 and exponent and self._is_real(ball) and ball.contains(0) and ball.is_finite():
            # an even power is not negative, which products of a ball do not see
            return self.flint.arb(0).union(self._product(abs(ball).upper(), exponent))
        return self._product(ball, exponent)

    def _product(self, ball: Any, times: int) -> Any:
        result = self.flint.arb(1)
        for _ in range(times):
            result = result * ball
        return result

    def _function(self, node: Any) -> Any:
        name = type(node).__name__
        if name in ("log", "atan") and self._is_asked_too_much(node):
            ball, i = self.flint.acb(self.ball(node.args[0])), self.flint.acb(0, 1)
            # atan z jumps where 1 + iz or 1 − iz is negative
            cuts = (ball,) if name == "log" else (1 + i * ball, 1 - i * ball)
            return self._nothing() if any(self._is_on_a_cut(node, z) for z in cuts) else getattr(ball, name)()
        if name in ("Abs", "re", "im", "conjugate") and self._is_asked_too_much(node):
            return self._nothing()
        if name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "coth", "exp", "log", "atan"):
            return getattr(self.ball(node.args[0]), name)()
        if name == "Abs":
            return abs(self.ball(node.args[0]))
        if name in ("re", "im", "conjugate"):
            ball = self.ball(node.args[0])
            if self._is_real(ball):
                return ball if name != "im" else ball * 0
            return {"re": ball.real, "im": ball.imag, "conjugate": self.flint.acb(ball.real, -ball.imag)}[name]
        raise TypeError(f"No ball arithmetic for {name} in {node}: write it with elementary functions.")

    def _sum(self, node: Any) -> Any:
        depends = bool(node.free_symbols & (self.counting | self.moving))
        if not depends and node in self.sums:
            return self.sums[node]
        (index, low, high), *inner = reversed(node.limits)
        rest = node.function if not inner else self.sympy.Sum(node.function, *reversed(inner))
        result = self.flint.arb(0)
        for value in range(self._integer(low), self._integer(high) + 1):
            counting = self.counting | {index}
            inner = self._inner({index: self.flint.arb(value)}, self.moving - {index}, self.holomorphic, counting)
            result = result + inner.ball(rest)
        if not depends:
            self.sums[node] = result
        return result

    def _integral(self, node: Any) -> Any:
        ((letter, low, high),) = node.limits
        if node.function.has(self.sympy.Abs, self.sympy.Max, self.sympy.Min):
            raise TypeError(f"No ball arithmetic for the integral of {node.function}: it is not holomorphic.")

        def integrand(place: Any, holomorphic: bool) -> Any:
            if self.places[0] <= 0:
                return self._nothing()
            self.places[0] -= 1
            # an integral is holomorphic in the letters around it if its integrand is
            asked = holomorphic or self.holomorphic
            inner = self._inner({letter: place}, self.moving | {letter}, asked, self.counting - {letter})
            return self.flint.acb(inner.ball(node.function))

        acb, start, end = self.flint.acb, self.ball(low), self.ball(high)
        result = acb.integral(integrand, acb(start), acb(end), eval_limit=MOST_PLACES)
        # inside another integral letters are complex, and so is the value
        real = not self.moving and self._is_real(start) and self._is_real(end) and is_real(node.function)
        return result.real if real else result

    def _integer(self, node: Any) -> int:
        ball = self.ball(node)
        whole = ball.unique_fmpz() if ball.is_finite() else None
        if whole is None:
            raise TypeError(f"{node} must be an integer to count with, got {ball}.")
        return int(whole)

    def _is_real(self, ball: Any) -> bool:
        return isinstance(ball, self.flint.arb)

    def _real(self, ball: Any) -> Any:
        return ball if self._is_real(ball) else ball.real if ball.imag.contains(0) else self.flint.arb("nan")


def sign_of(claim: Any, values_at: Callable[[Any], Values]) -> tuple[bool | None, Any, Any]:
    """Decide a claim at one point: True, False or None, and both sides as balls of the last precision used.

    ``values_at(flint)`` makes the values at the working precision. Equality is never True: balls cannot show it, and
    then None says that zero is inside.
    """
    bits = FIRST_BITS
    while True:
        with working_precision(bits) as flint:
            values = values_at(flint)
            left, right = evaluate(claim.left, values, flint), evaluate(claim.right, values, flint)
            verdict = compare(left, claim.relation, right, flint)
        if verdict is not None or bits >= MOST_BITS or claim.is_equation:
            return verdict, left, right
        bits *= 4


def compare(left: Any, relation: str, right: Any, flint: Any) -> bool | None:
    """Return what two balls say about a relation: True, False, or None where they do not tell."""
    difference = right - left if relation in "≤<" else left - right
    if not isinstance(difference, flint.arb):
        if relation != "=" and not difference.imag.contains(0):
            return False  # no order between numbers that are not real
        if relation == "=":
            return False if difference.is_finite() and not difference.contains(0) else None
        difference = difference.real
    if not difference.is_finite():
        return None
    if relation == "=":
        return None if difference.contains(0) else False
    if relation in "≤≥":
        return True if difference >= 0 else (False if difference < 0 else None)
    return True if difference > 0 else (False if difference <= 0 else None)


def shown(ball: Any, digits: int = 6) -> str:
    """Return a ball in so many significant digits, for witnesses."""
    if hasattr(ball, "conjugate"):  # complex
        return f"{shown(ball.real, digits)} + {shown(ball.imag, digits)}i"
    low, high = floats_around(ball)
    return f"{(low + high) / 2:.{digits}g}"
