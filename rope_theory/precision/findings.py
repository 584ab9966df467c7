"""What an audit can find in a model's rotary tables, and the records it is told in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rope_theory._core.records import Record, Table

FINDINGS: Mapping[str, str] = {
    "exact to float32": "the table is the described one, up to the rounding of float32",
    "rounded to bfloat16": "every value is the described one rounded to bfloat16, whatever dtype it is kept in",
    "rounded to float16": "every value is the described one rounded to float16, whatever dtype it is kept in",
    "wrong base": "the table of another rope_theta, see fitted_base",
    "wrong scaling factor": "every value is the described one divided by one number, see fitted_factor",
    "scaling not applied": "the table is the unscaled one, and the config describes a scaling",
    "attention scaling differs": "the frequencies are right, cos and sin are multiplied by another number",
    "uninitialised": "zeros, NaN, infinity, negative numbers or no order: memory nobody wrote a table to",
    "missing": "the module keeps only half of a table, or the original of one, and not what it would use",
    "wrong shape": "another number of pairs than described, or no table at all",
    "different table": "ordinary numbers that none of the above explains",
    "half-cast": "some of the model's tables are kept in bfloat16 or float16 and some are not",
    "not compared": "this package reads no frequencies for this module from its config",
}
"""What an audit can find, and what it means; "half-cast" is said of the model, the others of one table."""

HEALTHY = frozenset({"exact to float32", "not compared"})

NARROW = frozenset({"bfloat16", "float16"})
"""dtypes that a rotary table suffers from."""


@dataclass(frozen=True)
class AuditRow(Record):
    """One table of one module.

    Attributes
    ----------
    name : str
        Path of the table in the model.
    layer_type : str or None
        The layers it belongs to, in a model with several tables.
    dtype : str
        The dtype it is kept in, "float32 and bfloat16" for cosines and sines that differ; empty where it is missing.
    device : str
        Where it lies; empty where it is missing.
    pairs : int
        Number of frequencies.
    reference_length : int or None
        Sequence length whose described table it was compared with, for scalings that depend on it; None is the
        trained window.
    frequency_error : float or None
        Largest relative difference of the frequencies; infinite where a pair that stands still moves; None where
        nothing could be compared.
    phase_error : float or None
        Phase error at the last trained offset, L − 1, in radians: of a table of frequencies the part that these cause
        (the rounding of the products comes on top), of cosines and sines the largest up to there; None where nothing
        could be compared.
    attention_scaling, described_scaling : float or None
        Factor on cos and sin in the module (None where it has none), and as the config describes it.
    fitted_base, fitted_factor : float or None
        The rope_theta that explains a wrong base (of several that give the same rounded table, the shortest), and the
        number the described frequencies are divided by.
    finding : str
        A key of ``FINDINGS``.
    remark : str
        What the finding means here; empty where there is nothing to add.
    """

    name: str
    layer_type: str | None
    dtype: str
    device: str
    pairs: int
    reference_length: int | None
    frequency_error: float | None
    phase_error: float | None
    attention_scaling: float | None
    described_scaling: float | None
    fitted_base: float | None
    fitted_factor: float | None
    finding: str
    remark: str = ""


@dataclass(frozen=True)
class Audit(Table):
    """The rotary tables of a model, one row per table.

    Attributes
    ----------
    rows : tuple of AuditRow
        In the order of the model's modules.
    findings : tuple of str
        Keys of ``FINDINGS`` that are no healthy ones, each once; "half-cast" among them where dtypes differ.
    """

    rows: tuple[AuditRow, ...]
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every table that could be compared is the described one."""
        return not self.findings

    @property
    def verdict(self) -> str:
        """One sentence: what was found, where, and what it costs at the last trained offset."""
        compared = [row for row in self.rows if row.finding != "not compared"]
        left = len(self.rows) - len(compared)
        count = f"{len(compared)} rotary table{'s' if len(compared) != 1 else ''} compared"
        if left:
            count += f" ({left} not compared)"
        if self.ok:
            return f"{count}: all exact to float32."
        parts = []
        for finding in self.findings:
            where = [row for row in self.rows if row.finding == finding]
            if finding == "half-cast":
                parts.append(f"half-cast ({', '.join(sorted({row.dtype for row in compared}))})")
                continue
            worst = max((row.phase_error for row in where if row.phase_error is not None), default=None)
            cost = "" if worst is None else f", {worst:.2g} rad off at the last trained offset"
            parts.append(f"{finding} ({len(where)} of {len(compared)}, first {where[0].name}{cost})")
        return f"{count}: {'; '.join(parts)}."
