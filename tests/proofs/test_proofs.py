import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

import proofs
from paper_repro import proofs_page
from proofs import PROOFS, Hypothesis, Proof, Step
from proofs._claims import Claim
from proofs._lemma import Lemma
from proofs._symbolic import Combination, Identity, term
from proofs.proof import Quoted
from rope_theory._core.records import json_ready
from rope_theory.bounds import CATALOGUE

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "proofs.md").read_text(encoding="utf-8")
REMEDY = "docs/proofs.md is out of date: make figures"
FALSE_AS_PRINTED = ("(9)", "(10)", "(13)", "before (14)", "(14)", "(15)", "theorem 2.1")
HARMLESS = ("(9)", "(10)", "(13)")


@pytest.mark.parametrize("name", [name for name in PROOFS if name != "chord_published"])
def test_every_step_holds(name):
    checked = proofs.check(name)
    assert checked.failing == checked.undecided == ()
    assert checked.holds


QUOTED = {"sampling": ("attained", "comparison lemma")}


@pytest.mark.parametrize("name", PROOFS)
def test_only_the_sampling_theorem_takes_steps_from_elsewhere(name):
    assert proofs.check(name).quoted == QUOTED.get(name, ())


@pytest.mark.parametrize("name", PROOFS)
def test_the_page_says_what_checking_gives_today(name):
    found = proofs.check(name)
    assert f"{proofs_page.row(found)}\n" in PAGE, REMEDY
    assert "\n".join(["", *proofs_page.section(found), ""]) in PAGE, REMEDY


def test_the_printed_proof_fails_where_it_is_false():
    checked = proofs.check("chord_published")
    assert checked.failing == FALSE_AS_PRINTED
    assert checked.undecided == checked.quoted == ()
    assert not checked.holds
    assert tuple(row.step for row in checked.rows if row.note.startswith("harmless")) == HARMLESS


@pytest.mark.parametrize("step", ["(11)", "(12)", "(16)", "(17)", "(9) corrected", "(13) corrected", "(14) corrected"])
def test_the_rest_of_the_printed_proof_is_fine(step):
    (row,) = [row for row in proofs.check("chord_published").rows if row.step == step]
    assert row.verdict == "holds"


@pytest.mark.parametrize(
    ("step", "numbers"),
    [
        ("before (14)", ("0.749894", "0.712177")),
        ("(14)", ("3.99831", "3.47436")),
        ("(15)", ("3.99831", "3.47436")),
        ("theorem 2.1", ("0.493876", "0.434294")),
    ],
)
def test_witnesses_give_the_numbers_of_the_reference(step, numbers):
    (row,) = [row for row in proofs.check("chord_published").rows if row.step == step]
    assert row.method == "boxes"
    assert all(number in row.witness for number in numbers)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_catalogue_says_the_same(name):
    assert PROOFS[name].formula == CATALOGUE[name].formula
    checked = proofs.check(name)
    if CATALOGUE[name].evidence == "proved":
        assert checked.holds
    else:
        assert CATALOGUE[name].evidence == "refuted"
        assert PROOFS[name].conclusion in checked.failing


def test_tight_bounds_have_a_step_that_attains_them():
    tight = {name for name, statement in CATALOGUE.items() if statement.relation == "tight"}
    assert tight == {name for name in CATALOGUE if "attained" in [s.name for s in PROOFS[name].steps]} - {"sampling"}


@pytest.mark.parametrize("name", PROOFS)
def test_every_symbolic_step_was_also_tried_in_ball_arithmetic(name):
    untried = [row.step for row in proofs.check(name).rows if row.method == "symbolic" and row.points == 0]
    # products of matrices are not numbers
    assert untried == (["inverse, any size", "squared length, any size"] if name == "prediction_std" else [])


@pytest.mark.parametrize("name", PROOFS)
def test_latex_has_every_step_and_balanced_braces(name):
    text = PROOFS[name].latex()
    assert text.count(r"\item \emph") == len(PROOFS[name].steps)
    assert text.count("{") == text.count("}")
    assert PROOFS[name].statement.latex() in text
    assert all(step.claim.latex() in text for step in PROOFS[name].steps)


@pytest.mark.parametrize("name", PROOFS)
def test_records_are_plain(name):
    checked = proofs.check(name)
    assert json.loads(json.dumps(json_ready(checked.to_dict())))["proof"] == name
    assert len(checked.to_pandas()) == len(PROOFS[name].steps)
    assert PROOFS[name].to_dict()["name"] == name


def test_check_all_is_in_order():
    assert list(proofs.check_all()) == list(PROOFS)
    assert len(PROOFS) == len(list(PROOFS))
    assert "triangle" in PROOFS
    assert "chord" not in PROOFS
    assert "chord_sharp" in repr(PROOFS)


def test_an_unknown_name_lists_the_names():
    with pytest.raises(KeyError, match=r"no proof called 'chord'; there are .*chord_sharp"):
        PROOFS["chord"]
    with pytest.raises(KeyError, match="no proof called"):
        proofs.check("theorem 2.1")
    with pytest.raises(KeyError, match=r"has no step 'coth y'; it has .*'coth'"):
        PROOFS["chord_repaired"]["coth y"]


@pytest.mark.parametrize(("code", "loaded"), [("", False), ("; PROOFS['triangle']", True)])
def test_sympy_loads_when_a_proof_is_asked_for(code, loaded):
    script = f"from proofs import PROOFS{code}\nimport sys; print('sympy' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == str(loaded)


ONE = Step("one", Claim(1, "=", 1), "it is", Identity())


def proof(*steps, hypotheses=(), conclusion="one"):
    return Proof("example", "1 = 1", hypotheses, steps, conclusion, "nowhere")


def test_a_proof_is_put_together_properly():
    with pytest.raises(ValueError, match=r"names of their own, repeated: \['one'\]"):
        proof(ONE, ONE)
    with pytest.raises(ValueError, match="conclusion must be one of the steps"):
        proof(ONE, conclusion="two")
    with pytest.raises(ValueError, match=r"need a name, without one: \['trivial'\]"):
        proof(ONE, hypotheses=(Hypothesis("trivial", claim=Claim(1, "=", 1)),))


def test_a_step_uses_earlier_ones_only():
    early = Step("early", Claim(1, "≤", 1), "later", Combination((term(1, "one"),)))
    with pytest.raises(ValueError, match="No earlier step or hypothesis is called 'one'"):
        proof(early, ONE).check()
    assert proof(ONE, early).check().holds


def test_a_quoted_step_is_never_counted_as_checked():
    wild = Step("wild", Claim(1, "=", 2), "somebody says so", Quoted("somebody"))
    checked = proof(ONE, wild).check()
    assert checked.quoted == ("wild",)
    assert checked.rows[1].verdict == "quoted"


def hypotheses_of(name, step):
    """Return the names of the hypotheses a step rests on."""
    found = PROOFS[name].hypotheses_of(step)
    return {one.name for one in PROOFS[name].hypotheses if one.claim is not None and one.claim in found}


def test_steps_that_rest_on_hypotheses_are_known():
    sixteen = {"first, above", "first, below", "second, above", "second, below"}
    assert hypotheses_of("chord_published", "(16)") == sixteen
    assert hypotheses_of("abel", "summation by parts") == set()
    assert "largest difference" in hypotheses_of("abel", "abel")
    assert "largest difference" not in hypotheses_of("abel", "with h_P = 0")


def test_what_another_proof_rests_on_counts_too():
    last = {"h_P = 0, real part", "h_P = 0, imaginary part"}
    assert hypotheses_of("abel_published", "by parts") == last
    assert hypotheses_of("abel_published", "relaxed") == {*last, "cap"}
    with pytest.raises(KeyError, match="has no step"):
        PROOFS["abel"].hypotheses_of("by parts")


def lemma(name, step=""):
    return Step("lemma", PROOFS[name][step or PROOFS[name].conclusion].claim, "proved there", Lemma(name, step))


def test_a_lemma_needs_the_hypotheses_of_its_proof():
    row = proof(ONE, lemma("abel", "with h_P = 0")).check_step("lemma")
    assert row.verdict != "holds"
    row = proof(ONE, lemma("abel", "with h_P = 0"), hypotheses=PROOFS["abel"].hypotheses).check_step("lemma")
    assert row.verdict == "holds"


@pytest.mark.parametrize(("name", "step"), [("chord_published", "(16)"), ("sampling", "sampling")])
def test_a_lemma_is_of_a_proof_that_is_checked_in_all_its_steps(name, step):
    row = proof(ONE, lemma(name, step), hypotheses=PROOFS[name].hypotheses).check_step("lemma")
    assert row.verdict == "undecided"
    assert "not proved in all its steps" in row.witness


def test_sides_wants_exactly_the_letters():
    with pytest.raises(ValueError, match=r"has the letters P, s, theta, x, y; got values for s"):
        PROOFS["triangle"].sides({"s": 1.0})


def test_a_lemma_is_the_statement_letter_for_letter():
    repaired = PROOFS["chord_repaired"]
    steps = tuple(
        dataclasses.replace(s, claim=Claim(s.claim.left, "≤", s.claim.right / 2)) if s.name == "curvature" else s
        for s in repaired.steps
    )
    checked = dataclasses.replace(repaired, steps=steps).check()
    assert "curvature" in (*checked.failing, *checked.undecided)
