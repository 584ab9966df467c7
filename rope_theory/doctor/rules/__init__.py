"""What the doctor looks for: one function a rule, whose first line says what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rope_theory.doctor.case import Case
from rope_theory.doctor.finding import Finding
from rope_theory.doctor.rules import factors, keys, lengths, widths

RULES: Mapping[str, Callable[[Case], Iterator[Finding]]] = {
    rule.__name__: rule for rule in (*lengths.RULES, *keys.RULES, *factors.RULES, *widths.RULES)
}
"""Name → rule, in the order in which they are asked."""
