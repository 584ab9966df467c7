"""Changed data, pictures and pages are noticed; rounding is told from a difference."""

import json

import numpy as np
import pytest

from experiments.compared import Tolerance, compare, document
from experiments.parts import ROOT

FIGURES = ROOT / "figures"
ALLOWED = Tolerance()


def differences(computed, committed, allowed=ALLOWED):
    """Compare two files under the name of the committed one."""
    contents = ({committed.name: path.read_bytes()} for path in (computed, committed))
    return compare("part", *contents, allowed)


def test_a_changed_cell_and_a_missing_row_are_noticed(tmp_path):
    committed = FIGURES / "figure_5.printed.csv"
    rows = committed.read_text().splitlines()
    changed = tmp_path / "changed.csv"
    changed.write_text("\n".join([*rows[:-1], rows[-1].replace("1", "2")]))
    found = differences(changed, committed)
    assert found.status == "differs"
    assert {one.place for one in found.differences} <= {"offset", "ratio"}
    assert {one.row for one in found.differences} == {len(rows)}
    changed.write_text("\n".join(rows[:-1]))
    assert differences(changed, committed).differences[0].place == "names or number of rows"
    assert differences(committed, committed).status == "identical"


@pytest.mark.parametrize(
    ("one", "other", "place"),
    [
        ({"a": [1.0, {"b": 2}]}, {"a": [1.0, {"b": 2.1}]}, "a[1].b"),
        ({"a": True}, {"a": 1}, "a"),
        ({"a": "x"}, {"a": "y"}, "a"),
        ({"a": None}, {"a": 0.0}, "a"),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, "a"),
        ({"a": [1]}, {"a": [1, 2]}, "a"),
        ({"a": 1e-20}, {"a": 1e-6}, "a"),
    ],
)
def test_changed_facts_are_noticed(tmp_path, one, other, place):
    for name, content in (("one", one), ("other", other)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "facts.json").write_text(json.dumps(content))
    found = differences(tmp_path / "one" / "facts.json", tmp_path / "other" / "facts.json")
    assert [one.place for one in found.differences] == [place]
    expected = Tolerance(rounding={"facts.json": (place.split("[")[0],)})
    assert (
        differences(tmp_path / "one" / "facts.json", tmp_path / "other" / "facts.json", expected).status
        == "differs as expected"
    )


def test_a_changed_picture_is_noticed(tmp_path):
    image = pytest.importorskip("PIL.Image")
    one, other = (FIGURES / f"{name}.png" for name in ("worst_case_edge", "worst_case_window"))
    found = differences(one, other)
    assert found.status == "differs"
    assert found.differences[0].by > 5 * ALLOWED.picture
    picture = image.open(one).convert("L")
    picture.paste(0, (300, 300, 330, 330))  # as small as a marker of a legend
    picture.save(tmp_path / "marked.png")
    assert differences(tmp_path / "marked.png", one).differences[0].by > ALLOWED.picture
    shaded = np.asarray(image.open(one).convert("L")).copy()
    shaded[0, 0] ^= 1
    image.fromarray(shaded).save(tmp_path / "shaded.png")
    assert differences(tmp_path / "shaded.png", one).status == "within tolerance"


PAGE = """# Title

Prose with 3.14 and 2 numbers,
over two lines.

| a | 1.00 |
| b † | 2e+05 |
"""


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("3.14", "3.14", "identical"),
        ("3.14", "3.15", "within tolerance"),  # one unit in the last digit
        ("3.14", "3.16", "differs"),
        ("and 2 numbers", "and 3 numbers", "differs"),  # a count
        ("numbers,\nover", "numbers, over", "within tolerance"),  # a break elsewhere
        ("Prose", "Words", "differs"),
        ("| a | 1.00 |\n", "", "differs"),
        ("2e+05", "7e+09", "differs as expected"),
        ("1.00", "1.02", "differs"),
    ],
)
def test_pages_are_compared_number_by_number(tmp_path, old, new, status):
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "computed.md").write_text(PAGE.replace(old, new))
    assert differences(tmp_path / "computed.md", tmp_path / "page.md", document("page.md")).status == status


def test_a_page_that_says_something_else_is_told_from_other_digits(tmp_path):
    (tmp_path / "page.md").write_text(PAGE)
    for new, reworded in (("7e+09", False), ("none", True)):
        (tmp_path / "computed.md").write_text(PAGE.replace("2e+05", new))
        found = differences(tmp_path / "computed.md", tmp_path / "page.md", document("page.md"))
        assert found.is_reworded == reworded
        assert found.status == "differs as expected"
