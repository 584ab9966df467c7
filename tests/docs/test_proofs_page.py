"""docs/proofs.md is what checking the proofs gives today."""

from pathlib import Path

from paper_repro import proofs_page
from proofs import PROOFS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proofs.md"


def test_the_page_has_every_proof_and_the_mark_of_todays_code():
    """Each proof's part of it is compared with what checking gives in tests/proofs/test_proofs.py."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == proofs_page.mark(), "docs/proofs.md is out of date: make figures"
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == list(PROOFS)
    assert sum(line.startswith("| [") for line in lines) == len(PROOFS)


def test_failing_steps_stand_on_it():
    text = PAGE.read_text(encoding="utf-8")
    assert "**fails** at (9), (10), (13), before (14), (14), (15), theorem 2.1" in text
    assert text.count("(**fails**, boxes)") == 7


def test_a_page_of_the_same_code_is_left_alone(monkeypatch):
    monkeypatch.setattr(proofs_page, "page", lambda: "made again")
    text = f"anything\n{proofs_page.mark()}\n"
    assert proofs_page.updated(text) == text
    assert proofs_page.updated("anything\n") == "made again"


def test_formulas_are_fenced_inside_their_items_and_free_of_what_github_refuses():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    assert not any("operatorname" in line or "$$" in line for line in lines)
    fences = [line for line in lines if line.endswith("```math")]
    claims = sum(
        1 + len(proof.steps) + sum(one.claim is not None for one in proof.hypotheses) for proof in PROOFS.values()
    )
    assert len(fences) == claims
    assert sum(line.startswith("    ") for line in fences) == claims - len(PROOFS)  # all but the statements


def test_boxes_and_quoted_steps_say_what_they_are():
    text = PAGE.read_text(encoding="utf-8")
    assert "quoted, quoted" not in text
    assert text.count("(quoted)") == 2
    assert "over the box 1 ≤ beta ≤ 2" in text
    assert "(*cap*), for all $j$" in text
    assert "Letters: positive integers" in text
