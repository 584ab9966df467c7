"""The generated blocks of docs/ are today's, are where the list says, and are written without touching the rest."""

import re

import pytest

from experiments.parts import ROOT
from paper_repro import claims, pages

PLACES = [(document, name) for document, blocks in pages.DOCUMENTS.items() for name in blocks if blocks[name]]


@pytest.fixture(scope="module")
def today():
    return pages.updated(ROOT)


def test_every_page_is_there_and_has_its_markers(today):
    assert list(today) == list(pages.DOCUMENTS)
    pages.check(ROOT)
    without = [name for blocks in pages.DOCUMENTS.values() for name, block in blocks.items() if block is None]
    assert without == ["claims"]


@pytest.mark.parametrize(("document", "name"), PLACES)
def test_pages_have_todays_blocks(today, document, name):
    committed = (ROOT / document).read_text(encoding="utf-8")
    assert pages.between(committed, name) == pages.between(today[document], name)


def test_no_other_document_has_markers():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        document = path.relative_to(ROOT).as_posix()
        found = re.findall(r"<!-- (\w+):begin -->", path.read_text(encoding="utf-8"))
        expected = pages.DOCUMENTS.get(document, ("benchmarks",) if document == "docs/performance.md" else ())
        assert found == list(expected), document


def test_only_what_is_between_markers_changes(tmp_path):
    page = tmp_path / "docs" / "statements.md"
    page.parent.mkdir()
    page.write_text("a\n<!-- statements:begin -->\nold\n<!-- statements:end -->\nb\n", encoding="utf-8")
    new = pages.updated(tmp_path)
    assert list(new) == ["docs/statements.md"]  # the others do not exist
    assert page.read_text(encoding="utf-8").count("old") == 1  # nothing is written
    (text,) = new.values()
    assert pages.between(text, "statements") == pages.statements_table()
    assert text.startswith("a\n<!--")
    assert text.endswith("-->\nb\n")
    assert [path.name for path in page.parent.iterdir()] == ["statements.md"]
    page.write_text(text, encoding="utf-8")
    assert list(pages.updated(tmp_path).values()) == [text]  # a second time changes nothing


def test_claims_change_only_with_a_ledger(tmp_path):
    page = tmp_path / "docs" / "claims.md"
    page.parent.mkdir()
    page.write_text("<!-- claims:begin -->\nold\n<!-- claims:end -->\n", encoding="utf-8")
    (path,) = pages.updated(tmp_path)
    assert "old" in pages.updated(tmp_path)[path]
    row = claims.recompute(next(entry for entry in claims.recorded() if entry["id"] == "unit_cell_constant"))
    text = pages.updated(tmp_path, claims.Ledger((row,)))[path]
    assert "old" not in text
    assert "d/256.11" in text


def test_half_a_pair_of_markers_is_an_error(tmp_path):
    page = tmp_path / "docs" / "worst_cases.md"
    page.parent.mkdir()
    page.write_text("<!-- worst_case:begin --> only half", encoding="utf-8")
    for call in (pages.check, pages.updated):
        with pytest.raises(ValueError, match=r"worst_cases\.md must contain the markers .* exactly once"):
            call(tmp_path)
