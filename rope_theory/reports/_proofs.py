"""Proofs after checking, as a report; their record is made by ``proofs``, which lies beside the package."""

from __future__ import annotations

from typing import Any

from rope_theory.reports._blocks import Block, Grid, Heading
from rope_theory.reports._report import Report


def proofs_report(found: Any) -> Report:
    """Return what checking proofs found as a report: a row per proof, and of a single one a row per step."""
    rows = tuple((one.proof, len(one.rows), _verdict(one), one.formula) for one in found.proofs)
    failing = frozenset(number for number, one in enumerate(found.proofs) if not one.holds)
    blocks: list[Block] = [Grid(("proof", "steps", "verdict", "statement"), rows, "lrlw", failing)]
    if len(found.proofs) == 1:
        steps = found.proofs[0].rows
        verdicts = tuple((row.step, row.verdict, row.method, _why(row)) for row in steps)
        failing = frozenset(number for number, row in enumerate(steps) if row.verdict == "fails")
        blocks += [Heading("Steps"), Grid(("step", "verdict", "by", "why"), verdicts, "lllw", failing)]
    return Report("Proofs, checked step by step", tuple(blocks))


def _verdict(checked: Any) -> str:
    if checked.holds:
        return f"holds, {len(checked.quoted)} quoted" if checked.quoted else "holds"
    return "FAILS" if checked.failing else "undecided"


def _why(row: Any) -> str:
    return "; ".join(part for part in (row.witness or row.reason, row.note) if part)
