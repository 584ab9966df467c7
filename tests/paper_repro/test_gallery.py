"""The page of pictures: all of them, and every link leads somewhere."""

import json
import re

import pytest

from experiments.parts import ROOT
from paper_repro import gallery
from paper_repro.command import PARTS

FIGURES = ROOT / "figures"
PAGE = (FIGURES / "README.md").read_text()


def test_the_committed_page_is_the_generated_one():
    made = json.loads((FIGURES / "manifest.json").read_text())["parts"]
    assert gallery.page(PARTS, {name: entry["files"] for name, entry in made.items()}) == PAGE
    assert gallery.page(PARTS, {}).count("###") == 0


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_part_stands_there_with_a_sentence(part):
    assert part.sentence in PAGE
    assert part.sentence.endswith((".", "?"))
    assert f"`{gallery.command(part)}`" in PAGE
    assert (f"]({part.name}.png)" in PAGE) == (part.draw is not None)


def test_every_link_leads_somewhere():
    links = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert len(links) > len(PARTS)
    assert [link for link in links if not (FIGURES / link).is_file()] == []


def test_no_picture_is_left_out():
    assert {path.stem for path in FIGURES.glob("*.png")} == {part.name for part in PARTS if part.draw is not None}
