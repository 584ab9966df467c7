"""The paper's claims, each recomputed: one function a claim, each returning what it found.

A function decides its verdict from the numbers it computes. ``claims.toml`` holds the recorded verdicts and the
claims in our own words; a run in which the two differ fails.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal, get_args

import joblib
import numpy as np
from numpy.typing import NDArray

from experiments import real_heads
from experiments.columns import one_of
from experiments.compared import Comparison, Difference, Tolerance, apart, facts
from experiments.extension import plan
from experiments.parts import ROOT, fingerprint
from experiments.settings import CONFIG, theta
from paper_repro import extended_windows, figure_2, figure_2_exact, published
from paper_repro.conditioning import condition_number
from rope_theory.bounds import (
    CATALOGUE,
    abel,
    abel_published,
    abel_sum,
    chord_curvature,
    chord_published,
    chord_sharp,
    triangle,
)
from rope_theory.bounds.catalogue import excess_over_chord
from rope_theory.certificates import refutation, worst_case
from rope_theory.coefficients import aligned, random_phase, score_coefficients
from rope_theory.config import RopeConfig
from rope_theory.regression import prediction_std, ridge_strength
from rope_theory.reports import Record, Table, json_ready
from rope_theory.scaling import PositionInterpolation, Unscaled
from rope_theory.scores import attention_score

Verdict = Literal[
    "holds", "holds on a stated range", "corrected", "refuted", "holds at this scale", "not seen at this scale"
]
VERDICTS: tuple[str, ...] = get_args(Verdict)

LEDGER = Path(__file__).with_name("claims.toml")
FAR = 2**20
"""Offsets below which B(s) is looked at, in tokens."""


AGREES = 1e-12
"""Largest difference, over Σ|h_j|, of two ways to the same number in float64."""


@dataclass(frozen=True)
class Number(Record):
    """One number of a claim.

    Attributes
    ----------
    computed : float, int or None
        What this run found; None where the run that measures it is not made.
    published : Printed or None
        The number the paper prints for it, with the printed precision.
    relative, absolute : float
        Tolerance: how far it may lie from the committed ledger's; the larger of the two counts.
    """

    computed: float | int | None
    published: published.Printed | None = None
    relative: float = 1e-6
    absolute: float = 0.0


@dataclass(frozen=True)
class Finding(Record):
    """What a recomputation found: a verdict, the numbers it rests on, and both in words.

    Attributes
    ----------
    verdict : str
        One of VERDICTS, decided from the numbers.
    numbers : mapping
        Name → Number.
    words : mapping
        Name → text that the sentences quote, such as the description of a witness.
    number, witness : str
        The sentences of claims.toml, with the numbers in them.
    """

    verdict: Verdict
    numbers: Mapping[str, Number]
    words: Mapping[str, str]
    number: str = ""
    witness: str = ""

    def worded(self, number: str, witness: str) -> Finding:
        """Return the finding with its sentences.

        A stretch ⟦so‖or so⟧ is "so", and "or so", or nothing, where one of its numbers is None.
        """
        values: dict[str, Any] = {**self.words, **{name: one.computed for name, one in self.numbers.items()}}
        values |= {f"{name}_published": one.published.value for name, one in self.numbers.items() if one.published}
        return replace(self, number=_filled(number, values), witness=_filled(witness, values))


def _filled(sentence: str, values: Mapping[str, Any]) -> str:
    def stretch(found: re.Match[str]) -> str:
        names = [name for _, name, _, _ in Formatter().parse(found[1]) if name]
        return found[2] or "" if any(values[name] is None for name in names) else found[1]

    return re.sub("⟦([^⟧‖]*)(?:‖([^⟧]*))?⟧", stretch, sentence).format(**values)


def measured(verdict: Verdict | bool | np.bool, **values: Any) -> Finding:
    """Return a finding of numbers, given as such or as ``Number`` where more is known of them, and of words.

    A claim that is true holds, and one that is false is refuted.
    """
    if not isinstance(verdict, str):
        verdict = "holds" if verdict else "refuted"
    words = {name: value for name, value in values.items() if isinstance(value, str)}
    numbers = {name: _number(value) for name, value in values.items() if name not in words}
    return Finding(verdict, numbers, words)


def _number(value: Any) -> Number:
    number = value if isinstance(value, Number) else Number(value)
    computed = number.computed
    return replace(number, computed=computed.item() if isinstance(computed, np.generic) else computed)


@dataclass(frozen=True)
class Claim(Record):
    """One row of the ledger.

    Attributes
    ----------
    id, place, claim : str
        Name, place in arXiv 2306.15595 v2, and the claim in our own words.
    recorded : str
        Verdict on record in claims.toml.
    reproducible : bool
        Whether the number is the same on every machine; where it is rounding of a solver it is not.
    instead : str
        What is true in place of a refuted or corrected claim; empty for others.
    finding : Finding
        What this run found.
    """

    id: str
    place: str
    claim: str
    recorded: str
    reproducible: bool
    instead: str
    finding: Finding


@dataclass(frozen=True)
class Ledger(Table):
    """All claims, recomputed."""

    rows: tuple[Claim, ...]

    @property
    def disagreements(self) -> tuple[str, ...]:
        """Names of claims whose verdict today is not the one on record."""
        return tuple(row.id for row in self.rows if row.finding.verdict != row.recorded)


def recorded() -> list[dict[str, Any]]:
    """Return the entries of claims.toml, checked."""
    entries: list[dict[str, Any]] = tomllib.loads(LEDGER.read_text())["claim"]
    names = [entry["id"] for entry in entries]
    if sorted(names) != sorted(RECOMPUTATIONS):
        raise ValueError(
            f"claims.toml and claims.py name different claims: {sorted(set(names) ^ set(RECOMPUTATIONS))}."
        )
    for entry in entries:
        if missing := {"place", "claim", "verdict", "number", "witness"} - set(entry):
            raise ValueError(f"Claim {entry['id']} of claims.toml lacks {', '.join(sorted(missing))}.")
        if entry["verdict"] not in VERDICTS:
            raise ValueError(f"Claim {entry['id']} has verdict {entry['verdict']!r}; use one of {VERDICTS}.")
        if (entry["verdict"] in ("refuted", "corrected")) != ("instead" in entry):
            raise ValueError(f"Claim {entry['id']}: what is refuted or corrected, and nothing else, has an `instead`.")
    return entries


def _finding(claim: str, recipe: str) -> Finding:
    """Return what the recomputation of a claim found; ``recipe`` is there to be remembered with it."""
    return RECOMPUTATIONS[claim]()


def recompute(entry: dict[str, Any], *, remembered: bool = False) -> Claim:
    """Return one claim with what today's run found, or one ``remembered`` of the same code, versions and data."""
    parts = (figure_2.PART, extended_windows.PART, real_heads.PART)  # whose data claims quote
    finding = joblib.Memory(ROOT / ".cache", verbose=0).cache(_finding) if remembered else _finding
    found: Finding = finding(entry["id"], " ".join(map(fingerprint, parts)))
    return Claim(
        **{name: entry[name] for name in ("id", "place", "claim")},
        recorded=entry["verdict"],
        reproducible=entry.get("reproducible", True),
        instead=entry.get("instead", ""),
        finding=found.worded(entry["number"], entry["witness"]),
    )


def compare(ledger: Ledger, committed: Path) -> Comparison:
    """Compare verdicts and numbers with those of the committed claims.json, each within its tolerance.

    Numbers of claims that are not reproducible are expected to differ; verdicts never.
    """
    try:
        rows = {row["id"]: row for row in json.loads(committed.read_bytes())["rows"]}
    except (OSError, ValueError, KeyError, TypeError):
        rows = {}
    largest, differences = 0.0, []
    for claim in ledger.rows:
        stored = rows.get(claim.id, {}).get("finding", {})
        for place, by, fits in _places(claim, stored):
            if fits:
                largest = max(largest, by)
            else:
                expected = not claim.reproducible and place != "verdict" and not place.endswith("published.value")
                differences.append(Difference(committed.name, f"{claim.id}, {place}", None, by, expected))
    return Comparison("figures/claims.json", not (largest or differences), largest, tuple(differences))


def _places(claim: Claim, stored: Mapping[str, Any]) -> Iterator[tuple[str, float, bool]]:
    """Yield every number and sentence of a claim with its difference from the stored one, and whether it is allowed."""
    today, numbers = json_ready(claim.finding), stored.get("numbers", {})
    same = today["verdict"] == stored.get("verdict")
    yield "verdict", 0.0 if same else math.inf, same
    if set(numbers) != set(today["numbers"]):
        yield "names of its numbers", math.inf, False
        return
    for name, number in claim.finding.numbers.items():
        allowed = Tolerance(relative=number.relative, absolute=number.absolute)
        for place, _, by, fits in facts(today["numbers"][name], numbers[name], allowed, name):
            yield place, by, fits
    for sentence in ("number", "witness"):
        yield sentence, *apart(today[sentence], stored[sentence])


# --- the score, and interpolation as a change of frequencies -------------------------------------------------


def _claim_score_is_a_function_of_distance() -> Finding:
    generator = np.random.default_rng(0)
    worst = 0.0
    angles = theta().theta
    for _ in range(200):
        q, k = generator.standard_normal((2, CONFIG.head_dim))
        m, n = generator.integers(0, CONFIG.context_length, 2)
        h = score_coefficients(q, k, pairing="interleaved")
        rotated = [_rotate(x, p * angles) for x, p in ((q, m), (k, n))]
        error = abs(rotated[0] @ rotated[1] - attention_score(h, angles, float(m - n)))
        worst = max(worst, float(error / triangle(h)))
    return measured(worst < AGREES, error=Number(worst, absolute=AGREES))


def _rotate(x: NDArray[np.float64], angles: NDArray[np.float64]) -> NDArray[np.float64]:
    z = (x[0::2] + 1j * x[1::2]) * np.exp(1j * angles)
    return np.stack([z.real, z.imag], axis=-1).reshape(-1)


def _claim_interpolation_divides_frequencies() -> Finding:
    h = random_phase(CONFIG.pairs, seed=0)
    s = np.arange(0.0, 4096.0)
    squeezed = attention_score(h, PositionInterpolation(2).frequencies(CONFIG), s)
    error = float(np.abs(squeezed - attention_score(h, theta(), s / 2)).max() / triangle(h))
    return measured(error < AGREES, error=Number(error, absolute=AGREES))


def _claim_interpolation_stays_in_window() -> Finding:
    window, factor = CONFIG.context_length, 2
    offsets = np.arange(factor * window) / factor
    inside, between = bool((offsets < window).all()), int((offsets > window - 1).sum())
    return measured(
        "refuted" if not inside else "holds on a stated range" if between else "holds",
        window=window, last=window - 1, between=between, count=len(offsets), largest=float(offsets.max()),
        factor=factor,
    )  # fmt: skip


def _claim_small_inside_huge_outside_exists() -> Finding:
    # the ridge kernel of one outside offset: of all curves of its in-window norm the one that is largest there
    window, target, alpha = CONFIG.context_length, 3072, 1e-6
    phi = _basis(np.arange(window))
    weights = np.linalg.solve(phi.T @ phi + alpha * np.eye(phi.shape[1]), _basis(np.array([target]))[0])
    h = weights[: CONFIG.pairs] - 1j * weights[CONFIG.pairs :]
    inside = np.abs(attention_score(h, theta(), np.arange(window))).max()
    outside = np.abs(attention_score(h, theta(), np.arange(window, 2 * window))).max()
    return measured(
        outside > 1000 * inside, ratio=outside / inside, target=target,
        largest=np.abs(h).max() / inside,
    )  # fmt: skip


def _basis(s: NDArray[Any]) -> NDArray[np.float64]:
    phases = np.outer(s, theta().theta)
    return np.concatenate([np.cos(phases), np.sin(phases)], axis=1)


# --- Theorem 2.1 and its proof ------------------------------------------------------------------------------


def _claim_theorem_2_1() -> Finding:
    witness = CATALOGUE["chord_published"].witness
    assert witness is not None  # tested: every refuted statement has one
    case = witness.evaluate()
    return measured(
        "refuted" if case.violates else "holds", reached=case.reached, allowed=case.allowed,
        ratio=case.reached / case.allowed, description=witness.description,
    )  # fmt: skip


def _claim_theorem_2_1_elsewhere() -> Finding:
    bases, widths = (100.0, 1e4, 5e5, 1e6), range(8, 514, 2)
    cases = [refutation(RopeConfig(width, base)) for base in bases for width in widths]
    count = sum(case.refuted for case in cases)
    least = min(cases, key=lambda case: case.reached.lower / case.allowed.upper)
    ratio = least.reached.lower / least.allowed.upper
    verdict: Verdict = "refuted" if count == len(cases) else "holds on a stated range" if count else "holds"
    return measured(
        verdict, count=count, cases=len(cases), width=least.config.width, base=least.config.base, ratio=ratio,
        **{f"end_{base:g}".replace("+", ""): _end_of_the_witness(base) for base in bases[:3]},
    )  # fmt: skip


def _end_of_the_witness(base: float) -> int:
    """Return the first width at which the middle of a unit cell certainly obeys the theorem; float64 goes ahead."""
    for width in range(8, 4096, 2):
        config = RopeConfig(width, base)
        seems = chord_sharp(Unscaled().frequencies(config), 0.5) <= chord_published(config, 0.5)
        if seems and refutation(config).holds_here:
            return width
    raise ValueError(f"No width below 4096 obeys Theorem 2.1 at base {base:g}; look further.")


def _claim_interpolated_scores_are_safe() -> Finding:
    window = CONFIG.context_length
    places = [0.5, window // 2 - 0.5, window - 0.5, window + 0.0, 1.5 * window]
    proved = {}
    for ratio in (1.0, 100.0):
        found = worst_case(theta(), places, np.arange(window), h_max=ratio)
        proved[ratio] = [certificate.verify() for certificate in found]
    inside = [enclosure for row in proved.values() for enclosure in row[:2]]
    last = [enclosure for row in proved.values() for enclosure in row[2:3]]
    beyond = {ratio: row[-1] for ratio, row in proved.items()}
    safe = max(enclosure.upper for enclosure in inside)
    wild = min(enclosure.lower for enclosure in beyond.values())
    return measured(
        "holds on a stated range" if safe < 1.2 < 10.0 < wild else "refuted", safe=safe,
        edge_low=min(e.lower for e in last), edge_high=max(e.upper for e in last), place=1.5 * window,
        last=window - 1, **{f"beyond_{ratio:g}": e.lower for ratio, e in beyond.items()},
    )  # fmt: skip


def _claim_proof_taylor() -> Finding:
    h, s, s1 = random_phase(CONFIG.pairs, seed=0), 100.1, 100.0
    value, end = attention_score(h, theta(), np.array([s, s1]))
    slope, limit = _derivative(h, s, 1), 0.5 * (s - s1) ** 2 * float(np.sum(np.abs(h) * theta().theta ** 2))
    as_printed = abs(end - (value + slope * (s - s1)))
    as_meant = abs(end - (value + slope * (s1 - s)))
    return measured(
        "corrected" if as_meant <= limit < as_printed else as_printed <= limit,
        printed=float(as_printed), meant=float(as_meant), limit=limit,
    )  # fmt: skip


def _derivative(h: Any, s: float, order: int) -> float:
    angles = theta().theta
    return float(np.sum(h * (1j * angles) ** order * np.exp(1j * s * angles)).real)


def _claim_proof_remainder() -> Finding:
    # (11) with the Taylor remainders R_i = ½a″(ξ_i)(s − s_i)² taken from the values themselves
    worst = 0.0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        h = random_phase(CONFIG.pairs, seed=seed)
        s1, s, s2 = np.sort(generator.uniform(0, 2048, 3))
        here, left, right = attention_score(h, theta(), np.array([s, s1, s2]))
        slope = _derivative(h, s, 1)
        curved = [2 * (end - here - slope * (at - s)) / (s - at) ** 2 for end, at in ((left, s1), (right, s2))]
        excess = excess_over_chord(h, theta(), s, s1, s2)
        formula = -(s - s1) * (s - s2) / (2 * (s1 - s2)) * (curved[0] * (s - s1) - curved[1] * (s - s2))
        worst = max(worst, float(abs(excess - formula) / triangle(h)))
    return measured(worst < 1e-9, error=Number(worst, absolute=1e-9))


def _claim_proof_curvature_sum() -> Finding:
    angles = theta().theta
    limit = float(np.sum(angles**2))
    h = aligned(theta())
    reached = abs(_derivative(h, 0.0, 2))
    largest = max(
        abs(_derivative(random_phase(CONFIG.pairs, seed=seed), s, 2)) for seed in range(50) for s in (0.0, 10.3, 999.5)
    )
    return measured(
        largest <= limit and math.isclose(reached, limit), limit=limit, reached=reached,
        largest=largest,
    )  # fmt: skip


def _claim_proof_geometric_sum() -> Finding:
    c, d = CONFIG.base, CONFIG.width
    finite, printed = float(np.sum(theta().theta ** 2)), 1 / (1 - c ** (-4 / d))
    return measured(
        "corrected" if finite < printed and not math.isclose(finite, printed, rel_tol=1e-12) else "holds",
        finite=finite, printed=printed, smaller_by=1 - finite / printed,
    )  # fmt: skip


def _claim_proof_exponential_inequality() -> Finding:
    c, x = CONFIG.base, -4 / CONFIG.width
    left, right = c**x, 1 + x * math.log(c)
    return measured("refuted" if left > right else "holds", left=left, right=right)


def _claim_proof_reciprocal() -> Finding:
    c, d = CONFIG.base, CONFIG.width
    left, right = 1 / (1 - c ** (-4 / d)), d / (4 * math.log(c))
    repaired = right + 0.5 + math.log(c) / (3 * d)
    return measured("refuted" if left > right else "holds", left=left, right=right, repaired=repaired)


def _claim_proof_constant() -> Finding:
    limit = CONFIG.width / (4 * math.log(CONFIG.base))
    reached = abs(_derivative(aligned(theta()), 0.0, 2))
    return measured("refuted" if reached > limit else "holds", reached=reached, limit=limit)


def _claim_proof_conclusion() -> Finding:
    # given a bound M on the second derivative that is true, the last two lines follow
    worst = 0.0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        h = random_phase(CONFIG.pairs, seed=seed)
        s1 = float(generator.uniform(0, 2000))
        s2 = s1 + float(generator.uniform(0.1, 8))
        s = float(generator.uniform(s1, s2))
        allowed = float(chord_curvature(theta(), s, s1, s2, h=h))
        worst = max(worst, abs(excess_over_chord(h, theta(), s, s1, s2)) / allowed)
    return measured(worst <= 1.0, ratio=worst)


def _claim_unit_cell_constant() -> Finding:
    printed, arithmetic = published.printed("unit_cell_divisor"), 32 * math.log(CONFIG.base)
    curvature = CONFIG.width / float(chord_curvature(theta(), 0.5))
    sharp = CONFIG.width / float(chord_sharp(theta(), 0.5))
    return measured(
        "corrected" if sharp < printed.value else "holds", curvature=curvature,
        sharp=Number(sharp, published=printed), arithmetic=arithmetic,
    )  # fmt: skip


# --- the bound on extrapolation -----------------------------------------------------------------------------


@cache
def _ratio() -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = abel_sum(theta(), np.arange(FAR)) / CONFIG.width
    return ratio


def _claim_abel_bound() -> Finding:
    s = np.arange(0, 4096, 7)
    worst = max(
        float(np.max(np.abs(attention_score(h, theta(), s)) / abel(h, theta(), s)))
        for h in (*random_phase(CONFIG.pairs, seed=0, count=20), aligned(theta()))
    )
    witness = CATALOGUE["abel"].witness
    assert witness is not None  # tested: every tight statement has one
    attained = witness.evaluate()
    constant = aligned(theta())  # h_j = 1: every difference but the last is zero
    without_last = float(np.abs(np.diff(constant)).max() * abel_sum(theta(), 0.0))
    reached = float(abs(attention_score(constant, theta(), 0.0)))
    return measured(
        max(worst, attained.reached / attained.allowed) <= 1.0 + AGREES,
        attained=attained.reached / attained.allowed, others=worst, reached=reached, without_last=without_last,
        description=witness.description,
    )  # fmt: skip


def _claim_abel_bound_relaxed() -> Finding:
    smallest, largest = float(_ratio().min()), float(_ratio().max())
    s = np.arange(0, 4096, 7)
    h = random_phase(CONFIG.pairs, seed=0, count=20)
    holds = bool((np.abs(attention_score(h, theta(), s)) <= abel_published(theta(), s)).all())
    return measured(holds, least=2 * smallest, weaker_low=4 * smallest, weaker_high=4 * largest)


def _claim_abel_sum_at_least_d() -> Finding:
    ratio, least = _ratio(), published.printed("abel_sum_over_d")
    stop = int(published.printed("figure_5_stop").value)
    below = np.flatnonzero(ratio < least.value)
    first = int(below[0]) if len(below) else None
    good: Verdict = "holds" if first is None else "holds on a stated range" if first >= stop else "refuted"
    return measured(
        good, first=first, there=None if first is None else ratio[first], stop=stop,
        smallest_printed=Number(ratio[:stop].min(), published=least), smallest=ratio.min(), at=int(ratio.argmin()),
    )  # fmt: skip


def _claim_six_hundred_times() -> Finding:
    divisor, least = published.printed("unit_cell_divisor").value, published.printed("bound_ratio")
    curvature, sharp = float(chord_curvature(theta(), 0.5)), float(chord_sharp(theta(), 0.5))
    trivial = CONFIG.width / 2
    mended = 2 * float(_ratio()[: int(published.printed("figure_5_stop").value)].min()) * CONFIG.width / curvature
    return measured(
        "holds" if mended >= least.value else "corrected", curvature=trivial / curvature, sharp=trivial / sharp,
        printed=trivial * divisor / CONFIG.width, mended=Number(mended, published=least),
    )  # fmt: skip


# --- the least-squares experiment ---------------------------------------------------------------------------


def _unregularised(solver: str, dtype: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    sweep = {name: np.asarray(values) for name, values in figure_2.PART.data().tables["sweep"].items()}
    chosen = (sweep["solver"] == solver) & (sweep["dtype"] == dtype) & (sweep["alpha"] == 0.0)
    return sweep["largest_inside"][chosen], sweep["largest_outside"][chosen]


def _claim_beyond_8000() -> Finding:
    routes: Any = figure_2.INPUTS["unregularised"]
    claimed = published.printed("largest_beyond")
    outside = {f"{solver} {dtype}": _unregularised(solver, dtype)[1] for solver, dtype in routes}
    papers = outside["normal float32"]
    beyond = [name for name, values in outside.items() if values.max() > claimed.value]
    verdict: Verdict = "holds" if papers.max() > claimed.value else "holds on a stated range" if beyond else "refuted"
    return measured(
        verdict, papers=Number(papers.max(), published=claimed), seeds=len(papers),
        condition=condition_number(CONFIG), routes=" and ".join(beyond) or "no route",
        **{f"median_{name.replace(' ', '_')}": np.median(values) for name, values in outside.items()},
    )  # fmt: skip


def _claim_figure_2_shows_the_fit() -> Finding:
    window = CONFIG.context_length
    beyond = np.arange(window, 2 * window)
    fit = figure_2_exact.exact_fit(0, 0.0)
    curve = fit.predict(beyond).middle
    inside = np.abs(fit.predict(np.arange(window)).middle)
    routes: Any = figure_2.INPUTS["unregularised"]
    ratios = [figure_2_exact.solver_curve(solver, dtype, 0)[window:] / curve for solver, dtype in routes]
    share = max(float(((ratio > 0.5) & (ratio < 2.0)).mean()) for ratio in ratios)
    return measured(
        share > 0.5, at_2049=curve[1], at_2100=curve[2100 - window], at_4095=curve[-1],
        largest_modulus=fit.largest_modulus.middle, bits=fit.bits, inside=inside.max(), routes=len(routes),
        share=Number(share, absolute=0.1), percent=10 * (math.floor(10 * share) + 1), window=window,
        end=2 * window - 1,
    )  # fmt: skip


def _claim_almost_every_curve() -> Finding:
    inside, outside = _unregularised("normal", "float32")
    count = int((outside > 10 * inside).sum())
    return measured(count >= 0.9 * len(inside), count=count, curves=len(inside))


def _claim_calm_between_integers() -> Finding:
    cells = figure_2.PART.data().tables["cells"]
    values, offsets = np.abs(np.asarray(cells["fit"], dtype=float)), np.asarray(cells["offset"])
    ratio = float(values.max() / values[np.mod(offsets, 1.0) == 0.0].max())
    return measured(ratio < 1.125, ratio=ratio)


def _claim_trained_heads_explode() -> Finding:
    facts = real_heads.PART.data().facts
    own = {row["region"]: row for row in facts["overview"]["rows"] if row["scaling"] == "Unscaled"}
    losses = facts["losses"]
    rise = losses["plain"]["beyond"] - losses["plain"]["inside"]
    back = {name: (losses["plain"]["beyond"] - loss["beyond"]) / rise for name, loss in losses.items()}
    explodes = own["beyond"]["mean"] > 2.0 or back["capped"] > 0.5
    beyond, plain = own["beyond"], losses["plain"]
    return measured(
        explodes, mean=beyond["mean"], highest_head=beyond["highest_head"],
        inside=plain["inside"], beyond=plain["beyond"], capped=back["capped"], near=back["near"],
        heads=facts["overview"]["heads"], window=facts["window"], largest=beyond["largest"], text=facts["text"],
    )  # fmt: skip


def _claim_theorem_2_1_in_trained_heads() -> Finding:
    facts = real_heads.PART.data().facts
    published_bound = next(row for row in facts["overview"]["bounds"] if row["bound"] == "chord_published")
    return measured(
        published_bound["violations"] == 0, exceeded=published_bound["violations"],
        evaluations=published_bound["evaluations"], factor=published_bound["tightest"], proved=facts["violations"],
        heads=facts["overview"]["heads"], pairs=real_heads.INPUTS["pairs"], text=facts["text"],
    )  # fmt: skip


def _claim_ridge_remark() -> Finding:
    window = CONFIG.context_length

    def ratio(alpha: float) -> float:
        spread = prediction_std(theta(), np.arange(window), np.arange(2 * window), alpha=alpha)
        return float(spread[window:].max() / spread[:window].max())

    def strength(tolerance: float) -> float | None:
        try:
            return ridge_strength(theta(), window=window, length=2 * window, tolerance=tolerance).alpha
        except ValueError:  # no ridge reaches it
            return None

    alphas = {tolerance: strength(tolerance) for tolerance in (2.0, 1.5, 1.0, 0.5)}
    return measured(
        alphas[2.0] is not None,
        **{f"ratio_{alpha}": ratio(float(alpha)) for alpha in (1, 10, 100)},
        **{f"alpha_{round(10 * tolerance):02}": alpha for tolerance, alpha in alphas.items()},
    )


def _claim_bounds_scale_with_coefficients() -> Finding:
    h = random_phase(CONFIG.pairs, seed=0)
    halves = [
        float(chord_sharp(theta(), 0.5, h=h / 2) / chord_sharp(theta(), 0.5, h=h)),
        float(abel(h / 2, theta(), 100.0) / abel(h, theta(), 100.0)),
    ]
    return measured(all(math.isclose(value, 0.5) for value in halves), chord=halves[0], abel=halves[1])


def _claim_up_to_32_times() -> Finding:
    longest, window = (published.printed(name).value for name in ("longest_window", "window"))
    ratio, claimed = longest / window, published.printed("extension")
    return measured(
        "holds" if ratio == claimed.value else "corrected", ratio=Number(ratio, published=claimed),
        longest=round(longest), window=round(window),
    )  # fmt: skip


# the empirical half, at the scale of the reference model ------------------------------------------------------------


def _measured(method: str, step: int) -> dict[str, Any] | None:
    """Return what the runs say of a method after some steps at four times the window, None where none is made."""
    found: dict[str, Any] | None = extended_windows.PART.data().facts["methods"][method].get(str(step))
    return found


def _extended(method: str, step: int) -> dict[str, Any]:
    """Return the same of runs that must be there."""
    found = _measured(method, step)
    assert found is not None
    return found


def _runs_at(step: int) -> dict[str, Any]:
    seeds = _extended("PI", step)["seeds"]
    return {"window": extended_windows.WINDOW, "steps": step, "seeds": seeds, "s": "s" * (seeds > 1)}


def _at_scale(seen: bool) -> Verdict:
    return "holds at this scale" if seen else "not seen at this scale"


def _claim_untouched_model_breaks() -> Finding:
    found = _extended("direct", 0)
    return measured(
        _at_scale(found["ratio"] > 2.0 and found["found"] < 0.2), ratio=found["ratio"], found=found["found"],
        window=extended_windows.WINDOW,
    )  # fmt: skip


def _claim_interpolation_adapts_fast() -> Finding:
    step = plan.STAGES[-1]
    before, after, direct = _extended("PI", 0), _extended("PI", step), _extended("direct", step)
    return measured(
        _at_scale(after["ratio"] <= 1.05), before=before["ratio"], after=after["ratio"], direct=direct["ratio"],
        yarn=_extended("YaRN", 0)["ratio"], **_runs_at(step),
    )  # fmt: skip


def _claim_direct_tuning_adapts_slowly() -> Finding:
    step = plan.STAGES[-1]
    interpolated, direct = _extended("PI", step), _extended("direct", step)
    length = 4 * extended_windows.WINDOW
    return measured(
        _at_scale(interpolated["k_max"] >= 0.95 * length and direct["k_max"] <= 1.25 * extended_windows.WINDOW),
        direct=direct["k_max"], interpolated=interpolated["k_max"], length=length, direct_found=direct["found"],
        interpolated_found=interpolated["found"], **_later_reach(), **_runs_at(step),
    )  # fmt: skip


def _later_reach() -> dict[str, float | None]:
    """Return between which k_max later measurements of a longer fine-tuning lie; None where one is not made."""
    steps = plan.LONGER[1:]
    later: dict[str, float | None] = {"later_first": steps[0], "later_last": steps[-1]}
    for method in plan.COMPARED:
        reached = [row["k_max"] for row in (_measured(method, step) for step in steps) if row is not None]
        whole = len(reached) == len(steps)
        later |= {f"{method}_low": min(reached) if whole else None, f"{method}_high": max(reached) if whole else None}
    return later


def _claim_quality_inside_is_kept() -> Finding:
    step = plan.STAGES[-1]
    change = {method: _extended(method, step)["inside"] - 1.0 for method in plan.COMPARED}
    facts = extended_windows.PART.data().facts
    lower, last = facts["lower_rate"], plan.LONGER[-1]

    def inside(row: Mapping[str, Any] | None) -> float | None:
        return None if row is None else row["inside"] - 1.0

    slower: dict[str, float | None] = {}
    for name, steps in (("slower", step), ("longer", last)):
        row, control = lower["methods"]["PI"].get(str(steps)), lower["control"].get(str(steps))
        slower |= {f"{name}_control": inside(control), name: inside(row), f"{name}_ratio": row and row["ratio"]}
    return measured(
        _at_scale(change["PI"] <= 0.02), untuned=_extended("YaRN", 0)["inside"] - 1.0, direct=change["direct"],
        interpolated=change["PI"], longest=inside(_measured("PI", last)), last=last,
        control=inside(facts["control"].get(str(step))), rate=lower["rate"], **slower, **_runs_at(step),
    )  # fmt: skip


def _claim_longer_windows_lower_perplexity() -> Finding:
    columns, step = extended_windows.PART.data().tables["numbers"], plan.STAGES[-1]
    values = []
    for times in (1, 2, 4):
        row = one_of(columns, model="reference", method="PI", factor=4.0, step=step, quantity="nll", corpus="code",
                     window=times * extended_windows.WINDOW)  # fmt: skip
        assert row is not None
        values.append(math.exp(row["mean"]))
    return measured(
        _at_scale(values[0] > values[1] > values[2]), at_1=values[0], at_2=values[1], at_4=values[2], **_runs_at(step)
    )


RECOMPUTATIONS: dict[str, Callable[[], Finding]] = {
    name.removeprefix("_claim_"): function for name, function in dict(globals()).items() if name.startswith("_claim_")
}
"""Claim → the function that recomputes it, which bears its name."""
