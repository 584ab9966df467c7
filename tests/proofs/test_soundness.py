"""False claims that once passed: each must stay refused."""

import dataclasses
import math
import time

import pytest
import sympy

import proofs
from proofs import PROOFS, Hypothesis, Proof, Step
from proofs._algebra import is_real, vanishes
from proofs._boxes import Boxes, Tried
from proofs._claims import Claim
from proofs._evaluate import evaluate, sign_of
from proofs._lemma import Lemma
from proofs._letters import letters
from proofs._rules import Premises
from proofs._symbolic import Antiderivative, Combination, Identity, Induction, Use, term
from proofs._trials import tried
from proofs.proof import Quoted
from rope_theory._core.balls import working_precision

x, y, z, u = sympy.symbols("x y z u", real=True)
p = sympy.Symbol("p", positive=True)
t = sympy.Symbol("t", nonnegative=True)
j, n = (sympy.Symbol(name, integer=True, nonnegative=True) for name in "jn")
M, N = (sympy.Symbol(name, integer=True, positive=True) for name in "MN")
h, g, b = (sympy.IndexedBase(name, real=True) for name in "hgb")
HALF = sympy.Rational(1, 2)
HIDE = sympy.sin(64 * sympy.pi * z) ** 2
"""Zero at every multiple of 1/64."""


def step(name, claim, rule):
    return Step(name, claim, "", rule)


def proof(*steps, hypotheses=()):
    return Proof("false", "false", tuple(hypotheses), steps, steps[-1].name, "")


def verdict(*steps, hypotheses=()):
    """Return the verdict on the last step: "refused" where it may not even be asked."""
    try:
        found = proof(*steps, hypotheses=hypotheses).check()
    except ValueError as problem:
        return "refused" if "cannot be used like this" in str(problem) else "broken"
    assert not found.holds
    return found.rows[-1].verdict


def using(claim, name, where):
    return step("used", claim, Combination((term(1, Use(name, where)),)))


# what may replace what


@pytest.mark.parametrize("share", [sympy.Rational(99, 100), sympy.Rational(9, 10)])
def test_a_constant_of_a_claim_is_not_replaced_by_a_smaller_one(share):
    repaired, L, P = PROOFS["chord_repaired"], sympy.Symbol("L", positive=True), letters().P
    old, new = repaired["sum of squares"].claim.right, P / (2 * L) + HALF + share * L / (6 * P)
    good = repaired["repaired"].claim
    stronger = Claim(good.left, "≤", good.right.xreplace({old: new}))
    assert stronger != good
    steps = (*repaired.steps, using(stronger, "repaired", {old: new}))
    with pytest.raises(ValueError, match="is no letter of it"):
        dataclasses.replace(repaired, steps=steps, conclusion="used").check()


@pytest.mark.parametrize("key", [sympy.Integer(2), x**2, x**2 * HIDE, y])
def test_only_letters_of_a_claim_are_replaced(key):
    known = Premises({"square": Claim(0, "≤", x**2 * HIDE)})
    with pytest.raises(ValueError, match="is no letter of it"):
        Use("square", {key: sympy.Integer(3)}).found(known)


@pytest.mark.parametrize("key", [g[N], g.label])
def test_an_entry_or_label_of_a_fixed_sequence_is_not_replaced(key):
    cap = Hypothesis("one entry", name="cap", claim=Claim(g[N], "≤", 5), example={g: lambda i: 5 * sympy.cos(i)})
    assert verdict(using(Claim(h[N], "≤", 5), "cap", {key: h[N]}), hypotheses=[cap]) == "refused"


def test_a_value_of_a_function_is_not_replaced():
    f = sympy.Function("f", real=True)
    cap = Hypothesis("f(x) ≤ 1", name="cap", claim=Claim(f(x), "≤", 1))
    assert verdict(using(Claim(f(y), "≤", 1), "cap", {f(x): f(y)}), hypotheses=[cap]) == "refused"


@pytest.mark.parametrize("fact", ["nonzero", "negative", "odd", "even", "prime", "imaginary"])
def test_what_is_assumed_of_a_letter_is_all_known_to_its_replacement(fact):
    letter = sympy.Symbol("a", **{fact: True})
    with pytest.raises(ValueError, match="more is assumed of a"):
        Use("square", {letter: y}).found(Premises({"square": Claim(letter**2, ">", 0)}))


def test_the_index_of_a_sequence_may_be_negative():
    square = step("square", Claim(0, "≤", h[j - 1] ** 2 * HIDE), Combination(form=h[j - 1] ** 2 * HIDE))
    claim = Claim(0, "≤", (j - 1) * HIDE)
    assert verdict(square, using(claim, "square", {h: sympy.sqrt})) == "refused"


@pytest.mark.parametrize("facts", [{"integer": True, "negative": True}, {"even": True}])
def test_an_index_with_unknown_assumptions_gives_no_sign(facts):
    index = sympy.Symbol("m", **facts)
    assert not is_real(sympy.Sum(index, (index, 0, N - 1)))


def test_a_letter_of_integration_with_unknown_assumptions_gives_no_sign():
    letter = sympy.Symbol("t", negative=True)
    assert not is_real(sympy.Integral(-letter, (letter, 0, 1)))


# sums


def double(summand):
    return sympy.Sum(b[j] * sympy.Sum(summand, (n, 0, M - 1)), (j, 0, N - 1))


def test_a_letter_outside_is_not_caught_by_an_inner_index():
    assert not vanishes(n * double(h[n]) - double(n * h[n]))
    assert not vanishes(sympy.Sum(sympy.Sum(j, (j, 0, M)), (j, 0, N)) - sympy.Sum(sympy.Sum(j, (j, 0, N)), (j, 0, M)))
    assert vanishes(p * double(h[n]) - double(p * h[n]))


def test_one_entry_does_not_speak_for_a_double_sum():
    one = Hypothesis("h_n = 0 for one n", name="one", claim=Claim(h[n], "=", 0), example={h: lambda i: 0 * i})
    rule = Combination((term(double(sympy.Integer(1)), "one"),))
    assert verdict(step("all", Claim(double(h[n]), "=", 0), rule), hypotheses=[one]) == "undecided"


def test_a_sum_that_runs_downwards_is_not_written_out():
    assert not vanishes(sympy.Sum(h[j], (j, n + 3, n)) + h[n + 1] + h[n + 2])


def test_induction_starts_at_the_lowest_value():
    claim = Claim(HIDE * sympy.Sum(sympy.Integer(0) ** j, (j, 0, N - 1)), "=", 0)
    assert verdict(step("all", claim, Induction(N, 0))) != "holds"
    nothing = Claim(sympy.Sum(sympy.Integer(0), (j, 0, N - 1)), "=", 0)
    assert Induction(N, 0).decide(nothing, Premises({})).verdict == "undecided"


# integrals


@pytest.mark.parametrize(
    ("integrand", "value"),
    [
        (sympy.sqrt(u**2 + sympy.Rational(1, 10**40)), 1),
        (sympy.sqrt((u - HALF / 3) ** 2 + sympy.Rational(1, 10**40)), 37 / 36),
        (sympy.log(u**2 + sympy.Rational(1, 10**40)), -4),
        (sympy.re(sympy.exp(sympy.I * 20 * u), evaluate=False), math.sin(20) / 10),
        (sympy.exp(-30 * u**2), 0.3236043187592797),
        (sympy.atan(10**9 * u) * u, math.pi / 2),
    ],
)
def test_integrals_contain_their_value(integrand, value):
    with working_precision(128) as flint:
        ball = evaluate(sympy.Integral(integrand, (u, -1, 1)), {}, flint)
        near = flint.arb(value, 1e-8)
        assert not ball.is_finite() or ball.real.overlaps(near)


def test_an_integral_of_complex_numbers_is_complex():
    letter = sympy.Symbol("w")
    with working_precision(128) as flint:
        ball = evaluate(sympy.Integral(sympy.exp(sympy.I * letter), (letter, 0, 1)), {}, flint)
        assert ball.imag.overlaps(flint.arb(1 - math.cos(1), 1e-12))


def test_an_integral_that_diverges_is_undecided_soon():
    begin = time.monotonic()
    verdict, _, _ = sign_of(Claim(sympy.Integral(1 / t, (t, 0, 1)), "≤", 7), lambda flint: {})
    assert verdict is None
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize(
    ("of", "integrand", "low", "right"),
    [
        (-sympy.acot(x), 1 / (1 + x**2), -1, -sympy.pi / 2),
        (sympy.sign(x) / 2, sympy.DiracDelta(x), -1, 1),
        (t**2 / 2, t, -1, 0),  # t is at least zero
        (n**2 / 2, n, 0, HALF),  # n is an integer
    ],
)
def test_antiderivatives_are_smooth_on_the_range_of_their_letter(of, integrand, low, right):
    (letter,) = of.free_symbols
    claim = Claim(sympy.Integral(HIDE * integrand, (letter, low, 1)), "=", HIDE * right)
    assert Antiderivative(HIDE * of).decide(claim, Premises({})).verdict == "undecided"


def test_a_fixed_letter_is_not_integrated_over():
    zero = Hypothesis("t is zero", name="zero", claim=Claim(t, "=", 0), example={t: sympy.Integer(0)})
    rule = Antiderivative(sympy.Integer(0), using=("zero",))
    claim = Claim(sympy.Integral(HIDE * t, (t, 0, 1)), "=", 0)
    assert verdict(step("all", claim, rule), hypotheses=[zero]) != "holds"


# boxes


@pytest.mark.parametrize(
    ("left", "right", "ends"),
    [
        (sympy.atan(sympy.tan(x)), HALF, (1, 2)),
        (sympy.im(sympy.log(sympy.exp(sympy.I * x)), evaluate=False), 0, (1, 4)),
    ],
)
def test_jumps_are_not_missed_by_the_slope(left, right, ends):
    assert Boxes({x: ends}, most_boxes=500).decide(Claim(left, ">", right), Premises({})).verdict != "holds"


def test_a_box_is_not_the_statement():
    found = proof(step("box", Claim(x, "<", 1), Boxes({x: (0, HALF)}))).check()
    assert found.undecided == ("box",)
    assert "on a box only" in found.rows[0].witness
    assert proof(step("numbers", Claim(sympy.pi, "<", 4), Boxes())).check().holds


def test_a_lemma_is_not_of_a_box(monkeypatch):
    boxed = proof(step("box", Claim(x, "<", 5), Boxes({x: (-4, 4)})), step("one", Claim(x, "=", x), Identity()))
    monkeypatch.setattr(proofs, "PROOFS", {"boxed": boxed})
    monkeypatch.setattr(proofs, "check", lambda name: boxed.check())
    decision = Lemma("boxed", "box").decide(Claim(x, "<", 5), Premises({}))
    assert decision.verdict == "undecided"
    assert "not for all letters" in decision.witness
    assert Lemma("boxed").decide(Claim(x, "=", x), Premises({})).verdict == "holds"


def test_a_lemma_needs_its_hypotheses_for_all_values():
    triangle = PROOFS["triangle"]
    (cap,) = [one for one in triangle.hypotheses if one.name == "cap"]
    one_pair = dataclasses.replace(cap, words="|h_j| ≤ H for one j", for_all=())
    capped = step("capped", triangle["capped"].claim, Lemma("triangle", "capped"))
    assert verdict(capped, hypotheses=[one_pair]) == "undecided"
    assert proof(capped, hypotheses=[cap]).check().holds


# quoted, hypotheses, trials


def test_a_quoted_conclusion_does_not_hold():
    found = proof(step("said", Claim(0, "=", 1), Quoted("somebody"))).check()
    assert not found.holds
    assert found.quoted == ("said",)


def test_letters_that_do_not_commute_are_for_products_of_matrices():
    matrix = sympy.Symbol("U", commutative=False)
    row = proof(step("all", Claim(matrix, "=", matrix), Identity())).check_step("all")
    assert row.verdict == "undecided"


@pytest.mark.parametrize(
    ("example", "claim"),
    [
        ({t: sympy.Integer(-1)}, None),
        ({t: sympy.I * x}, None),
        ({n: HALF + n}, None),
        ({h: lambda i: sympy.I * i}, None),
        ({y: t}, Claim(y, "<", -1)),
        ({}, Claim(y, "≤", 0)),
    ],
)
def test_an_example_is_what_its_letters_are_and_obeys_the_hypotheses(example, claim):
    given = Hypothesis("given", name="given", claim=claim or Claim(x**2, "≥", 0), example=example)
    row = proof(step("all", Claim(0, "≤", t), Combination(form=t)), hypotheses=[given]).check_step("all")
    assert row.verdict == "undecided"
    assert row.points == 0


@pytest.mark.parametrize("name", PROOFS)
def test_the_examples_of_the_proofs_are_fine(name):
    from proofs.proof import _problem_of_example

    assert _problem_of_example(PROOFS[name].hypotheses) == ""


def test_a_point_is_what_its_letters_are():
    decision = Tried({t: sympy.Integer(-1)}).decide(Claim(0, "≤", t), Premises({}))
    assert decision.verdict == "undecided"
    strict = Premises({}, (Claim(x, "<", 1),))
    assert Tried({x: sympy.Integer(1)}).decide(Claim(x, "≤", 0), strict).verdict == "undecided"


@pytest.mark.parametrize("factor", [2, 64, 256, 1024, 10**6])
def test_points_hide_nothing_behind_a_sine(factor):
    assert tried(Claim(sympy.sin(factor * sympy.pi * z) ** 2, "≤", 0)).witness


def test_points_have_many_pairs_sometimes():
    assert tried(Claim(N, "≤", 20)).witness
    assert any(tried(Claim(p, "≤", 20), seed=seed).witness for seed in range(4))


def test_only_points_that_could_decide_count():
    assert tried(Claim(sympy.log(x - x**2 - 5), "≤", 1)).points == 0
    assert tried(Claim(sympy.sqrt(x**2 + 1) ** 2, "=", x**2 + 1)).points == 12


def test_letters_that_print_alike_are_the_same():
    other = sympy.Symbol("x", nonnegative=True)
    with pytest.raises(ValueError, match="printed alike: x"):
        proof(step("one", Claim(x, "=", x), Identity()), step("sign", Claim(0, "≤", other), Combination(form=other)))


# what the conclusions rest on

RESTS = {
    "chord_repaired": {"unscaled", "cap"},
    "abel": {"h_P = 0, real part", "h_P = 0, imaginary part", "largest difference"},
    "abel_published": {"h_P = 0, real part", "h_P = 0, imaginary part", "cap"},
    "sampling": {"grid"},
    "attention_shift": {"rise", "fall", "at most one", "entries that grow"},
    "worst_case": {"grid, above", "grid, below", "cap"},
    "prediction_std": {
        *(f"normal equation {i}" for i in (1, 2)),
        *(f"mean {i}" for i in (1, 2, 3)),
        *(f"moment {pair}" for pair in (11, 12, 13, 22, 23, 33)),
        *(f"inverse {pair}" for pair in (11, 12, 21, 22)),
    },
}


@pytest.mark.parametrize("name", PROOFS)
def test_conclusions_rest_on_the_hypotheses_displayed(name):
    proof = PROOFS[name]
    displayed = {one.name for one in proof.hypotheses if one.claim is not None}
    resting = {one.name for one in proof.resting_on(proof.conclusion)}
    if name == "chord_published":  # its conclusion is refuted at a point, which obeys them all
        assert resting == set()
    else:
        assert resting == RESTS.get(name, set())
    used = {one.name for step in proof.steps for one in proof.resting_on(step.name)}
    assert used == displayed  # the others are for remarks


@pytest.mark.parametrize("name", PROOFS)
def test_no_step_says_nothing(name):
    for one in PROOFS[name].steps:
        assert not vanishes_as_written(one.claim), one.name


def vanishes_as_written(claim):
    return claim.is_equation and claim.left == claim.right


def test_the_first_half_of_13_rests_on_frequencies_and_coefficients():
    published = PROOFS["chord_published"]
    assert published.check_step("(13), first half").verdict == "holds"
    assert {one.name for one in published.resting_on("(13), first half")} == {"cap", "unscaled"}
