"""Records of a proof: hypotheses, steps, and what checking them found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from proofs._algebra import letters_of
from proofs._claims import Claim
from proofs._evaluate import evaluate
from proofs._rules import Borrowing, Decision, Method, Premises, Rule, Verdict
from proofs._symbolic import Words, check_uses, names_used
from proofs._trials import Trial, problem_of_example, tried
from rope_theory._core.balls import floats_around, working_precision
from rope_theory._core.optional import load
from rope_theory._core.records import Record, Table


@dataclass(frozen=True)
class Hypothesis(Record):
    """What has to hold for a proof, in words, and as a claim where steps use it.

    Attributes
    ----------
    words : str
        For a reader.
    name : str
        By which steps use it; empty where its letters' assumptions (positive, real) say it already.
    claim : Claim or None
        The same in SymPy.
    for_all : tuple
        Letters of which the hypothesis is about every value, as the index of a pair. The others are fixed.
    example : mapping
        Letter → what obeys the hypothesis; an indexed letter goes to a function of its index. Steps are tried at
        random values of what is left.
    """

    words: str
    name: str = ""
    claim: Claim | None = None
    for_all: tuple[Any, ...] = ()
    example: Mapping[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step(Record):
    """One claim of a proof and how it is decided.

    Attributes
    ----------
    name : str
        Unique within its proof.
    claim : Claim
        What is claimed, for all values of its letters.
    reason : str
        Why, in words.
    rule : Rule
        Decides it.
    note : str
        What else to know; starts with "harmless" for a step that fails and that nothing needs.
    """

    name: str
    claim: Claim
    reason: str
    rule: Rule
    note: str = ""


@dataclass(frozen=True)
class Row(Record):
    """What checking one step found.

    Attributes
    ----------
    step : str
    claim : str
        As LaTeX.
    verdict : {"holds", "fails", "undecided", "quoted"}
        About the step alone, given the earlier steps it uses.
    method : {"symbolic", "boxes", "quoted"}
    witness : str
        Where it fails, or why it is not decided.
    points : int
        Random points at which ball arithmetic did not contradict it; 0 where it has nothing to say.
    reason : str
        Why the step is claimed, in words.
    note : str
    """

    step: str
    claim: str
    verdict: Verdict
    method: Method
    witness: str
    points: int
    reason: str
    note: str


@dataclass(frozen=True)
class Checked(Table):
    """A proof after checking, a row a step.

    Attributes
    ----------
    proof : str
        Its name in ``PROOFS``.
    formula : str
        The statement in letters.
    rows : tuple of Row
        A row a step, in order.
    conclusion : str
        The step that is the statement.
    """

    proof: str
    formula: str
    rows: tuple[Row, ...]
    conclusion: str

    @property
    def holds(self) -> bool:
        """Whether every step holds or is quoted, and the conclusion holds."""
        concluded = any(row.step == self.conclusion and row.verdict == "holds" for row in self.rows)
        return concluded and all(row.verdict in ("holds", "quoted") for row in self.rows)

    @property
    def failing(self) -> tuple[str, ...]:
        """Names of the steps that are false."""
        return self._named("fails")

    @property
    def undecided(self) -> tuple[str, ...]:
        """Names of the steps that are neither shown nor refuted."""
        return self._named("undecided")

    @property
    def quoted(self) -> tuple[str, ...]:
        """Names of the steps that are taken from elsewhere, unchecked."""
        return self._named("quoted")

    def _named(self, verdict: Verdict) -> tuple[str, ...]:
        return tuple(row.step for row in self.rows if row.verdict == verdict)


@dataclass(frozen=True)
class ProofOverview(Record):
    """Proofs after checking."""

    proofs: tuple[Checked, ...]


@dataclass(frozen=True)
class Quoted:
    """Taken from a source and never counted as checked.

    Attributes
    ----------
    source : str
        Where it stands.
    method : str
        Always "quoted".
    everywhere : bool
        Always true: it is quoted for all values of its letters.
    """

    source: str
    method: Method = field(default="quoted", init=False)
    everywhere: bool = field(default=True, init=False)

    @property
    def words(self) -> str:
        """Where it stands."""
        return f"quoted, not checked: {self.source}"

    def decide(self, claim: Claim, premises: Premises) -> Decision:
        """Say that it is quoted."""
        return Decision("quoted", self.source)


@dataclass(frozen=True)
class Proof(Record):
    """A derivation, step by step.

    Attributes
    ----------
    name : str
        As in ``bounds.CATALOGUE`` where the bound stands there.
    formula : str
        The statement in letters, as in the catalogue.
    hypotheses : tuple of Hypothesis
    steps : tuple of Step
        In an order in which each uses earlier ones only.
    conclusion : str
        Name of the step that is the statement; those after it are remarks, such as that it is attained.
    source : str
        Where the statement stands.
    """

    name: str
    formula: str
    hypotheses: tuple[Hypothesis, ...]
    steps: tuple[Step, ...]
    conclusion: str
    source: str

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps] + [one.name for one in self.hypotheses if one.name]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"Steps and hypotheses of {self.name!r} need names of their own, repeated: {repeated}.")
        if self.conclusion not in [step.name for step in self.steps]:
            raise ValueError(f"conclusion must be one of the steps of {self.name!r}, got {self.conclusion!r}.")
        if alike := self._printed_alike():
            raise ValueError(f"Different letters of {self.name!r} are printed alike: {', '.join(alike)}.")
        if unnamed := [one.words for one in self.hypotheses if one.claim is not None and not one.name]:
            raise ValueError(f"Hypotheses with a claim need a name, without one: {unnamed}.")

    def _printed_alike(self) -> list[str]:
        """Return names that stand for letters with different assumptions."""
        sympy = load("sympy", "certify")
        claims = [one.claim for one in self.hypotheses if one.claim is not None] + [step.claim for step in self.steps]
        sides = sympy.Tuple(*(side for claim in claims for side in (claim.left, claim.right)))
        bases = sides.atoms(sympy.IndexedBase)
        letters = (sides.atoms(sympy.Symbol) - {base.label for base in bases}) | bases
        names = [str(letter) for letter in letters]
        return sorted({name for name in names if names.count(name) > 1})

    def __getitem__(self, name: str) -> Step:
        """Return a step by name."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(f"The proof of {self.name!r} has no step {name!r}; it has {[step.name for step in self.steps]}.")

    @property
    def statement(self) -> Claim:
        """What is proved: the claim of the conclusion, by construction one of the checked steps."""
        return self[self.conclusion].claim

    def sides(self, values: Mapping[str, Any], bits: int = 128) -> tuple[float, float]:
        """Return both sides of the statement at given values of its letters, from ball arithmetic.

        Parameters
        ----------
        values : mapping of str to number or sequence
            By the names SymPy prints: a number for a letter, a sequence for an indexed letter (zero where it ends).
            Floats are taken as exact.
        bits : int
            Working precision.

        Returns
        -------
        tuple of two floats
            Left and right side, rounded.

        Raises
        ------
        ValueError
            For a letter without a value, or a value for what is not a letter of the statement.
        """
        letters = {str(letter): letter for letter in _letters(self.statement)}
        if set(values) != set(letters):
            raise ValueError(
                f"The statement of {self.name!r} has the letters {', '.join(sorted(letters))}; "
                f"got values for {', '.join(sorted(values)) or 'none'}."
            )
        sympy = load("sympy", "certify")
        with working_precision(bits) as flint:
            placed = {}
            for name, letter in letters.items():
                value = values[name]
                placed[letter] = _entry(value, flint) if isinstance(letter, sympy.IndexedBase) else flint.arb(value)
            balls = [evaluate(side, placed, flint) for side in (self.statement.left, self.statement.right)]
            left, right = (sum(floats_around(ball)) / 2 for ball in balls)
        return left, right

    def hypotheses_of(self, name: str) -> tuple[Claim, ...]:
        """Return the hypotheses on which a step rests, through the steps and the other proofs it uses.

        Parameters
        ----------
        name : str

        Returns
        -------
        tuple of Claim

        Raises
        ------
        KeyError
            For a name that is no step.
        """
        return tuple(one.claim for one in self.resting_on(name) if one.claim is not None)

    def resting_on(self, name: str) -> tuple[Hypothesis, ...]:
        """Return the same as ``hypotheses_of``, with their words.

        Parameters
        ----------
        name : str

        Returns
        -------
        tuple of Hypothesis

        Raises
        ------
        KeyError
            For a name that is no step.
        """
        steps = {step.name: step for step in self.steps}
        needed, waiting = {self[name].name}, {name}
        while waiting:
            used = {other for one in waiting if one in steps for other in names_used(steps[one].rule)}
            waiting = used - needed
            needed |= used
        lemmas = [steps[one].rule for one in needed if one in steps]
        elsewhere = {pair for rule in lemmas if isinstance(rule, Borrowing) for pair in rule.hypotheses()}
        own = [one for one in self.hypotheses if one.claim is not None]
        return tuple(one for one in own if one.name in needed or (one.claim, frozenset(one.for_all)) in elsewhere)

    def check(self) -> Checked:
        """Decide every step.

        A step whose claim is false at one of a few random points fails, whatever its rule says; it holds only when
        its rule says so. A verdict is about the step alone, given the earlier steps it names.

        Returns
        -------
        Checked

        Raises
        ------
        ValueError
            For a step that uses a name that does not stand before it, or uses a claim where its letters may not go.
        ModuleNotFoundError
            Without the extra ``certify``.
        """
        rows = tuple(self.check_step(step.name) for step in self.steps)
        return Checked(self.name, self.formula, rows, self.conclusion)

    def check_step(self, name: str) -> Row:
        """Decide one step, given the hypotheses and the steps before it.

        Parameters
        ----------
        name : str

        Returns
        -------
        Row

        Raises
        ------
        KeyError
            For a name that is no step.
        ValueError
            As ``check``.
        """
        step, claims = self[name], {one.name: one.claim for one in self.hypotheses if one.claim is not None}
        hypotheses, fixed = tuple(claims.values()), set()
        for_all = tuple(frozenset(one.for_all) for one in self.hypotheses if one.claim is not None)
        for one in self.hypotheses:
            if one.claim is not None:
                fixed |= _letters(one.claim) - set(one.for_all)
        for earlier in self.steps[: self.steps.index(step)]:
            if earlier.rule.everywhere:
                claims[earlier.name] = earlier.claim
            if earlier.rule.method == "quoted":
                fixed |= _letters(earlier.claim)  # the source speaks of these letters, not of any values
        example = {letter: value for one in self.hypotheses for letter, value in one.example.items()}
        row = _checked(step, Premises(claims, hypotheses, frozenset(fixed), for_all), example)
        problem = ""
        if row.method == "symbolic" and row.verdict in ("holds", "fails"):
            problem = _problem_of_example(self.hypotheses)
        if row.verdict == "holds" and name == self.conclusion and not step.rule.everywhere:
            problem = "shown on a box only, which is not the statement"
        return replace(row, verdict="undecided", witness=problem, points=0) if problem else row

    def latex(self) -> str:
        """Return the whole proof as LaTeX: statement, hypotheses, steps with their reasons."""
        lines = [rf"\paragraph{{{_prose(self.name)}}}", rf"\[ {self.statement.latex()} \]"]
        lines += [_prose(f"Source: {self.source}.")]
        if self.hypotheses:
            lines += [r"\begin{itemize}", *(_hypothesis(one) for one in self.hypotheses), r"\end{itemize}"]
        lines += [r"\begin{enumerate}"]
        for step in self.steps:
            lines += [rf"\item \emph{{{_prose(step.name)}.}} {_prose(step.reason)} ({_prose(step.rule.words)})"]
            lines += [rf"\[ {step.claim.latex()} \]"] + ([_prose(step.note)] if step.note else [])
        return "\n".join([*lines, r"\end{enumerate}"])


_PROBLEMS: dict[tuple[int, ...], tuple[tuple[Hypothesis, ...], str]] = {}
"""Identities of hypotheses → these, which keeps them alive, and what is wrong with their example."""


def _problem_of_example(hypotheses: tuple[Hypothesis, ...]) -> str:
    key = tuple(map(id, hypotheses))
    if key not in _PROBLEMS:
        claims = [one.claim for one in hypotheses if one.claim is not None]
        example = {letter: value for one in hypotheses for letter, value in one.example.items()}
        _PROBLEMS[key] = hypotheses, problem_of_example(claims, example)
    return _PROBLEMS[key][1]


def _checked(step: Step, premises: Premises, example: Mapping[Any, Any]) -> Row:
    check_uses(step.rule, premises)
    trial = tried(step.claim, example) if step.rule.method == "symbolic" else Trial(0)
    # a counterexample is believed before any rule, and found sooner
    decision = Decision("fails", trial.witness) if trial.witness else step.rule.decide(step.claim, premises)
    numbers = step.claim.left.is_commutative and step.claim.right.is_commutative
    if decision.verdict == "holds" and not numbers and not isinstance(step.rule, Words):
        decision = Decision("undecided", "letters that do not commute are for products of matrices")
    return Row(
        step=step.name,
        claim=step.claim.latex(),
        verdict=decision.verdict,
        method=step.rule.method,
        witness=decision.witness,
        points=trial.points,
        reason=step.reason,
        note=step.note,
    )


def _letters(claim: Claim) -> set[Any]:
    return letters_of(claim.left, claim.right)


def _entry(sequence: Any, flint: Any) -> Callable[[int], Any]:
    entries = [float(value) for value in sequence]
    return lambda index: flint.arb(entries[index] if index < len(entries) else 0)


def _hypothesis(one: Hypothesis) -> str:
    return rf"\item {_prose(one.words)}" + (rf": \( {one.claim.latex()} \)" if one.claim is not None else "")


_LATEX = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "^": r"\^{}",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "{": r"\{",
    "}": r"\}",
}


def _prose(text: str) -> str:
    """Return text for LaTeX with Unicode letters, as XeLaTeX and LuaLaTeX read them."""
    return "".join(_LATEX.get(character, character) for character in text)
