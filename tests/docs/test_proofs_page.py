"""docs/proofs.md is what checking the proofs gives today."""

from pathlib import Path

from paper_repro import proofs_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "proofs.md"


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == proofs_page.page()


def test_failing_steps_stand_on_it():
    text = PAGE.read_text(encoding="utf-8")
    assert "**fails** at (9), (10), (13), before (14), (14), (15), theorem 2.1" in text
    assert text.count("(**fails**, boxes)") == 7


def test_a_page_of_the_same_code_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(proofs_page, "page", lambda: 1 / 0)
    path = tmp_path / "proofs.md"
    path.write_text(f"anything\n{proofs_page.mark()}\n", encoding="utf-8")
    proofs_page.write(path)
    assert path.read_text(encoding="utf-8").startswith("anything")
