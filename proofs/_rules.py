"""What the ways of deciding a step have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from proofs._claims import Claim
from rope_theory._core.records import Record

Verdict = Literal["holds", "fails", "undecided", "quoted"]
Method = Literal["symbolic", "boxes", "quoted"]


@dataclass(frozen=True)
class Premises:
    """What a step may use: hypotheses and earlier steps by name, taken as true.

    ``for_all`` has the letters of every value of which each of ``hypotheses`` speaks. Letters in ``fixed`` occur in a
    hypothesis, which speaks about them and not about all values: they stay as they are.
    """

    claims: Mapping[str, Claim]
    hypotheses: tuple[Claim, ...] = ()
    fixed: frozenset[Any] = frozenset()
    for_all: tuple[frozenset[Any], ...] = ()


@dataclass(frozen=True)
class Decision(Record):
    """A verdict, and where the claim fails or why it is not decided, in words."""

    verdict: Verdict
    witness: str = ""


class Rule(Protocol):
    """A way of deciding a claim, given the claims it may use."""

    @property
    def method(self) -> Method:
        """Symbolic algebra, ball arithmetic, or somebody's word."""

    @property
    def everywhere(self) -> bool:
        """Whether "holds" is about all values of the letters; else later steps may not use the claim."""

    @property
    def words(self) -> str:
        """What the rule does with the claim, for a reader."""

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Decide ``claim`` from ``premises``."""


@runtime_checkable
class Borrowing(Protocol):
    """A rule that takes its claim from another proof."""

    def hypotheses(self) -> tuple[tuple[Claim, frozenset[Any]], ...]:
        """Return the hypotheses the claim rests on there, each with the letters of every value of which it speaks."""


HOLDS = Decision("holds")
