"""A check of a model's heads in a few rows, and as a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from rope_theory import plots
from rope_theory._core.checks import with_attributes
from rope_theory._core.records import Record, Table
from rope_theory.plots._attention_mass import QUANTITIES
from rope_theory.reports._blocks import Block, Heading, Paragraph, Picture, Points, grid, grid_of
from rope_theory.reports._report import Report
from rope_theory.reports._words import described, grouped
from rope_theory.scaling import Scaling

if TYPE_CHECKING:
    from rope_theory.models import Check


@dataclass(frozen=True)
class RegionRow(Record):
    """Scores of all heads in one region under one scaling, as ratios to A, between integers included.

    Attributes
    ----------
    scaling, region
        As in ``ScoreRow``.
    mean, highest_head : float
        Mean of the pairs' largest ratios: over all heads, and in the head where it is highest.
    largest : float
        Largest ratio of any pair.
    """

    scaling: Scaling
    region: str
    mean: float
    highest_head: float
    largest: float


@dataclass(frozen=True)
class BoundSummary(Record):
    """One bound on all heads.

    Attributes
    ----------
    bound, evidence : str
        As in ``BoundRow``.
    evaluations, violations : int
        Over all heads.
    tightest : float
        Largest value over bound.
    """

    bound: str
    evidence: str
    evaluations: int
    violations: int
    tightest: float


@dataclass(frozen=True)
class AttentionSummary(Record):
    """Attention of all heads in one region under one scaling: means over heads, and the largest logit.

    Attributes
    ----------
    scaling, region, entropy, first, last, far, largest_logit, moved
        As in ``AttentionRow``.
    """

    scaling: Scaling
    region: str
    entropy: float
    first: float
    last: float
    far: float
    largest_logit: float
    moved: float


@dataclass(frozen=True)
class CheckOverview(Table):
    """A check in a few rows.

    Attributes
    ----------
    rows : tuple of RegionRow
        By scaling and region.
    bounds, attention : tuple
        BoundSummary and AttentionSummary.
    losses : tuple of (str, float, float, int)
        By region: its name, mean loss in nats per token, standard error, tokens.
    heads : int
        Query heads of all layers.
    maximum_ratio, sum_ratio, largest_sum_ratio : float
        H/A and (Σ|h| + |C|)/A, means over heads; the largest of any pair.
    """

    rows: tuple[RegionRow, ...]
    bounds: tuple[BoundSummary, ...]
    attention: tuple[AttentionSummary, ...]
    losses: tuple[tuple[str, float, float, int], ...]
    heads: int
    maximum_ratio: float
    sum_ratio: float
    largest_sum_ratio: float


LEGEND = (
    "A: the largest |score| at trained distances, of a pair. C: its part that does not rotate. Scores are before "
    "1/√head_dim and times the attention factor squared. first, last 16: attention on the first token and on the last "
    "16; moved: total variation between a row's attention under the scaling and under the model's own table."
)
"""Explains the columns of a check."""


def check_overview(check: Check) -> CheckOverview:
    """Return a check in a few rows; a head counts as one, whatever its layer.

    Parameters
    ----------
    check : models.Check
        The result of ``models.check``.

    Returns
    -------
    CheckOverview

    Raises
    ------
    TypeError
        For something that is no check.
    """
    with_attributes(
        check, "check", ("rows", "heads", "bounds", "attention", "losses"), "Check", "rope_theory.models.check"
    )
    by_region = attrgetter("scaling", "region")
    return CheckOverview(
        rows=tuple(
            RegionRow(
                scaling, region, mean=_mean(rows, "between"), highest_head=max(row.between for row in rows),
                largest=max(row.largest_between for row in rows),
            )
            for (scaling, region), rows in grouped(check.rows, by_region).items()
        ),
        bounds=tuple(
            BoundSummary(
                name, rows[0].evidence, evaluations=sum(row.evaluations for row in rows),
                violations=sum(row.violations for row in rows), tightest=max(row.tightest for row in rows),
            )
            for name, rows in grouped(check.bounds.rows, attrgetter("bound")).items()
        ),
        attention=tuple(
            AttentionSummary(
                scaling, region, largest_logit=max(row.largest_logit for row in rows),
                **{name: _mean(rows, name) for name in ("entropy", "first", "last", "far", "moved")},
            )
            for (scaling, region), rows in grouped(check.attention.rows, by_region).items()
        ),
        losses=tuple(starmap(_loss, grouped(check.losses.rows, attrgetter("region")).items())),
        heads=len(check.heads.rows),
        maximum_ratio=_mean(check.heads.rows, "maximum_ratio"),
        sum_ratio=_mean(check.heads.rows, "sum_ratio"),
        largest_sum_ratio=max(head.largest_sum_ratio for head in check.heads.rows),
    )  # fmt: skip


def _mean(rows: Iterable[Any], name: str) -> float:
    values = [getattr(row, name) for row in rows]
    return float(sum(values) / len(values))


def _loss(region: str, rows: list[Any]) -> tuple[str, float, float, int]:
    """Return the mean over the parts of a region; their errors add up, since they are of the same stretches of text."""
    tokens = sum(row.tokens for row in rows)
    mean = sum(row.tokens * row.loss for row in rows) / tokens
    error = sum(row.tokens * row.loss_error for row in rows) / tokens
    return region, mean, error, tokens


def check_report(found: Check, *, source: str = "a model", text: str = "a text", page: bool = False) -> Report:
    """Return a check as a report; ``source`` and ``text`` say what was run on what."""
    return Report(f"Heads of {source}", tuple(_blocks(found, text, page)))


def _blocks(found: Check, text: str, page: bool) -> Iterator[Block]:
    seen = check_overview(found)
    stretches = "one stretch of" if found.stretches == 1 else f"{found.stretches} stretches of up to"
    yield _verdict(found, seen)
    yield Paragraph(
        f"{found.model}, {seen.heads} query heads; {described(found.config, found.rows[0].scaling)}. Text: {text}; "
        f"{stretches} {found.tokens} tokens, {found.rows[0].pairs} pairs per head, {found.dtype} on {found.device}, "
        f"seed {found.seed}. Offsets up to {found.length - 1}."
    )
    yield Points(found.notes)
    yield Heading("Scores over the trained maximum A")
    yield Paragraph(
        f"H/A is {seen.maximum_ratio:.3g} on average, (Σ|h| + |C|)/A {seen.sum_ratio:.3g}; no pair's can exceed "
        f"{seen.largest_sum_ratio:.3g} at any distance, under any table with attention factor 1."
    )
    region = {"scaling": "scaling.label", "region": "region"}
    yield grid_of(seen.rows, {**region, "mean": "mean", "highest head": "highest_head", "largest pair": "largest"})
    yield Heading("Bounds")
    counted = {"evaluations": "evaluations", "violations": "violations", "largest value / bound": "tightest"}
    yield grid_of(seen.bounds, {"bound": "bound", "evidence": "evidence", **counted})
    yield Heading("Attention")
    columns = {"entropy": "entropy", "first": "first", "last 16": "last", "distance ≥ L": "far"}
    yield grid_of(seen.attention, {**region, **columns, "largest logit": "largest_logit", "moved": "moved"})
    if seen.losses:
        yield Heading("Loss")
        rows = ((region, tokens, mean, error) for region, mean, error, tokens in seen.losses)
        yield grid(("region", "tokens", "nats per token", "standard error"), rows, "lr")
    yield Paragraph(LEGEND, "quiet")
    if page:
        yield Heading("Pictures")
        yield from _pictures(found)


def _verdict(found: Check, seen: CheckOverview) -> Paragraph:
    """Return the first sentence: whether a proved bound was exceeded, and how often the refuted one was."""
    said = "No proved bound was exceeded."
    if found.violations:
        said = f"Proved bounds were exceeded {found.violations} times."
    published = next((row for row in seen.bounds if row.bound == "chord_published"), None)
    if published is not None:
        said += (
            f" Theorem 2.1 as printed was exceeded {published.violations} times in {published.evaluations} "
            f"evaluations, by a factor of up to {published.tightest:.3g}."
        )
    return Paragraph(said, "error" if found.violations else "")


def _pictures(found: Check) -> Iterator[Picture]:
    if any(row.region == "beyond" for row in found.rows):
        yield Picture(partial(plots.head_ratios, found), "Largest and largest possible scores, head by head")
    yield Picture(partial(plots.pair_shares, found), "Pairs that carry the coefficients")
    if any(row.region == "beyond" for row in found.attention.rows):
        for quantity, name in QUANTITIES.items():
            caption = f"Attention, one mark a head: {name}"
            yield Picture(partial(plots.attention_mass, found, quantity), caption)
    if found.losses.rows:
        caption = "Loss by position; the dashed line ends the window"
        yield Picture(partial(plots.position_losses, found), caption)
