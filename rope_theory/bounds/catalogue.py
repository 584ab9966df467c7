"""What each bound means: hypotheses, relation, evidence, source, and a witness that can be run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from rope_theory._core.records import Record
from rope_theory.bounds import _abel, _attention_shift, _sampling, _triangle
from rope_theory.bounds import chord as _chord
from rope_theory.coefficients import adversarial, aligned
from rope_theory.config import RopeConfig
from rope_theory.scaling import Unscaled
from rope_theory.scores import attention_score

Relation = Literal["tight", "upper"]
Evidence = Literal["proved", "published", "refuted", "observed"]


@dataclass(frozen=True)
class Evaluation(Record):
    """What a witness reaches, and what the statement allows there."""

    reached: float
    allowed: float

    @property
    def violates(self) -> bool:
        """Whether the statement fails at the witness, beyond rounding."""
        return self.reached > self.allowed * (1.0 + 1e-12)


@dataclass(frozen=True)
class Witness(Record):
    """A concrete case in words, and ``evaluate()``, which computes it.

    Attributes
    ----------
    description : str
        The case, in words.
    evaluate : callable
        Returns what it reaches and what the statement allows, an ``Evaluation``.
    """

    description: str
    evaluate: Callable[[], Evaluation]


@dataclass(frozen=True)
class Statement(Record):
    """One entry of the catalogue.

    Attributes
    ----------
    function : callable
        Computes the bound.
    formula : str
        The statement, in letters.
    hypotheses : tuple of str
        What has to hold for it.
    relation : {"tight", "upper"}
        "tight" when the witness attains it, "upper" when it is only never exceeded (or claimed so).
    evidence : {"proved", "published", "refuted", "observed"}
        How it is known. "published" and "refuted" forms are kept because people look for them.
    source : str
        Where it stands, with version and equation.
    witness : Witness or None
        Attains a tight bound, violates a refuted one.
    """

    function: Callable[..., Any]
    formula: str
    hypotheses: tuple[str, ...]
    relation: Relation
    evidence: Evidence
    source: str
    witness: Witness | None = None


_PAPER_CONFIG = RopeConfig(head_dim=128, base=10000.0, context_length=2048)


def excess_over_chord(h: Any, theta: Any, s: float, s1: float, s2: float) -> float:
    """Return a(s) − (1−λ)a(s1) − λa(s2), whose modulus the chord bounds limit; h (P,), offsets in tokens."""
    share = (s - s1) / (s2 - s1)
    here, left, right = attention_score(h, theta, np.array([s, s1, s2]))
    return float(here - (1 - share) * left - share * right)


def _triangle_witness() -> Evaluation:
    theta = Unscaled().frequencies(_PAPER_CONFIG)
    h = aligned(theta, at=3000.25)
    return Evaluation(float(abs(attention_score(h, theta, 3000.25))), float(_triangle.triangle(h)))


def _chord_sharp_witness() -> Evaluation:
    theta = Unscaled().frequencies(_PAPER_CONFIG)
    h = adversarial(theta, 100.3)
    return Evaluation(
        abs(excess_over_chord(h, theta, 100.3, 100.0, 101.0)), float(_chord.chord_sharp(theta, 100.3, h=h))
    )


def _chord_published_witness() -> Evaluation:
    theta = Unscaled().frequencies(_PAPER_CONFIG)
    h = aligned(theta, at=0.5)  # h_j = e^{−iθ_j/2}
    return Evaluation(
        abs(excess_over_chord(h, theta, 0.5, 0.0, 1.0)), float(_chord.chord_published(_PAPER_CONFIG, 0.5))
    )


def _abel_witness() -> Evaluation:
    # summation by parts backwards: differences of modulus one, each turned against its partial sum
    theta, s = Unscaled().frequencies(_PAPER_CONFIG), 137.25
    partial = np.cumsum(np.exp(1j * s * theta.theta))
    h = np.cumsum((np.conj(partial) / np.abs(partial))[::-1])[::-1]
    return Evaluation(float(abs(attention_score(h, theta, s))), float(_abel.abel(h, theta, s)))


def _attention_shift_witness() -> Evaluation:
    delta = 0.7
    before = 1.0 / (1.0 + math.exp(delta))  # two classes, log-odds −δ
    after = 1.0 / (1.0 + math.exp(-delta))  # one logit raised by δ, the other lowered: log-odds +δ
    return Evaluation(after - before, float(_attention_shift.attention_shift(delta)))


CATALOGUE: Mapping[str, Statement] = MappingProxyType(
    {
        "triangle": Statement(
            function=_triangle.triangle,
            formula="|a(s)| ≤ Σ|h_j|",
            hypotheses=("any s", "a partly rotated head adds |C|"),
            relation="tight",
            evidence="proved",
            source="docs/theory.md, section 2",
            witness=Witness("h_j = e^{−isθ_j} at s = 3000.25, d = 128, c = 1e4", _triangle_witness),
        ),
        "chord_sharp": Statement(
            function=_chord.chord_sharp,
            formula="|a(s) − chord| ≤ Σ|h_j|·|e^{iλφ_j} − (1−λ) − λe^{iφ_j}|, φ_j = (s2−s1)θ_j",
            hypotheses=("s1 ≤ s ≤ s2", "any frequencies"),
            relation="tight",
            evidence="proved",
            source="docs/theory.md, section 3",
            witness=Witness("coefficients.adversarial at s = 100.3, d = 128, c = 1e4", _chord_sharp_witness),
        ),
        "chord_curvature": Statement(
            function=_chord.chord_curvature,
            formula="|a(s) − chord| ≤ ½(s−s1)(s2−s) Σ|h_j|θ_j²",
            hypotheses=("s1 ≤ s ≤ s2", "any frequencies"),
            relation="upper",
            evidence="proved",
            source="arXiv 2306.15595 v2, equations (11), (12); docs/theory.md, section 3",
        ),
        "chord_repaired": Statement(
            function=_chord.chord_repaired,
            formula="|a(s) − chord| ≤ ½(s−s1)(s2−s)·H·(d/(4 ln c) + ½ + (ln c)/(3d))",
            hypotheses=("s1 ≤ s ≤ s2", "θ_j = c^(−2j/d)", "|h_j| ≤ H"),
            relation="upper",
            evidence="proved",
            source="docs/theory.md, section 3; repairs arXiv 2306.15595 v2, Theorem 2.1",
        ),
        "chord_published": Statement(
            function=_chord.chord_published,
            formula="|a(s) − chord| ≤ d·H·(s−s1)(s2−s)/(8 ln c)",
            hypotheses=("s1 ≤ s ≤ s2", "θ_j = c^(−2j/d)", "|h_j| ≤ H"),
            relation="upper",
            evidence="refuted",
            source="arXiv 2306.15595 v2, Theorem 2.1, equations (5), (6)",
            witness=Witness("h_j = e^{−iθ_j/2} at s = ½ between 0 and 1, d = 128, c = 1e4", _chord_published_witness),
        ),
        "abel": Statement(
            function=_abel.abel,
            formula="|a(s)| ≤ max_j|h_{j+1} − h_j| · B(s), h_P = 0",
            hypotheses=("any s", "any frequencies"),
            relation="tight",
            evidence="proved",
            source="arXiv 2104.09864, equations (35) to (37); docs/theory.md, section 5",
            witness=Witness("h_j = Σ_{k>j} conj(S_k)/|S_k| at s = 137.25, d = 128, c = 1e4", _abel_witness),
        ),
        "abel_published": Statement(
            function=_abel.abel_published,
            formula="|a(s)| ≤ 2·H·B(s)",
            hypotheses=("any s", "any frequencies", "|h_j| ≤ H"),
            relation="upper",
            evidence="proved",
            source="arXiv 2306.15595 v2, equation (8); weaker than the triangle bound wherever B(s) > d/4",
        ),
        "sampling": Statement(
            function=_sampling.sampling,
            formula="sup_ℝ|a| ≤ max_{Δℤ}|a| / cos(Δ·θ_max/2)",
            hypotheses=("|a| bounded on all of Δℤ", "Δ·θ_max < π"),
            relation="upper",
            evidence="proved",
            source="Duffin and Schaeffer's comparison lemma; docs/theory.md, section 4",
        ),
        "attention_shift": Statement(
            function=_attention_shift.attention_shift,
            formula="TV(softmax(x), softmax(x + e)) ≤ tanh(δ/2)",
            hypotheses=("|e_i| ≤ δ for every logit of the row",),
            relation="tight",
            evidence="proved",
            source="docs/theory.md, section 3",
            witness=Witness("two logits whose log-odds go from −δ to δ, δ = 0.7", _attention_shift_witness),
        ),
    }
)
"""Name → Statement, in the order in which they are told."""
