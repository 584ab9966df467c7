"""Each claim is recomputed; verdicts, the pages and the published numbers agree with the recomputation."""

import copy
import json

import numpy as np
import pytest

from experiments.parts import ROOT
from experiments.settings import CONFIG
from paper_repro import claims, pages, published
from paper_repro.conditioning import condition_number
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled

ENTRIES = claims.recorded()


@pytest.fixture(scope="module")
def ledger():
    return claims.Ledger(tuple(claims.recompute(entry, remembered=True) for entry in ENTRIES))


def test_every_verdict_comes_out_as_recorded(ledger):
    assert ledger.disagreements == ()


def test_the_page_is_todays_recomputation(ledger):
    on_page = pages.between((ROOT / "docs" / "claims.md").read_text(), "claims").splitlines()
    today = pages.claims_table(ledger).splitlines()
    assert len(on_page) == len(today)
    for row, line_then, line_now in zip((None, None, *ledger.rows), on_page, today, strict=True):
        if row is None or row.reproducible:
            assert line_then == line_now
        else:  # rounding of a solver: the verdict is compared, the digits are not
            assert line_then.split(" | ")[:3] == line_now.split(" | ")[:3]


def test_a_changed_number_on_the_page_is_noticed(ledger):
    text = (ROOT / "docs" / "claims.md").read_text()
    table = pages.claims_table(ledger)
    assert "0.493876" in table
    assert pages.between(text.replace("0.493876", "0.493877"), "claims") != table


def test_the_page_of_statements_is_the_catalogue():
    today = pages.between((ROOT / "docs" / "statements.md").read_text(), "statements") == pages.statements_table()
    assert today, "docs/statements.md is out of date: make figures"


def test_stored_ledger_has_the_recorded_verdicts():
    rows = json.loads((ROOT / "figures" / "claims.json").read_text())["rows"]
    assert {row["id"]: row["finding"]["verdict"] for row in rows} == {
        entry["id"]: entry["verdict"] for entry in ENTRIES
    }


def test_the_committed_ledger_holds_todays_numbers(ledger):
    found = claims.compare(ledger, ROOT / "figures" / "claims.json")
    assert found.status in {"identical", "within tolerance", "differs as expected"}, found.differences
    assert sum(len(row.finding.numbers) for row in ledger.rows) > 100


@pytest.mark.parametrize(
    ("claim", "number", "key"),
    [("unit_cell_constant", "sharp", "computed"), ("unit_cell_constant", "sharp", "published")],
)
def test_a_changed_committed_number_is_noticed(ledger, tmp_path, claim, number, key):
    content = json.loads((ROOT / "figures" / "claims.json").read_text())
    stored = next(row for row in content["rows"] if row["id"] == claim)["finding"]["numbers"][number]
    if key == "published":
        stored["published"]["value"] += stored["published"]["precision"]
    else:
        stored["computed"] *= 1 + 2 * stored["relative"]
    (tmp_path / "claims.json").write_text(json.dumps(content))
    found = claims.compare(ledger, tmp_path / "claims.json")
    assert found.status == "differs"
    assert [one.place for one in found.differences] == [
        f"{claim}, {number}.{key}" + (".value" if key == "published" else "")
    ]


@pytest.mark.parametrize("damage", [None, "{", "[]", '{"rows": [{"id": 3}]}'])
def test_a_missing_or_damaged_ledger_differs(ledger, tmp_path, damage):
    if damage is not None:
        (tmp_path / "claims.json").write_text(damage)
    assert claims.compare(ledger, tmp_path / "claims.json").status == "differs"


@pytest.mark.parametrize(
    ("claim", "name", "printed", "verdict"),
    [
        ("unit_cell_constant", "unit_cell_divisor", "250", "holds"),
        ("six_hundred_times", "bound_ratio", "100", "holds"),
        ("abel_sum_at_least_d", "abel_sum_over_d", "0.1", "holds"),
        ("up_to_32_times", "extension", "16", "holds"),
        ("beyond_8000", "largest_beyond", "1e300", "refuted"),
    ],
)
def test_verdicts_follow_the_published_number(monkeypatch, claim, name, printed, verdict):
    content = copy.deepcopy(published._content())
    next(entry for entry in content["number"] if entry["id"] == name)["printed"] = printed
    monkeypatch.setattr(published, "_content", lambda: content)
    entry = next(entry for entry in ENTRIES if entry["id"] == claim)
    row = claims.recompute(entry)
    assert row.finding.verdict == verdict != entry["verdict"]
    assert claims.Ledger((row,)).disagreements == (claim,)


def test_sentences_are_filled_from_the_numbers():
    finding = claims.measured("holds", a=1.25, b=None, c="words")
    worded = finding.worded("{a:.1f}⟦, {b:g} more⟧ ⟦{b:g}‖none⟧ ⟦{a:g}‖none⟧", "{c} {{x}}")
    assert (worded.number, worded.witness) == ("1.2 none 1.25", "words {x}")
    with pytest.raises(KeyError, match="missing"):
        finding.worded("{missing}", "")


def test_a_wrong_record_is_a_disagreement():
    entry = next(entry for entry in ENTRIES if entry["id"] == "theorem_2_1") | {"verdict": "holds"}
    assert claims.Ledger((claims.recompute(entry),)).disagreements == ("theorem_2_1",)


def test_unknown_verdicts_and_missing_claims_are_refused(monkeypatch, tmp_path):
    text = claims.LEDGER.read_text()
    broken = tmp_path / "claims.toml"
    broken.write_text(text.replace('verdict = "refuted"', 'verdict = "doubtful"', 1))
    monkeypatch.setattr(claims, "LEDGER", broken)
    with pytest.raises(ValueError, match="doubtful"):
        claims.recorded()
    broken.write_text(text.replace('id = "theorem_2_1"', 'id = "another"', 1))
    with pytest.raises(ValueError, match="theorem_2_1"):
        claims.recorded()


@pytest.mark.parametrize(
    ("name", "numbers"),
    [  # theory.md's reference values, found by other means than the package
        ("theorem_2_1", ["0.493876", "0.434294", "1.137"]),
        ("theorem_2_1_elsewhere", ["1012 of 1012", "d = 512"]),
        ("figure_2_shows_the_fit", ["-11.98 at s = 2049", "-4.06e+10 at 2100", "3.445e+61 at 4095", "1.74e+122"]),
        ("proof_exponential_inequality", ["0.74989", "0.71218"]),
        ("proof_reciprocal", ["3.9983", "3.474"]),
        ("unit_cell_constant", ["294.73"]),
        ("abel_sum_at_least_d", ["4861", "0.99598", "1.1159"]),
        ("six_hundred_times", ["128.1", "129.6", "147.4"]),
        ("up_to_32_times", ["16×"]),
    ],
)
def test_numbers_are_the_reference_values(ledger, name, numbers):
    row = next(row for row in ledger.rows if row.id == name)
    for number in numbers:
        assert number in row.finding.number


def test_the_witness_on_unit_cells_ends_where_the_theory_says(ledger):
    row = next(row for row in ledger.rows if row.id == "theorem_2_1_elsewhere")
    for end in ("d = 866 (c = 100)", "d = 1748 (c = 10000)", "d = 2490 (c = 500000)"):
        assert end in row.finding.witness


def test_markers_must_be_there_once():
    with pytest.raises(ValueError, match="claims:begin"):
        pages.replaced("no markers", "claims", "x", "page.md")
    assert pages.replaced("a <!-- x:begin --> old <!-- x:end --> b", "x", "new", "page.md").split() == (
        ["a", "<!--", "x:begin", "-->", "new", "<!--", "x:end", "-->", "b"]
    )


def test_condition_number_agrees_with_float64_where_float64_can_see_it():
    config = RopeConfig(8, 100.0, 64)
    theta = Unscaled().frequencies(config).theta
    phases = np.outer(np.arange(64.0), theta)
    expected = np.linalg.cond(np.concatenate([np.cos(phases), np.sin(phases)], axis=1))
    assert condition_number(config) == pytest.approx(expected, rel=1e-9)


def test_condition_number_of_the_papers_design():
    assert f"{condition_number(CONFIG):.2e}" == "3.69e+125"
