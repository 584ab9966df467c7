import mpmath
import pytest
import sympy

from proofs._claims import Claim
from proofs._evaluate import evaluate, sign_of
from proofs._trials import tried
from rope_theory._core.balls import working_precision

x, y = sympy.symbols("x y", real=True)
t = sympy.Symbol("t", nonnegative=True)
j = sympy.Symbol("j", integer=True, nonnegative=True)
n = sympy.Symbol("n", integer=True, positive=True)
h = sympy.IndexedBase("h", real=True)
EXPRESSIONS = [
    sympy.sin(x) ** 3 + sympy.cos(2 * y) * sympy.pi - sympy.E,
    sympy.tanh(x) + sympy.coth(y) - sympy.sinh(x) / sympy.cosh(y),
    sympy.sqrt(1 + x**2) * sympy.exp(-y) + sympy.log(3 + x) + sympy.atan(x * y),
    sympy.Max(x, y) - sympy.Min(x, y) + sympy.Abs(x - 2 * y),
    (2 + x) ** sympy.Rational(1, 3) + (x - 2) ** -3,
    sympy.re((x + sympy.I * y) * sympy.exp(sympy.I * y), evaluate=False),
    sympy.im(sympy.conjugate((x + sympy.I * y) ** 2), evaluate=False),
    sympy.Sum(sympy.cos(j * x) / (j + 1), (j, 0, 6)),
    sympy.Sum(sympy.Sum(j * x**n, (j, 0, n)), (n, 1, 4)),
]


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=str)
@pytest.mark.parametrize("point", [(0.75, -1.25), (-0.5, 2.0)])
def test_balls_contain_what_sympy_computes(expression, point):
    with working_precision(128) as flint:
        ball = evaluate(expression, {x: flint.arb(point[0]), y: flint.arb(point[1])}, flint)
        value = expression.doit().subs({x: sympy.Rational(point[0]), y: sympy.Rational(point[1])}).evalf(30)
        assert ball.real.overlaps(flint.arb(str(sympy.re(value)), 1e-25))
        assert float(ball.real.rad()) < 1e-30


def test_integrals_are_enclosed_nested_too():
    inner = sympy.Integral(t * sympy.sinh(t), (t, 0, x))
    nested = sympy.Integral(x / 3 * inner, (x, 0, 2))
    with working_precision(96) as flint:
        ball = evaluate(nested, {}, flint)
        with mpmath.workdps(30):
            value = mpmath.quad(lambda z: z / 3 * (z * mpmath.cosh(z) - mpmath.sinh(z)), [0, 2])
        assert ball.overlaps(flint.arb(mpmath.nstr(value, 25), 1e-18))


def test_wide_balls_contain_every_value():
    with working_precision(96) as flint:
        wide = flint.arb(0).union(flint.arb(1)) - flint.arb(1) / 2
        ball = evaluate(x**2 - x, {x: wide}, flint)
        assert all(ball.contains(flint.arb(v) ** 2 - v) for v in (-0.5, -0.25, 0.25, 0.5))
        assert evaluate(x**2, {x: wide}, flint) > -1e-6
        assert evaluate(x**3, {x: wide}, flint).contains(flint.arb(-0.125))


def test_indexed_letters_come_from_functions_and_indices_are_integers():
    with working_precision(96) as flint:
        total = sympy.Sum(h[j], (j, 0, n - 1))
        assert evaluate(total, {h: lambda i: flint.arb(i), n: flint.arb(4)}, flint) == 6
        with pytest.raises(TypeError, match="must be an integer to count with"):
            evaluate(total, {h: lambda i: flint.arb(i), n: flint.arb(0.5)}, flint)
        with pytest.raises(TypeError, match="No ball arithmetic for gamma"):
            evaluate(sympy.gamma(x), {x: flint.arb(1)}, flint)
        with pytest.raises(TypeError, match="not holomorphic"):
            evaluate(sympy.Integral(sympy.Abs(x), (x, 0, 1)), {}, flint)


def test_close_numbers_get_more_bits():
    near = sympy.exp(sympy.Rational(1, 10**60))
    assert sign_of(Claim(1, "<", near), lambda flint: {})[0] is True
    assert sign_of(Claim(1, ">", near), lambda flint: {})[0] is False
    assert sign_of(Claim(sympy.sqrt(2) * sympy.sqrt(3), "<", sympy.sqrt(6)), lambda flint: {})[0] is not True


def test_trials_find_false_claims_and_say_where():
    trial = tried(Claim(sympy.sin(x), "≤", sympy.Rational(1, 2)))
    assert "at x = " in trial.witness
    assert trial.witness.endswith("≤ is false")
    assert tried(Claim(sympy.sin(x), "≤", 1)).points == 12
    assert tried(Claim(sympy.Sum(h[j], (j, 0, n)), "=", sympy.Sum(h[j], (j, 0, n - 1)))).witness
    assert tried(Claim(x * sympy.I, "≤", 5)).witness  # no order


def test_trials_are_the_same_every_time():
    claim = Claim(x**3, "≤", y)
    assert tried(claim) == tried(claim)
