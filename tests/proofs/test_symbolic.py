"""What the rules of algebra accept, and above all what they do not."""

import pytest
import sympy

from proofs._algebra import is_finite, is_nonnegative, is_real, vanishes
from proofs._claims import Claim
from proofs._rules import Premises
from proofs._symbolic import (
    Antiderivative,
    BothSigns,
    Combination,
    Identity,
    Induction,
    Squares,
    Termwise,
    Use,
    Words,
    term,
)

x, y, z = sympy.symbols("x y z", real=True)
p, q = sympy.symbols("p q", positive=True)
t = sympy.Symbol("t", nonnegative=True)
j, n = (sympy.Symbol(name, integer=True, nonnegative=True) for name in "jn")
N = sympy.Symbol("N", integer=True, positive=True)
h, g = sympy.IndexedBase("h", real=True), sympy.IndexedBase("g", real=True)
m = sympy.IndexedBase("m", nonnegative=True)
KNOWN = Premises(
    {
        "product": Claim(2 * x * y, "≤", x**2 + y**2),
        "same": Claim(x, "=", y),
        "less": Claim(x, "<", y),
        "off": Claim(x, "≤", 5),
    }
)


def over(summand, low=0, high=N - 1):
    return sympy.Sum(summand, (j, low, high))


def verdict(rule, left, relation, right, premises=KNOWN):
    return rule.decide(Claim(left, relation, right), premises).verdict


def test_sums_are_compared_by_their_terms():
    assert vanishes(over(2 * h[j] + g[j]) - 2 * over(h[j]) - over(g[j]))
    assert vanishes(
        sympy.Sum(m[n] * over(h[j] * sympy.cos(n * p)), (n, 0, N))
        - over(h[j] * sympy.Sum(m[n] * sympy.cos(n * p), (n, 0, N)))
    )
    assert not vanishes(over(h[j]) - over(g[j]))
    assert not vanishes(over(h[j]) - over(h[j], high=N))
    assert not vanishes(over(h[j]) ** 2 - over(h[j] ** 2))
    assert not vanishes(over(h[j]) * j - over(h[j] * j))  # the letter outside is not the index


def test_identities_are_exact():
    assert verdict(Identity(), sympy.sin(2 * x), "=", 2 * sympy.sin(x) * sympy.cos(x)) == "holds"
    assert verdict(Identity(), sympy.sqrt(x**2), "=", x) == "undecided"
    assert verdict(Identity(), sympy.sin(x), "=", x) == "undecided"
    assert verdict(Identity(), x, "≤", x) == "undecided"


def test_signs_are_yes_only_where_known():
    assert is_nonnegative(over(m[j] * h[j] ** 2))
    assert is_nonnegative(sympy.Integral(t * sympy.exp(-t), (t, 0, p)))
    assert not is_nonnegative(over(h[j]))
    assert not is_nonnegative(over(j, low=-2))  # the index is assumed to be at least zero
    assert not is_nonnegative(over(m[j], high=N - 5))  # may run backwards
    assert not is_nonnegative(sympy.Integral(t, (t, p, 0)))  # runs backwards
    assert not is_nonnegative(sympy.Integral(t, (t, -1, 1)))
    assert not is_nonnegative(x - y)
    assert is_real(over(h[j] * sympy.cos(h[j])))
    assert not is_real(over(h[j] * sympy.exp(sympy.I * j)))
    assert is_finite(1 / (p + q))
    assert not is_finite(1 / t)
    assert not is_finite(1 / (x - y))


def test_combinations_need_signs():
    assert verdict(Combination((term(p, "product"),)), 2 * p * x * y, "≤", p * (x**2 + y**2)) == "holds"
    assert verdict(Combination((term(z, "product"),)), 2 * z * x * y, "≤", z * (x**2 + y**2)) == "undecided"
    assert verdict(Combination((term(z, "same"),)), z * x, "=", z * y) == "holds"
    assert verdict(Combination((term(1 / z, "same"),)), x / z, "=", y / z) == "undecided"
    assert verdict(Combination((term(1, "product"),)), 2 * x * y, "=", x**2 + y**2) == "undecided"
    assert verdict(Combination(form=x), 0, "≤", x) == "undecided"
    assert verdict(Combination(form=1 / t), 0, "≤", 1 / t) == "undecided"
    assert verdict(Combination(form=t), 0, "≤", t) == "holds"
    assert verdict(Combination(form=t), 0, "<", t) == "undecided"
    assert verdict(Combination(form=p), 0, "<", p) == "holds"
    assert verdict(Combination((term(1, "less"),), form=t), x, "<", y + t) == "holds"
    assert verdict(Combination((term(1, "product"),), form=t), 2 * x * y, "<", x**2 + y**2 + t) == "undecided"


def test_products_of_two_earlier_inequalities():
    known = Premises({"a": Claim(x, "≤", 1), "b": Claim(-1, "≤", x)})
    assert verdict(Combination((term(1, "a", "b"),)), x**2, "≤", 1, known) == "holds"
    assert verdict(Combination((term(-1, "a", "b"),)), x**2, "≥", 1, known) == "undecided"


def test_squares_need_a_right_side_with_a_sign():
    assert verdict(Squares(form=t**2), x, "≤", sympy.sqrt(x**2 + t**2)) == "holds"
    assert verdict(Squares(form=0), -x, "≤", x) == "undecided"
    assert verdict(Squares(form=0), sympy.I * x, "≤", sympy.sqrt(x**2)) == "undecided"
    assert verdict(Squares(form=t**2), sympy.sqrt(x**2 + t**2), "≥", x) == "undecided"


def test_what_replaces_a_letter_must_be_what_the_letter_is():
    known = Premises({"sign": Claim(0, "≤", t)})
    assert verdict(Combination((term(1, Use("sign", {t: p})),)), 0, "≤", p, known) == "holds"
    with pytest.raises(ValueError, match="x in place of t is not known to be at least zero"):
        verdict(Combination((term(1, Use("sign", {t: x})),)), 0, "≤", x, known)
    with pytest.raises(ValueError, match="not known to be an integer"):
        Use("whole", {n: t}).found(Premises({"whole": Claim(0, "≤", n)}))
    with pytest.raises(ValueError, match="not known to be real"):
        Use("product", {x: sympy.I}).found(KNOWN)


def test_a_letter_of_a_hypothesis_is_not_any_value():
    known = Premises({"cap": Claim(x, "≤", 5)}, (Claim(x, "≤", 5),), frozenset({x}))
    with pytest.raises(ValueError, match="x is what a hypothesis speaks about"):
        verdict(Combination((term(1, Use("cap", {x: y})),)), y, "≤", 5, known)


def test_bound_letters_are_not_caught():
    known = Premises({"total": Claim(over(p), "=", N * p)})
    with pytest.raises(ValueError, match="j is bound"):
        Use("total", {p: j + 1}).found(known)
    with pytest.raises(ValueError, match="j is bound"):
        Use("total", {j: n}).found(known)


def test_sums_of_earlier_claims():
    use = Use("product", {x: h[j], y: g[j]})
    total = over(h[j] ** 2 + g[j] ** 2)
    assert verdict(Termwise(use), over(2 * h[j] * g[j]), "≤", total) == "holds"
    assert verdict(Termwise(use), over(2 * h[j] * g[j]), "≤", over(h[j] ** 2)) == "undecided"
    assert verdict(Termwise(use), over(2 * h[j] * g[j]), "=", total) == "undecided"
    assert verdict(Termwise(use), over(2 * h[j] * g[j]) + 1, "≤", total) == "undecided"
    backwards = over(2 * h[j] * g[j], high=N - 5), over(h[j] ** 2 + g[j] ** 2, high=N - 5)
    assert verdict(Termwise(use), backwards[0], "≤", backwards[1]) == "undecided"
    fixed = Premises(KNOWN.claims, (Claim(h[j], "≤", 5),), frozenset({j}))
    assert (
        verdict(Termwise(Use("product", {x: h[j], y: g[j]})), over(2 * h[j] * g[j]), "≤", total, Premises(fixed.claims))
        == "holds"
    )
    with_j = Premises({"cap": Claim(h[j], "≤", 5)}, (), frozenset({j}))
    assert verdict(Termwise(Use("cap")), over(h[j]), "≤", over(sympy.Integer(5)), with_j) == "undecided"


def test_induction_needs_start_and_step():
    gauss = over(j, high=N)
    assert verdict(Induction(N, 1), gauss, "=", N * (N + 1) / 2) == "holds"
    assert verdict(Induction(N, 1), gauss, "=", N * (N + 1) / 2 + 1) == "undecided"  # grows alike, starts wrong
    assert verdict(Induction(N, 1), gauss, "=", N**2) == "undecided"  # starts right, grows otherwise
    assert verdict(Induction(N, 2), gauss, "=", N * (N + 1) / 2) == "undecided"  # N = 1 is claimed too
    assert verdict(Induction(x, 1), x, "=", x) == "undecided"
    assert verdict(Induction(N, 1), gauss, "≤", N * (N + 1) / 2) == "undecided"
    assert verdict(Induction(N, 1), gauss, "=", N * (N + 1) / 2, Premises({}, (), frozenset({N}))) == "undecided"


def test_antiderivatives_are_differentiated_and_smooth():
    assert verdict(Antiderivative(t**2 / 2), sympy.Integral(t, (t, 0, p)), "=", p**2 / 2) == "holds"
    assert verdict(Antiderivative(t**2), sympy.Integral(t, (t, 0, p)), "=", p**2) == "undecided"
    assert verdict(Antiderivative(t**2 / 2), sympy.Integral(t, (t, 0, p)), "=", p**2) == "undecided"
    # −1/x has the derivative 1/x², but not across 0
    assert verdict(Antiderivative(-1 / x), sympy.Integral(x**-2, (x, -1, 1)), "=", -2) == "undecided"


def test_both_signs_need_both():
    known = Premises({"up": Claim(x, "≤", 1), "down": Claim(-x, "≤", 1)})
    assert verdict(BothSigns(Use("up"), Use("down")), sympy.Abs(x), "≤", 1, known) == "holds"
    assert verdict(BothSigns(Use("down"), Use("up")), sympy.Abs(x), "≤", 1, known) == "holds"
    assert verdict(BothSigns(Use("up"), Use("up")), sympy.Abs(x), "≤", 1, known) == "undecided"
    assert verdict(BothSigns(Use("up"), Use("down")), sympy.Abs(x), "≤", sympy.Rational(1, 2), known) == "undecided"


def test_matrices_do_not_commute():
    A, B, C = sympy.symbols("A B C", commutative=False)
    known = Premises({"inverse": Claim(A * B, "=", 1), "bound": Claim(x, "≤", 1), "twice": Claim(2 * A, "=", B)})
    rule = Words(("inverse",))
    assert verdict(rule, C * A * B * C, "=", C**2, known) == "holds"
    assert verdict(rule, B * A, "=", 1, known) == "undecided"
    assert verdict(Words(()), A * B, "=", 1, known) == "undecided"
    assert verdict(Words(("bound",)), A * B, "=", 1, known) == "undecided"
    assert verdict(Words(("twice",)), 2 * A, "=", B, known) == "undecided"
    with pytest.raises(ValueError, match="No earlier step or hypothesis is called 'B'"):
        verdict(Words(("B",)), A * B, "=", 1, known)


def test_claims_are_exact_and_stay_as_written():
    with pytest.raises(ValueError, match="write rational numbers instead of the floats"):
        Claim(x, "≤", 0.1)
    with pytest.raises(ValueError, match="relation must be one of"):
        Claim(x, "==", 1)
    assert Claim(1, "=", 1).latex() == "1 = 1"
    assert Claim(0, "≤", p).relational == sympy.Le(0, p, evaluate=False)
