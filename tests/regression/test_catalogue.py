"""The catalogue of what the closed forms say: every entry says something, the tight one is attained."""

import pytest

from rope_theory import regression
from rope_theory.bounds.catalogue import Evaluation
from rope_theory.regression import CATALOGUE


def test_entries():
    assert set(CATALOGUE) == {"expected_maximum", "coefficient_penalty"}
    for name, entry in CATALOGUE.items():
        assert entry.function is getattr(regression, name)
        assert entry.hypotheses
        assert entry.source == "docs/theory.md, section 6"
        assert entry.evidence == "proved"


def test_the_tight_one_is_attained_and_a_tighter_value_fails():
    outcome = CATALOGUE["coefficient_penalty"].witness.evaluate()
    assert outcome.reached == pytest.approx(outcome.allowed, rel=1e-12)
    assert not outcome.violates
    assert Evaluation(outcome.reached, outcome.allowed * (1 - 1e-6)).violates
