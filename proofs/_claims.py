"""What a step claims: two SymPy expressions and a relation between them, kept as written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rope_theory._core.optional import load
from rope_theory._core.records import Record

Relation = Literal["=", "≤", "<", "≥", ">"]

_NAMES = {"=": "Eq", "≤": "Le", "<": "Lt", "≥": "Ge", ">": "Gt"}


@dataclass(frozen=True)
class Claim(Record):
    """Left side, relation, right side; SymPy is not allowed to evaluate it, so that what is checked is what is printed.

    It is claimed for all values of its letters that their SymPy assumptions (real, positive, …) allow.
    """

    left: Any
    relation: Relation
    right: Any

    def __post_init__(self) -> None:
        if self.relation not in _NAMES:
            raise ValueError(f"relation must be one of {' '.join(_NAMES)}, got {self.relation!r}.")
        sympy = load("sympy", "certify")
        object.__setattr__(self, "left", sympy.sympify(self.left))
        object.__setattr__(self, "right", sympy.sympify(self.right))
        for side in (self.left, self.right):
            if side.has(sympy.Float):
                raise ValueError(f"A claim is exact: write rational numbers instead of the floats in {side}.")

    @property
    def is_equation(self) -> bool:
        """Whether the relation is equality."""
        return self.relation == "="

    @property
    def is_strict(self) -> bool:
        """Whether the relation excludes equality."""
        return self.relation in "<>"

    @property
    def slack(self) -> Any:
        """What has to be zero (=), at least zero (≤, ≥) or positive (<, >) for the claim to hold."""
        return self.right - self.left if self.relation in "≤<" else self.left - self.right

    @property
    def relational(self) -> Any:
        """The claim as an unevaluated SymPy relational."""
        return getattr(load("sympy", "certify"), _NAMES[self.relation])(self.left, self.right, evaluate=False)

    def at(self, values: Mapping[Any, Any]) -> Claim:
        """Return the claim with letters replaced, all at once."""
        return Claim(self.left.xreplace(dict(values)), self.relation, self.right.xreplace(dict(values)))

    def latex(self) -> str:
        """Return the claim as LaTeX."""
        text: str = load("sympy", "certify").latex(self.relational)
        return text
