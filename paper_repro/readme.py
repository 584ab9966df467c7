"""The generated parts of README.md: text between two markers is replaced, everything else is left alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from paper_repro import files
from paper_repro.claims import Ledger
from rope_theory.bounds import CATALOGUE


def replaced(text: str, name: str, content: str) -> str:
    """Return ``text`` with what stands between the markers ``name:begin`` and ``name:end`` replaced."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"README.md must contain the markers {begin} and {end} exactly once, in this order.")
    return pattern.sub(lambda _: f"{begin}\n\n{content.strip()}\n\n{end}", text)


def check(readme: Path) -> None:
    """Raise when ``readme`` lacks the markers of a generated part."""
    for name in ("claims", "statements"):
        replaced(readme.read_text(), name, "")


def between(text: str, name: str) -> str:
    """Return what stands between the markers of ``name``."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    return text.split(begin, 1)[1].split(end, 1)[0].strip()


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a Markdown table; vertical bars inside cells are escaped."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def claims_table(ledger: Ledger) -> str:
    """Return the claims ledger as Markdown."""
    rows = [
        (row.place, row.claim, f"**{row.finding.verdict}**", number(row.finding.number, row.reproducible),
         row.finding.witness)
        for row in ledger.rows
    ]  # fmt: skip
    return table(("place", "claim", "verdict", "recomputed", "witness"), rows)


def number(text: str, reproducible: bool) -> str:
    """Return a recomputed number, marked with a dagger when other processors give other digits."""
    return text if reproducible else f"{text} †"


def statements_table() -> str:
    """Return the catalogue of bounds as Markdown."""
    rows = [
        (f"`bounds.{name}`", f"{entry.formula}", entry.relation, f"**{entry.evidence}**"
         if entry.evidence == "refuted" else entry.evidence, "; ".join(entry.hypotheses))
        for name, entry in CATALOGUE.items()
    ]  # fmt: skip
    return table(("function", "statement", "relation", "evidence", "hypotheses"), rows)


def update(readme: Path, ledger: Ledger) -> None:
    """Rewrite the generated parts of ``readme``."""
    text = readme.read_text()
    text = replaced(text, "claims", claims_table(ledger))
    text = replaced(text, "statements", statements_table())
    files.write(readme, text.encode())
