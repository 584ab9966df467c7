from fractions import Fraction

import pytest
import sympy

from proofs._boxes import Boxes, Tried
from proofs._claims import Claim
from proofs._rules import Premises

x, y = sympy.symbols("x y", real=True)
HALF = sympy.Rational(1, 2)
NOTHING = Premises({})


def decide(left, relation, right, **ranges):
    rule = Boxes({sympy.Symbol(name, real=True): ends for name, ends in ranges.items()}, most_boxes=3000)
    return rule.decide(Claim(left, relation, right), NOTHING)


@pytest.mark.parametrize(
    ("left", "relation", "right", "ranges"),
    [
        (sympy.sin(x), "<", x, {"x": (HALF, 3)}),
        (sympy.exp(x), ">", 1 + x, {"x": (sympy.Rational(1, 10), 5)}),
        (x * y, "≤", (x**2 + y**2) / 2 + sympy.Rational(1, 100), {"x": (-2, 2), "y": (-2, 2)}),
        (sympy.Abs(sympy.sin(5 * x)), "≤", sympy.Rational(101, 100), {"x": (-3, 3)}),
        (sympy.Max(x, -x), "<", 2, {"x": (-1, 1)}),
        (sympy.sqrt(1 + x**2), "≤", 1 + x**2, {"x": (1, 2)}),
        (sympy.pi, "<", sympy.Rational(355, 113), {}),
    ],
)
def test_what_is_true_with_room_holds(left, relation, right, ranges):
    assert decide(left, relation, right, **ranges).verdict == "holds"


@pytest.mark.parametrize(
    ("left", "relation", "right", "ranges"),
    [
        (sympy.sin(x), "≥", x, {"x": (HALF, 3)}),
        (sympy.exp(x), "≤", 1 + x, {"x": (-1, 1)}),
        (sympy.cos(40 * x), "≤", sympy.Rational(99, 100), {"x": (0, 3)}),  # only in narrow places
        (x * y, "<", sympy.Rational(399, 100), {"x": (0, 2), "y": (0, 2)}),  # only at a corner
        (sympy.coth(x), "≤", 1 / x + x / 4, {"x": (sympy.Rational(1, 10), 2)}),
        (sympy.pi, "≥", sympy.Rational(355, 113), {}),
    ],
)
def test_what_is_false_has_a_point_that_shows_it(left, relation, right, ranges):
    decision = decide(left, relation, right, **ranges)
    assert decision.verdict == "fails"
    assert decision.witness.endswith("is false")
    if not ranges:
        return
    # the point in the witness is in the box and does refute the claim
    place = decision.witness.removeprefix("at ").split(": ")[0]
    values = {
        sympy.Symbol(k, real=True): sympy.Rational(v) for k, v in (part.split(" = ") for part in place.split(", "))
    }
    assert all(low <= values[sympy.Symbol(name, real=True)] <= high for name, (low, high) in ranges.items())
    assert Tried(values).decide(Claim(left, relation, right), NOTHING).verdict == "fails"


@pytest.mark.parametrize(
    ("left", "relation", "right", "ranges"),
    [
        (2 * x * y, "≤", x**2 + y**2, {"x": (-1, 1), "y": (-1, 1)}),  # tight on the diagonal
        (1 + x, "≤", sympy.exp(x), {"x": (-1, 1)}),  # tight at 0
        (sympy.sin(x) ** 2 + sympy.cos(x) ** 2, "≥", 1, {"x": (0, 1)}),
        (sympy.sqrt(2) * sympy.sqrt(3), "<", sympy.sqrt(6) + 0, {}),
        (x, "=", x, {"x": (0, 1)}),
        (sympy.log(x), "≤", 1, {"x": (-1, 1)}),  # not defined in all of the box
        (sympy.sqrt(x), "≤", 2, {"x": (-1, 1)}),
        (1 / x, "≤", 5, {"x": (-1, HALF / 4)}),
        (sympy.I * x, "≤", 5, {"x": (1, 2)}),  # no order between numbers that are not real
    ],
)
def test_what_cannot_be_decided_is_not_said_to_hold(left, relation, right, ranges):
    assert decide(left, relation, right, **ranges).verdict != "holds"


def test_tight_equality_is_undecided_and_says_where():
    decision = decide(2 * x * y, "≤", x**2 + y**2, x=(-1, 1), y=(-1, 1))
    assert decision.verdict == "undecided"
    assert "after 3000 boxes nothing is known about" in decision.witness
    assert "≤ x ≤" in decision.witness


def test_a_false_claim_just_below_a_tight_one_fails():
    # true with exp(x) alone, false by 1e-6 near x = 0
    assert decide(1 + x + sympy.Rational(1, 10**6), "≤", sympy.exp(x), x=(-1, 1)).verdict == "fails"


def test_every_letter_needs_a_range_and_ranges_are_rational_and_in_order():
    assert "no range to y" in decide(x, "≤", y, x=(0, 1)).witness
    with pytest.raises(ValueError, match="rational numbers, got pi"):
        decide(x, "≤", 4, x=(0, sympy.pi))
    with pytest.raises(ValueError, match="low ≤ high"):
        decide(x, "≤", 4, x=(1, 0))


@pytest.mark.parametrize("facts", [{"positive": True}, {"integer": True}])
def test_a_box_holds_only_what_its_letters_may_be(facts):
    letter = sympy.Symbol("k", **facts)
    with pytest.raises(ValueError, match="k cannot be every real number of its range"):
        Boxes({letter: (0, 1)}).decide(Claim(letter, "≤", 4), NOTHING)


def test_a_claim_on_a_box_is_not_a_claim_everywhere():
    assert not Boxes({x: (0, 1)}).everywhere
    assert Boxes().everywhere
    assert "0 ≤ x ≤ 1" in Boxes({x: (0, 1)}).words


def test_a_point_refutes_or_says_nothing():
    assert Tried({x: 2}).decide(Claim(x, "≤", 1), NOTHING).verdict == "fails"
    assert Tried({x: 0}).decide(Claim(x, "≤", 1), NOTHING).verdict == "undecided"


def test_a_point_must_obey_the_hypotheses():
    wrong = Premises({}, (Claim(x, "≤", 0),))
    decision = Tried({x: 2}).decide(Claim(x, "≤", 1), wrong)
    assert decision.verdict == "undecided"
    assert "not shown to obey" in decision.witness


@pytest.mark.parametrize("seed", range(8))
def test_enclosures_contain_the_values(seed):
    import random

    from proofs._boxes import _enclosed
    from rope_theory._core.balls import working_precision

    rng = random.Random(seed)
    ends = [sorted(Fraction(rng.randint(-200, 200), 100) for _ in range(2)) for _ in range(2)]
    slack = sympy.sin(3 * x) * sympy.exp(y) - x**2 * y + sympy.cosh(x - y)
    gradient = [sympy.diff(slack, letter) for letter in (x, y)]
    with working_precision(96) as flint:
        ball, _ = _enclosed(slack, gradient, [x, y], tuple((low, high) for low, high in ends), flint)
        for _ in range(30):
            point = {
                k: low + (high - low) * Fraction(rng.randint(0, 16), 16)
                for k, (low, high) in zip((x, y), ends, strict=True)
            }
            value = slack.subs({k: sympy.Rational(v.numerator, v.denominator) for k, v in point.items()}).evalf(30)
            assert ball.overlaps(flint.arb(str(value)))
