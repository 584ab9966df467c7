"""A false step must be named: every proof is damaged in many places, and its checker must see each of them."""

import dataclasses

import pytest
import sympy

import proofs
from proofs import PROOFS
from proofs._algebra import vanishes
from proofs._claims import Claim
from proofs._rules import Premises
from proofs._symbolic import Combination, Identity, Term


def replaced(name, step, **changes):
    """Return the proof with one step changed."""
    steps = tuple(dataclasses.replace(s, **changes) if s.name == step else s for s in PROOFS[name].steps)
    assert steps != PROOFS[name].steps
    return dataclasses.replace(PROOFS[name], steps=steps)


def verdict(proof, step):
    return proof.check_step(step).verdict


y, u, P = (
    sympy.Symbol("y", positive=True),
    sympy.Symbol("u", positive=True),
    sympy.Symbol("P", integer=True, positive=True),
)


@pytest.mark.parametrize(
    ("name", "step", "right"),
    [
        ("chord_repaired", "coth", 1 / y + y / 4),
        ("chord_repaired", "coth", 1 / y + y / 3 - sympy.Rational(1, 1000)),
        ("chord_repaired", "coth", 1 / (2 * y) + y / 3),
        ("chord_repaired", "hyperbolic", (1 + y**2 / 4) * sympy.sinh(y)),
        ("chord_repaired", "outer integral", (1 + y**2 / 3) * sympy.sinh(y) + y * sympy.cosh(y)),
        ("chord_curvature", "left of the kernel", u**2 / 3),
        ("triangle", "count", PROOFS["triangle"]["count"].claim.right + 1),
        ("abel", "abel", PROOFS["abel"]["abel"].claim.right / 100),
        ("master_inequality", "phase has modulus one", 2),
        ("sampling", "half angles", (1 + sympy.Symbol("t", positive=True) ** 2) / 2),
        ("sampling", "zero on the grid", 1),
    ],
)
def test_a_wrong_constant_or_sign_fails_by_name(name, step, right):
    claim = PROOFS[name][step].claim
    proof = replaced(name, step, claim=Claim(claim.left, claim.relation, right))
    assert verdict(proof, step) == "fails"


@pytest.mark.parametrize(
    ("name", "step", "old", "new"),
    [
        ("chord_sharp", "halfway", sympy.Integer(2), sympy.Integer(3)),
        ("chord_sharp", "without cancellation", sympy.I, -sympy.I),
        ("score_expansion", "coefficient", sympy.I, -sympy.I),
        ("chord_repaired", "sum of squares", sympy.Rational(1, 2), sympy.Rational(1, 4)),
        ("attention_shift", "attained", sympy.Rational(1, 2), sympy.Integer(1)),
        ("prediction_std", "second moment", sympy.Symbol("sigma", positive=True), sympy.Integer(1)),
    ],
)
def test_a_wrong_part_fails_by_name(name, step, old, new):
    claim = PROOFS[name][step].claim
    right = claim.right.replace(lambda part: part == old, lambda part: new)
    assert right != claim.right
    assert verdict(replaced(name, step, claim=Claim(claim.left, claim.relation, right)), step) == "fails"


def test_the_largest_gain_is_no_smaller():
    claim = PROOFS["attention_shift"]["largest gain"].claim
    proof = replaced(
        "attention_shift", "largest gain", claim=Claim(claim.left, "≤", claim.right * sympy.Rational(99, 100))
    )
    assert verdict(proof, "largest gain") != "holds"


def test_summation_by_parts_needs_its_last_term():
    claim = PROOFS["abel"]["summation by parts"].claim
    (total,) = [part for part in claim.right.args if isinstance(part, sympy.Sum)]
    proof = replaced("abel", "summation by parts", claim=Claim(claim.left, "=", total))
    assert verdict(proof, "summation by parts") == "fails"


def test_a_convex_power_does_not_lie_below_its_tangent():
    # the published sentence, put where its correction stands
    claim = PROOFS["chord_published"]["before (14) corrected"].claim
    flipped = Claim(claim.left, "≤", claim.right)
    assert (
        "before (14) corrected" in replaced("chord_published", "before (14) corrected", claim=flipped).check().failing
    )


def test_correcting_the_printed_steps_mends_them():
    # what the checker rejects is the claim, not the name: with the corrections the same names hold
    printed = PROOFS["chord_published"]
    for step in ("(13)", "before (14)", "(14)"):
        corrected = printed[f"{step} corrected"]
        steps = [s for s in printed.steps if s.name != step]
        place = steps.index(corrected)
        steps[place] = dataclasses.replace(corrected, name=step)
        checked = dataclasses.replace(printed, steps=tuple(steps)).check()
        assert step not in checked.failing
        assert step not in checked.undecided


def hypotheses(name):
    return {one.name: one.claim for one in PROOFS[name].hypotheses if one.claim is not None}


def damaged(claim):
    """Return claims that are stronger, or other, than ``claim``."""
    if claim.is_equation:
        yield Claim(claim.left, "=", claim.right + 1)
        yield Claim(claim.left, "=", 2 * claim.right + sympy.Rational(1, 7))
    elif claim.relation in "≤<":
        yield Claim(claim.left, claim.relation, claim.right - sympy.Rational(1, 1000))
        yield Claim(claim.left + claim.right / 5, claim.relation, claim.right)
    else:
        yield Claim(claim.left, claim.relation, claim.right + sympy.Rational(1, 1000))
        yield Claim(claim.left - sympy.Rational(1, 7), claim.relation, claim.right)


@pytest.mark.parametrize("name", PROOFS)
def test_no_damaged_symbolic_step_holds(name):
    for step in PROOFS[name].steps:
        if step.rule.method != "symbolic":
            continue
        for claim in damaged(step.claim):
            assert verdict(replaced(name, step.name, claim=claim), step.name) in ("fails", "undecided"), step.name


@pytest.mark.parametrize("name", PROOFS)
def test_no_step_holds_with_a_term_of_its_combination_missing_or_turned(name):
    for step in PROOFS[name].steps:
        if not isinstance(step.rule, Combination) or not step.rule.terms:
            continue
        first, *rest = step.rule.terms
        known = Premises({s.name: s.claim for s in PROOFS[name].steps} | hypotheses(name))
        if first.is_equation(known) and vanishes(first.value(known)):
            continue  # algebra alone shows that equation: the term is there for the reader
        for terms in (
            tuple(rest),
            (Term(-first.coefficient, first.uses), *rest),
            (Term(2 * first.coefficient, first.uses), *rest),
        ):
            rule = Combination(terms, step.rule.form)
            assert verdict(replaced(name, step.name, rule=rule), step.name) == "undecided", step.name


def test_the_rule_is_not_believed_against_a_counterexample():
    class Gullible(Identity):
        def decide(self, claim, premises):
            return proofs.proof.Decision("holds")

    step = proofs.Step("wrong", Claim(sympy.Symbol("a", real=True) ** 2, "≤", 1), "so it is", Gullible())
    proof = proofs.Proof("wrong", "a² ≤ 1", (), (step,), "wrong", "nowhere")
    assert proof.check().failing == ("wrong",)
