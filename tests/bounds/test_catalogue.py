import inspect
from typing import get_args

import pytest

from rope_theory import bounds
from rope_theory.bounds import CATALOGUE
from rope_theory.bounds.catalogue import Evaluation, Evidence, Relation

ENTRIES = [pytest.param(entry, id=name) for name, entry in CATALOGUE.items()]
ATTAINED = [pytest.param(entry, id=name) for name, entry in CATALOGUE.items() if entry.relation == "tight"]
REFUTED = [pytest.param(entry, id=name) for name, entry in CATALOGUE.items() if entry.evidence == "refuted"]


def test_every_public_function_has_an_entry():
    functions = {name for name in bounds.__all__ if inspect.isfunction(getattr(bounds, name))}
    assert set(CATALOGUE) == functions - {"abel_sum"}  # a sum, no bound of its own
    assert all(entry.function is getattr(bounds, name) for name, entry in CATALOGUE.items())


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_field_says_something(entry):
    assert entry.formula.strip()
    assert entry.source.strip()
    assert entry.hypotheses
    assert all(hypothesis.strip() for hypothesis in entry.hypotheses)
    assert entry.relation in get_args(Relation)
    assert entry.evidence in get_args(Evidence)
    assert entry.witness is None or entry.witness.description.strip()


@pytest.mark.parametrize("entry", ATTAINED)
def test_a_tight_bound_is_attained_at_its_witness(entry):
    outcome = entry.witness.evaluate()
    assert outcome.reached == pytest.approx(outcome.allowed, rel=1e-9)
    assert not outcome.violates
    assert Evaluation(outcome.reached, 0.999 * outcome.allowed).violates


@pytest.mark.parametrize("entry", REFUTED)
def test_a_refuted_bound_is_violated_at_its_witness(entry):
    outcome = entry.witness.evaluate()
    assert outcome.violates
    assert outcome.reached > 1.1 * outcome.allowed


def test_there_is_something_to_attain_and_something_refuted():
    assert {"triangle", "chord_sharp", "attention_shift"} <= {parameter.id for parameter in ATTAINED}
    assert [parameter.id for parameter in REFUTED] == ["chord_published"]


def test_only_refuted_entries_are_violated():
    for name, entry in CATALOGUE.items():
        if entry.witness is not None:
            assert entry.witness.evaluate().violates == (entry.evidence == "refuted"), name


def test_the_catalogue_cannot_be_written_to():
    with pytest.raises(TypeError):
        CATALOGUE["triangle"] = CATALOGUE["abel"]
    with pytest.raises(AttributeError):
        CATALOGUE["triangle"].evidence = "observed"


def test_entries_are_plain_dictionaries_on_request():
    entry = CATALOGUE["chord_published"].to_dict()
    assert entry["evidence"] == "refuted"
    assert entry["witness"]["description"] == CATALOGUE["chord_published"].witness.description
