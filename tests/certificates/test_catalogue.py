"""The catalogue of what is certified: every entry says something, the tight one is attained."""

import pytest

import proofs
from rope_theory.bounds.catalogue import Evaluation
from rope_theory.certificates import CATALOGUE


def test_entries():
    assert set(CATALOGUE) == {"worst_case", "quick_bound", "shortest_kernel"}
    assert all(entry.hypotheses and entry.source and entry.evidence == "proved" for entry in CATALOGUE.values())
    assert CATALOGUE["quick_bound"].formula == CATALOGUE["worst_case"].formula
    assert CATALOGUE["worst_case"].formula == proofs.PROOFS["worst_case"].formula


def test_the_worst_case_is_attained():
    outcome = CATALOGUE["worst_case"].witness.evaluate()
    assert outcome.reached == pytest.approx(outcome.allowed, rel=1e-5)
    assert not outcome.violates
    assert Evaluation(outcome.reached, outcome.allowed * (1 - 1e-4)).violates
