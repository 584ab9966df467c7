"""A step that is the statement of another proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from proofs._claims import Claim
from proofs._rules import HOLDS, Decision, Method, Premises


@dataclass(frozen=True)
class Lemma:
    """The claim of a step of another proof, letter for letter; by default that of its conclusion."""

    proof: str
    step: str = ""
    method: Method = field(default="symbolic", init=False)
    everywhere: bool = field(default=True, init=False)

    @property
    def words(self) -> str:
        """Which proof."""
        return f"{self.step or 'the statement'} of {self.proof}"

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Compare the claims, and check the other proof."""
        from proofs import PROOFS, check  # a proof may use any other: known when it is asked

        other = PROOFS[self.proof]
        name = self.step or other.conclusion
        known = other[name].claim
        if claim != known:
            return Decision("undecided", f"this is not {self.words}: {known.latex()}")
        if not other[name].rule.everywhere:
            return Decision("undecided", f"{self.words} is shown on a box or at a point, not for all letters")
        made = set(zip(premises.hypotheses, premises.for_all, strict=True)) if premises.for_all else set()
        if missing := [claim.latex() for claim, for_all in self.hypotheses() if (claim, for_all) not in made]:
            return Decision("undecided", f"{self.proof} is proved under hypotheses not made here: {'; '.join(missing)}")
        found = check(self.proof)
        if not found.holds or found.quoted:  # quoted claims are about letters that would be free here
            problems = found.failing + found.undecided + found.quoted
            return Decision("undecided", f"{self.proof} is not proved in all its steps: {', '.join(problems)}")
        return HOLDS

    def hypotheses(self) -> tuple[tuple[Claim, frozenset[Any]], ...]:
        """Return the hypotheses the claim rests on, each with the letters of every value of which it speaks."""
        from proofs import PROOFS

        other = PROOFS[self.proof]
        found = other.resting_on(self.step or other.conclusion)
        return tuple((one.claim, frozenset(one.for_all)) for one in found if one.claim is not None)
