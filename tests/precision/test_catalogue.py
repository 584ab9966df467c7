"""The catalogue of what the precision bounds say."""

from rope_theory import precision
from rope_theory.precision import CATALOGUE


def test_entries():
    assert set(CATALOGUE) == {"phase_error", "score_error"}
    for name, entry in CATALOGUE.items():
        assert entry.function is getattr(precision, name)
        assert "cos and sin right to 3.5 units in the last place" in entry.hypotheses
        assert (entry.relation, entry.evidence, entry.source) == ("upper", "proved", "docs/theory.md, section 9")
