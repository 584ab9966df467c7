"""The errata page: every refuted and corrected claim, with what is true instead and a command."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from experiments.parts import ROOT
from paper_repro import claims, errata

PAGE = (ROOT / "docs" / "errata.md").read_text(encoding="utf-8")
RECORDED = {entry["id"]: entry for entry in claims.recorded()}


def test_every_refuted_or_corrected_claim_stands_there():
    wrong = {name for name, entry in RECORDED.items() if entry["verdict"] in ("refuted", "corrected")}
    named = set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE))
    assert wrong <= named
    assert named == {name for name, entry in RECORDED.items() if entry["verdict"] in errata.SECTIONS}
    for name in wrong:
        assert f"- Instead: {RECORDED[name]['instead']}" in PAGE


def test_every_command_names_a_claim():
    assert set(re.findall(r"claims --only (\w+)`", PAGE)) <= set(RECORDED)


def test_one_claim_is_recomputed_and_nothing_written():
    places = [ROOT / "figures" / "claims.json", ROOT / "docs" / "claims.md", ROOT / "docs" / "errata.md"]
    before = [place.read_bytes() for place in places]
    done = subprocess.run(
        [sys.executable, "-m", "paper_repro", "claims", "--only", "unit_cell_constant"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "d/256.11" in done.stdout
    assert "corrected" in done.stdout
    assert [place.read_bytes() for place in places] == before


def test_the_page_follows_the_verdict():
    row = claims.recompute(RECORDED["unit_cell_constant"])
    assert "## Corrected\n\n### unit_cell_constant" in errata.page(claims.Ledger((row,)))
    changed = replace(row, finding=replace(row.finding, verdict="holds"))
    assert "unit_cell_constant" not in errata.page(claims.Ledger((changed,)))


def test_a_correction_without_what_is_true_is_refused(monkeypatch, tmp_path):
    text = re.sub(r'^instead = "16 times.*$', "", claims.LEDGER.read_text(), flags=re.MULTILINE)
    monkeypatch.setattr(claims, "LEDGER", tmp_path / "claims.toml")
    claims.LEDGER.write_text(text)
    with pytest.raises(ValueError, match="up_to_32_times: what is refuted or corrected"):
        claims.recorded()
